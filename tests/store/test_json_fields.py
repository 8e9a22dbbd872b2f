"""Dataclasses to JSON objects and back: fields that are kept, ignored and refused."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from convcompare.core.config import TrainConfig
from convcompare.core.spec import Count
from convcompare.store.json_fields import APART, from_record, to_record


@dataclass(frozen=True)
class Part:
    size: float


@dataclass(frozen=True)
class Whole:
    number: Count
    share: float
    part: Part
    name: str = ""
    done: bool = False
    limit: float | None = None
    way: bool | Literal["both"] = False
    place: Path = Path()
    other: Path | None = None
    parts: tuple[Part, ...] = ()
    sums: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Part | None = field(default=None, metadata=APART)


WHOLE = Whole(
    3, 0.5, Part(1.5), "a", True, 2.0, "both", Path("b"), Path("c"), (Part(2.5),), {"d": "e"}
)
RECORD: dict[str, Any] = {
    "number": 3,
    "share": 0.5,
    "part": {"size": 1.5},
    "name": "a",
    "done": True,
    "limit": 2.0,
    "way": "both",
    "place": "b",
    "other": "c",
    "parts": [{"size": 2.5}],
    "sums": {"d": "e"},
}


def test_record_keeps_field_order_and_round_trips() -> None:
    assert json.dumps(to_record(WHOLE)) == json.dumps(RECORD)
    assert from_record(Whole, json.loads(json.dumps(RECORD))) == WHOLE


def test_missing_fields_get_defaults_and_unknown_ones_are_ignored() -> None:
    record = {
        "number": 3,
        "share": 0.5,
        "part": {"size": 1.5, "newer": 1},
        "newer": [],
        "elsewhere": 1,
    }
    assert from_record(Whole, record) == Whole(3, 0.5, Part(1.5))
    assert list(vars(from_record(Whole, record))) == list(vars(Whole(3, 0.5, Part(1.5))))


def test_an_int_stays_an_int_and_nan_stays_nan() -> None:
    part = from_record(Part, {"size": 1})
    assert json.dumps(to_record(part)) == '{"size": 1}'
    read = from_record(Part, json.loads(json.dumps(to_record(Part(math.nan)))))
    assert math.isnan(read.size)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", 3.0),
        ("number", True),
        ("number", "3"),
        ("number", None),
        ("share", True),
        ("share", "0.5"),
        ("part", "size"),
        ("part", [1.5]),
        ("part", {}),
        ("part", {"size": "1"}),
        ("name", None),
        ("name", 3),
        ("done", 1),
        ("limit", "2"),
        ("way", 1),
        ("place", None),
        ("other", 1),
        ("parts", {"size": 2.5}),
        ("parts", "ab"),
        ("parts", [2.5]),
        ("sums", []),
        ("sums", {"d": 1}),
    ],
)
def test_value_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(TypeError):
        from_record(Whole, {**RECORD, name: value})


@pytest.mark.parametrize("record", ["", [], None, 3])
def test_non_object_is_refused_even_if_every_field_has_a_default(record: Any) -> None:
    with pytest.raises(TypeError):
        from_record(TrainConfig, record)


def test_choice_or_limit_of_a_newer_version_is_read() -> None:
    config = from_record(TrainConfig, {"optimizer": "newer", "epochs": 0})
    assert (config.optimizer, config.epochs) == ("newer", 0)


@dataclass(frozen=True)
class MayHave:
    part: Part | None = None


def test_optional_part_may_be_missing() -> None:
    for one in (MayHave(), MayHave(Part(0.5))):
        assert from_record(MayHave, json.loads(json.dumps(to_record(one)))) == one
    with pytest.raises(TypeError):
        from_record(MayHave, {"part": 3})
