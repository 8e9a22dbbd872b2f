"""Figures, one file per kind, drawn from the records of a comparison's runs."""
