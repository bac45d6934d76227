"""What each procedure writes down, by name: planning checks metrics against it without torch."""

from __future__ import annotations

RECORDED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sgd": (
        ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "fro_norm"),
        ("spectrum",),
    ),
}


def recorded(procedure: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(scalars, arrays) that a procedure records at every record epoch."""
    return RECORDED[procedure]
