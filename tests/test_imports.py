"""Arrows point one way, and planning stays light."""

import ast
import subprocess
import sys

import pytest

from implicitbias.base.registry import PACKAGE

# The rooms in the order of the data: a module imports only from rooms before its own, or its own.
ORDER = (
    "base", "data", "models", "metrics", "plan", "train", "analysis", "figures", "pages", "api",
    "commands", "__main__",
)  # fmt: skip
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem != "__init__")


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """The rooms of this package that a module imports, also inside its functions."""
    package = path.relative_to(PACKAGE.parent).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            full = [*base, *(node.module or "").split(".")] if node.module else list(base)
            if full[:1] != ["implicitbias"]:
                continue
            heads = [full[1]] if len(full) > 1 else [alias.name for alias in node.names]
            yield from (h for h in heads if h != "__version__")


def test_every_module_stands_in_a_room():
    assert {room(path) for path in MODULES} == {*ORDER}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_point_one_way(path):
    for other in imports(path):
        assert ORDER.index(other) <= ORDER.index(room(path)), f"{path} imports {other}"


def test_the_check_reads_real_imports():
    assert set(imports(PACKAGE / "plan" / "figure.py")) == {"base", "metrics", "plan"}
    assert "models" in set(imports(PACKAGE / "train" / "networks.py"))


@pytest.mark.parametrize("module", ["plan.workflow", "plan.plan", "plan.summary", "__main__"])
def test_planning_loads_neither_torch_nor_pandas(module):
    heavy = "{'torch', 'pandas', 'matplotlib', 'rich'}"
    code = f"import sys, implicitbias.{module}; print({heavy} & {{*sys.modules}})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
