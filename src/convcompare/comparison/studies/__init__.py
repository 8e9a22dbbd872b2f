"""The studies of the reports: one file each."""
