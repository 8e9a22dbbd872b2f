"""Findings about a user's network before training that readers of its figures must know.

Run records contain their names; texts and hints are looked up here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        text: a predicate that follows the name of the network.
        hint: how to correct it.
        marks: whether it makes the figures of a run misleading, so that they are marked.
    """

    text: str
    hint: str
    marks: bool = True


PRETRAINED = "pretrained weights"
"""Name of the finding that a network is pretrained, which makes a comparison unequal."""
_GLOBAL_GENERATORS = "draw from torch's, numpy's or Python's global generator"
KINDS: Mapping[str, Kind] = {
    "same weights": Kind(
        "has the same initial weights under every seed, so its seeds are not repetitions",
        "leave the seeding to the tool: no `torch.manual_seed` in the network",
    ),
    "varying layers": Kind(
        "has other layers under another seed or in another build: its counts are those of one",
        "draw no sizes at random, and change no default argument",
    ),
    "varying cost": Kind(
        "computes more for some images or weights than for others: its MACs are those of one image "
        "before training",
        "compare by time (`--match time`, `--columns inference`), not by MACs",
    ),
    PRETRAINED: Kind(
        "begins with weights that no seed changes, probably pretrained ones",
        "pretraining is training too: compare networks with the same kind of initial weights",
        marks=False,
    ),
    "unseeded weights": Kind(
        "has initial weights that no seed controls, so its runs cannot be repeated",
        _GLOBAL_GENERATORS,
    ),
    "rounded weights": Kind(
        "has initial weights that differ by rounding from build to build: its runs are not "
        "repeated to the bit",
        "compute them without a solver, such as `torch.linalg.lstsq`",
        marks=False,
    ),
    "probabilities": Kind(
        "returns probabilities, but cross-entropy expects logits",
        "leave the softmax or sigmoid out; log-softmax is fine",
    ),
    "own precision": Kind(
        "computes in its own precision, not in that of `--precision`",
        "leave out `.half()`, `.double()` and `torch.autocast`; `--precision` sets it for all",
    ),
    "own mode": Kind(
        "leaves training mode in its forward pass: from then on its dropout is off, and its "
        "BatchNorm layers use running statistics",
        "no `self.eval()` in `forward`; `train` is the method to override for frozen parts",
    ),
    "own seed": Kind(
        "sets a random seed in its forward pass: its dropout masks and other random numbers are "
        "the same in every step",
        "leave the seeding to the tool: no `torch.manual_seed` in `forward`",
    ),
    "bounded": Kind(
        "returns numbers between -1 and 1 alone, but cross-entropy expects logits of any size",
        "leave the tanh out, or multiply its output by a scale",
    ),
    "constant": Kind(
        "returns the same output for every image",
        "its output must depend on its input: look for what leaves the images out or makes them "
        "vanish, as `exp` of large negative numbers does",
    ),
    "faint": Kind(
        "returns nearly the same output for every image before its training",
        "images are normalised already: leave a division by 255 out; sigmoids in a row or very "
        "small weights do it too",
        marks=False,
    ),
    "batch": Kind(
        "in evaluation mode returns outputs that depend on other images of the batch or before it",
        "`batch_first=True` in recurrent layers; running statistics in norms; no mean or "
        "softmax over the batch; no state that is kept from pass to pass",
    ),
    "random evaluation": Kind(
        "draws random numbers in evaluation mode",
        "`F.dropout(x, training=self.training)`, or `nn.Dropout`; make layers in `__init__` alone",
    ),
    "not finite": Kind(
        "returns NaN or infinite values before any training",
        "look at its first forward pass",
    ),
    "hidden state": Kind(
        "has state outside its `state_dict`: an interrupted run starts again",
        "register it as a buffer, without `persistent=False`",
        marks=False,
    ),
    "shared state": Kind(
        "keeps state in its class or its file, which carries over to the next run: its runs cannot "
        "be repeated",
        "keep it in the network: a buffer or a module that `__init__` makes",
    ),
    "unregistered weights": Kind(
        "computes with weights that are not its parameters: they are not trained, counted or saved",
        "`nn.ModuleList` in place of a list of layers, `nn.Parameter` in place of a tensor",
    ),
    "untrained weights": Kind(
        "has parameters that no gradient reaches: they are counted and not trained",
        "remove them if nothing uses them; otherwise look for `detach`, `.data`, numpy or "
        "`torch.no_grad` in the forward pass",
    ),
    "inexact gradients": Kind(
        "has gradients that are not the derivatives of its outputs",
        "look at what these weights go through for a wrong `backward`, a `detach` or a hook; it is "
        "no fault if it is meant",
    ),
    "surrogate gradients": Kind(
        "has gradients that are not the derivatives of its outputs, as straight-through estimators "
        "have",
        "no fault if it is meant: `sign`, `round` and comparisons have no gradient of their own",
        marks=False,
    ),
    "zero gradients": Kind(
        "has weights whose gradient is 0 for every image and value: they are counted and not "
        "trained",
        "`sign`, `round`, `argmax` and comparisons have no gradient; so may a `backward` of its "
        "own, attention over a single token, or a layer whose output nothing reads",
    ),
    "frozen weights": Kind(
        "has frozen weights: they are not counted as parameters",
        "leave `requires_grad` as it is to train them",
        marks=False,
    ),
    "unseeded draws": Kind(
        "draws random numbers that no seed controls, so its runs cannot be repeated",
        _GLOBAL_GENERATORS,
    ),
    "compiled": Kind(
        "is compiled by its own code, which is left out",
        "`--compile on` compiles the steps of a training",
        marks=False,
    ),
    "not examined": Kind(
        "could not be examined before its training",
        "faults for which other networks are marked may be in it",
        marks=False,
    ),
    "contiguous": Kind(
        "is trained in contiguous layout: a `view` or `as_strided` in it does not support "
        "channels-last",
        "`.flatten(1)` or `.reshape` in place of `.view`, and `.contiguous()` in front of "
        "`as_strided`, allow the faster layout",
        marks=False,
    ),
}
"""Kinds of findings by their names in run records."""


@dataclass(frozen=True)
class Found:
    """A finding about one network; `detail` is its place or size in a few words, or empty."""

    name: str
    detail: str = ""

    @property
    def text(self) -> str:
        """The predicate that follows the name of the network, with the detail."""
        predicate, colon, rest = KINDS[self.name].text.partition(":")
        return predicate + (f" ({self.detail})" if self.detail else "") + colon + rest

    @property
    def hint(self) -> str:
        """How to correct it."""
        return KINDS[self.name].hint
