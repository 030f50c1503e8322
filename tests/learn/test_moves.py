"""The learner's kernels against brute force: every score, flip and size they report is what simulation finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from circuits.aig import Literals, and_count, from_literals
from circuits.kernels import philox_state
from circuits.simulate import simulate
from circuits.table import complete_table
from circuits.words import FULL, enumerate_inputs, mask_words, popcount
from learn import moves

SEEDS = st.integers(0, 10**6)


def random_net(seed, *, inputs=5, outputs=2, nodes=12, room=40, care=True):
    """Return a net of random nodes over a random complete table, its scratch and its random state."""
    draw = np.random.default_rng(seed)
    patterns = 1 << inputs
    mask = mask_words(patterns)
    target = draw.integers(0, 2**64, (outputs, len(mask)), dtype=np.uint64) & mask
    cares = draw.integers(0, 2**64, target.shape, dtype=np.uint64) & mask if care else np.tile(mask, (outputs, 1))
    net = moves.make_net(enumerate_inputs(inputs), target & cares, cares, room)
    scratch, rng = moves.make_scratch(net), philox_state((seed, 1))
    moves.add_random(net, scratch, rng, nodes)
    wires = inputs + 1 + nodes
    net.outputs[:] = draw.integers(0, 2 * wires, outputs)
    moves.simulate(net)
    return net, scratch, rng


def copy_of(net):
    return moves.Net(*(array.copy() for array in net))


def resimulated(net):
    """Return all wire values, gate by gate in plain numpy."""
    value = net.value.copy()
    for w in net.order[: net.size[2]].tolist():
        a, b = (value[f >> 1] ^ (FULL if f & 1 else np.uint64(0)) for f in net.fanin[w].tolist())
        value[w] = a & b if net.kind[w] == moves.AND else a ^ b
    return value


def output_rows(net, value):
    return np.array([value[o >> 1] ^ (FULL if o & 1 else np.uint64(0)) for o in net.outputs.tolist()])


def loss_of(net, value=None):
    rows = output_rows(net, resimulated(net) if value is None else value)
    return int(popcount((rows ^ net.target) & net.care).sum())


def nodes_of(net):
    return net.order[: net.size[2]].tolist()


@given(SEEDS)
def test_values_and_loss_are_those_of_simulation(seed):
    net, _, _ = random_net(seed)
    assert np.array_equal(net.value, resimulated(net))
    assert moves.errors(net) == loss_of(net)


@given(SEEDS)
def test_observe_flips_one_wire(seed):
    net, scratch, _ = random_net(seed)
    for g in nodes_of(net):
        changes = moves.observe(net, scratch, g)
        value = net.value.copy()
        value[g] = ~value[g]
        for w in nodes_of(net)[net.place[g] + 1 :]:
            a, b = (value[f >> 1] ^ (FULL if f & 1 else np.uint64(0)) for f in net.fanin[w].tolist())
            value[w] = a & b if net.kind[w] == moves.AND else a ^ b
        for w in range(net.size[1]):
            differs = bool(np.any(value[w] != net.value[w]))
            assert (scratch.mark[w] == 2) == differs
            if differs:
                assert np.array_equal(scratch.flip[w], value[w])
        assert changes == any(scratch.mark[o >> 1] == 2 for o in net.outputs.tolist())


@given(SEEDS, st.integers(0, 1))
def test_scores_are_the_changes_of_the_loss(seed, pin):
    net, scratch, _ = random_net(seed, inputs=4, nodes=8)
    before = loss_of(net)
    signal = np.zeros(len(net.kind) * moves.FUNCTIONS, np.int64)
    for g in nodes_of(net):
        seen, present = moves.score_choices(net, scratch, g, pin, signal)
        if not seen:
            continue
        assert signal[present] == 0
        descendants = {w for w in range(net.size[1]) if scratch.mark[w]}
        for choice in range(int(net.size[1]) * moves.FUNCTIONS):
            if choice // moves.FUNCTIONS in descendants:
                assert signal[choice] > before
                continue
            changed = copy_of(net)
            moves.take_choice(changed, moves.make_scratch(changed), g, pin, choice)
            assert np.array_equal(changed.value[nodes_of(changed)], resimulated(changed)[nodes_of(changed)])
            assert loss_of(changed) - before == signal[choice]


@given(SEEDS)
def test_unseen_nodes_are_free_to_change(seed):
    net, scratch, rng = random_net(seed)
    before = loss_of(net)
    signal = np.zeros(len(net.kind) * moves.FUNCTIONS, np.int64)
    for g in nodes_of(net):
        seen, _ = moves.score_choices(net, scratch, g, 0, signal)
        if not seen:
            moves.randomise(net, scratch, g, rng)
            assert loss_of(net) == before == moves.errors(net)


@given(SEEDS)
def test_insertion_reports_the_change_of_the_loss(seed):
    net, scratch, rng = random_net(seed)
    for g in nodes_of(net)[:6]:
        before, wires = loss_of(net), int(net.size[1])
        change = moves.insert(net, scratch, g, rng, 10_000)
        assert change <= 1
        assert loss_of(net) - before == (change if change <= 0 else 0)
        assert int(net.size[1]) - wires == (2 if change <= 0 else 0)


def test_insertion_finds_the_best_gate():
    # y wants x0 XOR x1 and the output is x0: the best insertion makes it exact at once
    table = complete_table([[0, 1, 1, 0]], inputs=2)
    net = moves.make_net(table.inputs, table.outputs, table.care, 8)
    scratch = moves.make_scratch(net)
    moves.append(net, moves.AND, 2, 2)
    net.outputs[0] = 2 * 3
    assert moves.errors(net) == 2
    assert moves.insert(net, scratch, 3, philox_state((0, 0)), 10_000) == -2
    assert loss_of(net) == 0


@given(SEEDS, st.integers(1, 3))
def test_patches_alone_reach_exactness(seed, outputs):
    net, scratch, rng = random_net(seed, outputs=outputs, nodes=4, room=900)
    loss = loss_of(net)
    while loss:
        change = moves.patch(net, scratch, rng)
        assert change < 0
        assert loss_of(net) == loss + change
        loss += change
    assert moves.patch(net, scratch, rng) == 0


def test_patch_stops_where_a_full_net_has_no_room():
    net, scratch, rng = random_net(3, nodes=4, room=4)
    before = loss_of(net)
    assert before > 0
    assert moves.patch(net, scratch, rng) == 0
    assert loss_of(net) == before


@given(SEEDS, st.booleans())
def test_rebuild_keeps_the_function_and_drops_the_rest(seed, keep_xor):
    net, scratch, _ = random_net(seed, nodes=14, room=60)
    rows = output_rows(net, resimulated(net))
    moves.rebuild(net, scratch, keep_xor)
    assert np.array_equal(output_rows(net, resimulated(net)), rows)
    assert np.array_equal(net.value[nodes_of(net)], resimulated(net)[nodes_of(net)])
    n = int(net.size[0])
    assert nodes_of(net) == list(range(n + 1, int(net.size[1])))
    nodes = [(int(net.kind[w]), *net.fanin[w].tolist()) for w in nodes_of(net)]
    assert len(set(nodes)) == len(nodes)
    assert keep_xor or all(kind == moves.AND for kind, _, _ in nodes)
    read = {f >> 1 for _, *pair in nodes for f in pair} | {o >> 1 for o in net.outputs.tolist()}
    assert set(nodes_of(net)) <= read


def test_rebuild_keeps_xors_where_their_ands_have_no_room():
    net = moves.make_net(enumerate_inputs(3), np.zeros((1, 1), np.uint64), np.array([mask_words(8)]), 3)
    scratch = moves.make_scratch(net)
    moves.append(net, moves.XOR, 2, 4)
    moves.append(net, moves.XOR, 6, 8)
    net.outputs[0] = 10
    moves.rebuild(net, scratch, False)
    assert [int(net.kind[w]) for w in nodes_of(net)] == [moves.XOR] * 2
    assert np.array_equal(output_rows(net, resimulated(net)), net.value[5:6])


@given(SEEDS, st.booleans())
def test_shrinking_keeps_every_value_cared_for(seed, keep_xor):
    net, scratch, rng = random_net(seed, inputs=5, nodes=20, room=200)
    net.target[:] = output_rows(net, resimulated(net)) & net.care
    moves.rebuild(net, scratch, keep_xor)
    best = copy_of(net)
    size = moves.cost(net, 3)
    smallest, tried, changed = moves.shrink(net, scratch, best, rng, 200_000, 0.3, 0.2, 3, 0.0, keep_xor, 4)
    assert loss_of(net) == 0
    assert np.array_equal(net.value[nodes_of(net)], resimulated(net)[nodes_of(net)])
    kept, recounted = scratch.refs[: net.size[1]].copy(), np.zeros_like(scratch.refs)
    moves.count_refs(net, recounted)
    assert np.array_equal(kept, recounted[: net.size[1]])
    assert [net.place[w] for w in nodes_of(net)] == list(range(net.size[2]))
    moves.simulate(best)
    assert loss_of(best) == 0
    assert moves.cost(best, 3) == smallest <= size
    assert 0 <= changed <= tried


@njit
def replacements(net, scratch, g):
    """Call what Python cannot."""
    return moves._replacements(net, scratch, g, 3, 0.0, 0.1, np.inf)[0]


@given(SEEDS, st.integers(4, 9))
def test_replacements_are_all_there_are(seed, inputs):
    net, scratch, rng = random_net(seed, inputs=inputs, nodes=14, room=60)
    moves.rebuild(net, scratch, True)
    if not net.size[2]:
        return
    g = int(net.order[moves.below(rng, int(net.size[2]))])
    count = replacements(net, scratch, g)
    found = {(int(kind), *sorted((a, b))) for kind, a, b in scratch.choice[:count, :3].tolist()}
    assert len(found) == count < moves.MAX_CHOICES
    care, value = scratch.care, net.value[: net.size[1]]
    wires = [w for w in range(int(net.size[1])) if not scratch.mark[w]]  # those that do not come after g
    literal = {2 * w + c: ~value[w] if c else value[w] for w in wires for c in range(2)}

    def fits(made):
        return not ((made ^ value[g]) & care).any()

    wanted = {(moves.WIRE, -1, a) for a in literal if fits(literal[a])}
    if not wanted:
        pairs = [(a, b) for a in literal for b in literal if a >= 2 and a >> 1 < b >> 1]
        wanted = {(moves.AND, a, b) for a, b in pairs if fits(literal[a] & literal[b])}
        wanted |= {(moves.NAND, a, b) for a, b in pairs if fits(~(literal[a] & literal[b]))}
        wanted |= {(moves.XOR, a, b) for a, b in pairs if not a & 1 and fits(literal[a] ^ literal[b])}
    assert found == wanted


def test_shrinking_finds_the_half_adder():
    # 3 ANDs are the least for sum and carry (the carry is shared); the start wastes several
    table = complete_table([[0, 1, 1, 0], [0, 0, 0, 1]], inputs=2)
    net = moves.make_net(table.inputs, table.outputs, table.care, 40)
    for a, b in ((2, 5), (3, 4), (7, 9), (2, 4), (12, 10), (14, 13)):
        moves.append(net, moves.AND, a, b)
    net.outputs[:] = (11, 2 * 6)
    assert moves.errors(net) == 0
    scratch = moves.make_scratch(net)
    moves.rebuild(net, scratch, False)
    best = copy_of(net)
    assert moves.shrink(net, scratch, best, philox_state((1, 1)), 10**6, 0.3, 0.2, 3, 0.0, False, 4)[0] == 3


@given(SEEDS)
def test_a_compact_net_of_ands_is_a_circuit(seed):
    net, scratch, _ = random_net(seed, room=60)
    rows = output_rows(net, resimulated(net))
    moves.rebuild(net, scratch, False)
    n = int(net.size[0])
    lits = Literals(n, net.fanin[n + 1 : net.size[1]].copy(), net.outputs.copy())
    names = tuple(f"x{i}" for i in range(n)), tuple(f"y{o}" for o in range(len(net.outputs)))
    circuit = from_literals(lits, *names)
    assert np.array_equal(simulate(circuit, net.value[1 : n + 1]), rows)
    assert and_count(circuit) == int(net.size[2])


@pytest.mark.parametrize("n", [1, 2, 10, 1000])
def test_draws_below_a_bound_are_even(n):
    rng = philox_state((n, 0))
    draws = np.array([moves.below(rng, n) for _ in range(2000)])
    assert draws.min() >= 0
    assert draws.max() < n
    if n <= 10:
        counts = np.bincount(draws, minlength=n)
        assert np.all(np.abs(counts - 2000 / n) < 5 * np.sqrt(2000 / n))
