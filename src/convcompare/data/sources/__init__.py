"""Sources of data sets (mirrors, npm, files on disk) and safe readers of their formats."""
