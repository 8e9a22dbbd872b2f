"""Where data sets come from: mirrors, npm, files on disk; and the safe readers of their formats."""
