"""What the page computes and draws is what the tables have, and the controls do as they say."""

import io

import numpy as np
import pandas as pd
import pytest
from drawn_tree import COLLAPSE, EPOCHS, HOSTILE, LAYERS, RANKS, lost, spectrum
from selenium.webdriver.common.keys import Keys

from implicitbias.analysis import tables
from implicitbias.metrics.numerical_rank import rank_fro, rank_spec
from implicitbias.pages.report import spectra

GRID = spectra.grid([1e-3, 3e-2, 0.3]).tolist()
NORMS = {"fro": "Frobenius norm", "spec": "spectral norm"}
FIELDS = ["weight_decay", "batch_size", "preprocessing"]


def numbers(tool):
    return pd.read_csv(io.StringIO(tool.csv), keep_default_na=False, na_values=[""])


def expected(rows, keys=FIELDS):
    """Mean, range and number of seeds, as `style.band` has them."""
    found = rows.groupby(keys)["value"].agg(["mean", "min", "max", "count"]).reset_index()
    return found.set_axis([*keys, "mean", "low", "high", "n"], axis=1)


def same(found, wanted, keys=FIELDS):
    both = found.merge(wanted, on=keys, suffixes=("", "_wanted"), validate="one_to_one")
    assert len(both) == len(found) == len(wanted) > 0
    for name in ("mean", "low", "high", "n"):
        np.testing.assert_allclose(both[name], both[f"{name}_wanted"], rtol=1e-12)


@pytest.mark.parametrize(("norm", "tolerance"), [("fro", 0.03), ("fro", 1e-3), ("spec", 0.3)])
@pytest.mark.parametrize("layer", ["average", "average_all", "layer1"])
def test_ranks_are_those_of_the_table(page, drawn, norm, tolerance, layer):
    tool = page.tool("ranks")
    words = {"average": "average, as", "average_all": "average of all", "layer1": "layer 1"}[layer]
    tool.choose("Relative to the", NORMS[norm])
    tool.choose("Layer", words)
    tool.slide(GRID.index(tolerance))
    metric = {0.03: "rank_fro_3e-2", 1e-3: "rank_fro_1e-3", 0.3: "rank_spec_3e-1"}[tolerance]
    rows = tables.final(tables.read(drawn.results / "tables" / f"{RANKS}.parquet"))
    rows = rows[(rows["metric"] == metric) & (rows["layer"] == layer)]
    same(numbers(tool), expected(rows))
    assert (
        f"Tolerance {tolerance}" in tool.note and "at which the figure itself is drawn" in tool.note
    )


@pytest.mark.parametrize("k", [0, 400, 901, 1500, len(GRID) - 1])
def test_ranks_at_other_tolerances_are_the_metrics_at_every_record(page, drawn, k):
    tool = page.tool("ranks")
    tool.choose("Against", "completed epochs")
    tool.choose("Relative to the", NORMS["spec"])
    tool.slide(k)
    rows = [
        {**{f: getattr(s, f) for f in FIELDS}, "epoch": e, "value": np.mean(
            [rank_spec(spectrum(s, e, name), GRID[k]) for name in LAYERS if name != "head"])}
        for s in drawn.runs.values() for e in EPOCHS
    ]  # fmt: skip
    same(numbers(tool), expected(pd.DataFrame(rows), [*FIELDS, "epoch"]), [*FIELDS, "epoch"])


def test_a_figure_is_first_drawn_under_both_norms(page, drawn):
    tool = page.tool("ranks")
    assert "Tolerance 0.03 of the Frobenius norm and of the spectral norm" in tool.note
    rows = [
        {**{f: getattr(s, f) for f in FIELDS}, "norm": name, "value": np.mean(
            [norm(spectrum(s, max(EPOCHS), layer), 0.03) for layer in LAYERS if layer != "head"])}
        for s in drawn.runs.values() for name, norm in (("fro", rank_fro), ("spec", rank_spec))
    ]  # fmt: skip
    same(numbers(tool), expected(pd.DataFrame(rows), ["norm", *FIELDS]), ["norm", *FIELDS])


def test_moving_the_slider_moves_the_drawing_and_says_where_it_is(page):
    tool = page.tool("ranks")
    tool.choose("Relative to the", NORMS["fro"])
    before = tool.marks
    tool.slide(GRID.index(0.3))
    assert tool.marks != before
    slider = tool.root.find_element("xpath", ".//label[span='Tolerance']/input")
    assert slider.get_attribute("aria-valuetext") == "0.3"
    assert "tolerance 0.3 of the Frobenius norm" in tool.root.find_element(
        "css selector", ".drawing").get_attribute("aria-label")  # fmt: skip


def test_a_typed_tolerance_goes_to_the_nearest_of_the_grid(page):
    tool = page.tool("ranks")
    field = tool.root.find_element("css selector", "input[type=number]")
    tool.after(lambda: field.send_keys(Keys.CONTROL + "a", Keys.NULL, "0.0305", Keys.TAB))
    nearest = min(GRID, key=lambda t: abs(np.log(t / 0.0305)))
    assert f"Tolerance {nearest} " in tool.note and field.get_attribute("value") == str(nearest)


@pytest.mark.parametrize("typed", ["2", "0", "-1", ""])
def test_a_typed_tolerance_outside_the_grid_is_refused_in_a_line(page, typed):
    tool = page.tool("ranks")
    field = tool.root.find_element("css selector", "input[type=number]")
    before = field.get_attribute("value")
    field.send_keys(Keys.CONTROL + "a", Keys.NULL, typed or Keys.BACKSPACE, Keys.TAB)
    said = tool.root.find_element("css selector", ".refused").text
    assert said == f"A number from {GRID[0]} to {GRID[-1]}."
    assert field.get_attribute("value") == before


def test_a_plane_has_the_mean_of_what_is_not_picked(page, drawn):
    tool = page.tool("plane")
    rows = tables.final(tables.read(drawn.results / "tables" / f"{RANKS}.parquet"))
    rows = rows[(rows["metric"] == "rank_fro_3e-2") & (rows["layer"] == "average")]
    keys = ["batch_size", "weight_decay"]
    same(numbers(tool), expected(rows, keys), keys)
    assert "and over preprocessing" in tool.note
    tool.choose("preprocessing", "standardised")
    same(numbers(tool), expected(rows[rows["preprocessing"] == "standardised"], keys), keys)
    tool.choose("Across", "batch size")  # the two axes change places
    assert list(numbers(tool))[:2] == ["weight_decay", "batch_size"]
    tool.choose("Across", "preprocessing")
    same(numbers(tool), expected(rows, ["weight_decay", "preprocessing"]),
         ["weight_decay", "preprocessing"])  # fmt: skip


@pytest.mark.parametrize("at", [0, 2])
def pick(tool, spec):
    """Choose the run of a spec in the list of runs."""
    option = next(o for o in tool.root.find_elements("xpath", ".//label[span='Run']/select/option")
                  if spec.run_id in o.text)  # fmt: skip
    if not option.is_selected():
        tool.after(option.click)


@pytest.mark.parametrize("at", [0, 2])
def test_singular_values_are_those_of_the_record(page, drawn, at):
    tool = page.tool("spectrum")
    spec = next(iter(drawn.runs.values()))
    pick(tool, spec)
    slider = tool.root.find_element("xpath", ".//label[span='Completed epochs']/input")
    move = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))"
    tool.after(lambda: page.run(move, slider, 1))
    tool.after(lambda: page.run(move, slider, at))
    found = numbers(tool).set_index("layer")
    for name, size in LAYERS.items():
        assert found.loc[name, "rank"] == rank_fro(spectrum(spec, EPOCHS[at], name), 0.03)
        assert found.loc[name, "of"] == size
    assert f"After {EPOCHS[at]} completed epochs" in tool.note


def test_the_spectrum_begins_with_the_most_weight_decay(page):
    assert "weight decay 0.01" in page.tool("spectrum").note


def test_a_run_that_diverged_has_no_rank(page, drawn):
    tool = page.tool("spectrum")
    pick(tool, next(s for s in drawn.runs.values() if lost(s, max(EPOCHS))))
    assert numbers(tool)["rank"].isna().all()


def test_curves_are_those_of_the_runs_that_are_picked(page, drawn):
    tool = page.tool("curves")
    rows = tables.read(drawn.results / "tables" / f"{COLLAPSE}.parquet")
    boxes = tool.root.find_elements("css selector", ".runs input")
    assert len(boxes) == len(drawn.runs)
    tool.choose("Quantity", "nc4")
    for button, wanted in (("None", 0), ("All", len(boxes))):
        press = tool.root.find_element("xpath", f".//button[.='{button}']")
        tool.after(press.click)
        found = numbers(tool)
        assert found["run"].nunique() == wanted
    both = found.merge(rows[rows["metric"] == "nc4"], on=["run", "epoch"], validate="one_to_one")
    assert len(both) == len(found) == len(drawn.runs) * len(EPOCHS)
    np.testing.assert_array_equal(both["value_x"], both["value_y"])
    assert "4 values are missing" in tool.note  # two records of each of the two that diverged
    tool.after(boxes[0].click)
    assert numbers(tool)["run"].nunique() == len(boxes) - 1


def test_a_figure_is_redrawn_where_it_stands(page):
    card = page.driver.find_element("id", RANKS.replace("/", "--"))
    details = card.find_element("css selector", f"details[data-figure='{RANKS}']")
    page.run("for (const each of arguments) each.open = true", card, details)
    root = details.find_element("css selector", ".tool")
    page.wait(lambda: root.get_attribute("data-drawn"))
    assert not root.find_elements("xpath", ".//label[span='Figure']")


def test_hostile_text_is_text_in_every_control(page):
    for name in ("ranks", "plane", "spectrum", "curves"):
        assert HOSTILE in page.run("return arguments[0].textContent", page.tool(name).root)
    sources = page.run("return [...document.images].map(e => e.src.slice(0, 5))")
    assert set(sources) <= {"data:"}
    assert page.run("return document.querySelectorAll('[onerror]').length") == 0
