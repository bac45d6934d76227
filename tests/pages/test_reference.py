"""The reference pages say every key."""

from pathlib import Path

import pytest

from implicitbias.base import registry
from implicitbias.base.errors import UserError
from implicitbias.pages import docs, reference
from implicitbias.plan import keys, schema

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def page():
    return docs.expand((DOCS / "reference" / "config.md").read_text(encoding="utf-8"))


def section(page, title):
    """The lines of the table under a heading."""
    assert page.count(f"### {title} {{") == 1, title
    return page.partition(f"### {title} {{")[2].partition("\n### ")[0].splitlines()


def row(page, title, key):
    cells = [line.split(" | ") for line in section(page, title) if line.startswith(f"| `{key}` |")]
    assert len(cells) == 1, f"{title}: {key}"
    return cells[0][1:]


def test_every_key_of_the_file_has_its_row(page):
    for name, part in schema.schema()["definitions"].items():
        if part.get("additionalProperties") is False:
            for key in part["properties"]:
                assert row(page, name, key)


@pytest.mark.parametrize("procedure", registry.names("plan/specs"))
def test_every_key_of_a_procedure_stands_there_or_under_what_it_shares(page, procedure):
    lines = section(page, f"`{procedure}`")
    shared = next((line for line in lines if line.startswith("Its further keys")), "")
    for title in ("Every run", "Every network", "`sgd`"):
        if f"#{reference.anchored(title)}" in shared:
            lines += section(page, title)
    for key in keys.spec_keys(procedure):
        assert any(line.startswith(f"| `{key}` | ") for line in lines), key


@pytest.mark.parametrize("model", registry.names("models"))
def test_every_argument_of_a_model_has_its_row(page, model):
    for key in keys.model_keys(model):
        assert row(page, f"`{model}`", key)


def test_a_row_says_type_range_unit_default_and_meaning(page):
    kind, unit, default, meaning = row(page, "`sgd`", "momentum")
    assert (kind, unit, default) == ("number in [0, 1)", "", "`0.0`")
    assert meaning.startswith("Heavy ball")
    assert row(page, "Every network", "epochs")[:3] == ["integer > 0", "epochs", "required"]
    assert row(page, "`rvsm`", "start_angle")[:2] == ["number in (0, 3.14159) or null", "radians"]
    assert row(page, "`rvsm`", "stop")[2] == "`1.0e-13`", "as YAML reads it"
    assert row(page, "`square_sgd`", "record_at")[0] == "list of: integer"
    assert row(page, "`square_sgd`", "targets")[0] == "`one_hot` or `centred` or `sign`"


def test_every_entry_of_record_is_explained(page):
    for procedure in ("sgd", "square_sgd"):
        for entry in keys.spec_keys(procedure)["record"]["items"]["enum"]:
            assert len(row(page, f"`{procedure}`", entry)[0]) > 20


def test_an_unknown_part_is_refused():
    with pytest.raises(UserError, match="no part of the keys 'model'.*'models'"):
        reference.keys_of("model")
