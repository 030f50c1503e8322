import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.aig import and_count, hashed_literals
from circuits.circuit import Builder
from circuits.table import sampled_table
from circuits.words import unpack
from learn import moves
from learn.keys import Key
from learn.portfolio import right
from learn.pruning import pruned


def drawn(seed, inputs, gates, patterns):
    """A random circuit of one output, and samples of some other function close to it."""
    key = Key(seed)
    b = Builder([f"x{i}" for i in range(inputs)])
    wires = list(b.inputs)
    for i, (p, q, op) in enumerate(key.fold("gates").integers(1 << 20, (gates, 3)).tolist()):
        wires.append(b.add(("and", "or", "xor")[op % 3], wires[-1 - p % min(6, len(wires))], wires[q % len(wires)]))
        if i % 3 == 0:
            wires[-1] = b.add("not", wires[-1])
    circuit = b.circuit([("y", wires[-1])])
    x = key.fold("x").integers(2, (patterns, inputs)).astype(bool)
    table = sampled_table(x, np.zeros((patterns, 1), bool))
    y = answers(hashed_literals(circuit).ands.tolist(), int(hashed_literals(circuit).outputs[0]), x)
    y ^= key.fold("noise").uniform(patterns) < 0.1
    return circuit, sampled_table(x, y[:, None], input_names=table.input_names, output_names=("y",))


def answers(ands, output, x):
    values = [np.zeros(len(x), bool), *x.T]
    values += [None] * len(ands)
    for i, (a, b) in enumerate(ands):
        values[1 + x.shape[1] + i] = (values[a >> 1] ^ (a & 1)) & (values[b >> 1] ^ (b & 1))
    return values[output >> 1] ^ bool(output & 1)


def live(ands, output, n):
    seen, stack = set(), [output >> 1]
    while stack:
        wire = stack.pop()
        if wire > n and wire not in seen:
            seen.add(wire)
            stack += [literal >> 1 for literal in ands[wire - n - 1]]
    return seen


def replaced(ands, output, wire, by):
    def other(literal):
        return by ^ (literal & 1) if literal >> 1 == wire else literal

    return [(other(a), other(b)) for a, b in ands], other(output)


def pruned_oracle(ands, output, x, y, price, anywhere):
    """One visit of all nodes: every replacement is made, simulated and counted."""
    n = x.shape[1]
    for g in range(n + len(ands), n, -1):
        if g not in live(ands, output, n):
            continue
        if anywhere:
            near = [*range(n + 1), *(w for w in range(n + 1, g) if w in live(ands, output, n))]
        else:
            below = [literal >> 1 for literal in ands[g - n - 1]]
            near = [0]
            for w in below:
                near += [w, *([literal >> 1 for literal in ands[w - n - 1]] if w > n else [])]
        now, size = (answers(ands, output, x) != y).sum(), len(live(ands, output, n))
        best, choice = 0.0, None
        for w in near:
            for complement in (0, 1):
                other = replaced(ands, output, g, 2 * w + complement)
                gain = now - (answers(*other, x) != y).sum() + (price + 1e-6) * (size - len(live(*other, n)))
                if gain > best + 1e-12:
                    best, choice = gain, other
        if choice:
            ands, output = choice
    return ands, output


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 14), st.sampled_from([0.0, 0.4, 3.0]), st.booleans())
def test_a_visit_replaces_as_its_oracle_does(seed, inputs, gates, price, anywhere):
    circuit, table = drawn(seed, inputs, gates, 90)
    x, y = unpack(table.inputs, 90).T, unpack(table.outputs, 90)[0]
    lits = hashed_literals(circuit)
    net = moves.make_net(table.inputs, table.outputs, table.care, len(lits.ands) + 1)
    for a, b in lits.ands.tolist():
        moves.append(net, moves.AND, a, b)
    net.outputs[:] = lits.outputs
    scratch = moves.make_scratch(net)
    moves.prune(net, scratch, price, anywhere)
    wanted, output = pruned_oracle(lits.ands.tolist(), int(lits.outputs[0]), x, y, price, anywhere)
    n = inputs
    found = [list(pair) for pair in net.fanin[n + 1 : n + 1 + len(lits.ands)].tolist()]
    assert int(net.outputs[0]) == output
    kept = live(wanted, output, n)
    assert [found[w - n - 1] for w in sorted(kept)] == [list(wanted[w - n - 1]) for w in sorted(kept)]
    assert moves.errors(net) == (answers(wanted, output, x) != y).sum()


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 10**6), st.booleans())
def test_errors_added_are_paid_for_by_nodes(seed, anywhere):
    circuit, table = drawn(seed, 8, 40, 700)
    before, wrong = and_count(circuit), round(700 * (1 - right(circuit, table)))
    for price, smaller in zip((0.0, 1.0, 5.0), pruned(circuit, table, (0.0, 1.0, 5.0), anywhere=anywhere), strict=True):
        ands, errors = and_count(smaller), round(700 * (1 - right(smaller, table)))
        assert ands <= before and errors - wrong <= price * (before - ands) + 1e-3
        before, wrong = ands, errors


@pytest.mark.parametrize("anywhere", [False, True])
def test_what_samples_do_not_need_goes_and_accuracy_elsewhere_grows(anywhere):
    """A tree that has learned noise is cut back to the conjunction behind it."""
    from learn.models.structure import forest

    x = Key(4).integers(2, (3000, 12)).astype(bool)
    y = x[:, 0] & x[:, 1] | x[:, 2]
    noisy = y ^ (Key(5).uniform(3000) < 0.1)
    builder = Builder([f"x{i}" for i in range(12)])
    tree = builder.circuit([("y", forest(x, noisy, Key(6), trees=1, depth=9).recipe(builder))])
    samples, clean = (sampled_table(x, each[:, None], output_names=("y",)) for each in (noisy, y))
    last = list(pruned(tree, samples, [0.5, 1.0, 2.0], anywhere=anywhere))[-1]
    assert right(last, clean) > 0.5 + 0.5 * right(tree, clean) and and_count(last) < and_count(tree) / 4
