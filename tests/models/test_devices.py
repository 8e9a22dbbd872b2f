"""Accelerators: only one module queries torch about them, and unknown kinds train too."""

from __future__ import annotations

import ast
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.device_steps import differences, far, plain, step
from benchmarks.structure import modules, tree
from convcompare.core.config import RECIPES
from convcompare.data.dataset import Dataset
from convcompare.models import devices

QUERIED = ("cuda", "mps", "xpu", "accelerator", "cpu", "get_device_module")
SCRIPT = Path(__file__).parents[1] / "support" / "fake_device.py"


def test_only_one_module_queries_torch_about_devices() -> None:
    found = {
        name
        for name, path in modules().items()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in QUERIED
        and ast.unparse(node.value) in ("torch", "torch.backends")
    }
    assert found == {"convcompare.models.devices"}


def test_unknown_accelerator_trains_like_the_cpu(tmp_path: Path) -> None:
    """A backend written in Python through torch's interface for such devices.

    ``--device auto`` selects it. Its tensors refuse float64 and operations across devices.
    """
    command = [sys.executable, str(SCRIPT), str(tmp_path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(output.splitlines()[-1])
    ((here,), (there,)) = found["runs"]["cpu"], found["runs"]["auto"]
    assert there["losses"] == pytest.approx(here["losses"], rel=1e-5)
    assert there["accuracies"] == pytest.approx(here["accuracies"], abs=0.002)
    assert (here["device"], there["device"]) == ("cpu", "Fake 1")
    assert here["memory"] > 0 and there["memory"] is None, "its allocator reports nothing"
    assert here["message"] == there["message"] == "", "nothing is missing in the record"
    expected = ["get_rng_state", "manual_seed_all", "set_rng_state", "synchronize"]
    assert found["calls"] == expected, "nothing of torch.cuda"


def test_unknown_kind_uses_no_optional_feature() -> None:
    unknown, mps = devices.traits(torch.device("hpu")), devices.traits(torch.device("mps"))
    for lacking in (unknown, mps):
        assert not (lacking.float64 or lacking.channels_last or lacking.graphs)
        assert not lacking.deterministic and lacking.compiling_seconds == math.inf
    assert mps.fused and not unknown.fused
    assert devices.compile_options(torch.device("mps")) == {}
    assert devices.compile_options(torch.device("cuda")) == {"triton.cudagraphs": True}


def test_float64_is_computed_on_devices_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.ones(2)
    assert devices.to_float64_device(x) is x
    on_meta = torch.ones(2, device="meta")
    monkeypatch.setitem(devices.TRAITS, "meta", devices.TRAITS["cuda"])
    assert devices.to_float64_device(on_meta) is on_meta


def test_fast_bf16_agrees_with_both_queries_of_torch() -> None:
    fast, why = devices.fast_bf16(devices.CPU)
    units = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    assert fast == units
    assert (why == "no fast bf16 on this processor") == (not fast)


def test_random_state_is_restored() -> None:
    before = torch.get_rng_state()
    with devices.forked_random(devices.CPU):
        devices.seed_torch(7)
        inside = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(inside, torch.rand(3, generator=torch.Generator().manual_seed(7)))


def test_device_check_distinguishes_different_steps(tiny: Dataset) -> None:
    """The same step is equal, one from moved weights is not, and NaN is never close."""
    config = RECIPES["report"].replace({"batch_size": "8", "precision": "fp32"})
    with plain():
        here = step("fcn:hidden=8,dropout=0.5", config, tiny, devices.CPU)
    again, moved = (
        step("fcn:hidden=8,dropout=0.5", config, tiny, devices.CPU, by) for by in (0.0, 0.1)
    )
    assert differences(here, again)["gradient"] < 1e-5 and differences(here, again)["loss"] < 1e-6
    assert differences(here, moved)["gradient"] > 1e-2
    assert far(here["gradient"], here["gradient"] * 1.01) == pytest.approx(0.01, rel=1e-3)
    assert far(here["gradient"], here["gradient"] * math.nan) == math.inf
    assert devices.TRAITS["cpu"].fused, "restored"
