"""Short trials choose how a classifier is trained: what they try, on which samples, and when another plan is better."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from learn import choose
from learn.choose import FOLDS, USUAL, Trial, alternatives, chosen, folds, trials
from learn.classify import plan_for, samples_apart
from learn.cli import app
from learn.data import Dataset, load_dataset
from learn.keys import Key
from learn.train import Settings


def images(samples, side=4):
    pixels = Key(0).integers(256, (samples, side * side)).astype(np.uint8)
    names = tuple(f"p{k}" for k in range(side * side))
    return Dataset("dots", pixels, np.arange(samples) % 2, names, ("no", "yes"), (side, side))


def test_alternatives():
    table, many, few = load_dataset("monk1", split="train"), images(2000), images(100)
    assert list(alternatives(many, plan_for(many))) == [USUAL, "warps=small", "warps=none", "softness=1.5"]
    assert list(alternatives(few, plan_for(few)))[1] == "encoding=uniform"
    plans = alternatives(table, plan_for(table), {"encoding"})
    assert list(plans) == [USUAL, "pins=4"] and plans["pins=4"].pins == 4
    assert list(alternatives(many, plan_for(many), {"warps"})) == [USUAL, "softness=1.5"]
    assert list(alternatives(many, plan_for(many), {"softness"})) == [USUAL, "warps=small", "warps=none"]
    assert alternatives(many, plan_for(many), {"warps", "softness"}) == {USUAL: plan_for(many)}
    for data in (table, many):
        for name, plan in alternatives(data, plan_for(data)).items():
            for change in () if name == USUAL else name.split():
                field, value = change.split("=")
                assert str(getattr(plan, field)) == value


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 9))
def test_folds_share_out_each_class(labels, seed):
    wanted = np.array(labels)
    found = folds(wanted, Key(seed))
    assert found.min() >= 0 and found.max() < FOLDS
    for label in np.unique(wanted):
        counts = np.bincount(found[wanted == label], minlength=FOLDS)
        assert counts.max() - counts.min() <= 1


def test_trials_of_few_samples_hold_each_out_once():
    table = load_dataset("monk1", split="train")
    plans = {
        name: plan._replace(tables=20, settings=Settings(epochs=1, batch=64))
        for name, plan in alternatives(table, plan_for(table)).items()
    }
    found = list(trials(table, plans, key=Key(0), seconds=1000))
    assert [trial.name for trial in found] == [*plans] * FOLDS
    for name in plans:
        assert sum(len(trial.right) for trial in found if trial.name == name) == table.num_samples
    again = list(trials(table, plans, key=Key(0), seconds=1000))
    assert all(np.array_equal(a.right, b.right) for a, b in zip(found, again, strict=True))
    assert list(trials(table, plans, key=Key(0), seconds=0)) == []


def test_trials_of_many_samples_train_on_a_part(monkeypatch):
    many, seen = images(2500), []
    inner = choose.learn_classifier

    def watched(dataset, *, apart, plan, **options):
        seen.append((dataset.num_samples, int(apart.sum()), plan.tables, plan.warps))
        return inner(dataset, apart=apart, plan=plan, **(options | {"seconds": None}))

    monkeypatch.setattr(choose, "learn_classifier", watched)
    plan = plan_for(many, tables=20)._replace(settings=Settings(epochs=1))
    found = list(trials(many, alternatives(many, plan), key=Key(0), seconds=1000))
    held = int(samples_apart(many, Key(0)).sum())
    assert [warps for *_, warps in seen] == ["shift", "small", "none", "shift"]
    assert all(held == apart and tables == 5 for _, apart, tables, _ in seen)
    for (samples, *_), trial in zip(seen, found, strict=True):
        assert held < samples < 0.4 * many.num_samples and len(trial.right) == many.num_samples - samples + held


def right(name, *ones, of=100):
    return Trial(name, np.isin(np.arange(of), ones), 1.0)


@pytest.mark.parametrize(
    ("found", "taken"),
    [
        ([], "a"),
        ([right("a", 1, 2)], "a"),
        ([right("a", 1, 2), right("b", *range(2, 9))], "b"),
        ([right("a", 1, 2), right("b", 3, 4, 5)], "a"),  # one more right of five that differ says nothing
        ([right("a", 1), right("b", 1, 2, 3), right("c", *range(9))], "c"),
        ([right("a", 1), right("b", 1), right("a"), right("b")], "a"),
        ([right("a"), right("b", 1, 2, 3), right("a", *range(50))], "b"),  # the second round did not end
    ],
)
def test_another_plan_has_to_be_clearly_better(found, taken):
    assert chosen(found, ["a", "b", "c"] if any(t.name == "c" for t in found) else ["a", "b"]) == taken


def test_the_command_line_says_what_it_tried_and_how_to_repeat_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["learn", "monk1", "--tables", "40", "--json", "--quiet", "--threads", "1"]
    first = CliRunner().invoke(app, [*command, "--seconds", "8", "-o", "one.json"])
    facts = json.loads(first.stdout)
    assert facts["chosen"] in facts["tried"] and len(facts["tried"][USUAL]) >= 1
    chose = [] if facts["chosen"] == USUAL else ["--" + facts["chosen"].split("=")[0], facts["chosen"].split("=")[1]]
    again = CliRunner().invoke(app, [*command, *chose, "--steps", str(facts["steps"]), "-o", "two.json"])
    assert json.loads(again.stdout)["tried"] == {name: [] for name in json.loads(again.stdout)["tried"]}
    assert (tmp_path / "one.json").read_text() == (tmp_path / "two.json").read_text()


def test_a_checkpoint_remembers_what_was_chosen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(choose, "chosen", lambda found, names: "pins=4")
    command = ["learn", "monk1", "--tables", "40", "--seconds", "3", "--json", "--quiet", "--checkpoint", "t.npz"]
    first = json.loads(CliRunner().invoke(app, command).stdout)
    monkeypatch.setattr(choose, "chosen", lambda found, names: "encoding=gray")
    second = json.loads(CliRunner().invoke(app, command).stdout)
    assert first["chosen"] == second["chosen"] == "pins=4" and second["steps"] == first["steps"]
    assert all(not tried for tried in second["tried"].values())
    other = CliRunner().invoke(app, [*command, "--pins", "3"])
    assert other.exit_code == 2 and "is of another training" in other.stderr
