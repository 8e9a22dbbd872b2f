"""Verdicts on any figure of the runs: which there are, how each is read, tested and worded."""
