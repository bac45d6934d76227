"""docs/results.md: written from results/published, and up to date."""

from dataclasses import replace
from pathlib import Path

from implicitbias.analysis.claims import read_claims
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


def test_text_of_claims_is_literal():
    file = ROOT / "results/published/claims/galanti2025rank/fig07.json"
    text = "<script>alert(1)</script> [x](javascript:y) ![i](//z) **b** | c"
    one = replace(read_claims(file)[0], claim=text, note=text, interval=text, regime=())
    *_, row = evidence._claims([replace(one, verdict="undecided")]).splitlines()
    shown = r"&lt;script&gt;alert(1)&lt;/script&gt; \[x\](javascript:y) !\[i\](//z) \*\*b\*\* \| c"
    assert row.count(shown) == 3
    assert "<" not in row
