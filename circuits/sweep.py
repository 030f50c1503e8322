"""Decide whether two circuits are equal: one shared graph, simulation to guess equal nodes, a SAT solver to prove them.

SAT sweeping: nodes are visited from the inputs up; a node that simulates like an earlier one, or like its complement,
is proved equal and replaced by it, so that every later question is about a small difference. A wrong guess yields an
input pattern that tells the two, and others, apart (Kuehlmann and Krohm, Equivalence checking using cuts and heaps,
1997; Mishchenko, Chatterjee, Brayton and Een, Improvements to combinational equivalence checking, 2006).

Patterns are bits of Python integers, one integer a node: as many patterns as wanted at one operation a node.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from circuits.aig import Literals, ordered, to_literals, trivial
from circuits.circuit import Circuit
from circuits.words import mixed_words, word_count

PATTERNS = 2048
"""Patterns of the first simulation, fewer for graphs of more than ``_MANY_NODES`` nodes."""

FIRST_BUDGET = 100
"""Conflicts a question may cost in the first round; ten times as many in each further one."""

_MANY_NODES = 1 << 17
_SLICE = 2000  # conflicts between two looks at the clock
_NEIGHBOURS = 64  # patterns made from one counterexample: itself, then some with about one input in eight flipped
_MINIMISING_WORK = 20_000_000  # node evaluations spent on making a counterexample simple


class Joint(NamedTuple):
    """Two circuits over the same inputs as one structurally hashed and-inverter graph.

    Attributes:
        num_inputs: variables 1..num_inputs are the inputs; variable 0 is the constant 0.
        fanins: per variable its two literals (2 * variable + complement) of smaller variables; of inputs unused.
        pairs: per output the literal of the first circuit and of the second.
    """

    num_inputs: int
    fanins: list[tuple[int, int]]
    pairs: list[tuple[int, int]]


def joined(a: Circuit, b: Circuit) -> Joint:
    """Return two circuits with as many inputs and outputs as one graph, equal nodes shared."""
    first, second = to_literals(a), to_literals(b)
    fanins = [(0, 0)] * (first.num_inputs + 1)
    hashed: dict[tuple[int, int], int] = {}

    def outputs(lits: Literals) -> list[int]:
        literal = list(range(0, 2 * lits.num_inputs + 2, 2))
        for p, q in lits.ands.tolist():
            key = ordered(literal[p >> 1] ^ p & 1, literal[q >> 1] ^ q & 1)
            found = trivial(key)
            if found is None:
                found = hashed.get(key)
            if found is None:
                found = hashed[key] = 2 * len(fanins)
                fanins.append(key)
            literal.append(found)
        return [literal[o >> 1] ^ o & 1 for o in lits.outputs.tolist()]

    return Joint(first.num_inputs, fanins, list(zip(outputs(first), outputs(second), strict=True)))


def values(joint: Joint, inputs: Sequence[int], patterns: int) -> list[int]:
    """Evaluate every variable on patterns given as integers, pattern i in bit i."""
    flip = (0, (1 << patterns) - 1)
    value = [0, *inputs]
    for x, y in joint.fanins[joint.num_inputs + 1 :]:
        value.append((value[x >> 1] ^ flip[x & 1]) & (value[y >> 1] ^ flip[y & 1]))
    return value


def difference(joint: Joint, value: Sequence[int], patterns: int) -> int:
    """Return the patterns, as an integer, on which some pair of outputs differs."""
    found = 0
    for p, q in joint.pairs:
        found |= value[p >> 1] ^ value[q >> 1] ^ ((1 << patterns) - 1) * ((p ^ q) & 1)
    return found


def mixed(count: int, bits: int, start: int = 0) -> list[int]:
    """Return fixed, well mixed integers of ``bits`` bits."""
    words = word_count(bits)
    rows = mixed_words(count, words, start)
    return [int.from_bytes(row.tobytes(), "little") >> 64 * words - bits for row in rows]


def decide(
    joint: Joint, *, stop: float | None = None, conflicts: int | None = None
) -> Literal[True] | list[int] | None:
    """Decide whether all pairs of outputs are equal.

    Args:
        joint: the graph.
        stop: the time of ``time.monotonic()`` after which to give up.
        conflicts: how many conflicts of the SAT solver may be spent in all.

    Returns:
        True if they are, an input pattern (a bit per input) on which some pair differs, None if a limit was reached.
    """
    try:
        sweep = _Sweep(joint, stop, conflicts)
        budget = FIRST_BUDGET
        while not sweep.round(budget):
            budget *= 10
    except _Different as found:
        return found.pattern
    except _Limit:
        return None
    return True


class _Different(Exception):  # noqa: N818
    """Simulation shows a pair of outputs to differ on a pattern."""

    def __init__(self, pattern: list[int]) -> None:
        self.pattern = pattern


class _Limit(Exception):  # noqa: N818
    """Time or conflicts are spent."""


class _Sweep:
    """The state of one sweep: the solver, which nodes it knows, what each node was replaced by, how it simulates."""

    def __init__(self, joint: Joint, stop: float | None, conflicts: int | None) -> None:
        from pysat.solvers import Solver

        self.joint, self.stop, self.conflicts = joint, stop, conflicts
        self.solver = Solver(name="glucose4")
        self.solver.add_clause([-1])  # solver variable v + 1 is variable v of the graph; 0 is constant
        nodes = len(joint.fanins)
        self.known = [True] * (joint.num_inputs + 1) + [False] * (nodes - joint.num_inputs - 1)
        self.reduced = list(joint.fanins)  # fan-ins after replacement
        self.replaced = list(range(0, 2 * nodes, 2))
        patterns = max(64, min(PATTERNS, PATTERNS * _MANY_NODES // nodes))
        value = self._simulated(mixed(joint.num_inputs, patterns), patterns)
        # Nodes are compared up to complement: as they are where the first pattern gives 0, complemented where 1.
        full = (1 << patterns) - 1
        self.flipped = [v & 1 for v in value]
        self.signature = [v ^ full if v & 1 else v for v in value]
        self.later = [0] * nodes  # the same on the patterns that counterexamples brought
        self.later_patterns = 0

    def _simulated(self, inputs: Sequence[int], patterns: int) -> list[int]:
        value = values(self.joint, inputs, patterns)
        found = difference(self.joint, value, patterns)
        if found:
            at = (found & -found).bit_length() - 1
            raise _Different([word >> at & 1 for word in inputs])
        return value

    def _variable(self, literal: int) -> int:
        number = (literal >> 1) + 1
        return -number if literal & 1 else number

    def _load(self, literal: int) -> None:
        """Tell the solver about a literal's cone."""
        todo = [literal >> 1]
        while todo:
            v = todo.pop()
            if not self.known[v]:
                self.known[v] = True
                x, y = self.reduced[v]
                out, first, second = v + 1, self._variable(x), self._variable(y)
                for clause in ([-out, first], [-out, second], [out, -first, -second]):
                    self.solver.add_clause(clause)
                todo += (x >> 1, y >> 1)

    def _solve(self, assumptions: list[int], budget: int) -> bool | None:
        """Ask the solver, within a budget of conflicts, looking at the clock now and then."""
        while budget > 0:
            allowed = min(budget, _SLICE)
            before = self.solver.accum_stats()["conflicts"]
            self.solver.conf_budget(allowed)
            # "expect interrupt" leaves the handling of Ctrl-C to Python
            answer: bool | None = self.solver.solve_limited(assumptions=assumptions, expect_interrupt=True)
            if self.conflicts is not None:
                self.conflicts -= self.solver.accum_stats()["conflicts"] - before
            if answer is not None:
                return answer
            self._check_limits()
            budget -= allowed
        return None

    def _check_limits(self) -> None:
        if self.stop is not None and time.monotonic() >= self.stop:
            raise _Limit
        if self.conflicts is not None and self.conflicts <= 0:
            raise _Limit

    def _equal(self, a: int, b: int, budget: int) -> bool | None:
        """Decide whether two literals are equal; learn from a pattern that tells them apart."""
        self._check_limits()
        self._load(a)
        self._load(b)
        x, y = self._variable(a), self._variable(b)
        for assumptions in ([x, -y], [-x, y]):
            answer = self._solve(assumptions, budget)
            if answer:
                self._learn()
            if answer is not False:
                return None if answer is None else False
        self.solver.add_clause([x, -y])
        self.solver.add_clause([-x, y])
        return True

    def _learn(self) -> None:
        """Add the solver's pattern and some of its neighbours to the patterns that nodes are compared on."""
        model = self.solver.get_model()
        n, full = self.joint.num_inputs, (1 << _NEIGHBOURS) - 1
        bits = [int(v + 1 < len(model) and model[v + 1] > 0) for v in range(n)]
        masks = mixed(3 * n, _NEIGHBOURS, start=self.later_patterns * n + 1)
        inputs = [
            full * bit ^ (masks[i] & masks[n + i] & masks[2 * n + i] & ~1)  # the first pattern stays as it is
            for i, bit in enumerate(bits)
        ]
        shift = self.later_patterns
        self.later_patterns += _NEIGHBOURS
        flip = (0, full)
        self.later = [
            old | (new ^ flip[f]) << shift
            for old, new, f in zip(self.later, self._simulated(inputs, _NEIGHBOURS), self.flipped, strict=True)
        ]

    def _at(self, literal: int) -> int:
        return self.replaced[literal >> 1] ^ literal & 1

    def round(self, budget: int) -> bool:
        """Visit every node once, then the outputs; return whether all pairs are proved."""
        hashed: dict[tuple[int, int], int] = {}
        alike: dict[int, list[int]] = {}
        wanted = self._cone(p for pair in self.joint.pairs if self._at(pair[0]) != self._at(pair[1]) for p in pair)
        for v, (x, y) in enumerate(self.joint.fanins):
            if not wanted[v]:
                continue
            if v <= self.joint.num_inputs:
                alike.setdefault(self.signature[v], []).append(v)
                continue
            if self.replaced[v] != 2 * v:
                self.replaced[v] = self._at(self.replaced[v])  # what replaced it may itself be replaced by now
                continue
            key = ordered(self._at(x), self._at(y))
            same = trivial(key)
            same = hashed.setdefault(key, 2 * v) if same is None else same
            if same == 2 * v:
                if not self.known[v]:
                    self.reduced[v] = key
                same = self._match(v, alike.setdefault(self.signature[v], []), budget)
            self.replaced[v] = same
        open_pairs = dict.fromkeys((self._at(p), self._at(q)) for p, q in self.joint.pairs)
        answers = [x == y or self._equal(x, y, budget) for x, y in open_pairs]
        return all(answers)

    def _match(self, v: int, alike: list[int], budget: int) -> int:
        """Return the literal of an earlier node proved equal to this one, else its own; keep it for later ones."""
        for u in alike:
            if self.later[u] == self.later[v]:
                literal = 2 * u ^ self.flipped[u] ^ self.flipped[v]
                answer = self._equal(2 * v, literal, budget)
                if answer:
                    return literal
                if answer is None:
                    break  # as hard against the others, which are equal to the first as far as anyone knows
        alike.append(v)
        return 2 * v

    def _cone(self, literals: Iterable[int]) -> list[bool]:
        wanted = [False] * len(self.joint.fanins)
        for p in literals:
            wanted[p >> 1] = True
        wanted[0] = True  # any node may be constant
        for v in reversed(range(self.joint.num_inputs + 1, len(wanted))):
            if wanted[v]:
                for p in self.joint.fanins[v]:
                    wanted[p >> 1] = True
        return wanted


def _dropped(positions: Sequence[int], holds: Callable[[list[int], list[int]], int], rounds: int) -> list[int]:
    """Drop positions greedily, in order, as long as something holds.

    Args:
        positions: what may be dropped.
        holds: ``holds(dropped, rest)`` has bit j set if it still holds without ``dropped`` and ``rest[:j + 1]``.
        rounds: how often ``holds`` may be asked.
    """
    dropped: list[int] = []
    rest = list(positions)
    while rest and rounds > 0:
        most = holds(dropped, rest).bit_length()
        dropped += rest[:most]
        rest = rest[most + 1 :]  # the one after them must stay
        rounds -= 1
    return dropped


def minimised(joint: Joint, bits: Sequence[int]) -> tuple[list[int], list[int]]:
    """Make a pattern on which outputs differ simple.

    Returns:
        a pattern on which some still differ, no input of which can be changed from 1 to 0; and the positions of the
        inputs that matter: whatever the others are, every output that differs on the pattern differs. For very large
        graphs fewer are tried, so either may be less simple than that.
    """
    rounds = max(8, _MINIMISING_WORK // len(joint.fanins))
    pattern = list(bits)

    def differs(dropped: list[int], rest: list[int]) -> int:
        full = (1 << len(rest)) - 1
        inputs = [full * bit for bit in pattern]
        for p in dropped:
            inputs[p] = 0
        for i, p in enumerate(rest):
            inputs[p] = (1 << i) - 1
        return difference(joint, values(joint, inputs, len(rest)), len(rest))

    while zeroed := _dropped([i for i, bit in enumerate(pattern) if bit], differs, rounds):
        for i in zeroed:
            pattern[i] = 0

    value = values(joint, pattern, 1)
    wrong = [(p, q) for p, q in joint.pairs if (value[p >> 1] ^ p ^ value[q >> 1] ^ q) & 1]
    expected = [(p, value[p >> 1] ^ p & 1) for pair in wrong for p in pair]

    def certain(dropped: list[int], rest: list[int]) -> int:
        """Evaluate with unknown inputs: each variable as the patterns on which it may be 0, and may be 1."""
        full = (1 << len(rest)) - 1
        unknown = dict.fromkeys(dropped, full) | {p: full ^ ((1 << i) - 1) for i, p in enumerate(rest)}
        may = [(full, 0)]
        may += [(full * (1 - bit) | unknown.get(i, 0), full * bit | unknown.get(i, 0)) for i, bit in enumerate(pattern)]
        for x, y in joint.fanins[joint.num_inputs + 1 :]:
            (a, b), (c, d) = may[x >> 1], may[y >> 1]
            if x & 1:
                a, b = b, a
            if y & 1:
                c, d = d, c
            may.append((a | c, b & d))
        spoilt = 0
        for literal, bit in expected:
            spoilt |= may[literal >> 1][1 ^ bit ^ literal & 1]
        return full & ~spoilt

    free = set(_dropped(range(joint.num_inputs), certain, rounds))
    return pattern, [i for i in range(joint.num_inputs) if i not in free]
