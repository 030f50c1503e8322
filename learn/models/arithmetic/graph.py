"""Graphs of word gates, grown freely: which function a node is of which wires is a choice, constants are integers.

As in the exact learner, the signal of a choice is the exact change of the loss it would make, and the heat bath of
``RULES`` draws the next choice from it, cooling; a constant draws among steps of powers of two. The loss is how many
bits the errors take, on a few samples; those that a graph without errors gets wrong join them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

import numpy as np

from circuits.circuit import Builder
from circuits.wires import BIT, holding
from learn.keys import Key
from learn.models.arithmetic import graph_kernels as kernels
from learn.models.arithmetic.forms import Integers, Learned, Samples, constant, result
from learn.rules import make_rule
from learn.spaces import Choice

Gate = Callable[..., int]
"""``gate(builder, *wires)``: adds gates, and returns the wire of the result."""


def _named(name: str) -> Gate:
    return lambda b, *wires: b.add(name, *wires)


def _shifted(amount: int) -> Gate:
    return lambda b, x: b.add("shift", x, params=(-amount,))


def _difference(b: Builder, x: int, y: int) -> int:
    return b.add("max", b.add("sub", x, y), b.add("sub", y, x))


def _select(b: Builder, x: int, y: int, when: int) -> int:
    if b.type_of(when) != BIT:
        when = b.add("lt", constant(b, 0, BIT), when)
    return b.add("mux", when, y, x)


GATES: dict[str, tuple[str, Gate]] = {
    "add": ("({} + {})", _named("add")),
    "mul": ("{}*{}", _named("mul")),
    "sub": ("({} - {})", _named("sub")),
    "less": ("({} < {})", _named("lt")),
    "equal": ("({} == {})", _named("eq")),
    "min": ("min({}, {})", _named("min")),
    "max": ("max({}, {})", _named("max")),
    "difference": ("abs({} - {})", _difference),
    "half": ("({} >> 1)", _shifted(1)),
    "quarter": ("({} >> 2)", _shifted(2)),
    "eighth": ("({} >> 3)", _shifted(3)),
    "sixteenth": ("({} >> 4)", _shifted(4)),
    "select": ("({0} if {2} else {1})", _select),
}
"""Name of a function of ``graph_kernels`` -> how it is spelled, and its gates."""

ALIKE = [kernels.FUNCTIONS.index(name) for name in ("sub", "less", "equal", "difference")]
"""Of one wire twice they are constants."""

VARIABLES = 8
"""Of more, pairs are too many."""
FEW, MORE = 48, 16
"""Samples that the loss is of, and most that join them at a time."""
SIZES = (2, 3, 5, 7)
"""Nodes, and a constant: small graphs first, which are found at once where they will do."""
ROUNDS = 5
"""Each size is tried once with selections and once without, then twice, four times, ..."""
SWEEPS = 100
"""In each, every constant and node is visited once on average."""
HOT, COLD = 0.5, 0.05
"""Temperatures in bits a sample. Of twelve functions of three to five gates, such as ``(abs(a - b)*c + d) >> 4``, short
runs from .5 find each in less time than longer ones, or hotter ones."""


class Graph(NamedTuple):
    """A graph of word gates.

    Attributes:
        variables: how many wires are those.
        nodes: the first node; between them are constants.
        function: int64 (wires,), of nodes, in ``graph_kernels.FUNCTIONS``.
        read: int64 (wires, 3), the wires nodes read, 0 where there are fewer.
        value: int64 (wires, samples).
    """

    variables: int
    nodes: int
    function: Integers
    read: Integers
    value: Integers

    def copy(self) -> Graph:
        """Return a graph with arrays of its own."""
        return self._replace(function=self.function.copy(), read=self.read.copy(), value=self.value.copy())

    def on(self, x: Integers) -> Graph:
        """Return the graph with its values for samples x, int64 (samples, variables)."""
        value = np.empty((len(self.function), len(x)), np.int64)
        value[: self.variables] = x.T
        value[self.variables : self.nodes] = self.value[self.variables : self.nodes, :1]
        kernels.evaluate(self.function, self.read, value, self.nodes)
        return self._replace(value=value)

    def choice(self, wire: int) -> int:
        """Return the number of a node's present choice."""
        a, b, c = self.read[wire].tolist()
        return ((int(self.function[wire]) + c) * wire + a) * wire + b

    def choose(self, wire: int, choice: int) -> None:
        """Give a node a choice; its values and those of what reads it are to be computed anew."""
        row, pair = divmod(choice, wire * wire)
        self.function[wire] = min(row, kernels.SELECT)
        self.read[wire] = (pair // wire, pair % wire, max(0, row - kernels.SELECT))

    def pins(self, wire: int) -> list[int]:
        """Return the wires a node reads."""
        return self.read[wire, : kernels.PINS[self.function[wire]]].tolist()


def random_choice(wire: int, key: Key, *, selects: bool = True) -> int:
    """Draw a choice of a node: any function, but ``select`` only if told, of any wires before it."""
    for trial in count():
        f, a, b, c = (key.fold(trial).uniform((4,)) * (kernels.SELECT + selects, wire, wire, wire)).astype(int).tolist()
        b, c = (b, c)[: kernels.PINS[f] - 1] + (0, 0)[kernels.PINS[f] - 1 :]
        if kernels.is_choice(f, a, b, c):
            return ((f + c) * wire + a) * wire + b
    raise AssertionError


class Loss(NamedTuple):
    """How a graph's result is compared with samples.

    Attributes:
        wanted: int64 (samples,).
        kind: ``graph_kernels.EXACT``, WRAPPED or SATURATED.
        lo: the least value of the result's word.
        hi: the greatest.
    """

    wanted: Integers
    kind: int
    lo: int
    hi: int

    def of(self, graph: Graph) -> int:
        """Return how many bits the errors take."""
        return int(kernels.cost_of(graph.value[-1], *self))


def loss_on(samples: Samples) -> Loss:
    """Return the loss that samples ask for."""
    word = samples.word
    kind = kernels.EXACT if not samples.declared else kernels.SATURATED if word.saturate else kernels.WRAPPED
    return Loss(samples.y, kind, word.lo, word.hi)


def grown(x: Integers, loss: Loss, nodes: int, *, key: Key, selects: bool = True) -> Graph:
    """Anneal a random graph; return the best one met, the first without errors.

    Args:
        x: int64 (samples, variables), magnitudes below ``graph_kernels.LIMIT``.
        loss: on these samples.
        nodes: how many there are; one constant stands before them.
        key: decides every draw.
        selects: whether nodes may be ``select``: rich in choices, and in graphs that are nearly right.
    """
    variables = x.shape[1]
    first, wires = variables + 1, variables + 1 + nodes
    graph = Graph(variables, first, np.zeros(wires, np.int64), np.zeros((wires, 3), np.int64),
                  np.ones((wires, 1), np.int64))  # fmt: skip
    for wire in range(first, wires):
        graph.choose(wire, random_choice(wire, key.fold("start", wire), selects=selects))
    graph = graph.on(x)
    other, led = np.empty_like(graph.value), np.zeros(wires, np.bool_)
    costs = np.empty(max((kernels.SELECT + wires) * wires * wires, len(kernels.STEPS)), np.int64)
    best, least = graph.copy(), loss.of(graph)
    visits = key.fold("visits").integers(wires - variables, (SWEEPS, wires - variables)) + variables
    for sweep in range(SWEEPS):
        if least == 0:
            break
        temperature = len(x) * HOT * (COLD / HOT) ** (sweep / SWEEPS)
        for i, wire in enumerate(visits[sweep].tolist()):
            draw = key.fold(sweep, i)
            choices = kernels.score(
                graph.function, graph.read, graph.value, wire, first, *loss, other, led, costs, selects
            )
            if not choices:
                if wire >= first:
                    graph.choose(wire, random_choice(wire, draw, selects=selects))
                    kernels.evaluate(graph.function, graph.read, graph.value, wire)
                continue
            present = np.array(kernels.STEPS.index(0) if wire < first else graph.choice(wire))
            space = Choice(choices)
            rule = make_rule("heat_bath", space, temperature=temperature)
            step, _ = rule.update(costs[:choices] - costs[present], rule.init(present), present, key=draw)
            chosen = int(space.add(present, step))
            if chosen == present:
                continue
            if wire < first:
                graph.value[wire] += kernels.STEPS[chosen]
            else:
                graph.choose(wire, chosen)
            kernels.evaluate(graph.function, graph.read, graph.value, max(wire, first))
            if costs[chosen] < least:
                best, least = graph.copy(), int(costs[chosen])
                if least == 0:
                    break
    return best


def reduced(graph: Graph, x: Integers, loss: Loss) -> Graph:
    """Return a graph that costs no more with fewer nodes read: a wire before it stands for each that it can."""
    bits, again = loss.of(graph), True
    while again:
        again = False
        for wire in reversed(range(graph.variables, len(graph.function))):
            for other in range(wire):
                found = _joined(graph, wire, other)
                if found and loss.of(found.on(x)) <= bits:
                    graph, again = found.on(x), True
                    break
            if again:
                break
    return graph


def _joined(graph: Graph, wire: int, other: int) -> Graph | None:
    """Return the graph where all read another wire in place of one; None where nothing reads that one."""
    last = len(graph.function) - 1
    if wire == last:
        size = max(other, graph.nodes) + 1
        return None if other < graph.nodes else Graph(*graph[:2], *(array[:size].copy() for array in graph[2:]))
    read = graph.read.copy()
    for w in range(wire + 1, last + 1):
        pins = graph.pins(w)
        read[w, : len(pins)] = [other if pin == wire else pin for pin in pins]
    return None if np.array_equal(read, graph.read) else graph.copy()._replace(read=read)


def graphs(samples: Samples, *, key: Key) -> Iterator[Learned | None]:
    """Grow graphs of more and more nodes; yield those without errors, and at last the best of those with some.

    Source: the choices of free wiring are those of Cartesian genetic programming, Miller and Thomson 2000, doi
    10.1007/978-3-540-46239-2_9; here they are drawn by their exact costs, not mutated.
    """
    x, variables = samples.x, samples.x.shape[1]
    bounds = [abs(end) for word in (*samples.types, samples.word) for end in (word.lo, word.hi)]
    if variables > VARIABLES or max(bounds) >= kernels.LIMIT or all(word.bits == 1 for word in samples.types):
        return
    rows, everything = np.arange(min(FEW, len(x))), loss_on(samples)
    best: Graph | None = None
    least = 0
    for level in range(ROUNDS):
        for nodes in SIZES:
            for trial in range(2 << level):
                some = samples.at(rows)
                own = key.fold(level, nodes, trial)
                graph = grown(some.x, loss_on(some), nodes, key=own, selects=trial % 2 == 1)
                wrong, graph = _missed(graph, loss_on(some)).any(), graph.on(x)
                bits = everything.of(graph)
                if best is None or bits < least:
                    best, least = graph, bits
                if bits == 0:
                    yield _learned(reduced(graph, x, everything), samples)
                    continue
                yield None
                if not wrong:
                    rows = np.union1d(rows, np.flatnonzero(_missed(graph, everything))[:MORE])
    if best is not None and least:
        yield _learned(best, samples)


def _missed(graph: Graph, loss: Loss) -> np.ndarray:
    """Say which samples a graph gets wrong."""
    given = graph.value[-1]
    if loss.kind == kernels.SATURATED:
        given = given.clip(loss.lo, loss.hi)
    errors = given - loss.wanted
    return (errors & (loss.hi - loss.lo) if loss.kind == kernels.WRAPPED else errors) != 0


def _learned(graph: Graph, samples: Samples) -> Learned:
    """Return a graph as gates and as a formula; nodes that read constants alone are constants."""
    known = {w: int(graph.value[w, 0]) for w in range(graph.variables, graph.nodes)}
    for w in range(graph.nodes, len(graph.function)):
        pins = graph.pins(w)
        if all(pin in known for pin in pins) or (len(set(pins)) < len(pins) and graph.function[w] in ALIKE):
            known[w] = int(graph.value[w, 0])
    function = [kernels.FUNCTIONS[f] for f in graph.function]

    def spelled(wire: int) -> str:
        if wire in known:
            return str(known[wire])
        if wire < graph.variables:
            return samples.name(wire)
        parts = [_bare(spelled(pin)) if k == 2 else spelled(pin) for k, pin in enumerate(graph.pins(wire))]
        if len(parts) == 3 and not _is_bit(graph.pins(wire)[2]):
            parts[2] += " > 0"
        return GATES[function[wire]][0].format(*parts)

    def _is_bit(wire: int) -> bool:
        return samples.types[wire] == BIT if wire < graph.variables else function[wire] in ("less", "equal")

    def recipe(b: Builder, wires: Sequence[int]) -> int:
        made = list(wires)
        for w in range(graph.variables, len(graph.function)):
            if w in known:
                made.append(constant(b, known[w], holding(known[w], known[w])))
            else:
                made.append(GATES[function[w]][1](b, *(made[pin] for pin in graph.pins(w))))
        return result(b, made[-1], samples)

    return Learned("graph", _bare(spelled(len(function) - 1)), recipe)


def _bare(text: str) -> str:
    """Return a formula without the pair of brackets around all of it, if there is one."""
    depth = 0
    for i, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[1:-1] if i and i == len(text) - 1 and text[0] == "(" else text
    return text
