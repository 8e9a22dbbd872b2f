"""Figures, one file a kind: each from what the runs of a comparison recorded."""
