"""Receptive fields measured on one image, unit by unit and ATen operation by operation.

The network runs once. Each number of each tensor carries the first and the last row and column that
it depends on (`reach`). So the field of every unit is exact for any values: nothing vanishes in a
ReLU, is hidden by a maximum, or overflows. A field is not known, with a reason, if an operation has
no rule or if the border of the image cuts it.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from convcompare.models.interface import in_mode

from .places import Reading, read
from .reach import BORDER, SECONDS, TOO_LONG, Entering, NotKnown, same, slim
from .reach_joins import global_sides, is_global
from .reach_mode import ReachMode
from .reach_run import IMAGE, run_with_reaches, without_zeros
from .traced import ReceptiveField
from .tracer import LayerField

_TIMES = (2, 3, 4, 6)
"""Sizes of the larger images that are tried if the image is smaller than a field, as multiples."""
_PASSING = ("activation", "batchnorm", "dropout", "instancenorm", "normalization")
"""Torch's modules of elementwise layers and norms."""
Call = tuple[str, int]
"""Name of a module, and the number of the call."""


@dataclass
class _Row:
    """Reading of one call's output, or the reason why there is none."""

    call: Call
    kind: str
    always: bool
    maps: tuple[int, int] | None = None
    """Height and width of feature maps (n, c, h, w)."""
    number: int = 0
    """Number of operations that ran before."""
    before: Reading | None = None
    found: Reading | None = None
    why: str = ""
    cut: bool = False
    """Whether the border of the image may have determined the reading."""


_Seen = tuple[_Row, Tensor, Tensor | None]
"""A call with the reach of its output, and that of its input unless the call always counts."""


@dataclass
class _Run:
    """Readings of one run."""

    image: tuple[int, int]
    rows: dict[Call, _Row] = field(default_factory=dict)
    features: _Row | None = None
    pooled: _Row | None = None
    """Output of a pooling head, if the features precede one."""
    whole_name: str | None = None
    until: float = math.inf
    calls: dict[str, int] = field(default_factory=dict)
    """Number of calls per module."""


_NO_PLACES = "no layer has units with a position in the image"
_CUT = "the image is too small to measure it"


def measure(
    build: Callable[[], nn.Module], channels: int, image: tuple[int, int], reason: str = ""
) -> ReceptiveField:
    """Measure the fields of a network's layers.

    If a field is larger than the image, it is taken from two larger images, provided that the
    network accepts them and both agree.

    Args:
        build: Builds the network; its time counts towards the limit.
        channels: Number of image channels.
        image: Height and width in pixels.
        reason: Why the network was not traced.

    Raises:
        NotKnown: If an operation has no rule or the time limit is exceeded.
    """
    deadline = time.thread_time() + SECONDS
    model = in_mode(build(), False)
    without_zeros(model)
    base = _read_run(model, channels, image, deadline)
    heads = (base.features, base.pooled)
    unsure = [row for row in (*base.rows.values(), *heads) if row is not None and row.cut]
    larger: list[_Run] = []
    for times in _TIMES if unsure else ():
        run = _larger(model, channels, base, times, deadline)
        if run is None:
            break
        larger.append(run)
        if base.features is None and run.features is not None:  # in `image` all units see all of it
            base.features = _Row(run.features.call, "merge", True, cut=True, why=_CUT)
            base.whole_name = run.whole_name
            unsure.append(base.features)
        unsure = [row for row in unsure if not _settled(row, base, larger[-2:])]
        if not unsure:
            break
    return _result(base, reason)


def _read_run(
    model: nn.Module, channels: int, image: tuple[int, int], deadline: float, failing: bool = False
) -> _Run:
    run, mode = _Run(image), ReachMode(image, deadline)
    seen, output = _watched(model, channels, mode, run.calls, failing)
    last = mode.joins.last
    if last is not None and all(is_global(r) for row, r, _ in seen if row.number >= last.number):
        run.whole_name, run.until = last.name, last.number
    else:
        last = None
    for row, reach, entered in seen:
        if time.thread_time() > deadline:
            raise NotKnown(TOO_LONG)
        if row.number < run.until:
            run.rows[row.call] = _fill(row, reach, image)
            row.before = None if entered is None else _fill(copy.copy(row), entered, image).found
    of_modules = [(row, reach) for row, reach, _ in reversed(seen) if row.number < run.until]
    if last is not None:
        run.features = _entering(last.unpooled or last.entering, image, of_modules)
        run.pooled = _entering(last.entering, image, of_modules) if last.unpooled else None
    elif isinstance(output, Tensor) and (head := mode.reaches.unpooled(output)) is not None:
        run.features = _entering(head, image, of_modules)
    return run


def _watched(
    model: nn.Module, channels: int, mode: ReachMode, calls: dict[str, int], failing: bool
) -> tuple[list[_Seen], Any]:
    """Run a network once; return the calls that change the reach of their input, and its output.

    `calls` receives the number of calls per module. With `failing`, a network may fail: its output
    is then None.
    """
    seen: list[_Seen] = []

    def watch(name: str, module: nn.Module, given: Any, output: Any, mode: ReachMode) -> None:
        reach = mode.kept(output)
        calls[name] = calls.get(name, 0) + 1
        if reach is None or not name:
            return
        leaf = not any(True for _ in module.children())
        passing = type(module).__module__.rpartition(".")[2] in _PASSING
        is_map = isinstance(output, Tensor) and output.ndim == 4
        maps = (output.shape[2], output.shape[3]) if is_map else None
        always = leaf and not passing
        row = _Row((name, calls[name]), type(module).__name__, always, maps, mode.number)
        entered = None if row.always else mode.kept(next(iter(given), None))
        if entered is None or not same(entered, reach):
            seen.append((row, reach, entered))

    try:
        return seen, run_with_reaches(model, channels, mode, watch)
    except NotKnown:
        raise
    except Exception:
        if not failing:
            raise
        return seen, None


def _entering(
    entering: Entering, image: tuple[int, int], of_modules: list[tuple[_Row, Tensor]]
) -> _Row:
    """Return the row of the input of the last operation over all positions or pooling head."""
    row = _Row((entering.source, 1), "merge", True)
    for reach in entering.reaches:
        of_module = (one for one, its in of_modules if (one.found or one.cut) and same(its, reach))
        if (found := next(of_module, None)) is not None:
            return found
        if _fill(row, reach, image).found is not None:
            return row
    return row


def _fill(row: _Row, reach: Tensor, image: tuple[int, int]) -> _Row:
    """Read a reach into a row."""
    everywhere = global_sides(reach)
    border = any(slim(reach)[BORDER][side].any() and not everywhere[side] for side in (0, 1))
    try:
        row.found = found = read(reach, image)
        sides = [s for s in (0, 1) if found and found.whole[s] and not everywhere[s]]
        row.cut = border and bool(sides)
    except NotKnown as error:
        row.why, row.cut = str(error), border
    return row


def _larger(
    model: nn.Module, channels: int, base: _Run, times: int, deadline: float
) -> _Run | None:
    """Return the readings on a larger image; None if it fails or takes too long."""
    image = base.image[0] * times, base.image[1] * times
    try:
        return _read_run(model, channels, image, deadline, failing=True)
    except Exception:
        return None


def _settled(row: _Row, base: _Run, larger: list[_Run]) -> bool:
    """Use the result of the last two larger images if they agree and no border determined it."""
    if row.call in base.rows:
        rows = [run.rows.get(row.call) for run in larger]
    else:
        rows = [run.features if row is base.features else run.pooled for run in larger]
        if len({run.until for run in larger}) > 1:
            return False
    found = [other.found for other in rows if other is not None and other.found is not None]
    if len(found) < 2 or (found[0].axes, found[0].whole) != (found[1].axes, found[1].whole):
        return False
    if any(other is not None and other.cut and not all(found[0].whole) for other in rows):
        return False
    units = row.found.units if row.found else (0, 0)
    row.found, row.why, row.cut = Reading(found[0].axes, found[0].whole, units), "", False
    return True


def _result(run: _Run, reason: str) -> ReceptiveField:
    layers: list[LayerField] = []
    unread: dict[str, str] = {}
    for row in run.rows.values():
        if (row.why or row.cut) and row.always:
            unread[row.call[0]] = row.why or _CUT
        if row.found is None or (not row.always and row.found.axes == _axes(row.before)):
            continue
        layer = _layer(row)
        changed = not layers or (layer.axes, layer.whole) != (layers[-1].axes, layers[-1].whole)
        if layer.is_whole or not (row.always or changed):
            continue
        layers.append(layer)
    features, why = _features(run, layers)
    after, whole = _pooled(run, layers), None
    if run.whole_name is not None:
        whole = LayerField(run.whole_name, "whole", (None, None), (True, True), (1, 1))
        layers.append(whole)
    if unread:
        names = ", ".join(f"`{name}`" for name in list(unread)[:3])
        reason = f"{reason}; not known of {names}: {next(iter(unread.values()))}".strip("; ")
    whole_from = None if whole is None else whole.name
    modules = {
        name: LayerField(name, "", row.found.axes, row.found.whole, row.found.units)
        for (name, call), row in run.rows.items()
        if row.found is not None and row.found.units == row.maps and call == run.calls[name]
    }
    return ReceptiveField(
        run.image, tuple(layers), features, after, whole_from, modules, "measured", reason, why
    )


def _pooled(run: _Run, layers: list[LayerField]) -> LayerField | None:
    """Return the layer of the last pooling head's output; None if not known."""
    row = run.pooled
    if row is None or row.found is None or row.cut or any(row.found.whole):
        return None
    return _listed(row, layers)


def _axes(reading: Reading | None) -> Any:
    return None if reading is None else reading.axes


def _layer(row: _Row) -> LayerField:
    name, call = row.call
    assert row.found is not None
    found = row.found
    name = name if call == 1 else f"{name}#{call}"
    return LayerField(name, row.kind, found.axes, found.whole, found.units)


def _features(run: _Run, layers: list[LayerField]) -> tuple[LayerField | None, str]:
    """Return the input of the last operation over all positions, also listed; or why not known."""
    row = run.features
    if row is None:
        unread = next((one.why or _CUT for one in run.rows.values() if one.why or one.cut), "")
        return (layers[-1], "") if layers and not unread else (None, unread or _NO_PLACES)
    if row.found is None:
        entering = f"what enters `{run.whole_name}` has no position in the image"
        return None, row.why or (entering if layers else _NO_PLACES)
    if all(row.found.whole) or row.call[0] == IMAGE:
        return None, ""
    return _listed(row, layers), ""


def _listed(row: _Row, layers: list[LayerField]) -> LayerField:
    """Return the last layer with the field of a row, added to `layers` if missing."""
    layer = _layer(row)
    if all(layer.axes != one.axes for one in layers):
        layers.append(layer)
    return next(one for one in reversed(layers) if one.axes == layer.axes)
