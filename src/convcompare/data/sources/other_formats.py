"""Files that hold images in a form that a folder of images is not: what reads them instead."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .label_table import has_pixels

_ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"}
_ARRAYS = {
    *(".npy", ".mat", ".h5", ".hdf5", ".tfrecord", ".tfrec", ".mdb", ".lmdb", ".pkl", ".pickle"),
    *(".pt", ".pth", ".bin", ".record", ".beton"),
}
_BATCH = re.compile(r"(data|test)_batch(_\d)?|.*idx[13][-.]ubyte(\.gz)?", re.IGNORECASE)
"""Names of the files of CIFAR-10 and of MNIST."""

_SAVEZ = (
    "save the arrays by `numpy.savez(FILE, x_train=…, y_train=…, x_test=…, y_test=…)`, which "
    "`npz:FILE` reads"
)


def reads_instead(files: Iterable[Path]) -> str:
    """What reads the first files of a known kind among `files`, as a hint; empty if none is."""
    paths = list(files)
    if any(path.suffix.lower() == ".npz" for path in paths):
        return "`npz:FILE` reads a file of arrays"
    if any(path.suffix.lower() == ".parquet" for path in paths):
        return "`parquet:PATH` reads Parquet files"
    if any(_BATCH.fullmatch(path.name) for path in paths):
        return (
            "published sets are read by their names, as `--dataset mnist --data-dir FOLDER`; "
            f"of your own, {_SAVEZ}"
        )
    if any(path.suffix.lower() in _ARCHIVES for path in paths):
        return "unpack the archive, and write folder:PATH with the folder"
    if any(path.suffix.lower() in _ARRAYS or has_pixels(path) for path in paths):
        return _SAVEZ
    return ""
