"""Windows against brute force: what is cut out is convex and complete, what is put back keeps every value cared for."""

import networkx as nx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from test_moves import loss_of, nodes_of, random_net, resimulated

from circuits.kernels import philox_state
from circuits.words import pack, unpack
from learn import moves, windows

SEEDS = st.integers(0, 10**6)
SIZES = st.integers(2, 12)


def exact_net(seed):
    """Return a net of ANDs that has the values it wants, some of which nobody cares for, and its memory."""
    net, scratch, rng = random_net(seed, inputs=7, outputs=3, nodes=40, room=160)
    moves.rebuild(net, scratch, False)
    for o, literal in enumerate(net.outputs.tolist()):
        net.target[o] = (net.value[literal >> 1] ^ np.uint64(-(literal & 1) % 2**64)) & net.care[o]
    return net, scratch, rng


def grown(net, room, rng, most):
    members, inputs, outputs = (np.zeros(size, np.int64) for size in (most, windows.MAX_INPUTS, most))
    counts = windows.grow_window(net, room, rng, members, inputs, outputs)
    return tuple(array[:count] for array, count in zip((members, inputs, outputs), counts, strict=True))


def fanins(net, w):
    return [f >> 1 for f in net.fanin[w].tolist()]


@given(SEEDS, SIZES)
def test_windows_are_convex_and_know_their_inputs_and_outputs(seed, most):
    net, _, rng = exact_net(seed)
    if not net.size[2]:
        return
    found = grown(net, windows.make_room(net), rng, most)
    members, inputs, outputs = (set(array.tolist()) for array in found)
    assert 1 <= len(members) == len(found[0]) <= most
    assert [net.place[w] for w in found[0]] == sorted(net.place[w] for w in members)
    read = {f for w in members for f in fanins(net, w)}
    assert inputs == read - members - {0}
    outside = set(nodes_of(net)) - members
    shown = {f for w in outside for f in fanins(net, w)} | {o >> 1 for o in net.outputs.tolist()}
    assert outputs == members & shown
    graph = nx.DiGraph((f, w) for w in nodes_of(net) for f in fanins(net, w))
    after = set().union(*(nx.descendants(graph, w) for w in members))
    before = set().union(*(nx.ancestors(graph, w) for w in members))
    assert after & before <= members


@given(SEEDS, st.integers(1, 70), st.integers(1, 4))
def test_combinations_are_those_that_occur(seed, inputs, words):
    draw = np.random.default_rng(seed)
    few = draw.integers(0, 2**64, (draw.integers(1, 9), words), dtype=np.uint64)
    value = few[draw.integers(len(few), size=inputs + 1)]  # equal rows leave few combinations
    wires = draw.permutation(inputs)[: windows.MAX_INPUTS] + 1
    care = draw.integers(0, 2**64, (1, words), dtype=np.uint64)
    room = windows.make_room(moves.make_net(value[1:], care, care, 4))
    columns = unpack(value[wires], 64 * words).T
    cared = unpack(care[0], 64 * words)
    wanted = np.unique(columns[cared], axis=0)
    count = windows.combine(value, wires, 64 * words, room)
    assert count == len(wanted)
    assert np.all(room.combination[~cared] == -1)
    keys = room.key[:count, None] >> np.arange(len(wires), dtype=np.uint64) & np.uint64(1)
    assert np.array_equal(keys[room.combination[cared]].astype(bool), columns[cared])
    if count:
        assert windows.combine(value, wires, count - 1, room) == -1


@given(SEEDS, st.integers(1, 4), st.integers(1, 200))
def test_a_combination_is_seen_where_one_of_its_patterns_is(seed, words, combinations):
    draw = np.random.default_rng(seed)
    index = draw.integers(-1, combinations, 64 * words)
    row = draw.integers(0, 2**64, words, dtype=np.uint64)
    wanted = np.zeros(combinations, bool)
    wanted[index[unpack(row, 64 * words) & (index >= 0)]] = True
    into = np.full(len(pack(wanted)), 5, np.uint64)
    windows.spread(row, index, into)
    assert np.array_equal(into, pack(wanted))


@given(SEEDS, SIZES, st.booleans())
def test_windows_keep_every_value_cared_for(seed, most, xors):
    net, scratch, rng = exact_net(seed)
    room, size = windows.make_room(net), int(net.size[2])
    for _ in range(12):
        if not net.size[2]:
            break
        windows.improve(net, scratch, room, rng, most, 20_000, xors)
        assert net.size[2] <= size
        size = int(net.size[2])
        assert np.array_equal(net.value[nodes_of(net)], resimulated(net)[nodes_of(net)])
        assert loss_of(net) == 0
    moves.rebuild(net, scratch, False)
    assert moves.errors(net) == loss_of(net) == 0


def test_windows_use_what_never_occurs_and_what_is_never_seen():
    # XNOR(a, b) AND (a AND b) is one AND, which only don't-cares of its parts show
    inputs = np.array([[0b1010], [0b1100]], np.uint64)
    net = moves.make_net(inputs, inputs[:1] & inputs[1:], np.array([[0b1111]], np.uint64), 40)
    for a, b in [(2, 4), (3, 5), (7, 9), (11, 6)]:
        moves.append(net, moves.AND, a, b)
    net.outputs[0] = 2 * 6
    scratch, rng, room = moves.make_scratch(net), philox_state((1, 2)), windows.make_room(net)
    for _ in range(20):
        windows.improve(net, scratch, room, rng, 3, 20_000, False)
        moves.rebuild(net, scratch, False)
    assert loss_of(net) == 0
    assert net.size[2] == 1
