"""Claims: what they refuse, Holm's correction, and the files."""

import json
import math
from dataclasses import asdict, replace

import pytest

from implicitbias.analysis.claims import (
    KEYS,
    Claim,
    Condition,
    Point,
    holm,
    read_claims,
    write_claims,
)

NAN = math.nan

MET = Condition("every compared network fits", True, "least training accuracy 1")
UNMET = Condition("every compared network fits", False, "least training accuracy 0.43")
POINT = Point("B=32", "average", 0.1, 69.6, 69.0, 68.0, NAN, 3, "prediction")
CLAIM = Claim(
    id="rank-falls-fro-1.4e-1", kind="paper", figure="galanti2025rank/fig09", claim="a sentence",
    statistic="tau", value=0.5, ci_low=0.25, ci_high=0.75, interval="95%", threshold=0.1, p=0.01,
    n=3, regime=(MET,), verdict="holds", reference="Fig. 9", note="n = 3",
)  # fmt: skip
UNKNOWN = replace(
    CLAIM, id="other", value=NAN, ci_low=NAN, ci_high=NAN, p=NAN, n=0, verdict="undecided",
    note="é", points=(POINT,),
)  # fmt: skip


def test_round_trip(tmp_path):
    path = tmp_path / "new" / "fig09.json"
    write_claims(path, [CLAIM, UNKNOWN])
    first, second = read_claims(path)
    assert first == CLAIM
    assert repr(second) == repr(UNKNOWN)  # NaN != NaN, and its repr is
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert [[*row] for row in rows] == [[*KEYS], [*KEYS]]
    assert rows[1]["value"] is None
    assert list(path.parent.iterdir()) == [path]  # no temporary file is left
    write_claims(path, [])
    assert read_claims(path) == []


def test_an_id_stands_once_in_a_figure(tmp_path):
    path = tmp_path / "fig09.json"
    other = replace(CLAIM, claim="another sentence")
    with pytest.raises(ValueError, match="fig09: several claims have the id 'rank-falls-fro-1.4e-"):
        write_claims(path, [CLAIM, UNKNOWN, other])
    assert not path.exists()
    write_claims(path, [CLAIM, replace(CLAIM, figure="galanti2025rank/fig08")])
    path.write_text(json.dumps([asdict(CLAIM), asdict(other)]))
    with pytest.raises(ValueError, match=r"fig09.json is not a claims file: .* several claims"):
        read_claims(path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "fig09.json"
    write_claims(path, [CLAIM])
    before = path.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        write_claims(path, [replace(CLAIM, note="\ud800")])  # half a surrogate is no UTF-8
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_is_cut_off_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "fig09.json"
    write_claims(path, [CLAIM])
    before = path.read_bytes()

    def cut_off(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("implicitbias.base.files.os.replace", cut_off)
    with pytest.raises(KeyboardInterrupt):
        write_claims(path, [UNKNOWN])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "maybe"}, "'maybe' is none of fails, undecided, not tested, holds"),
        ({"extra": 1}, "a claim has the keys id, kind, figure"),
        ({"value": "0.5"}, "value is '0.5', not a number"),
        ({"value": True}, "value is True, not a number"),
        ({"threshold": None}, "threshold is None, not a number"),
        ({"kind": "claim"}, "'claim' is none of paper, published, control, proved, ours"),
        ({"regime": [asdict(UNMET)]}, "'holds' does not fit the regime"),
        ({"verdict": "not tested"}, "'not tested' does not fit the regime"),
        ({"regime": None}, "regime is None, not a list"),
        ({"regime": [{"name": "a"}]}, "an entry of regime has the keys name, met, measured"),
        ({"regime": [asdict(MET) | {"met": 1}]}, "met is 1, not true or false"),
        ({"points": [asdict(POINT) | {"high": 71.0, "n": "3"}]}, "n is '3', not a count"),
        ({"points": "none"}, "points is 'none', not a list"),
        ({"n": 2.5}, "n is 2.5, not a count"),
        ({"n": -1}, "n is -1, not a count"),
        ({"n": 2}, "needs 3 seeds and finite numbers"),
        ({"value": None}, "needs 3 seeds and finite numbers"),
        ({"note": None}, "note is None, not text"),
        ({"id": None}, "id is None, not text"),
        ({"id": ""}, "id '' is not lower-case words"),
        ({"id": "Rank-falls"}, "id 'Rank-falls' is not lower-case words"),
        ({"id": "rank falls"}, "id 'rank falls' is not lower-case words"),
        ({"id": "rank--falls"}, "id 'rank--falls' is not lower-case words"),
        ({"id": "rank-falls-at-.5"}, "id 'rank-falls-at-.5' is not lower-case words"),
        ({"id": "a-" * 30 + "a"}, "in at most 60 characters"),
    ],
)
def test_a_damaged_claim_is_one_error_that_names_the_file(tmp_path, change, message):
    path = tmp_path / "fig09.json"
    path.write_text(json.dumps([asdict(CLAIM) | change]))
    with pytest.raises(ValueError, match="fig09.json is not a claims file: .*" + message):
        read_claims(path)


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"[1]", b"[NaN]", b'["\xff"]', b"[{}]"])
def test_a_damaged_file_is_one_error_that_names_it(tmp_path, content):
    path = tmp_path / "fig09.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="fig09.json is not a claims file: "):
        read_claims(path)


def test_a_claim_cut_off_anywhere_is_never_read(tmp_path):
    path = tmp_path / "fig09.json"
    write_claims(path, [CLAIM])
    whole = path.read_bytes().rstrip()
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match="not a claims file"):
            read_claims(path)


def test_a_regime_that_is_not_met_is_not_tested_and_nothing_else():
    """A claim cannot be decided with its regime unmet, nor be not tested with it met."""
    untested = replace(CLAIM, regime=(MET, UNMET), verdict="not tested")
    assert untested.unmet == (UNMET,)
    for verdict in ("holds", "fails", "undecided"):
        with pytest.raises(ValueError, match="does not fit the regime"):
            replace(untested, verdict=verdict)
    with pytest.raises(ValueError, match="does not fit the regime"):
        replace(CLAIM, verdict="not tested")


@pytest.mark.parametrize("n", [0, 1, 2])
def test_nothing_is_decided_below_three_seeds(n):
    for verdict in ("holds", "fails"):
        with pytest.raises(ValueError, match="needs 3 seeds"):
            replace(CLAIM, n=n, verdict=verdict)
    replace(CLAIM, n=n, verdict="undecided")


def test_holm_by_hand():
    """Of p 0.01, 0.02, 0.03: 0.01 <= 0.05 / 3, 0.02 <= 0.05 / 2, 0.03 <= 0.05: all survive. With
    0.011, 0.02, 0.026, 0.04: 0.011 <= 0.05 / 4; 0.02 > 0.05 / 3: the rest do not.
    """

    def survivors(*values, **other):
        claims = [replace(CLAIM, id=f"c{i}", p=p, **other) for i, p in enumerate(values)]
        return [c.p for c in holm(claims)]

    assert survivors(0.03, 0.01, 0.02) == [0.01, 0.02, 0.03]
    assert survivors(0.04, 0.011, 0.02, 0.026) == [0.011]
    assert survivors(NAN, 0.04) == [0.04]  # without a p-value no part is taken
    assert survivors(0.001, verdict="undecided") == []
    untested = replace(CLAIM, regime=(UNMET,), verdict="not tested", id="other", p=0.5)
    assert holm([untested, replace(CLAIM, p=0.04)])  # the other is no test
