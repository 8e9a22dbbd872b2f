"""Random sequences of store operations, compared with a model of the store's contents."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from convcompare.store.cost import Cost
from convcompare.store.run import Epoch, Run
from convcompare.store.run_store import RunStore
from tests.support.trials import COMPARISON, ENVIRONMENT, PREDICTIONS, epoch, trial

from .harness import Outcome, in_batches

BATCH = 25
STEPS = 20
SEEDS = st.integers(0, 2)


def sequences(n: int, seed: int) -> Outcome:
    """Run `n` sequences of up to 20 operations, 25 per process."""
    return in_batches(n, BATCH, "sequences", "tests.torture.sequences:run_sequences", seed)


def run_sequences(count: int, seed: int) -> None:
    """Run the state machine in this process; a failure is raised with its steps."""
    limits = settings(
        max_examples=count,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    seeded(seed)(StoreMachine)
    run_state_machine_as_test(StoreMachine, settings=limits)
    print("all held")


class StoreMachine(RuleBasedStateMachine):
    """Three trials of one store. The model: saved checkpoints, ended runs, failed runs."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = RunStore(Path(self.folder.name, "runs"))
        self.started: set[int] = set()
        self.ready: set[int] = set()
        self.epochs: dict[int, list[Epoch]] = {}
        self.states: dict[int, list[tuple[int, bytes]]] = {}
        self.ended: dict[int, Run] = {}
        self.failed: dict[int, Run] = {}
        self.comparisons: dict[str, dict[str, Any]] = {}

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(number=SEEDS)
    def begin(self, number: int) -> None:
        self.store.begin(trial(number), ENVIRONMENT)
        self.started.add(number)
        self.ready.add(number)

    @precondition(lambda self: self.ready - self.ended.keys())
    @rule(data=st.data(), tensors=st.binary(max_size=20))
    def save_epoch(self, data: Any, tensors: bytes) -> None:
        number = data.draw(st.sampled_from(sorted(self.ready - self.ended.keys())))
        epochs = self.epochs.setdefault(number, [])
        epochs.append(epoch(len(epochs) + 1))
        self.store.save_epoch(trial(number), list(epochs), tensors)
        self.states.setdefault(number, []).append((len(epochs), tensors))

    @precondition(lambda self: self.ready - self.ended.keys())
    @rule(data=st.data(), diverged=st.booleans(), weights=st.binary(max_size=20))
    def finish(self, data: Any, diverged: bool, weights: bytes) -> None:
        number = data.draw(st.sampled_from(sorted(self.ready - self.ended.keys())))
        history = tuple(self.epochs.get(number, ()))
        status: Any = "diverged" if diverged else "finished"
        run = Run(trial(number), status, history, Cost(1, 1), ENVIRONMENT, "2026-01-01")
        kept = (None, None) if diverged else (weights, PREDICTIONS)
        self.ended[number] = self.store.finish(run, *kept)
        assert replace(self.ended[number], sha256={}) == replace(run, sha256={})
        if not diverged:
            assert self.store.weights(self.ended[number]) == weights
        self.failed.pop(number, None)

    @precondition(lambda self: self.ready - self.ended.keys())
    @rule(data=st.data())
    def fail(self, data: Any) -> None:
        number = data.draw(st.sampled_from(sorted(self.ready - self.ended.keys())))
        history = tuple(self.epochs.get(number, ()))
        run = Run(trial(number), "failed", history, Cost(1, 1), ENVIRONMENT, "2026-01-01", "why")
        self.store.note_failure(run)
        self.failed[number] = run

    @rule(number=SEEDS)
    def forget(self, number: int) -> None:
        self.store.forget(trial(number).id)
        for record in (self.ended, self.epochs, self.states):
            record.pop(number, None)
        self.ready.discard(number)
        if not (self.store.folder(trial(number).id) / "error.json").exists():
            self.failed.pop(number, None)

    @precondition(lambda self: any(n not in self.ended for n in self.states))
    @rule(data=st.data(), cut=st.booleans())
    def damage_newest_state(self, data: Any, cut: bool) -> None:
        """The store must fall back to the previous checkpoint and report it."""
        number = data.draw(st.sampled_from([n for n in sorted(self.states) if n not in self.ended]))
        epoch, tensors = self.states[number][-1]
        path = self.store.folder(trial(number).id) / "checkpoint" / f"{epoch:04}.safetensors"
        path.write_bytes(tensors[:-1] if cut and tensors else tensors + b"!")
        self.states[number] = self.states[number][-2:-1]
        self.epochs[number] = self.epochs[number][: epoch - 1] if self.states[number] else []
        if not self.states[number]:
            del self.states[number]

    @rule(number=SEEDS, name=st.sampled_from("abc"))
    def add_comparison(self, number: int, name: str) -> None:
        record = {**COMPARISON, "seed": number}
        self.comparisons[name] = record
        self.store.add_comparison(name, self.comparisons[name])

    @rule()
    def open_again(self) -> None:
        self.store = RunStore(self.store.root)

    @invariant()
    def store_agrees_with_the_model(self) -> None:
        assert set(self.store.ids()) == {trial(number).id for number in self.started}
        assert self.store.comparisons() == sorted(self.comparisons)
        for name, record in self.comparisons.items():
            assert self.store.comparison(name).items() >= record.items()
        for number in self.started:
            self._check(number, trial(number).id)

    def _check(self, number: int, run_id: str) -> None:
        assert self.store.finished(run_id) == (number in self.ended)
        outcome = self.store.outcome(run_id)
        if number in self.ended:
            assert outcome == self.ended[number]
        else:
            assert outcome == self.failed.get(number)
            checkpoint, _ = self.store.checkpoint(run_id)
            if number in self.states:
                assert checkpoint is not None
                epoch, tensors = self.states[number][-1]
                assert checkpoint.data == tensors
                assert checkpoint.history == tuple(self.epochs[number][:epoch])
            else:
                assert checkpoint is None
        assert not list(self.store.root.rglob(".tmp-*"))
