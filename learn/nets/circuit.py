"""The circuit of a Boolean net: what was trained, as gates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from circuits.circuit import Builder, Circuit
from circuits.values import simulate_values
from circuits.wires import BIT, Word
from learn.errors import NetError
from learn.nets.layers import BooleanConv2d, BooleanLinear, GroupSum, LUTLayer, Threshold

Answer = Literal["class", "outputs"]


class _Wires(NamedTuple):
    """What a layer hands on: wires in the shape of one sample; whether they are bits that stand for -1 and +1."""

    wires: NDArray[np.int64]
    are_signs: bool


def to_circuit(
    net: nn.Module, shape: Sequence[int], *, word: Word = BIT, answer: Answer = "class", name: str = "net"
) -> Circuit:
    """Return the circuit of a sequence of Boolean layers.

    It may hold ``BooleanLinear``, ``BooleanConv2d``, ``LUTLayer``, ``Threshold``, ``GroupSum`` and torch's
    ``Sequential``, ``Flatten``, ``Unflatten``, ``MaxPool2d``, ``Identity`` and ``Dropout``. A sum is one ``dot`` gate,
    a threshold one ``threshold`` gate on it.

    Args:
        net: what was trained.
        shape: of one sample, such as (784,) or (1, 28, 28).
        word: the type of an input: by default a bit, 1 standing for +1 and 0 for -1; a word stands for its number.
        answer: "class", the number of the greatest score, the first among equals; or "outputs", all of them, signs as
            bits.
        name: of the circuit.

    Raises:
        NetError: a layer that has no gates.
    """
    count = math.prod(shape)
    builder = Builder([f"x{i}" for i in range(count)], name=name, types=[word] * count)
    at = _built(builder, net, _Wires(np.arange(count).reshape(tuple(shape)), word == BIT))
    outputs = at.wires.reshape(-1).tolist()
    if answer == "class":
        return builder.circuit({"class": builder.add("argmax", *outputs)})
    return builder.circuit({f"y{i}": wire for i, wire in enumerate(outputs)})


def agreeing(net: nn.Module, circuit: Circuit, samples: NDArray[np.integer], *, batch: int = 1000) -> int:
    """Count the samples whose class a net and its circuit agree on; all of them, if the circuit is right.

    Args:
        net: put in evaluation mode.
        circuit: of :func:`to_circuit`.
        samples: integers (samples, *shape), as the circuit reads them: 0 and 1, or words.
        batch: how many at a time.
    """
    net.eval()
    device = next(iter([*net.parameters(), *net.buffers()])).device
    bits, same = circuit.input_types[0] == BIT, 0
    for start in range(0, len(samples), batch):
        part = samples[start : start + batch]
        x = torch.from_numpy(np.ascontiguousarray(part)).to(device).float()
        with torch.no_grad():
            classes = net(2 * x - 1 if bits else x).argmax(1).cpu().numpy()
        same += int((simulate_values(circuit, part.reshape(len(part), -1).T)[0] == classes).sum())
    return same


def _built(builder: Builder, layer: nn.Module, at: _Wires) -> _Wires:
    if isinstance(layer, nn.Sequential):
        for part in layer:
            at = _built(builder, part, at)
        return at
    make = LAYERS.get(type(layer))
    if make is None:
        known = ", ".join(kind.__name__ for kind in (*LAYERS, nn.Sequential))
        raise NetError(f"to_circuit: got a {type(layer).__name__}, expected one of {known}")
    return make(builder, layer, at)


def _sum(builder: Builder, at: _Wires, wires: Sequence[int], weights: Sequence[int]) -> int:
    """Return the wire of a weighted sum; of signs 2 b - 1 it is that of their bits, doubled, less the weights."""
    if not at.are_signs:
        return builder.add("dot", *wires, params=(*weights, 0))
    return builder.add("dot", *wires, params=(*(2 * w for w in weights), -sum(weights)))


def _linear(builder: Builder, layer: Any, at: _Wires) -> _Wires:
    wires = at.wires.reshape(-1).tolist()
    rows = layer.signs(torch.int64).tolist()
    if len(wires) != layer.weight.shape[1]:
        raise NetError(f"to_circuit: got {len(wires)} inputs of a layer, expected {layer.weight.shape[1]}")
    return _Wires(np.array([_sum(builder, at, wires, row) for row in rows]), False)


def _convolution(builder: Builder, layer: Any, at: _Wires) -> _Wires:
    side, stride, edge = layer.weight.shape[-1], layer.stride, layer.padding
    grid = np.pad(at.wires, [(0, 0), (edge, edge), (edge, edge)], constant_values=-1)  # -1: nothing to add
    kernels = layer.signs(torch.int64).flatten(1).tolist()
    windows = np.lib.stride_tricks.sliding_window_view(grid, (side, side), axis=(1, 2))[:, ::stride, ::stride]
    found = np.empty((len(kernels), *windows.shape[1:3]), np.int64)
    for row, column in np.ndindex(windows.shape[1:3]):
        wires = windows[:, row, column].reshape(-1)
        inside = np.flatnonzero(wires >= 0)
        for m, kernel in enumerate(kernels):
            found[m, row, column] = _sum(builder, at, wires[inside].tolist(), [kernel[i] for i in inside])
    return _Wires(found, False)


def _threshold(builder: Builder, layer: Any, at: _Wires) -> _Wires:
    return _Wires(_each(lambda wire: builder.add("threshold", wire, params=(0,)), at.wires), True)


def _tables(builder: Builder, layer: Any, at: _Wires) -> _Wires:
    pins = at.wires.reshape(-1)[layer.wires.cpu().numpy()].tolist()
    entries = (layer.weight >= 0).int().tolist()
    gate = f"lut{layer.pins}"
    return _Wires(np.array([builder.add(gate, *p, params=e) for p, e in zip(pins, entries, strict=True)]), True)


def _groups(builder: Builder, layer: Any, at: _Wires) -> _Wires:
    groups = at.wires.reshape(layer.classes, -1).tolist()
    return _Wires(np.array([_sum(builder, at, wires, [1] * len(wires)) for wires in groups]), False)


def _pool(builder: Builder, layer: Any, at: _Wires) -> _Wires:
    side, stride = layer.kernel_size, layer.stride
    if (layer.padding, layer.dilation, layer.ceil_mode) != (0, 1, False) or not (type(side) is type(stride) is int):
        raise NetError(f"to_circuit: got {layer}, expected square windows without padding, dilation and ceil_mode")
    windows = np.lib.stride_tricks.sliding_window_view(at.wires, (side, side), axis=(1, 2))[:, ::stride, ::stride]
    found = windows[..., 0, 0]
    for place in list(np.ndindex(side, side))[1:]:
        found = _each(lambda x, y: builder.add("or" if at.are_signs else "max", x, y), found, windows[..., *place])
    return _Wires(found, at.are_signs)


def _each(make: Callable[..., int], *arrays: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what ``make`` makes of each entry."""
    made = [make(*values) for values in zip(*(array.reshape(-1).tolist() for array in arrays), strict=True)]
    return np.array(made).reshape(arrays[0].shape)


def _same(builder: Builder, layer: Any, at: _Wires) -> _Wires:
    return at


def _unflattened(builder: Builder, layer: Any, at: _Wires) -> _Wires:
    if layer.dim != 1:
        raise NetError(f"to_circuit: got {layer}, expected one of dimension 1")
    wires = at.wires.reshape(tuple(layer.unflattened_size) + at.wires.shape[1:])
    return _Wires(wires, at.are_signs)


LAYERS: dict[type[nn.Module], Callable[[Builder, Any, _Wires], _Wires]] = {
    BooleanLinear: _linear,
    BooleanConv2d: _convolution,
    LUTLayer: _tables,
    Threshold: _threshold,
    GroupSum: _groups,
    nn.MaxPool2d: _pool,
    nn.Unflatten: _unflattened,
    nn.Flatten: lambda builder, layer, at: _Wires(at.wires.reshape(-1), at.are_signs),
    nn.Identity: _same,
    nn.Dropout: _same,
}
"""What each kind of layer adds to a circuit."""
