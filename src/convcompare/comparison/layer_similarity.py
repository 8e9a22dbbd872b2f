"""Similarity of representations: linear centred kernel alignment (CKA) of pairs of layers.

Kornblith et al. 2019, arXiv:1905.00414, equation 3, on Gram matrices of the same images.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Grams = npt.NDArray[np.float64]
"""Inner products of the activations of n images, by layer: (layers, n, n)."""
FEWEST = 4
"""Minimum number of images for the estimate."""


def cka(first: Grams, second: Grams) -> npt.NDArray[np.float64]:
    """Return the linear CKA of every layer of one network with every layer of another.

    It is 1 for representations that are equal up to rotation, reflection and scale, and 0 for
    unrelated ones. With fewer images than features, the estimator of the paper is too high: near 1
    even for unrelated features. This is the unbiased estimator of HSIC (Song et al. 2012, equation
    5), used by Nguyen et al. 2021 (arXiv:2010.15327), which can be slightly below 0.

    Args:
        first: (layers, n, n), symmetric.
        second: (other layers, n, n), of the same images.

    Returns:
        (layers, other layers); NaN for a layer that is constant over the images.

    Raises:
        ValueError: if the numbers of images differ or are below 4.
    """
    if first.shape[1:] != second.shape[1:] or first.shape[-1] < FEWEST:
        raise ValueError(f"Gram matrices of {FEWEST} images or more: {first.shape}, {second.shape}")
    a, b = (_u_centred(grams).reshape(len(grams), -1) for grams in (first, second))
    norms = np.sqrt((a**2).sum(1))[:, None] * np.sqrt((b**2).sum(1))[None]
    aligned = np.full(norms.shape, np.nan)
    np.divide(a @ b.T, norms, out=aligned, where=norms > 0)
    return aligned


def _u_centred(grams: Grams) -> Grams:
    """U-centre Gram matrices: without the diagonal, rows and columns have sum 0.

    Székely and Rizzo 2014, doi:10.1214/14-AOS1255. The inner product of two such matrices is
    n(n - 3) times the unbiased HSIC.
    """
    n = grams.shape[-1]
    off = grams * (1 - np.eye(n))
    rows = off.sum(2, keepdims=True) / (n - 2)
    total = off.sum((1, 2), keepdims=True) / ((n - 1) * (n - 2))
    return np.asarray((off - rows - rows.swapaxes(1, 2) + total) * (1 - np.eye(n)))
