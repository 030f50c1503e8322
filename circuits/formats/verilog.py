"""Verilog-2005, the structural subset: one module of wires, assigns and gate primitives (IEEE Std 1364-2005).

Read: ANSI and plain port lists, vectors (bit i of ``a`` becomes the port ``a[i]``, least significant first), assigns
of ``~ ! & | ^ ~^ ^~ && || ?:`` over one-bit nets and constants, primitives and, or, xor, nand, nor, xnor, not, buf.
An expression over at most two nets is one gate. Written: one assign a gate, its text recorded from the row itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, NoReturn

from circuits.circuit import Circuit
from circuits.errors import FormatError
from circuits.formats.netlist import MAX_NETS, Netlist, net_names
from circuits.formats.text import decode, number, shown
from circuits.gates import GATE
from circuits.names import legal

MAX_DEPTH = 100

_TOKEN = re.compile(
    r"""
    (?:\s+ | //[^\n]* | /\*.*?\*/ | \(\*(?!\s*\)).*?\*\) | `(?:timescale|default_nettype)\b[^\n]*)*+
    (?: (?P<name>[A-Za-z_][A-Za-z0-9_$]*)
      | (?P<sign>&&|\|\||~\^|\^~|[~!&|^?:()\[\],;=])
      | \\(?P<escaped>\S+)
      | (?P<bit>1?'[bBdDhHoO][01](?![0-9a-zA-Z_?]))
      | (?P<number>[0-9]+(?!['0-9a-zA-Z_]))
      | (?P<end>\Z)
      | (?P<wrong>\S{1,20})
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")

KEYWORDS = frozenset(
    """always and assign automatic begin buf bufif0 bufif1 case casex casez cell cmos config deassign default defparam
    design disable edge else end endcase endconfig endfunction endgenerate endmodule endprimitive endspecify endtable
    endtask event for force forever fork function generate genvar highz0 highz1 if ifnone incdir include initial inout
    input instance integer join large liblist library localparam macromodule medium module nand negedge nmos nor
    noshowcancelled not notif0 notif1 or output parameter pmos posedge primitive pull0 pull1 pulldown pullup
    pulsestyle_onevent pulsestyle_ondetect rcmos real realtime reg release repeat rnmos rpmos rtran rtranif0 rtranif1
    scalared showcancelled signed small specify specparam strong0 strong1 supply0 supply1 table task time tran tranif0
    tranif1 tri tri0 tri1 triand trior trireg unsigned use uwire vectored wait wand weak0 weak1 while wire wor xnor
    xor""".split()  # noqa: SIM905  (a list literal would be a page)
)
"""The reserved words of IEEE Std 1364-2005, annex B."""

_LEVELS = {"||": 1, "&&": 2, "|": 3, "^": 4, "~^": 4, "^~": 4, "&": 5}  # binding strength
_ROW = {"||": "or", "&&": "and", "|": "or", "^": "xor", "~^": "xnor", "^~": "xnor", "&": "and"}
_PRIMITIVES = {
    "and": ("and", False), "nand": ("and", True),
    "or": ("or", False), "nor": ("or", True),
    "xor": ("xor", False), "xnor": ("xor", True),
}  # fmt: skip
_INVERTERS = {"buf": False, "not": True}


class _Token(NamedTuple):
    kind: str  # a group of the pattern
    text: str
    line: int


def _tokens(text: str) -> Iterator[_Token]:
    """Yield the tokens, at the end the token ``end`` for ever."""
    place, line = 0, 1
    while match := _TOKEN.match(text, place):
        kind = match.lastgroup or "end"
        start = match.start(kind)
        if start > place:
            line += text.count("\n", place, start)
        place = match.end()
        if kind == "wrong":
            raise FormatError(f"got {shown(match[kind])}, expected structural Verilog", line=line)
        yield _Token(kind, match[kind] if kind != "end" else "end of file", line)


_Span = tuple[int, int] | None  # [left:right] of a vector, None for one bit


def _bits(name: str, span: _Span) -> list[str]:
    """Return a declared name's nets, least significant first."""
    if span is None:
        return [name]
    left, right = span
    step = 1 if left >= right else -1
    return [f"{name}[{k}]" for k in range(right, left + step, step)]


class _Value(NamedTuple):
    """An expression: its table over at most two distinct nets."""

    nets: tuple[int, ...]
    table: int


_Shape = tuple[tuple[int, ...], int]  # an operand: which of the nets at hand it reads, its table over those


@lru_cache(maxsize=1 << 16)
def _joined(op: str, operands: tuple[_Shape, ...], nets: int) -> _Shape:
    """Apply a row to operands over the same ``nets`` nets; nets that turn out not to matter are dropped."""

    def widened(places: tuple[int, ...], table: int) -> int:
        """Return an operand's table over all the nets."""
        addresses = (sum((v >> place & 1) << k for k, place in enumerate(places)) for v in range(1 << nets))
        return sum((table >> address & 1) << v for v, address in enumerate(addresses))

    mask = (1 << (1 << nets)) - 1
    table = GATE[op].forward([widened(*operand) for operand in operands], (), 0) & mask
    kept = list(range(nets))
    for k in reversed(range(nets)):
        low = [v for v in range(1 << len(kept)) if not v >> k & 1]
        if all(table >> v & 1 == table >> (v | 1 << k) & 1 for v in low):
            table = sum((table >> v & 1) << place for place, v in enumerate(low))
            del kept[k]
    return tuple(kept), table


class _Parser:
    """Recursive descent over the tokens of one file."""

    def __init__(self, text: str) -> None:
        self.stream = _tokens(text)
        self.token = next(self.stream)
        self.netlist = Netlist()
        self.ports: dict[str, int] = {}  # name -> line
        self.spans: dict[str, _Span] = {}  # of every declared name
        self.direction: dict[str, str] = {}
        self.wires: set[str] = set()
        self.bits = 0

    # tokens

    def wrong(self, expected: str) -> NoReturn:
        raise FormatError(f"got {shown(self.token.text)}, expected {expected}", line=self.token.line)

    def advance(self) -> _Token:
        token, self.token = self.token, next(self.stream)
        return token

    def accept(self, *texts: str) -> str | None:
        """Take the token if it is one of these words or signs."""
        if self.token.kind in ("name", "sign") and self.token.text in texts:
            return self.advance().text
        return None

    def expect(self, text: str) -> None:
        if not self.accept(text):
            self.wrong(repr(text))

    def name(self) -> str:
        if self.token.kind == "escaped" or (self.token.kind == "name" and self.token.text not in KEYWORDS):
            return self.advance().text
        self.wrong("a name")

    # module and declarations

    def module(self) -> Circuit:
        self.expect("module")
        name = self.name()
        if self.accept("(") and not self.accept(")"):
            self.port_list()
            self.expect(")")
        self.expect(";")
        while not self.accept("endmodule"):
            self.item()
        if self.token.kind != "end":
            self.wrong("the end of the file behind one flat module")
        nets: dict[str, list[str]] = {"input": [], "output": []}
        for port, line in self.ports.items():
            if port not in self.direction:
                raise FormatError(f"port {shown(port)} is declared neither input nor output", line=line)
            nets[self.direction[port]] += _bits(port, self.spans[port])
        return self.netlist.circuit(nets["input"], nets["output"], legal(name))

    def port_list(self) -> None:
        """Read the ports, with their directions (ANSI) or names only."""
        direction: str | None = None
        span: _Span = None
        while True:
            said = self.accept("input", "output")
            if said:
                direction, span = said, self.net_type()
            line = self.token.line
            name = self.name()
            if name in self.ports:
                raise FormatError(f"port {shown(name)} stands twice in the list", line=line)
            self.ports[name] = line
            if direction:
                self.declare(name, direction, span, line)
            if not self.accept(","):
                return

    def net_type(self) -> _Span:
        """Read the optional ``wire`` and the optional range of a port."""
        self.accept("wire")
        return self.span()

    def item(self) -> None:
        token = self.token
        if token.kind == "name" and token.text in ("input", "output", "wire"):
            self.declaration(self.advance().text)
        elif self.accept("assign"):
            while True:
                self.assign(self.reference())
                if not self.accept(","):
                    break
        elif token.kind == "name" and (token.text in _PRIMITIVES or token.text in _INVERTERS):
            self.primitives(self.advance().text)
        else:
            self.wrong("input, output, wire, assign, a gate primitive or endmodule (cells and behaviour are not read)")
        self.expect(";")

    def span(self) -> _Span:
        """Read ``[left:right]`` if there is one."""
        if not self.accept("["):
            return None
        left = self.index()
        self.expect(":")
        right = self.index()
        self.expect("]")
        return left, right

    def index(self) -> int:
        if self.token.kind != "number":
            self.wrong("a number")
        token = self.advance()
        return number(token.text, "an index", MAX_NETS, line=token.line)

    def declaration(self, kind: str) -> None:
        span = self.span() if kind == "wire" else self.net_type()
        while True:
            line = self.token.line
            name = self.name()
            self.declare(name, kind, span, line)
            if kind == "wire" and span is None and self.token.text == "=":
                self.assign(self.netlist.net(name))
            if not self.accept(","):
                return

    def declare(self, name: str, kind: str, span: _Span, line: int) -> None:
        """Note a name; a port may be declared once with its direction and once as a wire, with one range."""
        before = self.wires if kind == "wire" else self.direction
        if name in before or self.spans.get(name, span) != span:
            raise FormatError(f"{shown(name)} is declared twice", line=line)
        if kind != "wire" and name not in self.ports:
            raise FormatError(f"{kind} {shown(name)} is not in the module's port list", line=line)
        self.bits += 1 if span is None else abs(span[0] - span[1]) + 1
        if self.bits > MAX_NETS:
            raise FormatError(f"got declarations of more than {MAX_NETS} bits", line=line)
        self.spans[name] = span
        if kind == "wire":
            self.wires.add(name)
            return
        self.direction[name] = kind
        if kind == "input":
            for bit in _bits(name, span):
                self.netlist.drive_from_outside(bit, line)

    def reference(self) -> int:
        """Read a net: a name, or one bit of a vector."""
        line = self.token.line
        name = self.name()
        span = self.spans.get(name)
        if span is None:
            return self.netlist.net(name)
        if not self.accept("["):
            raise FormatError(f"got the vector {shown(name)} as a whole, expected one bit of it", line=line)
        index = self.index()
        self.expect("]")
        if not min(span) <= index <= max(span):
            raise FormatError(f"got {name}[{index}], expected an index within [{span[0]}:{span[1]}]", line=line)
        return self.netlist.net(f"{name}[{index}]")

    # gates

    def assign(self, target: int) -> None:
        line = self.token.line
        self.expect("=")
        value = self.expression(0)
        self.netlist.define(target, value.table, value.nets, line)

    def primitives(self, kind: str) -> None:
        while True:
            line = self.token.line
            if self.token.kind == "escaped" or (self.token.kind == "name" and self.token.text not in KEYWORDS):
                self.advance()
            self.expect("(")
            if kind in _INVERTERS:
                # every terminal but the last is an output
                terminals = [self.expression(0)]
                while self.accept(","):
                    terminals.append(self.expression(0))
                targets, value = terminals[:-1], terminals[-1]
            else:
                targets = [self.expression(0)]
                self.expect(",")
                op, _ = _PRIMITIVES[kind]
                value = self.expression(0)
                while self.accept(","):
                    value = self.combined(op, line, value, self.expression(0))
            self.expect(")")
            if _INVERTERS.get(kind) or _PRIMITIVES.get(kind, ("", False))[1]:
                value = self.inverted(value)
            if not targets or any(t.table != 0b10 or len(t.nets) != 1 for t in targets):
                raise FormatError(f"{kind}: expected a net as output and at least one input", line=line)
            for target in targets:
                self.netlist.define(target.nets[0], value.table, value.nets, line)
            if not self.accept(","):
                return

    # expressions

    def expression(self, depth: int) -> _Value:
        """Read ``condition ? then : otherwise`` or a binary expression."""
        if depth > MAX_DEPTH:
            self.wrong(f"expressions nested at most {MAX_DEPTH} deep")
        arms: list[tuple[_Value, _Value]] = []
        line = self.token.line
        value = self.binary(1, depth)
        while self.accept("?"):
            then = self.expression(depth + 1)
            self.expect(":")
            arms.append((value, then))
            value = self.binary(1, depth)
        for condition, then in reversed(arms):
            value = self.combined("mux", line, condition, value, then)
        return value

    def binary(self, level: int, depth: int) -> _Value:
        value = self.operand(depth)
        while self.token.kind == "sign" and _LEVELS.get(self.token.text, 0) >= level:
            sign = self.advance()
            right = self.binary(_LEVELS[sign.text] + 1, depth)
            value = self.combined(_ROW[sign.text], sign.line, value, right)
        return value

    def operand(self, depth: int) -> _Value:
        invert = False
        while self.accept("~", "!"):
            invert = not invert
        if self.token.kind == "bit":
            value = _Value((), int(self.advance().text[-1]))
        elif self.accept("("):
            value = self.expression(depth + 1)
            self.expect(")")
        else:
            value = _Value((self.reference(),), 0b10)
        return self.inverted(value) if invert else value

    def inverted(self, value: _Value) -> _Value:
        return _Value(value.nets, value.table ^ ((1 << (1 << len(value.nets))) - 1))

    def plain(self, value: _Value, line: int) -> _Value:
        """Return a net that carries the value, through a gate of its own if need be."""
        if value.table == 0b10 and len(value.nets) == 1:
            return value
        return _Value((self.netlist.add(value.table, value.nets, line),), 0b10)

    def combined(self, op: str, line: int, *values: _Value) -> _Value:
        """Apply a row of the gate table; a result over at most two nets waits for what is done to it."""
        nets = list(dict.fromkeys([net for value in values for net in value.nets]))
        if len(nets) > 2:
            values = tuple([self.plain(value, line) for value in values])
            nets = list(dict.fromkeys([net for value in values for net in value.nets]))
        operands = tuple([(tuple([nets.index(net) for net in value.nets]), value.table) for value in values])
        kept, table = _joined(op, operands, len(nets))
        result = _Value(tuple([nets[place] for place in kept]), table)
        return result if len(kept) <= 2 else self.plain(result, line)


def parse(data: bytes, name: str) -> Circuit:
    """Read one module; statements may stand in any order.

    Raises:
        FormatError: anything outside the subset, undriven or doubly driven nets, cycles.
        CircuitError: port names that collide.
    """
    return _Parser(decode(data)).module()


class _Text:
    """A term that records itself as Verilog; parentheses where two different operators meet."""

    __slots__ = ("sign", "text")

    def __init__(self, text: str, sign: str = "") -> None:
        self.text, self.sign = text, sign

    def _beside(self, sign: str) -> str:
        return f"({self.text})" if self.sign and self.sign != sign else self.text

    def _two(self, sign: str, other: _Text) -> _Text:
        return _Text(f"{self._beside(sign)} {sign} {other._beside(sign)}", sign)

    def __and__(self, other: _Text) -> _Text:
        return self._two("&", other)

    def __or__(self, other: _Text) -> _Text:
        return self._two("|", other)

    def __xor__(self, other: _Text) -> _Text:
        return self._two("^", other)

    def __invert__(self) -> _Text:
        known = {"1'b0": "1'b1", "1'b1": "1'b0"}
        return _Text(known.get(self.text) or f"~{self._beside('~')}")


def identifier(name: str) -> str:
    """Return a name as Verilog spells it: escaped, with the space that ends it, where it is no simple identifier."""
    return name if _PLAIN.fullmatch(name) and name not in KEYWORDS else f"\\{name} "


def _expression(op: str, fanin: list[str], params: tuple[int, ...]) -> str:
    return GATE[op].forward([_Text(net) for net in fanin], params, _Text("1'b0")).text


def write(circuit: Circuit) -> bytes:
    """Write a module with one assign per gate."""
    given, copies = net_names(circuit)
    names = [identifier(name) for name in given]
    ports = [*map(identifier, circuit.input_names)], [*map(identifier, circuit.output_names)]
    head = f"module {identifier(circuit.name)}(\n  " + ",\n  ".join(ports[0] + ports[1]) + "\n);\n"
    body = [f"  {word} {name};\n" for word, group in zip(("input", "output"), ports, strict=True) for name in group]
    outputs = set(circuit.output_names)
    for wire, (op, fanin, params) in enumerate(circuit.gates(), circuit.num_inputs):
        if given[wire] not in outputs:
            body.append(f"  wire {names[wire]};\n")
        body.append(f"  assign {names[wire]} = {_expression(op, [names[f] for f in fanin], params)};\n")
    body += [f"  assign {identifier(output)} = {identifier(net)};\n" for output, net in copies]
    return "".join([head, *body, "endmodule\n"]).encode()
