"""The law of the house: who may import whom, where randomness comes from, who may print."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("circuits", "learn")

ROOMS = {
    "circuits": (
        *("errors", "words", "names", "wires", "algebra", "library", "arithmetic", "gates", "check", "order", "covers"),
        *("circuit", "table", "rewrite", "kernels", "simulate"),
        *("instructions", "value_kernels", "values", "compiled", "reverse", "polynomial"),
        *("cover_kernels", "aig", "mapping", "sweep"),
        *("verify", "formats", "tools", "draw"),
    ),
    "learn": (
        *(
            "errors",
            "keys",
            "arrays",
            "rule_kernels",
            "loss_kernels",
            "spaces",
            "losses",
            "rules",
            "models",
            "encoders",
            "lut_kernels",
            "xnor_kernels",
        ),
        *(
            "costs",
            "moves",
            "pruning",
            "windows",
            "search",
            "data",
            "threads",
            "train",
            "checkpoint",
            "inference",
            "classify",
            "choose",
            "nets",
            "evaluate",
            "estimators",
            "outputs",
            "report",
            "shipping",
            "portfolio",
            "contest",
            "theory",
            "arithmetic",
            "compare",
            "console",
            "cli_theory",
            "cli_compare",
            "cli_classifier",
            "cli_learn",
            "cli",
            "__main__",
        ),
    ),
}
ORDER = [room for top in PACKAGES for room in (*(f"{top}.{name}" for name in ROOMS[top]), top)]
"""Every room, from the ground up: a room imports only from rooms before it, and freely within itself."""

LAZY = ("circuits", "circuits.formats", "circuits.draw", "learn.cli")
"""Importing these must not load numba: the command line answers at once."""

TORCH_ROOMS = {"learn.nets", "learn.arrays"}
RANDOM_ROOM = "learn.keys"
PRINTING_ROOMS = {"learn.cli", "learn.console"}


def room_of(module: str) -> str:
    """Return the room of a dotted module name: package and first part."""
    return ".".join(module.split(".")[:2])


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_of(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


def runtime_nodes(tree: ast.AST):
    """Walk a tree, leaving out what runs only for type checkers."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield other
                yield from runtime_nodes(other)
            continue
        yield child
        yield from runtime_nodes(child)


def imports(source: str, module: str, *, package: bool = False):
    """Yield the dotted names a source imports; names imported from a package count as its modules."""
    for node in runtime_nodes(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                inside = module.split(".") if package else module.split(".")[:-1]
                base = ".".join([*inside[: len(inside) - node.level + 1], *filter(None, [node.module])])
            rooms = [f"{base}.{alias.name}" for alias in node.names if f"{base}.{alias.name}" in ORDER]
            yield from rooms
            if len(rooms) < len(node.names):
                yield base


def import_faults(source: str, module: str, *, package: bool = False):
    """Return what a module imports against the order."""
    room, faults = room_of(module), []
    for name in imports(source, module, package=package):
        top, target = name.split(".")[0], room_of(name)
        if top == "torch" and room not in TORCH_ROOMS:
            faults.append(f"{module} imports torch")
        if top not in PACKAGES or target == room:
            continue
        if {room, target} - set(ORDER) or ORDER.index(target) > ORDER.index(room):
            faults.append(f"{module} imports {name}")
    return faults


FORBIDDEN_MODULES = {"random", "secrets", "uuid", "numpy.random", "torch.random", "pickle", "marshal", "shelve", "dill"}
FORBIDDEN_NAMES = {"np.random", "numpy.random", "torch.manual_seed", "torch.random", "torch.seed", "os.urandom"}
TORCH_DRAWS = {"torch.rand", "torch.randn", "torch.randint", "torch.randperm", "torch.bernoulli", "torch.multinomial"}
RANDOM = {"random", "secrets", "uuid", "numpy.random", "torch.random"} | FORBIDDEN_NAMES | TORCH_DRAWS


def behaviour_faults(source: str, module: str):
    """Return what a module does that only one room may do, or none."""
    room, faults = room_of(module), []

    def fault(node, text):
        faults.append(f"{module}:{node.lineno} {text}")

    for node in runtime_nodes(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            base = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            prefix = f"{base[0]}." if base else ""
            for name in {*base, *(prefix + alias.name for alias in node.names)}:
                hit = {f for f in FORBIDDEN_MODULES | FORBIDDEN_NAMES if name == f or name.startswith(f + ".")}
                if hit and not (hit <= RANDOM and room == RANDOM_ROOM):
                    fault(node, f"imports {name}")
        elif isinstance(node, ast.Attribute):
            if ast.unparse(node) in FORBIDDEN_NAMES | TORCH_DRAWS and room != RANDOM_ROOM:
                fault(node, f"uses {ast.unparse(node)}")
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "print" and room not in PRINTING_ROOMS:
                fault(node, "prints")
            if called in {"eval", "exec", "compile", "__import__"}:
                fault(node, f"calls {called}")
            for keyword in node.keywords:
                if keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False":
                    fault(node, "allows pickle")
            seeds = [*node.args, *(k.value for k in node.keywords)] if called.split(".")[-1] == "Key" else []
            seeds += [k.value for k in node.keywords if k.arg == "seed"]
            if any(
                "time" in ast.unparse(inner)
                for seed in seeds
                for inner in ast.walk(seed)
                if isinstance(inner, ast.Call)
            ):
                fault(node, "seeds from the clock")
    return faults


every_source = pytest.mark.parametrize("module", SOURCES)


@every_source
def test_every_room_is_declared(module):
    assert room_of(module) in ORDER, f"{module}: add its room to ORDER, above what imports it"


@every_source
def test_imports_go_one_way(module):
    path = SOURCES[module]
    assert import_faults(path.read_text(), module, package=path.name == "__init__.py") == []


@every_source
def test_behaviour(module):
    assert behaviour_faults(SOURCES[module].read_text(), module) == []


@pytest.mark.parametrize("module", LAZY)
def test_light_imports_leave_numba_alone(module):
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None or (
        found.origin is None and not list(Path(next(iter(found.submodule_search_locations))).glob("*.py"))
    ):
        pytest.skip(f"{module} is not built yet")
    code = f"import {module}, sys; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_order_names_each_room_once():
    assert len(ORDER) == len(set(ORDER))
    last_circuit = max(i for i, room in enumerate(ORDER) if room_of(room).startswith("circuits"))
    assert all(room.startswith("learn") for room in ORDER[last_circuit + 1 :])


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("circuits.gates", "from circuits.circuit import Circuit"),
        ("circuits.gates", "from circuits import circuit"),
        ("circuits.gates", "from . import circuit"),
        ("circuits.gates", "from .circuit import Circuit"),
        ("circuits.gates", "import circuits.circuit"),
        ("circuits.gates", "def f():\n    import circuits.table"),
        ("circuits.gates", "from circuits import Circuit"),
        ("circuits.verify", "from learn.keys import Key"),
        ("circuits.verify", "import learn"),
        ("learn.rules.zim", "from ..search import learn"),
        ("learn.rules.zim", "import torch"),
        ("learn.rules.zim", "from torch.nn import Module"),
        ("learn.keys", "from learn.unheard import x"),
        ("learn.keys", "if TYPE_CHECKING:\n    pass\nelse:\n    import learn.search"),
    ],
)
def test_a_wrong_import_is_seen(module, source):
    assert len(import_faults(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("circuits.circuit", "from circuits.gates import GATES\nimport circuits.words\nfrom . import check"),
        ("circuits.formats.pla", "from circuits.formats.base import read\nfrom .base import write"),
        ("learn.search", "from circuits import Circuit, verify"),
        ("learn.nets.layers", "import torch.nn"),
        (
            "circuits.gates",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from circuits.circuit import Circuit",
        ),
        ("circuits.gates", "import numpy as np"),
    ],
)
def test_a_right_import_passes(module, source):
    assert import_faults(source, module) == []


@pytest.mark.parametrize(
    "source",
    [
        "import random",
        "from random import choice",
        "import secrets",
        "import uuid",
        "from numpy import random",
        "from numpy.random import default_rng",
        "import numpy.random",
        "x = np.random.default_rng(3)",
        "torch.manual_seed(0)",
        "from os import urandom",
        "x = os.urandom(4)",
        "x = torch.randn(3)",
        "key = Key(int(time.time()))",
        "key = keys.Key(seed=time.time_ns())",
        "learn(table, seed=int(perf_time()))",
        "print('x')",
        "eval('1')",
        "exec('1')",
        "import pickle",
        "np.load(p, allow_pickle=True)",
    ],
)
def test_wrong_behaviour_is_seen(source):
    assert behaviour_faults(source, "learn.search")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("learn.keys", "x = np.random.Philox(3)\nfrom numpy.random.bit_generator import ISeedSequence"),
        ("learn.cli", "print('x')"),
        ("learn.search", "key = Key(seed).fold('x')\nstart = time.monotonic()\nre.compile('x')\nmodel.eval()"),
        ("learn.search", "np.load(p, allow_pickle=False)"),
    ],
)
def test_right_behaviour_passes(module, source):
    assert behaviour_faults(source, module) == []
