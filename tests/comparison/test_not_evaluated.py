"""Runs without an evaluation after every epoch: which figures are then missing."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from convcompare.comparison import run_figures
from convcompare.comparison.comparison import Comparison
from convcompare.comparison.figures.catalogue import MEASURES, named
from convcompare.comparison.figures.measure import EVERY_EPOCH
from convcompare.comparison.figures.recorded_command import recording_command, training_command
from convcompare.comparison.model_runs import group_runs
from convcompare.comparison.pairs import pair
from convcompare.comparison.run_flags import ChanceLevel, marks
from convcompare.comparison.score import Score, choose
from convcompare.comparison.stats.censored import NEVER
from convcompare.core.config import OF_EVERY_EPOCH, TrainConfig
from convcompare.core.errors import UsageError
from convcompare.store.json_fields import from_record, to_record
from convcompare.store.run import Epoch, Run
from convcompare.store.run_store import RunStore
from tests.support.runs import CONDITIONS, trained

STORE = RunStore(Path("none"))


def curve(*figures: tuple[float, float | None, float | None], **config: object) -> Run:
    """A run with these train losses, test losses and test accuracies by epoch."""
    base = trained("fcn", 0, 0.9, **{"epochs": len(figures), **config})
    history = [
        dataclasses.replace(
            base.history[0], epoch=i, train_loss=train, test_loss=loss, test_accuracy=accuracy
        )
        for i, (train, loss, accuracy) in enumerate(figures, start=1)
    ]
    return dataclasses.replace(base, history=tuple(history))


WHOLE = curve((0.9, 0.8, 0.5), (0.5, 0.6, 0.7), (0.4, 0.5, 0.9), (0.39, 0.49, 0.895))
PART = curve((0.9, None, None), (0.5, None, None), (0.4, 0.5, 0.9), (0.39, 0.49, 0.895))


def test_figures_over_epochs_require_the_whole_curve() -> None:
    """By hand: 0.7 is reached after epoch 2, within a point of 0.9 it is after 3."""
    expected = {"epochs-to=0.7": 2, "epochs-to=0.95": NEVER, "convergence": 3}
    expected |= {"accuracy-area": (0.5 + 0.7 + 0.9 + 0.895) / 4}
    for name, value in expected.items():
        assert named(name).of_run(WHOLE, STORE) == pytest.approx(value)
        assert named(name).of_run(PART, STORE) is None
    assert named("accuracy").of_run(PART, STORE) == 0.895
    assert named("test-loss").of_run(PART, STORE) == 0.49
    assert run_figures.loss_gap(PART) == pytest.approx(0.1)


def test_names_of_these_figures_are_valid_options() -> None:
    found = {one.name for one in MEASURES if one.recorded_by == EVERY_EPOCH}
    assert found | {"epochs-to"} == {*OF_EVERY_EPOCH}
    assert named("epochs-to=0.5").recorded_by == EVERY_EPOCH


@pytest.mark.parametrize(
    ("command", "again"),
    [
        ("compare fcn -e 10 --evaluate last", "compare fcn -e 10"),
        ("compare --evaluate=last fcn", "compare fcn"),
        ("compare fcn --set evaluate=last --set tta=true", "compare fcn --set tta=true"),
        ("study mnist --set=evaluate=last -s 3", "study mnist -s 3"),
        ("", "compare … --evaluate every"),
    ],
)
def test_command_that_records_the_missing_figures(command: str, again: str) -> None:
    groups = group_runs(["fcn"], [PART], [False])
    found = Comparison(CONDITIONS, tuple(groups), command=tuple(command.split()))
    said = recording_command(found, named("convergence"))
    assert said.removesuffix(" and trains them again") == f"`convcompare {again}` records it"


def test_plan_of_a_study_has_a_valid_command() -> None:
    recorded = ("study", "mnist", "--seeds", "3", "--set", "evaluate=last", "--threads", "1")
    again = training_command(recorded, "mnist", 5, ("--evaluate", "every", "--skip", "fcn"))
    assert again == "convcompare study mnist --seeds 5 --threads 1 --skip fcn"
    more = training_command(recorded, "mnist", 5, ())
    assert more == "convcompare study mnist --seeds 5 --set evaluate=last --threads 1"


def test_score_uses_evaluated_epochs_only() -> None:
    assert Score(2).of(PART) == Score(2).of(WHOLE) == (0.9 + 0.895) / 2
    assert math.isnan(Score(3).of(PART))
    long = TrainConfig(epochs=20, evaluate="last")
    assert [str(choose(asked, [long])) for asked in (None, "mean:5", "last")] == [
        "mean:5", "mean:5", "last"
    ]  # fmt: skip
    with pytest.raises(UsageError, match="than the 5 that `--evaluate last` measures"):
        choose("mean:6", [TrainConfig(epochs=20), long])


def test_runs_of_both_kinds_are_comparable() -> None:
    ours = trained("fcn", 0, 0.9, epochs=20, evaluate="last")
    theirs = trained("simple", 0, 0.8, epochs=20)
    groups = group_runs(["fcn", "simple"], [ours, theirs], [False, False])
    assert pair(*groups).refusal is None
    other = dataclasses.replace(
        theirs, trial=dataclasses.replace(theirs.trial, config=TrainConfig(epochs=19))
    )
    assert pair(groups[0], *group_runs(["simple"], [other], [False])).refusal is not None


@pytest.mark.parametrize(
    ("losses", "marked"),
    [
        ((0.8, 0.6, 0.5), True),
        ((None, 0.6, 0.5), True),
        ((0.4, 0.6, 0.5), False),
        ((None, None, 0.5), False),
        ((None, 0.51, 0.5), False),
    ],
)
def test_convergence_uses_evaluated_epochs_only(
    losses: tuple[float | None, ...], marked: bool
) -> None:
    run = curve(*((1 / (i + 1), loss, 0.9) for i, loss in enumerate(losses)))
    assert [one.name for one in marks(run, ChanceLevel(0.1, 1000))] == ["not converged"] * marked


def test_run_without_test_figures_has_no_level() -> None:
    """As after an interruption before the first evaluated epoch."""
    begun = dataclasses.replace(PART, history=PART.history[:2])
    assert math.isnan(begun.test_accuracy)
    assert not ChanceLevel(0.1, 1000).explains(begun)
    assert begun.figure("train_loss") == 0.5
    assert run_figures.accuracy_gap(begun) is None


def test_record_has_null_for_missing_measurements() -> None:
    record = to_record(PART.history[0])
    assert (record["test_loss"], record["test_accuracy"]) == (None, None)
    assert from_record(Epoch, record) == PART.history[0]
    with pytest.raises(TypeError):
        from_record(Epoch, {**record, "test_loss": "none"})
