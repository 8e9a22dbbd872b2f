"""Accelerators: one module asks torch about them, and an unknown kind trains too."""

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

ASKED = ("cuda", "mps", "xpu", "accelerator", "cpu", "get_device_module")
SCRIPT = Path(__file__).parents[1] / "support" / "fake_device.py"


def test_one_module_asks_torch_about_devices() -> None:
    found = {
        name
        for name, path in modules().items()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in ASKED
        and ast.unparse(node.value) in ("torch", "torch.backends")
    }
    assert found == {"convcompare.models.devices"}


def test_an_unknown_accelerator_trains_as_the_cpu_does(tmp_path: Path) -> None:
    """torch's own interface for backends in Python gives a device that is no CUDA device.

    ``--device auto`` takes it; its tensors refuse float64, and those of two devices together.
    """
    command = [sys.executable, str(SCRIPT), str(tmp_path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(said.splitlines()[-1])
    ((here,), (there,)) = found["runs"]["cpu"], found["runs"]["auto"]
    assert there["losses"] == pytest.approx(here["losses"], rel=1e-5)
    assert there["accuracies"] == pytest.approx(here["accuracies"], abs=0.002)
    assert (here["device"], there["device"]) == ("cpu", "Fake 1")
    assert here["memory"] > 0 and there["memory"] is None, "it does not say what it gives out"
    assert here["message"] == there["message"] == "", "all that is recorded of a run is"
    asked = ["get_rng_state", "manual_seed_all", "set_rng_state", "synchronize"]
    assert found["calls"] == asked, "nothing of torch.cuda"


def test_what_is_not_known_of_a_kind_is_not_used() -> None:
    unknown, mps = devices.traits(torch.device("hpu")), devices.traits(torch.device("mps"))
    for lacking in (unknown, mps):
        assert not (lacking.float64 or lacking.channels_last or lacking.graphs)
        assert not lacking.deterministic and lacking.compiling_seconds == math.inf
    assert mps.fused and not unknown.fused
    assert devices.compile_options(torch.device("mps")) == {}
    assert devices.compile_options(torch.device("cuda")) == {"triton.cudagraphs": True}


def test_float64_is_computed_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.ones(2)
    assert devices.to_float64_device(x) is x
    on_meta = torch.ones(2, device="meta")
    monkeypatch.setitem(devices.TRAITS, "meta", devices.TRAITS["cuda"])
    assert devices.to_float64_device(on_meta) is on_meta


def test_the_units_of_the_processor_by_both_of_torchs_answers() -> None:
    fast, why = devices.fast_bf16(devices.CPU)
    units = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    assert fast == units
    assert (why == "no fast bf16 on this processor") == (not fast)


def test_random_numbers_are_put_back() -> None:
    before = torch.get_rng_state()
    with devices.forked_random(devices.CPU):
        devices.seed_torch(7)
        inside = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(inside, torch.rand(3, generator=torch.Generator().manual_seed(7)))


def test_the_check_of_a_device_tells_a_step_from_another(tiny: Dataset) -> None:
    """The same step is the same, one from moved weights is not, and NaN is never near."""
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
    assert devices.TRAITS["cpu"].fused, "put back"
