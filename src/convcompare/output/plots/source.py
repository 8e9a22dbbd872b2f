"""The source of a figure: the runs of a comparison and their records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy.typing as npt

from convcompare.comparison.assessment import Assessment
from convcompare.comparison.comparison import Comparison
from convcompare.comparison.doubts import About
from convcompare.comparison.model_runs import ModelRuns
from convcompare.core.errors import UsageError, printable
from convcompare.core.formatting import several, span
from convcompare.core.registry import Entry
from convcompare.data.dataset import Dataset, Images, Sources
from convcompare.data.load import load_recorded
from convcompare.data.training_cut import image_numbers
from convcompare.store.feature_record import FeatureRecord
from convcompare.store.gradient_record import GRADIENTS, GradientRecord
from convcompare.store.layout import FEATURES, analysis_file
from convcompare.store.receptive_field_record import FIELDS, FieldRecord
from convcompare.store.run import Run
from convcompare.store.run_store import Predictions, RunStore

from .figure import Drawing, headline
from .fonts import MISSING, lacking
from .style import ModelStyle, looks


@dataclass(frozen=True)
class Source:
    """The runs of a comparison, from which a plot is drawn.

    Plugins may use these members; the others are internal.

    - ``groups``: the models that have finished runs. Of each, ``label``, ``parameters``, ``macs``,
      and ``finished``, its finished runs; of a run, ``trial.seed``, ``history`` (its epochs),
      ``train_seconds``.
    - ``looks``: the style of each model, by its label. Of each, ``name``, ``colour``, and the
      keyword arguments for matplotlib of ``line()``, ``dots()`` and ``bar()``.
    - ``look(group, "accuracy")``, or ``"time"``: the same, hollow if marks of its runs make such
      figures not comparable.
    - ``predictions(group)``: for each finished run, its ``logits`` and the ``labels``.
    - ``classes``: the names of the classes, in the order of their labels.

    ``groups`` raises UsageError if no run has finished.
    """

    comparison: Comparison
    store: RunStore
    sources: Sources

    @cached_property
    def looks(self) -> Mapping[str, ModelStyle]:
        """Style of each model, also without finished runs, so that colours never change."""
        return looks(self.comparison.whole or self.comparison.labels)

    @cached_property
    def groups(self) -> list[ModelRuns]:
        """The models that have finished runs; raises UsageError if there are none."""
        return self.comparison.require_finished()

    @cached_property
    def assessment(self) -> Assessment:
        """The verdicts of the comparison, on the figures that it is about."""
        return Assessment(self.comparison, self.store)

    def look(self, group: ModelRuns, *about: About) -> ModelStyle:
        """Return the style of a model in a figure of accuracies or times, hollow if marked."""
        return replace(
            self.looks[group.label], hollow=bool(self.assessment.doubts.of(group, *about))
        )

    def look_of_run(self, group: ModelRuns, run: Run, about: About) -> ModelStyle:
        """Return the style of one run, hollow if that run has marks."""
        marked = bool(self.assessment.doubts.of_run(run, about))
        return replace(self.looks[group.label], hollow=marked)

    def marked(self, *about: About) -> str:
        """Describe which models have which marks; empty if none has."""
        return self.assessment.doubts.words(self.groups, *about)

    def first_runs(self) -> Iterator[tuple[str, Run]]:
        """Iterate over the label and the first finished run of each model."""
        return ((group.label, group.finished[0]) for group in self.groups)

    def gradients(self) -> Iterator[tuple[str, GradientRecord]]:
        """Iterate over the gradients recorded by the first run of each model."""
        return ((m, GradientRecord.from_arrays(found)) for m, found in self._recorded(GRADIENTS))

    def features(self) -> Iterator[tuple[str, FeatureRecord]]:
        """Iterate over the features of test images recorded by the first run of each model."""
        return ((m, FeatureRecord.from_arrays(found)) for m, found in self._recorded(FEATURES))

    def fields(self) -> Iterator[tuple[str, FieldRecord]]:
        """Iterate over the receptive fields recorded by the first run of each model."""
        return ((m, FieldRecord.from_arrays(found)) for m, found in self._recorded(FIELDS))

    def predictions(self, group: ModelRuns) -> list[Predictions]:
        """Return the predictions of each finished run of a model for the test images."""
        return [self.store.predictions(run) for run in group.finished]

    def _recorded(self, name: str) -> list[tuple[str, dict[str, npt.NDArray[Any]]]]:
        """Return an analysis of the first run of each model.

        Raises:
            UsageError: If no model has it.
        """
        arrays = [(label, self.store.analysis(run, name)) for label, run in self.first_runs()]
        found = [(label, recorded) for label, recorded in arrays if recorded is not None]
        if not found:
            raise UsageError(
                f"these runs recorded no {name}", "`convcompare compare … --fresh` records them"
            )
        return found

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels."""
        return self.comparison.conditions.classes or self._dataset.classes

    def train_images(self, run: Run) -> int:
        """Return the number of images per epoch of a run."""
        conditions, configs = self.comparison.conditions, self._cuts
        if conditions.train_images and len(configs) == 1:
            return conditions.train_images
        return image_numbers(run.trial.config, self._dataset.train.labels)[0]

    @cached_property
    def _cuts(self) -> set[tuple[int | None, float]]:
        """Sizes to which the runs cut the training split, and their held-out fractions."""
        configs = [run.trial.config for run in self.comparison.runs]
        return {(config.train_images, config.val_fraction) for config in configs}

    def image(self, row: int) -> Images:
        """Return a test image, uint8 (channels, h, w)."""
        image: Images = self._dataset.test.images[row]
        return image

    @cached_property
    def _dataset(self) -> Dataset:
        """The data set of the runs; raises DataError if it has changed since."""
        name = self.comparison.conditions.dataset
        return load_recorded(name, self.groups[0].finished[0].trial.data, self.sources)

    def left_out(self, needs: str | None = None) -> list[str]:
        """Describe what a figure does not show: unfinished runs, models without a record.

        `needs` is the analysis that the figure is drawn from. If no model has it, the figure itself
        reports that.
        """
        found = []
        for group in self.comparison.groups:
            bad = Counter(run.status for run in group.runs if run.status != "finished")
            for status, count in bad.items():
                found.append(
                    f"{group.label}: {count} of {len(group.runs)} runs {status}, not shown"
                )
        for runs, state in (
            (self.comparison.unfinished, "not ended, not shown"),
            (self.comparison.missing, "not in the store"),
        ):
            counts = Counter(label for label, _ in runs)
            found += [f"{label}: {several(n, 'run')} {state}" for label, n in counts.items()]
        names = (*self.comparison.labels, *self.comparison.conditions.classes)
        if any(lacking(printable(name)) for name in names):
            found.append(f"{MISSING}: a character that no installed font has")
        if needs:
            first = list(self.first_runs())
            without = [m for m, run in first if analysis_file(needs) not in run.sha256]
            if len(without) < len(first):  # otherwise the figure itself reports it
                found += [f"{label}: no {needs} recorded, not shown" for label in without]
        return found

    def conditions(self, first_seed: bool = False) -> str:
        """Describe the data set and the number of seeds.

        `first_seed` adds that only the first seed is shown.
        """
        seeds = sorted({len(group.finished) for group in self.groups})
        many = f"{span(seeds[0], seeds[-1])} seed{'' if seeds == [1] else 's'}"
        shown = f"first of {many}" if first_seed and seeds != [1] else many
        return f"{self.comparison.conditions.dataset} · {shown}"


def draw(entry: Entry, source: Source) -> list[Drawing]:
    """Draw the figures of a kind, with what they leave out in their headlines and captions."""
    missing = source.left_out(entry.info.get("needs"))
    marked = marked_words(entry, source, "hollow" if entry.info.get("hollow") else "marked")
    drawings: Sequence[Drawing] = entry.function(source)
    finished = []
    for drawing in drawings:
        parts = [source.conditions("first_seed" in entry.info), drawing.key, marked, *missing]
        headline(drawing.figure, " · ".join(part for part in parts if part))
        sentence = [f"{marked[0].upper()}{marked[1:]}"] if marked else []
        added = "".join(f" {line}." for line in [*missing, *sentence])
        finished.append(replace(drawing, caption=drawing.caption + added, alt=drawing.alt + added))
    return finished


def marked_words(entry: Entry, source: Source, how: str = "marked") -> str:
    """Describe which models have marks that concern a kind of figure, and `how` they are drawn."""
    about = entry.info.get("about", ("accuracy",))
    found = source.marked(*(about(source) if callable(about) else about))
    return f"{how}: {found}" if found else ""
