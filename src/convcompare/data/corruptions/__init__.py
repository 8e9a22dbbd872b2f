"""Kinds of damage to images: each a function of (images, severity, seed). numpy only."""
