"""Claims of published reports, compared with runs by verdicts on the figures of each claim."""
