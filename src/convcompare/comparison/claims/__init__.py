"""The conclusions of reports held against runs, by verdicts on the figures that each is about."""
