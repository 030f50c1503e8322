"""Costs: spelled and read, judged as the package counts, steering the moves; the search keeps the least."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.aig import and_count, and_levels, hashed_literals, xor_and_count
from circuits.kernels import philox_state
from circuits.mapping import lut_mapping
from circuits.rewrite import from_table
from circuits.verify import Proof, satisfies
from learn import moves
from learn.costs import COSTS, make_cost
from learn.data import load
from learn.errors import SearchError
from learn.keys import Key
from learn.search import learn

SPELLED = ["ands", "xor_ands", "levels", "luts:4", "3*luts:6", "ands+10*levels", "2*xor_ands+luts:2"]


@pytest.mark.parametrize("text", SPELLED)
def test_costs_are_spelled_as_they_are_read(text):
    assert str(make_cost(text)) == text
    assert make_cost(f" {text.replace('+', ' + ')} ") == make_cost(text)


@pytest.mark.parametrize("text", ["", "area", "luts", "luts:7", "ands:2", "0*ands", "ands+", "1.5*ands", "-1*ands"])
def test_other_costs_are_refused(text):
    with pytest.raises(SearchError, match=r"cost: got .*, expected one of ands, xor_ands, luts:K, levels"):
        make_cost(text)


@pytest.mark.parametrize("name", ["adder:3", "parity:5", "seven_segment"])
def test_a_cost_is_what_the_package_counts(name):
    circuit = from_table(load([name]))
    luts = sum(op != "const" for op, _, _ in lut_mapping(circuit, 4).gates())
    counts = dict(zip(COSTS, (and_count(circuit), xor_and_count(circuit), luts, and_levels(circuit)), strict=True))
    lits = hashed_literals(circuit)
    for measure, value in counts.items():
        assert make_cost(measure + ":4" * COSTS[measure].sized).of(lits) == value
    assert make_cost("2*ands+3*levels").of(lits) == 2 * counts["ands"] + 3 * counts["levels"]


def depth(net):
    """Return the levels of a net and, of every node, the longest way through it: recursively, an XOR two levels."""
    nodes = net.order[: net.size[2]].tolist()

    @cache
    def level(w):
        return 0 if w <= net.size[0] else 1 + (net.kind[w] == moves.XOR) + max(level(f >> 1) for f in net.fanin[w])

    @cache
    def tail(w):
        readers = [v for v in nodes if w in net.fanin[v] >> 1]
        return max([0, *(tail(v) + 1 + (net.kind[v] == moves.XOR) for v in readers)])

    return max(level(o >> 1) for o in net.outputs), {w: level(w) + tail(w) for w in nodes}


def shrunk(seed, price, work=100_000):
    draw = np.random.default_rng(seed)
    target = draw.integers(0, 2**64, (2, 1), dtype=np.uint64)
    table = load(["random:6"])
    nets = [moves.make_net(table.inputs, target, ~np.zeros_like(target), 400) for _ in range(2)]
    net, best = nets
    scratch, rng = moves.make_scratch(net), philox_state((seed, 2))
    while moves.patch(net, scratch, rng) < 0:
        pass
    moves.rebuild(net, scratch, False)
    moves.copy_net(net, best)
    before = moves.cost(net, 3) + price * moves.measure_levels(net, scratch)
    smallest, _, _ = moves.shrink(net, scratch, best, rng, work, 0.3, 0.2, 3, price, seed % 2 == 0, 8)
    best.value[:] = net.value
    moves.simulate(best)
    return net, best, scratch, before, smallest


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([0.5, 4.0]))
def test_moves_know_the_levels(seed, price):
    net, best, scratch, before, smallest = shrunk(seed, price)
    assert moves.errors(net) == moves.errors(best) == 0
    for one in (net, best):
        levels, ways = depth(one)
        assert moves.measure_levels(one, scratch) == levels
        assert {w: scratch.level[w] + scratch.tail[w] for w in ways} == ways
    assert smallest == moves.cost(best, 3) + price * depth(best)[0] <= before


def test_a_price_of_levels_makes_circuits_shallower():
    deep, flat = (sum(depth(shrunk(seed, price, 1_000_000)[1])[0] for seed in range(3)) for price in (0.0, 8.0))
    assert flat < deep


@pytest.mark.parametrize("cost", ["xor_ands", "luts:4", "levels", "ands+10*levels"])
def test_the_search_keeps_the_least_cost(cost):
    table = load(["adder:4"])
    price = make_cost(cost)
    seen = list(learn(table, key=Key(0), steps=8, cost=price))
    assert isinstance(satisfies(seen[-1].circuit, table), Proof)
    costs = [event.cost for event in seen if event.errors == 0]
    assert costs == sorted(costs, reverse=True)
    plain = list(learn(table, key=Key(0), steps=8))[-1].circuit
    assert price.of(hashed_literals(seen[-1].circuit)) <= costs[-1] <= price.of(hashed_literals(plain))


def test_windows_take_xors_as_nodes(monkeypatch):
    monkeypatch.setattr("learn.search.WAYS", (5, 10))
    monkeypatch.setattr("learn.search.GROWN_VALUES", 0)
    table = load(["multiplier:3"])
    cost = make_cost("xor_ands")
    last = list(learn(table, key=Key(0), steps=6, cost=cost))[-1]
    assert isinstance(satisfies(last.circuit, table), Proof)
    assert last.cost < cost.of(hashed_literals(from_table(table)))
