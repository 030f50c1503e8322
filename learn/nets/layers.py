"""Layers whose weights are integers, and only those: no float copy is kept, no gradient is stored.

A layer's backward pass leaves the sum over the batch of what its loss gains from each weight in ``weight.vote``, beside
the parameter, as ``.grad`` would lie there; ``learn.nets.optimizer`` hands votes to a rule. Activations and signals are
float tensors, because autograd asks for them; between Boolean layers they hold -1 and +1, and signals hold small
integers, so that everything is exact.

Boolean layers are those of BOLD (arXiv 2405.16339): s = sum of xnor(w, x), its threshold, the backward pass weighted by
tanh' and scaled by sqrt(2 / outputs). A positive signal means that the loss grows with the value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from learn import losses
from learn.arrays import to_numpy
from learn.errors import NetError
from learn.keys import Key
from learn.nets.products import LIMIT, exact, integers_by_signs, signs_by_signs, ternary_by_signs
from learn.rules.zim import default_trials
from learn.spaces import Int, Sign, Space, smallest

Inputs = Literal["signs", "integers", "real"]
Signal = Literal["integer", "ternary", "real"]

EXACT_IN_TF32 = 1 << 11
"""Integers up to this size are exact in the floats of 10 fraction bits in which CUDA convolves float32 by default."""
SIGNALS: dict[str, Callable[[Tensor], Tensor]] = {
    "integer": lambda z: z.round().clamp(-LIMIT, LIMIT),
    "ternary": torch.sign,
    "real": lambda z: z,
}
"""What a layer makes of the signal that comes in before it uses it; rounding is half to even."""

INT16 = Int(-(2**15) + 1, 2**15 - 1)
INPUTS = ("signs", "integers", "real")
_WEIGHT_STEPS = 256  # entries of the backward weighting's table a unit of its argument
_WEIGHT_END = 4


def as_signs(bits: Tensor, dtype: torch.dtype) -> Tensor:
    """Return +1 for True and -1 for False."""
    return 2 * bits.to(dtype) - 1


def _bound(z: Tensor, x: Tensor) -> int:
    """Return what no sum over a batch of signals times inputs passes."""
    return LIMIT * len(z) * int(x.abs().max()) if x.numel() else 0


def _one_of(what: str, name: Any, names: Collection[str]) -> Any:
    if name not in names:
        raise NetError(f"{what}: got {name!r}, expected one of {', '.join(names)}")
    return name


class Discrete(nn.Module):
    """A layer of one integer parameter, ``weight``, with its space and its votes beside it.

    Attributes:
        weight: the parameter; ``weight.space`` says what it may be, ``weight.vote`` is None or what backward passes
            have added up since votes were last cleared, in the weight's shape.
    """

    weight: nn.Parameter

    def __init__(self, weight: NDArray[np.signedinteger], space: Space, signal: Signal) -> None:
        super().__init__()
        self.space, self.signal = space, _one_of("signal", signal, SIGNALS)
        self.weight = nn.Parameter(torch.from_numpy(weight), requires_grad=False)
        self._mark()

    def _mark(self) -> None:
        self.weight.space, self.weight.vote = self.space, None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make a copy; torch copies parameters without what lies beside them."""
        super().__setstate__(state)
        self._mark()

    @torch._disable_dynamo
    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's sums. Compiled nets call it uncompiled: votes are kept outside the graph.

        Raises:
            NetError: inputs of integers, through which torch passes no signal.
        """
        if not x.is_floating_point():
            raise NetError(
                f"{type(self).__name__}: got inputs of {x.dtype}, expected floats of whole values; x.float()"
            )
        if not torch.is_grad_enabled():
            return self.sums(x)
        anchor = x if x.requires_grad else torch.zeros((), device=x.device, requires_grad=True)
        return _Apply.apply(x, anchor, self)

    def sums(self, x: Tensor) -> Tensor:
        """Return the outputs, float."""
        raise NotImplementedError

    def kept(self, x: Tensor) -> Tensor:
        """Return what the backward pass needs of the inputs."""
        return x

    def back(self, z: Tensor, kept: Tensor, shape: torch.Size) -> Tensor:
        """Return the signal of the inputs, float of that shape."""
        raise NotImplementedError

    def votes(self, z: Tensor, kept: Tensor) -> Tensor:
        """Return the votes of the weights, in their shape: int32, or float32 where signals or inputs are real."""
        raise NotImplementedError


class _Apply(torch.autograd.Function):
    """One layer: forward its sums, backward its signal, and its votes beside the weight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, anchor: Tensor, layer: Discrete) -> Tensor:
        ctx.layer, ctx.shape = layer, x.shape
        ctx.save_for_backward(layer.kept(x), layer.weight)  # a weight that steps in between is an error of autograd
        return layer.sums(x)

    @staticmethod
    def backward(ctx: Any, *signals: Any) -> tuple[Tensor | None, Tensor | None, None]:
        layer, (kept, _) = ctx.layer, ctx.saved_tensors
        z = SIGNALS[layer.signal](signals[0])
        own: Any = layer.weight
        votes = layer.votes(z, kept)
        own.vote = votes if own.vote is None else own.vote + votes
        first = layer.back(z, kept, ctx.shape) if ctx.needs_input_grad[0] else None
        return first, None, None


class Boolean(Discrete):
    """A layer whose weights are used by their sign; what :class:`BooleanLinear` and :class:`BooleanConv2d` share."""

    def __init__(self, shape: tuple[int, ...], key: Key, space: Sign | Int, inputs: Inputs, signal: Signal) -> None:
        super().__init__(space.init(shape, key=key), space, signal)
        self.inputs = _one_of("inputs", inputs, INPUTS)

    def kept(self, x: Tensor) -> Tensor:
        """Return the inputs, as a byte each where they are signs."""
        return x > 0 if self.inputs == "signs" else x

    def signs(self, dtype: torch.dtype) -> Tensor:
        """Return the weights as they are used: -1 and +1."""
        return as_signs(self.weight >= 0, dtype)

    def values(self, kept: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the inputs that :meth:`kept` kept."""
        return as_signs(kept, dtype) if self.inputs == "signs" else kept

    @property
    def is_real(self) -> bool:
        """Whether votes are real numbers."""
        return "real" in (self.signal, self.inputs)


class BooleanLinear(Boolean):
    """Sums of XNORs: s_j = sum_i w_ji x_i with weights of -1 and +1.

    In the space ``Sign`` the weights are what is stored; in ``Int(-K, K - 1)`` they are the sign of what is stored, 0
    counting as +1, so that small steps add up, a byte a weight.

    Args:
        in_features: n.
        out_features: m.
        key: draws the weights, each -1 or +1 alike (in ``Int`` the stored integers alike).
        space: of the weights.
        inputs: "signs" (-1 and +1, what ``Threshold`` gives), "integers" (float tensors of whole numbers) or "real".
        signal: what the layer makes of the signal that comes in: "integer" (rounded, one byte), "ternary" (BOLD's
            Boolean signal with its 0) or "real".

    Shapes:
        (batch, n) to (batch, m).

    Source: BOLD, arXiv 2405.16339; the backward scale is sqrt(2 / m).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        key: Key,
        space: Sign | Int = Sign(),  # noqa: B008 -- a value
        inputs: Inputs = "signs",
        signal: Signal = "integer",
    ) -> None:
        super().__init__((out_features, in_features), key, space, inputs, signal)

    def sums(self, x: Tensor) -> Tensor:
        """Return the sums, float (batch, m)."""
        if self.inputs == "signs":
            return signs_by_signs(x > 0, (self.weight >= 0).T).to(x.dtype)
        return functional.linear(x, self.signs(x.dtype))

    def back(self, z: Tensor, kept: Tensor, shape: torch.Size) -> Tensor:
        """Return sum_j w_ji z_j, scaled."""
        scale = math.sqrt(2 / len(self.weight))
        if self.signal == "real":
            return z @ self.signs(z.dtype) * scale
        by = ternary_by_signs if self.signal == "ternary" else integers_by_signs
        return by(z.to(torch.int8), self.weight >= 0).to(z.dtype) * scale

    def votes(self, z: Tensor, kept: Tensor) -> Tensor:
        """Return sum over the batch of z_j x_i."""
        if self.is_real:
            return z.T @ self.values(kept, z.dtype)
        if self.inputs == "integers":
            return exact(z.T, kept, _bound(z, kept)).to(torch.int32)
        by = ternary_by_signs if self.signal == "ternary" else integers_by_signs
        return by(z.T.to(torch.int8).contiguous(), kept)

    def extra_repr(self) -> str:
        """Return the settings."""
        m, n = self.weight.shape
        return f"{n}, {m}, space={self.space}, inputs={self.inputs!r}, signal={self.signal!r}"


class BooleanConv2d(Boolean):
    """XNOR convolution: a :class:`BooleanLinear` over every window of an image.

    Args:
        in_channels: channels of the images.
        out_channels: m.
        kernel_size: windows are squares of this side.
        stride: from window to window.
        padding: zeros around the image: they add nothing to a sum.
        key: draws the weights.
        space: as for :class:`BooleanLinear`, and so are ``inputs`` and ``signal``.
        inputs: see there.
        signal: see there.

    Shapes:
        (batch, channels, height, width) to (batch, m, rows, columns).

    Source: BOLD, arXiv 2405.16339; the backward scale is sqrt(2 v / (m k k)), v the area of a stride.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        key: Key,
        space: Sign | Int = Sign(),  # noqa: B008 -- a value
        inputs: Inputs = "signs",
        signal: Signal = "integer",
    ) -> None:
        super().__init__((out_channels, in_channels, kernel_size, kernel_size), key, space, inputs, signal)
        self.stride, self.padding = stride, padding

    def _windows(self, x: Tensor) -> Tensor:
        """Return the windows as rows: (batch * places, channels * k * k)."""
        found = functional.unfold(x, self.weight.shape[-1], padding=self.padding, stride=self.stride)
        return found.transpose(1, 2).flatten(0, 1)

    def _places(self, shape: torch.Size) -> tuple[int, int]:
        k = self.weight.shape[-1]
        height, width = ((side + 2 * self.padding - k) // self.stride + 1 for side in shape[-2:])
        return height, width

    def sums(self, x: Tensor) -> Tensor:
        """Return the sums, float (batch, m, rows, columns)."""
        if self.inputs != "signs" or self.padding or x.is_cuda:
            wide = x.is_cuda and self.inputs == "integers" and x.numel() and float(x.abs().max()) > EXACT_IN_TF32
            held = x.double() if wide else x
            sums = functional.conv2d(held, self.signs(held.dtype), stride=self.stride, padding=self.padding).to(x.dtype)
            return sums if self.inputs == "real" else sums.round()  # an algorithm by transforms is near, not exact
        found = signs_by_signs(self._windows(x) > 0, (self.weight >= 0).flatten(1).T).to(x.dtype)
        return found.view(len(x), -1, len(self.weight)).transpose(1, 2).unflatten(2, self._places(x.shape))

    def back(self, z: Tensor, kept: Tensor, shape: torch.Size) -> Tensor:
        """Return the sums of w z over the windows that hold an input, scaled."""
        m, _, k, _ = self.weight.shape
        rest = [(side + 2 * self.padding - k) % self.stride for side in shape[-2:]]
        found = functional.conv_transpose2d(
            z, self.signs(z.dtype), stride=self.stride, padding=self.padding, output_padding=rest
        )
        whole = found if self.signal == "real" else found.round()
        return whole * math.sqrt(2 * self.stride**2 / (m * k * k))

    def votes(self, z: Tensor, kept: Tensor) -> Tensor:
        """Return the sums of z x over batch and places."""
        rows, x = z.transpose(0, 1).flatten(1), functional.pad(self.values(kept, z.dtype), [self.padding] * 4)
        bound = 0 if self.is_real else _bound(rows.T, x)
        height, width = ((side - 1) * self.stride + 1 for side in z.shape[-2:])
        votes = torch.empty(self.weight.shape, dtype=z.dtype if self.is_real else torch.int32, device=z.device)
        for i in range(votes.shape[2]):  # a place of the window after the other: all at once take k k times the memory
            for j in range(votes.shape[3]):
                part = x[:, :, i : i + height : self.stride, j : j + width : self.stride]
                seen = part.transpose(0, 1).flatten(1).T
                votes[:, :, i, j] = rows @ seen if self.is_real else exact(rows, seen, bound)
        return votes

    def extra_repr(self) -> str:
        """Return the settings."""
        m, n, k, _ = self.weight.shape
        settings = f"stride={self.stride}, padding={self.padding}, inputs={self.inputs!r}, signal={self.signal!r}"
        return f"{n}, {m}, {k}, space={self.space}, {settings}"


class IntegerLinear(Discrete):
    """A linear layer of integer weights without bias, for real inputs and signals.

    Args:
        in_features: n.
        out_features: m.
        key: draws the weights (:func:`zim_weights`).
        trials: see there.
        space: of the weights; ZIM's grow past 1,000 on MNIST, so a byte is too narrow for long runs.

    Shapes:
        (batch, n) to (batch, m).

    Source: Wilson, Zanasi and Constantinides 2025, arXiv 2512.04051.
    """

    def __init__(
        self, in_features: int, out_features: int, *, key: Key, trials: int | None = None, space: Int = INT16
    ) -> None:
        super().__init__(zim_weights((out_features, in_features), space, key=key, trials=trials), space, "real")

    def sums(self, x: Tensor) -> Tensor:
        """Return the sums, float (batch, m)."""
        return functional.linear(x, self.weight.to(x.dtype))

    def back(self, z: Tensor, kept: Tensor, shape: torch.Size) -> Tensor:
        """Return the gradient of the inputs."""
        return z @ self.weight.to(z.dtype)

    def votes(self, z: Tensor, kept: Tensor) -> Tensor:
        """Return the gradient of the weights."""
        return z.T @ kept


class IntegerConv2d(Discrete):
    """A convolution with integer weights without bias, for real inputs and signals.

    Args:
        in_channels: channels of the images.
        out_channels: m.
        kernel_size: windows are squares of this side.
        stride: from window to window.
        padding: zeros around the image.
        key: draws the weights (:func:`zim_weights`).
        trials: see there.
        space: as for :class:`IntegerLinear`.

    Shapes:
        (batch, channels, height, width) to (batch, m, rows, columns).

    Source: as for :class:`IntegerLinear`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        key: Key,
        trials: int | None = None,
        space: Int = INT16,
    ) -> None:
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        super().__init__(zim_weights(shape, space, key=key, trials=trials), space, "real")
        self.stride, self.padding = stride, padding

    def sums(self, x: Tensor) -> Tensor:
        """Return the sums, float (batch, m, rows, columns)."""
        return functional.conv2d(x, self.weight.to(x.dtype), stride=self.stride, padding=self.padding)

    def back(self, z: Tensor, kept: Tensor, shape: torch.Size) -> Tensor:
        """Return the gradient of the inputs."""
        weight = self.weight.to(z.dtype)
        return torch.nn.grad.conv2d_input(shape, weight, z, stride=self.stride, padding=self.padding)

    def votes(self, z: Tensor, kept: Tensor) -> Tensor:
        """Return the gradient of the weights."""
        shape = self.weight.shape
        return torch.nn.grad.conv2d_weight(kept, shape, z, stride=self.stride, padding=self.padding)


class IntegerBias(Discrete):
    """An integer added to each feature, which lies on axis 1; it starts at 0.

    Args:
        features: how many.
        space: of the integers.

    Source: as for :class:`IntegerLinear`.
    """

    def __init__(self, features: int, *, space: Int = INT16) -> None:
        super().__init__(np.zeros(features, smallest(space.lo, space.hi)), space, "real")

    def sums(self, x: Tensor) -> Tensor:
        """Return the features with their integers added."""
        return x + self.weight.to(x.dtype).view(-1, *[1] * (x.dim() - 2))

    def back(self, z: Tensor, kept: Tensor, shape: torch.Size) -> Tensor:
        """Return the gradient of the inputs."""
        return z

    def kept(self, x: Tensor) -> Tensor:
        """Return nothing: the gradient does not depend on the inputs."""
        return x.new_empty(0)

    def votes(self, z: Tensor, kept: Tensor) -> Tensor:
        """Return the gradient of the integers."""
        return z.transpose(0, 1).flatten(1).sum(1)


class LUTLayer(Discrete):
    """Look-up tables of k inputs each, wired at random and balanced: every input feeds as many pins, give or take one.

    An entry is a counter; its sign, 0 counting as +1, is the output at its address; input 0 is the least significant
    bit of the address. Backward, the entry that was looked up gets the signal, and an input half the difference of the
    two entries that it chooses among, times the signal.

    Args:
        in_features: n.
        tables: m.
        pins: k.
        key: draws wiring and entries.
        bound: entries are in -bound..bound - 1.
        signal: as for :class:`BooleanLinear`.

    Shapes:
        signs (batch, n) to signs (batch, m).

    Source: the variation of a table, BOLD, arXiv 2405.16339.
    """

    wires: Tensor

    def __init__(
        self, in_features: int, tables: int, *, pins: int = 4, key: Key, bound: int = 32, signal: Signal = "integer"
    ) -> None:
        space = Int(-bound, bound - 1)
        super().__init__(Int(-4, 3).init((tables, 1 << pins), key=key.fold("entries")), space, signal)
        order = np.argsort(key.fold("wires").uniform(tables * pins)) % in_features
        self.register_buffer("wires", torch.from_numpy(order.reshape(tables, pins)))
        self.pins = pins

    def _entries(self, x: Tensor) -> Tensor:
        """Return which entry of all each table looks up: int64 (batch, m)."""
        bits = (x[:, self.wires] > 0).long()
        address = (bits << torch.arange(self.pins, device=x.device)).sum(-1)
        return address + (torch.arange(len(self.weight), device=x.device) << self.pins)

    def sums(self, x: Tensor) -> Tensor:
        """Return the outputs, -1 and +1 (batch, m)."""
        return as_signs(self.weight.view(-1)[self._entries(x)] >= 0, x.dtype)

    def kept(self, x: Tensor) -> Tensor:
        """Return the entries that are looked up, beside which the inputs need not be kept."""
        return self._entries(x)

    def back(self, z: Tensor, kept: Tensor, shape: torch.Size) -> Tensor:
        """Return the sums over pins of half the difference of two entries times z."""
        signs, found = as_signs(self.weight.view(-1) >= 0, z.dtype), z.new_zeros(shape)
        for pin in range(self.pins):
            bit = 1 << pin
            found.index_add_(1, self.wires[:, pin], (signs[kept | bit] - signs[kept & ~bit]) / 2 * z)
        return found

    def votes(self, z: Tensor, kept: Tensor) -> Tensor:
        """Return the sums of the signal of each entry."""
        dtype = torch.float32 if self.signal == "real" else torch.int32
        votes = torch.zeros(self.weight.numel(), dtype=dtype, device=z.device)
        return votes.index_add_(0, kept.flatten(), z.flatten().to(dtype)).view(self.weight.shape)


class Threshold(nn.Module):
    """Signs of sums: +1 where a sum is at least 0, else -1.

    Backward, a signal is weighted by tanh'(a |s|) = 1 - tanh(a |s|)**2, a = pi / (2 sqrt(3 m)), read from a table of
    256 entries a unit so that every device gives the same.

    Args:
        fan_in: m, the mean square of a sum: the number of inputs of the layer before where they are signs.

    Source: BOLD, arXiv 2405.16339, the backward weighting.
    """

    table: Tensor

    def __init__(self, fan_in: float) -> None:
        super().__init__()
        if not fan_in > 0:
            raise NetError(f"Threshold: got fan_in {fan_in}, expected the mean square of a sum, above 0")
        self.fan_in, self.scale = fan_in, math.pi / (2 * math.sqrt(3 * fan_in))
        steps = np.arange(_WEIGHT_END * _WEIGHT_STEPS) / _WEIGHT_STEPS
        self.register_buffer("table", torch.from_numpy(1 - np.tanh(steps) ** 2).float(), persistent=False)

    def forward(self, s: Tensor) -> Tensor:
        """Return the signs, in the shape and dtype of the sums."""
        return _Cut.apply(s, self.scale, self.table)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"{self.fan_in}"


class _Cut(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, s: Tensor, scale: float, table: Tensor) -> Tensor:
        place = (s.abs() * (scale * _WEIGHT_STEPS)).clamp_(max=len(table) - 1).to(torch.int16)
        ctx.save_for_backward(place, table)
        return as_signs(s >= 0, s.dtype)

    @staticmethod
    def backward(ctx: Any, *signals: Any) -> tuple[Tensor, None, None]:
        place, table = ctx.saved_tensors
        return signals[0] * table[place.int()], None, None


class GroupSum(nn.Module):
    """The score of each class: the sum of its features, which stand in equal groups in order.

    Shapes:
        (batch, features) to (batch, classes).
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, x: Tensor) -> Tensor:
        """Return the sums."""
        if x.shape[1] % self.classes:
            raise NetError(f"GroupSum: got {x.shape[1]} features, expected a multiple of {self.classes}")
        return x.unflatten(1, (self.classes, -1)).sum(-1)


def integer_cross_entropy(scores: Tensor, labels: Tensor, *, scale: int = LIMIT, tau: float) -> Tensor:
    """Return the mean cross-entropy of whole scores; its signal is the integer one of ``learn.losses.softmax``.

    Args:
        scores: float (batch, classes), whole numbers.
        labels: int64 (batch,).
        scale: the largest signal.
        tau: the scores' unit.
    """
    return _Softmax.apply(scores, labels, scale, tau)


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor, labels: Tensor, scale: int, tau: float) -> Tensor:
        loss, signal = losses.softmax(to_numpy(scores).astype(np.int64), to_numpy(labels), scale=scale, tau=tau)
        ctx.save_for_backward(torch.from_numpy(signal).to(scores))
        return scores.new_tensor(loss / len(scores))

    @staticmethod
    def backward(ctx: Any, *signals: Any) -> tuple[Tensor, None, None, None]:
        (signal,) = ctx.saved_tensors
        return signal, None, None, None


def zim_weights(
    shape: tuple[int, ...], space: Int, *, key: Key, trials: int | None = None
) -> NDArray[np.signedinteger]:
    """Draw ZIM's initial weights: sign(w) Multinomial(n, p), w the usual uniform init and p_i ~ |w_i|.

    Args:
        shape: of the weights.
        space: they are held in.
        key: draws them.
        trials: n; default round(d ** (1 / ndim)) for d weights.

    Returns:
        in the smallest dtype that holds the space.

    Source: arXiv 2512.04051.
    """
    w = 2 * key.fold("size").uniform(shape) - 1  # only proportions count
    n = default_trials(w) if trials is None else trials
    drawn = key.fold("trials").multinomial(n, np.abs(w).reshape(-1)).reshape(shape)
    held = np.clip(np.sign(w).astype(np.int64) * drawn, space.lo, space.hi)
    return held.astype(smallest(space.lo, space.hi))
