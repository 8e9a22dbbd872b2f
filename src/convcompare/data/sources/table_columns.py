"""Columns of files, classes and splits in a table, by their names, else by their values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from convcompare.core.errors import DataError

from .image_files import names_image
from .matlab_files import PLACE
from .split_names import (
    ONE,
    ZERO,
    SplitKind,
    names_several_splits,
    split_kinds,
    split_words,
)
from .table_rows import TableFile

FILES = (
    *("filename", "file", "filenames", "files", "filepath", "filepaths", "path", "paths"),
    *("imagepath", "imgpath", "imagename", "imgname", "imagefile", "image", "images", "img"),
    *("imageid", "imgid", "idcode", "id", "photo", "picture"),
)
LABELS = (
    *("label", "labels", "class", "classes", "classname", "labelname", "category", "categoryname"),
    *("target", "species", "breed", "diagnosis", "dx", "groundtruth", "choice", "y"),
    *("labelid", "classid", "categoryid"),
)
_IDS = ("id", "imageid", "imgid", "idcode")
"""Names in `FILES` of columns that may number rows, and not name files."""
MAY_BE_SPLIT = ("set", "dataset")
SPLITS = ("split", "subset", "partition", "datasplit", *MAY_BE_SPLIT)
_NUMBER = re.compile(r"[-+]?\d*\.?\d+(e[-+]?\d+)?", re.IGNORECASE)
_WHOLE = re.compile(r"[-+]?\d+(\.0*)?")
_FRACTION = re.compile(r"[-+]?\d+\.0*")
_X = re.compile(r"\bx\b", re.IGNORECASE)
_FEW_NUMBERS = 20
"""Maximum number of different numbers that may be classes without a usual name of the column; more
may be measurements."""
_INDEX = re.compile("|index|unnamed[0-9]+")
"""Names of columns of row numbers that pandas writes, such as ``Unnamed: 0.1``."""
GROUPS = (
    *("patient", "subject", "person", "participant", "individual", "donor", "case", "group"),
    *(
        "lesion",
        "specimen",
        "slide",
        "wsi",
        "scan",
        "study",
        "video",
        "clip",
        "sequence",
        "session",
    ),
    *("scene", "driver", "user"),
)
"""Columns of what several images are of, also with ``id``, ``name`` or ``number``."""
_OF_GROUPS = re.compile(rf"({'|'.join(GROUPS)})(id|ids|name|no|number|(instance)?uid)?")
_FOLDS = ("fold", "folds", "kfold", "foldid", "cvfold")


def plain_names(table: TableFile) -> dict[str, str]:
    """Return the plain name of each column of a table; ``y`` beside ``x`` is a coordinate."""
    names = {column: plain_name(column) for column in table.columns}
    if any(_X.search(one) and not names_image(cell(table.first, one)) for one in names):
        names |= {column: "coordinate" for column, name in names.items() if name == "y"}
    return names


def file_column(table: TableFile, names: dict[str, str]) -> str | None:
    """Return the column of files: with a usual name, else the only one that names images.

    Numbers of rows give way to a column of names: ``img_id`` to ``img_filename``.
    """
    if table.by_place:
        return PLACE
    known = first_of(names, FILES)
    if known and names[known] not in _IDS:
        return known
    images = [column for column in names if names_image(cell(table.first, column))]
    ending = [column for column, name in names.items() if name.endswith("filename")]
    if known:
        others = [one for one in images if "://" not in cell(table.first, one)]
        better = [one for one in ending if one in others] or (others if len(others) == 1 else [])
        return known if known in images or not better else better[0]
    if ending:
        return ending[0]
    if any(map(names_image, names)):  # the first line is a row, not a heading
        return None
    return images[0] if len(images) == 1 else None


def split_column(table: TableFile, others: Sequence[str | None]) -> str | None:
    """Return the only column, not among `others`, whose values all mean splits, including train.

    None if there are several, as ``is_valid`` and ``is_test``, each of which may be incomplete.
    """
    found = []
    with suppress(DataError):
        for column in (one for one in table.columns if one not in others):
            values = {cell(row, column) for row in table.rows}
            kinds = split_kinds(column, values)
            if values <= kinds.keys() and {kinds[one] for one in values} > {"train"}:
                found.append(column)
    return found[0] if len(found) == 1 else None


def column_kinds(table: TableFile, column: str) -> dict[str, SplitKind]:
    """Return the split that each value of a column means, without values that mean none."""
    return split_kinds(column, {cell(row, column) for row in table.rows})


def holds_splits(table: TableFile, column: str) -> bool:
    """Return whether the values of a column are splits, with the name of the file as title."""
    with suppress(DataError):
        values = {cell(row, column) for row in table.rows}
        return values <= split_kinds(table.path.stem, values).keys()
    return False


def correspond(table: TableFile, column: str, other: str) -> bool:
    """Whether each value of a column stands beside one value of another, and the reverse."""
    return one_to_one((cell(row, column), cell(row, other)) for row in table.rows)


def one_to_one(pairs: Iterable[tuple[object, object]]) -> bool:
    """Whether each first value stands beside one second value, and the reverse."""
    known = {*pairs}
    return len(known) == len({one for one, _ in known}) == len({two for _, two in known})


def holds_classes(table: TableFile, column: str) -> bool:
    """Return whether the values of a column of a table may be classes."""
    with suppress(DataError):
        return may_be_classes([cell(row, column) for row in table.rows])
    return False


def may_be_classes(values: Iterable[str]) -> bool:
    """Return whether values, except blanks, repeat and are texts or few different integers."""
    given = [value for value in values if value]
    kinds = set(given)
    numbers = all(_NUMBER.fullmatch(kind) for kind in kinds)
    few = len(kinds) <= _FEW_NUMBERS and all(_WHOLE.fullmatch(kind) for kind in kinds)
    return 2 * len(kinds) <= len(given) and (few or not numbers)


def whole_numbers(values: Sequence[str]) -> Sequence[str]:
    """Return values without ``.0`` if all, except blanks, have it: pandas writes 3 as ``3.0``."""
    if not all(map(_FRACTION.fullmatch, filter(None, values))):
        return values
    return [value.partition(".")[0] for value in values]


def class_columns(table: TableFile, file: str) -> tuple[str, ...]:
    """Return the columns of 0 and 1, if there are two or more with a single 1 per row."""
    try:
        rows = [row for row in table.rows if cell(row, file)]
    except DataError:
        return ()
    columns = [
        name
        for name in table.columns
        if name != file
        and not may_name_splits(name)
        and all(cell(row, name) in (*ONE, *ZERO) for row in rows)
    ]
    single = all(sum(cell(row, name) in ONE for name in columns) == 1 for row in rows)
    return tuple(columns) if rows and single and len(columns) > 1 else ()


def group_columns(names: Mapping[str, str]) -> list[str]:
    """Return the columns of patients, lesions, videos, … by the plain names of all columns."""
    return [column for column, name in names.items() if _OF_GROUPS.fullmatch(name)]


def numbers_rows(name: str) -> bool:
    """Return whether a plain name is that of a column of row numbers."""
    return bool(_INDEX.fullmatch(name))


def may_name_splits(column: str) -> bool:
    """Return whether a column seems to contain the splits of images.

    Examples are ``fold``, ``is_test``, ``split1`` and ``official_split``.
    """
    words = split_words(column)
    is_flag = words is not None and words[1] in ((), ("is",))
    plain = plain_name(column).rstrip("0123456789")
    return is_flag or plain in (*SPLITS, *_FOLDS) or names_several_splits(column)


def surely_names_splits(column: str) -> bool:
    """Return the same, but not for ambiguous names: ``dataset`` may be the source of an image."""
    plain = plain_name(column).rstrip("0123456789")
    return may_name_splits(column) and plain not in MAY_BE_SPLIT


def first_of(names: dict[str, str], known: Sequence[str]) -> str | None:
    """Return the column whose name is first among the known names."""
    for name in known:
        for column, plain in names.items():
            if plain == name:
                return column
    return None


def plain_name(column: str) -> str:
    """Return the name of a column in lower case, without separators of words."""
    return re.sub(r"[\W_]+", "", column.lower())


def cell(row: dict[str, object], column: str) -> str:
    """Return a cell as stripped text; empty if it is missing, a list or an object."""
    value = row.get(column)
    if value is None or isinstance(value, (list, dict)):
        return ""
    return str(value).strip()


def image_of(table: TableFile, row: dict[str, object], column: str) -> str | int:
    """Return the image of a row: as it is written in a column, or its number."""
    number = row.get(column)
    return number if table.by_place and isinstance(number, int) else cell(row, column)
