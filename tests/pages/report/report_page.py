"""The page, read back by an HTML parser."""

from html.parser import HTMLParser

from implicitbias.pages.report import build

VOID = {"meta", "link", "img", "wbr", "br", "hr"}


class Page(HTMLParser):
    """Tags with their attributes, the text by tag, and an error for tags that do not nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.rows = [], [], [], []
        self.feed(text)
        assert not self.open
        self.rows = [" ".join(row.split()) for row in self.rows]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & {*self.open}:
            self.text.append(data)
            if "tr" in self.open:
                self.rows[-1] += f" {data}"

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def made(plan, published=None):
    out = plan.results / "report.html"
    build(plan, out, published)
    return out.read_text(encoding="utf-8")
