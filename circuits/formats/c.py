"""C99: a circuit as a function on packed words, 64 patterns a call, or on integers, one pattern a call; write only.

The text depends on <stdint.h> alone. A gate is one line, its expression recorded from the row itself. Gates are split
into functions of about a hundred operations each, because compilers take time that grows faster than a function's
length; a value that one part makes and another reads lies in a slot of a scratch array, used again once it is dead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from circuits.check import word_gates
from circuits.circuit import Circuit
from circuits.formats.c_words import bit_gate, literal, word_gate
from circuits.formats.expression import template
from circuits.rewrite import folded
from circuits.wires import BIT, Word

PART_OPERATIONS = 128
"""Operations in a part."""

STACK_SLOTS = 1 << 15
"""Up to this many scratch words (256 KiB) lie on the stack."""

_MAIN = """
#ifdef GATEWRIGHT_TEST_MAIN
/* Read patterns from stdin, a line of {inputs} characters 0 or 1 each, in[0] first; print the outputs likewise. */
#include <stdio.h>

int main(void)
{{
    static uint64_t in[{input_words}], out[{output_words}];
    const unsigned long inputs = {inputs}, outputs = {outputs};
    unsigned long line = 0, place = 0, given = 0;
    unsigned int pattern = 0, shown;
    int c;
    do {{
        c = getchar();
        if (c == '0' || c == '1') {{
            if (place < inputs && c == '1')
                in[place] |= UINT64_C(1) << pattern;
            place++;
            given = 1;
        }} else if (c == '\\n' || (c == EOF && given)) {{
            line++;
            if (place != inputs) {{
                fprintf(stderr, "line %lu: got %lu values, expected %lu\\n", line, place, inputs);
                return 1;
            }}
            place = 0;
            given = 0;
            pattern++;
        }} else if (c != EOF) {{
            fprintf(stderr, "line %lu: got character %d, expected 0 or 1\\n", line + 1, c);
            return 1;
        }}
        if (pattern == 64 || c == EOF) {{
            {function}(in, out);
            for (shown = 0; shown < pattern; shown++) {{
                for (place = 0; place < outputs; place++)
                    putchar((int)(out[place] >> shown & 1) + '0');
                putchar('\\n');
            }}
            for (place = 0; place < inputs; place++)
                in[place] = 0;
            place = 0;
            pattern = 0;
        }}
    }} while (c != EOF);
    return 0;
}}
#endif
"""

_WORD_MAIN = """
#ifdef GATEWRIGHT_TEST_MAIN
/* Read patterns from stdin, a line of {inputs} integers each, in[0] first; print the outputs likewise. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{{
    static const int64_t least[{input_words}] = {{{least}}}, greatest[{input_words}] = {{{greatest}}};
    static int64_t in[{input_words}], out[{output_words}];
    const unsigned long inputs = {inputs}, outputs = {outputs};
    unsigned long line = 1, place = 0, length = 0, shown;
    char text[32], *end;
    long long value;
    int c, given = 0;
    do {{
        c = getchar();
        if (c != EOF && c != ' ' && c != '\\t' && c != '\\r' && c != '\\n') {{
            given = 1;
            text[length++] = (char)c;
            if (length < sizeof text)
                continue;
            length--;
        }}
        if (length > 0) {{
            text[length] = 0;
            errno = 0;
            value = strtoll(text, &end, 10);
            if (*end != 0 || errno != 0 || length + 1 == sizeof text) {{
                fprintf(stderr, "line %lu: got %s, expected an integer\\n", line, text);
                return 1;
            }}
            if (place < inputs) {{
                if (value < least[place] || value > greatest[place]) {{
                    fprintf(stderr, "line %lu: got %s as value %lu, expected %" PRId64 "..%" PRId64 "\\n", line, text,
                            place, least[place], greatest[place]);
                    return 1;
                }}
                in[place] = value;
            }}
            place++;
            length = 0;
        }}
        if (c == '\\n' || (c == EOF && given)) {{
            if (place != inputs) {{
                fprintf(stderr, "line %lu: got %lu values, expected %lu\\n", line, place, inputs);
                return 1;
            }}
            {function}(in, out);
            for (shown = 0; shown < outputs; shown++)
                printf("%s%" PRId64, shown > 0 ? " " : "", out[shown]);
            putchar('\\n');
            place = 0;
            given = 0;
            line++;
        }}
    }} while (c != EOF);
    return 0;
}}
#endif
"""


_VARIABLE = re.compile(r"\w+(?:\[\d+\])?")


class Part(NamedTuple):
    """Gates ``first`` to ``stop - 1`` of the circuit."""

    first: int
    stop: int


def function_name(circuit: Circuit) -> str:
    """Return the name of the function: ``simulate_`` and the circuit's name, whose odd characters become ``_``."""
    return "simulate_" + re.sub(r"[^A-Za-z0-9_]", "_", circuit.name)


def parts(weights: list[int]) -> Iterator[Part]:
    """Split gates, in order, into parts of about ``PART_OPERATIONS`` operations, a gate at least one."""
    first, total = 0, 0
    for gate, weight in enumerate(weights):
        total += max(1, weight)
        if total >= PART_OPERATIONS:
            yield Part(first, gate + 1)
            first, total = gate + 1, 0
    if first < len(weights):
        yield Part(first, len(weights))


def slots(circuit: Circuit, split: list[Part]) -> tuple[dict[int, int], int]:
    """Give a scratch slot to every gate that a later part reads.

    Returns:
        wire -> slot, and how many slots there are.
    """
    inputs = circuit.num_inputs
    fanin, start = circuit.fanin.tolist(), circuit.fanin_start.tolist()
    last_reader: dict[int, int] = {}  # wire -> the last part that reads it, if a later one
    for k, (first, stop) in enumerate(split):
        for wire in fanin[start[first] : start[stop]]:
            if inputs <= wire < inputs + first:
                last_reader[wire] = k
    dies: list[list[int]] = [[] for _ in split]
    for wire, k in last_reader.items():
        dies[k].append(wire)
    slot: dict[int, int] = {}
    free: list[int] = []
    count = 0
    for k, (first, stop) in enumerate(split):
        for wire in range(inputs + first, inputs + stop):
            if wire in last_reader:
                if not free:
                    free.append(count)
                    count += 1
                slot[wire] = free.pop()
        # freed behind the part's own values: a part may write a slot before it has read it
        free += [slot[wire] for wire in dies[k]]
    return slot, count


def _typed(name: str, word: Word) -> str:
    return name if word == BIT else f"{name} ({word}: {word.lo}..{word.hi})"


class _Dialect(NamedTuple):
    """What a pattern, or a word of 64 patterns, is to the function.

    Attributes:
        type: the type of a value.
        gate: ``gate(g, reads)``: the statements that give the variable ``g`` of gate g its value.
        weights: operations of every gate.
        main: the test main.
    """

    type: str
    gate: Callable[[int, list[str]], list[str]]
    weights: list[int]
    main: str


def _of_bits(circuit: Circuit) -> _Dialect:
    made = [template(op, params, "UINT64_C(0)", "~UINT64_C(0)") for op, _, params in circuit.gates()]
    main = _MAIN.format(
        function=function_name(circuit),
        inputs=circuit.num_inputs,
        outputs=circuit.num_outputs,
        input_words=max(1, circuit.num_inputs),
        output_words=max(1, circuit.num_outputs),
    )
    return _Dialect(
        "uint64_t",
        lambda g, reads: [f"const uint64_t g{g} = {made[g].text.format(*reads)};"],
        [text.operations for text in made],
        main,
    )


def _of_words(circuit: Circuit) -> _Dialect:
    on_words = word_gates(circuit).tolist()
    gates = [(op, params) for op, _, params in circuit.gates()]

    def gate(g: int, reads: list[str]) -> list[str]:
        made = word_gate(circuit, g, f"g{g}", reads) if on_words[g] else bit_gate(*gates[g], f"g{g}", reads)
        needed = set(_VARIABLE.findall("\n".join(made)))  # ranges can make a fan-in needless, and compilers complain
        return made + [f"(void){name};" for name in dict.fromkeys(reads) if name not in needed]

    types = circuit.input_types
    main = _WORD_MAIN.format(
        function=function_name(circuit),
        inputs=circuit.num_inputs,
        outputs=circuit.num_outputs,
        input_words=max(1, circuit.num_inputs),
        output_words=max(1, circuit.num_outputs),
        least=", ".join(literal(word.lo) for word in types) or "0",
        greatest=", ".join(literal(word.hi) for word in types) or "0",
    )
    return _Dialect("int64_t", gate, [len(fanin) for _, fanin, _ in circuit.gates()], main)


def write(circuit: Circuit) -> bytes:
    """Write ``void simulate_NAME(const uint64_t in[], uint64_t out[])``, and a test main behind a macro.

    Bit p of ``in[k]`` is input k of pattern p. A circuit of words takes ``int64_t`` and one pattern a call. The arrays
    may not overlap; where the scratch array is large the function is not reentrant, and a comment says so.

    Raises:
        CircuitError: a word gate that 64 bits cannot compute.
    """
    live = folded(circuit)  # it may have no words left; the function is still one of integers
    inputs, function = live.num_inputs, function_name(live)
    kind, gate_text, weights, main = (_of_words if circuit.has_words else _of_bits)(live)
    split = list(parts(weights))
    slot, scratch = slots(live, split)
    ports: dict[int, list[int]] = {}
    for k, wire in enumerate(live.outputs.tolist()):
        ports.setdefault(wire, []).append(k)
    fanin, start = live.fanin.tolist(), live.fanin_start.tolist()
    outputs = zip(live.output_names, live.outputs.tolist(), strict=True)
    head = f"const {kind} *restrict in, {kind} *restrict out"
    # the name stands first: a backslash at the end of a line would join the next one to it
    text = [
        "#include <stdint.h>\n\n",
        *(f"// {_typed(name, live.type_of(k))} is in[{k}]\n" for k, name in enumerate(live.input_names)),
        *(f"// {_typed(name, live.type_of(w))} is out[{k}]\n" for k, (name, w) in enumerate(outputs)),
        f"\nvoid {function}(const {kind} in[], {kind} out[]);\n",
    ]
    for k, (first, stop) in enumerate(split):
        text.append(f"\nstatic void {function}_{k}({head}, {kind} *restrict w)\n{{\n")
        text.append("    (void)in, (void)out, (void)w;\n")
        for gate in range(first, stop):
            wire = inputs + gate
            reads = [
                f"in[{f}]" if f < inputs else f"g{f - inputs}" if f >= inputs + first else f"w[{slot[f]}]"
                for f in fanin[start[gate] : start[gate + 1]]
            ]
            text += [f"    {line}\n" for line in gate_text(gate, reads)]
            if wire in slot:
                text.append(f"    w[{slot[wire]}] = g{gate};\n")
            text += [f"    out[{port}] = g{gate};\n" for port in ports.get(wire, ())]
        text.append("}\n")
    kept = "" if scratch <= STACK_SLOTS else "static "
    text.append("\n" + ("// Not reentrant: the scratch array is too large for the stack.\n" if kept else ""))
    text.append(f"void {function}(const {kind} in[], {kind} out[])\n{{\n")
    text.append(f"    {kept}{kind} w[{max(1, scratch)}];\n    (void)in, (void)out, (void)w;\n")
    text += [f"    {function}_{k}(in, out, w);\n" for k in range(len(split))]
    text += [f"    out[{port}] = in[{wire}];\n" for wire in range(inputs) for port in ports.get(wire, ())]
    text.append("}\n" + main)
    return "".join(text).encode()
