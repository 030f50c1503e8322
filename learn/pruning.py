"""Prune a circuit learned from samples: nodes that hardly matter give way to wires that are there already.

Cost-complexity pruning (Breiman, Friedman, Olshen and Stone 1984, *Classification and Regression Trees*, chapter 3) of
a circuit instead of a tree, and by any wire instead of a leaf: a replacement is taken if the errors that it adds to the
samples are fewer than a price for each AND node that it saves. What a caller holds out says which price is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from circuits.aig import Literals, hashed_literals, natural_gates
from circuits.circuit import Circuit
from circuits.table import TruthTable
from learn import moves

SWEEPS = 4
"""Most visits of all nodes at one price; one that changes nothing is the last."""


def pruned(
    circuit: Circuit, table: TruthTable, prices: Sequence[float], *, anywhere: bool = False
) -> Iterator[Circuit]:
    """Prune a circuit at one price after the other, each time starting from what the price before left.

    Args:
        circuit: of bits, with the inputs and outputs of the table.
        table: the samples.
        prices: errors, wrong cared-for output values, that one AND node less may cost.
        anywhere: whether any wire may take a node's place that does not depend on it, not just a constant or a wire
            up to two nodes below: smaller, and a search of its own, which samples that are few mislead sooner.

    Yields:
        a circuit for each price, of no more AND nodes than the one before.
    """
    lits = hashed_literals(circuit)
    net = moves.make_net(table.inputs, table.outputs & table.care, table.care, len(lits.ands) + 1)
    for a, b in lits.ands.tolist():
        moves.append(net, moves.AND, a, b)
    net.outputs[:] = lits.outputs
    scratch = moves.make_scratch(net)
    moves.rebuild(net, scratch, False)
    for price in prices:
        for _ in range(SWEEPS):
            if not moves.prune(net, scratch, float(price), anywhere):
                break
            moves.rebuild(net, scratch, False)
        n, wires = int(net.size[0]), int(net.size[1])
        found = Literals(n, net.fanin[n + 1 : wires].copy(), net.outputs.copy())
        yield natural_gates(found, table.input_names, table.output_names, table.name)
