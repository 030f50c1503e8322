"""Prune a circuit learned from samples: wires that hardly matter give way to others, for a price of an AND in errors.

Cost-complexity pruning (Breiman, Friedman, Olshen and Stone 1984, *Classification and Regression Trees*, chapter 3) of
a circuit instead of a tree: a node is replaced by a constant or a wire that is there already where the errors that this
adds to the samples are at most ``price`` for each AND saved. Prices rise; what a caller holds out says which is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from numba import njit

from circuits.aig import Literals, hashed_literals, natural_gates
from circuits.circuit import Circuit
from circuits.table import TruthTable
from learn import moves
from learn.moves import _acquire, _evaluate, _popcount, _release, wants

SWEEPS = 4
"""Most sweeps at one price; one that changes nothing is the last."""


@njit(cache=True, nogil=True)
def _loss(want, seen, value, w, most):
    """Count the errors when an observed wire has the value of wire ``w``; stop above ``most``."""
    loss = 0
    for s in range(seen):
        for i in range(value.shape[1]):
            x = value[w, i]
            loss += _popcount(want[1, s, i] & ~x) + _popcount(want[0, s, i] & x)
            if i & 7 == 7 and loss > most:
                return loss
    return loss


@njit(cache=True, nogil=True)
def sweep(net, scratch, price, anywhere):
    """Visit every node, the last first, and replace it where that is worth its price.

    Args:
        net: compact, of ANDs (``moves.rebuild``).
        scratch: its working memory.
        price: errors that one AND less may cost.
        anywhere: whether all earlier wires are tried, not just constants and the wires up to two nodes below.

    Returns:
        how many nodes were replaced; the net has to be rebuilt.
    """
    sizes, kinds, fanin, value, order, outputs = net.size, net.kind, net.fanin, net.value, net.order, net.outputs
    mark, refs, want, stack, near = scratch.mark, scratch.refs, scratch.want, scratch.stack, scratch.up
    n, words = sizes[0], value.shape[1]
    moves.count_refs(net, refs)
    replaced = 0
    for k in range(sizes[2] - 1, -1, -1):
        g = order[k]
        if refs[g] == 0:
            continue
        seen = wants(net, scratch, g) if moves.observe(net, scratch, g) else 0
        total, now = 0, 0
        for s in range(seen):
            for i in range(words):
                total += _popcount(want[0, s, i] | want[1, s, i])
                now += _popcount(want[1, s, i] & ~value[g, i]) + _popcount(want[0, s, i] & value[g, i])
        count = 1
        near[0] = 0
        if anywhere:
            for w in range(1, n + 1):
                near[count] = w
                count += 1
            for j in range(k):
                if refs[order[j]] > 0:
                    near[count] = order[j]
                    count += 1
        else:
            for pin in range(2):
                w = fanin[g, pin] >> 1
                near[count] = w
                count += 1
                if w > n:
                    near[count] = fanin[w, 0] >> 1
                    near[count + 1] = fanin[w, 1] >> 1
                    count += 2
        largest = 1
        for pin in range(2):
            largest += _release(n, kinds, fanin, refs, stack, fanin[g, pin], 1)
        for pin in range(2):
            _acquire(n, kinds, fanin, refs, stack, fanin[g, pin], 1)
        best, choice = 1e-9, -1
        for c in range(count):
            w = near[c]
            most = now + price * largest
            straight = (
                _loss(want, seen, value, w, total)
                if not anywhere
                else _loss(want, seen, value, w, total - most if most < total / 2 else total)
            )
            for complement in range(2):
                loss = total - straight if complement else straight
                if loss > most:
                    continue
                refs[w] += 1
                freed = 1
                for pin in range(2):
                    freed += _release(n, kinds, fanin, refs, stack, fanin[g, pin], 1)
                for pin in range(2):
                    _acquire(n, kinds, fanin, refs, stack, fanin[g, pin], 1)
                refs[w] -= 1
                gain = now - loss + price * freed + 1e-6 * freed
                if gain > best:
                    best, choice = gain, 2 * w + complement
        if choice < 0:
            continue
        replaced += 1
        refs[choice >> 1] += refs[g]
        for j in range(k + 1, sizes[2]):
            w = order[j]
            for pin in range(2):
                if fanin[w, pin] >> 1 == g:
                    fanin[w, pin] = choice ^ (fanin[w, pin] & 1)
        for o in range(len(outputs)):
            if outputs[o] >> 1 == g:
                outputs[o] = choice ^ (outputs[o] & 1)
        refs[g] = 0
        for pin in range(2):
            _release(n, kinds, fanin, refs, stack, fanin[g, pin], 1)
        for j in range(k + 1, sizes[2]):
            w = order[j]
            if mark[w] != 0 and refs[w] > 0:
                _evaluate(kinds, fanin, value, w)
    return replaced


def pruned(
    circuit: Circuit, table: TruthTable, prices: Sequence[float], *, anywhere: bool = False
) -> Iterator[Circuit]:
    """Prune a circuit at one price after the other; each starts from what the one before left."""
    lits = hashed_literals(circuit)
    net = moves.make_net(table.inputs, table.outputs & table.care, table.care, len(lits.ands) + 1)
    for a, b in lits.ands.tolist():
        moves.append(net, moves.AND, a, b)
    net.outputs[:] = lits.outputs
    scratch = moves.make_scratch(net)
    moves.rebuild(net, scratch, False)
    for price in prices:
        for _ in range(SWEEPS):
            if not sweep(net, scratch, price, anywhere):
                break
            moves.rebuild(net, scratch, False)
        n, wires = int(net.size[0]), int(net.size[1])
        found = Literals(n, net.fanin[n + 1 : wires].copy(), net.outputs.copy())
        yield natural_gates(found, table.input_names, table.output_names, table.name)
