"""The config comes from the figures of the papers, a scale's changes and the user's changes.

From the bottom, the layers are: workflow/papers/<paper>.yaml, with the paper's protocol of a figure
and then, at the scales small and smoke, the changes under `small` beside it;
workflow/scales/<scale>.yaml; and the user's config.yaml, `--configfile` and `--config`. The sweep
that a sweep extends lies just below it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from ..base import registry
from ..base.errors import UserError
from .config import Config, Model, Scale, parse, typed, use_studies
from .files import Overlay, Paper
from .overlays import Layer, Sources, merged, read
from .resolve import Stack, sweeps_of
from .spec import procedure_spec

SCALES: tuple[str, ...] = get_args(Scale)
REDUCED = ("small", "smoke")  # the scales at which `small` applies


def of_scale(
    scale: str | None = None,
    files: Sequence[Path] = (),
    root: Path = Path(),
    sweep: str | None = None,
) -> tuple[Config, Sources]:
    """Return the config of a scale, by default the one that config.yaml or a further file names.

    sweep: if a sweep has this name, as if the config's `train` had it.
    """
    layers = [Layer(path, read(path)) for path in (root / "config.yaml", *files)]
    if scale is not None:
        layers.append(Layer(Path("--scale"), {"scale": scale}))
    return resolve(merged(layers), layers, root, sweep)


def resolve(
    user: Mapping[str, Any],
    layers: Sequence[Layer],
    root: Path = Path(),
    sweep: str | None = None,
) -> tuple[Config, Sources]:
    """Return the config of a user's settings, over the papers and scales, and its sources.

    `user` is merged from `layers`. The figures are the ones that `papers` names and the ones for
    which the user gives runs. Sweeps are left out if only other scales or other figures take runs
    from them. A sweep from which no figure takes runs stays, so that planning can say so.
    """
    said, stack, folder = Sources(layers), Stack(), root / "workflow"
    if not (folder / "scales").is_dir() and not (folder / "papers").is_dir():
        folder = registry.PACKAGE / "snakemake" / "workflow"  # a study has none of its own
    scale = "small" if user.get("scale") is None else user["scale"]
    try:
        registry.known("scale", scale, SCALES)
    except UserError as error:
        raise said.error(("scale",), str(error)) from None
    typed(Overlay, user, said)
    use_studies(user.get("studies"), said)
    for file in sorted((folder / "papers").glob("[!.]*.yaml")):  # not an editor's lock
        stack.add_paper(file, _checked(Paper, file)[0], scale in REDUCED)
    own = {k for k, entry in (user.get("figures") or {}).items() if (entry or {}).get("runs")}
    left_out = _left_out(user.get("papers"), tuple(stack.figures), said) - own
    stack.add_overlay(*_checked(Overlay, folder / "scales" / f"{scale}.yaml"))
    stack.add_overlay(user, said)
    tree = stack.tree()
    asked = [sweep] if sweep in tree["sweeps"] else []
    own |= _to_train([*(user.get("train") or ()), *asked], tree, said)
    at_scale = sweeps_of(tree["figures"].values())
    tree["figures"] = {k: f for k, f in tree["figures"].items() if k not in left_out}
    used, users = sweeps_of(tree["figures"].values()), user.get("sweeps") or {}
    tree["sweeps"] = {
        name: sweep for name, sweep in tree["sweeps"].items()
        if name in used or (name not in at_scale and (name in users or name not in stack.named))
    }  # fmt: skip
    sources = Sources([*stack.layers(), *layers], Path(said.home))
    return parse(tree, sources), sources


# What a sweep without a figure is measured by: of these, what its procedure records.
_MEASURED = ("train_accuracy", "test_accuracy", "rank_fro_1e-2", "stable_rank")


def _to_train(names: Sequence[Any], tree: dict[str, Any], said: Sources) -> set[str]:
    """Add a figure own/<sweep> for each sweep that is to be trained by its name."""
    for i, name in enumerate(names):
        try:
            registry.known("sweep", name, tuple(tree["sweeps"]))
        except UserError as error:
            raise said.error(("train", i), str(error)) from None
        sweep = tree["sweeps"][name]
        procedures = [sweep.get("base", {}).get("procedure", "sgd")]
        kind = procedure_spec(sweep.get("grid", {}).get("procedure", procedures)[0])
        measured = [m for m in _MEASURED if m in kind.SCALARS or "spectrum" in kind.ARRAYS]
        entry = {"runs": [{"sweep": name}], "metrics": measured or [kind.SCALARS[0]]}
        tree["figures"].setdefault(own_figure(name), entry)
    return {own_figure(name) for name in names}


def own_figure(sweep: str) -> str:
    """Return the figure of a sweep that is trained by its name: own/<sweep>."""
    return f"{registry.OWN}/" + re.sub(r"[^a-z0-9_]", "_", sweep.lower())


def _checked(kind: type[Model], file: Path) -> tuple[dict[str, Any], Sources]:
    """Return a file of the workflow, checked by the types of its model, and its sources."""
    tree = read(file)
    sources = Sources([(file, tree)])
    typed(kind, tree, sources)
    return tree, sources


def _left_out(papers: list[str] | None, figures: tuple[str, ...], said: Sources) -> set[str]:
    """Return the figures of the papers that `papers` does not name."""
    names = tuple(dict.fromkeys(key.partition("/")[0] for key in figures))
    kept: set[str] = set()
    for i, name in enumerate(names if papers is None else papers):
        try:
            registry.known("paper", name.partition("/")[0], names)
            if "/" in name:
                registry.known("figure", name, figures)
        except UserError as error:
            raise said.error(("papers", i), str(error)) from None
        kept |= {key for key in figures if key == name or key.startswith(f"{name}/")}
    return {*figures} - kept
