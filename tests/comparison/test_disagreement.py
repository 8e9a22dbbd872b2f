"""Disagreements of two networks: by counting pairs, against seeds, and on known images."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcompare import cli, read
from convcompare.comparison.disagreement import Disagreements, Votes
from convcompare.comparison.predictions import log_softmax
from convcompare.comparison.stats.estimates import share
from convcompare.output.tables.disagreement_table import disagreement_table, sentences
from convcompare.store.predictions import Predictions
from convcompare.store.run_store import RunStore

Run = Callable[..., Any]
LABELS = np.arange(600) % 4
MODELS = ("fcn:hidden=4", "fcn:hidden=8", "fcn:hidden=16")


def votes(label: str, given: np.ndarray, seeds: tuple[int, ...] | None = None) -> Votes:
    """Return a network that predicts these classes (runs, n), with confidence."""
    mean = np.eye(4)[given].mean(0)
    return Votes(label, seeds or tuple(range(len(given))), given, mean)


def noisy(seed: int, runs: int, errors: float, systematic: float = 0.0) -> np.ndarray:
    """Return correct classes with random errors of each run and errors that all runs share."""
    dice = np.random.default_rng(seed)
    given = np.tile(LABELS, (runs, 1))
    shared = dice.random(600) < systematic
    given[:, shared] = (given[:, shared] + 1) % 4
    wrong = dice.random(given.shape) < errors
    given[wrong] = (given[wrong] + 2) % 4
    return given


def test_shares_are_counts_of_pairs_with_different_seeds() -> None:
    one, other = votes("a", noisy(0, 3, 0.1)), votes("b", noisy(1, 4, 0.1, 0.1), (2, 0, 7, 1))
    found = Disagreements(one, other, LABELS)
    pairs = [
        (a, b)
        for s, a in zip(one.seeds, one.given, strict=True)
        for t, b in zip(other.seeds, other.given, strict=True)
        if s != t
    ]
    assert len(pairs) == 9
    assert found.between.value == pytest.approx(np.mean([a != b for a, b in pairs]))
    only = np.mean([(a == LABELS) & (b != LABELS) for a, b in pairs], axis=0)
    np.testing.assert_allclose(found.shares("only_first"), only)
    assert found.within[1] is not None
    inside = [a != b for a, b in itertools.combinations(other.given, 2)]
    assert found.within[1].value == pytest.approx(np.mean(inside))
    assert found.excess is not None and found.within[0] is not None
    mean = (found.within[0].value + found.within[1].value) / 2
    assert found.excess.value == pytest.approx(found.between.value - mean)


def test_networks_that_differ_by_chance_disagree_like_seeds() -> None:
    covered = 0
    for seed in range(20):
        same = [votes("a", noisy(2 * seed, 4, 0.1)), votes("b", noisy(2 * seed + 1, 4, 0.1))]
        excess = Disagreements(*same, LABELS).excess
        assert excess is not None and excess.low is not None and excess.high is not None
        covered += excess.low <= 0 <= excess.high
    assert covered >= 17
    others = votes("a", noisy(0, 4, 0.1)), votes("b", noisy(1, 4, 0.1, systematic=0.2))
    found = Disagreements(*others, LABELS)
    assert found.excess is not None and found.excess.low is not None and found.excess.low > 0.1
    assert "more than their seeds do" in sentences(found)[2]


def test_one_seed_each_is_one_pair_without_seed_disagreement() -> None:
    one, other = noisy(0, 1, 0.1), noisy(1, 1, 0.1)
    found = Disagreements(votes("a", one), votes("b", other), LABELS)
    assert found.between.value == np.mean(one != other)
    assert found.within == (None, None) and found.excess is None
    assert "is not known" in sentences(found)[1]
    assert disagreement_table(found, ()).rows[0]["first"] is None
    wilson = share(int(np.sum(one != other)), 600)
    assert found.between.low == pytest.approx(wilson.low, abs=2e-4)
    assert found.between.high == pytest.approx(wilson.high, abs=2e-4)
    same = Disagreements(votes("a", one), votes("b", one), LABELS)
    assert (same.between.value, same.images) == (0.0, [])
    assert same.between.low == pytest.approx(0, abs=1e-12)
    assert same.between.high == pytest.approx(share(0, 600).high, rel=0.01)


def test_the_most_confident_disagreement_is_first() -> None:
    given = {"a": ([0, 1, 2, 0], [9.0, 3.0, 5.0, 9.0]), "b": ([1, 1, 0, 2], [1.0, 3.0, 5.0, 9.0])}
    said = []
    for classes, sure in given.values():
        logits = np.zeros((4, 3), np.float32)
        logits[range(4), classes] = sure
        said.append(Predictions(logits, np.array([0, 1, 0, 2])))
    sides = [
        Votes(n, (0,), s.logits.argmax(1)[None], np.exp(log_softmax(s.logits)))
        for n, s in zip("ab", said, strict=True)
    ]
    found = Disagreements(sides[0], sides[1], said[0].labels)
    assert [image.row for image in found.images] == [3, 2, 0]
    first = found.images[0]
    assert (first.given, first.true, first.share) == ((0, 2), 2, 1.0)
    assert first.confidence[0] == pytest.approx(1 / (1 + 2 * np.exp(-9)))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("disagreements") / "runs"
    few = ("-d", "shapes:train=200,test=120", "-e", "1", "-q", "--threads", "1", "--seeds", "2")
    assert cli.run(["compare", *MODELS, *few, "--store", str(place)]) == 0
    return place


def test_command_agrees_with_the_stored_logits(store: Path, run: Run, tmp_path: Path) -> None:
    where = ("--store", str(store))
    found = run("disagreements", *MODELS[1::-1], *where, "--format", "json").json()
    assert found["schema_version"] == 1 and found["models"] == list(MODELS[1::-1])
    comparison, opened = read(store=store).assessment.comparison, RunStore(store)
    given = {
        group.label: [opened.predictions(one).logits.argmax(1) for one in group.finished]
        for group in comparison.groups
    }
    a, b = given[MODELS[1]], given[MODELS[0]]
    expected = np.mean([a[0] != b[1], a[1] != b[0]])
    assert found["between"]["value"] == pytest.approx(expected)
    assert found["classes"][0]["between"] == pytest.approx(expected)
    assert found["within"][0]["value"] == pytest.approx(np.mean(a[0] != a[1]))
    assert len(found["images"]) == len({one["image"] for one in found["images"]})
    text = run("disagreements", *MODELS[:2], *where, "--by", "image", "--format", "csv").out
    assert len(list(csv.DictReader(io.StringIO(text)))) == len(found["images"])
    sheet = run("disagreements", *MODELS[:2], *where, "--out", "new/sheet.png")
    assert sheet.err.startswith("wrote new/sheet.png\n") and "differ on" in sheet.out
    assert (tmp_path / "new" / "sheet.png").read_bytes().startswith(b"\x89PNG")
    library = read(store=store).disagreements(*MODELS[1::-1])
    assert library.between.value == pytest.approx(expected)
    assert f"between={library.between}" in repr(library) and "array(" not in repr(library)


@pytest.mark.parametrize("command", ["disagreements", "classes"])
def test_networks_at_chance_level_are_named(command: str, store: Path, run: Run) -> None:
    found = run(command, *MODELS[:2], "--store", str(store))
    assert found.code == 0
    assert f"warning: {MODELS[0]} (seeds 0, 1) is at chance level" in found.err


def test_other_than_two_networks_is_refused_in_one_line(store: Path, run: Run) -> None:
    where = ("--store", str(store))
    for words in ((), MODELS, MODELS[:1], (MODELS[0], "nothing"), (*MODELS[:2], "--by", "seed")):
        found = run("disagreements", *words, *where)
        assert (found.code, found.out) == (2, "")
        assert found.err.count("\n") == 2 and "hint: " in found.err


def test_figure_has_every_pair_and_the_seeds(store: Path, run: Run) -> None:
    drawn = run("plot", "disagreements", "--store", str(store), "--format", "json").json()
    rows = drawn["figures"][0]["rows"]
    assert len(rows) == 6 and sum(a == b for a, b, *_ in rows) == 3
    shares = {(a, b): share for a, b, share, *_ in rows}
    found = run("disagreements", *MODELS[:2], "--store", str(store), "--format", "json").json()
    assert shares[MODELS[1], MODELS[0]] == found["between"]["value"]
    assert shares[MODELS[0], MODELS[0]] == found["within"][0]["value"]
