"""Input and output size of a network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Input and output size: (n, in_channels, image_size, image_size) → (n, num_classes)."""

    in_channels: int
    image_size: int
    num_classes: int

    def size(self, images: int) -> tuple[int, int, int, int]:
        """Return the size of a batch: (images, in_channels, image_size, image_size)."""
        return images, self.in_channels, self.image_size, self.image_size

    def __str__(self) -> str:
        return f"{self.in_channels}×{self.image_size}×{self.image_size}"
