"""One browser for all tests and a page with made-up spectra; skipped where there is none."""

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "report"))  # the trees and pages of its tests

from drawn_tree import drawn_tree
from report_page import made as build

ABSENT = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]


def pytest_collection_modifyitems(items):
    """Where the browser is required, its absence is a failure, not a skip."""
    reason = f"no {', '.join(ABSENT)} here: tests/install.sh"
    for item in items:
        if ABSENT and Path(__file__).parent in item.path.parents:
            assert not os.environ.get("REQUIRE_BROWSER"), reason
            item.add_marker(pytest.mark.skip(reason))


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    from browser import Browser

    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.driver.quit()


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """The plan of a small tree, its page written."""
    plan = drawn_tree(tmp_path_factory.mktemp("drawn"))
    build(plan)
    return plan


@pytest.fixture
def page(browser, drawn):
    """The page, freshly opened; at its end the console is empty and the network untouched."""
    address = drawn.results / "report.html"
    yield browser.open(address)
    assert browser.messages() == []
    others = {url for url in browser.requests() if not url.startswith("data:")}
    assert others <= {address.as_uri()}
