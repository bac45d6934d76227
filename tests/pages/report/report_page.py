"""The page, read back by an HTML parser."""

import base64
import gzip
import json
import re
from html.parser import HTMLParser

from implicitbias.pages.report import build

VOID = {"meta", "link", "img", "wbr", "br", "hr", "input"}
BLOCK = re.compile(r'<script type="text/plain" id="block-([^"]*)">([^<]*)</script>')


class Page(HTMLParser):
    """Tags with their attributes, the text by tag, and an error for tags that do not nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], []
        self.rows, self.items = [], []  # of tables and of lists
        self.blocks = dict(BLOCK.findall(text))
        self.feed(text)
        assert not self.open
        self.rows, self.items = ([" ".join(r.split()) for r in x] for x in (self.rows, self.items))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("tr", "li"):
            (self.rows if tag == "tr" else self.items).append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & {*self.open}:
            self.text.append(data)
            for tag, texts in (("tr", self.rows), ("li", self.items)):
                if tag in self.open:
                    texts[-1] += f" {data}"

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    def bytes(self, name):
        """What a block of the page unpacks to."""
        return gzip.decompress(base64.b64decode(self.blocks[name]))

    def json(self, name):
        return json.loads(self.bytes(name))

    def claims(self, start):
        """The listed claims whose text begins so: the verdict's mark and word."""
        return [item for item in self.items if item.startswith(start)]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def made(plan, published=None):
    out = plan.results / "report.html"
    build(plan, out, published)
    return out.read_text(encoding="utf-8")
