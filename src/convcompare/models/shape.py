"""The images that a network takes and the classes that it tells apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """What a network must fit: (n, in_channels, image_size, image_size) → (n, num_classes)."""

    in_channels: int
    image_size: int
    num_classes: int

    def size(self, images: int) -> tuple[int, int, int, int]:
        """The size of so many images: (n, in_channels, image_size, image_size)."""
        return images, self.in_channels, self.image_size, self.image_size

    def __str__(self) -> str:
        return f"{self.in_channels}×{self.image_size}×{self.image_size}"
