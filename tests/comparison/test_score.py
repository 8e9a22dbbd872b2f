"""The score of a run: when it is a mean of epochs, and its description."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import pytest

from convcompare.comparison.score import Score, choose
from convcompare.core.config import TrainConfig
from convcompare.core.errors import UsageError

Run = Callable[..., Any]
LONG = TrainConfig(epochs=10)
SHORT = TrainConfig(epochs=9)
CYCLE = TrainConfig(epochs=30, schedule="one-cycle")


@pytest.mark.parametrize(
    ("asked", "configs", "score"),
    [
        (None, [LONG], "mean:5"),
        (None, [SHORT], "last"),
        (None, [LONG, SHORT], "last"),
        (None, [CYCLE], "last"),
        (None, [LONG, CYCLE], "last"),
        ("last", [LONG], "last"),
        ("mean:3", [SHORT], "mean:3"),
        ("mean:1", [SHORT], "last"),
        ("mean:9", [CYCLE, SHORT], "mean:9"),
    ],
)
def test_score_follows_from_the_configuration_alone(
    asked: str | None, configs: list[TrainConfig], score: str
) -> None:
    assert str(choose(asked, configs)) == score
    assert str(Score.parse(score)) == score


@pytest.mark.parametrize(
    ("asked", "config", "message", "hint"),
    [
        ("maen:5", LONG, "invalid value for `--score`: `maen:5`", "did you mean `mean:5`?"),
        ("mean:0", LONG, "invalid value for `--score`: `mean:0`", "mean:5"),
        ("mean:11", LONG, "takes more epochs than the 10", "`--score last`"),
        (
            "mean:2",
            TrainConfig(epochs=10, val_fraction=0.1, select="best"),
            "`--score` and `--select best` cannot be combined",
            "the epoch that is selected counts",
        ),
    ],
)
def test_impossible_score_is_refused(
    asked: str, config: TrainConfig, message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        choose(asked, [config])
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_verdicts_use_the_score_and_the_table_keeps_the_last_epoch(run: Run) -> None:
    command = ("compare", "fcn:hidden=8", "fcn:hidden=16", "-d", "mnist-mini")
    command += ("--train-images", "500", "-e", "2", "--seeds", "2", "--threads", "1")
    told = run(*command, "--score", "mean:2")
    assert "verdicts on the mean test accuracy of the last 2 epochs" in told.err
    assert "verdicts and score: mean test accuracy of the last 2 epochs" in told.out
    record = run(*command, "--score", "mean:2", "-f", "json").json()
    assert record["conditions"]["score"] == "mean:2"
    plain = run(*command, "-f", "json").json()
    assert "score" not in plain["conditions"]
    scores = []
    for model, same in zip(record["models"], plain["models"], strict=True):
        assert model["test_accuracy"] == same["test_accuracy"]
        epochs = [
            [
                epoch["test_accuracy"]
                for epoch in run("runs", one["id"], "-f", "json").json()["history"]
            ]
            for one in model["runs"]
        ]
        scores.append([statistics.fmean(history[-2:]) for history in epochs])
        assert model["score"]["value"] == pytest.approx(statistics.fmean(scores[-1]))
    (contrast,) = record["contrasts"]
    differences = [b - a for a, b in zip(*scores, strict=True)]
    assert contrast["difference"] == pytest.approx(statistics.fmean(differences))
