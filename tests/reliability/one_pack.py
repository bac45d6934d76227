"""One small pack to train, and what its training leaves."""

import os

from implicitbias.plan import packs, spec

BASE = {
    "dataset": "digits", "n_train": 200, "model": "mlp_bn", "depth": 2, "width": 6, "lr": 0.1,
    "batch_size": 32, "epochs": 3, "record_every": 1, "weight_decay": 0.01,
}  # fmt: skip


def new_pack(folder, base=BASE):
    """The pack.json of two runs."""
    pack = packs.Pack.of([spec.make({**base, "seed": s}) for s in (0, 1)])
    path = folder / pack.name / "pack.json"
    packs.write(path, pack.text)
    return path


def tables(path):
    """The bytes of a pack's records."""
    return [(path.parent / "records" / f"{n}.parquet").read_bytes() for n in ("scalars", "arrays")]


def forked(work):
    """The id of a child that does `work` and exits as Python would."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except SystemExit as end:
        os._exit(end.code)
    except BaseException:
        os._exit(1)
    os._exit(0)
