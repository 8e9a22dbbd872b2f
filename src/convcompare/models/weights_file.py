"""Files of initial weights: reading their tensors and loading them into a network.

Files are read as tensors only: no code in them is executed.
"""

from __future__ import annotations

import functools
import hashlib
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from convcompare.core.errors import ModelError, quote
from convcompare.core.failures import reason
from convcompare.core.fine_tuning import InitialWeights

Weights = dict[str, Tensor]
Filter = Callable[[Weights, nn.Module], Weights]
"""Converts the tensors of a file to the names and shapes of a network."""
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
_KEYS = ("state_dict", "model_state_dict", "model", "net", "weights")
"""Keys of the weights in checkpoints that contain other entries too."""
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.")
"""Prefixes that wrappers add to the names of parameters."""


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights for a network, its source, and how its library fits them.

    Attributes:
        source: repository of the hub with the name of the file, URL or path.
        path: the file on this machine.
        sha256: SHA-256 of the file in hex.
        renamed: converts names and shapes of its tensors; None if they are the network's.
        inputs: names of the weights of the convolutions on the images.
        adapt: converts these weights to a number of channels; without it they must fit.
    """

    source: str
    path: Path
    sha256: str
    renamed: Filter | None = None
    inputs: tuple[str, ...] = ()
    adapt: Callable[[int, Tensor], Tensor] | None = None

    def load(self, model: nn.Module, num_classes: int, in_channels: int) -> InitialWeights:
        """Load the weights into a network.

        A last layer for another number of classes is left out: the first dimension of its tensors
        is `num_classes` in the network and different in the file, or the file lacks them.

        Args:
            model: the network, which is changed.
            num_classes: outputs of the network.
            in_channels: channels of the images.

        Returns:
            The source, and the parameters that were left out, converted or not used.

        Raises:
            ModelError: if the weights do not fit the network.
        """
        given = _without_prefix(tensors_of(self.path), model)
        if self.renamed is not None:
            try:
                given = self.renamed(given, model)
            except Exception as error:
                raise self._misfit(f"its library cannot read them: {reason(error)}") from error
        own = model.state_dict()
        adapted = self._adapted(given, own, in_channels)
        left_out = []
        for name, tensor in own.items():
            if name not in given:
                if name.endswith("num_batches_tracked"):
                    continue
                if tensor.ndim == 0 or len(tensor) != num_classes:
                    raise self._misfit(f"they lack {quote(name)}", _example(given))
                left_out.append(name)
            elif given[name].shape != tensor.shape:
                theirs = given[name]
                if theirs.shape[1:] != tensor.shape[1:] or len(tensor) != num_classes:
                    raise self._misfit(
                        f"{quote(name)} is {_size(theirs)} in the file and {_size(tensor)} in the "
                        "network",
                        "`--channels 3` repeats grey images" if name in self.inputs else None,
                    )
                left_out.append(name)
                del given[name]
        if len(left_out) == len(own):
            raise self._misfit("no tensor fits")
        unused = tuple(name for name in given if name not in own)
        model.load_state_dict({n: t for n, t in given.items() if n in own}, strict=False)
        return InitialWeights(self.source, self.sha256, tuple(left_out), adapted, unused)

    def _adapted(self, given: Weights, own: Mapping[str, Tensor], channels: int) -> tuple[str, ...]:
        """Convert first-layer weights of another number of channels in `given`; return names."""
        found = [n for n in self.inputs if n in given and n in own]
        found = [n for n in found if given[n].shape != own[n].shape]
        if self.adapt is None:
            return ()
        for name in found:
            try:
                given[name] = self.adapt(channels, given[name])
            except Exception as error:
                raise self._misfit(f"{quote(name)}: {reason(error)}") from error
        return tuple(found)

    def _misfit(self, why: str, hint: str | None = None) -> ModelError:
        return ModelError(f"the weights of {quote(self.source)} do not fit: {why}", hint)


def local_file(text: str, **how: Any) -> WeightsFile:
    """Return the weights file at a path; raise ModelError if there is none."""
    path = Path(text)
    if not path.is_file():
        hint = f"a file that ends in {', '.join(SUFFIXES)}; the path starts in the current folder"
        raise ModelError(f"there are no weights {quote(text)}", hint)
    return WeightsFile(text, path, sha256_of(path), **how)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex, computed once per modification time and size."""
    found = path.stat()
    return _sha256(path.resolve(), found.st_mtime_ns, found.st_size)


@functools.cache
def _sha256(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tensors_of(path: Path) -> Weights:
    """Return the tensors of a file by name.

    Raises:
        ModelError: if the file cannot be read, contains other objects, or has no named tensors.
    """
    try:
        if path.suffix == ".safetensors":
            found: Any = safetensors.torch.load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{quote(path)} holds more than tensors, and nothing in it is executed",
            "`torch.save(model.state_dict(), FILE)` writes tensors alone",
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, safetensors.SafetensorError) as error:
        raise ModelError(f"{quote(path)} cannot be read as weights: {reason(error)}") from error
    tensors = _named_tensors(found)
    if not tensors:
        raise ModelError(
            f"{quote(path)} has no tensors by name",
            "`torch.save(model.state_dict(), FILE)` writes them",
        )
    return tensors


def _named_tensors(found: Any) -> Weights:
    """Return the named tensors of a checkpoint, without optimizer state and other entries."""
    for key in _KEYS:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            return _named_tensors(found[key])
    if not isinstance(found, Mapping):
        return {}
    return {str(name): value for name, value in found.items() if isinstance(value, Tensor)}


def _without_prefix(given: Weights, model: nn.Module) -> Weights:
    """Return the tensors without a wrapper's prefix before all of their names."""
    own = model.state_dict().keys()
    while not own & given.keys():
        prefix = next((p for p in _PREFIXES if all(n.startswith(p) for n in given)), None)
        if prefix is None:
            break
        given = {name.removeprefix(prefix): tensor for name, tensor in given.items()}
    return given


def _example(given: Weights) -> str:
    names = ", ".join(map(quote, [*given][:3]))
    return f"the file has {len(given)} tensors: {names}, …"


def _size(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a number"
