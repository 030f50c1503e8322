"""The kernels of the exact learner: a free-wired network of AND and XOR nodes over packed patterns, and its moves.

Wires: 0 is the constant 0, 1..n the inputs, then the nodes. A literal is 2 * wire + complement, as in AIGER. A node is
AND or XOR of two literals. ``order`` lists the nodes topologically, so wires need no renumbering while a network grows.
All randomness is drawn from the Philox state handed in.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from circuits.kernels import philox_next, philox_state

AND, XOR = 0, 1
NAND, WIRE = 2, -1  # replacements only: the complement of an AND; another wire
XOR_COST = 3
"""Size of an XOR node where an AND counts 1: the ANDs it ships as."""
FUNCTIONS = 10
"""2-input functions that depend on both inputs: 0..7 AND with complements (bit 0: of the kept wire, bit 1: of the
other, bit 2: of the output), 8 XOR, 9 XNOR."""

_options: dict[str, Any] = {"cache": True, "nogil": True, "no_cfunc_wrapper": True}
_jit = njit(**_options)
# what only kernels call needs no wrapper for Python: those take a fifth of compiling
_inner = njit(**(_options | {"no_cpython_wrapper": True}))


class Net(NamedTuple):
    """A network with room to grow; every array is preallocated.

    Attributes:
        size: int64 (3,): inputs, wires in use, nodes in ``order``.
        kind: uint8 (capacity,): AND or XOR, of node wires.
        fanin: int64 (capacity, 2): literals.
        value: uint64 (capacity, words): the wire's value on every pattern.
        order: int64 (capacity,): node wires, topologically.
        place: int64 (capacity,): position of a node in ``order``; -1 for inputs.
        outputs: int64 (outputs,): literals.
        target: uint64 (outputs, words): wanted values.
        care: uint64 (outputs, words): where they matter.
    """

    size: NDArray[np.int64]
    kind: NDArray[np.uint8]
    fanin: NDArray[np.int64]
    value: NDArray[np.uint64]
    order: NDArray[np.int64]
    place: NDArray[np.int64]
    outputs: NDArray[np.int64]
    target: NDArray[np.uint64]
    care: NDArray[np.uint64]


class Scratch(NamedTuple):
    """Working memory of the moves, shaped for one net.

    Attributes:
        flip: uint64 (capacity, words): values with one wire flipped.
        mark: uint8 (capacity,): 0 outside the fan-out cone, 1 inside but unchanged, 2 changed.
        stack: int64 (4 * capacity,)
        map: int64 (capacity,): old wire to new literal.
        refs: int64 (capacity,): how many nodes and outputs read a wire.
        level, tail: int64 (capacity,): AND levels from the inputs to a wire; from there to an output.
        want: uint64 (2, outputs, words): where an output needs the wire to be 0, to be 1, because the output sees it.
        seen: int64 (outputs,): the outputs that see the wire.
        care: uint64 (words,): patterns on which the wire matters.
        word: int64 (words,): the words with such a pattern, in order.
        row: uint64 (4, words)
        kind, fanin: a copy of the network being rebuilt.
        table: int64 (power of two, at least 4 * capacity): hash table of wires.
        hash: uint64 (capacity,)
        up, down: int64 (2 * capacity,): literals that contain the on-set; literals that contain the off-set.
        choice: int64 (choices, 4): AND, XOR, NAND or WIRE; literal, literal, size change.
        weight: float64 (choices,)
    """

    flip: NDArray[np.uint64]
    mark: NDArray[np.uint8]
    stack: NDArray[np.int64]
    map: NDArray[np.int64]
    refs: NDArray[np.int64]
    level: NDArray[np.int64]
    tail: NDArray[np.int64]
    want: NDArray[np.uint64]
    seen: NDArray[np.int64]
    care: NDArray[np.uint64]
    word: NDArray[np.int64]
    row: NDArray[np.uint64]
    kind: NDArray[np.uint8]
    fanin: NDArray[np.int64]
    table: NDArray[np.int64]
    hash: NDArray[np.uint64]
    up: NDArray[np.int64]
    down: NDArray[np.int64]
    choice: NDArray[np.int64]
    weight: NDArray[np.float64]


MAX_CHOICES = 4096
UNLIKELY = 6.0
"""XORs are not looked for where the heat bath would weigh each at most exp(-6) of a choice of the same size."""
HASHED_WORDS = 8
"""Words of a wire's value, of those with patterns that matter, that its hash covers; a match is compared in full."""


def make_net(inputs: NDArray[np.uint64], target: NDArray[np.uint64], care: NDArray[np.uint64], nodes: int) -> Net:
    """Return an empty net over input patterns (inputs, words) with room for ``nodes`` nodes; outputs are constant 0."""
    n, words = inputs.shape
    capacity = n + 1 + nodes
    value = np.zeros((capacity, words), np.uint64)
    value[1 : n + 1] = inputs
    return Net(
        np.array([n, n + 1, 0], np.int64),
        np.zeros(capacity, np.uint8),
        np.zeros((capacity, 2), np.int64),
        value,
        np.zeros(capacity, np.int64),
        np.full(capacity, -1, np.int64),
        np.zeros(len(target), np.int64),
        np.ascontiguousarray(target),
        np.ascontiguousarray(care),
    )


def make_scratch(net: Net) -> Scratch:
    """Return working memory for ``net``."""
    capacity, words = net.value.shape
    outputs = len(net.outputs)
    slots = max(16, 1 << (4 * capacity - 1).bit_length())
    return Scratch(
        np.zeros((capacity, words), np.uint64),
        np.zeros(capacity, np.uint8),
        np.zeros(4 * capacity, np.int64),
        np.zeros(capacity, np.int64),
        np.zeros(capacity, np.int64),
        np.zeros(capacity, np.int64),
        np.zeros(capacity, np.int64),
        np.zeros((2, outputs, words), np.uint64),
        np.zeros(outputs, np.int64),
        np.zeros(words, np.uint64),
        np.zeros(words, np.int64),
        np.zeros((4, words), np.uint64),
        np.zeros(capacity, np.uint8),
        np.zeros((capacity, 2), np.int64),
        np.zeros(slots, np.int64),
        np.zeros(capacity, np.uint64),
        np.zeros(2 * capacity, np.int64),
        np.zeros(2 * capacity, np.int64),
        np.zeros((MAX_CHOICES, 4), np.int64),
        np.zeros(MAX_CHOICES, np.float64),
    )


@_inner
def _popcount(x):
    """Count the bits of one word (LLVM recognises the form and emits the instruction)."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@_inner
def _mask(complement):
    """Return all ones for 1, zero for 0."""
    return np.uint64(0) - np.uint64(complement)


@_inner
def _hashed(x):
    """Mix a word to an integer below 2**31."""
    return np.int64((x * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(33))


@_inner
def _rotated(x, i):
    """Rotate a word left by 11 i bits: sums of rotated words make a linear hash of a row."""
    r = np.uint64((i * 11) & 63)
    return (x << r) | (x >> ((np.uint64(64) - r) & np.uint64(63)))


@_jit
def below(rng, n):
    """Draw an integer in 0..n-1 (by multiplication; the bias is below n / 2**32)."""
    return np.int64(((philox_next(rng) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@_inner
def _unit(rng):
    """Draw a double in [0, 1)."""
    return np.float64(philox_next(rng) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@_inner
def _evaluate(kinds, fanin, value, w):
    """Recompute node ``w``'s value."""
    a, b = fanin[w, 0], fanin[w, 1]
    ca, cb = _mask(a & 1), _mask(b & 1)
    a >>= 1
    b >>= 1
    if kinds[w] == AND:
        for i in range(value.shape[1]):
            value[w, i] = (value[a, i] ^ ca) & (value[b, i] ^ cb)
    else:
        c = ca ^ cb
        for i in range(value.shape[1]):
            value[w, i] = value[a, i] ^ value[b, i] ^ c


@_jit
def simulate(net):
    """Recompute every node's value."""
    sizes, kinds, fanin, value, order = net.size, net.kind, net.fanin, net.value, net.order
    for k in range(sizes[2]):
        _evaluate(kinds, fanin, value, order[k])


@_jit
def wrong(net, target, care):
    """Count the output values that differ from ``target`` where there is ``care``."""
    value, outputs = net.value, net.outputs
    total = 0
    for o in range(len(outputs)):
        w, c = outputs[o] >> 1, _mask(outputs[o] & 1)
        for i in range(value.shape[1]):
            total += _popcount((value[w, i] ^ c ^ target[o, i]) & care[o, i])
    return total


@_jit
def errors(net):
    """Count the wrong output values: the loss."""
    return wrong(net, net.target, net.care)


@_jit
def sort_nodes(net, scratch, everything):
    """Recompute ``order`` depth first from the outputs, and from all nodes if ``everything``."""
    sizes, fanin, order, place, outputs = net.size, net.fanin, net.order, net.place, net.outputs
    mark, stack = scratch.mark, scratch.stack
    n, wires = sizes[0], sizes[1]
    for w in range(wires):
        mark[w] = 0
        place[w] = -1
    count = 0
    roots = len(outputs)
    for r in range(roots + (wires - n - 1 if everything else 0)):
        root = outputs[r] >> 1 if r < roots else n + 1 + r - roots
        top = 0
        stack[0] = root
        while top >= 0:
            w = stack[top]
            if w <= n or mark[w] == 2:
                top -= 1
            elif mark[w] == 0:
                mark[w] = 1
                for pin in range(2):
                    f = fanin[w, pin] >> 1
                    if f > n and mark[f] == 0:
                        top += 1
                        stack[top] = f
            else:
                mark[w] = 2
                place[w] = count
                order[count] = w
                count += 1
                top -= 1
    sizes[2] = count


@_inner
def _slot(table, last, wires_kind, fanin, kind, a, b):
    """Find where a node (kind, a, b) sits or would sit in the hash table of ``last + 1`` slots."""
    h = (np.uint64(a) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(b) * np.uint64(0xC2B2AE3D27D4EB4F)) ^ np.uint64(kind)
    h ^= h >> np.uint64(29)
    s = np.int64(h & np.uint64(0x7FFFFFFFFFFFFFFF)) & last
    while table[s] != 0:
        w = table[s]
        if wires_kind[w] == kind and fanin[w, 0] == a and fanin[w, 1] == b:
            return s
        s = (s + 1) & last
    return s


@_inner
def _make(sizes, kinds, fanin, order, place, table, last, kind, a, b):
    """Return the literal of (kind, a, b): trivial, shared, or a new node appended to the net of these arrays."""
    if a > b:
        a, b = b, a
    if kind == AND:
        if a == 0:
            return 0
        if a == 1 or a == b:
            return b
        if a ^ 1 == b:
            return 0
        out = 0
    else:
        out = (a ^ b) & 1
        a &= -2
        b &= -2
        if a == b:
            return out
        if a == 0:
            return b ^ out
    s = _slot(table, last, kinds, fanin, kind, a, b)
    w = table[s]
    if w == 0:
        w = sizes[1]
        kinds[w] = kind
        fanin[w, 0] = a
        fanin[w, 1] = b
        order[sizes[2]] = w
        place[w] = sizes[2]
        sizes[1] += 1
        sizes[2] += 1
        table[s] = w
    return 2 * w + out


@_jit
def count_refs(net, refs):
    """Count the readers of every wire."""
    sizes, fanin, order, outputs = net.size, net.fanin, net.order, net.outputs
    for w in range(sizes[1]):
        refs[w] = 0
    for k in range(sizes[2]):
        w = order[k]
        refs[fanin[w, 0] >> 1] += 1
        refs[fanin[w, 1] >> 1] += 1
    for o in range(len(outputs)):
        refs[outputs[o] >> 1] += 1


@_jit
def rebuild(net, scratch, keep_xor):
    """Compact the net to its live nodes in topological order: share equal nodes, drop trivial ones, resimulate.

    With ``keep_xor`` false, XOR nodes become three ANDs that share with the others, if there is room for all of them.
    ``scratch.refs`` counts the readers afterwards.
    """
    sizes, kinds, fanin, order, place, outputs = net.size, net.kind, net.fanin, net.order, net.place, net.outputs
    stack, new, refs, old_kind, old_fanin, table = (
        scratch.stack,
        scratch.map,
        scratch.refs,
        scratch.kind,
        scratch.fanin,
        scratch.table,
    )
    dead = True
    while dead:  # what became trivial may leave others unread
        sort_nodes(net, scratch, False)
        n, count, expanded = sizes[0], sizes[2], 0
        for k in range(count):
            w = order[k]
            expanded += 3 if kinds[w] == XOR else 1
            old_kind[k] = kinds[w]
            old_fanin[k, 0] = fanin[w, 0]
            old_fanin[k, 1] = fanin[w, 1]
            stack[k] = w
        for w in range(n + 1):
            new[w] = 2 * w
        slots = 16
        while slots < 12 * (count + 1) and slots < len(table):
            slots *= 2
        for s in range(slots):
            table[s] = 0
        sizes[1] = n + 1
        sizes[2] = 0
        for k in range(count):
            a, b = old_fanin[k, 0], old_fanin[k, 1]
            a = new[a >> 1] ^ (a & 1)
            b = new[b >> 1] ^ (b & 1)
            # an expanded XOR is three ANDs: NOT (a AND b) AND NOT (NOT a AND NOT b)
            parts = 3 if old_kind[k] == XOR and not keep_xor and n + 1 + expanded <= len(kinds) else 1
            kind, first, literal = AND if parts == 3 else old_kind[k], 0, 0
            for part in range(parts):
                if part == 1:
                    first, a, b = literal, a ^ 1, b ^ 1
                elif part == 2:
                    a, b = first ^ 1, literal ^ 1
                literal = _make(sizes, kinds, fanin, order, place, table, slots - 1, kind, a, b)
            new[stack[k]] = literal
        for o in range(len(outputs)):
            outputs[o] = new[outputs[o] >> 1] ^ (outputs[o] & 1)
        count_refs(net, refs)
        dead = False
        for k in range(sizes[2]):
            dead |= refs[order[k]] == 0
    simulate(net)


@_jit
def cost(net, xor_cost):
    """Return the size: an AND counts 1, an XOR ``xor_cost``."""
    total = 0
    for k in range(net.size[2]):
        total += xor_cost if net.kind[net.order[k]] == XOR else 1
    return total


@_jit
def measure_levels(net, scratch):
    """Fill ``scratch.level`` and ``scratch.tail`` of every wire that is read, an XOR two levels; return the depth."""
    fanin, order, level, tail = net.fanin, net.order, scratch.level, scratch.tail
    for w in range(net.size[1]):
        level[w] = 0
        tail[w] = 0
    for k in range(net.size[2]):
        w = order[k]
        level[w] = max(level[fanin[w, 0] >> 1], level[fanin[w, 1] >> 1]) + 1 + (net.kind[w] == XOR)
    for k in range(net.size[2] - 1, -1, -1):
        w = order[k]
        for pin in range(2):
            f = fanin[w, pin] >> 1
            tail[f] = max(tail[f], tail[w] + 1 + (net.kind[w] == XOR))
    depth = 0
    for o in range(len(net.outputs)):
        depth = max(depth, level[net.outputs[o] >> 1])
    return depth


@_inner
def _priced(net, scratch, xor_cost, level_price):
    """Return the size with what the levels are worth."""
    total = np.float64(cost(net, xor_cost))
    if level_price > 0:
        total += level_price * measure_levels(net, scratch)
    return total


@_inner
def _release(n, kinds, fanin, refs, stack, literal, xor_cost):
    """Take one reader from a wire; return the size of what nobody reads any more."""
    freed, top = 0, 0
    stack[0] = literal >> 1
    while top >= 0:
        w = stack[top]
        top -= 1
        refs[w] -= 1
        if refs[w] == 0 and w > n:
            freed += xor_cost if kinds[w] == XOR else 1
            top += 1
            stack[top] = fanin[w, 0] >> 1
            top += 1
            stack[top] = fanin[w, 1] >> 1
    return freed


@_inner
def _acquire(n, kinds, fanin, refs, stack, literal, xor_cost):
    """Undo :func:`_release`; return the size of what is read again."""
    added, top = 0, 0
    stack[0] = literal >> 1
    while top >= 0:
        w = stack[top]
        top -= 1
        if refs[w] == 0 and w > n:
            added += xor_cost if kinds[w] == XOR else 1
            top += 1
            stack[top] = fanin[w, 0] >> 1
            top += 1
            stack[top] = fanin[w, 1] >> 1
        refs[w] += 1
    return added


@_jit
def observe(net, scratch, g):
    """Flip wire ``g`` and resimulate its fan-out cone into ``scratch.flip``; ``scratch.mark`` tells the cone.

    Returns:
        whether any output, cared for or not, changes.
    """
    sizes, kinds, fanin, value, order, place, outputs = (
        net.size,
        net.kind,
        net.fanin,
        net.value,
        net.order,
        net.place,
        net.outputs,
    )
    flip, mark = scratch.flip, scratch.mark
    for w in range(sizes[1]):
        mark[w] = 0
    for i in range(flip.shape[1]):
        flip[g, i] = ~value[g, i]
    mark[g] = 2
    for k in range(place[g] + 1, sizes[2]):
        w = order[k]
        a, b = fanin[w, 0], fanin[w, 1]
        ca, cb = _mask(a & 1), _mask(b & 1)
        a >>= 1
        b >>= 1
        ma, mb = mark[a], mark[b]
        if ma == 0 and mb == 0:
            continue
        if ma < 2 and mb < 2:
            mark[w] = 1
            continue
        different = np.uint64(0)
        if ma == 2 and mb == 2:
            if kinds[w] == AND:
                for i in range(flip.shape[1]):
                    x = (flip[a, i] ^ ca) & (flip[b, i] ^ cb)
                    flip[w, i] = x
                    different |= x ^ value[w, i]
            else:
                for i in range(flip.shape[1]):
                    x = flip[a, i] ^ flip[b, i] ^ ca ^ cb
                    flip[w, i] = x
                    different |= x ^ value[w, i]
        else:
            if mb == 2:
                a, b, ca, cb = b, a, cb, ca
            if kinds[w] == AND:
                for i in range(flip.shape[1]):
                    x = (flip[a, i] ^ ca) & (value[b, i] ^ cb)
                    flip[w, i] = x
                    different |= x ^ value[w, i]
            else:
                for i in range(flip.shape[1]):
                    x = flip[a, i] ^ value[b, i] ^ ca ^ cb
                    flip[w, i] = x
                    different |= x ^ value[w, i]
        mark[w] = 2 if different != 0 else 1
    changed = False
    for o in range(len(outputs)):
        changed |= mark[outputs[o] >> 1] == 2
    return changed


@_jit
def see(net, scratch, g):
    """Fill ``scratch.care``: the patterns on which outputs that are cared for see wire ``g`` (see :func:`observe`)."""
    value, care, flip, mark = net.value, net.care, scratch.flip, scratch.mark
    observe(net, scratch, g)
    for i in range(len(scratch.care)):
        scratch.care[i] = 0
    for o in range(len(net.outputs)):
        w = net.outputs[o] >> 1
        if mark[w] == 2:
            for i in range(value.shape[1]):
                scratch.care[i] |= (value[w, i] ^ flip[w, i]) & care[o, i]


# ---------------------------------------------------------------- growing: the loss is above zero


@_inner
def wants(net, scratch, g):
    """Say what each output wants of wire ``g``, after :func:`observe`.

    Fills ``scratch.want[0]`` and ``[1]``: where output o becomes or stays right if g is 0, is 1, and
    is wrong otherwise.

    Returns:
        how many outputs see the wire; they are listed in ``scratch.seen``.
    """
    value, outputs, target, care = net.value, net.outputs, net.target, net.care
    flip, mark, want, viewers = scratch.flip, scratch.mark, scratch.want, scratch.seen
    seen = 0
    for o in range(len(outputs)):
        w = outputs[o] >> 1
        if mark[w] != 2:
            continue
        c = _mask(outputs[o] & 1)
        anything = np.uint64(0)
        for i in range(value.shape[1]):
            sees = (value[w, i] ^ flip[w, i]) & care[o, i]
            right = ~(value[w, i] ^ c ^ target[o, i])
            one = sees & ~(right ^ value[g, i])
            want[1, seen, i] = one
            want[0, seen, i] = sees & ~one
            anything |= sees
        if anything != 0:
            viewers[seen] = o
            seen += 1
    return seen


@_jit
def score_choices(net, scratch, g, pin, signal):
    """Score every choice of node ``g``'s function and of the wire on pin ``1 - pin``, keeping the wire on ``pin``.

    Args:
        net: the network.
        scratch: its working memory.
        g: a node.
        pin: 0 or 1, the pin that stays.
        signal: int64 (wires * FUNCTIONS,), filled with the exact change of the loss (wrong output values) that choice
            ``wire * FUNCTIONS + function`` would make; ``len(patterns) * outputs``, more than any loss, where the
            choice is impossible (a descendant of g).

    Returns:
        (whether an output sees the node on a pattern that matters, the index of the present choice).
    """
    sizes, kinds, fanin, value, place, outputs = net.size, net.kind, net.fanin, net.value, net.place, net.outputs
    mark, want = scratch.mark, scratch.want
    wires, words = sizes[1], value.shape[1]
    if not observe(net, scratch, g):
        return False, 0
    seen = wants(net, scratch, g)
    if seen == 0:
        return False, 0
    kept = fanin[g, pin] >> 1
    total = np.zeros(2, np.int64)
    kept_total = np.zeros(2, np.int64)
    now = 0
    for v in range(2):
        for s in range(seen):
            for i in range(words):
                x = want[v, s, i]
                total[v] += _popcount(x)
                kept_total[v] += _popcount(x & value[kept, i])
                now += _popcount(x & (value[g, i] ^ _mask(v)))
    impossible = np.int64(64) * words * len(outputs)
    other, cells = np.zeros(2, np.int64), np.zeros((2, 4), np.int64)
    both = np.zeros(2, np.int64)
    for w in range(wires):
        base = w * FUNCTIONS
        if mark[w] != 0 or (w > sizes[0] and place[w] < 0):
            for f in range(FUNCTIONS):
                signal[base + f] = impossible
            continue
        for v in range(2):
            o, ab = 0, 0
            for s in range(seen):
                for i in range(words):
                    x = want[v, s, i] & value[w, i]
                    o += _popcount(x)
                    ab += _popcount(x & value[kept, i])
            other[v], both[v] = o, ab
            cells[v, 3] = both[v]
            cells[v, 1] = kept_total[v] - both[v]
            cells[v, 2] = other[v] - both[v]
            cells[v, 0] = total[v] - kept_total[v] - other[v] + both[v]
        for f in range(4):
            cell = 3 ^ f  # the address at which the AND is 1
            wrong = cells[0, cell] + total[1] - cells[1, cell] - now
            signal[base + f] = wrong
            signal[base + 4 + f] = cells[1, cell] + total[0] - cells[0, cell] - now
        wrong = cells[0, 1] + cells[0, 2] + cells[1, 0] + cells[1, 3]
        signal[base + 8] = wrong - now
        signal[base + 9] = total[0] + total[1] - wrong - now
    a, b = fanin[g, pin], fanin[g, 1 - pin]
    if kinds[g] == AND:
        present = (b >> 1) * FUNCTIONS + (a & 1) + 2 * (b & 1)
    else:
        present = (b >> 1) * FUNCTIONS + 8 + ((a ^ b) & 1)
    return True, present


@_inner
def complement_readers(net, g):
    """Complement wire ``g`` wherever it is read."""
    sizes, fanin, order, outputs = net.size, net.fanin, net.order, net.outputs
    for k in range(sizes[2]):
        w = order[k]
        for pin in range(2):
            if fanin[w, pin] >> 1 == g:
                fanin[w, pin] ^= 1
    for o in range(len(outputs)):
        if outputs[o] >> 1 == g:
            outputs[o] ^= 1


@_jit
def take_choice(net, scratch, g, pin, choice):
    """Apply a choice of :func:`score_choices` and resimulate."""
    kinds, fanin, place = net.kind, net.fanin, net.place
    w, f = choice // FUNCTIONS, choice % FUNCTIONS
    a = fanin[g, pin] & -2
    if f < 8:
        kinds[g] = AND
        fanin[g, pin] = a + (f & 1)
        fanin[g, 1 - pin] = 2 * w + (f >> 1 & 1)
        if f & 4:
            complement_readers(net, g)
    else:
        kinds[g] = XOR
        fanin[g, pin] = a
        fanin[g, 1 - pin] = 2 * w + (f & 1)
    if place[w] > place[g]:
        sort_nodes(net, scratch, True)
    simulate(net)


@_jit
def append(net, kind, a, b):
    """Add a node at the end of the order and return its wire; -1 when the net is full."""
    sizes, kinds, fanin, value, order, place = net.size, net.kind, net.fanin, net.value, net.order, net.place
    w = sizes[1]
    if w >= len(kinds):
        return -1
    kinds[w] = kind
    fanin[w, 0] = a
    fanin[w, 1] = b
    order[sizes[2]] = w
    place[w] = sizes[2]
    sizes[1] += 1
    sizes[2] += 1
    _evaluate(kinds, fanin, value, w)
    return w


@_jit
def randomise(net, scratch, g, rng):
    """Give node ``g`` a random function of two random wires that do not depend on it (after :func:`observe`)."""
    sizes, kinds, fanin, place = net.size, net.kind, net.fanin, net.place
    mark = scratch.mark
    for pin in range(2):
        w = 1 + below(rng, sizes[1] - 1)
        if mark[w] == 0 and (w <= sizes[0] or place[w] >= 0):
            fanin[g, pin] = 2 * w + below(rng, 2)
    kinds[g] = XOR if below(rng, 5) == 0 else AND
    sort_nodes(net, scratch, True)
    simulate(net)


@_jit
def add_random(net, scratch, rng, nodes):
    """Append random nodes: the pool of spare parts."""
    sizes = net.size
    for _ in range(nodes):
        wires = sizes[1]
        a = 2 * (1 + below(rng, wires - 1)) + below(rng, 2)
        b = 2 * (1 + below(rng, wires - 1)) + below(rng, 2)
        if append(net, XOR if below(rng, 5) == 0 else AND, a, b) < 0:
            return


@_jit
def insert(net, scratch, g, rng, pairs):
    """Insert the best new gate at ``g``: g becomes AND, OR or XOR of a copy of itself and a function of two wires.

    Args:
        net: the network.
        scratch: its working memory.
        g: a node.
        rng: Philox state.
        pairs: how many pairs of wires to try at most; all pairs, or that many random rows of them.

    Returns:
        the exact change of the loss (0 or less), or 1 when nothing was inserted (unseen, full, or only worse choices).
    """
    sizes, kinds, fanin, value, place = net.size, net.kind, net.fanin, net.value, net.place
    mark, stack, want = scratch.mark, scratch.stack, scratch.want
    wires, words, n = sizes[1], value.shape[1], sizes[0]
    if wires + 2 > len(kinds) or not observe(net, scratch, g):
        return 1
    seen = wants(net, scratch, g)
    if seen == 0:
        return 1
    # sets of (pattern, output): g is v and should not be (fix), g is v and should be (keep)
    total = np.zeros(4, np.int64)
    for v in range(2):
        for s in range(seen):
            for i in range(words):
                x = value[g, i] ^ _mask(1 - v)
                total[2 * v] += _popcount(x & want[1 - v, s, i])
                total[2 * v + 1] += _popcount(x & want[v, s, i])
    candidates = stack
    count = 0
    for w in range(wires):
        if mark[w] == 0 and (w <= n or place[w] >= 0):
            candidates[count] = w
            count += 1
    singles = np.zeros((count, 4), np.int64)
    for c in range(count):
        w = candidates[c]
        for v in range(2):
            fix, keep = 0, 0
            for s in range(seen):
                for i in range(words):
                    x = value[w, i] & (value[g, i] ^ _mask(1 - v))
                    fix += _popcount(x & want[1 - v, s, i])
                    keep += _popcount(x & want[v, s, i])
            singles[c, 2 * v], singles[c, 2 * v + 1] = fix, keep
    best, ties = np.int64(1), 0
    best_x, best_y, best_f, best_op = 0, 0, 0, 0
    rows = count
    if count * count > 2 * pairs:
        rows = max(1, pairs // count)
    both, cells = np.zeros(4, np.int64), np.zeros((4, 4), np.int64)
    ones = np.zeros(4, np.int64)
    first = below(rng, count)
    for r in range(rows):
        cx = (first + r) % count
        x = candidates[cx]
        for cy in range(cx if rows == count else count):
            y = candidates[cy]
            if cx == cy:
                continue
            for v in range(2):
                fix, keep = 0, 0
                for s in range(seen):
                    for i in range(words):
                        z = value[x, i] & value[y, i] & (value[g, i] ^ _mask(1 - v))
                        fix += _popcount(z & want[1 - v, s, i])
                        keep += _popcount(z & want[v, s, i])
                both[2 * v], both[2 * v + 1] = fix, keep
            for q in range(4):
                cells[q, 3] = both[q]
                cells[q, 1] = singles[cx, q] - both[q]
                cells[q, 2] = singles[cy, q] - both[q]
                cells[q, 0] = total[q] - singles[cx, q] - singles[cy, q] + both[q]
            for f in range(FUNCTIONS):
                for q in range(4):
                    if f < 8:
                        ones[q] = cells[q, 3 ^ (f & 3)]
                        if f & 4:
                            ones[q] = total[q] - ones[q]
                    else:
                        ones[q] = cells[q, 1] + cells[q, 2]
                        if f & 1:
                            ones[q] = total[q] - ones[q]
                # h is 1 where g flips: g AND NOT h flips ones, g OR h flips zeros, g XOR h both
                down = ones[3] - ones[2]
                up = ones[1] - ones[0]
                for op in range(3):
                    change = down if op == 0 else up if op == 1 else up + down
                    if change < best:
                        best, ties = change, 0
                    if change == best and change < 1:
                        ties += 1
                        if below(rng, ties) == 0:
                            best_x, best_y, best_f, best_op = x, y, f, op
    if best > 0:
        return 1
    if best_f < 8:
        h = append(net, AND, 2 * best_x + (best_f & 1), 2 * best_y + (best_f >> 1 & 1))
        hl = 2 * h + (best_f >> 2 & 1)
    else:
        h = append(net, XOR, 2 * best_x, 2 * best_y)
        hl = 2 * h + (best_f & 1)
    copy = append(net, kinds[g], fanin[g, 0], fanin[g, 1])
    if best_op == 0:  # g AND NOT h
        kinds[g], fanin[g, 0], fanin[g, 1] = AND, 2 * copy, hl ^ 1
    elif best_op == 1:  # NOT (NOT g AND NOT h)
        kinds[g], fanin[g, 0], fanin[g, 1] = AND, 2 * copy + 1, hl ^ 1
        complement_readers(net, g)
    else:
        kinds[g], fanin[g, 0], fanin[g, 1] = XOR, 2 * copy, hl
    sort_nodes(net, scratch, True)
    simulate(net)
    return best


@_jit
def patch(net, scratch, rng):
    """Repair at least one wrong output value and break none: OR (or AND NOT) a conjunction of literals into an output.

    Returns:
        the change of the loss, below zero; 0 when nothing is wrong, the net is full, or a wrong pattern cannot be told
        from a right one.
    """
    sizes, value, place, outputs, target, care = net.size, net.value, net.place, net.outputs, net.target, net.care
    row = scratch.row
    words = value.shape[1]
    wrong = 0
    for o in range(len(outputs)):
        w, c = outputs[o] >> 1, _mask(outputs[o] & 1)
        for i in range(words):
            wrong += _popcount((value[w, i] ^ c ^ target[o, i]) & care[o, i])
    if wrong == 0:
        return 0
    pick = below(rng, wrong)
    output, word, bit = 0, 0, np.uint64(0)
    for o in range(len(outputs)):
        w, c = outputs[o] >> 1, _mask(outputs[o] & 1)
        for i in range(words):
            x = (value[w, i] ^ c ^ target[o, i]) & care[o, i]
            here = _popcount(x)
            if pick >= 0 and pick < here:
                for _ in range(pick):
                    x &= x - np.uint64(1)
                output, word, bit = o, i, x & (~x + np.uint64(1))
            pick -= here
    lit = outputs[output]
    c = _mask(lit & 1)
    want = (target[output, word] & bit) != 0
    # fix: wrong like the picked one; spoil: cared-for patterns of the other wanted value
    fix, spoil = row[0], row[1]
    for i in range(words):
        t = target[output, i] ^ (np.uint64(0) if want else ~np.uint64(0))
        v = value[lit >> 1, i] ^ c ^ (np.uint64(0) if want else ~np.uint64(0))
        fix[i] = t & ~v & care[output, i]
        spoil[i] = ~t & ~v & care[output, i]
    cube = -1
    while True:
        left = 0
        for i in range(words):
            left += _popcount(spoil[i])
        if left == 0 and cube >= 0:
            break
        best, best_literal, ties = -1.0, -1, 0
        for w in range(1, sizes[1]):
            if w > sizes[0] and place[w] < 0:
                continue
            m = _mask(0 if value[w, word] & bit else 1)
            keep, out = 0, 0
            for i in range(words):
                x = value[w, i] ^ m
                keep += _popcount(fix[i] & x)
                out += _popcount(spoil[i] & ~x)
            score = (out + 0.01) * keep
            if (out > 0 or left == 0) and score >= best:
                ties = ties + 1 if score == best else 1
                if below(rng, ties) == 0:
                    best, best_literal = score, 2 * w + (1 if m else 0)
                else:
                    best = score
        if best_literal < 0:
            return 0
        m = _mask(best_literal & 1)
        for i in range(words):
            x = value[best_literal >> 1, i] ^ m
            fix[i] &= x
            spoil[i] &= x
        if cube < 0:
            cube = best_literal
        else:
            node = append(net, AND, cube, best_literal)
            if node < 0:
                return 0
            cube = 2 * node
    fixed = 0
    for i in range(words):
        fixed += _popcount(fix[i])
    if want:
        node = append(net, AND, lit ^ 1, cube ^ 1)
        if node < 0:
            return 0
        outputs[output] = 2 * node + 1
    else:
        node = append(net, AND, lit, cube ^ 1)
        if node < 0:
            return 0
        outputs[output] = 2 * node
    return -fixed


# ---------------------------------------------------------------- shrinking: the loss stays zero


@_inner
def _listed(choices, count, kind, a, b):
    """List a replacement, if there is room; return the number listed."""
    if count < len(choices):
        choices[count, 0] = kind
        choices[count, 1] = a
        choices[count, 2] = b
        count += 1
    return count


@_inner
def _weigh(net, scratch, g, count, freed, xor_cost, level_price, inverse_temperature, most):
    """Give every listed replacement of node ``g`` its size change and heat-bath weight; above ``most`` it has none.

    ``scratch.refs`` is as if the node had gone, which frees ``freed``. Each level by which the longest way through the
    node exceeds the depth less one costs ``level_price`` nodes: moves that shorten the longest ways are preferred.
    """
    n, kinds, fanin = net.size[0], net.kind, net.fanin
    choices, weights, refs, stack = scratch.choice, scratch.weight, scratch.refs, scratch.stack
    level, goal, present = scratch.level, -1 - scratch.tail[g], 0
    if level_price > 0:
        for o in range(len(net.outputs)):
            goal = max(goal, level[net.outputs[o] >> 1] - 1 - scratch.tail[g])
        present = max(0, level[g] - goal)
    for c in range(count):
        kind, a, b = choices[c, 0], choices[c, 1], choices[c, 2]
        change = -freed
        if kind != WIRE:
            change += xor_cost if kind == XOR else 1
        if refs[a >> 1] == 0 or (b >= 0 and refs[b >> 1] == 0):
            change += _acquire(n, kinds, fanin, refs, stack, a, xor_cost)
            if b >= 0:
                change += _acquire(n, kinds, fanin, refs, stack, b, xor_cost)
                _release(n, kinds, fanin, refs, stack, b, xor_cost)
            _release(n, kinds, fanin, refs, stack, a, xor_cost)
        choices[c, 3] = change
        worth = np.float64(change)
        if level_price > 0:
            reached = level[a >> 1] if kind == WIRE else max(level[a >> 1], level[b >> 1]) + 1 + (kind == XOR)
            worth += level_price * (max(0, reached - goal) - present)
        weights[c] = np.exp(min(500.0, -worth * inverse_temperature)) if worth <= most else 0.0


@_inner
def _pairs(value, literals, listed, against, words, choices, count, kind):
    """List the pairs of distinct wires among the literals whose AND is nowhere 1 on ``against``, 0 but in ``words``."""
    for s in range(listed):
        a = literals[s]
        wa, ca = a >> 1, _mask(a & 1)
        if wa == 0:
            continue
        if count == len(choices):
            break
        for t in range(s):
            b = literals[t]
            wb, cb = b >> 1, _mask(b & 1)
            if wb == wa or wb == 0:
                continue
            apart = True
            for i in words:
                if (value[wa, i] ^ ca) & (value[wb, i] ^ cb) & against[i]:
                    apart = False
                    break
            if apart:
                count = _listed(choices, count, kind, b, a)
    return count


@_inner
def _replacements(net, scratch, g, xor_cost, level_price, inverse_temperature, most):
    """List every replacement of node ``g`` that keeps all cared-for outputs: a wire, an AND or an XOR of two wires.

    Returns:
        (number of choices, of literals that contain the on-set, of literals that contain the off-set, size that goes
        when the node goes).
    """
    sizes, kinds, fanin, value = net.size, net.kind, net.fanin, net.value
    cares, choices, down_list, hashes, mark, refs, row, stack, table, up_list = (
        scratch.care,
        scratch.choice,
        scratch.down,
        scratch.hash,
        scratch.mark,
        scratch.refs,
        scratch.row,
        scratch.stack,
        scratch.table,
        scratch.up,
    )
    on, off, active, alike = row[0], row[1], 0, scratch.map  # the wire before of the same hash, or -1
    see(net, scratch, g)
    for i in range(value.shape[1]):
        on[i] = cares[i] & value[g, i]
        off[i] = cares[i] & ~value[g, i]
        if cares[i]:
            scratch.word[active] = i
            active += 1
    words = scratch.word[:active]
    freed = xor_cost if kinds[g] == XOR else 1
    for pin in range(2):
        freed += _release(sizes[0], kinds, fanin, refs, stack, fanin[g, pin], xor_cost)
    # literals that contain the on-set, and literals that contain the off-set
    ups, downs, count = 0, 0, 0
    for w in range(sizes[1]):
        if mark[w] != 0:
            continue
        in_on, out_on, in_off, out_off = True, True, True, True
        for i in words:
            x = value[w, i]
            in_on &= (on[i] & ~x) == 0  # x contains the on-set
            out_on &= (on[i] & x) == 0
            in_off &= (off[i] & ~x) == 0  # x contains the off-set
            out_off &= (off[i] & x) == 0
            if not (in_on or out_on or in_off or out_off):
                break
        if in_on:
            up_list[ups] = 2 * w
            ups += 1
        if out_on:
            up_list[ups] = 2 * w + 1
            ups += 1
        if in_off:
            down_list[downs] = 2 * w
            downs += 1
        if out_off:
            down_list[downs] = 2 * w + 1
            downs += 1
        if in_on and out_off:
            count = _listed(choices, count, WIRE, 2 * w, -1)
        if out_on and in_off:
            count = _listed(choices, count, WIRE, 2 * w + 1, -1)
    if count == 0:
        count = _pairs(value, up_list, ups, off, words, choices, count, AND)
        count = _pairs(value, down_list, downs, on, words, choices, count, NAND)
        if (xor_cost - freed) * inverse_temperature <= UNLIKELY:
            # a linear hash of the first words that matter proposes partners of every wire
            slots = 16
            while slots < 2 * sizes[1]:
                slots *= 2
            for s in range(slots):
                table[s] = -1
            hashed, first = min(active, HASHED_WORDS), words[0]
            hg, hc = on[0] & np.uint64(0), on[0] & np.uint64(0)
            for k in range(hashed):
                hg ^= _rotated(on[words[k]], k)
                hc ^= _rotated(cares[words[k]], k)
            lead, shown = hc & (~hc + np.uint64(1)), cares[first] & (~cares[first] + np.uint64(1))
            for w in range(1, sizes[1]):
                if mark[w] != 0:
                    continue
                h = on[0] & np.uint64(0)
                for k in range(hashed):
                    h ^= _rotated(value[w, words[k]] & cares[words[k]], k)
                if h & lead:  # a wire and its complement have the same hash
                    h ^= hc
                hashes[w] = h
                key = h ^ hg
                if key & lead:
                    key ^= hc
                s = _hashed(key) & (slots - 1)
                while table[s] >= 0 and hashes[table[s]] != key:
                    s = (s + 1) & (slots - 1)
                v = table[s]
                while v >= 0:
                    differs = (value[w, first] ^ value[v, first] ^ value[g, first]) & shown
                    flip, good = _mask(1 if differs else 0), True
                    for i in words:
                        if (value[w, i] ^ value[v, i] ^ value[g, i] ^ flip) & cares[i]:
                            good = False
                            break
                    if good:
                        count = _listed(choices, count, XOR, 2 * v, 2 * w + (1 if differs else 0))
                    v = alike[v]
                s = _hashed(h) & (slots - 1)
                while table[s] >= 0 and hashes[table[s]] != h:
                    s = (s + 1) & (slots - 1)
                alike[w] = table[s]
                table[s] = w
    _weigh(net, scratch, g, count, freed, xor_cost, level_price, inverse_temperature, most)
    for pin in range(2):
        _acquire(sizes[0], kinds, fanin, refs, stack, fanin[g, pin], xor_cost)
    return count, ups, downs, freed


@_inner
def _rewire(net, scratch, g, kind, a, b):
    """Give node ``g`` another kind and other fan-ins where no node dies of it (after :func:`observe`)."""
    kinds, fanin, order, place, refs = net.kind, net.fanin, net.order, net.place, scratch.refs
    for pin in range(2):
        refs[fanin[g, pin] >> 1] -= 1
    refs[a >> 1] += 1
    refs[b >> 1] += 1
    kinds[g] = XOR if kind == XOR else AND
    fanin[g, 0] = a
    fanin[g, 1] = b
    if kind == NAND:
        complement_readers(net, g)
    if place[a >> 1] > place[g] or place[b >> 1] > place[g]:
        sort_nodes(net, scratch, False)
        simulate(net)
        return
    for k in range(place[g], net.size[2]):
        if scratch.mark[order[k]] != 0:
            _evaluate(kinds, fanin, net.value, order[k])


@_jit
def shrink(net, scratch, best, rng, work, temperature, insertion, xor_cost, level_price, keep_xor, slack):
    """Walk over networks of the same function towards fewer nodes.

    A move picks a node, computes its exact don't-cares, lists every replacement by a wire, an AND or an XOR of two
    wires and draws one from the heat bath exp(-size change / temperature); with probability ``insertion`` a redundant
    gate is added at the node instead, which opens new replacements (size + 1, at most ``slack`` above the best).

    Args:
        net: an exact network, compact (see :func:`rebuild`).
        scratch: its working memory.
        best: a net of the same capacity that receives the smallest network met; its ``size`` must hold the present one.
        rng: Philox state.
        work: about how many word operations to do, at least one move.
        temperature: of the heat bath, in nodes.
        insertion: probability of an insertion move.
        xor_cost: size of an XOR node; with ``keep_xor`` false XORs are expanded into ANDs.
        level_price: what every level adds to the size; 0 if only nodes count.
        keep_xor: whether XOR is a node of its own.
        slack: how far above the best size an insertion may go.

    Returns:
        (smallest size met, a float; moves tried, moves that changed the network).
    """
    sizes, kinds, fanin, value, order, place, outputs = (
        net.size,
        net.kind,
        net.fanin,
        net.value,
        net.order,
        net.place,
        net.outputs,
    )
    refs, up_list, down_list, choices, weights = scratch.refs, scratch.up, scratch.down, scratch.choice, scratch.weight
    inverse = 1.0 / temperature
    count_refs(net, refs)
    smallest = _priced(best, scratch, xor_cost, level_price)
    size = _priced(net, scratch, xor_cost, level_price)
    tried, changed = 0, 0
    words = value.shape[1]
    while work > 0:
        nodes = sizes[2]
        if nodes == 0:
            break
        g = order[below(rng, nodes)]
        count, ups, downs, freed = _replacements(
            net, scratch, g, xor_cost, level_price, inverse, smallest + slack - size
        )
        tried += 1
        work -= (nodes - place[g] + 4) * words + 4 * sizes[1] + ups * ups // 2 + downs * downs // 2 + 8 * count + 500
        room = sizes[1] + 4 < len(kinds)
        if room and size < smallest + slack and _unit(rng) < insertion:
            up = below(rng, 2) == 0
            if (ups if up else downs) == 0:
                continue
            x = up_list[below(rng, ups)] if up else down_list[below(rng, downs)]
            w = x >> 1
            if w == 0 or w == fanin[g, 0] >> 1 or w == fanin[g, 1] >> 1:
                continue
            copy = append(net, kinds[g], fanin[g, 0], fanin[g, 1])
            if up:
                kinds[g], fanin[g, 0], fanin[g, 1] = AND, 2 * copy, x
            else:
                kinds[g], fanin[g, 0], fanin[g, 1] = AND, 2 * copy + 1, x
                complement_readers(net, g)
        else:
            if count == 0:
                continue
            total = 0.0
            for c in range(count):
                total += weights[c]
            if total == 0.0:
                continue
            at = _unit(rng) * total
            c = 0
            while c < count - 1 and at >= weights[c]:
                at -= weights[c]
                c += 1
            kind, a, b = choices[c, 0], choices[c, 1], choices[c, 2]
            if kind == WIRE:
                for k in range(nodes):
                    w = order[k]
                    for pin in range(2):
                        if fanin[w, pin] >> 1 == g:
                            fanin[w, pin] = a ^ (fanin[w, pin] & 1)
                for o in range(len(outputs)):
                    if outputs[o] >> 1 == g:
                        outputs[o] = a ^ (outputs[o] & 1)
            else:
                if kind == kinds[g] and (
                    (a == fanin[g, 0] and b == fanin[g, 1]) or (b == fanin[g, 0] and a == fanin[g, 1])
                ):
                    continue
                alone = freed == (xor_cost if kinds[g] == XOR else 1)
                if alone and (keep_xor or kind != XOR):
                    size += choices[c, 3]
                    changed += 1
                    work -= (nodes - place[g]) * words + nodes
                    _rewire(net, scratch, g, kind, a, b)
                    if level_price > 0:
                        size = _priced(net, scratch, xor_cost, level_price)
                    if size <= smallest:
                        smallest = size
                        copy_net(net, best)
                    continue
                kinds[g] = XOR if kind == XOR else AND
                fanin[g, 0] = a
                fanin[g, 1] = b
                if kind == NAND:
                    complement_readers(net, g)
        rebuild(net, scratch, keep_xor)
        size = _priced(net, scratch, xor_cost, level_price)
        changed += 1
        work -= 2 * nodes * words + 20 * nodes
        if size <= smallest:
            smallest = size
            copy_net(net, best)
    return smallest, tried, changed


# ---------------------------------------------------------------- pruning: errors have a price


@_inner
def _losses(want, seen, value, w, most):
    """Count the errors if an observed wire were wire ``w``, and if its complement; both above ``most`` is enough."""
    straight, inverted = 0, 0
    for s in range(seen):
        for i in range(value.shape[1]):
            x = value[w, i]
            straight += _popcount(want[1, s, i] & ~x) + _popcount(want[0, s, i] & x)
            inverted += _popcount(want[1, s, i] & x) + _popcount(want[0, s, i] & ~x)
            if i & 7 == 7 and straight > most and inverted > most:
                return straight, inverted
    return straight, inverted


@_inner
def _freed(net, scratch, g, w):
    """Count the nodes that go if wire ``w`` takes the place of node ``g``."""
    n, kinds, fanin, refs, stack = net.size[0], net.kind, net.fanin, scratch.refs, scratch.stack
    refs[w] += 1
    freed = 1
    for pin in range(2):
        freed += _release(n, kinds, fanin, refs, stack, fanin[g, pin], 1)
    for pin in range(2):
        _acquire(n, kinds, fanin, refs, stack, fanin[g, pin], 1)
    refs[w] -= 1
    return freed


@_jit
def prune(net, scratch, price, anywhere):
    """Visit every node, the last first, and put a constant or an earlier wire in its place where that pays.

    A replacement pays if the errors it adds are fewer than ``price`` for every node that goes; the one that pays most
    is taken, a millionth of an error a node deciding between equals.

    Args:
        net: compact, of ANDs; to be rebuilt afterwards.
        scratch: its working memory.
        price: errors.
        anywhere: whether all earlier wires are tried, not just constants and the wires up to two nodes below.

    Returns:
        how many nodes were replaced.
    """
    sizes, kinds, fanin, value, order, outputs = net.size, net.kind, net.fanin, net.value, net.order, net.outputs
    mark, refs, want, stack, near = scratch.mark, scratch.refs, scratch.want, scratch.stack, scratch.up
    n, each = sizes[0], price + 1e-6
    count_refs(net, refs)
    replaced = 0
    for k in range(sizes[2] - 1, -1, -1):
        g = order[k]
        if refs[g] == 0:
            continue
        seen = wants(net, scratch, g) if observe(net, scratch, g) else 0
        now, _ = _losses(want, seen, value, g, np.int64(1) << 62)
        near[0], count = 0, 1
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
        most = now + each * _freed(net, scratch, g, 0)
        best, choice = 0.0, -1
        for c in range(count):
            w = near[c]
            losses = _losses(want, seen, value, w, most)
            for complement in range(2):
                if losses[complement] <= most:
                    gain = now - losses[complement] + each * _freed(net, scratch, g, w)
                    if gain > best:
                        best, choice = gain, 2 * w + complement
        if choice < 0:
            continue
        replaced += 1
        refs[choice >> 1] += refs[g]
        refs[g] = 0
        for pin in range(2):
            _release(n, kinds, fanin, refs, stack, fanin[g, pin], 1)
        for j in range(k + 1, sizes[2]):
            w = order[j]
            for pin in range(2):
                if fanin[w, pin] >> 1 == g:
                    fanin[w, pin] = choice ^ (fanin[w, pin] & 1)
            if mark[w] != 0 and refs[w] > 0:
                _evaluate(kinds, fanin, value, w)
        for o in range(len(outputs)):
            if outputs[o] >> 1 == g:
                outputs[o] = choice ^ (outputs[o] & 1)
    return replaced


@_jit
def copy_net(net, to):
    """Copy the structure (not the values) of a net into another of the same capacity."""
    for i in range(3):
        to.size[i] = net.size[i]
    for w in range(net.size[1]):
        to.kind[w] = net.kind[w]
        to.fanin[w, 0] = net.fanin[w, 0]
        to.fanin[w, 1] = net.fanin[w, 1]
        to.place[w] = net.place[w]
    for k in range(net.size[2]):
        to.order[k] = net.order[k]
    for o in range(len(net.outputs)):
        to.outputs[o] = net.outputs[o]


def warm_up() -> None:
    """Compile every kernel, or load it from the cache: tens of seconds the first time, about one second after."""
    inputs = np.array([[0b1010], [0b1100]], np.uint64)
    care = np.array([[0b1111]], np.uint64)
    net, best = (make_net(inputs, inputs[:1] & inputs[1:], care, 32) for _ in range(2))
    scratch, rng = make_scratch(net), philox_state((0, 0))
    append(net, XOR, 2, 4)
    net.outputs[0] = 2 * 3
    score_choices(net, scratch, 3, 0, np.zeros(len(net.kind) * FUNCTIONS, np.int64))
    randomise(net, scratch, 3, rng)
    take_choice(net, scratch, 3, 0, FUNCTIONS + 3)
    insert(net, scratch, 3, rng, 100)
    while patch(net, scratch, rng) < 0:
        pass
    add_random(net, scratch, rng, 1)
    assert wrong(net, net.target, net.care) == errors(net) == 0
    rebuild(net, scratch, False)
    copy_net(net, best)
    shrink(net, scratch, best, rng, 1, 0.3, 0.2, 3, 0.0, False, 8)
    prune(net, scratch, 1.0, True)
