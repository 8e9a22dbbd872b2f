"""Verdicts on any figure of the runs: the catalogue, readers, tests and text of figures."""
