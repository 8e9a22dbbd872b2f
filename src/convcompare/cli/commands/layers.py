"""``convcompare layers``."""

from __future__ import annotations

from convcompare.core import formatting
from convcompare.output.tables.formats import check_format
from convcompare.output.tables.table import Column, Table

from ..options import Format, Precision
from ..output import emit_table


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


COLUMNS = (
    Column("layer", "layer", "left"),
    Column("standard", "beside", "left", priority=1),
    Column("output_difference", "Δ output", show=lambda v: f"{v:.1e}", priority=2),
    Column("gradient_difference", "Δ gradient", show=lambda v: f"{v:.1e}", priority=2),
    Column("forward_seconds", "forward", show=_milliseconds, priority=1),
    Column("backward_seconds", "backward", show=_milliseconds, priority=1),
    Column("ratio", "× standard", show=lambda v: f"{v:.2f}"),
    Column("extra_parameters", "extra parameters", show=formatting.count, priority=1),
    Column("reference", "differences from", "left", priority=3),
)
SHAPE = (64, 32, 32, 32)


def layers(precision: Precision = "auto", format: Format = "table") -> None:
    """Compare the custom layers with torch's: differences, time, parameters.

    $ convcompare layers
    $ convcompare layers --precision bf16 --format csv
    """
    kind = check_format(format)
    from convcompare.analysis.layer_benchmark import layer_costs
    from convcompare.training.hardware import choose_precision, choose_runtime, environment, prepare

    runtime = choose_runtime("cpu", None)
    chosen, why = choose_precision(precision, "cpu")
    prepare(runtime)
    rows = tuple(
        {column.key: getattr(cost, column.key) for column in COLUMNS}
        for cost in layer_costs(SHAPE, bf16=chosen == "bf16")
    )
    where = environment(runtime)
    n, channels, height, width = SHAPE
    notes = (
        f"{n} images of {channels}×{height}×{width}, channels last, {chosen} ({why}); medians of "
        f"15 in turns; {where.processor}, {formatting.several(where.threads, 'thread')}, "
        f"torch {where.torch}",
        "differences: the largest in float32 from the same layer in torch's own operators",
    )
    emit_table(Table(COLUMNS, rows, notes, noun="layers"), kind)
