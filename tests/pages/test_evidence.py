"""docs/results.md: written from results/published, and up to date."""

from pathlib import Path

import pandas as pd

from implicitbias.pages import evidence

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_published_results_say(monkeypatch):
    monkeypatch.chdir(ROOT)
    page = evidence.page(Path("results/published"))
    assert page == (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


def test_every_published_pack_and_every_figure_of_the_plan_is_on_the_page(monkeypatch):
    monkeypatch.chdir(ROOT)
    page = evidence.page(Path("results/published"))
    packs = len(list((ROOT / "results" / "published" / "packs").iterdir()))
    assert f"in {packs} packs" in page
    for claims in (ROOT / "results" / "published" / "claims").glob("*/*.json"):
        assert f"## `{claims.parent.name}/{claims.stem}`" in page


def test_ours_stands_beside_the_published_point_of_its_own_place():
    plotted = pd.DataFrame(
        [
            ["a", "average", 1.0, 10.0, 2],
            ["a", "layer 1", 1.0, 99.0, 2],
            ["a", "published", 1.0, 11.0, None],
            ["b", "average", 1.0, 20.0, 2],  # never published
            ["c", "average", 1.0, 30.0, 2],  # two published points: none is its partner
            ["c", "published", 1.0, 31.0, None],
            ["c", "published", 1.0, 0.5, None],
        ],
        columns=["panel", "series", "x", "mean", "n"],
    )
    rows = evidence.beside(plotted)
    assert rows.to_dict("records") == [
        {"panel": "a", "x": 1.0, "mean": 10.0, "n": 2, "published": 11.0}
    ]
