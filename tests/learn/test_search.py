"""The exact learner: complete tables come out exact, the same steps give the same circuit, samples generalise."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import complete_tables, sampled_tables

from circuits.aig import and_count
from circuits.rewrite import from_table
from circuits.simulate import simulate
from circuits.table import TruthTable, agreement, complete_table, merged, sampled_table
from circuits.verify import Proof, satisfies
from circuits.words import popcount
from learn.costs import make_cost
from learn.data import load
from learn.errors import LearnError
from learn.keys import Key
from learn.rules import rules_in
from learn.search import learn
from learn.spaces import Choice

CHOICE_RULES = sorted(rules_in(Choice))


def events(table: TruthTable, seed: int = 0, **options):
    return list(learn(table, key=Key(seed), **options))


@settings(max_examples=25)
@given(complete_tables(inputs=(0, 6), outputs=(0, 3)))
def test_complete_tables_come_out_exact(table):
    last = events(table, steps=1)[-1]
    assert last.errors == 0
    assert isinstance(satisfies(last.circuit, table), Proof)
    assert and_count(last.circuit) == last.ands
    assert (last.circuit.input_names, last.circuit.output_names) == (table.input_names, table.output_names)


@settings(max_examples=15)
@given(sampled_tables(inputs=(0, 5), outputs=(0, 2)))
def test_small_samples_come_out_as_right_as_they_can_be(table):
    distinct, _ = merged(table)
    last = events(distinct, steps=12)[-1]
    assert last.errors == agreement(distinct, simulate(last.circuit, distinct.inputs))["errors"]
    if distinct.num_inputs:
        assert last.errors == 0
    else:  # one pattern at most: constants
        assert last.errors <= distinct.num_outputs


@pytest.mark.parametrize("rule", CHOICE_RULES)
def test_every_rule_learns(rule):
    seen = events(load(["adder:2"]), rule=rule, steps=6)
    assert seen[-1].errors == 0
    assert seen[-1].moves > seen[-1].changes > 0


@pytest.mark.parametrize(
    ("name", "ands"), [("adder:2", 10), ("parity:4", 9), ("majority:3", 4), ("multiplier:2", 8), ("comparator:1", 3)]
)
def test_small_functions_reach_their_known_size(name, ands):
    last = events(load([name]), steps=12)[-1]
    assert (last.errors, last.ands) == (0, ands)


def test_events_only_get_better():
    seen = events(load(["multiplier:3"]), steps=10)
    assert [e.step for e in seen] == sorted({e.step for e in seen})
    assert seen[-1].step == 10
    ranks = [(e.errors, e.ands) for e in seen]
    assert ranks == sorted(ranks, reverse=True)
    assert all(a.moves <= b.moves and a.changes <= b.changes for a, b in pairwise(seen))


@pytest.mark.parametrize("name", ["multiplier:3", "random:7"])
def test_threads_do_not_change_the_result(name):
    one, two = (events(load([name]), seed=3, steps=8, threads=threads)[-1] for threads in (1, 2))
    assert one._replace(seconds=0) == two._replace(seconds=0)


@pytest.mark.parametrize("steps", [3, 12])
def test_windows_shrink_large_circuits_the_same_on_any_number_of_threads(monkeypatch, steps):
    monkeypatch.setattr("learn.search.WAYS", (0, 5, 10))
    monkeypatch.setattr("learn.search.GROWN_VALUES", 0)
    monkeypatch.setattr("learn.search.LARGE", 20)
    table = load(["multiplier:3"])
    one, two = (events(table, steps=steps, threads=threads)[-1] for threads in (1, 2))
    assert one._replace(seconds=0) == two._replace(seconds=0)
    assert isinstance(satisfies(one.circuit, table), Proof)
    assert and_count(one.circuit) == one.ands


@pytest.mark.parametrize("cost", ["ands", "xor_ands"])
def test_cycles_of_annealing_stay_exact_the_same_on_any_number_of_threads(monkeypatch, cost):
    monkeypatch.setattr("learn.search.STEP_WORK", 200_000)
    monkeypatch.setattr("learn.search.IDLE", 0)
    monkeypatch.setattr("learn.search.CYCLE", 3)
    table = load(["multiplier:3"])
    one, two = (events(table, steps=40, threads=threads, cost=make_cost(cost))[-1] for threads in (1, 2))
    assert one._replace(seconds=0) == two._replace(seconds=0)
    assert isinstance(satisfies(one.circuit, table), Proof)
    assert one.ands < 60


def test_a_start_is_improved():
    table = load(["adder:3"])
    start = from_table(table)
    seen = events(table, steps=8, start=start)
    assert seen[0].errors == 0
    assert seen[0].ands <= and_count(start)
    assert seen[-1].ands < and_count(start)


@settings(max_examples=10)
@given(complete_tables(inputs=(3, 5), outputs=(1, 3)), st.integers(0, 10**6))
def test_a_wrong_start_is_repaired(table, seed):
    wrong = np.random.default_rng(seed).integers(0, 2**64, table.outputs.shape, dtype=np.uint64) & table.care
    start = from_table(complete_table(table.outputs ^ wrong, inputs=table.num_inputs))
    assert events(table, steps=3, start=start)[-1].errors == 0


def test_a_large_wrong_start_is_repaired(monkeypatch):
    monkeypatch.setattr("learn.search.STEP_WORK", 1000)
    table = load(["multiplier:3"])
    outputs = table.outputs.copy()
    outputs[2, 0] ^= np.uint64(0b1001)
    start = from_table(complete_table(outputs, inputs=table.num_inputs))
    assert events(table, steps=12, start=start)[-1].errors == 0


def test_a_start_has_the_ports_of_the_table():
    with pytest.raises(LearnError, match="start: got a circuit of 6 inputs and 4 outputs, expected 4 and 3"):
        events(load(["adder:2"]), steps=1, start=from_table(load(["adder:3"])))


def test_seeds_do_change_the_search():
    first, second = (events(load(["random:7"]), seed=seed, steps=1)[-1] for seed in (0, 1))
    assert first.circuit != second.circuit


def test_a_time_budget_is_replayed_by_its_steps():
    table = load(["multiplier:3"])
    timed = events(table, seconds=0.5)[-1]
    again = events(table, steps=timed.step)[-1]
    assert timed._replace(seconds=0) == again._replace(seconds=0)


def sample_of(function, inputs: int, patterns: int, seed: int) -> TruthTable:
    x = np.random.default_rng(seed).integers(0, 2, (patterns, inputs))
    return merged(sampled_table(x, function(x)[:, None]))[0]


def hidden(x):
    return (x[:, 0] & x[:, 1]) ^ x[:, 2] ^ (x[:, 3] & ~x[:, 9] & 1)


@pytest.mark.parametrize("threads", [1, 2])
def test_large_samples_are_learned_to_generalise(threads):
    table, fresh = sample_of(hidden, 24, 2000, 1), sample_of(hidden, 24, 4000, 2)
    last = events(table, steps=40, threads=threads)[-1]
    assert last.phase == "fit"
    assert agreement(fresh, simulate(last.circuit, fresh.inputs))["accuracy"] > 0.97
    assert last.errors == agreement(table, simulate(last.circuit, table.inputs))["errors"]


def test_a_sample_keeps_within_the_size_asked_for():
    last = events(sample_of(hidden, 24, 1000, 3), steps=10, max_ands=20)[-1]
    assert last.ands <= 20


def test_dont_cares_are_used():
    # with all but the rows of one minterm left open, a single AND suffices
    care = np.zeros((1, 16), bool)
    care[0, [15, 7, 11]] = True
    values = np.zeros((1, 16), bool)
    values[0, 15] = True
    table = complete_table(values, inputs=4)
    open_table = TruthTable(
        table.inputs,
        table.outputs,
        np.array([[0b1000100010000000]], np.uint64),
        16,
        True,
        table.input_names,
        table.output_names,
    )
    assert int(popcount(open_table.care).sum()) == 3
    assert events(open_table, steps=3)[-1].ands == 1


@pytest.mark.parametrize(
    "options", [{"rule": "gradient"}, {"steps": 0}, {"seconds": -1.0}, {"steps": 1, "threads": 0}, {"max_ands": 0}]
)
def test_bad_options_are_refused(options):
    with pytest.raises(LearnError, match="expected"):
        events(load(["adder:2"]), **options)


def test_what_cannot_be_exact_ends_all_the_same():
    # the same pattern wants 0 and 1: repair cannot help, and nobody merged the rows
    x = np.array([[0, 0], [0, 0], [1, 1], [1, 0]])
    table = sampled_table(x, np.array([[0], [1], [1], [0]]))
    last = events(table, steps=40)[-1]
    assert last.errors == 1
    assert last.errors == agreement(table, simulate(last.circuit, table.inputs))["errors"]


def test_tables_too_large_to_move_in_are_exact(monkeypatch):
    monkeypatch.setattr("learn.search.MAX_NET_BYTES", 0)
    monkeypatch.setattr("learn.search.GROWN_VALUES", 0)
    table = load(["random:7"])
    assert isinstance(satisfies(events(table, steps=2)[-1].circuit, table), Proof)
