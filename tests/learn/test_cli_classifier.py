"""The command line's trainings: rules, progress, interruption, and checkpoints that the same command goes on from."""

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from circuits.formats import read_circuit
from learn import choose, cli_classifier
from learn.rules import rules_in
from learn.spaces import Int

MONK = ["learn", "monk1", "--tables", 40, "--threads", 1]


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Run every test in an empty folder, with a look at every step."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli_classifier, "PULSE", 0.0)
    monkeypatch.setattr(cli_classifier, "RANDOM_INPUTS", 100)
    return tmp_path


@pytest.fixture
def interrupt(monkeypatch):
    """Let Ctrl-C come after so many looks at a training."""

    class Stops:
        def __init__(self, looks):
            self.left = looks

        def __bool__(self):
            return self.left <= 0

    def after(looks):
        @contextmanager
        def stop_signals():
            yield stops

        stops, show = Stops(looks), cli_classifier._progress

        @contextmanager
        def counted(*options):
            with show(*options) as shown:

                def count(event):
                    stops.left -= 1
                    shown(event)

                yield count

        monkeypatch.setattr(cli_classifier, "stop_signals", stop_signals)
        monkeypatch.setattr(cli_classifier, "_progress", counted)

    with monkeypatch.context() as monkeypatch:
        yield after


@pytest.mark.parametrize("rule", rules_in(Int))
def test_every_rule_by_name(run, rule):
    code, out, err = run(*MONK, "--steps", 2, "--rule", rule, "--json", "-q")
    facts = json.loads(out)
    assert (code, err, facts["rule"], facts["steps"]) == (0, "", rule, 2)
    assert len(facts["history"]) == 2 and facts["history"][-1]["validation"] == facts["accuracy_trained"]
    assert set(facts["history"][0]) == {"loss", "accuracy", "validation", "flips", "swaps"}


def test_rules_differ_and_the_votes_are_the_default(run):
    def history(*options):
        return json.loads(run(*MONK, "--steps", 2, "--json", "-q", *options)[1])["history"]

    assert history() == history("--rule", "vote") != history("--rule", "bold")
    code, out, err = run(*MONK, "--rule", "votes")
    assert code == 2 and out == "" and err.count("\n") == 1
    assert "got 'votes', expected one of zim, " in err


def test_progress_in_a_log(run):
    code, out, err = run(*MONK, "--steps", 3)
    assert code == 0 and "pass 3 ended after" in out and "replay with --tables 40 --steps 3 --seed 0" in out
    (line, *_) = err.splitlines()
    assert all(words in line for words in ("pass 1  loss ", "training ", "held out ", "flips ", "swapped pins", "/s"))


def test_progress_on_a_terminal():
    main_end, program_end = pty.openpty()
    command = [sys.executable, "-m", "learn", *map(str, MONK), "--seconds", "1", "--json"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=program_end, env=environment)
    os.close(program_end)
    shown = b""
    try:
        while part := os.read(main_end, 4096):
            shown += part
    except OSError:  # the other end is closed
        pass
    out, _ = process.communicate(timeout=60)
    os.close(main_end)
    assert process.returncode == 0 and json.loads(out)["history"]
    assert b"\x1b[" in shown and b"held out" in shown and b"/s" in shown


def test_a_signal_writes_the_best_so_far(workplace):
    command = [sys.executable, "-m", "learn", *map(str, MONK), "--steps", "1000000", "--json", "-o", "m.json"]
    command += ["--checkpoint", "m.npz"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert "held out" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    facts = json.loads(out)
    assert process.returncode == 0 and facts["interrupted"] is True and facts["written"] == ["m.json"]
    assert "going on with the best network so far" in err and "Traceback" not in err
    assert facts["accuracy"] == max((each["validation"] for each in facts["history"]), default=None)
    assert read_circuit("m.json").output_names == ("class",)
    assert sorted(path.name for path in workplace.iterdir()) == ["m.json", "m.npz"]


@pytest.mark.parametrize(("looks", "timed"), [(1, False), (5, True), (8, False)])
def test_the_same_command_goes_on(run, interrupt, monkeypatch, looks, timed, workplace):
    """Of a training of two steps a pass; with --seconds, how many passes there are is told by the checkpoint."""
    monkeypatch.setattr("learn.classify.MAX_EPOCHS", 6)
    monkeypatch.setattr("learn.choose.FOLDS", 2)  # few trials are a choice to go on with, too
    monkeypatch.setattr("learn.choose.TABLES", choose.TABLES[:1])
    command = [*MONK, *(["--seconds", 1000] if timed else ["--steps", 6]), "--rule", "bold", "--json", "-q"]
    _, whole, _ = run(*command, "-o", "whole.json")
    with monkeypatch.context():
        command += ["--checkpoint", "state.npz", "-o", "part.json"]
        interrupt(looks)
        code, out, err = run(*command)
        facts = json.loads(out)
        assert code == 0 and facts["interrupted"] and f"interrupted in pass {-(-looks // 2)}: going on" in err
        assert len(facts["history"]) == looks // 2
        interrupt(1000)
        code, out, _ = run(*command)
        assert code == 0 and json.loads(out)["history"] == json.loads(whole)["history"]
        assert (workplace / "part.json").read_bytes() == (workplace / "whole.json").read_bytes()
        code, out, _ = run(*command)  # what is done is not done again
        assert code == 0 and json.loads(out)["history"] == json.loads(whole)["history"]


def test_a_checkpoint_of_another_training(run, workplace):
    command = [*MONK, "--steps", 2, "-q", "--checkpoint", "state.npz"]
    assert run(*command)[0] == 0
    before = (workplace / "state.npz").read_bytes()
    for options, there, here in (
        (["--seed", 5], "seed 0", "seed 5"),
        (["--rule", "zim"], "rule vote", "rule zim"),
        (["--steps", 3], "steps 2", "steps 3"),
        (["--tables", 50], "tables 40", "tables 50"),
    ):
        code, out, err = run(*command, *options, "-o", "m.json")
        assert code == 2 and out == "" and err.count("\n") == 1
        assert f"state.npz: is of another training: {there} there, {here} here" in err
    (workplace / "state.npz").write_bytes(before[:-30])
    code, _, err = run(*command)
    assert code == 2 and "state.npz: is damaged or no checkpoint" in err
    assert [path.name for path in workplace.iterdir()] == ["state.npz"]


def test_a_checkpoint_of_other_data(run, workplace):
    def write(last):
        rows = "\n".join(f"{a},{b},{int(a > b)}" for a in range(20) for b in range(9))
        (workplace / "data.csv").write_text(f"a,b,class\n{rows}\n{last}\n")

    command = ["learn", "data.csv", "--tables", 30, "--steps", 2, "-q", "--checkpoint", "state.npz"]
    write("3,7,0")
    assert run(*command)[0] == 0
    write("3,7,1")
    code, _, err = run(*command)
    assert code == 2 and "of another training: of other data, key or settings" in err


def test_checkpoints_are_for_classifiers(run):
    code, _, err = run("learn", "adder:2", "--checkpoint", "state.npz")
    assert code == 2 and "--checkpoint: got a truth table" in err
    code, _, err = run(*MONK, "--steps", 1, "-q", "--checkpoint", "none/state.npz")
    assert code == 2 and "none/state.npz: cannot be written: No such file" in err
