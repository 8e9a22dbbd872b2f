"""Exports of runs to other programs: one file per format."""
