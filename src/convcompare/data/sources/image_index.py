"""Index of images by all that a table or list may call them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from .image_files import stem
from .image_walk import FolderWalk, one_form

_NUMBER = re.compile(r"[0-9]{1,18}")
_NUMBERED = re.compile(r"(.*?)([0-9]{1,18})")
_WHOLE = re.compile(r"[0-9]{1,15}(\.0+)?")
_BLANKS = " \t,;|'\""
_BETWEEN = re.compile(r"[\s,;|]+")
_MOST_CELLS = 12
"""Maximum number of cells of a line after which the name of an image may end."""


class ImageIndex:
    """Index of images by their path from the root, the end of their path, and their name.

    All also match without extension, and names in any case, as numbers (programs that process
    tables change ``007`` to ``7``) and with another extension, as of images that were converted.
    """

    def __init__(self, walk: FolderWalk, pool: Sequence[Path]) -> None:
        self._pool = pool
        self._paths = defaultdict[str, list[Path]](list)
        self._without_ending = defaultdict[str, list[Path]](list)
        self._ends = defaultdict[str, list[Path]](list)
        self._names = defaultdict[str, list[Path]](list)
        self._stems = defaultdict[str, list[Path]](list)
        self._folded = defaultdict[str, list[Path]](list)
        self._numbers = defaultdict[int, list[Path]](list)
        places = {path.parent for path in pool}
        self._folders = {
            one_form(part) for place in places for part in Path(walk.shown(place)).parts
        }
        for path in pool:
            shown, name = one_form(walk.shown(path)), one_form(path.name)
            self._paths[shown].append(path)
            self._without_ending[stem(shown)].append(path)
            for end in {name, stem(name)}:
                self._ends[f"{one_form(path.parent.name)}/{end}"].append(path)
            self._names[name].append(path)
            self._stems[stem(name)].append(path)
            self._folded[name.casefold()].append(path)
            if _NUMBER.fullmatch(stem(path.name)):
                self._numbers[int(stem(path.name))].append(path)

    @cached_property
    def _places(self) -> dict[int, Path]:
        """Images by the number at the end of their names; empty unless these are 1 to n.

        The names are the same before the number.
        """
        named = [(_NUMBERED.fullmatch(stem(path.name)), path) for path in self._pool]
        found = {int(match[2]): path for match, path in named if match}
        whole = len(found) == len(named) and found.keys() == {*range(1, len(named) + 1)}
        return found if whole and len({match and match[1] for match, _ in named}) == 1 else {}

    def at_the_start(self, line: str | int, base: str) -> tuple[Path, str] | None:
        """Return the image at the start of a line and the rest; None for no or several images.

        A number is that of an image, from 1.
        """
        if isinstance(line, int):
            place = self._places.get(line)
            return (place, "") if place else None
        ends = [len(line), *(match.start() for match in reversed([*_BETWEEN.finditer(line)]))]
        for end in ends[:_MOST_CELLS]:
            found = self.find(line[:end].strip("'\""), base)
            if found:
                rest = line[end:].strip(_BLANKS)
                return (found[0], rest) if len(found) == 1 else None
        return None

    def find(self, text: str | int, base: str) -> list[Path]:
        """Return the images that `text` may mean, relative to `base`; a URL counts by its path.

        A number is that of an image, from 1.
        """
        if isinstance(text, int):
            return [self._places[text]] if text in self._places else []
        forms = (text, unquote(text), unquote(text.partition("?")[0]))
        return next((found for form in forms if (found := self._find(form, base))), [])

    def _find(self, text: str, base: str) -> list[Path]:
        written = one_form(text.replace("\\", "/")).removeprefix("./")
        exact = self._by_path(written if base == "." else f"{base}/{written}")
        if exact := exact or self._by_path(written):
            return exact
        *folders, name = written.split("/")
        for same in (
            self._ends.get("/".join([*folders[-1:], name])),
            self._names.get(name),
            self._stems.get(name),
            self._folded.get(name.casefold()),
            self._numbers.get(int(float(name))) if _WHOLE.fullmatch(name) else None,
            self._stems.get(stem(name)),
        ):
            shared = [self._shared(path, folders) for path in same or ()]
            best = max(shared, default=-1)
            if same and best >= 0:
                return [path for path, count in zip(same, shared, strict=True) if count == best]
        return []

    def _by_path(self, path: str) -> list[Path]:
        return self._paths.get(path) or self._without_ending.get(path) or []

    def _shared(self, path: Path, folders: Sequence[str]) -> int:
        """Count the innermost `folders` of a text that a path has too; -1 if it is another image.

        Texts may start on another machine or above the root. A text with a folder that exists here
        does not mean an image in another folder: ``train/1.png`` is not ``test/1.png``.
        """
        own = one_form(path.parent.as_posix()).split("/")
        pairs = zip(reversed(folders), reversed(own), strict=False)
        for count, (wanted, found) in enumerate(pairs):
            if wanted != found:
                return -1 if wanted in self._folders and wanted not in own else count
        return min(len(folders), len(own))
