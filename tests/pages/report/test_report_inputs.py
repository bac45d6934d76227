"""Inputs that are hostile, missing or damaged; and the same inputs, which give the same bytes."""

import base64
import dataclasses
import io
import re
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image
from report_page import Page, made
from report_tree import HOSTILE, SVG, claim, put

from implicitbias.base.errors import UserError
from implicitbias.plan import config
from implicitbias.plan.overlays import Sources


def test_nothing_leaves_the_page(plan):
    text = made(plan)
    page = Page(text)
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert len(ids) == sum("id" in attrs for _, attrs in page.tags)
    for _, attrs in page.tags:
        for name in ("href", "src", "srcset", "action", "data", "poster", "background"):
            target = attrs.get(name, "#start")
            place = target[1:].partition("?")[0]  # behind it stands what the gallery shows
            assert target.startswith("data:") or place in ids, target
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style and "@import" not in style
    harmless = re.sub(r'"data:[^"]*"', "", text.replace("http://evil.example", ""))
    assert "http://" not in harmless and "https://" not in harmless
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'")


def test_hostile_text_stays_text(plan):
    page = Page(made(plan))
    assert ours_only(page)
    assert HOSTILE in " ".join(page.text)  # the note, and the title
    images = page.all("img")  # thumbnails, whose titles stand beside them
    assert [i["src"].partition(",")[0] for i in images] == ["data:image/svg+xml"] * 2
    assert unquote(images[0]["src"].partition(",")[2]) == SVG
    assert {frozenset(i) for i in images} == {frozenset({"src", "alt", "loading"})}
    whole = [a for a in page.all("div") if a.get("class") == "picture"]
    assert page.bytes(whole[0]["data-block"]).decode() == SVG
    assert HOSTILE in whole[0]["data-alt"]


def ours_only(page):
    """Whether the only scripts are packed data and our own program."""
    kinds = [attrs.get("type") for attrs in page.all("script")]
    return {*kinds} == {"text/plain", "module"} and kinds.count("module") == 1


def test_strings_of_a_config_stay_text(plan, tmp_path):
    """In the fields of a run, and in the config itself, whatever validation lets pass."""
    runs = {
        s.run_id: s.model_copy(update={"preprocessing": f"{HOSTILE} {{{{ 7 * 7 }}}} {i}"})
        for i, s in enumerate(plan.runs.values())
    }
    renamed = dict(zip(plan.runs, runs.values(), strict=True))
    settings = plan.config.model_copy(update={"data_dir": HOSTILE})
    page = Page(made(dataclasses.replace(plan, runs=renamed, config=settings)))
    assert ours_only(page)
    assert not [a for _, a in page.tags if "onerror" in a]
    said = " ".join(str(page.json(name)) for name in page.blocks if name.startswith("runs-"))
    wanted = repr(f"{HOSTILE} {{{{ 7 * 7 }}}} 0")
    assert wanted in said  # neither markup nor a template
    assert len(page.all("img")) == 2


def test_a_config_may_hold_such_a_path(tmp_path):
    """Angle brackets in data_dir are a path's; nothing else in a config is free text."""
    path = HOSTILE.replace('"', "'")
    fields = {"scale": "small", "figures": {}, "sweeps": {}, "data_dir": path}
    assert config.parse(fields, Sources()).data_dir == path


def test_pieces_that_are_missing_are_named(plan):
    page = Page(made(plan))
    assert page.words.count("Picture not made.") == 2
    assert page.words.count("Claims not made.") == 1
    assert page.words.count("This figure makes no claim.") == 1
    assert "Nothing" not in page.words
    assert "5 runs, 4 of them trained" in page.words
    assert "2 packs, 1 of them trained" in page.words
    assert "1 of 4 measured runs" in page.words  # of two figures with the same runs


def test_the_same_inputs_give_the_same_bytes_in_any_order(plan):
    first = made(plan)
    backwards = dict(reversed(plan.figures.items()))
    packs = dict(reversed(plan.packs.items()))
    assert first == made(plan)
    assert first == made(dataclasses.replace(plan, figures=backwards, packs=packs))


def test_png_stands_in_for_svg(plan):
    picture = plan.results / "figures" / "alpha2020x" / "fig10.svg"
    picture.unlink()
    dice = np.random.default_rng(0)
    colours = dice.integers(0, 256, (256, 3)).astype(np.uint8)
    shown = colours[dice.integers(0, 256, (50, 400))]
    Image.fromarray(shown).save(picture.with_suffix(".png"), dpi=(200, 200))
    page = Page(made(plan))
    whole = [a for a in page.all("div") if a.get("class") == "picture"][1]
    assert whole["data-kind"] == "image/webp"
    with Image.open(io.BytesIO(page.bytes(whole["data-block"]))) as found:
        assert (np.asarray(found) == shown).all()  # 256 colours: without loss
    kind, _, data = page.all("img")[1]["src"].partition(",")
    assert kind == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as found:
        assert found.width <= 420  # a thumbnail
    picture.with_suffix(".png").write_text("PNG")
    with pytest.raises(UserError, match=r"fig10\.png: not a picture"):
        made(plan)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("claims/alpha2020x/fig02.json", '[{"figure": '),
        ("claims/alpha2020x/fig02.json", b"\xff\xfe"),
        ("tables/alpha2020x/fig02.parquet", "PAR1"),
        ("packs/*/records/provenance.json", '{"seconds": 1}'),
        ("packs/*/records/provenance.json", "{"),
    ],
)
def test_a_damaged_file_is_named(plan, file, content):
    path = next(plan.results.glob(file))
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=path.name) as found:
        made(plan)
    assert str(path) in str(found.value)
    assert not (plan.results / "report.html").exists()


def test_claims_of_another_figure_are_refused(plan):
    put(plan.results, "alpha2020x/fig10", [claim("alpha2020x/fig02", "holds")])
    with pytest.raises(UserError, match="holds claims of 'alpha2020x/fig02'"):
        made(plan)


def test_code_that_does_not_parse_is_named(plan):
    plan.figures["alpha2020x/fig10"].code.write_text('"""Open')
    with pytest.raises(UserError, match=r"fig10\.py"):
        made(plan)


def test_a_plan_of_which_nothing_is_made_still_gives_a_page(plan):
    for part in ("figures", "claims", "tables", "packs"):
        (plan.results / part).rename(plan.results / f"not-{part}")
    page = Page(made(plan))
    assert "Nothing is trained yet." in page.words
    assert page.words.count("Picture not made.") == page.words.count("Claims not made.") == 4
    assert page.words.count("No claims.") == 2 and "0 of 0 measured runs" in page.words
