"""The page as a reader meets it: quick, quiet, at every width, from the keyboard, in the dark."""

import pytest
from drawn_tree import RANKS
from selenium.webdriver.common.keys import Keys

TOOLS = ("ranks", "plane", "spectrum", "curves")
FIRST_PAINT = 2000  # milliseconds; at scale small 104 to 292 on two cores of an AMD EPYC


def opened(browser, address, width, dark):
    """Everything drawn, and everything that folds unfolded."""
    page = browser.open(address, width=width, dark=dark)
    for name in TOOLS:
        page.tool(name)
    page.run("document.querySelectorAll('details').forEach(e => { e.open = true })")
    root = page.driver.find_element("css selector", f"details[data-figure='{RANKS}'] .tool")
    page.wait(lambda: root.get_attribute("data-drawn"))
    page.wait(lambda: page.run("return document.querySelectorAll('.unpacks table').length") == 3)
    return page


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_nothing_is_wider_than_the_screen(browser, drawn, width, dark):
    page = opened(browser, drawn.results / "report.html", width, dark)
    assert page.run("return document.documentElement.scrollWidth") <= width
    wide = """return [...document.querySelectorAll('body *')].filter(e =>
        e.getBoundingClientRect().right > innerWidth + 1
        && !e.closest('.box, .skip, .hidden, .runs, .who'))
        .map(e => e.outerHTML.slice(0, 120))"""
    assert page.run(wide) == []
    assert page.messages() == []


def test_the_first_paint_is_within_two_seconds(browser, drawn):
    """The best of three: another process may be in the way once."""
    paint = "return performance.getEntriesByName('first-contentful-paint').map(e => e.startTime)"
    times = []
    for _ in range(3):
        browser.open(drawn.results / "report.html")
        times += browser.wait(lambda: browser.run(paint))
    assert min(times) < FIRST_PAINT


def test_every_control_is_reached_by_the_tab_key(page):
    for name in TOOLS:
        root = page.tool(name).root
        controls = root.find_elements("css selector", "select, input, button, summary")
        page.run("arguments[0].focus()", controls[0])
        passed = {page.driver.switch_to.active_element.id}
        for _ in range(len(controls) + 3):  # and the boxes that scroll
            page.driver.switch_to.active_element.send_keys(Keys.TAB)
            passed.add(page.driver.switch_to.active_element.id)
        assert {control.id for control in controls} <= passed


def test_the_slider_obeys_the_arrow_keys(page):
    tool = page.tool("ranks")
    slider = tool.root.find_element("xpath", ".//label[span='Tolerance']/input")
    before = int(slider.get_attribute("value"))
    tool.after(lambda: slider.send_keys(Keys.ARROW_RIGHT))
    assert int(slider.get_attribute("value")) == before + 1
    assert "at which the figure itself is drawn" not in tool.note


def test_every_control_and_picture_has_a_name(page):
    for name in TOOLS:
        page.tool(name)
    unnamed = """
      const kinds = 'select, input, button, img, summary, [role=img]';
      const label = e => e.labels && e.labels.length && e.labels[0].textContent.trim();
      const own = e => e.tagName != 'SELECT' && e.textContent.trim();
      return [...document.querySelectorAll(kinds)]
        .filter(e => !(e.getAttribute('aria-label') || e.hasAttribute('alt') || own(e) || label(e)
          || e.querySelector('img[alt]')))
        .map(e => e.outerHTML.slice(0, 120))"""
    assert page.run(unnamed) == []


def test_drawings_take_the_colours_of_the_dark(browser, drawn):
    inks = []
    for dark in (False, True):
        page = browser.open(drawn.results / "report.html", dark=dark)
        root = page.tool("ranks").root
        label = root.find_element("css selector", ".drawing .role-axis-title text")
        inks.append(label.value_of_css_property("fill"))
    assert inks == ["rgb(27, 31, 35)", "rgb(228, 231, 234)"]


def test_without_a_program_the_page_still_has_everything_to_read(browser, drawn):
    browser.cdp("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page = browser.open(drawn.results / "report.html")
        text = page.driver.find_element("tag name", "body").text
        assert "The drawings of this section need JavaScript." in text
        assert "Rank falls as weight decay grows" in text and "How it was made" in text
    finally:
        browser.cdp("Emulation.setScriptExecutionDisabled", value=False)
