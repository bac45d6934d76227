"""`spectrum` on what people have: every kind of file and tensor has its ranks or its reason."""

import csv
import io
import json
import pickle
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from implicitbias.__main__ import main
from implicitbias.api import spectrum
from implicitbias.base.errors import UserError

RANKS = ("rank_fro_1e-3", "rank_spec_1e-3")


@pytest.fixture
def w():
    """20 x 12, of rank 5."""
    rng = torch.Generator().manual_seed(0)
    return torch.randn(20, 5, generator=rng) @ torch.randn(5, 12, generator=rng)


def rows(tmp_path, tree, **options):
    """The table of a file that torch.save wrote, by the name of the matrix."""
    torch.save(tree, tmp_path / "net.pt")
    return spectrum.table(tmp_path / "net.pt", **options).set_index("matrix")


def refused(capsys, *arguments):
    """The one line on stderr; nothing on stdout."""
    assert main(["spectrum", *map(str, arguments)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_a_layout_of_no_tensor_is_refused(tmp_path, w, capsys):
    torch.save({"low": w}, tmp_path / "net.pt")
    said = refused(capsys, tmp_path / "net.pt", "--layout", "up*.weight=transposed")
    assert "net.pt: layout: no tensor of it matches 'up*.weight'" in said


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_ranks_of_a_state_dict(tmp_path, w, suffix, capsys):
    state = {"low": w, "conv": torch.randn(6, 3, 2, 2), "bias": torch.ones(5), "n": torch.tensor(3)}
    path = tmp_path / f"net.{suffix}"
    torch.save(state, path) if suffix == "pt" else save_file(state, path)
    found = spectrum.table(path, 1e-3).set_index("matrix")
    assert set(found.index) == set(state)
    s = np.linalg.svd(w.double().numpy(), compute_uv=False)
    norm = np.linalg.norm(w.double().numpy())
    assert [*found.loc["low", [*RANKS]]] == [(s > 1e-3 * norm).sum(), (s > 1e-3 * s[0]).sum()]
    assert tuple(found.loc["conv", ["rows", "cols", "layout"]]) == (6, 12, "kernel")
    assert found.loc["low", "fro_norm"] == pytest.approx(norm)
    assert found.loc["bias", "note"] == "a vector"
    assert main(["spectrum", str(path), "--tolerance", "0.5"]) == 0
    out = capsys.readouterr().out
    assert "rank_fro_5e-1" in out
    assert "a vector: bias" in out


def nests(sd):
    optimiser = torch.optim.SGD([torch.ones(2, 2, requires_grad=True)], lr=0.1).state_dict()
    return {
        "state_dict": ({"state_dict": sd}, {"state_dict.fc.weight"}),
        "beside an optimiser": ({"model": sd, "optimizer": optimiser}, {"model.fc.weight"}),
        "beside a number": ({"net": sd, "acc": 93.1}, {"net.fc.weight"}),
        "a list": ([sd], {"0.fc.weight"}),
        "two networks": (
            {"generator": sd, "discriminator": dict(sd)},
            {"generator.fc.weight", "discriminator.fc.weight"},
        ),
        "a tensor beside it": ({"model": sd, "step": torch.tensor(3)}, {"model.fc.weight"}),
    }


@pytest.mark.parametrize("kind", nests({}))
def test_nested_checkpoints_are_walked(tmp_path, w, kind):
    tree, names = nests({"fc.weight": w})[kind]
    found = rows(tmp_path, tree)
    ranked = found[found["rank_fro_1e-3"].notna()]
    assert set(ranked.index) == names
    assert (ranked[[*RANKS]] == 5).to_numpy().all()
    if "optimizer" in str(tree):
        assert found.loc["optimizer", "note"] == "left out: state of an optimiser or schedule"


def test_an_optimiser_is_told_by_its_keys_whatever_its_name(tmp_path, w):
    adam = torch.optim.Adam([p := w.clone().requires_grad_()])
    p.sum().backward()
    adam.step()
    found = rows(tmp_path, {"net": {"w": w}, "helper": adam.state_dict()})
    assert set(found.index) == {"net.w", "helper"}


def test_trees_that_hold_themselves_are_read_once(tmp_path, w):
    tree = {"model": {"w": w}}
    tree |= {"self": tree, "ema": tree["model"]}
    found = rows(tmp_path, tree)
    assert set(found.index) == {"model.w", "self", "ema"}
    assert found.loc["ema", "note"] == "left out: the same object as model"


@pytest.mark.parametrize("tree", [{}, {"a": 1}, {"b": torch.ones(3)}, {"state": {}, "x": []}])
def test_nothing_found_is_an_error(tmp_path, capsys, tree):
    torch.save(tree, tmp_path / "net.pt")
    assert "no matrices" in refused(capsys, tmp_path / "net.pt")


def kinds(w):
    return {
        "empty": (torch.empty(0, 5), "empty: 0 x 5"),
        "gradient": (w.clone().requires_grad_(), 5),
        "meta": (torch.empty(3, 4, device="meta"), "without data"),
        "coo": (w.to_sparse(), 5),
        "csr": (w.to_sparse_csr(), 5),
        "nested": (torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)]), "nested"),
        "jagged": (
            torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)], layout=torch.jagged),
            "nested",
        ),
        "int8": (w.to(torch.int8), "whole numbers"),
        "complex": (w.to(torch.complex64), "complex"),
        "vector": (torch.empty(0), "empty: 0"),
        "bool": (w > 0, "whole numbers"),
        "half": (torch.ones(4, 3).half(), 1),
        "nan": (torch.full((2, 3), torch.nan), "NaN"),
        "zeros": (torch.zeros(2, 3), 0),
        "huge": (torch.zeros(1, 1).expand(10**6, 10**6), "more than this machine has"),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", kinds(torch.ones(2, 2)))
def test_every_tensor_has_ranks_or_a_reason(tmp_path, w, kind):
    tensor, right = kinds(w)[kind]
    found = rows(tmp_path, {"v": w, "x": tensor})
    assert tuple(found.loc["v", [*RANKS]]) == (5, 5)
    if isinstance(right, str):
        assert right in found.loc["x", "note"]
        assert found.loc["x", [*RANKS]].isna().all()
    else:
        assert tuple(found.loc["x", [*RANKS]]) == (right, right)


@pytest.mark.parametrize(
    ("matrix", "tolerance", "right"),
    [
        (torch.ones(3, 7), 1e-9, 1),
        (torch.ones(3, 7), 1e-18, 1),
        (torch.full((2, 5), 1e-170, dtype=torch.float64), 1e-3, 1),
        (torch.full((4, 40), 1e200, dtype=torch.float64), 1e-3, 1),
        (torch.full((4, 40), 5e-324, dtype=torch.float64), 1e-3, 1),
        (torch.diag(torch.tensor([1.0, 1e-11, 1e-13])).double()[:, [0, 1, 2] * 4], 1e-12, 2),
    ],
)
def test_ranks_at_any_tolerance_and_scale(tmp_path, matrix, tolerance, right):
    found = rows(tmp_path, {"w": matrix}, tolerance=tolerance)
    ranks = found.filter(like="rank_fro_").join(found.filter(like="rank_spec_"))
    assert ranks.loc["w"].tolist() == [right, right]
    assert 0 < found.loc["w", "fro_norm"] < np.inf


@pytest.mark.parametrize("tolerance", ["-0.03", "0", "1", "2", "nan", "inf"])
def test_a_tolerance_lies_between_0_and_1(tmp_path, w, tolerance, capsys):
    torch.save({"w": w}, tmp_path / "net.pt")
    err = refused(capsys, tmp_path / "net.pt", "--tolerance", tolerance)
    assert f"tolerance {tolerance}: not in (0, 1)" in err


def test_names_that_meet_are_both_there_and_none_acts_on_the_terminal(tmp_path, w, capsys):
    found = rows(tmp_path, {0: w, "0": torch.eye(3), "a.b": w, "a": {"b": w}, "\x1b[31mred": w})
    assert set(found.index) == {"0", "0#2", "a.b", "a.b#2", "\\x1b[31mred"}
    assert found["rank_fro_1e-3"].tolist() == [5, 3, 5, 5, 5]
    for way in ((), ("--csv",), ("--json",)):
        assert main(["spectrum", str(tmp_path / "net.pt"), *way]) == 0
        assert "\x1b" not in capsys.readouterr().out


def test_several_files_tolerances_and_norms_for_programs(tmp_path, w, capsys):
    for name in "ab":
        torch.save({"w": w, "bias": torch.ones(3)}, tmp_path / f"{name}.pt")
    files = [str(tmp_path / f"{name}.pt") for name in "ab"]
    more = ["--tolerance", "0.03", "--tolerance", "0.2"]
    assert main(["spectrum", *files, *more, "--csv"]) == 0
    found = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["file"], row["matrix"]) for row in found] == [
        (f, m) for f in files for m in ("w", "bias")
    ]
    assert [c for c in found[0] if c.startswith("rank_")] == [
        f"rank_{n}_{t}" for t in ("3e-2", "2e-1") for n in ("fro", "spec")
    ]
    s = np.linalg.svd(w.double().numpy(), compute_uv=False)
    assert float(found[0]["rank_spec_2e-1"]) == (s > 0.2 * s[0]).sum()
    assert main(["spectrum", *files, *more, "--json", "--norm", "spectral"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [c for c in found[0] if c.startswith("rank_")] == ["rank_spec_3e-2", "rank_spec_2e-1"]
    assert found[1]["rank_spec_3e-2"] is None
    assert "choose one" in refused(capsys, files[0], "--csv", "--json")
    assert set(found[0]) <= {*spectrum.COLUMNS, "rank_spec_3e-2", "rank_spec_2e-1"}


@pytest.mark.parametrize("files", [1, 3])
def test_a_plot_of_one_checkpoint_and_of_a_trajectory(tmp_path, w, files, capsys):
    paths = [tmp_path / f"{i}.pt" for i in range(files)]
    for i, path in enumerate(paths):
        torch.save({"_w$": w[:, : 12 - i], "v$^": torch.eye(3)}, path)
    out = tmp_path / "out.svg"
    assert main(["spectrum", *map(str, paths), "--plot", str(out)]) == 0
    lines = [e for e in ElementTree.parse(out).iter() if e.get("id", "").startswith("line2d")]
    assert len(lines) >= 3
    assert "not .svg" in refused_plot(capsys, paths[0], tmp_path / "out.jpeg")


def refused_plot(capsys, path, out):
    capsys.readouterr()
    return refused(capsys, path, "--plot", out)


class Bomb:
    def __reduce__(self):
        import os

        return os.system, ("touch " + str(self.__dict__["path"]),)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_that_would_run_code_is_refused(tmp_path, capsys, legacy):
    bomb = Bomb()
    bomb.path = tmp_path / "ran"
    path = tmp_path / "net.pt"
    torch.save({"w": torch.ones(2, 2), "x": bomb}, path, _use_new_zipfile_serialization=not legacy)
    assert "posix.system" in refused(capsys, path)
    path.write_bytes(pickle.dumps(bomb))
    assert "could run code" in refused(capsys, path)
    assert not bomb.path.exists()


def test_singular_values_in_the_file_are_those_of_numpy(tmp_path, w):
    found = rows(tmp_path, {"w": w})
    s = np.linalg.svd(w.double().numpy(), compute_uv=False)
    np.testing.assert_allclose(found.loc["w", spectrum.SPECTRUM][:5], s[:5] / s[0], rtol=1e-12)


def test_a_norm_that_is_none(tmp_path, w):
    with pytest.raises(UserError, match="norm 'nuclear'"):
        rows(tmp_path, {"w": w}, norms=["nuclear"])


@pytest.mark.parametrize(
    ("dtype", "unit"), [(torch.float32, 2**-24), (torch.float16, 2**-11), (torch.bfloat16, 2**-8)]
)
def test_a_rank_that_counts_rounding_has_a_note(tmp_path, dtype, unit):
    """Rank 5 stored in fewer digits: its sixth singular value is rounding, of the size said."""
    rng = torch.Generator().manual_seed(0)
    w = torch.randn(200, 5, generator=rng).double() @ torch.randn(5, 120, generator=rng).double()
    stored = w.to(dtype)
    s = np.linalg.svd(stored.double().numpy(), compute_uv=False)
    noise = unit / 3**0.5 * (200**-0.5 + 120**-0.5)  # over ||W||_F
    assert noise / 2 < s[5] / np.linalg.norm(s) < noise
    found = rows(tmp_path, {"w": stored}, tolerance=[1.5 * noise, noise / 2], norms=["frobenius"])
    good, bad = [c for c in found if c.startswith("rank_")]
    assert found.loc["w", good] == 5 < found.loc["w", bad]
    assert found.loc["w", "note"].startswith(f"{bad} may count the rounding")
