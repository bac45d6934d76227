"""Slices of tables for the tests of statistics."""

import pandas as pd

FIGURE = "galanti2025rank/fig09"


def tidy(rows, columns=("seed", "lr", "batch_size", "value")):
    """One metric, one layer, one epoch, one run for each row."""
    table = pd.DataFrame(rows, columns=list(columns))
    table["run"] = [f"run{i}" for i in range(len(table))]
    return table.assign(metric="rank_fro_3e-2", layer="average", epoch=10, step=100)


def curves(by_seed, batch_sizes=(4, 8, 16)):
    """{seed: {lr: values along batch_sizes}} as a table."""
    return tidy(
        [
            (seed, lr, batch_size, value)
            for seed, by_lr in by_seed.items()
            for lr, values in by_lr.items()
            for batch_size, value in zip(batch_sizes, values, strict=True)
        ]
    )
