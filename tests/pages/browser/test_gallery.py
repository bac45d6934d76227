"""The figures as a reader goes through them: opened, enlarged, searched, filtered, addressed."""

import os
import shutil
from pathlib import Path

import pytest
from drawn_tree import COLLAPSE, RANKS
from report_page import made as build
from report_tree import claim, put
from selenium.webdriver.common.keys import Keys

CARD = RANKS.replace("/", "--")
SHOWN = "return [...document.querySelectorAll('.card')].filter(e => !e.hidden).map(e => e.id)"
AXE = Path(os.environ.get("AXE", "node_modules/axe-core/axe.min.js"))  # npm install axe-core


@pytest.fixture(scope="module")
def gallery(tmp_path_factory, drawn):
    """The drawn tree with claims of every verdict and pictures."""
    root = tmp_path_factory.mktemp("gallery") / "small"
    shutil.copytree(drawn.results, root)
    put(root, RANKS, [claim(RANKS, "holds"), claim(RANKS, "fails", "Momentum lowers it further")])
    put(root, COLLAPSE, [claim(COLLAPSE, "holds", "Means come to a simplex")])
    drawn = type(drawn)(**{**vars(drawn), "results": root})
    build(drawn)
    return root / "report.html"


@pytest.fixture
def opened(browser, gallery):
    yield browser.open(gallery)
    assert browser.messages() == []


def at(browser, gallery, place):
    """The page as it opens from an address that somebody was sent."""
    browser.open(gallery)
    browser.driver.get(f"{gallery.resolve().as_uri()}{place}")
    browser.driver.refresh()
    return browser


def test_a_figure_opens_with_the_keyboard_and_says_so_in_the_address(opened):
    summary = opened.driver.find_element("css selector", f"#{CARD} > summary")
    summary.send_keys(Keys.ENTER)
    image = opened.wait(
        lambda: opened.driver.find_elements("css selector", f"#{CARD} .picture img")
    )
    opened.wait(lambda: opened.run("return arguments[0].naturalWidth", image[0]) == 480)
    assert image[0].get_attribute("alt").startswith("Figure of")
    assert opened.run("return location.hash") == f"#{CARD}"


def test_a_picture_is_enlarged_and_closed_with_the_keyboard(opened):
    opened.run("document.getElementById(arguments[0]).open = true", CARD)
    button = opened.wait(lambda: opened.driver.find_elements("css selector", f"#{CARD} .enlarge"))[
        0
    ]
    opened.wait(lambda: opened.run("return arguments[0].firstChild.naturalWidth", button))
    button.send_keys(Keys.ENTER)
    dialog = opened.driver.find_element("css selector", "dialog.zoom")
    assert dialog.get_attribute("open") and dialog.find_element("tag name", "img").is_displayed()
    opened.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not dialog.get_attribute("open")


def test_runs_and_packs_are_tables_once_they_are_opened(opened, drawn):
    assert not opened.driver.find_elements("css selector", ".unpacks table")
    opened.run("document.querySelectorAll('.unpacks').forEach(e => { e.closest('.card')"
               "?.setAttribute('open', ''); e.open = true })")  # fmt: skip
    rows = f"return document.querySelectorAll('#{CARD} .unpacks tbody tr').length"
    opened.wait(lambda: opened.run(rows) == len(drawn.runs))
    packs = "return document.querySelectorAll('[data-packs] tbody tr').length"
    opened.wait(lambda: opened.run(packs) == len(drawn.packs))
    link = opened.driver.find_element("css selector", f"#{CARD} .unpacks td a")
    assert opened.run("return Boolean(document.querySelector(arguments[0].hash))", link)


def test_searching_leaves_the_figures_with_these_words(opened):
    field = opened.driver.find_element("css selector", "input[name=q]")
    field.send_keys("momentum further")
    assert opened.run(SHOWN) == [CARD]
    assert "1 of 2 figures" in opened.driver.find_element("css selector", ".found").text
    assert opened.run("return location.hash") == "#figures?q=momentum+further"
    opened.driver.find_element("css selector", "button[name=clear]").click()
    assert len(opened.run(SHOWN)) == 2


@pytest.mark.parametrize("asked", ["figure {}", "Fig. {}", "fig{}", "{}"])
def test_the_number_of_a_figure_finds_it_alone(opened, asked):
    number = CARD.rpartition("fig")[2].lstrip("0")
    field = opened.driver.find_element("css selector", "input[name=q]")
    field.send_keys(asked.format(number))
    assert opened.run(SHOWN) == [CARD]


def test_a_verdict_shows_the_figures_and_sentences_that_have_it(opened):
    opened.driver.find_element("css selector", ".tally .fails").click()
    opened.wait(lambda: opened.run(SHOWN) == [CARD])
    matches = opened.driver.find_element("css selector", f"#{CARD} .matches").text
    assert matches == "Momentum lowers it further"


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("#figures?verdict=fails", 1),
        ("#figures?paper=beta2021y", 1),
        ("#figures?paper=nobody&verdict=nothing", 2),
        ("#figures?q=simplex", 1),
        ("#%3Cimg%20src=x%3E?q=%3Cb%3E", 2),
    ],
)
def test_an_address_opens_the_page_as_it_was(browser, gallery, place, shown):
    page = at(browser, gallery, place)
    page.wait(lambda: len(page.run(SHOWN)) == shown)
    assert page.messages() == []


def test_an_address_opens_a_figure_redrawn_at_its_tolerance(browser, gallery):
    page = at(browser, gallery, f"#{CARD}?key={RANKS}&tolerance=0.3&norm=spec".replace("/", "%2F"))
    note = f"return document.querySelector('#{CARD} .redraw .note')?.textContent ?? ''"
    page.wait(lambda: "Tolerance 0.3 of the spectral norm" in page.run(note))


def test_a_tool_says_in_the_address_what_it_draws(opened):
    opened.tool("ranks").choose("Relative to the", "spectral norm")
    address = opened.run("return location.hash")
    assert address.startswith("#explore-ranks?") and "norm=spec" in address


def test_the_opening_moves_its_tolerance_in_steps(opened):
    root = opened.driver.find_element("css selector", ".tool[data-tool=opening]")
    opened.wait(lambda: root.get_attribute("data-drawn"))
    note = root.find_element("css selector", ".note")
    assert "At tolerance 0.03 of the Frobenius norm" in note.text
    root.find_elements("css selector", ".steps button")[1].click()
    opened.wait(lambda: "At tolerance 0.001 of the Frobenius norm" in note.text)
    slider = root.find_element("css selector", "input[type=range]")
    assert slider.get_attribute("aria-valuetext") == "0.001"


def test_print_leaves_out_what_only_a_screen_can_do(opened):
    opened.cdp("Emulation.setEmulatedMedia", media="print")
    try:
        for part in (".bar-top", ".controls", "#explore"):
            assert not opened.driver.find_element("css selector", part).is_displayed()
        assert opened.driver.find_element("css selector", f"#{CARD} h4").is_displayed()
    finally:
        opened.cdp("Emulation.setEmulatedMedia", media="")


@pytest.mark.skipif(not AXE.exists(), reason="no axe-core here: npm install axe-core")
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_has_no_serious_finding(browser, gallery, width, dark):
    page = browser.open(gallery, width=width, dark=dark)
    for name in ("ranks", "spectrum"):
        page.tool(name)
    page.run("document.querySelectorAll('.card').forEach(e => { e.open = true })")
    page.wait(lambda: page.driver.find_elements("css selector", f"#{CARD} .picture img"))
    found = axe(page)
    assert [f for f in found if f["impact"] in ("serious", "critical")] == []


def axe(page):
    """What axe-core finds against WCAG 2.2 AA: rule, impact, and the elements."""
    page.run(AXE.read_text(encoding="utf-8"))
    page.driver.set_script_timeout(120)
    return page.driver.execute_async_script("""
      const done = arguments[arguments.length - 1];
      axe.run().then(({violations}) => done(violations.map(({id, impact, nodes}) =>
        ({id, impact, nodes: nodes.slice(0, 5).map(node => node.html.slice(0, 160))}))));""")
