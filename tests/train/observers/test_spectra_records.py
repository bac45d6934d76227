"""Recorded spectra are good for a rank at any tolerance that a config asks for."""

import numpy as np
import torch

from implicitbias import metrics
from implicitbias.models._layers import WeightMatrix
from implicitbias.train.observers.spectra import spectra
from implicitbias.train.records import Records


def test_a_rank_at_1e_12_of_a_recorded_spectrum():
    """Known by construction. A Gram matrix would lose all values below 1e-8 of the largest."""
    rng = np.random.default_rng(0)
    u, _, vt = np.linalg.svd(rng.normal(size=(8, 40)), full_matrices=False)
    w = (u * [1.0, 1e-3, 1e-6, 1e-9, 1e-11, 1e-13, 1e-14, 0]) @ vt
    weights = {"w": torch.tensor(np.stack([w, w * 1e200]))}
    records = Records()
    spectra(records, ["a", "b"], weights, (WeightMatrix("w", "w", 8, 40, True),), 0, 0)
    norms = [row["value"] for row in records.scalars]
    np.testing.assert_allclose(norms, np.linalg.norm(w) * np.array([1, 1e200]), rtol=1e-14)
    for row in records.arrays:
        ranks = [metrics.resolve(f"rank_spec_1e-{n}").compute(row["values"]) for n in (12, 10, 4)]
        assert ranks == [5, 4, 2]
