"""Figures of a report, drawn by several processes if they are not in the cache."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from convcompare.core import memory
from convcompare.core.errors import DataError, UsageError
from convcompare.core.process import cores
from convcompare.core.registry import register

from ..plots.figure import styled
from ..plots.rendered import RenderedFigure, render
from ..plots.source import Source, draw
from .figure_cache import FigureCache, key_of
from .sections import Section

Outcome = tuple[RenderedFigure, ...] | UsageError | DataError
"""The figures of a kind, or why there are none: no record, or the images are missing."""
Place = tuple[int, str]
"""Index of a section, and a kind of figure."""
Progress = Callable[[int, int], None]
"""Called with the number of kinds that are done, and the total."""
EACH = 8
"""Number of kinds of figures per process; with fewer, its start takes longer than it saves."""
MOST_PROCESSES = 8


def draw_figures(
    sections: Sequence[Section],
    cache: FigureCache | None = None,
    progress: Progress = lambda done, total: None,
) -> Mapping[Place, Outcome]:
    """Draw the figures of all sections whose networks have a finished run.

    Args:
        sections: The sections of a report.
        cache: Cache of figures [default: all are drawn].
        progress: Called after each kind.

    Returns:
        The figures or the error, by section and kind.
    """
    places = list(_places(sections))
    found: dict[Place, Outcome] = {}
    keys: dict[Place, str] = {}
    with styled():
        for number, kind in places if cache else ():
            if key := key_of(sections[number].source, kind):
                keys[number, kind] = key
                if (kept := cache.get(key)) is not None:  # type: ignore[union-attr]
                    found[number, kind] = kept
    progress(len(found), len(places))
    missing = [place for place in places if place not in found]
    processes = min(cores(), MOST_PROCESSES, len(missing) // EACH)
    for place, outcome in _drawn(sections, missing, processes):
        found[place] = outcome
        if cache and place in keys and isinstance(outcome, tuple):
            cache.keep(keys[place], outcome)
        progress(len(found), len(places))
    if cache and missing:
        cache.prune()
    return found


def _places(sections: Sequence[Section]) -> Iterator[Place]:
    for number, section in enumerate(sections):
        if any(group.finished for group in section.comparison.groups):
            yield from ((number, kind) for kind in section.figures)


def _drawn(
    sections: Sequence[Section], places: Sequence[Place], processes: int
) -> Iterator[tuple[Place, Outcome]]:
    done: set[Place] = set()
    if processes > 1:
        for place, outcome in _in_processes(sections, places, processes):
            done.add(place)
            yield place, outcome
    for number, kind in places:
        if (number, kind) not in done:
            yield (number, kind), _draw(sections[number].source, kind)


def _in_processes(
    sections: Sequence[Section], places: Sequence[Place], processes: int
) -> Iterator[tuple[Place, Outcome]]:
    """Yield the figures that separate processes draw; if one of them dies, the rest is missing.

    Kinds of plugins are left to this process, which has loaded them.
    """
    import multiprocessing

    sources = [
        Source(one.comparison, type(one.source.store)(one.source.store.root), one.source.sources)
        for one in sections
    ]
    ours = [place for place in places if register.plot[place[1]].code is None]
    pool = ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(sources,)
    )
    try:
        waiting: dict[Future[Outcome], Place] = {pool.submit(_work, *one): one for one in ours}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    except BrokenProcessPool:
        return
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


_sources: list[Source] = []
"""The comparisons in a drawing process, which assesses each once."""


def _begin(sources: Sequence[Source]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command stops its processes itself
    _sources[:] = sources


def _work(number: int, kind: str) -> Outcome:
    return _draw(_sources[number], kind)


def _draw(source: Source, kind: str) -> Outcome:
    try:
        with styled(), memory.without_collection():
            return tuple(render(drawing) for drawing in draw(register.plot[kind], source))
    except UsageError as error:
        return UsageError(error.message, error.hint)
    except DataError as error:
        return DataError(error.message, error.hint)
