import json

import numpy as np
import pytest

from circuits.aig import and_count
from circuits.formats import read_circuit, write
from circuits.table import sampled_table
from circuits.words import unpack
from learn import portfolio
from learn.errors import SearchError
from learn.keys import Key
from learn.models.structure import word_bit
from learn.portfolio import CANDIDATES, following, held_out, right, suits

QUICK = ("constant", "symmetric", "forest")


def sample(function, inputs, patterns=1200, seed=1):
    x = Key(seed).integers(2, (patterns, inputs)).astype(bool)
    return sampled_table(x, function(x)[:, None])


def noisy(x):
    """A function no candidate finds: a threshold, a tenth of it the other way."""
    return (x[:, :7].sum(axis=1) + 2 * x[:, 8] > 4) ^ (Key(9).uniform(len(x)) < 0.1)


def parity(x):
    return x.sum(axis=1) % 2 == 1


def learned(table, **options):
    return list(portfolio.learn(table, key=Key(0), **options))


def test_structure_is_taken_at_once_and_the_result_is_measured_as_shipped():
    table, fresh = sample(parity, 16), sample(parity, 16, seed=2)
    last = learned(table, seconds=60)[-1]
    assert last.name == "polynomial 0" and last.step == 2 and last.refitted
    assert last.held_out == last.train == right(last.circuit, fresh) == 1.0
    assert last.ands == and_count(last.circuit) <= 45


def test_what_is_held_out_is_not_seen_before_the_end(monkeypatch):
    table = sample(noisy, 12)
    apart = held_out(table, Key(0))
    assert 0.15 < apart.mean() < 0.35
    seen = []
    for name in QUICK:
        row = CANDIDATES[name]

        def spy(samples, key, level, start=None, row=row):
            seen.append(samples.x)
            yield from row.learn(samples, key, level, start)

        monkeypatch.setitem(CANDIDATES, name, row._replace(learn=spy))
    events = learned(table, steps=4, names=QUICK)
    rows = unpack(table.inputs, table.patterns).T
    trials, after = seen[: events[-1].step], seen[events[-1].step :]
    assert after and all(np.array_equal(x, rows[~apart]) for x in trials)
    assert all(np.array_equal(x, rows) for x in after)


def test_labels_that_are_held_out_change_no_trial(monkeypatch):
    monkeypatch.setattr(portfolio, "PRICES", ())  # which pruning is taken, they may say
    table = sample(noisy, 12)
    x, y = unpack(table.inputs, table.patterns).T, unpack(table.outputs, table.patterns)[0]
    other = sampled_table(x, (y ^ held_out(table, Key(0)))[:, None])
    a, b = ({t.name: t for t in learned(t, steps=4, names=QUICK)[-1].trials} for t in (table, other))
    both = sorted(a.keys() & b.keys())  # candidates that lag behind differ, and are tried no more
    assert len(both) >= 3 and [a[name].circuit for name in both] == [b[name].circuit for name in both]
    np.testing.assert_allclose([a[name].held_out for name in both], [1 - b[name].held_out for name in both])


@pytest.mark.parametrize("name", CANDIDATES)
def test_every_candidate_keeps_within_the_nodes_allowed(name):
    level = 0
    part = portfolio._samples(sample(noisy, 12, patterns=600), 25)
    *_, (share, circuit) = CANDIDATES[name].learn(part, Key(1), level, None)
    assert share == 1.0
    assert circuit is None or and_count(circuit) <= 25


def test_the_result_keeps_within_the_nodes_allowed_even_where_trials_vote():
    table = sample(noisy, 12)
    for limit in (1, 40, 200):
        last = learned(table, steps=5, names=QUICK, max_ands=limit)[-1]
        assert and_count(last.circuit) == last.ands <= limit
        assert all(trial.ands <= limit for trial in last.trials)


def test_the_best_vote_where_that_is_better_on_what_is_held_out():
    last = learned(sample(noisy, 12), steps=6, names=("constant", "forest", "symmetric"))[-1]
    best = max(trial.held_out for trial in last.trials)
    assert last.held_out >= best
    assert (last.held_out > best) == (" + " in last.name)


def test_the_same_steps_give_the_same_circuit_and_replay_a_time():
    table = sample(noisy, 12)
    timed = learned(table, seconds=0.5, names=QUICK)[-1]
    again = [learned(table, steps=timed.step, names=QUICK)[-1] for _ in range(2)]
    assert timed.circuit == again[0].circuit == again[1].circuit
    assert timed.name == again[0].name


def test_every_event_has_a_circuit_so_that_a_stop_keeps_the_best():
    held = [event.held_out for event in learned(sample(noisy, 12), steps=5, names=QUICK)]
    assert held == sorted(held)
    event = next(portfolio.learn(sample(noisy, 12), key=Key(0), steps=5))
    assert event.circuit.num_outputs == 1


def test_trials_come_in_turn_and_none_is_long_against_all_before():
    samples = portfolio._samples(sample(noisy, 12), 5000)
    rows = [name for name, row in CANDIDATES.items() if not row.begins]
    levels, spent, order = dict.fromkeys(rows, 0), 0.0, []
    for _ in range(100):
        name, cost = following(samples, levels, spent, 100)
        costs = {n: CANDIDATES[n].cost(samples, k, 100) for n, k in levels.items()}
        assert cost == costs[name] and (cost == min(costs.values()) or portfolio.PATIENT * cost <= spent)
        order.append((name, levels[name]))
        spent += cost
        levels[name] += 1
        levels = {n: k for n, k in levels.items() if k != CANDIDATES[n].levels}
    assert order[0] == ("constant", 0) and order.index(("word", 0)) < order.index(("improved", 0))
    assert {name for name, level in order if level == 0} == set(rows)


def test_annealing_again_starts_from_the_circuit_found():
    table = portfolio._samples(sample(noisy, 12, patterns=600), 1000)
    *_, (_, first) = CANDIDATES["annealed"].learn(table, Key(1), 0, None)
    steps = list(CANDIDATES["annealed"].learn(table, Key(2), 0, first))
    assert len(steps) == round(portfolio.AGAIN * portfolio.SWEEPS)
    assert right(steps[-1][1], table.table) > 0.98 * right(first, table.table)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"steps": 0}, "steps: got 0"), ({"max_ands": -1}, "max_ands: got -1"), ({"names": ("magic",)}, "'magic'")],
)
def test_wrong_calls_are_refused(options, words):
    with pytest.raises(SearchError, match=words):
        learned(sample(parity, 8), **options)


def test_other_tables_do_not_suit():
    x = Key(3).integers(2, (600, 5)).astype(bool)
    two = sampled_table(x, x[:, :2])
    assert suits(sample(parity, 8)) and not suits(two) and not suits(sample(parity, 8, patterns=100))
    with pytest.raises(SearchError, match="600 patterns and 2 outputs"):
        learned(two)


def test_the_command_line_learns_samples_by_the_portfolio(tmp_path, monkeypatch, capsys):
    from learn.cli import app

    monkeypatch.chdir(tmp_path)
    table = sample(lambda x: (x[:, :6] @ (1 << np.arange(6))) < (x[:, 6:] @ (1 << np.arange(6))), 12)
    write(table, tmp_path / "less.pla")
    with pytest.raises(SystemExit) as end:
        app(["learn", "less.pla", "--seconds", "30", "-q", "--json", "-o", "less.aig"])
    facts = json.loads(capsys.readouterr().out)
    assert end.value.code == 0 and facts["model"] == "word 0" and facts["refitted"]
    assert facts["held_out_accuracy"] == facts["accuracy"] == 1.0
    assert and_count(read_circuit("less.aig")) == facts["ands"] < 40
    with pytest.raises(SystemExit):
        app(["learn", "less.pla", "--steps", str(facts["steps"]), "-q", "-o", "again.aig"])
    assert (tmp_path / "less.aig").read_bytes() == (tmp_path / "again.aig").read_bytes()


@pytest.fixture
def given(monkeypatch):
    """Return what improvements start from; they change nothing."""
    given = []

    def spy(samples, key, level, start=None):
        given.append(start)
        yield 1.0, start

    monkeypatch.setitem(CANDIDATES, "improved", CANDIDATES["improved"]._replace(learn=spy))
    return given


def test_improving_starts_from_the_best_circuit_so_far(given):
    last = learned(sample(noisy, 12), steps=6, names=("forest", "improved"))[-1]
    before = max((t for t in last.trials if t.row == "forest"), key=lambda t: -t.rank)
    assert given[0] == before.circuit


def test_other_lines_begin_where_improvements_are_idle(given):
    last = learned(sample(noisy, 12), steps=24, names=("forest", "improved", "tree"))[-1]
    rows = [trial.row for trial in last.trials]
    first = rows.index("tree")
    assert rows[:first].count("improved") >= portfolio.IDLE and rows.count("tree") > 1
    assert {t.line for t in last.trials if t.row == "tree"} <= {t.line for t in last.trials if t.row == "improved"}
    assert given[first - rows[:first].count("forest")] is last.trials[first].circuit
    for _, name in zip(range(3), last.name.split(" + "), strict=False):
        assert any(trial.name == name for trial in last.trials)


def test_improving_a_tree_finds_what_it_lacks():
    def gates(x):
        return np.bitwise_xor.reduce(x[:, :10:2] & x[:, 1:10:2], axis=1)

    last = learned(sample(gates, 16), steps=5, names=("forest", "improved"))[-1]
    held = {trial.name: trial.held_out for trial in last.trials}
    assert held["forest 0"] < held["improved 0"] <= last.held_out
    assert right(last.circuit, sample(gates, 16, seed=2)) > held["forest 0"]


def test_a_structure_that_settles_ends_the_trials_and_gives_up_accuracy_for_its_worth():
    def quotient(x):
        value = 1 << np.arange(12, dtype=np.int64)
        return (x[:, :12] @ value) // np.maximum(x[:, 12:] @ value, 1) % 2 == 1

    last = learned(sample(quotient, 24, patterns=4000), seconds=60)[-1]
    assert last.name == "word 0" and last.trials[-1].row == "word" and last.held_out > 0.97
    samples = portfolio._samples(sample(quotient, 24), 5000)
    exact = and_count(portfolio._built(samples, word_bit(samples.x, samples.y).recipe(0)))
    assert last.ands < exact and 1 - last.held_out < portfolio.WORTH * exact
