"""Gates over named nets, defined in any order: what BLIF, BENCH and Verilog files are before they are circuits."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuits.check import check
from circuits.circuit import Circuit
from circuits.errors import FormatError
from circuits.formats.text import shown
from circuits.gates import row_of
from circuits.names import internal

MAX_GATES = 1 << 22
MAX_NETS = 1 << 22
MAX_PORTS = 1 << 20
_SAME = -1  # the op of a net that is another net under a second name
_UNDRIVEN, _INPUT, _PART = -1, -2, -3
_ROWS = 1 << 16  # gathered at a time
_PARAMS_A_NET = 16  # as many parameters take about the memory of a net and its gate


def evaluation_order(start: NDArray[np.int64], fanin: NDArray[np.int64]) -> tuple[list[int], int | None]:
    """Return gates so that each stands behind the gates it reads, in the given order wherever that is one.

    Args:
        start: int64 (gates + 1), gate g reads ``fanin[start[g]:start[g + 1]]``.
        fanin: gates; negative for what is no gate.

    Returns:
        the order, and a gate on a cycle if there is one (the order is then incomplete).
    """
    gates = len(start) - 1
    if np.all(fanin < np.repeat(np.arange(gates), np.diff(start))):
        return list(range(gates)), None
    starts, reads = start.tolist(), fanin.tolist()
    unseen, entered, done = range(3)
    state = bytearray(gates)
    order: list[int] = []
    for root in range(gates):
        stack = [root]
        while stack:  # depth first without recursion: circuits are deeper than any call stack
            gate = stack[-1]
            if state[gate] == unseen:
                state[gate] = entered
                for source in reversed(reads[starts[gate] : starts[gate + 1]]):
                    if source >= 0 and state[source] == entered:
                        return order, source
                    if source >= 0 and state[source] == unseen:
                        stack.append(source)
            else:
                stack.pop()
                if state[gate] == entered:
                    state[gate] = done
                    order.append(gate)
    return order, None


class Netlist:
    """Collect nets and gates in file order; nets are integers, gates may read nets that are driven later."""

    def __init__(self) -> None:
        self._net: dict[str, int] = {}
        self._names: list[str] = []
        self._driver = array("q")  # of a net: an entry, _UNDRIVEN, _INPUT or _PART
        self._op, self._target, self._line = array("b"), array("q"), array("q")  # of an entry
        self._fanin, self._start = array("q"), array("q", [0])
        self._params, self._param_start = array("b"), array("q", [0])
        self._inverted: dict[int, int] = {}

    def net(self, name: str) -> int:
        """Return the net of a name, a new one the first time."""
        found = self._net.get(name)
        if found is None:
            found = self._net[name] = self._fresh(name)
        return found

    def _fresh(self, name: str) -> int:
        if len(self._names) == MAX_NETS:
            raise FormatError(f"got more than {MAX_NETS} nets")
        self._names.append(name)
        self._driver.append(_UNDRIVEN)
        return len(self._names) - 1

    def _claim(self, net: int, driver: int, line: int) -> None:
        before = self._driver[net]
        if before != _UNDRIVEN:
            others = {_INPUT: "an input", _PART: "driven by a subcircuit"}
            first = others[before] if before in others else f"driven on line {self._line[before]}"
            raise FormatError(f"net {shown(self._names[net])} is driven twice, it is already {first}", line=line)
        self._driver[net] = driver

    def drive_from_outside(self, name: str, line: int) -> None:
        """Make a name an input."""
        self._claim(self.net(name), _INPUT, line)

    def drive_from_part(self, net: int, line: int) -> None:
        """Promise that a part, a netlist that is embedded later, drives a net.

        Raises:
            FormatError: the net is driven already.
        """
        self._claim(net, _PART, line)

    def driven(self, net: int) -> bool:
        """Return whether anything drives a net."""
        return self._driver[net] != _UNDRIVEN

    def define(self, target: int, table: int, nets: tuple[int, ...], line: int) -> None:
        """Drive a net by the gate that computes ``table`` over ``nets`` (at most 6); the identity adds no gate.

        Raises:
            FormatError: the net is driven already, or the gates are too many.
        """
        self._claim(target, len(self._op), line)
        if len(self._op) == MAX_GATES:
            raise FormatError(f"got more than {MAX_GATES} gates", line=line)
        if (table, len(nets)) == (0b10, 1):
            op, swap, params = _SAME, False, tuple[int, ...]()
        else:
            op, swap, params = row_of(table, len(nets))
        self._op.append(op)
        self._target.append(target)
        self._line.append(line)
        self._fanin.extend(nets[::-1] if swap else nets)
        self._start.append(len(self._fanin))
        self._params.extend(params)
        self._param_start.append(len(self._params))

    def add(self, table: int, nets: tuple[int, ...], line: int) -> int:
        """Add a gate that drives a net of its own, and return the net."""
        target = self._fresh("")
        self.define(target, table, nets, line)
        return target

    def tree(self, table: int, nets: Sequence[int], line: int) -> int:
        """Join nets by a balanced tree of 2-input gates; the empty product is 1."""
        while len(nets) > 1:
            pairs = [self.add(table, (nets[k], nets[k + 1]), line) for k in range(0, len(nets) - 1, 2)]
            nets = [*pairs, *nets[2 * len(pairs) :]]
        return nets[0] if nets else self.add(1, (), line)

    def literal(self, net: int, value: int, line: int) -> int:
        """Return the net itself for value 1, its complement for 0 (one inverter a net)."""
        if value:
            return net
        if net not in self._inverted:
            self._inverted[net] = self.add(0b01, (net,), line)
        return self._inverted[net]

    @property
    def size(self) -> int:
        """What a copy takes of ``MAX_NETS``: its nets (no fewer than its gates), and its parameters, 16 for a net."""
        return len(self._names) + len(self._params) // _PARAMS_A_NET

    def embed(self, part: Netlist, given: dict[int, int], around: Sequence[int]) -> list[int]:
        """Add the gates of another netlist; its nets become new ones without a name that :meth:`net` finds.

        Args:
            part: the netlist to copy, no larger than ``MAX_NETS`` allows.
            given: nets of ``part`` -> places in ``around``: what is no new net.
            around: nets of this netlist.

        Returns:
            what each net of ``part`` has become.
        """
        entries, pins, params = len(self._op), len(self._fanin), len(self._params)
        nets = list(range(len(self._names), len(self._names) + len(part._names)))
        for inside, outside in given.items():
            nets[inside] = around[outside]
        self._names += part._names
        self._driver.extend([_UNDRIVEN] * len(part._names))
        for entry, target in enumerate(part._target, entries):
            self._driver[nets[target]] = entry
        self._op += part._op
        self._line += part._line
        self._params += part._params
        self._target.extend([nets[target] for target in part._target])
        self._fanin.extend([nets[net] for net in part._fanin])
        self._start.extend([pins + end for end in part._start[1:]])
        self._param_start.extend([params + end for end in part._param_start[1:]])
        return nets

    def check_reads(self) -> None:
        """Check that every net a gate reads is driven.

        Raises:
            FormatError: one is not.
        """
        fanin = np.array(self._fanin, np.int64)
        missing = np.array(self._driver, np.int64)[fanin] == _UNDRIVEN
        if np.any(missing):
            pin = int(np.argmax(missing))
            entry = int(np.searchsorted(self._start, pin, side="right")) - 1
            name = self._names[fanin[pin]]
            raise FormatError(f"net {shown(name)} is read but nothing drives it", line=self._line[entry])

    def circuit(self, inputs: list[str], outputs: list[str], name: str) -> Circuit:
        """Put the gates in order.

        Raises:
            FormatError: a net that is read but not driven, a cycle.
            CircuitError: names that break a law.
        """
        self.check_reads()
        out_nets = [self.net(output) for output in outputs]
        for output, net in zip(outputs, out_nets, strict=True):
            if not self.driven(net):
                raise FormatError(f"output {shown(output)} is not driven")
        driver = np.array(self._driver, np.int64)
        fanin, start = np.array(self._fanin, np.int64), np.array(self._start, np.int64)
        order, cyclic = evaluation_order(start, driver[fanin])
        if cyclic is not None:
            target = self._names[self._target[cyclic]]
            what = f"net {shown(target)}" if target else "a gate"
            raise FormatError(
                f"{what} depends on itself, expected combinational gates without cycles", line=self._line[cyclic]
            )
        wire = [-1] * len(driver)
        for place, input_name in enumerate(inputs):
            wire[self._net[input_name]] = place
        gates: list[int] = []
        for entry in order:
            if self._op[entry] == _SAME:
                wire[self._target[entry]] = wire[self._fanin[self._start[entry]]]
            else:
                wire[self._target[entry]] = len(inputs) + len(gates)
                gates.append(entry)
        rows, wires = np.array(gates, np.int64), np.array(wire, np.int32)
        pins, pin_start = _gathered(fanin, start, rows)
        params, param_start = _gathered(np.array(self._params, np.int8), np.array(self._param_start, np.int64), rows)
        return check(
            Circuit(
                tuple(inputs),
                tuple(outputs),
                np.array(self._op, np.int8)[rows].astype(np.uint8),
                pin_start,
                wires[pins],
                param_start,
                params,
                wires[out_nets] if out_nets else wires[:0],
                name,
            )
        )


def _gathered(
    flat: NDArray[Any], start: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Return the slices ``flat[start[r]:start[r + 1]]`` of some rows end to end, and where each starts.

    Some rows at a time: an index of 8 bytes for every parameter of a file of look-up tables would not fit.
    """
    counts = np.diff(start)[rows]
    ends = np.cumsum(counts)
    gathered = np.empty(ends[-1] if len(ends) else 0, flat.dtype)
    for first in range(0, len(rows), _ROWS):
        some = slice(first, first + _ROWS)
        before, stop = ends[first] - counts[first], ends[some][-1]
        index = np.repeat(start[rows[some]] - (ends[some] - counts[some]), counts[some]) + np.arange(before, stop)
        gathered[before:stop] = flat[index]
    return gathered, np.concatenate([[0], ends]).astype(np.int32)


def net_names(circuit: Circuit) -> tuple[list[str], list[tuple[str, str]]]:
    """Return a net name per wire, and (output, net) pairs for the outputs that need a copy of a net.

    A gate that drives outputs carries the name of the first one. All port names must be distinct.
    """
    ports = {*circuit.input_names, *circuit.output_names}
    names = [*circuit.input_names, *internal("g", circuit.num_gates, ports)]
    copies, carried = [], set(range(circuit.num_inputs))
    for name, wire in zip(circuit.output_names, circuit.outputs.tolist(), strict=True):
        if wire in carried:
            copies.append((name, wire))
        else:
            carried.add(wire)
            names[wire] = name
    return names, [(name, names[wire]) for name, wire in copies]
