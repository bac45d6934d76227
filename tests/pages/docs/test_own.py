"""docs/own.md and docs/own.ipynb do what they say: their code is run as it stands there."""

import ast
import re

import nbformat
import pandas as pd
import pytest
import torch
from smoke import ROOT

from implicitbias.api.explore import Explorer

PAGE = (ROOT / "docs" / "own.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
NOTEBOOK = ROOT / "docs" / "own.ipynb"


def run(cells):
    """Run cells in one namespace, as a kernel does; the value of the last expression of each."""
    names, values = {}, []
    for cell in cells:
        tree = ast.parse(cell)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "<cell>", "exec"), names)
        last = last and eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
        values.append(last)
    return names, values


@pytest.fixture
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # such small layers wait for their threads, where others compute too
    yield
    torch.set_num_threads(threads)


def ends(names):
    """The average rank at the end, by weight decay, as the page tells it."""
    average = names["average"]
    last = average[average["epoch"] == 40].set_index("weight_decay")["value"]
    told = re.search(r"ends near (\d+) without weight decay and near\s+(\d+) with it", PAGE)
    assert last[0.0] == pytest.approx(float(told[1]), abs=3)
    assert last[0.003] == pytest.approx(float(told[2]), abs=4)


@pytest.mark.usefixtures("_here")
def test_the_page(tmp_path, capsys):
    names, _ = run(BLOCKS)
    ends(names)
    assert (tmp_path / "rank.svg").read_text().lstrip().startswith("<?xml")
    page = (tmp_path / "ranks.html").read_text()
    assert 'type="range"' in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", ""), "it stands alone"
    out = capsys.readouterr().out
    assert "the last layer, not averaged" in out
    assert "fc.weight" in out


@pytest.mark.usefixtures("_here")
def test_the_notebook():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert [c.strip() for c in BLOCKS[:2]] == cells[:2], "it is the page's code"
    assert not any(cell.get("outputs") for cell in notebook.cells), "no outputs are tracked"
    names, values = run(cells)
    ends(names)
    assert isinstance(values[2], Explorer)
    assert values[2]._repr_html_().startswith("<iframe srcdoc=")
    assert isinstance(values[3], pd.DataFrame)
    assert len(values[3]) == 2
