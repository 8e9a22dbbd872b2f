"""The rows of the reports, and the spec of the zoo that is the network of each. Data only.

The parameters are those of the network that was trained; where a report prints another number, the
printed one stands in ``printed``. What the reports measured is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Study = Literal[
    "mnist", "cifar10", "kernel-size", "depth", "custom-layers", "residual-blocks"
]  # fmt: skip


@dataclass(frozen=True)
class ReportRow:
    """One row of a report: the network it names, as a spec, on its data set.

    ``guessed`` marks a network that the report describes only in part: the spec has the published
    count, and layers that agree with the description.
    """

    report: str
    study: Study
    name: str
    spec: str
    dataset: str
    parameters: int
    printed: int | None = None
    guessed: bool = False


def rows(report: str | None = None, study: Study | None = None) -> tuple[ReportRow, ...]:
    """The rows of one report, of one study, or all; in the order of the reports."""
    return tuple(row for row in ROWS if report in (None, row.report) and study in (None, row.study))


_KERNELS_002 = "residual:stem_bias=false,dropout=0.25,kernel="
_CNN_003 = "hidden=256,dropout=0.25"
_CNN_004 = "hidden=0,layers="
_STAGES_003 = "residual:width=64,stem_bias=false,grid=1,blocks="
_STAGES_000 = "residual:width=16,stem_bias=false,grid=1,blocks="

ROWS: tuple[ReportRow, ...] = (
    ReportRow("002", "mnist", "FCN", "fcn", "mnist", 109_386),
    ReportRow("002", "mnist", "Simple CNN", "simple", "mnist", 421_642),
    ReportRow("002", "mnist", "Residual CNN", "residual", "mnist", 160_906),
    ReportRow(
        "002", "cifar10", "FCN", "fcn:hidden=1024x512x256", "cifar10", 3_805_450, printed=1_462_538
    ),
    ReportRow("002", "cifar10", "Residual CNN", "residual", "cifar10", 161_482, printed=160_906),
    ReportRow(
        "002", "cifar10", "Regularized Residual CNN",
        "residual:blocks=32-64/2-64-128/2-128,stem_bias=false,grid=1,dropout2d=0.2,init=he",
        "cifar10", 678_058,
    ),
    ReportRow("002", "kernel-size", "3×3", f"{_KERNELS_002}3", "cifar10", 161_450),
    ReportRow(
        "002", "kernel-size", "5×5", f"{_KERNELS_002}5", "cifar10", 177_834, printed=161_450
    ),
    ReportRow("002", "kernel-size", "7×7", f"{_KERNELS_002}7", "cifar10", 202_410),
    ReportRow("002", "kernel-size", "1×1+3×3", f"{_KERNELS_002}1+3", "cifar10", 142_154),
    ReportRow("002", "depth", "2 layers", "cnn:depth=2", "cifar10", 545_098),
    ReportRow("002", "depth", "4 layers", "cnn:depth=4", "cifar10", 1_439_818),
    ReportRow("002", "depth", "6 layers", "cnn:depth=6", "cifar10", 814_122),
    ReportRow("002", "depth", "residual", "residual:blocks=32-64/2-128/2", "cifar10", 327_882),
    ReportRow("002", "custom-layers", "custom layers", "cnn:conv=scaled", "cifar10", 268_650),
    ReportRow("002", "custom-layers", "attention", "cnn:attention=se", "cifar10", 268_810),
    ReportRow(
        "002", "custom-layers", "custom activation", "cnn:activation=silu+relu", "cifar10", 268_650,
        printed=268_810,
    ),
    ReportRow("002", "custom-layers", "custom pooling", "cnn:pool=lp", "cifar10", 268_650),
    ReportRow("002", "residual-blocks", "base", "residual", "cifar10", 161_482),
    ReportRow(
        "002", "residual-blocks", "Bottleneck",
        "residual:block=bottleneck,width=64,stem_bias=false,grid=1,"
        "blocks=3x256-4x512/2-6x1024/2-3x2048/2",
        "cifar10", 23_520_842,
    ),
    ReportRow(
        "002", "residual-blocks", "Wide",
        "residual:width=16,stem_bias=false,grid=1,block_dropout=0.2,blocks=2x64-2x128/2-2x256/2",
        "cifar10", 2_749_786,
    ),
    ReportRow("004", "mnist", "FCN", "fcn:hidden=512x256x128", "mnist", 567_434),
    ReportRow("004", "mnist", "Simple CNN", "simple:dropout=0", "mnist", 421_642),
    ReportRow(
        "004", "mnist", "CNN with residual blocks", "cnn:layers=32-MP-P-64-MP-P", "mnist", 513_994
    ),
    ReportRow(
        "004", "cifar10", "Residual CNN", f"cnn:{_CNN_004}64-MP-P-128-MP-P-256-P", "cifar10",
        2_083_850,
    ),
    ReportRow(
        "004", "cifar10", "Regularised residual CNN",
        f"cnn:norm=batch,dropout=0.5,{_CNN_004}64-MP-P-D0.2-128-MP-P-D0.2-256-P-D0.2",
        "cifar10", 2_084_746,
    ),
    ReportRow("003", "mnist", "FCN", "fcn:hidden=512x256x128,dropout=0.25", "mnist", 567_434),
    *(
        ReportRow(
            "003", "kernel-size", f"{kernel}×{kernel}",
            f"cnn:layers=32-MP-64-MP,{_CNN_003},kernel={kernel}", "cifar10", parameters,
        )
        for kernel, parameters in ((3, 1_070_794), (5, 1_105_098), (7, 1_156_554))
    ),
    ReportRow(
        "003", "kernel-size", "1×1+3×3", f"cnn:layers=3@1-32-MP-64-MP,{_CNN_003}", "cifar10",
        1_070_806,
    ),
    ReportRow(
        "003", "depth", "2 layers", f"cnn:layers=32-MP-64-MP,{_CNN_003}", "cifar10", 1_070_794
    ),
    ReportRow(
        "003", "depth", "4 layers", "cnn:layers=32-MP-64-MP-128-MP-256-MP,hidden=256", "cifar10",
        653_386,
    ),
    ReportRow(
        "003", "depth", "6 layers", "cnn:layers=32-32-MP-64-64-MP-128-128-MP,hidden=256", "cifar10",
        814_122,
    ),
    ReportRow("003", "depth", "residual", "residual", "cifar10", 161_482),
    ReportRow(
        "003", "residual-blocks", "basic", f"{_STAGES_003}2x64-2x128/2-2x256/2-2x512/2", "cifar10",
        11_173_962,
    ),
    ReportRow(
        "003", "residual-blocks", "bottleneck",
        f"{_STAGES_003}2x64-2x128/2-2x256/2-2x512/2,block=bottleneck", "cifar10", 883_402,
    ),
    ReportRow(
        "003", "residual-blocks", "wide", f"{_STAGES_003}2x128-2x256/2-2x512/2-2x1024/2", "cifar10",
        44_595_786,
    ),
    ReportRow("000", "mnist", "FCN", "fcn:hidden=512x256x128", "mnist", 567_434),
    ReportRow("000", "cifar10", "FCN", "fcn:hidden=1024x512x256", "cifar10", 3_805_450),
    ReportRow(
        "000", "cifar10", "Regularised residual CNN",
        "residual:blocks=D0.2-32-64/2-D0.3-128/2-128-D0.4", "cifar10", 623_306,
    ),
    ReportRow(
        "000", "kernel-size", "3×3", "cnn:layers=64-MP-128-MP-256-MP,hidden=512", "cifar10",
        2_473_610,
    ),
    ReportRow(
        "000", "kernel-size", "5×5", "cnn:layers=48-MP-96-MP-192-MP,hidden=384,kernel=5", "cifar10",
        1_763_818,
    ),
    ReportRow(
        "000", "kernel-size", "7×7", "cnn:layers=32-MP-64-MP-128-MP,hidden=256,kernel=7", "cifar10",
        1_033_802,
    ),
    ReportRow(
        "000", "kernel-size", "1×1+3×3",
        "cnn:layers=32@1-64-MP-64@1-128-MP-128@1-256-MP,hidden=512", "cifar10", 2_511_114,
        guessed=True,
    ),
    ReportRow(
        "000", "depth", "2 layers", "cnn:layers=32-64-MP,norm=batch,grid=4,hidden=128", "cifar10",
        152_074, guessed=True,
    ),
    ReportRow(
        "000", "depth", "4 layers",
        "cnn:layers=32-64-MP-128-128-MP,norm=batch,grid=2,hidden=256", "cifar10", 375_434,
        guessed=True,
    ),
    ReportRow(
        "000", "depth", "6 layers",
        "cnn:layers=32-64-MP-128-128-MP-256-256-MP,norm=batch,grid=2,hidden=512", "cifar10",
        1_657_738, guessed=True,
    ),
    ReportRow(
        "000", "depth", "residual",
        "residual:stem_bias=false,grid=2,blocks=2x32-2x64/2-2x128/2-2x256/2", "cifar10", 2_805_290,
        guessed=True,
    ),
    ReportRow(
        "000", "residual-blocks", "basic", f"{_STAGES_000}2x16-2x32/2-2x64/2", "cifar10", 175_258
    ),
    ReportRow(
        "000", "residual-blocks", "bottleneck",
        f"{_STAGES_000}2x64-2x128/2-2x256/2,block=bottleneck", "cifar10", 220_378,
    ),
    ReportRow(
        "000", "residual-blocks", "wide", f"{_STAGES_000}2x16-2x32/2-2x64/2,block=wide", "cifar10",
        346_202,
    ),
)  # fmt: skip
"""Every row whose network is known. Custom-layer rows of 000, 003 and 004 print no count."""
