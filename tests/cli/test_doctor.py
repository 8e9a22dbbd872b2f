"""What doctor reports on accelerators and extras."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from convcompare.cli import installed
from convcompare.cli.installed import EXTRAS, unused

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
CUDA, ROCM, METAL = {"cuda": "CUDA 13.0"}, {"cuda": "ROCm 7.0"}, {"mps": "Metal (MPS)"}
REINSTALL = "pip install --force-reinstall torch torchvision"


@pytest.mark.parametrize(
    ("built", "found", "state", "text", "hint"),
    [
        ({}, [], "ok", "none here, the CPU is used; torch 2.14.1 is built for the CPU alone", ""),
        (CUDA, [], "ok", "none here, the CPU is used; torch 2.14.1 is built for CUDA 13.0", ""),
        ({}, ["cuda"], "warning", "an NVIDIA GPU is here and not used", REINSTALL),
        (ROCM, ["cuda"], "warning", "an NVIDIA GPU is here and not used", REINSTALL),
        (CUDA, ["cuda"], "warning", "torch cannot use it", "`nvidia-smi` shows the driver"),
        (CUDA, ["rocm"], "warning", "an AMD GPU is here and not used", "ROCm"),
        (ROCM, ["rocm"], "warning", "torch cannot use it", "`rocm-smi` shows the driver"),
        ({}, ["mps"], "warning", "an Apple GPU is here and not used", REINSTALL),
        (METAL, ["mps"], "warning", "torch cannot use it", "macOS 14"),
    ],
)
def test_why_no_accelerator_is_used(
    built: dict[str, str], found: list[str], state: str, text: str, hint: str
) -> None:
    check = unused("2.14.1", built, found)
    assert (check.name, check.state) == ("accelerator", state)
    assert text in check.found and hint in check.hint


def test_hidden_devices_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert unused("2.14.1", CUDA, ["cuda"]).hint.startswith("`unset CUDA_VISIBLE_DEVICES`")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert "nvidia-smi" in unused("2.14.1", CUDA, ["cuda"]).hint


def test_every_extra_for_users_is_known() -> None:
    declared = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    packages = {
        name: tuple(one.partition(">")[0] for one in needed)
        for name, needed in declared.items()
        if name not in ("dev", "bench")
    }
    assert {name: brought for name, (brought, _) in EXTRAS.items()} == packages


def test_missing_extra_has_its_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"timm": "1.0", "pyarrow": "19", "mlflow": "3"}  # all of mlflow contains its skinny

    def version(package: str) -> str:
        if package not in there:
            raise metadata.PackageNotFoundError
        return there[package]

    monkeypatch.setattr(installed.metadata, "version", version)
    present, _, absent = installed.extras().found.partition("; not here: ")
    assert present == "timm, mlflow"
    assert "hf for `hf:` data sets, Parquet (`pip install 'convcompare[hf]'`)" in absent
    assert "convcompare[ray]" in absent and "convcompare[mlflow]" not in absent
