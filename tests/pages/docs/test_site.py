"""The documentation: built strictly, whole, and without anything from the network."""

import html
import inspect
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
from PIL import Image

import implicitbias
from implicitbias import metrics
from implicitbias.analysis.claims import Claim, read_claims, write_claims
from implicitbias.api.recorder import Recorder
from implicitbias.api.results import Results
from implicitbias.base import registry
from implicitbias.pages import docs, reference

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
KEY = "galanti2025rank/fig07"


def built(folder):
    """What `make docs` does, into another folder; what mkdocs said."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", folder],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    assert "WARNING" not in built(folder)
    return folder


class Loads(HTMLParser):
    """What a page loads, what it links to, and the ids it has."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.linked, self.ids = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.add(found.get("id"))
        if tag == "a":
            self.linked.append(found.get("href", ""))
        elif "src" in found:
            self.loaded.append(found["src"])
        elif tag == "link" and found["rel"] in ("stylesheet", "icon", "preload", "preconnect"):
            self.loaded.append(found["href"])


def test_every_page_loads_only_what_lies_beside_it_and_links_to_what_is_there(site):
    pages = {p: Loads(p.read_text(encoding="utf-8")) for p in site.rglob("*.html")}
    assert len(pages) >= 15
    for path, page in pages.items():
        if path.name == "404.html":  # its links are absolute, for a server
            continue
        assert page.loaded
        for target in page.loaded:
            assert (path.parent / target.partition("?")[0]).is_file(), f"{path.name}: {target}"
        for target in page.linked:
            if re.match(r"https://", target):
                continue
            name, _, anchor = target.partition("#")
            file = (path.parent / name).resolve() if name else path
            assert file.is_file() or (file / "index.html").is_file(), f"{path.name}: {target}"
            assert not anchor or file not in pages or anchor in pages[file].ids | {"__top"}, target


def test_every_metric_has_its_formula_in_the_glossary(site):
    page = (site / "glossary.html").read_text(encoding="utf-8")
    for name in metrics.known():
        assert f"<code>{html.escape(name)}</code></h4>" in re.sub(
            r'<a class="headerlink.*?</a>', "", page
        )
    for formula in ("‖W‖_F² / ‖W‖_2² = sum_i s_i² / s_1²", "mₗ B log(2/eps) / x"):
        assert formula in page


def test_every_paper_has_a_page_and_every_figure_a_section(site):
    papers = {key.partition("/")[0] for key in registry.figure_keys()}
    assert papers == {p.stem for p in (DOCS / "papers").glob("*.md")}
    for key in registry.figure_keys():
        paper, _, name = key.partition("/")
        page = (site / "papers" / f"{paper}.html").read_text(encoding="utf-8")
        assert f'<h3 id="{name}">' in page
    shown = (site / "papers/galanti2025rank.html").read_text(encoding="utf-8")
    assert "../figures/paper/galanti2025rank/fig07.png" in shown
    claims = read_claims(ROOT / "results/published/claims/galanti2025rank/fig07.json")
    assert claims and all(claim.claim in shown for claim in claims)


def test_the_gallery_leads_to_every_figure(site):
    linked = Loads((site / "gallery.html").read_text(encoding="utf-8")).linked
    for key in registry.figure_keys():
        paper, _, name = key.partition("/")
        assert linked.count(f"papers/{paper}.html#{name}") == 1, key
    page = docs.expand("<!-- gallery: galanti2025rank -->")
    assert "![](figures/paper/galanti2025rank/fig09.png)" in page
    assert len(page.splitlines()) == len(registry.names("figures/galanti2025rank"))


def test_the_reference_has_what_the_package_exports_with_signatures_and_docstrings(site):
    page = (site / "reference/api.html").read_text(encoding="utf-8")
    ids = Loads(page).ids
    exported = {*implicitbias.__all__} - {"__version__", "callbacks", "metrics"}
    assert {name.lower() for name in exported} <= ids
    assert {"callbacks-lightning", "callbacks-transformers", "metrics-resolve"} <= ids
    for kind in (Recorder, Results):
        members = {f"{kind.__name__}-{n}".lower() for n in vars(kind) if not n.startswith("_")}
        assert members and members <= ids
    section = docs.expand("<!-- api: Recorder -->")
    assert "    save_seconds: float = 30.0,\n" in section
    assert (inspect.getdoc(Recorder.measure) or "nothing") in section


def test_the_search_index_is_there_for_a_server(site):
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "-d", site, "-b", "127.0.0.1", "0"],
        stdout=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        try:
            port = re.search(r"port (\d+)", server.stdout.readline())[1]
            with urlopen(f"http://127.0.0.1:{port}/search/search_index.json") as answer:
                pages = json.load(answer)["docs"]
        finally:
            server.terminate()
    assert any("stable_rank" in page["text"] for page in pages)


def test_readme_citation_and_pages_link_to_every_paper():
    references = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["references"]
    papers = sorted(p.stem for p in (DOCS / "papers").glob("*.md"))
    assert len(references) == len(papers)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for paper in papers:
        (mine,) = (r for r in references if r["authors"][0]["family-names"].lower() in paper
                   and str(r["year"]) in paper)  # fmt: skip
        page = (DOCS / "papers" / f"{paper}.md").read_text(encoding="utf-8")
        for address in [mine["url"], *(i["value"] for i in mine.get("identifiers", ()))]:
            assert f"]({address})" in readme, address
            assert f"]({address})" in page, address


def test_contributing_has_one_source(site):
    page = (site / "contributing.html").read_text(encoding="utf-8")
    assert "src/implicitbias/metrics/nuclear_rank.py" in page
    assert len((DOCS / "contributing.md").read_text().split()) <= 6


def test_words_are_taken_literally_and_code_is_not_touched():
    assert reference.escaped("a_b * <c> | `x_y` [z]") == r"a\_b \* &lt;c&gt; \| `x_y` \[z\]"


@pytest.mark.parametrize(
    "asked",
    [
        "include: NOTHING.md",
        "formulas: nothing",
        "figures: nobody2000",
        "gallery: nobody2000",
        "api: nothing",
        "api: metrics",
    ],
)
def test_what_does_not_exist_stops_the_build(asked):
    with pytest.raises((FileNotFoundError, ValueError)):
        docs.expand(f"<!-- {asked} -->")


def test_without_results_the_pages_say_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setattr(docs, "RESULTS", {"small": tmp_path})
    page = docs.expand("<!-- figures: galanti2025rank -->")
    assert "make figures" in page and "![" not in page


def test_verdicts_of_two_scales_stand_side_by_side_and_fails_come_first(monkeypatch, tmp_path):
    def claim(name, sentence, verdict, value):
        return Claim(
            id=name, figure=KEY, claim=sentence, statistic="a|b; claimed: at least 2", value=value,
            ci_low=value - 1, ci_high=value + 1, threshold=2, n=3, verdict=verdict, kind="paper",
            interval="95%", p=0.01, regime=(),
        )  # fmt: skip

    made = {
        "small": [
            claim("falls", "rank_fro falls", "holds", 5.0),
            claim("small", "only small", "undecided", 2.0),
        ],
        "paper": [
            claim("falls", "rank_fro falls, reworded", "holds", 6.0),
            claim("paper", "only paper", "fails", 1.0),
        ],
    }
    for scale, claims in made.items():
        write_claims(tmp_path / scale / f"claims/{KEY}.json", claims)
    picture = tmp_path / f"paper/figures/{KEY}.png"
    picture.parent.mkdir(parents=True)
    Image.new("RGB", (660, 400)).save(picture, dpi=(200, 200))
    monkeypatch.setattr(docs, "RESULTS", {s: tmp_path / s for s in made})
    section = docs.expand("<!-- figures: galanti2025rank -->").partition("{ #fig08")[0]
    section = section[section.index("{ #fig07") :]
    rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
    assert rows == [
        r"| only paper | a\|b; claimed: at least 2 | – | **fails**: 1, interval [0, 2], n = 3 |",
        r"| only small | a\|b; claimed: at least 2 | **undecided**: 2, interval [1, 3], n = 3"
        " | – |",
        r"| rank\_fro falls | a\|b; claimed: at least 2 | **holds**: 5, interval [4, 6], n = 3 |"
        " **holds**: 6, interval [5, 7], n = 3 |",
    ]
    assert (
        f"(../figures/paper/{KEY}.png){{ width=350 }}" in section
        and "../figures/small" not in section
    )
    assert docs.pictures() == {f"figures/paper/{KEY}.png": picture}
