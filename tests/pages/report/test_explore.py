"""What is put into the page for its drawings, and that no text in it can end or start a program."""

import base64
import dataclasses
import hashlib
import re

import pandas as pd
import pytest
from drawn_tree import COLLAPSE, HOSTILE, METRICS, RANKS, drawn_tree
from report_page import Page, made

from implicitbias.analysis import tables
from implicitbias.pages.report.axes import differing, x_axis

SCRIPT = re.compile(r"<script([^>]*)>(.*?)</script>", re.DOTALL)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return drawn_tree(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def text(drawn):
    return made(drawn)


def index(text):
    return Page(text).json("index")


def test_text_of_a_config_cannot_leave_the_data(text, drawn):
    page = Page(text)  # reads scripts as a browser does
    ids = [attrs.get("id", "").removeprefix("block-") for attrs in page.all("script")]
    blocks = {f"spectra-{name}" for name in drawn.packs} | {"curves-beta2021y--exp_collapse"}
    assert blocks | {"index", "packs", "vega"} <= {*ids} and ids.count("") == 1
    assert all(re.fullmatch(r"[A-Za-z0-9+/=]+", data) for data in page.blocks.values())
    assert HOSTILE in [run["values"][2] for run in index(text)["ranks"][RANKS]["runs"]]
    assert HOSTILE in index(text)["ranks"][RANKS]["title"]
    assert not [a for _, a in page.tags if "onerror" in a]


def test_only_our_own_two_programs_may_run(text):
    page = Page(text)
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    programs = [body for kind, body in SCRIPT.findall(text) if 'type="module"' in kind]
    programs.append(page.bytes("vega").decode())
    hashes = [base64.b64encode(hashlib.sha256(p.encode()).digest()).decode() for p in programs]
    assert len(programs) == 2
    rule = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
    assert rule.split() == ["script-src", *(f"'sha256-{found}'" for found in hashes)]
    assert "default-src 'none'" in policy and "connect-src" not in policy


def test_a_page_without_drawings_goes_without_vega(drawn):
    figures = {
        k: dataclasses.replace(f, metrics=("stable_rank",)) for k, f in drawn.figures.items()
    }
    page = Page(made(dataclasses.replace(drawn, figures=figures)))
    assert "vega" not in page.blocks and "Explore" not in page.words
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert policy.count("'sha256-") == 1


def test_a_rank_figure_is_first_drawn_as_the_workflow_draws_it(text):
    figure = index(text)["ranks"][RANKS]
    assert figure["fields"] == ["weight_decay", "batch_size", "preprocessing"]
    assert (figure["x"], figure["norm"], figure["tolerance"]) == ("weight_decay", "fro", 0.03)
    assert figure["own"] == [["fro", 0.03], ["fro", 0.001], ["spec", 0.3]]
    assert {0.03, 0.001, 0.3} <= {*index(text)["grid"]} and len(METRICS) == 3


def test_curves_are_the_table(text, drawn):
    curves = index(text)["curves"][COLLAPSE]
    found = Page(text).json(f"curves-{curves['block']}")
    rows = tables.read(drawn.results / "tables" / f"{COLLAPSE}.parquet")
    for metric, part in rows.groupby("metric"):
        wanted = {(r.run, r.epoch): r.value for r in part.itertuples()}
        for run, epoch, value in found[metric]:
            there = wanted.pop((curves["runs"][run]["run"], epoch))
            assert value == there or (value is None and pd.isna(there))
        assert not wanted


def test_an_untrained_pack_is_left_out(drawn):
    name = sorted(drawn.packs)[0]
    facts = drawn.pack_folder(name) / "records" / "provenance.json"
    kept = facts.read_text()
    facts.unlink()
    try:
        left = index(made(drawn))["ranks"][RANKS]
    finally:
        facts.write_text(kept)
    assert name not in left["packs"] and len(left["runs"]) == len(drawn.runs) * 3 // 4
    assert not {run["run"] for run in left["runs"]} & {*drawn.packs[name].runs}


def test_of_fields_that_change_together_one_remains(drawn):
    runs = {
        run: spec.model_copy(update={"epochs": 2 * spec.batch_size})
        for run, spec in drawn.runs.items()
    }
    fields = differing(dataclasses.replace(drawn, runs=runs), list(runs))
    assert list(fields) == ["weight_decay", "batch_size", "preprocessing"]
    assert fields["batch_size"] == [spec.batch_size for spec in runs.values()]
    assert differing(drawn, list(runs)[:1]) == {}


@pytest.mark.parametrize(
    ("names", "fields", "wanted"),
    [
        (["lr", "published", "published"], ["lr"], "lr"),
        (["epoch", "epoch", "lr"], ["lr"], "epoch"),
        (["tolerance"], ["batch_size", "lr"], "batch_size"),
        ([], [], "epoch"),
    ],
)
def test_the_x_axis_is_the_one_that_the_figure_has(tmp_path, names, fields, wanted):
    pd.DataFrame({"x_name": names}).to_csv(tmp_path / "f.csv", index=False)
    assert x_axis(tmp_path / "f.csv", fields) == wanted
