"""Windows: small parts of a large net, cut out with their own don't-cares, made smaller and put back.

A window is a convex set of nodes: no way leaves it and comes back. What it reads are its inputs, what others read of it
its outputs. Only the combinations of input values that occur on the net's patterns matter (satisfiability
don't-cares), so a window is a net over those few: tens of thousands of patterns often become a few hundred. One output
at a time, read only outside, is also free wherever the net's outputs do not see it (observability don't-cares).

Mishchenko and Brayton 2005, "SAT-based complete don't-care computation for network optimization", cut such windows out
to compute don't-cares; here the net's values are known on every pattern, so both kinds are exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.kernels import philox_state
from circuits.words import WORD_BITS, mask_words
from learn import moves
from learn.moves import AND, _evaluate, _hashed, _inner, _jit, _mask, _unit, append, below, sort_nodes

MAX_INPUTS = WORD_BITS
"""A combination of input values is kept in a word."""
MAX_COMBINATIONS = 1 << 13
"""Give up a window of more combinations than these."""
TEMPERATURE = 0.2
INSERTION = 0.02
SLACK = 4
MEMBERS_LOOKED_AT = 10
READERS_LOOKED_AT = 6
"""What a growing window looks at for its next node: so many members, and so many readers of each of their wires."""
OUTSIDE, MEMBER, INPUT, LISTED, OUTPUT = range(5)


class Room(NamedTuple):
    """Working memory for the windows of one net.

    Attributes:
        start: int64 (capacity + 1,): where the readers of a wire begin in ``reader``.
        reader: int64 (2 * capacity,): nodes that read a wire, wire after wire.
        state: uint8 (capacity,): OUTSIDE, MEMBER, INPUT, LISTED (an input) or OUTPUT (a member others read).
        barred: uint8 (capacity,): 1 for wires that cannot join the window.
        reach: uint8 (capacity,): 1 for nodes the window leads to, 2 for those that also lead to it.
        stack: int64 (capacity + what a growing window looks at,)
        new: int64 (capacity,): the literal that replaces a wire; -1 none.
        combination: int64 (patterns,): the combination a pattern belongs to; -1 where no output cares.
        slot: int64 (power of two, at least 2 * patterns): hash table of combinations.
        key: uint64 (patterns,): the combinations, input j in bit j.
        cared: uint64 (words,): patterns that any output cares about.
    """

    start: NDArray[np.int64]
    reader: NDArray[np.int64]
    state: NDArray[np.uint8]
    barred: NDArray[np.uint8]
    reach: NDArray[np.uint8]
    stack: NDArray[np.int64]
    new: NDArray[np.int64]
    combination: NDArray[np.int64]
    slot: NDArray[np.int64]
    key: NDArray[np.uint64]
    cared: NDArray[np.uint64]


def make_room(net: moves.Net) -> Room:
    """Return working memory for the windows of ``net``."""
    capacity, words = net.value.shape
    patterns = WORD_BITS * words
    return Room(
        np.zeros(capacity + 1, np.int64),
        np.zeros(2 * capacity, np.int64),
        np.zeros(capacity, np.uint8),
        np.zeros(capacity, np.uint8),
        np.zeros(capacity, np.uint8),
        np.zeros(capacity + 20 * MEMBERS_LOOKED_AT, np.int64),
        np.zeros(capacity, np.int64),
        np.zeros(patterns, np.int64),
        np.zeros(max(16, 1 << (2 * patterns - 1).bit_length()), np.int64),
        np.zeros(patterns, np.uint64),
        np.bitwise_or.reduce(net.care, axis=0),
    )


@_inner
def _list_readers(net, start, reader):
    """List the nodes that read each wire."""
    size, fanin, order = net.size, net.fanin, net.order
    wires, nodes = size[1], size[2]
    for w in range(wires + 1):
        start[w] = 0
    for k in range(nodes):
        for pin in range(2):
            start[(fanin[order[k], pin] >> 1) + 1] += 1
    for w in range(wires):
        start[w + 1] += start[w]
    for k in range(nodes - 1, -1, -1):
        for pin in range(2):  # filled from the back: start[w + 1] falls to where the readers of w begin
            w = fanin[order[k], pin] >> 1
            start[w + 1] -= 1
            reader[start[w + 1]] = order[k]
    for w in range(wires):
        start[w] = start[w + 1]
    start[wires] = 2 * nodes


@_inner
def _between(net, state, reach, lowest, highest, stack):
    """List in ``stack`` the nodes outside the window on ways that leave it and come back; return how many."""
    fanin, order, n = net.fanin, net.order, net.size[0]
    for k in range(lowest, highest + 1):
        w = order[k]
        a, b = fanin[w, 0] >> 1, fanin[w, 1] >> 1
        # wires below the lowest member hold marks of before: they do not come after the window
        led = (a > n and net.place[a] >= lowest and reach[a] != 0) or (
            b > n and net.place[b] >= lowest and reach[b] != 0
        )
        reach[w] = 1 if led or state[w] == MEMBER else 0
    count = 0
    for k in range(highest, lowest - 1, -1):
        w = order[k]
        if state[w] != MEMBER and reach[w] != 2:
            continue
        for pin in range(2):
            f = fanin[w, pin] >> 1
            if f > n and net.place[f] >= lowest and state[f] != MEMBER and reach[f] == 1:
                reach[f] = 2
                stack[count] = f
                count += 1
    return count


@_inner
def _stays_convex(net, room, v):
    """Say whether a convex window surely stays so with node ``v``: no pass over the net is needed.

    That is where only members read ``v``, or where it reads a member and nothing but members and what they read too:
    a window does not lead to its own inputs.
    """
    start, reader, state = room.start, room.reader, room.state
    members = 0
    if state[v] == INPUT:
        for r in range(start[v], start[v + 1]):
            members += state[reader[r]] == MEMBER
        return members == start[v + 1] - start[v]
    for pin in range(2):
        f = net.fanin[v, pin] >> 1
        if f > net.size[0] and state[f] == OUTSIDE:
            return False
        members += state[f] == MEMBER
    return members > 0


@_inner
def _promise(net, room, v, rng):
    """Score a node for a growing window: few new inputs, many readers inside; at random among equals."""
    start, reader, state = room.start, room.reader, room.state
    a, b = net.fanin[v, 0] >> 1, net.fanin[v, 1] >> 1
    score = _unit(rng)
    if state[v] == INPUT:
        score += 1.0
    if a != 0 and state[a] == OUTSIDE:
        score -= 1.0
    if b != 0 and b != a and state[b] == OUTSIDE:
        score -= 1.0
    readers = start[v + 1] - start[v]
    looked = min(readers, READERS_LOOKED_AT)
    for r in range(start[v], start[v] + looked):
        if state[reader[r]] == MEMBER:
            score += 1.0 / looked
    return score


@_inner
def _neighbours(net, room, w, rng):
    """List in ``room.stack`` nodes outside that a member reads, that read it or that read what it reads."""
    start, reader, state, barred, stack, n = room.start, room.reader, room.state, room.barred, room.stack, net.size[0]
    count = 0
    for i in range(3):
        f = w if i == 2 else net.fanin[w, i] >> 1
        if f > n and state[f] == INPUT and barred[f] == 0:
            stack[count] = f
            count += 1
        readers = start[f + 1] - start[f] if f > 0 else 0
        skip = below(rng, readers - READERS_LOOKED_AT + 1) if readers > READERS_LOOKED_AT else 0
        for r in range(start[f] + skip, start[f] + skip + min(readers, READERS_LOOKED_AT)):
            v = reader[r]
            if state[v] != MEMBER and barred[v] == 0:
                stack[count] = v
                count += 1
    return count


@_inner
def _join(net, room, w, members, count):
    """Make a node a member and what it reads inputs; return the new number of members."""
    room.state[w] = MEMBER
    for pin in range(2):
        f = net.fanin[w, pin] >> 1
        if f > 0 and room.state[f] == OUTSIDE:
            room.state[f] = INPUT
    members[count] = w
    return count + 1


@_jit
def grow_window(net, room, rng, members, inputs, outputs):
    """Grow a convex window around a random node.

    The next node is one near some members that brings few inputs and is read inside; nodes on ways that would leave the
    window and come back join with it.

    Args:
        net: a net sorted by :func:`learn.moves.sort_nodes`, with at least one node.
        room: its working memory.
        rng: Philox state.
        members: int64 (most nodes,): receives the nodes, topologically.
        inputs: int64 (most inputs,): receives the wires the members read.
        outputs: int64 (most nodes,): receives the members that nodes outside or outputs of the net read.

    Returns:
        (how many members, inputs, outputs); nothing if there are more inputs than may be.
    """
    sizes, order, place = net.size, net.order, net.place
    start, reader, state, barred, stack = room.start, room.reader, room.state, room.barred, room.stack
    _list_readers(net, start, reader)
    for w in range(sizes[1]):
        state[w] = OUTSIDE
        barred[w] = 0
    seed = order[below(rng, sizes[2])]
    count = _join(net, room, seed, members, 0)
    lowest = highest = place[seed]
    failures = 0
    while count < len(members) and failures < MEMBERS_LOOKED_AT:
        best, best_score = -1, -1e9
        for _ in range(min(count, MEMBERS_LOOKED_AT)):
            w = members[below(rng, count)]
            for i in range(_neighbours(net, room, w, rng)):
                score = _promise(net, room, stack[i], rng)
                if score > best_score:
                    best, best_score = stack[i], score
        if best < 0:
            failures += 1
            continue
        before, low, high, more = state[best], min(lowest, place[best]), max(highest, place[best]), 0
        if not _stays_convex(net, room, best):
            state[best] = MEMBER
            more = _between(net, state, room.reach, low, high, stack)
        if count + 1 + more > len(members):
            state[best] = before
            barred[best] = 1
            failures += 1
            continue
        lowest, highest = low, high
        count = _join(net, room, best, members, count)
        for i in range(more):
            count = _join(net, room, stack[i], members, count)
    for o in range(len(net.outputs)):
        w = net.outputs[o] >> 1
        if state[w] == MEMBER:
            state[w] = OUTPUT
    kept = read = shown = 0
    for k in range(lowest, highest + 1):
        w = order[k]
        if state[w] != MEMBER and state[w] != OUTPUT:
            continue
        members[kept] = w
        kept += 1
        for r in range(start[w], start[w + 1]):
            if state[reader[r]] != MEMBER and state[reader[r]] != OUTPUT:
                state[w] = OUTPUT
        if state[w] == OUTPUT:
            outputs[shown] = w
            shown += 1
        for pin in range(2):
            f = net.fanin[w, pin] >> 1
            if state[f] == INPUT:
                if read == len(inputs):
                    return 0, 0, 0
                state[f] = LISTED
                inputs[read] = f
                read += 1
    return kept, read, shown


@_jit
def combine(value, inputs, most, room):
    """Number the combinations of input values that occur.

    Args:
        value: uint64 (wires, words).
        inputs: int64 (at most 64,): wires.
        most: give up beyond so many combinations.
        room: tells the patterns that matter; receives ``combination`` and ``key``.

    Returns:
        how many combinations; -1 beyond ``most``.
    """
    index, keys, slot, cared = room.combination, room.key, room.slot, room.cared
    last = len(slot) - 1
    while last > 4 * most:
        last >>= 1
    for s in range(last + 1):
        slot[s] = -1
    key = np.zeros(WORD_BITS, np.uint64)
    count, at = 0, -1
    for i in range(value.shape[1]):
        for p in range(WORD_BITS):
            key[p] = 0
        for j in range(len(inputs)):
            x, to = value[inputs[j], i], np.uint64(j)
            for p in range(WORD_BITS):
                key[p] |= ((x >> np.uint64(p)) & np.uint64(1)) << to
        for p in range(WORD_BITS):
            pattern = WORD_BITS * i + p
            if not (cared[i] >> np.uint64(p)) & np.uint64(1):
                index[pattern] = -1
                continue
            if at < 0 or keys[at] != key[p]:
                s = _hashed(key[p] ^ (key[p] >> np.uint64(32))) & last
                while slot[s] >= 0 and keys[slot[s]] != key[p]:
                    s = (s + 1) & last
                if slot[s] < 0:
                    if count == most:
                        return -1
                    slot[s] = count
                    keys[count] = key[p]
                    count += 1
                at = slot[s]
            index[pattern] = at
    return count


@_jit
def spread(row, index, into):
    """Set the bit of every combination that a set bit of ``row``, uint64 (words,), belongs to; clear others."""
    for i in range(len(into)):
        into[i] = 0
    for i in range(len(row)):
        x = row[i]
        if x == 0:
            continue
        for p in range(WORD_BITS):
            c = index[WORD_BITS * i + p]
            if (x >> np.uint64(p)) & np.uint64(1) and c >= 0:
                into[c >> 6] |= np.uint64(1) << np.uint64(c & 63)


@_jit
def cut_out(net, room, members, inputs, outputs, combinations, small):
    """Copy a window into an empty net over its combinations; it wants the values it has."""
    new, keys, value = room.new, room.key, small.value
    n = len(inputs)
    new[0] = 0
    for j in range(n):
        new[inputs[j]] = 2 * (1 + j)
        for i in range(value.shape[1]):
            x = np.uint64(0)
            for p in range(min(WORD_BITS, combinations - WORD_BITS * i)):
                x |= ((keys[WORD_BITS * i + p] >> np.uint64(j)) & np.uint64(1)) << np.uint64(p)
            value[1 + j, i] = x
    for m in range(len(members)):
        w = members[m]
        a, b = net.fanin[w, 0], net.fanin[w, 1]
        new[w] = 2 * append(small, net.kind[w], new[a >> 1] ^ (a & 1), new[b >> 1] ^ (b & 1))
    for o in range(len(outputs)):
        small.outputs[o] = new[outputs[o]]
        for i in range(value.shape[1]):
            small.target[o, i] = value[new[outputs[o]] >> 1, i] & small.care[o, i]


@_inner
def _renewed(kinds, fanin, value, w):
    """Recompute node ``w``'s value and say whether it changed."""
    a, b = fanin[w, 0], fanin[w, 1]
    ca, cb = _mask(a & 1), _mask(b & 1)
    a >>= 1
    b >>= 1
    changed = np.uint64(0)
    for i in range(value.shape[1]):
        x, y = value[a, i] ^ ca, value[b, i] ^ cb
        z = x & y if kinds[w] == AND else x ^ y
        changed |= value[w, i] ^ z
        value[w, i] = z
    return changed != 0


@_jit
def put_back(net, scratch, room, members, inputs, outputs, small, seen):
    """Put a net in the place of a window with at least as many nodes; the window's wires carry its nodes.

    With ``seen`` the outputs may have changed, and what reads them is computed anew.
    """
    sizes, fanin, order = net.size, net.fanin, net.order
    new, stack, state, reach, moved = room.new, room.stack, room.state, room.reach, room.barred
    for w in range(sizes[1]):
        new[w] = 2 * w
        state[w] = OUTSIDE
        reach[w] = 0  # 1: has another value, 2: reads an output of the window
        moved[w] = 0
    stack[0] = 0
    for j in range(len(inputs)):
        stack[1 + j] = 2 * inputs[j]
    for k in range(small.size[2]):
        stack[small.order[k]] = 2 * members[k]
    for o in range(len(outputs)):
        new[outputs[o]] = stack[small.outputs[o] >> 1] ^ (small.outputs[o] & 1)
        moved[outputs[o]] = 1
    for k in range(sizes[2]):
        w = order[k]
        for pin in range(2):
            f = fanin[w, pin]
            if moved[f >> 1]:
                reach[w] = 2
            fanin[w, pin] = new[f >> 1] ^ (f & 1)
    for o in range(len(net.outputs)):
        net.outputs[o] = new[net.outputs[o] >> 1] ^ (net.outputs[o] & 1)
    for k in range(small.size[2]):
        w, to = small.order[k], members[k]
        for pin in range(2):
            fanin[to, pin] = stack[small.fanin[w, pin] >> 1] ^ (small.fanin[w, pin] & 1)
        net.kind[to] = small.kind[w]
        state[to] = MEMBER
        reach[to] = 0
        _evaluate(net.kind, fanin, net.value, to)
    sort_nodes(net, scratch, False)
    if seen:
        for k in range(sizes[2]):
            w = order[k]
            if state[w] != MEMBER and (reach[w] == 2 or reach[fanin[w, 0] >> 1] == 1 or reach[fanin[w, 1] >> 1] == 1):
                reach[w] = 1 if _renewed(net.kind, fanin, net.value, w) else 0


def improve(
    net: moves.Net,
    scratch: moves.Scratch,
    room: Room,
    rng: NDArray[np.uint64],
    nodes: int,
    work: int,
    xors: bool,
    xor_cost: int = moves.XOR_COST,
) -> tuple[int, int, int]:
    """Cut out a window around a random node, shrink it and put it back unless it grew.

    The net keeps every output value cared for. Nodes that became trivial or equal stay until it is rebuilt.

    Args:
        net: the net, sorted, its values those of its nodes.
        scratch: its working memory.
        room: the memory for its windows.
        rng: Philox state.
        nodes: most nodes of the window.
        work: word operations that the moves in the window may do.
        xors: whether XOR is a node of its own in the window.
        xor_cost: size of an XOR; 1 leaves XOR nodes in the net, otherwise it is of ANDs.

    Returns:
        (word operations done, about; moves tried; moves that changed the window).
    """
    members, outputs, inputs = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64), np.zeros(MAX_INPUTS, np.int64)
    kept, read, shown = grow_window(net, room, rng, members, inputs, outputs)
    members, inputs, outputs = members[:kept], inputs[:read], outputs[:shown]
    words, spent = net.value.shape[1], 20 * int(net.size[2])
    if kept < 2:
        return spent, 0, 0
    spent += words * (2 * WORD_BITS + 10 * read)
    combinations = combine(net.value, inputs, MAX_COMBINATIONS, room)
    if combinations < 0:
        return spent, 0, 0
    mask = mask_words(combinations)
    care, values = np.tile(mask, (shown, 1)), np.zeros((read, len(mask)), np.uint64)
    # flipping an output that members read would flip other outputs, which are held
    sinks = np.flatnonzero(~np.isin(outputs, net.fanin[members] >> 1))
    o = sinks[moves.below(rng, len(sinks))]
    moves.see(net, scratch, outputs[o])
    spent += words * int(net.size[2] - net.place[outputs[o]])
    spread(scratch.care, room.combination, care[o])
    small, best = (moves.make_net(values, np.zeros_like(care), care, kept + kept // 2 + 32) for _ in range(2))
    cut_out(net, room, members, inputs, outputs, combinations, small)
    small_scratch = moves.make_scratch(small)
    moves.rebuild(small, small_scratch, True)
    moves.copy_net(small, best)
    _, tried, changed = moves.shrink(
        small, small_scratch, best, rng, work, TEMPERATURE, INSERTION, xor_cost, 0.0, xors, SLACK
    )
    best.value[: read + 1] = small.value[: read + 1]
    moves.rebuild(best, small_scratch, xor_cost == 1)
    if best.size[2] <= kept:
        seen = not np.array_equal(care[o], mask)
        put_back(net, scratch, room, members, inputs, outputs, best, seen)
    return spent + work, tried, changed


def warm_up() -> None:
    """Compile every kernel, or load it from the cache."""
    inputs = np.array([[0b1010], [0b1100]], np.uint64)
    care = np.array([[0b1111]], np.uint64)
    net = moves.make_net(inputs, inputs[:1] & inputs[1:], care, 32)
    for a, b in ((2, 4), (3, 5), (7, 9), (7, 11)):
        append(net, moves.AND, a, b)
    net.outputs[0] = 2 * 6
    net.target[0] = net.value[6]
    scratch = moves.make_scratch(net)
    moves.rebuild(net, scratch, False)
    improve(net, scratch, make_room(net), philox_state((0, 0)), 8, 1, True)
