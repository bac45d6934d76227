import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from implicitbias.__main__ import main
from implicitbias.api import spectrum
from implicitbias.base.errors import UserError
from implicitbias.train.observers.spectra import singular_values


@pytest.fixture
def state():
    low = torch.outer(torch.arange(1.0, 6), torch.ones(4)) + torch.outer(
        torch.ones(5), torch.arange(4.0)
    )
    return {
        "low": low,
        "conv": torch.randn(6, 3, 2, 2),
        "bias": torch.ones(5),
        "n": torch.tensor(3),
    }


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_ranks_of_a_state_dict(tmp_path, state, suffix, capsys):
    path = tmp_path / f"net.{suffix}"
    torch.save(state, path) if suffix == "pt" else save_file(state, path)
    rows = spectrum.table(path, 1e-3).set_index("matrix")
    assert set(rows.index) == {"low", "conv"}
    assert rows.loc["low", "rank_fro_1e-3"] == rows.loc["low", "rank_spec_1e-3"] == 2
    assert tuple(rows.loc["conv", ["rows", "cols", "rank_spec_1e-3"]]) == (6, 12, 6)
    assert main(["spectrum", str(path), "--tolerance", "0.5"]) == 0
    assert "rank_fro_5e-1" in capsys.readouterr().out


class Bomb:
    def __reduce__(self):
        import os

        return os.system, ("touch " + str(self.__dict__["path"]),)


def test_a_file_that_would_run_code_is_refused(tmp_path, capsys):
    bomb = Bomb()
    bomb.path = tmp_path / "ran"
    path = tmp_path / "net.pt"
    torch.save({"w": torch.ones(2, 2), "x": bomb}, path)
    assert main(["spectrum", str(path)]) == 1
    assert "refused" in capsys.readouterr().err
    path.write_bytes(pickle.dumps(bomb))
    assert main(["spectrum", str(path)]) == 1
    assert not bomb.path.exists()


@pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
def test_damaged_files_are_one_message(tmp_path, name, capsys):
    path = tmp_path / name
    with pytest.raises(UserError, match="no such file"):
        spectrum.load(path)
    for content in (b"", b"\x00" * 40, b"PK\x03\x04 and no more"):
        path.write_bytes(content)
        assert main(["spectrum", str(path)]) == 1
        err = capsys.readouterr().err
        assert name in err
        assert "Traceback" not in err


@pytest.mark.parametrize("shape", [(30, 30), (10, 90), (90, 10), (20, 41), (1, 7)])
def test_singular_values_against_numpy(shape):
    """The Gram route loses half the digits below: 1e-8 of the largest is its floor."""
    rng = np.random.default_rng(0)
    u, _, vt = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
    s = np.logspace(0, -5, min(shape))
    found = singular_values((u * s) @ vt)
    np.testing.assert_allclose(found, s, rtol=1e-5)


def test_singular_values_of_what_is_not_finite_are_missing():
    assert np.isnan(singular_values(np.array([[1.0, np.inf], [0.0, 1.0]]))).all()
