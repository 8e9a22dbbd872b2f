"""Where runs can be written for other programs: one file a format."""
