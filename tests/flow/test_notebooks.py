"""The notebooks of docs/notebooks: a copy of each runs, and what is committed shows its results."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
from nbclient import NotebookClient

from ecorse.settings import PROJECT_DIR

NOTEBOOKS = PROJECT_DIR / "docs" / "notebooks"
MOST_BYTES = 1_000_000
OF_THIS_MACHINE = re.compile(r"/(?:work|tmp|home|root)/|site-packages|Warning:|Traceback")


def texts(notebook) -> str:
    """What the cells showed, pictures left out."""
    shown = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = {k: v for k, v in output.get("data", {}).items() if not k.startswith("image/")}
            shown += [output.get("text", ""), json.dumps(data)]
    return "\n".join(shown)


def figures(notebook) -> int:
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize(("name", "drawn"), [("segmentation", 2), ("pipeline", 2)])
def test_a_copy_runs_on_a_simulated_shop(warehouse, monkeypatch, name, drawn):
    monkeypatch.delenv("ECORSE_NOTEBOOK_DATA", raising=False)
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.pop("outputs", None) if cell.cell_type != "code" else cell.update(outputs=[])
    NotebookClient(notebook, timeout=500, kernel_name="python3").execute()
    assert figures(notebook) == drawn
    told = texts(notebook)
    if name == "segmentation":
        assert "recency and frequency are the same, computed twice" in told
        assert "contact_revenue = 11" in told
        found = re.search(r"'customer segments \(ARI\)', ([0-9.]+)", told)
        assert found is not None
        assert float(found[1]) >= 0.9
    else:
        assert "quantity_invalid" in told
        # a customer's three lists, each row with its reason
        assert re.search(r"buy_again +[123] .*Bought on \d+ days?, last \d+ days? ago", told)
        found = re.search(r"orders with both: (\d+) - counted again: (\d+)", told)
        assert found is not None
        assert int(found[1]) == int(found[2]) > 0
        assert "money_account" in "".join(cell.source for cell in notebook.cells)


@pytest.mark.parametrize("name", ["segmentation", "pipeline"])
def test_what_is_committed_shows_results_and_nothing_of_a_machine(name):
    path = NOTEBOOKS / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs for cell in code), "run it and commit it with what it shows"
    assert figures(notebook) == 2
    assert path.stat().st_size < MOST_BYTES
    assert OF_THIS_MACHINE.findall(texts(notebook)) == []
