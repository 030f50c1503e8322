import json

import numpy as np
import pytest

from circuits.formats import read_circuit
from circuits.values import simulate_values
from learn.arithmetic import overflow
from learn.data.integers import read_integers
from learn.errors import DataError
from learn.keys import Key
from learn.models.arithmetic.approximate import FUNCTIONS, contenders, learned, plain, rounded, shrunk, wanted
from learn.models.arithmetic.filters import Band, adders, basis, designed, judged, multiplier_adders
from learn.models.arithmetic.filters import rounded as rounded_filter

LOW_PASS = [Band(0, 0.2, 1, 0.01), Band(0.5, 1, 0, 0.01)]
"""A low pass of 16 taps."""


@pytest.fixture
def table(tmp_path):
    x = Key(0).integers(256, (120, 2))
    path = tmp_path / "table.csv"
    rows = [f"{a},{b},{3 * a - 5 * b + 7},{max(a, b)}" for a, b in x.tolist()]
    path.write_text("\n".join(["a:u8,b:u8,sum,high:u8", *rows]) + "\n")
    return path


def test_a_table_is_learned_written_and_read_again(run, table, tmp_path):
    files = [tmp_path / f"y.{suffix}" for suffix in ("v", "json", "c", "aig", "svg")]
    options = [part for file in files for part in ("-o", file)]
    code, out, err = run("learn", table, "--model", "arithmetic", "--label", "sum,high", "--exact", "--json", *options)
    facts = json.loads(out)
    assert (code, err, facts["exact"]) == (0, "", True)
    assert {name: f["text"] for name, f in facts["functions"].items()}["sum"] == "3*a - 5*b + 7"
    assert facts["outputs"] == {"sum": "s12", "high": "u8"}
    values = read_integers(table).values
    np.testing.assert_array_equal(simulate_values(read_circuit(files[1]), values[:, :2].T), values[:, 2:].T)
    assert all(file.stat().st_size for file in files)


def test_overflow_is_said(run, tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{a},{(5 * a + 3) % 256}" for a in range(50)]
    path.write_text("\n".join(["a:u8,y:u8", *rows]))
    code, out, _ = run("learn", path, "--model", "arithmetic")
    assert code == 0 and "y: results overflow u8 on some inputs and wrap" in out
    assert overflow(read_circuit_of(path, run, tmp_path))


def read_circuit_of(path, run, folder):
    run("learn", path, "--model", "arithmetic", "-o", folder / "c.json")
    return read_circuit(folder / "c.json")


BAD = {
    "a,y\n1,x\n": "row 2, column 2 ('y'): got 'x', expected an integer",
    "a,y\n1,2.5\n": "row 2, column 2 ('y'): got '2.5', expected an integer",
    "a,y\n1,\n": "row 2, column 2 ('y'): the cell is empty",
    "a,y\n1,2\n3\n": "row 3 has 1 cells, expected 2",
    "a:u4,y\n16,2\n": "row 2, column 1 ('a'): got 16, expected 0..15 (u4",
    "a:u99,y\n16,2\n": "expected 1..63 for unsigned words",
    "a,y\n1,99999999999999999999\n": "overflows 64 bits",
    "a,y\n1,2\n1,3\n": "row 3 contradicts row 2",
    "a,a\n1,2\n": "has the name 'a' 2 times",
    "a,y\n": "has a header and no rows",
    "": "is empty",
    "a,y\n1,2\n": "got 1 samples, expected at least 2",
    "y\n1\n2\n": "got no column of inputs",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_tables_get_one_line(run, tmp_path, text):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    code, out, err = run("learn", path, "--model", "arithmetic", "-o", tmp_path / "y.v")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("gatewright: error: ") and BAD[text] in err
    assert not (tmp_path / "y.v").exists()


CALLS = {
    ("--model", "fir"): "got no --from",
    ("--model", "fir", "--from", "none.csv"): "got no --taps",
    ("--model", "fir", "--from", "none.csv", "--taps", "4"): "No such file",
    ("--model", "approximate"): "got no --function",
    ("--model", "approximate", "--function", "eval"): "expected one of sqrt",
    ("--model", "approximate", "--function", "sqrt", "--in-bits", "40"): "expected 2..12",
    ("--model", "arithmetic"): "got 0 files",
}


@pytest.mark.parametrize("call", CALLS)
def test_bad_calls_get_one_line(run, call):
    code, out, err = run("learn", *call)
    assert (code, out, len(err.splitlines())) == (2, "", 1) and CALLS[call] in err


def test_types_are_found_and_declared(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("0,-3,7\n9,4,1\n")
    table = read_integers(path)
    assert table.names == ("x0", "x1", "x2") and [str(t) for t in table.types] == ["u4", "s4", "u3"]
    path.write_text("x:s16sat;y\n1;2\n")
    assert [str(t) for t in read_integers(path).types] == ["s16sat", "u2"]
    with pytest.raises(DataError, match="cannot read"):
        read_integers(tmp_path / "none.csv")


@pytest.mark.parametrize("seed", range(2))
def test_a_filter_is_recovered_from_samples(run, tmp_path, seed):
    taps = (Key(seed).integers(256, 16) - 128).tolist()
    x = Key(seed).fold("x").integers(256, 200) - 128
    y = np.convolve(x, taps)[: len(x)]
    path = tmp_path / "run.csv"
    path.write_text("x:s8,y\n" + "\n".join(f"{a},{b}" for a, b in zip(x, y, strict=True)))
    code, out, _ = run("learn", "--model", "fir", "--taps", "16", "--from", path, "--json", "-o", tmp_path / "f.json")
    facts = json.loads(out)
    assert (code, facts["exact"], facts["coefficients"], facts["bias"]) == (0, True, taps, 0)
    code, _, err = run("learn", "--model", "fir", "--taps", "16", "--from", path, "--coefficient-bits", "4")
    assert code == 2 and "give more bits" in err


def test_a_filter_is_designed_with_few_adders(run, tmp_path):
    path = tmp_path / "bands.csv"
    path.write_text("lo,hi,gain,tolerance\n" + "\n".join(",".join(map(str, band)) for band in LOW_PASS))
    code, out, _ = run("learn", "--model", "fir", "--taps", "16", "--coefficient-bits", "8", "--from", path, "--json")
    facts = json.loads(out)
    assert (
        code == 0
        and facts["exact"]
        and facts["adders"] <= facts["adders_rounded"] == rounded_filter(16, LOW_PASS, 8).adders
    )
    path.write_text("lo,hi,gain,tolerance\n0.5,0.2,1,0.1\n")
    code, _, err = run("learn", "--model", "fir", "--taps", "16", "--coefficient-bits", "8", "--from", path)
    assert code == 2 and "expected 0 <= lo < hi <= 1" in err


def test_designs_keep_what_they_say():
    *_, found = designed(16, LOW_PASS, 8, key=Key(0), steps=20)
    frequency = np.pi * np.linspace(0, 1, 2001)
    response = np.abs(np.exp(-1j * np.outer(frequency, np.arange(16))) @ found.coefficients) / found.scale
    passing, stopping = response[frequency <= 0.2 * np.pi], response[frequency >= 0.5 * np.pi]
    assert np.abs(passing - 1).max() < 0.0101 and stopping.max() < 0.0101
    assert found.coefficients == found.coefficients[::-1] and len(found.coefficients) == 16
    assert found.adders == adders(found.half, 16)
    unit, excess = judged(np.array(found.half), *basis(16, LOW_PASS))
    assert (unit, excess) == (found.scale, found.excess)


def test_adders_are_counted():
    assert multiplier_adders([1, 2, -4, 0]) == 0
    assert multiplier_adders([3, 6, -12]) == 1
    assert multiplier_adders([3, 5]) == 2
    assert multiplier_adders([3, 45]) == 2  # 45 = 48 - 3
    assert adders([3, 1], 3) == 3


@pytest.mark.parametrize("name", FUNCTIONS)
def test_approximations_are_judged_rightly(name):
    values = wanted(name, 5, 4)
    for each in learned(values, 5, 4):
        found = simulate_values(each.circuit, np.arange(32)[None])[0]
        error = np.abs(found - values)
        assert (each.largest, each.mean) == (error.max(), error.mean())


def test_what_is_learned_is_never_above_the_table_and_rounded_lines():
    values = wanted("sin", 5, 5)
    tried = [contenders(list(each), lambda c: c.largest) for each in (learned(values, 5, 5), rounded(values, 5, 5))]
    small = shrunk([*tried[0], *tried[1], plain(values, 5)])
    ours, others = small[: len(tried[0])], small[len(tried[0]) :]
    for other in others:
        assert any(c.ands <= other.ands and c.largest <= other.largest for c in ours)


def test_a_function_within_a_number_of_nodes(run, tmp_path):
    arguments = ["learn", "--model", "approximate", "--function", "log2", "--in-bits", "5", "--out-bits", "5"]
    code, out, _ = run(*arguments, "--max-ands", "20", "--json", "-o", tmp_path / "y.aig", "-o", tmp_path / "y.v")
    facts = json.loads(out)
    assert code == 0 and facts["ands"] <= 20 and 0 < facts["largest_error"] < 8
    code, out, _ = run(*arguments, "--json")
    assert json.loads(out)["largest_error"] == 0


def test_a_perceptron_is_learned_from_a_table(run, tmp_path):
    centres, labels = Key(0).integers(200, (3, 4)), np.array([-7, 3, 40])
    kind = np.arange(150) % 3
    x = centres[kind] + Key(1).integers(40, (150, 4))
    path = tmp_path / "clouds.csv"
    path.write_text("a,b,c,d,kind\n" + "\n".join(f"{','.join(map(str, r))},{labels[k]}" for r, k in zip(x, kind)))  # noqa: B905
    options = ("--hidden", "4", "--steps", "40", "--json", "-o", tmp_path / "p.json")
    code, out, err = run("learn", path, "--model", "perceptron", *options)
    facts = json.loads(out)
    assert (code, err, facts["classes"], facts["hidden"]) == (0, "", 3, 4)
    assert facts["held_out_accuracy"] > 0.9 and facts["outputs"] == {"kind": "s7"}
    said = simulate_values(read_circuit(tmp_path / "p.json"), x.T)[0]
    assert (said == labels[kind]).mean() == facts["accuracy"]
    code, _, err = run("learn", path, "--model", "perceptron", "--hidden", "0")
    assert code == 2 and "0 hidden units" in err
    code, _, err = run("learn", path, "--model", "perceptron", "--rule", "telepathy")
    assert code == 2 and "rule telepathy" in err
