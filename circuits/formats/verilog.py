"""Verilog-2005, the structural subset: one module of wires, assigns and gate primitives (IEEE Std 1364-2005).

Read: ANSI and plain port lists, vectors (bit i of ``a`` becomes the port ``a[i]``, least significant first), assigns
of ``~ ! & | ^ ~^ ^~ && || ?:`` over nets, bits and parts of vectors, concatenations and constants of equal widths,
primitives and, or, xor, nand, nor, xnor, not, buf. An expression over at most two nets is one gate. What is written is
in :mod:`circuits.formats.verilog_text`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, NoReturn

from circuits.circuit import Circuit
from circuits.errors import FormatError
from circuits.formats.netlist import MAX_NETS, MAX_PORTS, Netlist
from circuits.formats.text import decode, number, shown
from circuits.gates import GATE
from circuits.names import legal

MAX_DEPTH = 100
MAX_TOKENS = 12 << 20
"""A million gate primitives; statements that are taken in one piece do not count."""

MAX_WIDTH = 1 << 16
MAX_VECTOR_BITS = 1 << 20
"""Bits of one vector operand, and of all together: operators between wide vectors are much work for little text."""

_TOKEN = re.compile(
    r"""
    (?:\s+ | //[^\n]* | /\*.*?\*/ | \(\*(?!\s*\)).*?\*\) | `(?:timescale|default_nettype)\b[^\n]*)*+
    (?: (?P<name>[A-Za-z_][A-Za-z0-9_$]*)
      | (?P<sign>&&|\|\||~\^|\^~|[~!&|^?:()\[\]{},;=])
      | \\(?P<escaped>\S+)
      | (?P<constant>[0-9]*'[bBdDhHoO][0-9a-fA-F_]+(?![0-9a-zA-Z_?]))
      | (?P<number>[0-9]+(?!['0-9a-zA-Z_]))
      | (?P<end>\Z)
      | (?P<wrong>\S{1,20})
    )
    """,
    re.VERBOSE | re.DOTALL,
)
# The two statements that make up almost all of a large netlist, each taken in one piece.
_SHORT = re.compile(
    r"""
    \s* (?: wire \s+ (?P<wire>NAME) \s* ;
      | assign \s+ (?P<target>NAME) \s*=\s* (?P<invert>~\()? (?P<not_a>~?) (?P<a>NAME)
        \s* (?P<sign>[&|^]) \s* (?P<not_b>~?) (?P<b>NAME) \s* (?(invert)\)\s*) ; )
    """.replace("NAME", "[A-Za-z_][A-Za-z0-9_$]*"),
    re.VERBOSE,
)

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


_Bits = list[_Value]  # least significant first

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


_SHORT_TABLES = {
    (invert, not_a, sign, not_b): table ^ 0b1111 if invert else table
    for invert in (None, "~(")
    for not_a in ("", "~")
    for sign in "&|^"
    for not_b in ("", "~")
    for _, table in [_joined(_ROW[sign], (((0,), 0b01 if not_a else 0b10), ((1,), 0b01 if not_b else 0b10)), 2)]
}


def _constant(token: _Token) -> _Bits:
    """Return the bits of a constant with a width, or of 0 or 1 without one."""
    width, _, rest = token.text.partition("'")
    base = {"b": 2, "o": 8, "d": 10, "h": 16}[rest[0].lower()]
    digits = rest[1:].replace("_", "").lstrip("0") or "0"
    bits = number(width, "a width", MAX_WIDTH, line=token.line) if width else 1
    # a digit is at least one bit, so a constant that fits its width is short; base 10 is slow where it is long
    if not bits or len(digits) > min(bits, 4096) or any(int(d, 16) >= base for d in digits):
        raise FormatError(f"got {shown(token.text)}, expected a constant of at most 4096 digits", line=token.line)
    value = int(digits, base)
    if value >> bits:
        raise FormatError(f"got {shown(token.text)}, a value that needs more than {bits} bits", line=token.line)
    return [_Value((), value >> k & 1) for k in range(bits)]


class _Parser:
    """Recursive descent over the tokens of one file."""

    def __init__(self, text: str) -> None:
        self.text, self.line, self.tokens = text, 1, 0
        self.start = self.place = 0  # of the token at hand, and behind it
        self.token = self.following()
        self.netlist = Netlist()
        self.ports: dict[str, int] = {}  # name -> line
        self.spans: dict[str, _Span] = {}  # of every declared name
        self.direction: dict[str, str] = {}
        self.wires: set[str] = set()
        self.port_bits = self.vector_bits = 0

    # tokens

    def wrong(self, expected: str) -> NoReturn:
        raise FormatError(f"got {shown(self.token.text)}, expected {expected}", line=self.token.line)

    def following(self) -> _Token:
        """Return the token behind what has been read; at the end of the file ``end`` for ever."""
        match = _TOKEN.match(self.text, self.place)
        assert match  # the pattern has a branch for everything
        kind = match.lastgroup or "end"
        start = match.start(kind)
        if start > self.place:
            self.line += self.text.count("\n", self.place, start)
        self.start, self.place = start, match.end()
        self.tokens += 1
        if self.tokens > MAX_TOKENS:
            raise FormatError(f"got more than {MAX_TOKENS} words and signs", line=self.line)
        if kind == "wrong":
            raise FormatError(f"got {shown(match[kind])}, expected structural Verilog", line=self.line)
        return _Token(kind, match[kind] if kind != "end" else "end of file", self.line)

    def advance(self) -> _Token:
        token, self.token = self.token, self.following()
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
        if token.kind == "name" and token.text in ("wire", "assign") and self.short_items():
            return
        if token.kind == "name" and token.text in ("input", "output", "wire"):
            self.declaration(self.advance().text)
        elif self.accept("assign"):
            while True:
                self.assign(self.target())
                if not self.accept(","):
                    break
        elif token.kind == "name" and (token.text in _PRIMITIVES or token.text in _INVERTERS):
            self.primitives(self.advance().text)
        else:
            self.wrong("input, output, wire, assign, a gate primitive or endmodule (cells and behaviour are not read)")
        self.expect(";")

    def short_items(self) -> bool:
        """Read as many short statements as stand here, from the token at hand on; tell whether there were any."""
        first = place = self.start
        net, spans = self.netlist.net, self.spans
        while match := _SHORT.match(self.text, place):
            wire, target, invert, not_a, a, sign, not_b, b = match.groups()
            if a == b and not wire:
                break
            if not KEYWORDS.isdisjoint((wire or target, a, b)):
                break
            line = self.line + self.text.count("\n", place, match.end())
            if wire:
                self.declare(wire, "wire", None, line)
            elif spans.get(target) or spans.get(a) or spans.get(b):
                break
            else:
                self.netlist.define(net(target), _SHORT_TABLES[invert, not_a, sign, not_b], (net(a), net(b)), line)
            place, self.line = match.end(), line
        if place > first:
            self.place = place
            self.token = self.following()
        return place > first

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
            if kind == "wire" and self.token.text == "=":
                self.spend(1 if span is None else abs(span[0] - span[1]) + 1, line)
                self.assign([self.netlist.net(bit) for bit in _bits(name, span)])
            if not self.accept(","):
                return

    def declare(self, name: str, kind: str, span: _Span, line: int) -> None:
        """Note a name; a port may be declared once with its direction and once as a wire, with one range."""
        before = self.wires if kind == "wire" else self.direction
        if name in before or self.spans.get(name, span) != span:
            raise FormatError(f"{shown(name)} is declared twice", line=line)
        if kind != "wire" and name not in self.ports:
            raise FormatError(f"{kind} {shown(name)} is not in the module's port list", line=line)
        if len(self.spans) == MAX_NETS:
            raise FormatError(f"got more than {MAX_NETS} names", line=line)
        self.spans[name] = span
        if kind == "wire":
            self.wires.add(name)
            return
        self.port_bits += 1 if span is None else abs(span[0] - span[1]) + 1
        if self.port_bits > MAX_PORTS:
            raise FormatError(f"got ports of more than {MAX_PORTS} bits", line=line)
        self.direction[name] = kind
        if kind == "input":
            for bit in _bits(name, span):
                self.netlist.drive_from_outside(bit, line)

    # nets

    def reference(self) -> list[int]:
        """Read a net, or a vector, a part or a bit of it: nets, least significant first."""
        line = self.token.line
        name = self.name()
        span = self.spans.get(name)
        if span is None:
            return [self.netlist.net(name)]
        part = span
        if self.accept("["):
            left = self.index()
            part = (left, self.index() if self.accept(":") else left)
            self.expect("]")
            low, high = min(span), max(span)
            if not (low <= part[0] <= high and low <= part[1] <= high):
                which = f"{name}[{part[0]}]" if part[0] == part[1] else f"{name}[{part[0]}:{part[1]}]"
                raise FormatError(f"got {which}, expected an index within [{span[0]}:{span[1]}]", line=line)
            if (part[0] - part[1]) * (span[0] - span[1]) < 0:
                raise FormatError(f"got {name}[{part[0]}:{part[1]}], expected the order of {span}", line=line)
        self.spend(abs(part[0] - part[1]) + 1, line)
        step = 1 if span[0] >= span[1] else -1
        return [self.netlist.net(f"{name}[{k}]") for k in range(part[1], part[0] + step, step)]

    def spend(self, bits: int, line: int) -> None:
        """Refuse an operand that is too wide, before it is made."""
        self.vector_bits += bits if bits > 1 else 0
        if bits > MAX_WIDTH or self.vector_bits > MAX_VECTOR_BITS:
            raise FormatError(
                f"got operands of {bits} bits, expected at most {MAX_WIDTH} each and {MAX_VECTOR_BITS} together",
                line=line,
            )

    def target(self) -> list[int]:
        """Read what an assignment drives: a reference, or a concatenation of them."""
        if not self.accept("{"):
            return self.reference()
        parts = [self.reference()]
        while self.accept(","):
            parts.append(self.reference())
        self.expect("}")
        return [net for part in reversed(parts) for net in part]

    # gates

    def assign(self, targets: list[int]) -> None:
        line = self.token.line
        self.expect("=")
        values = self.expression(0)
        if len(values) != len(targets):
            raise FormatError(f"got {len(values)} bits for {len(targets)}, expected equal widths", line=line)
        for target, value in zip(targets, values, strict=True):
            self.netlist.define(target, value.table, value.nets, line)

    def primitives(self, kind: str) -> None:
        while True:
            line = self.token.line
            if self.token.kind == "escaped" or (self.token.kind == "name" and self.token.text not in KEYWORDS):
                self.advance()
            self.expect("(")
            if kind in _INVERTERS:
                # every terminal but the last is an output
                terminals = [self.bit(kind)]
                while self.accept(","):
                    terminals.append(self.bit(kind))
                targets, value = terminals[:-1], terminals[-1]
            else:
                targets = [self.bit(kind)]
                self.expect(",")
                op, _ = _PRIMITIVES[kind]
                value = self.bit(kind)
                while self.accept(","):
                    value = self.combined(op, line, value, self.bit(kind))
            self.expect(")")
            if _INVERTERS.get(kind) or _PRIMITIVES.get(kind, ("", False))[1]:
                value = self.inverted(value)
            if not targets or any(t.table != 0b10 or len(t.nets) != 1 for t in targets):
                raise FormatError(f"{kind}: expected a net as output and at least one input", line=line)
            for target in targets:
                self.netlist.define(target.nets[0], value.table, value.nets, line)
            if not self.accept(","):
                return

    def bit(self, what: str) -> _Value:
        line = self.token.line
        return self.single(self.expression(0), what, line)

    def single(self, bits: _Bits, what: str, line: int) -> _Value:
        if len(bits) != 1:
            raise FormatError(f"got {len(bits)} bits as operand of {what}, expected one", line=line)
        return bits[0]

    # expressions

    def expression(self, depth: int) -> _Bits:
        """Read ``condition ? then : otherwise`` or a binary expression."""
        if depth > MAX_DEPTH:
            self.wrong(f"expressions nested at most {MAX_DEPTH} deep")
        arms: list[tuple[_Value, _Bits]] = []
        line = self.token.line
        value = self.binary(1, depth)
        while self.accept("?"):
            then = self.expression(depth + 1)
            self.expect(":")
            arms.append((self.single(value, "?", line), then))
            value = self.binary(1, depth)
        for condition, then in reversed(arms):
            pairs = self.paired("?:", line, value, then)
            value = [self.combined("mux", line, condition, *pair) for pair in pairs]
        return value

    def binary(self, level: int, depth: int) -> _Bits:
        value = self.operand(depth)
        while self.token.kind == "sign" and _LEVELS.get(self.token.text, 0) >= level:
            _, sign, line = self.advance()
            right = self.binary(_LEVELS[sign] + 1, depth)
            if sign in ("&&", "||"):
                self.single(value, sign, line)
            value = [self.combined(_ROW[sign], line, *pair) for pair in self.paired(sign, line, value, right)]
        return value

    def paired(self, sign: str, line: int, first: _Bits, second: _Bits) -> list[tuple[_Value, _Value]]:
        if len(first) != len(second):
            raise FormatError(f"{sign}: got {len(first)} and {len(second)} bits, expected equal widths", line=line)
        return list(zip(first, second, strict=True))

    def operand(self, depth: int) -> _Bits:
        signs, line = set[str](), self.token.line
        invert = False
        while sign := self.accept("~", "!"):
            invert = not invert
            signs.add(sign)
        if self.token.kind == "constant":
            value = _constant(self.advance())
            self.spend(len(value), line)
        elif self.accept("("):
            value = self.expression(depth + 1)
            self.expect(")")
        elif self.accept("{"):
            parts = [self.expression(depth + 1)]
            while self.accept(","):
                parts.append(self.expression(depth + 1))
            self.expect("}")
            value = [bit for part in reversed(parts) for bit in part]
        else:
            value = [_Value((net,), 0b10) for net in self.reference()]
        if "!" in signs:
            self.single(value, "!", line)
        return [self.inverted(bit) for bit in value] if invert else value

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
