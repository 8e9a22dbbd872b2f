"""Fields measured and not derived: every operation of ATen on one image, unit by unit.

The network is run once on an image. Beside each number of each tensor stand the first and the last
row and column that it depends on (`reach`), so that the field of every unit is exact whatever the
values are: nothing vanishes in a ReLU, is hidden by a maximum, or overflows. What no rule knows,
and what the border of the image cuts, is not known, and the reason is given.
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
from .reach_joins import is_global
from .reach_mode import ReachMode
from .reach_run import IMAGE, run_with_reaches, without_zeros
from .traced import ReceptiveField
from .tracer import LayerField

_TIMES = (2, 3, 4, 6)
"""How many times as large the images are that are tried where one is smaller than a field."""
_PASSING = ("activation", "batchnorm", "dropout", "instancenorm", "normalization")
"""Modules of torch whose layers leave each place where it is."""
Call = tuple[str, int]
"""A module by its name, and which of its calls."""


@dataclass
class _Row:
    """What one call of a module gave: its reading, or why there is none."""

    call: Call
    kind: str
    always: bool
    maps: tuple[int, int] | None = None
    """Height and width, of feature maps (n, c, h, w)."""
    number: int = 0
    """The operations that had run before."""
    before: Reading | None = None
    found: Reading | None = None
    why: str = ""
    cut: bool = False
    """Whether the border of the image may have decided it."""


@dataclass
class _Run:
    """The readings of one run."""

    image: tuple[int, int]
    rows: dict[Call, _Row] = field(default_factory=dict)
    features: _Row | None = None
    pooled: _Row | None = None
    """What leaves a pooling head, if the features are in front of one."""
    whole_name: str | None = None
    until: float = math.inf
    calls: dict[str, int] = field(default_factory=dict)
    """How often each module is called."""


_NO_PLACES = "no layer has units with a position in the image"
_CUT = "the image is too small to measure it"


def measure(
    build: Callable[[], nn.Module], channels: int, image: tuple[int, int], reason: str = ""
) -> ReceptiveField:
    """The fields of the layers of the network that `build` makes, which takes time too.

    Where the image is smaller than a field, the field is taken from two larger images, if the
    network takes them and they agree. Raises NotKnown where an operation has no rule or the time is
    not enough.
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
        if base.features is None and run.features is not None:  # in `image` all units see all
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
    run = _Run(image)
    calls = run.calls

    seen: list[tuple[_Row, Tensor, Tensor | None]] = []

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

    mode, output = ReachMode(image, deadline), None
    try:
        output = run_with_reaches(model, channels, mode, watch)
    except NotKnown:
        raise
    except Exception:
        if not failing:
            raise
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


def _entering(
    entering: Entering, image: tuple[int, int], of_modules: list[tuple[_Row, Tensor]]
) -> _Row:
    """What enters the last operation over all places, or the pooling head in front of it."""
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
    border = bool(slim(reach)[BORDER].any()) and not is_global(reach)
    try:
        row.found = read(reach, image)
        row.cut = border and row.found is not None and any(row.found.whole)
    except NotKnown as error:
        row.why, row.cut = str(error), border
    return row


def _larger(
    model: nn.Module, channels: int, base: _Run, times: int, deadline: float
) -> _Run | None:
    """The readings on a larger image, as far as the network takes it; None where not in time."""
    image = base.image[0] * times, base.image[1] * times
    try:
        return _read_run(model, channels, image, deadline, failing=True)
    except Exception:
        return None


def _settled(row: _Row, base: _Run, larger: list[_Run]) -> bool:
    """Take what the last two larger images show, if they agree and no border decided it."""
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
    """The layer behind whose pooling head all places are joined; None where that is not known."""
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
    """What enters the last operation over all places, listed too; or why it is not known."""
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
    """The last layer with the field of a row, which is added where there is none."""
    layer = _layer(row)
    if all(layer.axes != one.axes for one in layers):
        layers.append(layer)
    return next(one for one in reversed(layers) if one.axes == layer.axes)
