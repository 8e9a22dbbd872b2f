"""A store in one file: read like a folder, never written, unpacked to the same bytes."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcompare import ConvcompareError, read
from convcompare.core.errors import Damaged, StoreError
from convcompare.data.dataset import Sources
from convcompare.output.report.compose import compose
from convcompare.output.report.markdown import to_markdown
from convcompare.output.report.sections import select
from convcompare.store.annotation import Annotation
from convcompare.store.check import examine
from convcompare.store.cost import Timing
from convcompare.store.layout import STEP_TIMES
from convcompare.store.packing import pack
from convcompare.store.reader import RunReader
from convcompare.store.run_store import RunStore
from tests.support.packs import HOSTILE, RUN, Hostile, members, overlapping, write_pack
from tests.support.stores import DIVERGED, FINISHED, INTERRUPTED, V1, contents
from tests.support.trials import ENVIRONMENT, trial

Run = Callable[..., Any]
TIMING = Timing(ENVIRONMENT, 5, 5, 1.0, 0.9, 1.1)
COMPARE = ("compare", "-d", "mnist-mini", "fcn:hidden=1", "fcn:hidden=2", "-e", "1", "--quiet")
ONE_THREAD = ("--threads", "1", "--precision", "fp32")


@pytest.fixture(scope="module")
def trained_store(
    trained_once: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A store with two runs, every optional file, and a removed run."""
    store = tmp_path_factory.mktemp("whole") / "runs"
    shutil.copytree(trained_once(*COMPARE, *ONE_THREAD), store)
    opened = RunStore(store)
    one, _ = opened.ids()
    opened.annotate(one, Annotation(("kept",), "by hand"))
    opened.save_addition(one, "another", {"kinds": np.array([1, 2])})
    opened.keep_step_time("key", TIMING)
    opened.begin(trial(), ENVIRONMENT)
    return store


@pytest.fixture
def packed(trained_store: Path, tmp_path: Path) -> Path:
    opened = RunReader(trained_store)
    pack(opened, [one for one in opened.ids() if opened.finished(one)], tmp_path / "all.ccpack")
    return tmp_path / "all.ccpack"


def bytes_of(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_unpacking_restores_the_bytes(store: Path, run: Run) -> None:
    result = run("runs", "pack")
    assert (result.code, result.out.partition(":")[0]) == (
        0,
        "2 runs and 1 comparison in `runs.ccpack`",
    )
    assert "1 run not ended and not packed" in result.err
    result = run("runs", "unpack", "runs.ccpack", "again")
    assert (result.code, result.out) == (0, "2 runs and 1 comparison in `again`\n")
    there, unfinished = bytes_of(store), f"{trial().id}/"
    assert len(there) > 15
    kept = {n: data for n, data in there.items() if not n.startswith(unfinished)}
    assert bytes_of(Path("again")) == kept
    for source, name in (("again", "second"), ("runs.ccpack", "third")):
        assert run("runs", "pack", "--out", name, "--store", source).code == 0
        assert Path(name).read_bytes() == Path("runs.ccpack").read_bytes()


def test_pack_is_a_standard_archive(packed: Path, trained_store: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == [*sorted(names[:-1]), "pack.json"]
        manifest = json.loads(archive.read("pack.json"))
        assert (manifest["runs"], manifest["comparisons"]) == (2, 1)
        for name in names[:-1]:
            assert archive.read(name) == (trained_store / name).read_bytes()


READERS = (
    ("runs", "--format", "json"),
    ("runs", "latest", "--format", "csv"),
    ("runs", "latest", "--columns", "log-loss", "--format", "json"),
    ("runs", "comparisons", "--format", "json"),
    ("runs", "diff", "fcn:hidden=1", "fcn:hidden=2"),
    ("runs", "--tag", "kept"),
    ("runs", "check"),
    ("classes",),
    ("disagreements",),
    ("compare", *COMPARE[1:], *ONE_THREAD, "--dry-run"),
)


@pytest.mark.parametrize("command", READERS, ids=lambda c: " ".join(c[:3]))
def test_commands_read_a_pack_like_its_folder(
    store: Path, packed: Path, run: Run, command: tuple[str, ...]
) -> None:
    shutil.rmtree(store / trial().id)
    before = packed.read_bytes()
    of_folder, of_pack = (run(*command, "--store", str(one)) for one in (store, packed))
    assert of_pack.code == of_folder.code == 0, of_pack.err
    assert of_pack.out == of_folder.out
    assert packed.read_bytes() == before


@pytest.mark.parametrize("command", [("runs",), ("train", "fcn", "-d", "mnist-mini")])
def test_missing_pack_is_not_an_empty_store(run: Run, command: tuple[str, ...]) -> None:
    result = run(*command, "--store", "mistyped.ccpack")
    assert result.code == 2
    assert "error: there is no pack `mistyped.ccpack`" in result.err
    assert not Path("mistyped.ccpack").exists()


def test_library_and_environment_accept_a_pack(
    packed: Path, store: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert str(read(store=packed)) == str(read(store=store))
    shown = run("runs", "latest").out
    shutil.rmtree(store)
    monkeypatch.setenv("CONVCOMPARE_STORE", str(packed))
    assert run("runs", "latest").out == shown


def test_report_and_export_of_a_pack(packed: Path, run: Run) -> None:
    assert run("runs", "export", "--out", "csv", "--store", str(packed)).code == 0
    assert len(list(Path("csv").iterdir())) > 1
    (section,) = select([], RunStore(packed), Sources(Path("unused")))
    document = compose([replace(section, figures=())], Path())
    assert "all.ccpack/" not in to_markdown(document, {}), "nothing leads into the file"


def test_run_of_a_pack_is_reproduced(packed: Path, run: Run) -> None:
    one = RunReader(packed).ids()[0]
    result = run(
        "runs", "verify", one, "--threads", "1", "--store", str(packed), "--format", "json"
    )
    assert result.code == 0, result.out


WRITERS = (
    (*COMPARE, *ONE_THREAD),
    ("train", "fcn:hidden=1", "-d", "mnist-mini", "-e", "1"),
    ("robustness",),
    ("runs", "tag", "best", "fcn:*"),
    ("runs", "note", "{run}", "a-word"),
    ("runs", "rm", "{run}", "--yes"),
    ("runs", "check", "--repair"),
    ("runs", "merge", "{folder}"),
)


@pytest.mark.parametrize("command", WRITERS, ids=lambda c: " ".join(c[:2]))
def test_writing_to_a_pack_is_refused_with_a_hint(
    packed: Path, trained_store: Path, run: Run, command: tuple[str, ...]
) -> None:
    before, one = packed.read_bytes(), RunReader(packed).ids()[0]
    words = [word.format(run=one, folder=trained_store) for word in command]
    result = run(*words, "--store", str(packed))
    assert (result.code, result.out) == (4, "")
    error, hint = result.err.splitlines()[-2:]
    assert error == f"error: `{packed}` is a pack of runs, which is only read"
    assert hint.startswith(f" hint: `convcompare runs unpack {packed} FOLDER` makes a folder")
    assert packed.read_bytes() == before


def test_writing_to_another_file_reports_that_it_is_no_pack(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("x")
    result = run(*WRITERS[0], "--store", "a-file")
    assert (result.code, result.out) == (4, "")
    assert "`a-file` is neither a folder nor a pack of runs" in result.err


def test_pack_is_read_only(packed: Path) -> None:
    opened = RunStore(packed)
    one = opened.ids()[0]
    changes: tuple[Callable[[], object], ...] = (
        opened.check_writable,
        lambda: opened.claim(one),
        lambda: opened.begin(trial(), ENVIRONMENT),
        lambda: opened.annotate(one, Annotation()),
        lambda: opened.keep_step_time("key", TIMING),
        lambda: opened.add_comparison("name", {}),
        lambda: opened.forget(one),
        lambda: opened.remove(one),
        lambda: opened.tidy(one),
        lambda: opened.lock(one).__enter__(),
    )
    for change in changes:
        with pytest.raises(StoreError, match="only read"):
            change()
    assert not opened.held(one) and not opened.holder(one)
    assert sorted(path.name for path in packed.parent.iterdir()) == ["all.ccpack"]


def test_selected_runs_are_packed_with_their_comparisons(store: Path, run: Run) -> None:
    assert run(*COMPARE, *ONE_THREAD, "fcn:hidden=3", "--name", "three").code == 0
    assert run("runs", "pack", "fcn:hidden=[12]", "--out", "two").code == 0
    assert len(RunReader(Path("two")).ids()) == 2
    assert len(RunReader(Path("two")).comparisons()) == 1, "not that of three"
    assert not RunReader(Path("two")).records_of(STEP_TIMES)
    assert run("runs", "pack", "three", "--out", "three").code == 0
    assert len(RunReader(Path("three")).comparisons()) == 2
    assert run("runs", "pack", "latest", "--out", "latest").code == 0
    assert Path("latest").read_bytes() == Path("three").read_bytes()
    assert run("runs", "pack", "nothing-like-it", "--out", "none").code == 2
    assert not Path("none").exists()


def test_pack_is_merged_like_a_folder(packed: Path, trained_store: Path, run: Run) -> None:
    result = run("runs", "merge", str(packed), "--store", "new")
    assert (result.code, result.out.partition(";")[0]) == (0, "copied 2 runs and 1 comparison")
    new, old = RunReader(Path("new")), RunReader(trained_store)
    for run_id in new.ids():
        assert new.run(run_id) == old.run(run_id)
        assert new.weights(new.run(run_id)) == old.weights(old.run(run_id))
        assert new.annotation(run_id) == old.annotation(run_id)
        assert new.additions(run_id) == old.additions(run_id)


def test_nothing_is_overwritten(store: Path, packed: Path, run: Run, tmp_path: Path) -> None:
    before = packed.read_bytes()
    result = run("runs", "pack", "--out", str(packed))
    assert result.code == 2 and "--replace" in result.err
    assert packed.read_bytes() == before
    assert run("runs", "pack", "fcn:hidden=1", "--out", str(packed), "--replace").code == 0
    assert len(RunReader(packed).ids()) == 1
    assert run("runs", "pack", "--out", str(store), "--replace").code == 2
    there = contents(store)
    result = run("runs", "unpack", str(packed), str(store))
    assert result.code == 2 and f"runs merge {packed} --store {store}" in result.err
    assert contents(store) == there
    (tmp_path / "empty").mkdir()
    assert run("runs", "unpack", str(packed), str(tmp_path / "empty")).code == 0
    assert run("runs", "unpack", "nothing", "there").code == 2


def test_damaged_run_is_not_packed(store: Path, run: Run) -> None:
    one = RunReader(store).ids()[0]
    path = store / one / "test_logits.npz"
    path.write_bytes(path.read_bytes()[:-1])
    result = run("runs", "pack")
    assert result.code == 4 and "is damaged" in result.err
    assert not Path("runs.ccpack").exists()
    assert not list(Path.cwd().glob(".tmp-*"))


def test_forbidden_name_is_not_packed(store: Path, run: Run) -> None:
    (old,) = (store / "comparisons").iterdir()
    old.rename(old.with_name("my kernels.json"))
    result = run("runs", "pack")
    assert result.code == 4 and "my kernels.json` cannot be packed by that name" in result.err
    assert not Path("runs.ccpack").exists()


def test_store_of_the_first_version_is_packed(tmp_path: Path) -> None:
    opened = RunReader(V1)
    pack(opened, [FINISHED, DIVERGED], tmp_path / "old.ccpack")
    found = RunStore(tmp_path / "old.ccpack")
    assert set(found.ids()) == {FINISHED, DIVERGED}
    assert found.run(FINISHED) == opened.run(FINISHED)
    assert not found.finished(INTERRUPTED) and found.history(INTERRUPTED) == ()
    assert found.checkpoint(INTERRUPTED)[0] is None
    assert examine(found).findings == ()


def test_every_damaged_byte_is_detected(packed: Path, run: Run) -> None:
    """Except header bytes that are never read."""
    data = packed.read_bytes()
    with zipfile.ZipFile(packed) as archive:
        infos = archive.infolist()
    rng = np.random.default_rng(0)
    for info in infos:
        start = info.header_offset + 30 + len(info.filename)
        changed = bytearray(data)
        changed[start + int(rng.integers(info.compress_size))] ^= 1
        packed.write_bytes(changed)
        with pytest.raises(Damaged) as found:
            for error in examine(RunStore(packed)).findings:
                raise error.error
        name = "" if info.filename == "pack.json" else f"/{info.filename}"
        assert f"all.ccpack{name}` is damaged" in found.value.message
    result = run("runs", "check", "--store", str(packed))
    assert result.code == 4 and "--repair" not in result.err


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.999, 1])
def test_truncated_pack_is_refused(packed: Path, run: Run, share: float) -> None:
    """A pack contains archives of arrays, whose end records must not be taken for its own."""
    data = packed.read_bytes()
    packed.write_bytes(data[: int(share * len(data))] if share < 1 else data + b"more")
    for command in (("runs", "--store"), ("runs", "check", "--store"), ("runs", "unpack")):
        refused(run, *command, str(packed), says="is damaged: its end is missing or damaged")


@pytest.mark.parametrize(("change", "says"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_members_are_refused(packed: Path, run: Run, change: Hostile, says: str) -> None:
    write_pack(packed, change(members(packed)))
    refused(run, "runs", "--store", str(packed), says=says)
    refused(run, "runs", "unpack", str(packed), "folder/below", says=says)
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["all.ccpack"]


def test_overlapping_members_are_refused(run: Run) -> None:
    overlapping(Path("many"))
    assert Path("many").stat().st_size < 400_000, "for 120 MB"
    refused(run, "runs", "unpack", "many", says="")
    assert not Path("runs").exists()


def test_other_files_are_refused(packed: Path, run: Run) -> None:
    found = members(packed)
    Path("nothing").touch()
    Path("text").write_text("accuracy,0.9\n")
    with zipfile.ZipFile("plain.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with zipfile.ZipFile("lzma", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(f"{RUN}/run.json", "{}")
    write_pack(Path("other"), found, kind="of something else")
    write_pack(Path("newer"), found, pack_version=2)
    write_pack(Path("more"), found, sha256={f"{RUN}/run.json": "00"})
    write_pack(Path("odd"), found, sha256=3)
    for name, says in (
        ("nothing", "neither a folder nor a pack"),
        ("text", "neither a folder nor a pack"),
        ("plain.zip", "it has no pack.json"),
        ("lzma", "compressed in another way"),
        ("other", "something else"),
        ("newer", "newer convcompare"),
        ("more", "its files are not those of its manifest"),
        ("odd", "lacks what one must have"),
    ):
        refused(run, "runs", "--store", name, says=says)
        refused(run, "runs", "unpack", name, "new", says=says)
        assert not Path("new").exists()


def test_swapped_record_is_detected(packed: Path, run: Run) -> None:
    """The digests of the manifest match: the pack was written with swapped records."""
    found = dict(members(packed))
    one, other = RunReader(packed).ids()
    found[f"{one}/run.json"] = found[f"{other}/run.json"]
    write_pack(packed, list(found.items()))
    result = run("runs", "check", "--store", str(packed))
    assert result.code == 4 and f"{one}/run.json` is damaged" in result.err


def test_deleted_pack_is_reported(packed: Path) -> None:
    opened = RunReader(packed)
    packed.unlink()
    with pytest.raises(ConvcompareError, match="cannot read"):
        opened.ids()


def test_only_requested_members_are_read(packed: Path) -> None:
    """Damage elsewhere in the pack is not noticed."""
    one, other = RunReader(packed).ids()
    kept = {f"{one}/run.json", "pack.json"}
    data = bytearray(packed.read_bytes())
    with zipfile.ZipFile(packed) as archive:
        for info in archive.infolist():
            if info.filename not in kept:
                start = info.header_offset + 30 + len(info.filename)
                data[start + info.compress_size // 2] ^= 1
    packed.write_bytes(data)
    opened = RunStore(packed)
    assert opened.ids() == [one, other]
    assert opened.run(one).id == one
    with pytest.raises(Damaged):
        opened.run(other)


def refused(run: Run, *command: str, says: str) -> None:
    """Assert that the command fails in one line and a hint, with the exit code for stores."""
    result = run(*command)
    assert (result.code, result.out) == (4, "")
    lines = [line for line in result.err.splitlines() if line.startswith("error")]
    assert len(lines) == 1 and says in lines[0], result.err
    assert "Traceback" not in result.err
