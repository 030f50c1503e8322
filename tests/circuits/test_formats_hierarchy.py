"""Hierarchical BLIF: what is flattened computes what the models together say."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from itertools import count, product
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.circuit import Builder, Circuit
from circuits.errors import FormatError
from circuits.formats import FORMATS, encode, read_circuit, write
from circuits.formats.netlist import MAX_NETS
from circuits.simulate import evaluate
from circuits.verify import Proof, equivalent

ABC = shutil.which("berkeley-abc") or shutil.which("abc")
T = TypeVar("T")


def circuit_of(text: str) -> Circuit:
    parse = FORMATS[".blif"].parse
    assert parse
    found = parse(text.encode(), "case.blif")
    assert isinstance(found, Circuit)
    return found


# by hand

FULL_ADDER = """.model fulladder
.inputs a b cin
.outputs s cout # the adder has nets called cout and k, too
.names a b k
10 1
01 1
.names k cin s
10 1
01 1
.names a b cin cout
11- 1
1-1 1
-11 1
.end
"""
ADDER = """.model adder
.inputs a1 a0 b1 b0 k
.outputs cout s1 s0
.subckt fulladder b=b1 cin=carry a=a1 \\
  s=s1 cout=cout
.subckt fulladder a=a0 b=b0 cin=k s=s0 cout=carry
.end
"""


def adder(ripples: int) -> Circuit:
    names = [f"{word}{k}" for word in "ab" for k in reversed(range(ripples))]
    builder = Builder([*names, "k"])
    carry, sums = 2 * ripples, []
    for k in range(ripples):
        a, b = ripples - 1 - k, 2 * ripples - 1 - k
        sums.append((f"s{k}", builder.add("xor", builder.add("xor", a, b), carry)))
        carry = builder.add("maj", a, b, carry)
    return builder.circuit([("cout", carry), *sums[::-1]])


@pytest.mark.parametrize("end", [".end\n", ""])
def test_an_adder_of_full_adders(end: str) -> None:
    found = circuit_of((ADDER + FULL_ADDER).replace(".end\n", end))
    assert found.name == "adder"
    assert found.input_names == ("a1", "a0", "b1", "b0", "k")
    assert found.output_names == ("cout", "s1", "s0")
    assert isinstance(equivalent(found, adder(2)), Proof)


def test_models_within_models() -> None:
    top = """.model top
.inputs a3 a2 a1 a0 b3 b2 b1 b0 k
.outputs cout s3 s2 s1 s0
.subckt adder a1=a1 a0=a0 b1=b1 b0=b0 k=k cout=carry s1=s1 s0=s0
.subckt adder a1=a3 a0=a2 b1=b3 b0=b2 k=carry cout=cout s1=s3 s0=s2
.end
"""
    for text in (top + ADDER + FULL_ADDER, top + FULL_ADDER + ADDER):
        assert isinstance(equivalent(circuit_of(text), adder(4)), Proof)


def test_the_first_model_may_have_no_name() -> None:
    text = ".inputs p q r\n.outputs s c\n.subckt fulladder a=p b=q cin=r s=s cout=c\n.end\n"
    found = circuit_of(text + FULL_ADDER)
    assert found.name == "case"
    assert [evaluate(found, bits) for bits in ((1, 1, 0), (1, 1, 1))] == [(0, 1), (1, 1)]


def test_one_net_at_two_inputs_and_an_output_that_nothing_reads() -> None:
    text = ".model t\n.inputs x\n.outputs s\n.subckt fulladder a=x b=x cin=x s=s\n"
    found = circuit_of(text + FULL_ADDER)
    assert [evaluate(found, [x]) for x in (0, 1)] == [(0,), (1,)]


def test_a_model_that_hands_an_input_on_is_a_wire() -> None:
    text = ".model t\n.inputs x\n.outputs y\n.subckt w a=x b=y\n.model w\n.inputs a\n.outputs b\n.names a b\n1 1\n"
    found = circuit_of(text)
    assert found.num_gates == 0 and found.outputs.tolist() == [0]


def test_models_that_the_first_does_not_contain_are_left_out() -> None:
    assert circuit_of(ADDER + FULL_ADDER + ".model alone\n.subckt fulladder a=x b=x cin=x\n.names x\n").num_gates == (
        circuit_of(ADDER + FULL_ADDER).num_gates
    )


# at random


class Gate(NamedTuple):
    """The target is ``values[v]`` where the nets spell v, the first one its lowest bit."""

    nets: list[str]
    target: str
    values: list[int]


class Instance(NamedTuple):
    """Outputs are the nets they drive, None where nothing is connected."""

    model: Model
    inputs: list[str]
    outputs: list[str | None]


class Model(NamedTuple):
    name: str
    inputs: list[str]
    outputs: list[str]
    items: list[Gate | Instance]


def random_design(draw: Random) -> list[Model]:
    """Make two to four models, the top first; each contains later ones, and all call their nets n0, n1, ..."""
    models: list[Model] = []
    for k in range(draw.randint(2, 4)):
        models.insert(0, random_model(draw, f"m{k}", models))
    return models


def random_model(draw: Random, name: str, others: list[Model]) -> Model:
    inputs = [f"n{k}" for k in range(draw.randint(1, 3))]
    fresh = (f"n{k}" for k in count(len(inputs)))
    nets, items = list(inputs), list[Gate | Instance]()
    for last in [False] * draw.randint(1, 4) + [True]:
        if others and not last:
            model = draw.choice(others)
            driven = [next(fresh) if draw.random() < 0.8 else None for _ in model.outputs]
            items.append(Instance(model, draw.choices(nets, k=len(model.inputs)), driven))
            nets += filter(None, driven)
        else:
            reads = draw.sample(nets, draw.randint(0, min(3, len(nets))))
            target = next(fresh)
            items.append(Gate(reads, target, draw.choices([0, 1], k=1 << len(reads))))
            nets.append(target)
    outputs = draw.sample(nets[len(inputs) :], draw.randint(1, min(3, len(nets) - len(inputs))))
    return Model(name, inputs, outputs, items)


def computed(model: Model, bits: Sequence[int]) -> tuple[int, ...]:
    """Compute the outputs by what a design means, with no netlist at all."""
    value: dict[str | None, int] = dict(zip(model.inputs, bits, strict=True))
    for item in model.items:
        if isinstance(item, Gate):
            value[item.target] = item.values[sum(value[net] << k for k, net in enumerate(item.nets))]
        else:
            inner = computed(item.model, [value[net] for net in item.inputs])
            value.update(zip(item.outputs, inner, strict=True))
    return tuple(value[net] for net in model.outputs)


def spelled(design: list[Model], draw: Random) -> str:
    """Write a design, all but the top and the ports in any order."""
    top, *others = design
    return "".join(spelled_model(model, draw) for model in [top, *shuffled(others, draw)])


def spelled_model(model: Model, draw: Random) -> str:
    items = "".join(spelled_item(item, draw) for item in shuffled(model.items, draw))
    return f".model {model.name}\n.inputs {' '.join(model.inputs)}\n.outputs {' '.join(model.outputs)}\n{items}.end\n"


def spelled_item(item: Gate | Instance, draw: Random) -> str:
    if isinstance(item, Instance):
        ports = zip([*item.model.inputs, *item.model.outputs], [*item.inputs, *item.outputs], strict=True)
        pairs = [f"{formal}={actual}" for formal, actual in ports if actual]
        return f".subckt {item.model.name} {' '.join(shuffled(pairs, draw))}\n"
    on = draw.choice(sorted(set(item.values)))
    rows = [v for v, value in enumerate(item.values) if value == on]
    patterns = ("".join(str(v >> k & 1) for k in range(len(item.nets))) for v in rows)
    return f".names {' '.join([*item.nets, item.target])}\n" + "".join(f"{pattern} {on}\n" for pattern in patterns)


def shuffled(things: Sequence[T], draw: Random) -> list[T]:
    return draw.sample(list(things), len(things))


def flat(design: list[Model]) -> Circuit:
    """Build a design with :class:`Builder`, gate by gate, the gates of each instance where it stands."""
    builder = Builder(design[0].inputs)

    def wires(model: Model, inputs: Sequence[int]) -> list[int]:
        wire: dict[str | None, int] = dict(zip(model.inputs, inputs, strict=True))
        for item in model.items:
            if isinstance(item, Gate):
                gate = f"lut{len(item.nets)}" if item.nets else "const"
                wire[item.target] = builder.add(gate, *(wire[net] for net in item.nets), params=item.values)
            else:
                inner = wires(item.model, [wire[net] for net in item.inputs])
                wire.update(zip(item.outputs, inner, strict=True))
        return [wire[net] for net in model.outputs]

    return builder.circuit(list(zip(design[0].outputs, wires(design[0], builder.inputs), strict=True)))


@given(st.randoms(use_true_random=False))
def test_random_designs_compute_what_their_models_say(draw: Random) -> None:
    design = random_design(draw)
    found = circuit_of(spelled(design, draw))
    assert found.name == design[0].name
    assert list(found.input_names) == design[0].inputs
    assert list(found.output_names) == design[0].outputs
    for bits in product((0, 1), repeat=found.num_inputs):
        assert evaluate(found, bits) == computed(design[0], bits)
    assert isinstance(equivalent(found, flat(design)), Proof)


@pytest.mark.skipif(ABC is None, reason="no berkeley-abc or abc on PATH")
@pytest.mark.parametrize("seed", range(8))
def test_abc_flattens_to_the_same(seed: int, tmp_path: Path) -> None:
    assert ABC
    draw = Random(seed)
    text = spelled(random_design(draw), draw) if seed else ADDER + FULL_ADDER
    source, target = tmp_path / "hierarchical.blif", tmp_path / "flat.aig"
    source.write_text(text)
    write(read_circuit(source), target)
    command = [ABC, "-q", f"read_blif {source}; strash; cec -n {target}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "are equivalent" in done.stdout


# what is refused

LEAF = ".model leaf\n.inputs a b\n.outputs y z\n.names a b y\n11 1\n.names z\n.end\n"
TOP = ".model t\n.inputs p q\n.outputs o\n"


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        (".subckt leaf a=p y=o\n", 4, r"\.subckt 'leaf': input 'b' is not connected, expected 'b=net'"),
        (".subckt leaf a=p b=q c=p y=o\n", 4, "got 'c', expected an input or output of the model"),
        (".subckt leaf a=p b=q a=p y=o\n", 4, "got 'a' twice"),
        (".subckt leaf a=p b=q y=o y=r\n", 4, "got 'y' twice"),
        (".subckt leef a=p b=q y=o\n", 4, r"\.subckt 'leef': got no model of this name"),
        (".subckt leaf a=p b=q y\n", 4, "got 'y', expected formal=actual"),
        (".subckt leaf a=p b= y=o\n", 4, "got 'b=', expected formal=actual"),
        (".subckt leaf a = p b=q y=o\n", 4, "got 'a', expected formal=actual"),
        (".subckt\n", 4, r"got \.subckt without a model"),
        (".subckt leaf a=p b=q y=o z=o\n", 4, "'o' is driven twice, it is already driven by a subcircuit"),
        (".subckt leaf a=p b=q y=o\n.names p o\n1 1\n", 4, "'o' is driven twice, it is already driven on line 5"),
        (".subckt leaf a=p b=q y=p\n", 4, "'p' is driven twice, it is already an input"),
        (".subckt leaf a=p b=r y=o\n", 4, "nothing drives the net at input 'b'"),
        (".subckt leaf a=p b=q z=r\n", 1, "output 'o' is not driven"),
        (".subckt leaf a=p b=o y=o\n", 8, "'o' depends on itself"),
        (".names o\n.subckt t p=p q=p\n", 1, "model 't' contains itself"),
        (".names o\n.end\n.model u\n.subckt v\n.model v\n.subckt u\n", 6, "model 'u' contains itself"),
        (".names o\n.end\n.model u\n.subckt t p=x q=x\n.names x\n", 7, "got the first model"),
        (".names o\n.end\n.model t\n.end\n", 6, "a second model 't', expected another name; the first is on line 1"),
        (".names o\n.end\n.names q\n", 6, r"got \.names behind \.end, expected \.model"),
        (".names o\n.model u\n.outputs r\n", 5, "output 'r' is not driven"),
        (".names o\n.model u\n.names r s\n1 1\n", 6, "'r' is read but nothing drives it"),
        (".names o\n.model u\n.inputs r\n.outputs r\n", 5, "'r' is an input and an output of model 'u'"),
        (".names o\n.model u\n.latch r s 0\n", 6, "a latch"),
        (".names o\n.end\n.exdc\n", 6, "external don't-cares"),
        (".names o\n.end\n.search other.blif\n", 6, "another file"),
        (".names p o\n1 -\n", 4, "got the row '1 -', expected 1 of 0 1 - and a 0 or 1"),
    ],
)
def test_hierarchies_that_are_refused(text: str, line: int, part: str) -> None:
    with pytest.raises(FormatError, match=part) as caught:
        circuit_of(TOP + text + LEAF)
    assert caught.value.line == line
    assert "\n" not in str(caught.value)


def test_a_model_without_a_name_ends_before_the_next() -> None:
    with pytest.raises(FormatError, match=r"expected \.end between") as caught:
        circuit_of(".inputs p q\n.outputs o\n.subckt leaf a=p b=q y=o\n" + LEAF)
    assert caught.value.line == 4


# size


def nested(depth: int, copies: int, innermost: str) -> str:
    """Return models of ``copies`` instances of the next one, ``depth`` deep."""
    ports = ".inputs a\n.outputs y\n"
    inner = (f".model m{k}\n{ports}" + f".subckt m{k + 1} a=a\n" * (copies - 1) for k in range(depth))
    return "".join(f"{text}.subckt m{k + 1} a=a y=y\n.end\n" for k, text in enumerate(inner)) + (
        f".model m{depth}\n{ports}{innermost}.end\n"
    )


def test_deep_hierarchies_need_no_deep_stack() -> None:
    found = circuit_of(nested(5_000, 1, ".names a y\n0 1\n"))
    assert [op for op, _, _ in found.gates()] == ["not"]


def test_the_size_of_a_flat_design_is_bounded() -> None:
    found = circuit_of(nested(10, 2, ".names a y\n0 1\n"))
    assert found.num_gates == 1 << 10
    for depth, text in ((40, ".names a y\n0 1\n"), (5_000, ".names a y\n0 1\n")):
        with pytest.raises(FormatError, match=f"a design of more than {MAX_NETS} nets in all its subcircuits"):
            circuit_of(nested(depth, 2, text))


def test_instances_of_empty_models_count_too() -> None:
    empty = "".join(f".model m{k}\n.subckt m{k + 1}\n.subckt m{k + 1}\n" for k in range(30))
    with pytest.raises(FormatError, match="a design of more than"):
        circuit_of(empty + ".model m30\n")


def test_what_is_flat_is_written_and_read_again() -> None:
    found = circuit_of(ADDER + FULL_ADDER)
    assert circuit_of(encode(found, ".blif").decode()) == found
