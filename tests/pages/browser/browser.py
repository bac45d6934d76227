"""Debian's Chromium without a screen, driven by Selenium; what it says and asks for is kept."""

import base64
import json
import shutil
from urllib.parse import unquote

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import Select, WebDriverWait


def missing():
    """The programs that are not there."""
    return [name for name in ("chromium", "chromedriver") if not shutil.which(name)]


class Browser:
    """One page at a time, opened from disk as a user does."""

    def __init__(self, profile):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for switch in (
            "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
            "--hide-scrollbars", f"--user-data-dir={profile}",
        ):  # fmt: skip
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))

    def open(self, path, width=1440, height=900, dark=False):
        """The page at a width in CSS pixels, light or dark; logs begin here."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=False)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}  # a click meets no scrolling
        self.cdp("Emulation.setEmulatedMedia", features=[scheme, still])
        self.driver.get("about:blank")
        self.messages(), self.requests()
        self.driver.get(path.resolve().as_uri())
        return self

    def cdp(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def messages(self):
        """What the console was told since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self):
        """Every address that was asked for since the last call."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        sent = [e for e in events if e["method"] == "Network.requestWillBeSent"]
        return [e["params"]["request"]["url"] for e in sent]

    def wait(self, condition, seconds=30):
        return WebDriverWait(self.driver, seconds, 0.02).until(lambda _: condition())

    def screenshot(self, path, full=False):
        shot = {"format": "png", "captureBeyondViewport": full}
        if full:
            size = self.cdp("Page.getLayoutMetrics")["cssContentSize"]
            shot["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"],
                            "scale": 1}  # fmt: skip
        path.write_bytes(base64.b64decode(self.cdp("Page.captureScreenshot", **shot)["data"]))

    def tool(self, name):
        """A tool of the section Explore, drawn."""
        return Tool(
            self, self.driver.find_element("css selector", f"section > .tool[data-tool={name}]")
        )


class Tool:
    """The controls and the numbers of one tool, as a reader has them."""

    def __init__(self, browser, root):
        self.browser, self.root = browser, root
        browser.run("arguments[0].scrollIntoView({block: 'start', behavior: 'instant'})", root)
        browser.wait(lambda: root.get_attribute("data-drawn"))

    def choose(self, label, text):
        """Pick an option of a labelled list by its text, or the first that begins with it."""
        path = f".//label[span='{label}']/select"
        options = Select(self.root.find_element("xpath", path)).options
        wanted = next(option for option in options if option.text.startswith(text))
        if not wanted.is_selected():
            self.after(wanted.click)

    def slide(self, position):
        """Move the slider `Tolerance` as a hand would: the last event counts."""
        slider = self.root.find_element("xpath", ".//label[span='Tolerance']/input")
        move = "arguments[0].value = arguments[1];"
        move += "arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
        self.after(lambda: self.browser.run(move, slider, position))

    def after(self, act):
        """Act, and wait until the drawing has followed."""
        before = int(self.root.get_attribute("data-drawn"))
        act()
        self.browser.wait(lambda: int(self.root.get_attribute("data-drawn")) > before)

    @property
    def note(self):
        return self.root.find_element("css selector", ".note").text

    @property
    def csv(self):
        """The file that the tool offers, as text."""
        address = self.root.find_element("css selector", "a[download]").get_attribute("href")
        assert address.startswith("data:text/csv;charset=utf-8,")
        return unquote(address.partition(",")[2])

    @property
    def marks(self):
        """What is drawn: the labels that the drawing's points and squares have."""
        found = "return [...arguments[0].querySelectorAll('.drawing [aria-roledescription]')]"
        return self.browser.run(found + ".map(e => e.getAttribute('aria-label') || '')", self.root)
