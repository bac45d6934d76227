"""Figures and sweeps are layers, collected file by file; a sweep lies over what it extends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

from ..base import registry
from ..base.errors import UserError
from .overlays import Keys, Layer, Sources, merge, merged

Parts = dict[str, list[Layer]]
# The keys that make a figure or a sweep which is not there yet: all of one of these.
_NEW_FIGURE, _NEW_SWEEP = (("runs",),), (("extends",), ("base", "seeds"))


@dataclass
class Stack:
    """The layers of the files read so far, the first at the bottom.

    figures: <paper>/<figure> -> its layers; sweeps: name -> its layers; settings: all else.
    named: the sweeps that some figure takes runs from at some scale.
    """

    figures: Parts = field(default_factory=dict)
    sweeps: Parts = field(default_factory=dict)
    settings: list[Layer] = field(default_factory=list)
    named: set[str] = field(default_factory=set)

    def add_paper(self, file: Path, tree: Mapping[str, Any], reduced: bool) -> None:
        """Add a file of workflow/papers; reduced: with its parts under `small`."""
        figures: Parts = {}
        sweeps: Parts = {}
        owner: dict[str, str] = {}
        metrics = _there(tree.get("metrics"))
        for figure, entry in _there(tree["figures"]).items():
            parts = _with_small(file, entry, ("figures", figure))
            self.named |= sweeps_of(part.tree for part in parts)
            for part in parts[: 1 + reduced]:
                key = f"{file.stem}/{figure}"
                figures.setdefault(key, []).extend(_figure(key, part, metrics))
                for name, own in (part.tree.get("sweeps") or {}).items():
                    here = (*part.key, "sweeps", name)
                    beside = entry.get("sweeps") or {}
                    if name not in beside and not _whole(own, _NEW_SWEEP):
                        try:
                            registry.known("sweep beside it", name, tuple(beside))
                        except UserError as error:
                            raise _error(file, here, str(error)) from None
                    if owner.setdefault(name, figure) != figure or name in self.sweeps:
                        raise _error(file, here, "another figure has a sweep of this name")
                    sweeps.setdefault(name, []).append(Layer(file, own, key=here))
        protocols = {
            name: _with_small(file, entry, ("protocols", name))[: 1 + reduced]
            for name, entry in _there(tree.get("protocols")).items()
        }
        self._add(figures, protocols, sweeps)

    def add_overlay(self, tree: Mapping[str, Any], sources: Sources) -> None:
        """Add a scale's overlay, or all that a user wrote; `sources` knows a key's file."""
        parts: dict[str, Parts] = {"figures": {}, "protocols": {}, "sweeps": {}}
        for kind, layers_of in parts.items():
            for name, own in (tree.get(kind) or {}).items():
                key: Keys = (kind, name)
                file, _ = sources.place((*key, "extends"))
                layers_of[name] = [Layer(Path(file), own, key if kind == "figures" else (), key)]
        self._check_known(tree, sources)
        _check_extended(tree, sources)
        self.named |= sweeps_of((tree.get("figures") or {}).values())
        self._add(parts["figures"], parts["protocols"], parts["sweeps"])
        rest = {key: value for key, value in tree.items() if key not in parts}
        self.settings.append(Layer(Path(sources.home), rest))

    def layers(self) -> Iterator[Layer]:
        """Return all layers, each at its place in the config."""
        yield from self.settings
        for layers in self.figures.values():
            yield from layers
        for name, layers in self.sweeps.items():
            yield from (layer._replace(at=("sweeps", name)) for layer in layers)

    def tree(self) -> dict[str, Any]:
        """Return the config: the layers over each other."""
        figures = merged(layer for layers in self.figures.values() for layer in layers)
        sweeps = {
            name: reduce(_over, (_own(layer.tree) for layer in layers))
            for name, layers in self.sweeps.items()
        }
        return {**merged(self.settings), "figures": figures.get("figures", {}), "sweeps": sweeps}

    def _add(self, figures: Parts, protocols: Parts, sweeps: Parts) -> None:
        for key, parts in figures.items():
            self.figures[key] = _onto(self.figures.get(key, []), parts)
        resolved = {name: _resolved(name, sweeps, protocols, self.sweeps) for name in sweeps}
        self.sweeps |= resolved
        for layers_of in (self.figures, self.sweeps):
            for name in [name for name, layers in layers_of.items() if not layers]:
                del layers_of[name]  # by a null

    def _check_known(self, tree: Mapping[str, Any], sources: Sources) -> None:
        """Refuse a change of nothing: a new figure has runs, a new sweep all that it needs."""
        for kind, known, needs in (
            ("figures", self.figures, _NEW_FIGURE),
            ("sweeps", self.sweeps, _NEW_SWEEP),
        ):
            for name, own in (tree.get(kind) or {}).items():
                if name not in known and not _whole(own, needs):
                    try:
                        registry.known(kind.removesuffix("s"), name, tuple(known))
                    except UserError as error:
                        said = ", or ".join(" and ".join(keys) for keys in needs)
                        raise sources.error(
                            (kind, name), f"{error}; a new one needs {said}"
                        ) from None


def sweeps_of(figures: Iterable[Mapping[str, Any] | None]) -> set[str]:
    """Return the names of the sweeps that figures take runs from."""
    return {run["sweep"] for figure in figures for run in (figure or {}).get("runs") or ()}


def _check_extended(tree: Mapping[str, Any], sources: Sources) -> None:
    """Refuse a protocol that no sweep of its files extends: it changes nothing in the papers'."""
    protocols, sweeps = _there(tree.get("protocols")), _there(tree.get("sweeps"))
    extended = {own.get("extends") for own in (*protocols.values(), *sweeps.values())}
    for name in protocols:
        if name not in extended:
            said = "no sweep beside it extends it; a paper's own stand in workflow/papers"
            raise sources.error(("protocols", name), said)


def _with_small(file: Path, entry: Mapping[str, Any], key: Keys) -> list[Layer]:
    """Return an entry, and its part under `small`, if it has one."""
    layers = [Layer(file, entry, key=key)]
    if small := entry.get("small"):
        layers.append(Layer(file, small, key=(*key, "small")))
    return layers


def _whole(own: Mapping[str, Any] | None, needs: Iterable[tuple[str, ...]]) -> bool:
    """Return whether an entry is complete enough to be a new one."""
    return any(all((own or {}).get(key) for key in keys) for keys in needs)


def _there(entries: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the entries of a mapping of a paper's file that are not null."""
    return {name: entry for name, entry in (entries or {}).items() if entry is not None}


def _figure(key: str, part: Layer, metrics: Mapping[str, list[str]]) -> list[Layer]:
    """Return a figure's runs and metrics, with a list of metrics in place of its name."""
    at: Keys = ("figures", key)
    tree = {k: part.tree[k] for k in ("runs", "metrics") if k in part.tree}
    name = tree.get("metrics")
    if not isinstance(name, str):
        return [part._replace(tree=tree, at=at)]
    try:
        registry.known("list of metrics", name, tuple(metrics))
    except UserError as error:
        raise _error(part.path, (*part.key, "metrics"), str(error)) from None
    del tree["metrics"]
    listed = Layer(part.path, metrics[name], (*at, "metrics"), ("metrics", name))
    return [part._replace(tree=tree, at=at), listed]


def _resolved(
    name: str, sweeps: Parts, protocols: Parts, below: Parts, inside: tuple[str, ...] = ()
) -> list[Layer]:
    """Return the layers of a file's sweep or protocol, over the layers of the one it extends."""
    own, layers = sweeps.get(name, []), below.get(name, [])
    if inside and name in protocols:
        own, layers = protocols[name], []
    for part in own:
        parent = (part.tree or {}).get("extends")
        if parent is not None:
            here = (*part.key, "extends")
            if parent in (*inside, name) and not (parent in protocols and parent not in inside):
                chain = " -> ".join((*inside, name, parent))
                raise _error(part.path, here, f"{chain} extends itself")
            try:
                registry.known("protocol or sweep", parent, (*protocols, *{**below, **sweeps}))
            except UserError as error:
                raise _error(part.path, here, str(error)) from None
            above = _resolved(parent, sweeps, protocols, below, (*inside, name))
            layers = [*layers, *above]
        layers = _onto(layers, [part])
    return layers


def _onto(layers: list[Layer], parts: list[Layer]) -> list[Layer]:
    """Return the layers with further ones over them; a null removes the value below it."""
    for part in parts:
        layers = [] if part.tree is None else [*layers, part]
    return layers


def _own(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tree.items() if key not in ("extends", "small")}


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sweep over another: a field in one's base replaces the other's grid of it."""
    tree = merge(below, above)
    for ours, theirs in (("base", "grid"), ("grid", "base")):
        here, there = above.get(ours) or {}, above.get(theirs) or {}
        taken = {key for key, value in here.items() if value is not None and key not in there}
        if taken & {*(below.get(theirs) or {})}:
            tree[theirs] = {k: v for k, v in tree[theirs].items() if k not in taken}
    return tree


def _error(file: Path, key: Keys, message: str) -> UserError:
    return UserError(f"{file}: {'.'.join(map(str, key))}: {message}")
