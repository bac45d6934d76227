"""Names of Greek letters, norms and powers in the texts of a figure become Unicode characters."""

import re

from matplotlib.figure import Figure
from matplotlib.text import Text

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η",
    "theta": "θ", "lambda": "λ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
}  # fmt: skip
_WORDS = re.compile(rf"(?<![A-Za-z_])({'|'.join(_GREEK)})(?![A-Za-z])")
_SIGNS = {
    "||": "‖", "^2": "²", "sqrt(N)": "√N", "sqrt N": "√N", "log10": "log₁₀", ">=": "≥", "<=": "≤",
    "m_l": "mₗ",
}  # fmt: skip


def written(text: str) -> str:
    """Return a text with letters and signs in place of their names: rho^2 becomes ρ²."""
    for name, sign in _SIGNS.items():
        text = text.replace(name, sign)
    return _WORDS.sub(lambda found: _GREEK[found[1]], text)


def write(figure: Figure) -> None:
    """Replace the names in every text that a figure has so far."""
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if (new := written(text.get_text())) != text.get_text():
            text.set_text(new)
