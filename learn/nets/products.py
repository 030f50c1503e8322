"""Products of small integers and signs without rounding, by the fastest path of the device.

Autograd carries signs and integers in float tensors. Their products are computed as integers, so that CPU and CUDA, any
split of a batch and any number of threads give the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

LIMIT = 127
"""Integer signals stay within -LIMIT..LIMIT: one byte."""
_EXACT_IN_FLOAT32 = 1 << 24
_VNNI = getattr(torch.cpu, "_is_vnni_supported", lambda: False)()
"""Whether this processor multiplies bytes four times as fast as floats."""


def signs_by_signs(left: Tensor, right: Tensor) -> Tensor:
    """Multiply signs given as bool, True for +1: (rows, n) by (n, columns) to int32; packed on the CPU."""
    if left.is_cuda:
        return integers_by_signs(_signs(left), right)
    from circuits.words import pack
    from learn.xnor_kernels import pack_columns, sign_product

    words = pack(left.numpy()), pack_columns(right.numpy())
    return torch.from_numpy(sign_product(*words, left.shape[1], threads=torch.get_num_threads()))


def ternary_by_signs(left: Tensor, right: Tensor) -> Tensor:
    """Multiply -1, 0, +1 of int8 by signs given as bool: (rows, n) by (n, columns) to int32; packed on the CPU."""
    if left.is_cuda:
        return integers_by_signs(left, right)
    from learn.xnor_kernels import pack_columns, ternary_product

    words = pack_columns(right.numpy())
    return torch.from_numpy(ternary_product(left.numpy(), words, threads=torch.get_num_threads()))


def integers_by_signs(left: Tensor, right: Tensor) -> Tensor:
    """Multiply int8 by signs given as bool: (rows, n) by (n, columns) to int32."""
    rows, n = left.shape
    fits = rows > 16 and n % 8 == 0 and right.shape[1] % 8 == 0 if left.is_cuda else _VNNI
    if fits:
        return torch._int_mm(left.contiguous(), _signs(right).contiguous())
    return exact(left, _signs(right), n << 7).to(torch.int32)


def exact(left: Tensor, right: Tensor, bound: int) -> Tensor:
    """Multiply integers of any dtype in floats that hold every sum exactly: those of sizes up to ``bound`` < 2**53."""
    dtype = torch.float32 if bound <= _EXACT_IN_FLOAT32 else torch.float64
    return left.to(dtype) @ right.to(dtype)


def _signs(bits: Tensor) -> Tensor:
    """Return +1 for True and -1 for False, as int8."""
    return 2 * bits.to(torch.int8) - 1
