"""Ways in which images are damaged: each a function of (images, severity, seed). numpy only."""
