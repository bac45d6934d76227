"""The page of scale small, where its results are: light enough to be mailed, and quick to open."""

from pathlib import Path

import pytest

from implicitbias.pages.report import build
from implicitbias.plan import config
from implicitbias.plan.plan import make_plan

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "results/small"
LARGEST, MOST = 8_000_000, 20_000  # bytes, and elements when it is opened
FIRST_PAINT = 1500  # milliseconds: three times what is wanted, for a machine that does other work

pytestmark = pytest.mark.skipif(
    not (RESULTS / "config.json").exists(), reason="no results/small here: make figures"
)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    plan = make_plan(*config.load([RESULTS / "config.json"]), RESULTS.parent)
    out = tmp_path_factory.mktemp("small") / "report.html"
    build(plan, out, ROOT / "results/published")
    return out


def test_the_page_is_small(small):
    assert small.stat().st_size < LARGEST


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_it_opens_at_once_with_few_elements_and_fits_the_screen(browser, small, width):
    page = browser.open(small, width=width)
    opening = page.driver.find_element("css selector", ".tool[data-tool=opening]")
    page.run("arguments[0].scrollIntoView({behavior: 'instant'})", opening)  # on a telephone
    page.wait(lambda: opening.get_attribute("data-drawn"))
    assert page.run("return document.querySelectorAll('*').length") < MOST
    assert page.run("return document.documentElement.scrollWidth") <= width
    paint = page.run("return performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert paint < FIRST_PAINT
    assert page.messages() == []


def test_the_opening_counts_the_published_points_as_the_claim_does(browser, small):
    page = browser.open(small)
    note = page.driver.find_element("css selector", ".tool[data-tool=opening]")
    page.wait(lambda: "published points" in note.text)
    said = page.driver.find_element("css selector", ".papers li .says b").text
    assert f"{said} published points (diamonds) agree with ours" in note.text
