"""Compare convolutional networks fairly: each number from a run record, costs measured alike."""

__version__ = "0.1.0"
