"""Kinds of residual block: basic, bottleneck and wide."""

from __future__ import annotations

from convcompare.core.registry import register

from ..study import FIGURES, Claim, Published, Study, StudyRow, claim, part

TITLE = "Kinds of residual block"
COLUMNS = ("epoch-time", "macs", "inference", "memory")
SHOWN = (*FIGURES, "gradients")
_STAGES_003 = "residual:width=64,stem_bias=false,grid=1,blocks="
_STEM_000 = "residual:width=16,stem_bias=false,grid=1"
WIDE = "Wide, widen_factor 2"
ABOUT = 1.1
"""Factor within which a ratio of parameters or memory is as published: 10 %."""


def _basic(blocks: int) -> str:
    """Return report 000's three stages of `blocks` basic blocks each."""
    return f"{_STEM_000},blocks={blocks}x16-{blocks}x32/2-{blocks}x64/2"


def _bottleneck(blocks: int) -> str:
    """Return report 000's three stages of `blocks` bottleneck blocks each."""
    return f"{_STEM_000},blocks={blocks}x64-{blocks}x128/2-{blocks}x256/2,block=bottleneck"


def saving(bottleneck: str, basic: str) -> tuple[Claim, ...]:
    """Return the claims of the reports about bottleneck blocks, for networks of these names."""
    less = part(bottleneck, "<", basic, "macs")
    return (
        claim(40, "bottleneck blocks save computation", less),
        claim(
            40, "bottleneck blocks save computation and time at the same accuracy",
            less,
            part(bottleneck, "<", basic, "time"),
            part(bottleneck, "=", basic),
        ),
    )  # fmt: skip


@register.study("residual-blocks")
def residual_blocks() -> Study:
    """Basic, bottleneck and wide blocks, each in a network of its own (report 002, table 6)."""
    return Study(
        "002", TITLE, "cifar10",
        (
            StudyRow(
                "base", "residual", 161_482,
                Published(161_482, 0.6969, 0.1434, 0.8148, 0.9500, 379.705),
            ),
            StudyRow(
                "Bottleneck",
                "residual:block=bottleneck,width=64,stem_bias=false,grid=1,"
                "blocks=3x256-4x512/2-6x1024/2-3x2048/2",
                23_520_842,
                Published(23_520_842, 0.5511, 0.1952, 0.8341, 0.9319, 1890.913),
                epochs=10,
            ),
            StudyRow(
                "Wide",
                "residual:width=16,stem_bias=false,grid=1,block_dropout=0.2,"
                "blocks=2x64-2x128/2-2x256/2",
                2_749_786,
                Published(2_749_786, 0.5300, 0.1940, 0.8462, 0.9321, 454.309),
                epochs=10,
            ),
        ),
        COLUMNS,
        SHOWN,
        claims=(
            claim(40, "bottleneck blocks beat basic ones", part("Bottleneck", ">", "base")),
            *saving("Bottleneck", "base"),
            claim(
                42, "wide blocks make results more stable", part("Wide", "<", "base", "stability")
            ),
            claim(43, "wide blocks beat basic ones", part("Wide", ">", "base")),
            claim(
                43, "wide blocks are the most accurate", part("Wide", ">", ("base", "Bottleneck"))
            ),
        ),
    )  # fmt: skip


@register.study("residual-blocks-003")
def residual_blocks_003() -> Study:
    """Basic, bottleneck and wide blocks in the same four stages (report 003)."""
    stages = f"{_STAGES_003}2x64-2x128/2-2x256/2-2x512/2"
    return Study(
        "003", TITLE, "cifar10",
        (
            StudyRow("basic", stages, 11_173_962, Published(11_173_962)),
            StudyRow("bottleneck", f"{stages},block=bottleneck", 883_402, Published(883_402)),
            StudyRow("wide", f"{_STAGES_003}2x128-2x256/2-2x512/2-2x1024/2", 44_595_786,
                Published(44_595_786)),
        ),
        COLUMNS,
        SHOWN,
        claims=saving("bottleneck", "basic"),
    )  # fmt: skip


@register.study("residual-blocks-004")
def residual_blocks_004() -> Study:
    """The blocks of report 004, which prints counts of single blocks, in the stages of 000."""
    return Study(
        "004", TITLE, "cifar10",
        (
            StudyRow(
                "BasicBlock", _basic(2), None,
                Published(test_accuracy=0.921,
                          notes=("a block of 64 channels has 73,984 parameters, not 220,000",)),
                guessed=True,
            ),
            StudyRow("Bottleneck", _bottleneck(2), None,
                Published(test_accuracy=0.928), guessed=True),
            StudyRow(
                WIDE, f"{_basic(2)},block=wide", None,
                Published(test_accuracy=0.935,
                          notes=("a block of 64 channels, twice as wide, has 147,840 parameters, "
                                 "not 450,000",)),
                guessed=True,
            ),
        ),
        COLUMNS,
        SHOWN,
        {"batch_size": "128"},
        (
            claim(40, "bottleneck blocks beat basic ones", part("Bottleneck", ">", "BasicBlock")),
            *saving("Bottleneck", "BasicBlock"),
            claim(
                41, "bottleneck blocks have fewer parameters and train in 0.8 of the time",
                part("Bottleneck", "<", "BasicBlock", "parameters"),
                part("Bottleneck", "=", "BasicBlock", "time", by=0.8),
            ),
            claim(43, "wide blocks beat basic ones", part(WIDE, ">", "BasicBlock")),
            claim(
                43, "wide blocks are the most accurate",
                part(WIDE, ">", ("BasicBlock", "Bottleneck")),
            ),
            claim(
                44, "wide blocks double the parameters and take 30 % more memory",
                part(WIDE, "=", "BasicBlock", "parameters", by=2, margin=ABOUT),
                part(WIDE, "=", "BasicBlock", "memory", by=1.3, margin=ABOUT),
            ),
        ),
    )  # fmt: skip


@register.study("residual-blocks-depth-004")
def residual_blocks_depth_004() -> Study:
    """Basic and bottleneck blocks in the stages of `residual-blocks-004`, two and six per stage.

    Report 004 names no networks for its sentence on shallow and deep ones.
    """
    return Study(
        "004", "Kinds of residual block at two depths", "cifar10",
        (
            StudyRow("basic, 2 per stage", _basic(2), 175_258, guessed=True),
            StudyRow("bottleneck, 2 per stage", _bottleneck(2), 220_378, guessed=True),
            StudyRow("basic, 6 per stage", _basic(6), 564_122, guessed=True),
            StudyRow("bottleneck, 6 per stage", _bottleneck(6), 591_322, guessed=True),
        ),
        COLUMNS,
        SHOWN,
        {"batch_size": "128"},
        (
            claim(
                45, "basic blocks are better in the shallow network, bottleneck blocks in the deep",
                part("basic, 2 per stage", ">", "bottleneck, 2 per stage"),
                part("bottleneck, 6 per stage", ">", "basic, 6 per stage"),
            ),
        ),
    )  # fmt: skip


@register.study("residual-blocks-000")
def residual_blocks_000() -> Study:
    """Basic, bottleneck and wide blocks in three stages of a small network (report 000)."""
    return Study(
        "000", TITLE, "cifar10",
        (
            StudyRow("basic", _basic(2), 175_258, Published(175_258)),
            StudyRow("bottleneck", _bottleneck(2), 220_378, Published(220_378)),
            StudyRow("wide", f"{_basic(2)},block=wide", 346_202, Published(346_202)),
        ),
        COLUMNS,
        SHOWN,
    )  # fmt: skip
