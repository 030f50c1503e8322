"""What a circuit is: gates over bits and words, simulated, differentiated, rewritten, proved, read, written, drawn.

The public names load when first used. The functions that share their module's name are not among them:
``circuits.simulate.simulate``, ``circuits.draw.draw``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circuits.aig import and_count
    from circuits.circuit import Builder, Circuit
    from circuits.compiled import compile_circuit
    from circuits.draw import render
    from circuits.errors import CircuitError, FormatError, GatewrightError, TableError, ToolError
    from circuits.formats import FORMATS, read, read_circuit, read_table, write
    from circuits.gates import GATES, Gate
    from circuits.order import statistics
    from circuits.polynomial import Polynomial, indicator_circuit, polynomial_circuit, polynomials_of, to_polynomial
    from circuits.reverse import observability, reverse_derivative, variation
    from circuits.rewrite import bit_blasted
    from circuits.simulate import evaluate, trace, truth_table
    from circuits.table import TruthTable, complete_table, joined, merged, sampled_table
    from circuits.values import simulate_values
    from circuits.verify import Counterexample, Proof, Unknown, equivalent, satisfies, simplified
    from circuits.wires import BIT, Word

_NAMES = {
    "aig": ("and_count",),
    "circuit": ("Builder", "Circuit"),
    "compiled": ("compile_circuit",),
    "draw": ("render",),
    "errors": ("CircuitError", "FormatError", "GatewrightError", "TableError", "ToolError"),
    "formats": ("FORMATS", "read", "read_circuit", "read_table", "write"),
    "gates": ("GATES", "Gate"),
    "order": ("statistics",),
    "polynomial": ("Polynomial", "indicator_circuit", "polynomial_circuit", "polynomials_of", "to_polynomial"),
    "reverse": ("observability", "reverse_derivative", "variation"),
    "rewrite": ("bit_blasted",),
    "simulate": ("evaluate", "trace", "truth_table"),
    "table": ("TruthTable", "complete_table", "joined", "merged", "sampled_table"),
    "values": ("simulate_values",),
    "verify": ("Counterexample", "Proof", "Unknown", "equivalent", "satisfies", "simplified"),
    "wires": ("BIT", "Word"),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "BIT",
    "FORMATS",
    "GATES",
    "Builder",
    "Circuit",
    "CircuitError",
    "Counterexample",
    "FormatError",
    "Gate",
    "GatewrightError",
    "Polynomial",
    "Proof",
    "TableError",
    "ToolError",
    "TruthTable",
    "Unknown",
    "Word",
    "and_count",
    "bit_blasted",
    "compile_circuit",
    "complete_table",
    "equivalent",
    "evaluate",
    "indicator_circuit",
    "joined",
    "merged",
    "observability",
    "polynomial_circuit",
    "polynomials_of",
    "read",
    "read_circuit",
    "read_table",
    "render",
    "reverse_derivative",
    "sampled_table",
    "satisfies",
    "simplified",
    "simulate_values",
    "statistics",
    "to_polynomial",
    "trace",
    "truth_table",
    "variation",
    "write",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
