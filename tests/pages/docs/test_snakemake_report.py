"""`make report`: Snakemake's own report has every figure and table, labelled and explained."""

import json
import re
from html import unescape

from smoke import snakemake

from implicitbias.base import registry

WHAT = {"svg": "picture", "csv": "plotted numbers", "json": "verdicts", "parquet": "table"}


def test_every_figure_and_table_is_there_without_a_network(made, tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens
    page = tmp_path / "report.html"
    snakemake(made, "--report", page)
    text = page.read_text(encoding="utf-8")
    embedded = text.partition('<script id="results">')[2].partition("var results = ")[2]
    results, _ = json.JSONDecoder().raw_decode(embedded)
    keys = {path.partition("results/smoke/")[2] for path in results}
    tables = sorted(made.glob("results/smoke/tables/*/*.parquet"))
    assert len(tables) >= 50
    for key in (f"{path.parent.name}/{path.stem}" for path in tables):
        title, _ = registry.docstring(registry.figure_path(key))
        for suffix, what in WHAT.items():
            folder = {"json": "claims", "parquet": "tables"}.get(suffix, "figures")
            assert f"{folder}/{key}.{suffix}" in keys
            entry = results[f"results/smoke/{folder}/{key}.{suffix}"]
            assert entry["labels"] == {"figure": key.partition("/")[2], "what": what}
            said = unescape(re.sub(r"<[^>]+>", "", entry["caption"])).replace("`", "")
            assert (key if suffix == "parquet" else title.replace("`", "")) in " ".join(
                said.split()
            )
            assert "system-message" not in entry["caption"], "broken reStructuredText"
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="https?:', text)
