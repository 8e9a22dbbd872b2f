"""The notebook of the documentation, executed; cells that fail or are interrupted.

`test_api.py` tests the display of results without a notebook process.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

import convcompare
from convcompare.store.run_store import RunStore

nbclient = pytest.importorskip("nbclient", reason="pip install nbclient ipykernel")
pytest.importorskip("ipykernel", reason="pip install nbclient ipykernel")
NOTEBOOK = Path(__file__).parent.parent / "docs" / "notebooks" / "compare.ipynb"
WRONG = 'cc.compare(["fnc"])'
INTERRUPTED = """\
import os, pathlib, signal, threading, time

def stop():
    while len([*pathlib.Path("other").rglob("*.safetensors")]) < 2:  # the first is reported by then
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=stop).start()
cc.compare(["fcn:hidden=12"], dataset="mnist-mini", epochs=500, store="other")
"""
IDENTITY = """\
from convcompare.models.given_network import fingerprint

def made(width):
    return lambda: Net(1, 10, width=width)

one, same, other = fingerprint(made(4)), fingerprint(made(4)), fingerprint(made(5))
Net.forward = lambda self, images: self.layers(images) * 2
print(one == same, one == other, fingerprint(made(4)) == one)
"""
PLAIN = "print(own); print(repr(c.plot()))"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """The executed cells of the notebook and of this file."""
    import nbformat

    folder = tmp_path_factory.mktemp("notebook")
    notebook = copy.deepcopy(nbformat.read(NOTEBOOK, as_version=4))
    added = (PLAIN, WRONG, INTERRUPTED, IDENTITY)
    notebook.cells += [nbformat.v4.new_code_cell(text) for text in added]
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CONVCOMPARE_STORE", raising=False)
        patch.setenv("PYTHONPATH", str(Path(convcompare.__file__).parents[1]))
        client = nbclient.NotebookClient(
            notebook,
            kernel_name="python3",
            timeout=900,
            allow_errors=True,
            resources={"metadata": {"path": str(folder)}},
        )
        client.execute()
    return folder, [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell: Any, kind: str) -> list[str]:
    return [one["data"][kind] for one in cell.outputs if kind in one.get("data", {})]


@pytest.mark.filterwarnings("ignore")  # warnings of Jupyter
def test_cells_show_progress_tables_and_figures(cells: tuple[Path, list[Any]]) -> None:
    compared, drawn, own, frame = cells[1][:4]
    failed = [one for cell in cells[1][:5] for one in cell.outputs if one.output_type == "error"]
    assert not failed
    progress, table = shown(compared, "text/html")
    assert "6 of 6 trials in" in progress
    assert table.count("<tr>") == 3 and "fcn:<wbr>hidden=64" in table and "<script" not in table
    assert "against" in table
    assert "<figure>" in shown(drawn, "text/html")[0] and "<svg " in shown(drawn, "text/html")[0]
    assert "Net" in shown(own, "text/html")[-1] and "lambda" in shown(own, "text/html")[-1]
    assert "test_accuracy" in shown(frame, "text/html")[0]
    printed = "".join(one.get("text", "") for one in cells[1][4].outputs)
    assert "\x1b" not in printed and "<figures: learning-curves>" in printed


@pytest.mark.filterwarnings("ignore")
def test_error_and_interruption_are_shown_in_a_line(cells: tuple[Path, list[Any]]) -> None:
    wrong, interrupted = cells[1][5:7]
    (error,) = wrong.outputs
    assert error["traceback"] == [
        "UsageError: there is no model `fnc`",
        " hint: did you mean `fcn`?",
    ]
    error = interrupted.outputs[-1]
    assert error["ename"] == "Interrupted" and len(error["traceback"]) == 1
    line = error["traceback"][0]
    assert line.startswith("interrupted: 0 of 1 trial finished, epoch ")
    assert line.endswith("is saved; run the same cell again to resume")
    store = RunStore(cells[0] / "other")
    (run_id,) = store.ids()
    checkpoint, damage = store.checkpoint(run_id)
    assert checkpoint and not damage
    assert f"epoch {len(checkpoint.history)} of" in line


@pytest.mark.filterwarnings("ignore")
def test_identity_of_a_lambda_covers_captured_values_and_methods(
    cells: tuple[Path, list[Any]],
) -> None:
    (printed,) = cells[1][7].outputs
    assert printed["text"].split() == ["True", "False", "False"]
