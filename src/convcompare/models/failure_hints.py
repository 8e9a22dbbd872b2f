"""Hints for errors of a user's network, derived from the error without running the network."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import fields
from itertools import pairwise
from typing import Any
from urllib.error import URLError

from .name_hints import hint_of_name
from .shape import Shape
from .source_files import is_local

_OWN_MODE = (
    "`train(mode)` and `eval()` set the mode of a network: give a method that does something else "
    "another name"
)
_DIFFERENTIATES = (
    "evaluation records no gradients: `with torch.enable_grad():` around what `forward` "
    "differentiates"
)
_KNOWN: Mapping[str, str] = {
    r"(?i)\bcuda\b|nvidia|\bmps\b|\bxpu\b|tensors to be on the same device": (
        "take `.cuda()` and `device=` out of it: `--device` moves the network and its images, and "
        "`x.device` says where they are"
    ),
    r"the same dtype|expected scalar type|type .* should be the same": (
        "images are float32: leave `.double()` and `.half()` out, or convert `x` in `forward`"
    ),
    r"Calling (?:train|eval)\(\) is not supported": (
        "give the network itself, not what `torch.export` makes of it"
    ),
    r"\b(?:train|eval)\(\) (?:missing|takes|got)": _OWN_MODE,
    'missing the required "forward" function': (
        "define `forward(self, x)`, which returns a row of logits per image"
    ),
    "hook on a tensor that doesn't require gradient": (
        "evaluation records no gradients: register the hook under `if x.requires_grad`"
    ),
    "does not require grad and does not have a grad_fn": (
        "its output depends on no parameter that trains: look for `detach`, `.data`, numpy, "
        "`argmax` or `torch.no_grad` in the forward pass"
    ),
    "modified by an inplace operation": (
        "write `x = x + y` in place of `x += y`, and leave `inplace=True` out"
    ),
    "backward through the graph a second time": (
        "it keeps activations from pass to pass: clear them in each `forward`, or keep `x.detach()`"
    ),
    "autograd functions? (?:with non-static|are all static)": (
        "make `forward` and `backward` of that function static methods whose first argument is "
        "`ctx`, and call it by `.apply(x)`"
    ),
    r"normalized_shape=\[(\d+)\].* size ?\[\d+, \1, \d+, \d+\]": (
        "`nn.LayerNorm` takes the channels last: `x.permute(0, 2, 3, 1)` in front of it, or "
        "`nn.GroupNorm(1, channels)`"
    ),
    r"tuple of ints, ?(?:not|but .*) float|'float' object cannot be interpreted": (
        "sizes are whole numbers: `//` in place of `/`"
    ),
    r"before Module\.__init__\(\) call": "call `super().__init__()` first in its `__init__`",
    "unhashable type: '[A-Z]": (
        "modules need a hash: `@dataclass(eq=False)`, and no `__eq__` of their own"
    ),
}
"""Hints by regular expressions for messages of errors; the first match applies."""
_ARGUMENTS = re.compile(
    r"([\w.<>]+)\(\) missing \d+ required (?:positional|keyword-only) arguments?: (.*)"
)
_FILLED_IN = {
    "num_classes": re.compile("class|label|categ|^n?_?out"),
    "in_channels": re.compile("chan|^in_|input"),
    "image_size": re.compile("size|resolution|pixels"),
}
"""Patterns of parameter names that probably mean a parameter that is filled in, by its name."""
_NUMBER = re.compile(r"\d+")
USUAL_BATCHES = (64, 32, 128, 100)
"""Batch sizes that networks are often written for."""
MOST_IMAGES = 512
"""Largest number in an error that may be a batch size."""


def hint_of(error: Exception) -> str | None:
    """Return a hint for an error of a network; None if the error is not known."""
    text = str(error)
    frames = traceback.extract_tb(error.__traceback__)
    if "does not require grad" in text and any(is_local(frame.filename) for frame in frames):
        return _DIFFERENTIATES
    known = next((hint for pattern, hint in _KNOWN.items() if re.search(pattern, text)), None)
    if known is None and _in_own_mode(error):
        return _OWN_MODE
    return known or _of_arguments(text) or hint_of_name(error)


def _of_arguments(text: str) -> str | None:
    """Return a hint for missing arguments of `forward` or of a constructor."""
    missing = _ARGUMENTS.search(text)
    if missing is None:
        return None
    if missing[1].endswith("forward"):
        return "it is called with the images alone: give what else `forward` takes a default"
    names = re.findall(r"'(\w+)'", missing[2]) or ["name"]
    first = names[0]
    meant = next((name for name, words in _FILLED_IN.items() if words.search(first)), None)
    if meant is not None and len(names) == 1:
        return f"`{meant}` in place of `{first}` is filled in; or `:{first}=VALUE` after its name"
    values = ",".join(f"{name}=VALUE" for name in names)
    return f"`:{values}` after its name, or a function without required parameters that builds it"


def hint_of_building(error: Exception, function: Callable[..., Any]) -> str | None:
    """Return a hint for an error of the constructor `function`, also about its arguments."""
    missing = _ARGUMENTS.search(str(error))
    called = getattr(function, "__init__", None) if isinstance(function, type) else function
    if missing is not None and missing[1] != getattr(called, "__qualname__", missing[1]):
        return f"`{missing[1]}()` is called without {missing[2]}: hand a value on to it"
    if isinstance(error, URLError):
        return (
            "what it downloads, probably weights, is not available: `:pretrained=no` after its "
            "name, or what else its constructor has for that"
        )
    hint = hint_of(error)
    if hint is not None or not isinstance(error, TypeError | LookupError | AttributeError):
        return hint
    filled_in = {one.name for one in fields(Shape)}
    if inspect.signature(function).parameters.keys() <= filled_in:
        return None
    return (
        "parameters named in_channels, image_size and num_classes are filled in, others need a "
        "default or `:NAME=VALUE`; or name a function that builds it"
    )


def _in_own_mode(error: Exception) -> bool:
    """Return whether it was raised in a `train` or `eval` of the user that other code calls."""
    frames = traceback.extract_tb(error.__traceback__)
    return any(
        called.name in ("train", "eval") and is_local(called.filename) > is_local(caller.filename)
        for caller, called in pairwise(frames)
    )


def batches_named(error: Exception) -> tuple[int, ...]:
    """Return the numbers in an error that may be the batch size a network was written for."""
    numbers = [int(number) for number in _NUMBER.findall(str(error)) if len(number) < 4]
    return tuple(number for number in dict.fromkeys(numbers) if 2 < number <= MOST_IMAGES)
