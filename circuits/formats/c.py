"""C99: a circuit as a function on packed words, 64 patterns a call; write only.

The text depends on <stdint.h> alone. A gate is one line, its expression recorded from the row itself. Gates are split
into functions of about a hundred operations each, because compilers take time that grows faster than a function's
length; a value that one part makes and another reads lies in a slot of a scratch array, used again once it is dead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from circuits.circuit import Circuit
from circuits.formats.expression import template
from circuits.rewrite import folded

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


def write(circuit: Circuit) -> bytes:
    """Write ``void simulate_NAME(const uint64_t in[], uint64_t out[])``, and a test main behind a macro.

    Bit p of ``in[k]`` is input k of pattern p. The arrays may not overlap; where the scratch array is large the
    function is not reentrant, and a comment says so.
    """
    live = folded(circuit)
    inputs, function = live.num_inputs, function_name(live)
    made = [template(op, params, "UINT64_C(0)", "~UINT64_C(0)") for op, _, params in live.gates()]
    split = list(parts([text.operations for text in made]))
    slot, scratch = slots(live, split)
    ports: dict[int, list[int]] = {}
    for k, wire in enumerate(live.outputs.tolist()):
        ports.setdefault(wire, []).append(k)
    fanin, start = live.fanin.tolist(), live.fanin_start.tolist()
    head = "const uint64_t *restrict in, uint64_t *restrict out"
    # the name stands first: a backslash at the end of a line would join the next one to it
    text = [
        "#include <stdint.h>\n\n",
        *(f"// {name} is in[{k}]\n" for k, name in enumerate(live.input_names)),
        *(f"// {name} is out[{k}]\n" for k, name in enumerate(live.output_names)),
        f"\nvoid {function}(const uint64_t in[], uint64_t out[]);\n",
    ]
    for k, (first, stop) in enumerate(split):
        text.append(f"\nstatic void {function}_{k}({head}, uint64_t *restrict w)\n{{\n")
        text.append("    (void)in, (void)out, (void)w;\n")
        for gate in range(first, stop):
            wire = inputs + gate
            reads = [
                f"in[{f}]" if f < inputs else f"g{f - inputs}" if f >= inputs + first else f"w[{slot[f]}]"
                for f in fanin[start[gate] : start[gate + 1]]
            ]
            text.append(f"    const uint64_t g{gate} = {made[gate].text.format(*reads)};\n")
            if wire in slot:
                text.append(f"    w[{slot[wire]}] = g{gate};\n")
            text += [f"    out[{port}] = g{gate};\n" for port in ports.get(wire, ())]
        text.append("}\n")
    kept = "" if scratch <= STACK_SLOTS else "static "
    text.append("\n" + ("// Not reentrant: the scratch array is too large for the stack.\n" if kept else ""))
    text.append(f"void {function}(const uint64_t in[], uint64_t out[])\n{{\n")
    text.append(f"    {kept}uint64_t w[{max(1, scratch)}];\n    (void)in, (void)out, (void)w;\n")
    text += [f"    {function}_{k}(in, out, w);\n" for k in range(len(split))]
    text += [f"    out[{port}] = in[{wire}];\n" for wire in range(inputs) for port in ports.get(wire, ())]
    text.append("}\n")
    text.append(
        _MAIN.format(
            function=function,
            inputs=inputs,
            outputs=live.num_outputs,
            input_words=max(1, inputs),
            output_words=max(1, live.num_outputs),
        )
    )
    return "".join(text).encode()
