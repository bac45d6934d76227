"""Arrows point one way, and planning stays light."""

import ast
import subprocess
import sys

import pytest

from implicitbias.registry import PACKAGE

# In data order: a module imports only from groups before its own, or from its own.
ORDER = [
    {"allocator", "errors"}, {"files", "registry"}, {"data", "metrics"}, {"spec"}, {"specs"},
    {"cluster", "config"}, {"packs"}, {"plan"},
    {"layers", "models", "objectives", "sparse"}, {"records"}, {"engine"},
    {"bounds_inputs", "collapse", "observe", "observers", "stationarity"},
    {"checkpoint", "progress", "provenance"}, {"tuning"},
    {"procedures"}, {"train"},
    {"statistic"}, {"claim", "table", "reference", "style"}, {"figures"}, {"report"},
    {"resources", "submission"}, {"overview"},
    {"errata", "evidence", "handbook", "publish", "spectrum", "status", "workflow"}, {"bench"},
    {"__main__"},
]  # fmt: skip
RANK = {name: i for i, group in enumerate(ORDER) for name in group}
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem != "__init__")


def group(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """The groups of this package that a module imports, also inside its functions."""
    package = path.relative_to(PACKAGE.parent).with_suffix("").parts
    package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            full = [*base, *(node.module or "").split(".")] if node.module else list(base)
            if full[:1] != ["implicitbias"]:
                continue
            heads = [full[1]] if len(full) > 1 else [alias.name for alias in node.names]
            yield from (h for h in heads if h != "__version__")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_point_one_way(path):
    for other in imports(path):
        assert RANK[other] <= RANK[group(path)], f"{path} imports {other}"


def test_the_check_reads_real_imports():
    assert set(imports(PACKAGE / "plan.py")) >= {"metrics", "packs", "registry", "config", "spec"}
    assert "engine" in set(imports(PACKAGE / "procedures" / "sgd.py"))


@pytest.mark.parametrize("module", ["workflow", "plan", "overview", "__main__"])
def test_planning_loads_neither_torch_nor_pandas(module):
    heavy = "{'torch', 'pandas', 'matplotlib'}"
    code = f"import sys, implicitbias.{module}; print({heavy} & {{*sys.modules}})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
