"""What helps where somebody's network fails for a reason that its error names: no try is made."""

from __future__ import annotations

import re

_DEVICE = re.compile(r"\bcuda\b|nvidia|\bmps\b|\bxpu\b|tensors to be on the same device", re.I)
_TYPES = re.compile(r"the same dtype|expected scalar type|type .* should be the same")
_ARGUMENTS = re.compile(
    r"(\w+)\(\) missing \d+ required (?:positional|keyword-only) arguments?: (.*)"
)
_NUMBER = re.compile(r"\d+")
USUAL_BATCHES = (64, 32, 128, 100)
MOST_IMAGES = 512


def hint_of(error: Exception) -> str | None:
    """What the message of an error of a network suggests; None where it is not a known one."""
    text = str(error)
    if _DEVICE.search(text):
        return (
            "take `.cuda()` and `device=` out of it: `--device` moves the network and its images, "
            "and `x.device` says where they are"
        )
    if _TYPES.search(text):
        return (
            "images are float32: leave `.double()` and `.half()` out, or convert `x` in `forward`"
        )
    missing = _ARGUMENTS.search(text)
    if missing is None:
        return None
    if missing[1] == "forward":
        return "it is called with the images alone: give what else `forward` takes a default"
    first = re.search(r"\w+", missing[2])
    return (
        f"`:{first[0] if first else 'name'}=VALUE` behind its name, or a function without required "
        "parameters that builds it"
    )


def batches_named(error: Exception) -> tuple[int, ...]:
    """Numbers of images that a network may have been written for: those in an error first."""
    named = [int(number) for number in _NUMBER.findall(str(error)) if len(number) < 4]
    numbers = dict.fromkeys([*named, *USUAL_BATCHES])
    return tuple(number for number in numbers if 2 < number <= MOST_IMAGES)
