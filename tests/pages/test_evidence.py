"""docs/results.md: written from results/published, and up to date."""

from pathlib import Path

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
