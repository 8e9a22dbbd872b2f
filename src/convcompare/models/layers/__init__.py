"""Layers with their own arithmetic: usable in any network, each in one file."""
