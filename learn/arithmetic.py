"""Circuits of integer arithmetic from tables and filter specifications: read, learned, compared, reported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.aig import and_count, and_levels, hashed
from circuits.circuit import Builder, Circuit
from circuits.rewrite import without_dead_gates
from circuits.values import simulate_values
from circuits.wires import Word
from learn.data.integers import IntegerTable, agreeing_rows, read_integers
from learn.errors import DataError, ModelError
from learn.keys import Key
from learn.models.arithmetic import Found, Samples, circuit_of, learn_function
from learn.models.arithmetic.approximate import FUNCTIONS, Candidate, contenders, front, learned, shrunk, wanted
from learn.models.arithmetic.filters import Band, Design, designed, from_samples, multiplied, windows
from learn.models.arithmetic.mlp import encoder, perceptron_circuit, train

BATCH, MOST_CLASSES = 16, 256
"""Samples a step of a perceptron, and the most classes."""
SPECIFIED = ("lo", "hi", "gain", "tolerance")
"""Columns of a filter's specification."""


class Outcome(NamedTuple):
    """A circuit that was learned, and what there is to say of it.

    Attributes:
        circuit: of words.
        facts: for programs.
        lines: for a person.
        exact: every sample is right, or the specification is kept.
    """

    circuit: Circuit
    facts: dict[str, Any]
    lines: list[str]
    exact: bool


def columns_of(table: IntegerTable, label: str | None) -> tuple[list[int], list[int]]:
    """Return the columns of the inputs and of the outputs: the last, or those named, with commas between them.

    Raises:
        DataError: an unknown name, or no input left.
    """
    if label is None:
        outputs = [len(table.names) - 1]
    else:
        unknown = [name for name in label.split(",") if name not in table.names]
        if unknown:
            raise DataError(f"label: got {unknown[0][:40]!r}, expected columns of {', '.join(table.names[:12])}")
        outputs = [table.names.index(name) for name in dict.fromkeys(label.split(","))]
    inputs = [k for k in range(len(table.names)) if k not in outputs]
    if not inputs:
        raise DataError("data: got no column of inputs, expected one beside the output")
    return inputs, outputs


def samples_of(table: IntegerTable, inputs: Sequence[int], output: int, rows: NDArray[np.int64]) -> Samples:
    """Return the samples of one output."""
    return Samples(
        table.values[rows][:, list(inputs)],
        table.values[rows, output],
        tuple(table.types[k] for k in inputs),
        table.types[output],
        table.declared[output],
        tuple(table.names[k] for k in inputs),
    )


def overflow(circuit: Circuit) -> list[str]:
    """Say of each output whether exact results that its type does not hold are cut off at the end."""
    found = []
    for name, wire in zip(circuit.output_names, circuit.outputs.tolist(), strict=True):
        gate = wire - circuit.num_inputs
        if gate < 0 or list(circuit.gates())[gate][0] != "slice" or circuit.gate_params(gate)[0]:
            continue
        (source,) = circuit.fanins(gate)
        exact, word = circuit.type_of(source), circuit.type_of(wire)
        if not word.lo <= exact.lo <= exact.hi <= word.hi:
            found.append(f"{name}: results overflow {word} on some inputs and wrap; {exact} would hold them all")
    return found


def _measured(circuit: Circuit) -> dict[str, Any]:
    graph = hashed(circuit)
    return {
        "inputs": {n: str(t) for n, t in zip(circuit.input_names, circuit.input_types, strict=True)},
        "outputs": {n: str(t) for n, t in zip(circuit.output_names, circuit.output_types, strict=True)},
        "gates": circuit.num_gates,
        "ands": and_count(graph),
        "levels": and_levels(graph),
    }


def _sized(facts: dict[str, Any]) -> str:
    ports = ", ".join(f"{n} {t}" for n, t in facts["inputs"].items())
    results = ", ".join(f"{n} {t}" for n, t in facts["outputs"].items())
    return f"{ports} to {results}: {facts['gates']:,} word gates, {facts['ands']:,} AND nodes, {facts['levels']} levels"


def from_table(
    path: Path, *, key: Key, label: str | None = None, rule: str = "rounding", seconds: float | None = None
) -> Outcome:
    """Learn the outputs of a CSV file of integers from its inputs, and compare the circuit with every row.

    Args:
        path: the file.
        key: decides every draw.
        label: the columns of the outputs; default the last.
        rule: what steps weights, a name of ``STEPPERS``.
        seconds: for each output, about.

    Raises:
        DataError: a file that cannot be read, cells that are no integers, or rows that contradict each other.
        ModelError: fewer than two different rows, or an unknown rule.
    """
    table = read_integers(path)
    inputs, outputs = columns_of(table, label)
    try:
        rows = agreeing_rows(table, inputs, outputs)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    found: dict[str, Found] = {}
    began = monotonic()
    for k in outputs:
        samples = samples_of(table, inputs, k, rows)
        for best in learn_function(samples, key=key.fold(table.names[k]), rule=rule, seconds=seconds):
            found[table.names[k]] = best
    circuit = circuit_of(
        {name: best.learned.recipe for name, best in found.items()},
        [table.names[k] for k in inputs],
        [table.types[k] for k in inputs],
        path.name.split(".")[0],
    )
    answers = simulate_values(circuit, table.values[:, inputs].T)
    wrong = np.abs(answers - table.values[:, outputs].T)
    exact = not wrong.any()
    facts = {
        "data": str(path),
        "model": "arithmetic",
        "rows": len(table.values),
        "exact": exact,
        "accuracy": float((wrong == 0).all(axis=0).mean()),
        "largest_error": int(wrong.max()),
        "mean_error": float(wrong.mean()),
        "functions": {
            name: {
                "form": b.learned.form,
                "text": b.learned.text,
                "held_out_accuracy": b.right,
                "held_out_error": b.error,
            }
            for name, b in found.items()
        },
        **_measured(circuit),
        "seconds": round(monotonic() - began, 3),
        "overflow": overflow(circuit),
    }
    errors = f"errors up to {facts['largest_error']}, {facts['mean_error']:.4g} on average"
    state = "every row right" if exact else f"{facts['accuracy']:.2%} of the rows right, {errors}"
    lines = [
        f"{path.name}: {len(table.values):,} rows; {state}",
        *(f"{name} = {b.learned.text}   ({b.learned.form}; held out {b.right:.2%} right)" for name, b in found.items()),
        _sized(facts),
        *facts["overflow"],
        f"{facts['seconds']:.2f} s",
    ]
    return Outcome(circuit, facts, lines, exact)


# --- Classes ----------------------------------------------------------------------------------------------------------


def classified(
    path: Path,
    *,
    key: Key,
    label: str | None = None,
    rule: str = "rounding",
    hidden: int = 32,
    passes: int | None = None,
) -> Outcome:
    """Learn a perceptron of integers from three quarters of a CSV file of integers; the others judge it.

    Args:
        path: the file.
        key: decides every draw.
        label: the column of the classes, any integers; default the last.
        rule: what steps weights, a name of ``RULES_OF_LAYERS``.
        hidden: units.
        passes: over the rows; default for about 4,000 steps.

    Raises:
        DataError: a file that cannot be read or cells that are no integers.
        ModelError: fewer than 4 rows, a single class or more than 256, no hidden unit, or an unknown rule.
    """
    table = read_integers(path)
    inputs, outputs = columns_of(table, label)
    if len(outputs) > 1:
        raise ModelError(f"label: got {len(outputs)} columns, expected one of classes")
    x, given = table.values[:, inputs], table.values[:, outputs[0]]
    labels, y = np.unique(given, return_inverse=True)
    if not (len(x) >= 4 and 2 <= len(labels) <= MOST_CLASSES and hidden >= 1 and (passes is None or passes >= 1)):
        raise ModelError(
            f"perceptron: got {len(x)} rows, {len(labels)} classes, {hidden} hidden units and {passes} passes, "
            f"expected at least 4 rows, 2..{MOST_CLASSES} classes, and a unit and a pass or more"
        )
    began = monotonic()
    order = np.argsort(key.fold("held out").words(len(x)), kind="stable")
    out, kept = order[: len(x) // 4], order[len(x) // 4 :]
    types = [table.types[k] for k in inputs]
    encoding = encoder(x[kept], types)
    codes = encoding.codes(x)
    epochs = passes or -(-4000 * BATCH // len(kept))
    *_, event = train(
        codes[kept], y[kept], len(labels), hidden=hidden, key=key, rule=rule, epochs=epochs, batch=BATCH
    )  # fmt: skip
    circuit = perceptron_circuit(
        event.perceptron,
        encoding,
        [table.names[k] for k in inputs],
        path.name.split(".")[0],
        table.names[outputs[0]],
        labels.tolist(),
    )
    right = simulate_values(circuit, x.T)[0] == given
    facts = {
        "data": str(path),
        "model": "perceptron",
        "rows": len(x),
        "classes": len(labels),
        "hidden": hidden,
        "passes": epochs,
        "exact": bool(right.all()),
        "accuracy": float(right.mean()),
        "held_out_accuracy": float(right[out].mean()),
        **_measured(circuit),
        "seconds": round(monotonic() - began, 3),
    }
    lines = [
        f"{path.name}: {len(x):,} rows of {len(labels)} classes; held out {facts['held_out_accuracy']:.2%} right, "
        f"of all {facts['accuracy']:.2%}",
        f"{len(inputs)} inputs, {hidden} hidden units, weights of 8 bits, {epochs} passes",
        _sized(facts),
        f"{facts['seconds']:.2f} s",
    ]
    return Outcome(circuit, facts, lines, bool(right.all()))


# --- Filters ----------------------------------------------------------------------------------------------------------


def filter_circuit(coefficients: Sequence[int], bias: int, word: Word, name: str) -> Circuit:
    """Build a filter as a function of its last inputs, x0 the newest: adders and shifts alone."""
    names = [f"x{k}" for k in range(len(coefficients))]
    b = Builder(names, name=name, types=[word] * len(names))
    return without_dead_gates(b.circuit({"y": multiplied(b, b.inputs, coefficients, bias)}))


def from_response(path: Path, *, taps: int, bits: int | None, key: Key, rule: str = "rounding") -> Outcome:
    """Learn a filter from what it did, or design one from what it should do.

    Args:
        path: a CSV file with the columns x and y, input and output over time, integers; or with the columns lo, hi,
            gain, tolerance, a row for each band, frequencies as shares of half the sampling rate.
        taps: how many coefficients.
        bits: of a coefficient, its sign included; needed for a design, which needs few adders within them.
        key: decides every draw.
        rule: what steps coefficients of samples.

    Raises:
        DataError: a file that is neither.
        ModelError: more taps than samples, or bits that are missing or out of range.
    """
    header = _first_line(path)
    began = monotonic()
    if {"lo", "hi"} <= set(header):
        return _design(path, header, taps, bits, key)
    table = read_integers(path)
    if len(table.names) != 2:
        raise DataError(f"{path}: got the columns {', '.join(table.names)}, expected x,y or {','.join(SPECIFIED)}")
    x, y = table.values.T
    coefficients, bias = from_samples(x, y, taps, key=key, rule=rule)
    if bits is not None and not all(-1 << bits - 1 <= c < 1 << bits - 1 for c in coefficients):
        widest = max(coefficients, key=abs)
        raise ModelError(f"--coefficient-bits: got {bits}, but a coefficient is {widest}; give more bits")
    word = table.types[0]
    circuit = filter_circuit(coefficients, bias, word, path.name.split(".")[0])
    seen = windows(x, taps)
    found = simulate_values(circuit, seen[:, _used(circuit)].T)[0] if circuit.num_inputs else np.full(len(seen), bias)
    wrong = np.abs(found - y[taps - 1 :])
    exact = not wrong.any()
    facts = {
        "data": str(path),
        "model": "fir",
        "rows": len(x),
        "exact": exact,
        "coefficients": coefficients,
        "bias": bias,
        "largest_error": int(wrong.max()),
        **_measured(circuit),
        "seconds": round(monotonic() - began, 3),
    }
    lines = [
        f"{path.name}: {len(x):,} samples; {'every output right' if exact else f'errors up to {int(wrong.max())}'}",
        f"coefficients {' '.join(map(str, coefficients))}" + f", and {bias} added" * bool(bias),
        _sized(facts),
        f"{facts['seconds']:.2f} s",
    ]
    return Outcome(circuit, facts, lines, exact)


def _used(circuit: Circuit) -> list[int]:
    return [int(name[1:]) for name in circuit.input_names]


def _first_line(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return [cell.strip() for cell in file.readline(1000).split(",")]
    except OSError as error:
        raise DataError(f"{path}: cannot read: {error.strerror}") from None


def read_bands(path: Path, header: Sequence[str]) -> list[Band]:
    """Read the specification of a filter.

    Raises:
        DataError: columns or numbers that are not those of bands.
    """
    if tuple(header) != SPECIFIED:
        raise DataError(f"{path}: got the columns {', '.join(header)}, expected {', '.join(SPECIFIED)}")
    bands = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()[1:], 2):
        if not line.strip():
            continue
        try:
            band = Band(*map(float, line.split(",")))
        except (TypeError, ValueError):
            raise DataError(f"{path}: row {number}: got {line[:40]!r}, expected four numbers") from None
        if not (0 <= band.lo < band.hi <= 1 and band.gain >= 0 and 0 < band.tolerance < np.inf):
            raise DataError(
                f"{path}: row {number}: got {line[:40]!r}, expected 0 <= lo < hi <= 1, a gain of 0 or more and a "
                "tolerance above 0"
            )
        bands.append(band)
    return bands


def _design(path: Path, header: Sequence[str], taps: int, bits: int | None, key: Key) -> Outcome:
    if bits is None:
        raise ModelError("--coefficient-bits: got none, expected the width of a coefficient for a specification")
    bands, began = read_bands(path, header), monotonic()
    first: Design | None = None
    for best in designed(taps, bands, bits, key=key):
        first = first or best
    assert first is not None
    circuit = filter_circuit(best.coefficients, 0, Word(16), path.name.split(".")[0])
    kept = best.excess <= 1
    facts = {
        "data": str(path),
        "model": "fir",
        "exact": kept,
        "coefficients": best.coefficients,
        "scale": best.scale,
        "excess": best.excess,
        "adders": best.adders,
        "adders_rounded": first.adders,
        "excess_rounded": first.excess,
        **_measured(circuit),
        "seconds": round(monotonic() - began, 3),
    }
    lines = [
        f"{path.name}: the specification is {'kept' if kept else 'not kept'}: the largest error is {best.excess:.3f} "
        "of its tolerance",
        f"coefficients {' '.join(map(str, best.coefficients))} for a gain of {best.scale:.2f}",
        f"{best.adders} adders; rounded coefficients have {first.adders} at {first.excess:.3f} of the tolerance",
        _sized(facts),
        f"{facts['seconds']:.2f} s",
    ]
    return Outcome(circuit, facts, lines, kept)


# --- Approximation ----------------------------------------------------------------------------------------------------


def approximated(
    name: str, in_bits: int, out_bits: int, *, max_ands: int | None, seconds: float | None = None, key: Key
) -> Outcome:
    """Find circuits near a named function, and take the nearest of at most so many AND nodes.

    Args:
        name: one of ``FUNCTIONS``.
        in_bits: width of the argument.
        out_bits: width of the value.
        max_ands: the most AND nodes; None for a circuit without error.
        seconds: no candidate is begun after so many.
        key: nothing is drawn yet.

    Raises:
        ModelError: an unknown name or widths out of range.
    """
    began = monotonic()
    values = wanted(name, in_bits, out_bits)
    tried: list[Candidate] = []
    for each in learned(values, in_bits, out_bits):
        tried.append(each)
        if seconds is not None and monotonic() - began > seconds / 2:
            break
    # Simplifying takes long, and seldom leaves less than a third.
    near = [c for c in contenders(tried, lambda c: c.largest) if max_ands is None or c.ands <= 3 * max_ands]
    small = front(shrunk(near or [min(tried, key=lambda c: c.ands)]), lambda c: c.largest)
    within = [each for each in small if max_ands is None or each.ands <= max_ands]
    best = (within or small[:1])[-1]
    exact = max_ands is None or bool(within)
    facts = {
        "function": name,
        "model": "approximate",
        "exact": best.largest == 0,
        "largest_error": best.largest,
        "mean_error": best.mean,
        "made_of": best.text,
        "max_ands": max_ands,
        "tried": len(tried),
        "front": [{"ands": c.ands, "largest_error": c.largest, "mean_error": c.mean, "of": c.text} for c in small],
        **_measured(best.circuit),
        "seconds": round(monotonic() - began, 3),
    }
    lines = [
        f"{name}: {FUNCTIONS[name].about}, t = x / {1 << in_bits}, in units of 1 / {(1 << out_bits) - 1}",
        f"{best.ands:,} AND nodes, errors up to {best.largest}, {best.mean:.3g} on average ({best.text})",
        *([] if exact else [f"more than the {max_ands} AND nodes asked for; there is no smaller one"]),
        "AND nodes, largest and mean error: " + "; ".join(f"{c.ands} {c.largest} {c.mean:.3g}" for c in small),
        f"{facts['seconds']:.2f} s",
    ]
    return Outcome(best.circuit, facts, lines, exact)
