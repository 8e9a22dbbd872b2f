"""Networks given as objects: what identifies them, and that they train like those of files."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import convcompare
from convcompare.core.errors import ConvcompareError
from convcompare.models.given_network import fingerprint

SCALE = 1.0


def network(width: int = 4, bias: bool = True, extra: Any = None) -> type[nn.Module]:
    """Return a new class, like each execution of a notebook cell."""

    class Net(nn.Module):
        def __init__(self, in_channels: int, image_size: int, num_classes: int) -> None:
            super().__init__()
            self.a = nn.Linear(in_channels * image_size**2, width, bias=bias)
            self.b = nn.Linear(width, num_classes)

        def forward(self, x: Tensor) -> Tensor:
            return SCALE * self.b(self.a(x.flatten(1)).relu()) if extra is None else x

    return Net


def factory(width: int) -> Callable[..., nn.Module]:
    return lambda in_channels, image_size, num_classes: network(width)(
        in_channels, image_size, num_classes
    )


def test_fingerprint_depends_on_code_and_captured_values(monkeypatch: pytest.MonkeyPatch) -> None:
    code = fingerprint(network())
    assert code == fingerprint(network())
    others = [
        network(8),
        network(bias=False),
        network(extra=torch.ones(2)),
        network(extra=torch.zeros(2)),
        network(extra={"a": [1]}),
        network(extra={"a": [2]}),
        functools.partial(network(), width=2),
        factory(4),
        factory(8),
        nn.Linear,
    ]
    codes = [fingerprint(other) for other in others]
    assert len({code, *codes}) == 1 + len(others)
    assert codes == [fingerprint(other) for other in others]
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    assert fingerprint(network()) != code, "a global that it reads"


def test_objects_are_compared_with_named_networks(tmp_path: Path) -> None:
    """The default dtype of the program changes no figure and is restored."""
    torch.set_default_dtype(torch.float64)
    try:
        given = {
            "dataset": "mnist-mini", "epochs": 1, "threads": 1, "precision": "fp32",
            "store": tmp_path,
        }  # fmt: skip
        models = ["fcn:hidden=8", network(8), factory(8)]
        found = convcompare.compare(models, **given).to_dataframe()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert list(found["model"]) == ["fcn:hidden=8", "Net", "lambda"]
    assert set(found["test_accuracy"]) == {0.7665}
    assert len([*tmp_path.glob("*/run.json")]) == 3
    ended = [path.stat().st_mtime_ns for path in tmp_path.glob("*/run.json")]
    convcompare.compare(["fcn:hidden=8", network(8)], **given)
    assert ended == [path.stat().st_mtime_ns for path in tmp_path.glob("*/run.json")]


@pytest.mark.parametrize(
    ("model", "more", "expected"),
    [
        (network()(1, 28, 10), {}, "`Net` is a network that is already built"),
        (3, {}, "a network is named by a text or given by what builds it, not by `int`"),
        (network(extra=threading.Lock()), {}, "cannot be sent to its own process: TypeError"),
        (network(), {"executor": "ray"}, "cannot be sent to a cluster"),
        (network(), {"devices": 2}, "cannot be sent to a cluster or to several devices"),
    ],
)
def test_unusable_object_is_refused(
    model: Any, more: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    with pytest.raises(ConvcompareError) as caught:
        convcompare.compare([model], dataset="mnist-mini", store=tmp_path, **more)
    assert expected in caught.value.message
