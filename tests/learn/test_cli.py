"""The command line: every verb, its JSON, its complaints, what it writes and what it never leaves behind."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest

import learn.search
from circuits.circuit import Builder, Circuit
from circuits.errors import ToolError
from circuits.formats import FORMATS, read, read_circuit, write
from circuits.verify import Proof, equivalent
from learn.data import generate
from learn.search import Event

COMMAND = [sys.executable, "-W", "error", "-m", "learn"]


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Run every test in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def full_adder():
    build = Builder(["a", "b", "c"], name="full_adder")
    a, b, c = (build.term(wire) for wire in build.inputs)
    half = a ^ b
    return build.circuit({"sum": (half ^ c).wire, "carry": ((a & b) | (half & c)).wire})


def answers(code, *circuits):
    """Make a stand-in for the search that yields these circuits, one a step."""

    def search(table, **settings):
        for step, circuit in enumerate(circuits, 1):
            yield Event(step, 0.1 * step, "grow", 1, 1, 1, circuit.num_gates, step, step, circuit)
        if code:
            raise code

    return search


def constant(table, value=0):
    build = Builder(table.input_names, name=table.name)
    return build.circuit([(name, build.const(value)) for name in table.output_names])


def one_line(err):
    assert err.startswith("gatewright: ")
    assert err.count("\n") == 1 and err.endswith("\n")
    return err


# --- learn ------------------------------------------------------------------------------------------------------------


def test_learn_proves_and_writes(run, workplace):
    code, out, err = run(
        "learn", "adder:2", "--steps", 3, "--json", "-q", "-o", "add.aig", "-o", "add.v", "-o", "add.svg"
    )
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts["exact"] is True and facts["errors"] == 0 and facts["accuracy"] == facts["bit_accuracy"] == 1.0
    assert facts["steps"] == 3 and facts["seed"] == 0 and facts["rule"] == "heat_bath" and not facts["interrupted"]
    assert facts["proof"] == "equal (exhaustive, 16 patterns)"
    assert facts["written"] == ["add.aig", "add.v", "add.svg"]
    assert sorted(path.name for path in workplace.iterdir()) == ["add.aig", "add.svg", "add.v"]
    assert {"ands", "levels", "gates", "moves", "seconds", "threads", "data", "function"} <= set(facts)
    assert (workplace / "add.svg").read_text().startswith("<")
    assert isinstance(equivalent(read_circuit("add.aig"), read_circuit("add.v")), Proof)
    code, out, _ = run("stats", "add.aig", "--json")
    assert code == 0
    assert {k: json.loads(out)[k] for k in ("inputs", "outputs", "ands", "levels")} == {
        "inputs": 4,
        "outputs": 3,
        "ands": facts["ands"],
        "levels": facts["levels"],
    }
    assert run("verify", "add.aig", "adder:2")[0] == 0


def test_learn_begins_with_a_circuit(run, workplace):
    write(generate("adder", 2), "long.truth")
    assert run("convert", "long.truth", "long.aig")[0] == 0
    before = json.loads(run("stats", "long.aig", "--json")[1])["ands"]
    code, out, err = run("learn", "long.aig", "--start", "long.aig", "--steps", 4, "--json", "-q")
    assert code == 0
    assert err == f"gatewright: long.aig: begins with {before} AND nodes, 0 output values wrong\n"
    assert json.loads(out)["ands"] < before
    code, _, err = run("learn", "adder:3", "--start", "long.aig", "--steps", 1, "-q")
    assert code == 2
    assert "has 4 inputs and 3 outputs, expected 6 and 4" in err


def test_learn_makes_small_what_a_cost_says(run, workplace):
    code, out, err = run("learn", "adder:2", "--cost", "xor_ands+2*levels", "--steps", 3, "--json", "-q", "-o", "a.aig")
    facts = json.loads(out)
    assert (code, err, facts["cost"]) == (0, "", "xor_ands+2*levels")
    stats = json.loads(run("stats", "a.aig", "--json")[1])
    assert facts["cost_value"] == stats["xor_ands"] + 2 * stats["levels"]
    code, _, err = run("learn", "adder:2", "--cost", "area", "-q")
    assert code == 2 and err.startswith("gatewright: error: cost: got 'area', expected one of ands, ")
    code, _, err = run("learn", "iris", "--cost", "ands", "-q")
    assert code == 2 and "--cost: got labelled samples" in err


def test_learn_for_a_person(run):
    code, out, err = run("learn", "parity:3", "--steps", 2, "-o", "parity.blif")
    assert code == 0
    assert "exact: equal (exhaustive, 8 patterns)" in out
    assert re.search(r"replay with --steps 2 --seed 0\nwrote parity.blif\n$", out)
    assert re.match(
        r" +\d+\.\d s  (grow|shrink) +errors \d+  exact outputs [01]/1  AND nodes \d+  moves \S+/s  flips", err
    )


def test_a_terminal_gets_a_table_with_the_same_lines(run, monkeypatch):
    """Only a person at a terminal; a pipe, --quiet and --json get what programs read."""

    def words(text):
        return re.sub(r"\x1b\[[0-9;]*m|[^ -~]", " ", re.sub(r"[0-9.]+ s;|\S+/s", "", text)).split()

    arguments = ("learn", "parity:3", "--steps", 2, "-o", "parity.blif")
    plain = run(*arguments)[1]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    table = run(*arguments)[1]
    assert "╭" in table and all(about in words(table) for about in ("function", "proof", "size", "time", "files"))
    for line in plain.splitlines():
        assert " ".join(words(line)) in " ".join(words(table))
    assert "╭" not in run(*arguments, "-q")[1] and "wrote parity.blif" in run(*arguments, "-q")[1]
    assert json.loads(run(*arguments, "--json")[1])["exact"]


def test_same_seed_and_steps_same_files_on_any_number_of_threads(run, workplace):
    suffixes = ("aig", "v", "json", "svg")
    for folder, threads in (("one", 1), ("two", 2)):
        (workplace / folder).mkdir()
        outputs = [part for s in suffixes for part in ("-o", f"{folder}/c.{s}")]
        assert run("learn", "multiplier:2", "--steps", 4, "--seed", 7, "--threads", threads, "-q", *outputs)[0] == 0
    for suffix in suffixes:
        assert (workplace / f"one/c.{suffix}").read_bytes() == (workplace / f"two/c.{suffix}").read_bytes()


def test_a_run_on_the_clock_is_replayed_by_its_steps(run, workplace):
    code, out, _ = run("learn", "comparator:2", "--seconds", 0.5, "-q", "--json", "-o", "clock.aag")
    assert code == 0
    steps = json.loads(out)["steps"]
    assert run("learn", "comparator:2", "--steps", steps, "-q", "-o", "steps.aag")[0] == 0
    assert (workplace / "clock.aag").read_bytes() == (workplace / "steps.aag").read_bytes()


def test_repeated_and_contradictory_rows_are_counted(run, workplace):
    rows = "00 11\n00 11\n00 01\n01 10\n10 0-\n11 10\n11 00\n"
    (workplace / "rows.pla").write_text(f".i 2\n.o 2\n.type fr\n{rows}.e\n")
    code, out, err = run("learn", "rows.pla", "--steps", 2, "-q", "--json")
    facts = json.loads(out)
    assert code == 0 and facts["exact"]
    assert (facts["repeated_patterns"], facts["contradictory_patterns"], facts["contradictory_values"]) == (3, 2, 2)
    assert facts["errors"] == 0 and facts["accuracy"] == pytest.approx(5 / 7)
    assert "3 repeated patterns, 2 patterns with contradictory values (2 values)" in one_line(err)


@pytest.mark.parametrize(
    ("name", "text", "inputs", "outputs", "ands"),
    [
        ("one.truth", "1\n", 0, 1, 0),
        ("zeros.truth", "00000000\n", 3, 1, 0),
        ("both.truth", "1111\n0000\n", 2, 2, 0),
        ("none.aag", "aag 2 2 0 0 0\n2\n4\n", 2, 0, 0),
        ("nothing.aag", "aag 0 0 0 0 0\n", 0, 0, 0),
        ("wire.truth", "10\n", 1, 1, 0),
    ],
)
def test_degenerate_functions(run, workplace, name, text, inputs, outputs, ands):
    (workplace / name).write_text(text)
    code, out, err = run("learn", name, "--steps", 1, "-q", "--json", "-o", "out.aig", "-o", "out.svg")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert (facts["exact"], facts["inputs"], facts["outputs"], facts["ands"]) == (True, inputs, outputs, ands)
    assert run("verify", "out.aig", name)[0] == 0
    code, out, _ = run("eval", "out.aig", name, "--json")
    assert json.loads(out) == {"accuracy": 1.0, "bit_accuracy": 1.0, "patterns": 1 << inputs, "errors": 0}


@pytest.mark.parametrize(
    ("options", "code", "written"),
    [
        ((), 1, False),
        (("--exact",), 1, False),
        (("--max-ands", 3), 0, True),
        (("--max-ands", 3, "--exact"), 1, False),
    ],
)
def test_a_complete_table_comes_out_exact_or_not_at_all(run, workplace, monkeypatch, options, code, written):
    monkeypatch.setattr(learn.search, "learn", answers(None, constant(generate("parity", 2))))
    got, out, err = run("learn", "parity:2", "-q", "-o", "p.aig", *options)
    assert got == code
    assert "not exact: 2 output values wrong on 4 patterns; 50.00% of the patterns all right" in out
    assert (workplace / "p.aig").exists() == written
    assert err == "" if written else "nothing written: 2 output values wrong" in one_line(err)


def test_more_nodes_than_asked_for_is_said(run, workplace):
    code, out, err = run("learn", "adder:2", "--max-ands", 2, "--steps", 2, "-q", "--json", "-o", "a.aig")
    assert code == 1 and (workplace / "a.aig").exists()
    assert f"{json.loads(out)['ands']} AND nodes, more than --max-ands 2" in one_line(err)


def test_a_sample_is_learned_as_well_as_can_be(run, workplace, monkeypatch):
    (workplace / "s.pla").write_text(".i 2\n.o 1\n.type fr\n00 1\n01 0\n.e\n")
    monkeypatch.setattr(learn.search, "learn", answers(None, constant(generate("parity", 2))))
    assert run("learn", "s.pla", "-q", "-o", "s.aig")[0] == 0
    assert (workplace / "s.aig").exists()
    assert run("learn", "s.pla", "-q", "-o", "t.aig", "--exact")[0] == 1
    assert not (workplace / "t.aig").exists()


def test_a_failing_picture_does_not_lose_the_circuit(run, workplace, monkeypatch):
    def fail(*_, **__):
        raise ToolError("drawing: no engine")

    monkeypatch.setattr("learn.outputs.draw", fail)
    code, _, err = run("learn", "parity:2", "--steps", 1, "-q", "-o", "p.svg", "-o", "p.aig")
    assert code == 2 and one_line(err) == "gatewright: error: drawing: no engine\n"
    assert [p.name for p in workplace.iterdir()] == ["p.aig"]


# --- interruption -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_writes_the_best_so_far(workplace, number):
    command = [*COMMAND, "learn", "multiplier:4", "--threads", "1", "--json", "-o", "m.aig"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert "errors" in process.stderr.readline()
            process.send_signal(number)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    facts = json.loads(out)
    assert facts["interrupted"] is True
    assert process.returncode == (0 if facts["exact"] else 1)
    assert "interrupted: going on with the best circuit so far" in err and "Traceback" not in err
    assert read_circuit("m.aig").num_inputs == 8
    assert [p.name for p in workplace.iterdir()] == ["m.aig"]


def test_a_second_signal_gives_up(workplace):
    command = [*COMMAND, "learn", "multiplier:4", "--threads", "1", "-o", "m.aig"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert "errors" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert any("once more to give up" in line for line in iter(process.stderr.readline, ""))
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=120)
        finally:
            process.kill()
    # The search may have come to its end between the two signals; then the second one meets the writing.
    assert process.returncode in (130, -signal.SIGINT) and out == ""
    assert list(workplace.iterdir()) == []


def test_a_terminal_gets_a_bar():
    main_end, program_end = pty.openpty()
    command = [*COMMAND, "learn", "adder:2", "--seconds", "2", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=program_end, env={**os.environ, "TERM": "xterm"})
    os.close(program_end)
    shown = b""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            part = os.read(main_end, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    out, _ = process.communicate(timeout=60)
    os.close(main_end)
    assert process.returncode == 0 and json.loads(out)["exact"]
    assert b"\x1b[" in shown and b"errors" in shown and b"AND nodes" in shown


def test_a_reader_that_leaves_is_no_error():
    with subprocess.Popen([*COMMAND, "data"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


# --- the other verbs --------------------------------------------------------------------------------------------------


def test_eval_counts_rows_as_given(run, workplace, full_adder):
    write(full_adder, "fa.json")
    (workplace / "rows.pla").write_text(".i 3\n.o 2\n.type fr\n000 00\n000 00\n111 11\n111 01\n.e\n")
    code, out, _ = run("eval", "fa.json", "rows.pla", "--json")
    assert code == 0
    assert json.loads(out) == {"accuracy": 0.75, "bit_accuracy": 0.875, "patterns": 4, "errors": 1}


def test_stats_of_a_circuit_and_of_a_table(run, full_adder):
    write(full_adder, "fa.json")
    code, out, _ = run("stats", "fa.json", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts == {
        "inputs": 3,
        "outputs": 2,
        "gates": 5,
        "levels": 4,
        "params": 0,
        "ands": facts["ands"],
        "xor_ands": 5,
        "luts6": 2,
        "kinds": {"and": 2, "or": 1, "xor": 2},
    }
    assert facts["ands"] in (7, 9)
    assert "ands" in run("stats", "fa.json")[1]
    code, out, _ = run("stats", "divider:2", "--json")
    assert code == 0
    assert json.loads(out)["values"] == 48 and json.loads(out)["dont_cares"] == 16


def test_verify_says_equal_different_or_why_not(run, workplace, full_adder):
    write(full_adder, "fa.aag")
    write(full_adder, "fa.truth")
    for a, b in (("fa.aag", "fa.aag"), ("fa.aag", "fa.truth"), ("fa.truth", "fa.aag"), ("fa.truth", "fa.truth")):
        assert run("verify", a, b) == (0, "equal (exhaustive, 8 patterns)\n", "")
    write(full_adder.renamed(), "same.v")
    wrong = Builder(["a", "b", "c"])
    write(wrong.circuit({"sum": wrong.add("xor", 0, 1), "carry": wrong.add("maj", 0, 1, 2)}), "wrong.blif")
    code, out, err = run("verify", "fa.aag", "wrong.blif")
    assert (code, err) == (1, "")
    assert out == "different at a=0 b=0 c=1: sum is 1 in the first and 0 in the second\n"
    code, out, _ = run("verify", "fa.truth", "wrong.blif", "--json")
    assert code == 1
    difference = json.loads(out)
    assert difference["equal"] is False and list(difference["outputs"].values()) == [[1, 0]]
    code, out, err = run("verify", "fa.aag", "adder:1")
    assert (code, out) == (2, "") and "expected the same numbers" in one_line(err)


def test_verify_warns_of_names_in_another_order(run, full_adder):
    write(full_adder, "fa.aag")
    write(full_adder.renamed(inputs=["b", "a", "c"]), "swapped.aag")
    code, out, err = run("verify", "fa.aag", "swapped.aag")
    assert code == 0 and out.startswith("equal")
    assert "warning: the inputs of fa.aag and swapped.aag have the same names in another order" in one_line(err)


def test_simplify_shrinks_and_proves(run):
    assert run("convert", "adder:3", "big.aig")[0] == 0
    code, out, _ = run("simplify", "big.aig", "small.aig", "--json")
    facts = json.loads(out)
    assert code == 0 and facts["ands"] < facts["ands_before"] and facts["proof"].startswith("equal")
    assert run("verify", "small.aig", "adder:3")[0] == 0
    assert "AND nodes, proved: equal" in run("simplify", "big.aig", "again.v")[1]


def test_simplify_asks_abc_and_survives_it(run, workplace, monkeypatch):
    assert run("convert", "adder:2", "big.aig")[0] == 0
    program = workplace / "berkeley-abc"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{workplace}{os.pathsep}{os.environ['PATH']}")
    code, out, err = run("simplify", "big.aig", "small.aig", "--abc", "--json")
    said = f"{program}: ended with status 3"
    assert (code, one_line(err)) == (0, f"gatewright: warning: {said}; going on without it\n")
    assert json.loads(out)["failures"] == [said]
    assert run("verify", "small.aig", "adder:2")[0] == 0
    monkeypatch.setenv("PATH", str(workplace / "nothing"))
    code, out, err = run("simplify", "big.aig", "none.aig", "--abc")
    assert (code, out) == (2, "") and "abc: not found, expected one of" in one_line(err)
    assert not (workplace / "none.aig").exists()


def test_verify_says_unknown_in_time(run, monkeypatch):
    build = Builder([f"x{i}" for i in range(17)])
    write(build.circuit({"y": build.add("and", 0, 16)}), "a.aag")
    monkeypatch.setattr("circuits.verify.decide", lambda *_, **__: None)
    code, out, _ = run("verify", "a.aag", "a.aag", "--seconds", "2.5", "--json")
    reason = "neither a proof nor a difference within 2.5 seconds"
    assert (code, json.loads(out)) == (2, {"equal": None, "reason": reason})
    code, _, err = run("verify", "a.aag", "a.aag", "--seconds", "-1")
    assert code == 2 and "got -1.0 seconds, expected a number above 0" in one_line(err)


def test_stats_count_tables_of_large_circuits_when_asked(run, monkeypatch):
    monkeypatch.setattr("learn.cli.STATS_LUT_ANDS", 3)
    assert run("convert", "adder:2", "big.aig")[0] == 0
    assert json.loads(run("stats", "big.aig", "--json")[1])["luts6"] is None
    assert json.loads(run("stats", "big.aig", "--json", "--luts")[1])["luts6"] >= 3


@pytest.mark.parametrize("suffix", [s for s, row in FORMATS.items() if row.write and row.parse])
@pytest.mark.parametrize("packing", ["", ".gz", ".xz"])
def test_convert_between_all_formats(run, suffix, packing, full_adder):
    write(full_adder, "fa.json")
    code, out, err = run("convert", "fa.json", f"x{suffix}{packing}")
    assert (code, out, err) == (0, f"wrote x{suffix}{packing}\n", "")
    assert run("verify", f"x{suffix}{packing}", "fa.json")[0] == 0
    assert run("convert", "adder:1", f"y{suffix}{packing}")[0] == 0
    assert run("verify", f"y{suffix}{packing}", "adder:1")[0] == 0


def test_convert_keeps_a_sample_a_sample(run, workplace):
    (workplace / "s.pla").write_text(".i 2\n.o 1\n.type fr\n00 1\n01 0\n.e\n")
    assert run("convert", "s.pla", "t.pla.gz")[0] == 0
    assert read("t.pla.gz").patterns == 2
    code, _, err = run("convert", "s.pla", "s.aig")
    assert code == 2 and "learn one from it" in one_line(err)
    assert not (workplace / "s.aig").exists()


def test_draw_every_picture(run, workplace, full_adder):
    write(full_adder, "fa.json")
    names = ["fa.svg", "fa.png", "fa.pdf", "fa.dot"]
    code, out, err = run("draw", "fa.json", *(part for name in names for part in ("-o", name)))
    assert (code, err) == (0, "") and out == "".join(f"wrote {name}\n" for name in names)
    starts = [(workplace / name).read_bytes()[:5] for name in names]
    assert starts[1] == b"\x89PNG\r" and starts[2] == b"%PDF-" and starts[0].startswith(b"<")
    code, _, err = run("draw", "fa.json", "-o", "fa.aig")
    assert code == 2 and "expected one of .svg .pdf .png .dot" in one_line(err)


def test_data_lists_explains_and_previews(run, workplace):
    code, out, _ = run("data")
    assert code == 0 and "adder:N" in out and "seven_segment" in out
    assert list(json.loads(run("data", "--json")[1])) == [line.split()[0] for line in out.splitlines()]
    assert "N = 1..10" in run("data", "adder")[1]
    facts = json.loads(run("data", "monk3", "--json")[1])
    assert (facts["train"], facts["test"], facts["files"]) == (122, 432, "none needed")
    assert json.loads(run("data", "--json")[1])["monk3"] == facts
    (workplace / "few.csv").write_text("a,b,kind\n1,2,x\n3,4,y\n5,6,y\n")
    facts = json.loads(run("data", "few.csv", "--json")[1])
    assert facts["samples_a_class"] == {"x": 1, "y": 2} and facts["feature_names"] == ["a", "b"]
    code, out, _ = run("data", "divider:1")
    assert code == 0 and "  10 --" in out and "a0 b0" in out
    assert json.loads(run("data", "adder:2", "--json")[1])["output_names"] == ["s0", "s1", "s2"]


def test_demo_writes_everything(run, workplace, monkeypatch):
    monkeypatch.setattr("learn.cli.DEMO_SECONDS", 0.2)
    code, out, _ = run("demo", "-q")
    assert code == 0 and "exact: equal" in out
    written = sorted(p.name for p in (workplace / "gatewright-demo").iterdir())
    assert written == sorted(f"seven_segment.{s}" for s in ("aig", "aag", "blif", "v", "json", "truth", "dot", "svg"))
    for name in written:
        if not name.endswith((".dot", ".svg")):
            assert run("verify", f"gatewright-demo/{name}", "seven_segment")[0] == 0


# --- complaints -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["stats", "gone.aig"], "gone.aig: cannot read: No such file"),
        (["stats", "broken.aig"], "broken.aig"),
        (["stats", "what.xyz"], "expected one of .truth"),
        (["stats", "."], "expected"),
        (["eval", "broken.aig", "adder:2"], "broken.aig"),
        (["eval", "good.aag", "adder:2"], "has 1 inputs and 1 outputs, expected 4 and 3"),
        (["verify", "good.aag", "gone.v"], "gone.v"),
        (["convert", "adder:2", "x.foo"], "x.foo: got suffix '.foo'"),
        (["convert", "adder:2", "x"], "got suffix ''"),
        (["convert", "adder:2", "gone/x.aig"], "gone/x.aig: cannot be written: No such file"),
        (["convert", "adder:2", "good.aag/x.aig"], "Not a directory"),
        (["convert", "adder:2", "folder.aig"], "is a folder"),
        (["simplify", "good.aag", "x.foo"], "suffix"),
        (["draw", "adder:2", "-o", "x.foo"], "suffix"),
        (["demo", "-o", "good.aag"], "good.aag"),
        (["data", "minst"], "no such data set"),
        (["data", "iris", "--fetch"], "data set 'iris': has no files to fetch, expected one of mnist, fashion_mnist"),
        (["data", "gone.csv"], "gone.csv: cannot read: No such file"),
        (["data", "adder:11"], "expected a number in 1..10"),
        (["learn", "adder:2", "-o", "x.foo"], "suffix"),
        (["learn", "adder:2", "-o", "gone/x.aig"], "cannot be written"),
        (["learn", "adder:2", "-o", "x.aig", "-o", "./x.aig"], "is given twice"),
        (["learn", "adder:2", "-o", "x.aig", "--seconds", "1", "--steps", "1"], "expected one of them"),
        (["learn", "adder:2", "-o", "x.aig", "--seconds", "-1"], "seconds"),
        (["learn", "adder:2", "-o", "x.aig", "--seconds", "nan"], "seconds"),
        (["learn", "adder:2", "-o", "x.aig", "--steps", "0"], "steps"),
        (["learn", "adder:2", "-o", "x.aig", "--threads", "0"], "threads"),
        (["learn", "adder:2", "-o", "x.aig", "--rule", "magic"], "heat_bath"),
        (["learn", "adder:2", "-o", "x.aig", "--model", "dep"], "expected auto, exact, lut, deep"),
        (["learn", "adder:2", "parity:3", "-o", "x.aig"], "join tables of one function only"),
        (["learn", "broken.pla", "-o", "x.aig"], "broken.pla:2"),
    ],
)
def test_errors_are_one_line_and_leave_nothing(run, workplace, arguments, says):
    (workplace / "broken.aig").write_bytes(b"aig 9999999999999 1 0 1 1\n\x00")
    (workplace / "broken.pla").write_text(".i 2\n.o x\n")
    (workplace / "good.aag").write_text("aag 1 1 0 1 0\n2\n3\n")
    (workplace / "folder.aig").mkdir()
    before = sorted(workplace.iterdir())
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert says in one_line(err)
    assert err.startswith("gatewright: error: ")
    assert sorted(workplace.iterdir()) == before and not list((workplace / "folder.aig").iterdir())


@pytest.mark.parametrize(
    "arguments", [["fly"], ["stats"], ["stats", "--no"], ["learn", "adder:2", "--steps", "x"], ["draw", "a"]]
)
def test_usage_errors_are_status_2(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "") and "Traceback" not in err and err


def test_a_bug_is_called_one(run, monkeypatch):
    monkeypatch.setattr(learn.search, "learn", answers(RuntimeError("the cat\nsat here"), *[]))
    code, out, err = run("learn", "parity:2", "-q")
    assert (code, out) == (2, "")
    assert one_line(err) == (
        "gatewright: internal error: RuntimeError: the cat sat here (a bug; gatewright --debug VERB ... shows where)\n"
    )
    code, _, err = run("--debug", "learn", "parity:2", "-q")
    assert code == 2 and "Traceback" in err and err.endswith("shows where)\n")


def test_no_memory_is_one_line(run, monkeypatch):
    monkeypatch.setattr(learn.search, "learn", answers(MemoryError()))
    code, _, err = run("learn", "parity:2", "-q")
    assert code == 2 and "not enough memory" in one_line(err)


def test_files_are_replaced_whole(run, workplace, full_adder):
    (workplace / "real.aag").write_text("old")
    (workplace / "link.aag").symlink_to("real.aag")
    write(full_adder, "fa.json")
    assert run("convert", "fa.json", "link.aag")[0] == 0
    assert (workplace / "link.aag").is_symlink()
    assert isinstance(read(workplace / "real.aag"), Circuit)
    assert sorted(p.name for p in workplace.iterdir()) == ["fa.json", "link.aag", "real.aag"]


# --- what is loaded ---------------------------------------------------------------------------------------------------

HEAVY = {"numba", "numpy", "networkx", "aigverse", "graphviz", "rich", "torch", "hypothesis"}


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--help"], set()),
        (["learn", "--help"], set()),
        (["--version"], set()),
        (["stats", "g.aag"], {"numpy", "aigverse"}),
        (["convert", "g.aag", "g.v"], {"numpy"}),
        (["eval", "g.aag", "g.aag"], {"numpy"}),
        (["data", "adder:2"], {"numpy"}),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, list) else "",
)
def test_a_verb_loads_only_what_it_needs(workplace, arguments, needed):
    (workplace / "g.aag").write_text("aag 1 1 0 1 0\n2\n3\n")
    code = f"""
import sys
from learn.cli import app
try:
    app({arguments!r})
except SystemExit as end:
    assert not end.code, end.code
print(*sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert set(done.stderr.split()) <= needed


def test_help_names_every_verb(run):
    code, out, _ = run("--help")
    assert code == 0
    for verb in ("learn", "eval", "stats", "verify", "simplify", "convert", "draw", "data", "bench", "demo"):
        assert re.search(rf"^  {verb} ", out, re.MULTILINE)


@pytest.mark.parametrize("call", [["learn"], ["frobnicate"], ["learn", "adder:2", "--seed", "x"], ["--frob"]])
def test_wrong_calls_get_one_line(call):
    done = subprocess.run([*COMMAND, *call], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("gatewright: error: ")
    assert len(done.stderr.splitlines()) == 1
