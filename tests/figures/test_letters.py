"""Texts of figures have letters where the code has their names."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from implicitbias import figures
from implicitbias.figures import _letters


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("rho^2, lambda = 0.005", "ρ², λ = 0.005"),
        ("|rho - mu/(M + lambda)| / rho", "|ρ - μ/(M + λ)| / ρ"),
        ("beta k pi / (delta sin delta)", "β k π / (δ sin δ)"),
        ("||W|| >= 1, rho / sqrt(N), log10 rho'", "‖W‖ ≥ 1, ρ / √N, log₁₀ ρ'"),
        ("rho2 and rho_eq", "ρ2 and ρ_eq"),
        ("alphabet, simulation, weight_decay, decay_lambda, metal", None),
    ],
)
def test_names_are_replaced_and_words_that_contain_them_are_not(text, written):
    assert _letters.written(text) == (written or text)


def test_every_text_of_a_figure_is_replaced():
    figure, ax = plt.subplots()
    ax.plot([0], [0], label="rho")
    ax.set(title="lambda = 0", xlabel="eta")
    figure.legend()
    _letters.write(figure)
    assert (ax.get_title(), ax.get_xlabel()) == ("λ = 0", "η")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ρ"]
    plt.close(figure)


def test_an_empty_logarithmic_axis_is_linear_before_its_texts_are_read(tmp_path, monkeypatch):
    """It has no ticks, so that its texts cannot be listed."""
    figure, ax = plt.subplots(layout="constrained")
    ax.set(yscale="log", ylabel="rho")
    ax.yaxis.set_view_interval(-1, -0.5, ignore=True)  # as of an axis that got no data
    with pytest.raises(ValueError, match="log-scaled"):
        _letters.write(figure)
    module = SimpleNamespace(PAPER={}, __doc__="Title", draw=lambda table: figure)
    monkeypatch.setattr(figures, "_module", lambda key: module)
    figures.draw("chou2024weightnorm/exp_forms", "small", pd.DataFrame(), tmp_path / "exp_forms")
    assert ax.get_ylabel() == "ρ"
