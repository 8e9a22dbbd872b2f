"""A device `fake` with CPU memory, made with torch's interface for Python backends.

Run with a folder, it trains there on `fake` and on the CPU and prints the results for a test. A
process can have one such backend and cannot remove it: no other module imports this one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch.utils import _pytree as tree
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

KIND = "fake"
CALLS: list[str] = []
"""Calls that the package made to the device module and to `torch.cuda`."""


class FakeTensor(torch.Tensor):
    """A tensor whose device is `fake`; it wraps a CPU tensor."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> FakeTensor:
        made: FakeTensor = torch.Tensor._make_wrapper_subclass(
            cls, held.size(), held.stride(), held.storage_offset(), dtype=held.dtype,
            device=torch.device(KIND, 0),
        )  # fmt: skip
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(
        cls, operator: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return compute(operator, args, kwargs or {})


def compute(operator: Any, args: Any, kwargs: Any) -> Any:
    """Run an operator on the wrapped tensors; results are on `fake` unless it names a device."""
    given = [one for one in tree.tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)]
    mixed = {one.device.type for one in given if one.ndim} - {KIND}
    if mixed and "copy" not in str(operator):
        raise RuntimeError(f"{operator} is given tensors of {mixed} and of {KIND}")
    if any(one.dtype == torch.float64 for one in given if isinstance(one, FakeTensor)):
        raise TypeError(f"{KIND} has no float64: {operator}")
    plain, options = tree.tree_map(_held, (args, kwargs))
    found = operator(*plain, **options)
    if found is None or operator._schema.is_mutable:
        changed = kwargs.get("out", args[0])
        return changed if isinstance(found, torch.Tensor) else found
    requested = kwargs.get("device")
    if requested is not None and torch.device(requested).type != KIND:
        return found
    inference = torch.is_inference_mode_enabled() and not (
        operator.is_view
        and not given[0].is_inference()  # a view is in inference mode if its base is
    )
    with torch.inference_mode(inference):
        return tree.tree_map(lambda x: FakeTensor(x) if isinstance(x, torch.Tensor) else x, found)


def _held(one: Any) -> Any:
    if isinstance(one, FakeTensor):
        return one.held
    return torch.device("cpu") if isinstance(one, torch.device) and one.type == KIND else one


class Module:
    """The module `torch.fake`."""

    def is_available(self) -> bool:
        return True

    is_initialized = is_available

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        CALLS.append("manual_seed_all")

    def device_count(self) -> int:
        return 1

    def current_device(self) -> int:
        return 0

    def get_rng_state(self, device: Any = None) -> torch.Tensor:
        CALLS.append("get_rng_state")
        return torch.zeros(8, dtype=torch.uint8)

    def set_rng_state(self, state: torch.Tensor, device: Any = None) -> None:
        CALLS.append("set_rng_state")

    def get_device_name(self, device: Any = None) -> str:
        return "Fake 1"

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


class Hooks(torch._C._acc.PrivateUse1Hooks):
    """Hooks that `torch.accelerator` calls."""

    def is_available(self) -> bool:
        return True

    is_built = is_available

    def has_primary_context(self, device_index: int) -> bool:
        return True


def install() -> Any:
    """Register the device; the caller must keep a reference to the result."""
    _setup_privateuseone_for_python_backend(KIND, Module(), Hooks())  # type: ignore[no-untyped-call]
    library = torch.library.Library("_", "IMPL")
    library.fallback(lambda op, *args, **kwargs: compute(op, args, kwargs), "PrivateUse1")
    torch.accelerator.synchronize = lambda device=None: CALLS.append("synchronize")
    return library


def note_cuda() -> None:
    """Record each call of a `torch.cuda` function by this package, not those by torch."""
    for name in torch.cuda.__all__:
        real = getattr(torch.cuda, name, None)
        if callable(real) and not isinstance(real, type):
            setattr(torch.cuda, name, _noting(name, real))


def _noting(name: str, real: Any) -> Any:
    def noting(*args: Any, **kwargs: Any) -> Any:
        if sys._getframe(1).f_globals["__name__"].startswith("convcompare"):
            CALLS.append(f"cuda.{name}")
        return real(*args, **kwargs)

    return noting


def main(folder: str) -> None:
    """Train on both; print the figures and the record of each run, and the recorded calls."""
    import convcompare
    from convcompare.store.run_store import RunStore

    library = install()
    note_cuda()
    found = {}
    for device in ("cpu", "auto"):
        convcompare.compare(
            "lenet-5", dataset="mnist-mini", device=device,
            store=f"{folder}/{device}", epochs=2, batch_size=100, precision="fp32", threads=1,
            train_images=300,
        )  # fmt: skip
        store = RunStore(Path(folder, device))
        found[device] = [
            {
                "losses": [epoch.train_loss for epoch in run.history],
                "accuracies": [epoch.test_accuracy for epoch in run.history],
                "device": run.environment.device,
                "memory": run.cost.peak_memory,
                "message": run.message,
            }
            for run in map(store.recorded, store.ids())
        ]
    assert library
    print(json.dumps({"runs": found, "calls": sorted(set(CALLS))}))


if __name__ == "__main__":
    main(sys.argv[1])
