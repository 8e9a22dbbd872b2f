"""Malicious files wherever files are read: nothing is executed, and memory is bounded."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import random
import resource
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from PIL import Image

from .damage import stores
from .harness import Case, Ended, Outcome, cases, fork_server, must
from .small import SMALL

MEGABYTES = 400
"""Permitted memory of a command beyond that of an idle one, in MB."""
ADDRESSES = 6 << 30
"""Permitted address space beyond that of the process, in bytes, to protect the machine."""
BOUNDED = "tests.torture.hostile:bounded"
STORE_FILES = (
    *("run.json", "trial.json", "environment.json", "weights.safetensors"),
    *("test_logits.npz", "analyses/gradients.npz", "analyses/features.npz", "comparison"),
    *("record", "state", "half-done gradients", "error.json", "timing.json"),
)
READERS = (
    *(["runs"], ["runs", "latest"], ["classes"], ["runs", "check"]),
    *(["plot", "learning-curves"], ["plot", "confusion-matrix"], ["plot", "gradients"]),
    *(["plot", "activations"], ["plot", "filters"], ["report"], [*SMALL]),
)


class Marks:
    """An object whose pickle creates a file when it is loaded."""

    def __reduce__(self) -> tuple[Callable[..., int], tuple[str]]:
        return os.system, ("touch executed",)


def hostile_files(n: int, seed: int) -> Outcome:
    """Place each kind of malicious content wherever it could be read; `n` of them, 0 for all."""
    all_cases = [
        (f"{kind} in {place}", _in_store(place, kind)) for place in STORE_FILES for kind in BYTES
    ]
    all_cases += [(f"data folder: {kind}", _data_dir(kind)) for kind in DATA]
    all_cases += [(f"cache: {kind}", _cache(kind)) for kind in BYTES]
    all_cases += [(f"image: {kind}", _image(kind)) for kind in IMAGES]
    if n and n < len(all_cases):
        all_cases = random.Random(seed).sample(all_cases, n)
    return cases(all_cases, seed)


def bounded() -> None:
    """Limit the address space of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    maximum = pages * resource.getpagesize() + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (maximum, maximum))


def _run(argv: list[str], folder: Path, cache: str = "") -> Ended:
    env = {"CONVCOMPARE_CACHE": cache} if cache else {}
    ended = fork_server().run(argv, folder, before=BOUNDED, env=env).clean()
    more = (ended.memory - _idle_memory()) >> 10
    must(more < MEGABYTES, f"took {more:,} MB: {ended}")
    must("\x1b" not in ended.out + ended.err, f"control characters: {ended}")
    must(not list(folder.rglob("executed")), f"executed: {ended}")
    return ended


@lru_cache
def _idle_memory() -> int:
    """Return the memory in kB of a fork of the process that has imported everything."""
    return fork_server().run(["--version"], Path.cwd()).memory


# Contents


def _pickle() -> bytes:
    return pickle.dumps(Marks())


def _torch_file() -> bytes:
    """Return a zip file for `torch.load` whose pickle executes a command."""
    return _zipped({"archive/data.pkl": _pickle(), "archive/version": b"3\n"})


def _object_array() -> bytes:
    buffer = io.BytesIO()
    array = np.array([Marks()], dtype=object)
    names = ("norm", "layers", "logits", "labels", "train_images", "test_images", "source")
    np.savez(buffer, **dict.fromkeys(names, array))
    return buffer.getvalue()


def _huge_array() -> bytes:
    """Return an archive whose members claim 8 TB."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    header = header.ljust(117) + b"\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    names = ("norm", "layers", "mean_abs", "logits", "labels", "train_images", "test_images")
    return _zipped({f"{name}.npy": array for name in names})


def _zip_bomb() -> bytes:
    """Return an archive whose members unpack to a thousand times their size and claim more."""
    header = (
        b"{'descr': '|u1', 'fortran_order': False, 'shape': (2000000000,), }".ljust(117) + b"\n"
    )
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ("norm.npy", "layers.npy", "logits.npy", "train_images.npy"):
            with archive.open(name, "w") as member:
                member.write(array)
                for _ in range(150):
                    member.write(bytes(1_000_000))
    return buffer.getvalue()


def _zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _many_tensors() -> bytes:
    """Return a safetensors header of tens of megabytes."""
    one = b'"t%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    header = b"{" + b",".join(one % number for number in range(300_000)) + b"}"
    return struct.pack("<Q", len(header)) + header


BYTES: dict[str, Callable[[], bytes]] = {
    "pickle": _pickle,
    "torch pickle": _torch_file,
    "array of objects": _object_array,
    "array of 8 TB": _huge_array,
    "zip bomb": _zip_bomb,
    "zip with ../": partial(_zipped, {"../../executed": b"x", "/tmp/executed-by-torture": b"x"}),
    "header of 2**63 bytes": partial(struct.pack, "<Q", 2**63),
    "many tensors": _many_tensors,
    "deep JSON": lambda: b"[" * 100_000 + b"]" * 100_000,
    "deep objects": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "huge number": lambda: b'{"schema_version": ' + b"9" * 100_000 + b"}",
    "long line": lambda: b"{" + b" " * 30_000_000 + b"}",
    "control characters": lambda: b'{"label": "\x1b[2J\x1b]0;owned\x07\\u001b[2J"}',
}


# Places


def _in_store(place: str, kind: str) -> Case:
    def case(rng: random.Random, folder: Path) -> None:
        interrupted = place in ("record", "state", "half-done gradients", "error.json")
        _fill(folder, interrupted)
        run = min(path.parent for path in folder.glob("runs/*/trial.json"))
        path = run / place
        if place == "comparison":
            path = min((folder / "runs" / "comparisons").iterdir())
        elif place in ("state", "record"):
            ending = "safetensors" if place == "state" else "json"
            path = max((run / "checkpoint").glob(f"*.{ending}"))
        elif place == "half-done gradients":
            path = run / "analyses" / "gradients.npz"
        path.write_bytes(BYTES[kind]())
        for argv in [*rng.sample(READERS[:-1], 3), READERS[-1]]:
            _run(argv, folder)
        must(not Path("/tmp/executed-by-torture").exists(), "written outside")

    return case


def _fill(folder: Path, interrupted: bool) -> None:
    shutil.copytree(
        Path(stores().name, "half" if interrupted else "ended"), folder, dirs_exist_ok=True
    )


def _cache(kind: str) -> Case:
    def case(rng: random.Random, folder: Path) -> None:
        name = rng.choice(("mnist", "cifar10", "fashion-mnist"))
        (folder / "cache").mkdir()
        (folder / "cache" / f"{name}.npz").write_bytes(BYTES[kind]())
        ended = _run(["models", "fcn", "-d", name], folder, str(folder / "cache"))
        ended = _run(["compare", "fcn", "-d", name, "--dry-run"], folder, str(folder / "cache"))
        must(ended.code == 3 and f"{name}.npz" in ended.err, ended)

    return case


def _batch(content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        batches = folder / "cifar-10-batches-py"
        batches.mkdir(parents=True)
        for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"):
            (batches / name).write_bytes(content)

    return write


def _tar(names: tuple[str, ...], kind: bytes, link: str = "") -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as archive:
            for name in names:
                member = tarfile.TarInfo(name)
                content = b"" if link else _pickle()
                member.type, member.linkname, member.size = kind, link, len(content)
                archive.addfile(member, io.BytesIO(content))

    return write


def _idx(content: Callable[[], bytes], ending: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        raw = folder / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for part in ("train", "t10k"):
            for what in ("images-idx3", "labels-idx1"):
                (raw / f"{part}-{what}-ubyte{ending}").write_bytes(content())

    return write


_BATCHES = tuple(f"cifar-10-batches-py/{name}" for name in ("data_batch_1", "test_batch"))
DATA: dict[str, Callable[[Path], None]] = {
    "pickle for a batch": _batch(_pickle()),
    "tar with ../": _tar(("../executed", "/executed", "../../executed"), tarfile.REGTYPE),
    "tar with links": _tar(_BATCHES, tarfile.SYMTYPE, "/etc/passwd"),
    "tar with devices": _tar(_BATCHES, tarfile.CHRTYPE),
    "tar with pickles": _tar(_BATCHES, tarfile.REGTYPE),
    "idx of 2**96 pixels": _idx(lambda: bytes((0, 0, 8, 3)) + b"\xff" * 12, ""),
    "idx of 255 sides": _idx(lambda: bytes((0, 0, 8, 255)) + b"\xff" * 1020, ""),
    "gzip bomb": _idx(lambda: gzip.compress(bytes(800_000_000), 1), ".gz"),
    "pickle for idx": _idx(_pickle, ""),
}


def _data_dir(kind: str) -> Case:
    def case(rng: random.Random, folder: Path) -> None:
        DATA[kind](folder / "data")
        name = "mnist" if "idx" in kind or "gzip" in kind else "cifar10"
        argv = ["compare", "fcn", "-d", name, "--data-dir", "data", "--dry-run"]
        env = {"CONVCOMPARE_CACHE": str(folder / "cache")}
        ended = fork_server().run(
            argv, folder, before="tests.torture.hostile:bounded_offline", env=env
        )
        ended.clean(3)
        must(not list(folder.parent.glob("executed")) + list(folder.rglob("executed")), "executed")

    return case


def bounded_offline() -> None:
    """Bound the memory and make downloads fail."""
    from .commands import forbid_downloads

    forbid_downloads()
    bounded()


# Images


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(30_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _text_bomb() -> bytes:
    """Return a PNG with a comment of 200 MB."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    text = b"zTXt" + b"k\0\0" + zlib.compress(bytes(200_000_000), 9)
    complete = buffer.getvalue()
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return complete[:33] + chunk + complete[33:]


IMAGES: dict[str, Callable[[], bytes]] = {
    "50,000 by 50,000": lambda: _png(50_000, 50_000),
    "2**31 wide": lambda: _png(2**31 - 1, 1),
    "comment of 200 MB": _text_bomb,
    "pickle": _pickle,
    "not an image": lambda: b"\x89PNG\r\n\x1a\n" + b"\xff" * 1000,
    "postscript": lambda: (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
        b"(touch executed) (w) file closefile (executed) (w) file pop showpage\n"
    ),
}


def _image(kind: str) -> Case:
    def case(rng: random.Random, folder: Path) -> None:
        for name in "ab":
            (folder / "photos" / name).mkdir(parents=True)
            for i in range(4):
                Image.new("RGB", (9, 9), (i, 9 * i, 9)).save(folder / "photos" / name / f"{i}.png")
        (folder / "photos" / "a" / "odd.png").write_bytes(IMAGES[kind]())
        argv = ["compare", "fcn", "-d", "folder:photos", "-b", "4", "--dry-run"]
        ended = _run(argv, folder, str(folder / "cache"))
        must(ended.code == 0 or "odd.png" in ended.err, ended)
        must(ended.code == 3 or kind.startswith("comment"), ended)

    return case
