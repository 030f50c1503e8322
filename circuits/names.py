"""Port names: legal in a netlist, distinct, and free of the characters a format reserves."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple


class Naming(NamedTuple):
    """What a format asks of names.

    Attributes:
        reserved: characters a name cannot hold there.
        shared: inputs and outputs live in one name space.
    """

    reserved: str = ""
    shared: bool = False


def legal(name: str, reserved: str = "") -> str:
    """Return the name with ``_`` for every space, unprintable or reserved character; never empty."""
    plain = name.isprintable() and " " not in name and not any(c in name for c in reserved)
    return (name if plain else "".join("_" if c in f" {reserved}" or not c.isprintable() else c for c in name)) or "_"


def distinct(names: Iterable[str], taken: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names in order, each repeated or taken one with a number behind it (``a``, ``a_1``, ``a_2``)."""
    wanted = list(names)
    used, given, number, result = set(taken), set(wanted), dict[str, int](), list[str]()
    for name in wanted:
        new = name
        while new in used or (new != name and new in given):
            number[name] = number.get(name, 0) + 1
            new = f"{name}_{number[name]}"
        used.add(new)
        result.append(new)
    return tuple(result)


def completed(names: list[str | None], prefix: str) -> tuple[str, ...]:
    """Return legal and distinct names; a missing one at position k becomes ``prefix`` k, the given ones come first."""
    given = distinct(legal(name) for name in names if name is not None)
    filler = iter(distinct((f"{prefix}{k}" for k, name in enumerate(names) if name is None), given))
    named = iter(given)
    return tuple(next(filler if name is None else named) for name in names)


def ports(inputs: Iterable[str], outputs: Iterable[str], naming: Naming) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return input and output names as ``naming`` asks; in a shared name space the inputs keep theirs."""
    first = distinct(legal(name, naming.reserved) for name in inputs)
    return first, distinct((legal(name, naming.reserved) for name in outputs), first if naming.shared else ())


def internal(prefix: str, count: int, taken: Collection[str]) -> list[str]:
    """Return ``prefix0, prefix1, ...``, the prefix lengthened by ``_`` until none of them is taken."""
    while any(f"{prefix}{k}" in taken for k in range(count)):
        prefix += "_"
    return [f"{prefix}{k}" for k in range(count)]
