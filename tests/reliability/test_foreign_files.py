"""Files of results whose values have other types, sizes and nesting: a value, or one message."""

import copy
import json
import random
import struct
import zlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from implicitbias import data
from implicitbias.__main__ import main
from implicitbias.analysis import claims
from implicitbias.base import provenance
from implicitbias.base.errors import UserError
from implicitbias.pages.report import facts, numbers, picture
from implicitbias.pages.report.axes import x_axis
from implicitbias.plan import config, content, packs, spec
from implicitbias.plan.plan import make_plan
from implicitbias.train import progress, records, status

NET = {"dataset": "digits", "n_train": 200, "model": "mlp_bn", "depth": 2, "width": 6, "lr": 0.1}
PACK = json.loads(packs.Pack.of([spec.make({**NET, "epochs": 3, "batch_size": 32})]).text)
PROVENANCE = {
    "pack": PACK["pack"], "runs": 1, "samples": 600, "started": "2026-01-01T00:00:00+00:00",
    "seconds": 1.5, "resumed": False, "sha256": {"scalars.parquet": "0", "arrays.parquet": "1"},
    "implicitbias": "1", "commit": "abc", "python": "3.11", "packages": {"torch": "2"},
    "device": "cpu", "processor": "p", "cores": 2, "threads": 1,
}  # fmt: skip
CLAIMS = [{
    "id": "rank-falls", "figure": "galanti2025rank/fig07", "claim": "it falls", "statistic": "s",
    "value": -0.5, "ci_low": -0.6, "ci_high": -0.4, "threshold": 0.0, "n": 3, "verdict": "holds",
    "reference": "", "note": "", "kind": "paper", "interval": "95%", "p": 0.01,
    "regime": [{"name": "fits", "met": True, "measured": "1"}], "points": [],
}]  # fmt: skip
PROGRESS = {
    "pack": "p", "runs": 3, "epoch": 2, "epochs": 9, "step": 20, "steps": 90,
    "steps_per_second": 5.0, "remaining_s": 120.0, "loss": 0.5, "diverged": 0,
}  # fmt: skip
CONFIG = {
    "scale": "smoke", "data_dir": "data", "figures": {"galanti2025rank/fig07": {
        "runs": [{"sweep": "one", "where": {"weight_decay": [0.1]}}],
        "metrics": ["rank_fro_3e-2", "rank_fro_1e-3", "train_accuracy", "test_accuracy"]}},
    "sweeps": {"one": {"base": {**NET, "epochs": 2, "batch_size": 32},
                       "grid": {"weight_decay": [0, 0.1]}, "seeds": [0]}},
}  # fmt: skip


def nested(depth):
    return "[" * depth + "]" * depth


ODD = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, -(10**400), 1e308, 5e-324, float("nan"),
    float("inf"), "", " ", "x" * 30_000, "\x1b[31mred", "two\nlines", "</script><b>", "\ud800",
    "1", [], {}, [[]], [None], {"a": {"b": [1]}}, list(range(5000)), [["a", 1], {}], {"": ""},
]  # fmt: skip


def places(tree, at=()):
    below = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in below:
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from places(value, (*at, key))


def changed(tree, dice):
    """The text of the tree with a value of another type, size or nesting, a key more or less."""
    tree = copy.deepcopy(tree)
    *above, last = dice.choice(list(places(tree)))
    place = tree
    for key in above:
        place = place[key]
    kind = dice.randrange(10)
    if kind == 0:
        del place[last]
    elif kind == 1 and isinstance(place, dict):
        place[dice.choice(["", "x", "a" * 500, "\x1b[2J"])] = dice.choice(ODD)
    elif kind == 2:
        place[last] = [copy.deepcopy(place[last])] * dice.choice([1, 3, 400])
    elif kind == 3:
        return json.dumps(dice.choice(ODD))
    elif kind == 4:
        place[last] = "@"
        return json.dumps(tree).replace('"@"', nested(dice.choice([50, 3000])))
    else:
        place[last] = dice.choice(ODD)
    return json.dumps(tree)


def read_pack(path):
    packs.read(path)
    packs.specs_of(path)


def read_provenance(path):
    provenance.complete(path.parents[1])
    content.records([path.parents[1]])
    facts.facts_in(path.parents[3])
    provenance.read(path.parents[1])


def read_progress(path):
    for line in status.lines(path.parents[3]):
        assert line.isprintable()
    assert progress.read(path) is None or progress.read(path).steps >= 0


KINDS = {
    "pack.json": (PACK, read_pack),
    "records/provenance.json": (PROVENANCE, read_provenance),
    "claims.json": (CLAIMS, claims.read_claims),
    "progress.json": (PROGRESS, read_progress),
    "config.json": (CONFIG, lambda p: make_plan(*config.load([p]), p.parent / "results")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_two_hundred_files_of_other_types_are_read_or_one_message(tmp_path, kind):
    tree, read = KINDS[kind]
    home = tmp_path / "results" / "packs" / PACK["pack"]
    path, dice, refused = home / kind, random.Random(kind), 0
    path.parent.mkdir(parents=True)
    (home / "pack.json").write_text(json.dumps(PACK))
    path.write_text(json.dumps(tree))
    read(path)
    for _ in range(200):
        text = changed(tree, dice)
        path.write_text(text)
        try:
            read(path)
        except (UserError, ValueError) as error:
            assert isinstance(error, UserError) or kind == "claims.json", text
            assert path.name in str(error), text
            assert str(error).isprintable(), text
            assert len(str(error)) < 3000, text
            refused += 1
    assert refused > 60 or kind == "progress.json"


def odd_table(schema, dice):
    """A table of records in which a column has another type, another length or no values."""
    rows = {name: [None] * 3 for name in schema.names}
    rows |= {"run": ["a"] * 3, "epoch": [0, 1, 2], "step": [0, 1, 2], "layer": [""] * 3}
    rows |= {"quantity": ["q"] * 3}
    for name, cells in (("value", [0.1] * 3), ("values", [[1.0]] * 3), ("shape", [[1]] * 3),
                        ("averaged", [True] * 3)):  # fmt: skip
        if name in rows:
            rows[name] = cells
    column = dice.choice(schema.names)
    rows[column] = dice.choice([
        [None] * 3, ["x"] * 3, [2**40] * 3, [[1.0, None]] * 3, [{"a": 1}] * 3, [float("nan")] * 3,
        [[[1.0]]] * 3, [[]] * 3, [b"b"] * 3, [True] * 3,
    ])  # fmt: skip
    if dice.random() < 0.1:
        rows["more"] = [1, 2, 3]
    return pa.table(rows)


@pytest.mark.parametrize("name", ["scalars", "arrays"])
def test_tables_of_other_types_are_read_or_one_message(tmp_path, name):
    schema, dice = {"scalars": records.SCALARS, "arrays": records.ARRAYS}[name], random.Random(name)
    path, refused = tmp_path / f"{name}.parquet", 0
    for _ in range(100):
        pq.write_table(odd_table(schema, dice), path)
        try:
            frame = records.read(path)
        except UserError as error:
            assert path.name in str(error)
            refused += 1
        else:
            assert isinstance(frame, pd.DataFrame)
            assert not frame[["run", "epoch", "step", "layer", "quantity"]].isna().any().any()
    assert refused > 20


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def odd_png(dice):
    """A picture of 20 x 10 pixels that claims another size, depth or dpi, or is cut or changed."""
    width, height = dice.choice([(20, 10)] * 3 + [(60_000, 60_000), (0, 10), (20, 2**31 - 1)])
    head = struct.pack(">IIBBBBB", width, height, dice.choice([8, 8, 8, 3]),
                       dice.choice([2, 2, 2, 7]), 0, 0, dice.choice([0, 0, 9]))  # fmt: skip
    dots = struct.pack(">IIB", dice.choice([7874, 0, 2**31 - 1]), 0, 1)
    rows = zlib.compress(b"".join(b"\0" + dice.randbytes(60) for _ in range(10)))
    parts = [chunk(b"IHDR", head), chunk(b"pHYs", dots), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    content = bytearray(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    if dice.random() < 0.3:
        content = content[: dice.randrange(len(content))]
    elif dice.random() < 0.5:
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    return bytes(content)


def test_pictures_of_other_sizes_are_shown_or_one_message(tmp_path):
    dice, refused, path = random.Random("png"), 0, tmp_path / "figures" / "p" / "fig01.png"
    path.parent.mkdir(parents=True)
    for _ in range(150):
        path.write_bytes(odd_png(dice))
        for read in (picture.picture, picture.inline):
            try:
                shown = read(tmp_path, "p/fig01")
            except UserError as error:
                assert str(error).startswith(f"{path}: not a picture: "), error
                assert str(error).isprintable()
                refused += 1
            else:
                assert shown is None or read is picture.picture or 0 < shown.width < 1000
    assert 60 < refused < 290


CELLS = [
    "",
    "nan",
    "inf",
    "-1e400",
    "x" * 5000,
    "</script>",
    "1;2",
    "\x1b[2J",
    '"',
    "0x10",
    "1,2,3",
]


def test_plotted_numbers_of_other_types_are_read_or_one_message(tmp_path):
    dice, refused, path = random.Random("csv"), 0, tmp_path / "fig01.csv"
    head = ["panel", "series", "x_name", "x", "mean", "low", "high", "n"]
    for _ in range(150):
        rows = [["a", "b", "epoch", "1", "0.5", "0.4", "0.6", "3"] for _ in range(3)]
        rows[dice.randrange(3)][dice.randrange(8)] = dice.choice(CELLS)
        kept = [name for name in head if dice.random() < 0.95]
        path.write_text("\n".join(",".join(row) for row in [kept, *rows]))
        for read in (lambda p: picture.alternative("t", p), lambda p: x_axis(p, ("lr",)),
                     lambda p: numbers.beside(p, p)):  # fmt: skip
            try:
                read(path)
            except UserError as error:
                assert str(error).startswith(f"{path}: not the numbers of a figure: "), error
                assert str(error).isprintable()
                refused += 1
    assert refused > 20


@pytest.mark.parametrize("shape", ["(10000000000000, 1, 8, 8)", "(-1, 1, 8, 8)", "(3,)", "()"])
def test_a_data_file_whose_header_claims_what_it_has_not_is_one_message(tmp_path, shape):
    arrays = {"x_train": np.zeros((9, 1, 8, 8), np.uint8), "y_train": np.zeros(9, np.int64)}
    arrays |= {"x_test": arrays["x_train"], "y_test": arrays["y_train"]}
    path = tmp_path / "digits.npz"
    np.savez(path, **arrays, content_sha256=np.array("0"))
    content = path.read_bytes()
    old = b"(9, 1, 8, 8), "
    assert content.count(old) == 2
    path.write_bytes(content.replace(old, f"{shape}, ".encode().ljust(len(old))[: len(old) + 40]))
    with pytest.raises(UserError, match=r"digits\.npz"):
        data.load("digits", tmp_path)


def test_labels_of_any_shape_are_one_message(tmp_path):
    x = np.zeros((3, 1, 8, 8), np.uint8)
    for labels in (np.zeros((3, 2), np.int64), np.array(["a"] * 3), np.zeros(3), np.array(7)):
        np.savez(tmp_path / "svhn.npz", x_train=x, y_train=labels, x_test=x, y_test=labels,
                 content_sha256=np.array("0"))  # fmt: skip
        with pytest.raises(UserError, match=r"svhn\.npz"):
            data.load("svhn", tmp_path)


def test_no_traceback_reaches_a_user(monkeypatch, capsys, tmp_path):
    """What no code foresaw is one line, and its traceback a file."""
    torchs = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")
    memory = (MemoryError(), torchs)
    for error in (KeyError("x"), RecursionError(), OverflowError("y\nz"), 1 / 3, *memory):

        def fails(*_, error=error):
            raise error if isinstance(error, Exception) else ZeroDivisionError("division by zero")

        monkeypatch.setattr(status, "lines", fails)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        assert main(["status"]) == 1
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert said.count("\n") == 1
        if error in memory:
            assert said == "error: memory does not suffice\n"
        else:
            kept = next(tmp_path.glob("implicitbias-*.txt"))
            assert str(kept) in said
            assert "Traceback" in kept.read_text()
            kept.unlink()
