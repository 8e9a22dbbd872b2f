"""Hints for files that contain images in other forms than an image folder."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from convcompare.core.errors import DataError, quote, typed

from .array_names import SAVEZ, array_roles
from .label_table import has_pixels
from .matlab_files import MATLAB, matlab_names
from .split_names import split_words

ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"}
_ARRAYS = {
    *(".npy", ".mat", ".h5", ".hdf5", ".tfrecord", ".tfrec", ".mdb", ".lmdb", ".pkl", ".pickle"),
    *(".pt", ".pth", ".bin", ".record", ".beton"),
}
_VOLUMES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd")
_PUBLISHED = re.compile(
    r".*/((data|test)_batch(_\d)?|cifar-100-python/(train|test)|[^/]*idx[13][-.]ubyte(\.gz)?"
    r"|(train|test|extra)_32x32\.mat)",
    re.IGNORECASE,
)
"""Paths of files of CIFAR, MNIST and SVHN."""

SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")
_SAVEZ = f"save the arrays by {SAVEZ}, which `npz:FILE` reads"


def _roles(names: Iterable[str]) -> Collection[object]:
    """Return what arrays are by their names, such as training images."""
    with suppress(DataError):  # two of one name
        return array_roles(names)
    return ()


def how_to_read(files: Iterable[Path]) -> str:
    """Return a hint on the first spreadsheet, Parquet file, archive or MATLAB file; or ""."""
    for path in files:
        if path.suffix.lower() in (*SPREADSHEETS, ".parquet"):
            return (
                f"save {quote(path.name)} as CSV with columns file and label, and split if it "
                "names splits: beside images, only tables of text are read"
            )
        if path.suffix.lower() in ARCHIVES:
            return f"unpack {quote(path.name)} beside the other images if it holds images"
        if path.suffix.lower() == MATLAB:
            return (
                f"write a table with columns file, label and split in place of {quote(path.name)}; "
                "of MATLAB files, lists of images, classes and splits are read, of version 5 to 7.2"
            )
    return ""


def _matlab_hint(paths: Sequence[Path]) -> str:
    """Return a hint on how to read the first of some MATLAB files; empty if it has no images."""
    if not paths:
        return ""
    try:
        roles = _roles(matlab_names(paths[0]))
    except ValueError as error:
        return f"{quote(paths[0].name)} is {error}"
    if len(roles) < 2:
        return ""
    place = paths[0] if len(paths) == 1 else paths[0].parent
    return f"{typed(f'npz:{place}')} reads images and labels in MATLAB files"


def _holds_arrays(path: Path) -> bool:
    """Return whether the ending is one of arrays, also in ``train.tfrecord-00000-of-00002``."""
    return path.suffix.lower().partition("-")[0] in _ARRAYS


def reads_instead(files: Iterable[Path]) -> str:
    """Return a hint on how to read the first files of a known kind; empty if there are none."""
    paths = list(files)
    arrays = [path for path in paths if path.suffix.lower() == ".npz"]
    if len(arrays) > 1 and all(map(split_words, (path.stem for path in arrays))):
        return f"{typed(f'npz:{arrays[0].parent}')} reads a folder of files of arrays"
    if arrays:
        return f"{typed(f'npz:{arrays[0]}')} reads a file of arrays"
    single = [path for path in paths if path.suffix.lower() == ".npy"]
    if len({path.parent for path in single}) == 1 and len(_roles(path.stem for path in single)) > 1:
        return f"{typed(f'npz:{single[0].parent}')} reads a folder with a file per array"
    tables = [path for path in paths if path.suffix.lower() == ".parquet"]
    if tables:
        return f"{typed(f'parquet:{os.path.commonpath(tables)}')} reads Parquet files"
    if any(path.suffix.lower() in (".arrow", ".feather") for path in paths):
        return (
            '`datasets.load_from_disk(FOLDER)["train"].to_parquet("train.parquet")` writes what '
            "`parquet:FOLDER` reads"
        )
    if any(path.name.lower().endswith(_VOLUMES) for path in paths):
        return (
            "save the slices of each volume as PNG, of each class in a folder: FOLDER/CLASS/IMAGE"
        )
    if any(path.suffix.lower() == ".dvc" for path in paths):
        return "`dvc pull` fetches what a file .dvc stands for"
    matlab = _matlab_hint([path for path in paths if path.suffix.lower() == MATLAB])
    if any(_PUBLISHED.fullmatch(f"/{path.as_posix()}") for path in paths):
        return (
            "published sets are read by their names, as `--dataset mnist --data-dir FOLDER`; "
            f"of your own, {matlab or _SAVEZ}"
        )
    if matlab:
        return matlab
    if any(path.suffix.lower() in ARCHIVES for path in paths):
        return "unpack the archive, and write folder:PATH with the folder"
    if any(_holds_arrays(path) or has_pixels(path) for path in paths):
        return _SAVEZ
    return ""
