"""The page that the workflow itself makes: every rank figure redrawn, and equal to its table."""

import io
import json

import numpy as np
import pandas as pd
from report_page import Page

from implicitbias.analysis import tables
from implicitbias.pages.report import opening

LARGEST, MOST = 8_000_000, 20_000  # bytes and elements; also at scale small, which has more of both
WORDS = {"lr": "learning rate"}


def own(metric):
    """`rank_fro_3e-2` -> its norm and tolerance."""
    _, norm, tolerance = metric.split("_")
    return norm, float(tolerance)


def test_every_rank_figure_of_the_workflow_is_redrawn_as_its_table_has_it(browser, made):
    results = made / "results" / "smoke"
    assert (results / "report.html").stat().st_size < LARGEST
    page = browser.open(results / "report.html")
    assert page.run("return document.querySelectorAll('*').length") < MOST
    index = Page((results / "report.html").read_text(encoding="utf-8")).json("index")
    config = json.loads((results / "config.json").read_text())["figures"]
    ranked = [k for k, f in config.items() if any(m.startswith("rank_") for m in f["metrics"])]
    ours = {k: f for k, f in index["ranks"].items() if not k.startswith(opening.FULL)}
    assert {*ours} == {k for k in ranked if len(tables.read(path(results, k)))}
    tool = page.tool("ranks")
    for key, figure in ours.items():
        tool.choose("Figure", f"{key}:")
        rows = tables.read(path(results, key))
        keys = figure["fields"] or ["epoch"]
        if figure["fields"] and figure["x"] == "epoch":
            tool.choose("Against", WORDS.get(keys[0], keys[0].replace("_", " ")))
        rows = tables.final(rows) if figure["fields"] else rows
        rows = rows[(rows["layer"] == "average") & rows["metric"].str.startswith("rank_")]
        for metric, part in rows.groupby("metric"):
            norm, tolerance = own(metric)
            tool.choose("Relative to the", {"fro": "Frobenius", "spec": "spectral"}[norm])
            tool.slide(index["grid"].index(tolerance))
            check(tool, part, keys)
    for name in ("plane", "spectrum", "curves"):
        page.tool(name)
    page.run("document.querySelectorAll('details.redraw').forEach(e => { e.open = true;"
             " e.closest('.card').open = true })")  # fmt: skip
    redrawn = "return document.querySelectorAll('details.redraw .tool[data-drawn]').length"
    page.wait(lambda: page.run(redrawn) == len(index["ranks"]), 60)
    assert page.messages() == []
    address = (results / "report.html").resolve().as_uri()
    # What is unpacked in the page has the address of a blob: it comes from no network.
    assert {url for url in page.requests() if not url.startswith(("data:", "blob:"))} == {address}


def path(results, key):
    return results / "tables" / f"{key}.parquet"


def check(tool, rows, keys):
    """Sorted, the means of the page are the means of the table."""
    found = pd.read_csv(io.StringIO(tool.csv))
    wanted = rows.groupby(keys, dropna=False)["value"].mean()
    assert len(found) == len(wanted) > 0
    np.testing.assert_allclose(np.sort(found["mean"]), np.sort(wanted), rtol=1e-12)
    assert found["n"].sum() == rows["value"].notna().sum()
