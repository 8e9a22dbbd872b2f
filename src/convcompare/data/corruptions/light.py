"""Images with less contrast or more brightness."""

from __future__ import annotations

from convcompare.core.registry import register

from ..dataset import Images
from ..pixels import to_uint8

CONTRASTS = (0.75, 0.5, 0.35, 0.25, 0.15)
BRIGHTER = (0.1, 0.2, 0.3, 0.4, 0.5)


@register.corruption("contrast", levels=CONTRASTS, unit="share of the contrast")
def contrast(images: Images, severity: int, seed: int) -> Images:
    """75 to 15 % of the contrast: what a pixel differs by from its channel's mean."""
    mean = images.mean((2, 3), keepdims=True)
    return to_uint8(mean + CONTRASTS[severity - 1] * (images - mean))


@register.corruption("brightness", levels=BRIGHTER, unit="share of the range")
def brightness(images: Images, severity: int, seed: int) -> Images:
    """Brighter by 10 to 50 % of the range, up to white."""
    return to_uint8(images + 255 * BRIGHTER[severity - 1])
