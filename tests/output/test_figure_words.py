"""Captions and keys of figures: scales, which runs are paired, what is not drawn and why."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from convcompare.comparison.robustness import Robustness
from convcompare.core.corruptions import corruptions
from convcompare.core.errors import UsageError
from convcompare.output.tables.robustness_table import robustness_table
from convcompare.store.layout import FEATURES
from convcompare.store.robustness_record import DamagedPredictions, RobustnessRecord
from convcompare.store.similarity_record import SIMILARITY
from tests.support.figures import Made, MadeRuns, drawn, source

ONE_SEED = [Made("first", (0.9,)), Made("second", (0.8,), gradient=3.0)]
TWO_SEEDS = [Made("first", (0.9, 0.91)), Made("second", (0.8, 0.82))]


@pytest.mark.parametrize("kind", ["disagreements", "similarity"])
def test_caption_of_one_seed_each_does_not_mention_different_seeds(kind: str) -> None:
    (alone,) = drawn(source(ONE_SEED), kind)
    assert "one run of each network, with the same seed" in alone.caption
    assert "different seeds" not in alone.caption + alone.key and "diagonal" not in alone.key
    (several,) = drawn(source(TWO_SEEDS), kind)
    assert "means over pairs of runs with different seeds" in several.caption


def test_network_without_layers_in_common_is_named() -> None:
    made = source([*TWO_SEEDS, Made("third", (0.7, 0.71))])
    records = recorded(made.store)
    for name in [run.id for group in made.groups if group.label == "third" for run in group.runs]:
        arrays = dict(records[name][SIMILARITY])
        records[name] = {**records[name], SIMILARITY: arrays | {"rows": arrays["rows"] + 1}}
    (drawing,) = drawn(made, "similarity")
    assert "third" not in {row[0] for row in drawing.rows}
    assert "no layers on the same images: third" in drawing.figure.get_suptitle().replace("\n", " ")


def test_images_are_drawn_on_the_full_grey_scale() -> None:
    made = source(ONE_SEED)
    for kind in ("activations", "feature-maps"):
        (drawing,) = drawn(made, kind)
        pictures = [one for one in drawing.figure.axes[0].images if one.get_cmap().name == "gray"]
        assert pictures
        assert {one.get_clim() for one in pictures} == {(0, 255)}
        assert "own scale" in drawing.key


def test_key_states_that_filters_of_several_channels_are_means() -> None:
    made = source(ONE_SEED)
    records = recorded(made.store)
    (run,) = made.groups[1].runs
    arrays = dict(records[run.id][FEATURES])
    four = np.repeat(arrays["filters"], 4, axis=1)
    records[run.id] = {**records[run.id], FEATURES: arrays | {"filters": four}}
    (drawing,) = drawn(made, "filters")
    assert "white: 0 (mean of 4 channels)" in drawing.key


@pytest.mark.parametrize("kind", ["activations", "activation-statistics"])
def test_functional_activations_are_refused_with_the_module_to_use(kind: str) -> None:
    made = source(ONE_SEED)
    records = recorded(made.store)
    for name, found in records.items():
        arrays = dict(found[FEATURES])
        empty = {key: arrays[key][:0] for key in ("first", "layers", "mean", "std", "dead")}
        records[name] = {**found, FEATURES: arrays | empty}
    with pytest.raises(UsageError, match="no activation that is a module") as raised:
        drawn(made, kind)
    assert "nn.ReLU()" in str(raised.value.hint)


def test_legend_names_the_last_epoch_of_each_if_lengths_differ() -> None:
    longer = Made("longer", (0.9,), losses=(1.2, 0.6, 0.4, 0.35, 0.3, 0.2))
    for others, expected in (([], "epoch 6"), ([ONE_SEED[0]], "the last epoch of each")):
        by_layer, *_ = drawn(source([longer, *others]), "gradients")
        (legend,) = by_layer.figure.legends
        assert legend.get_texts()[-1].get_text() == expected


def test_power_reports_contrasts_that_were_not_compared() -> None:
    made = source(TWO_SEEDS)
    groups = tuple(
        dataclasses.replace(
            group, runs=tuple(dataclasses.replace(run, status="diverged") for run in group.runs)
        )
        if group.label == "second"
        else group
        for group in made.comparison.groups
    )
    comparison = dataclasses.replace(made.comparison, groups=groups)
    with pytest.raises(UsageError, match=r"1 contrast not compared \(no run of second counts\)"):
        drawn(dataclasses.replace(made, comparison=comparison), "power")


def test_robustness_table_names_the_part_of_the_test_images() -> None:
    made = source(ONE_SEED, images=40)
    none = np.zeros(8, np.int32)
    found = {
        kind.name: DamagedPredictions(
            kind.definition, ("",), np.zeros((len(kind.levels), 8), np.int32)
        )
        for kind in corruptions()
    }
    record = RobustnessRecord(
        np.arange(8), none.astype(np.int64), none, np.stack([none] * 2), found
    )
    made.store.addition = lambda *_: record.to_arrays()  # type: ignore[method-assign]
    table = robustness_table(Robustness(made.comparison, made.store))
    assert "8 of 40 test images, as many of each class" in table.notes[0]


def test_power_of_a_single_network_asks_for_a_second() -> None:
    with pytest.raises(UsageError) as raised:
        drawn(source(TWO_SEEDS[:1]), "power")
    assert raised.value.hint == "name two networks or more"


def recorded(store: object) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    """Return the records of a made comparison, to be changed."""
    assert isinstance(store, MadeRuns)
    return store.recorded  # type: ignore[return-value]
