"""Gradients of float nets sent in a few bits: differential quantisation as a communication hook of torch's DDP.

DDP reads the annotations of a hook, so they are no strings here.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from learn.errors import NetError

WIDTHS = 1, 2, 4, 8


class QuantisedGradients:
    """What a process remembers of the gradients it has sent: ``net.register_comm_hook(state, dq_hook)``.

    A process sends q = Q(g - e) of its gradient g, e = q - (g - e') the error of its message before, and all step by
    the mean of the q. The gradient is to be taken where that error points::

        with state.ahead(rate):
            loss(net(x), y).backward()
        optimizer.step()  # of SGD with that rate

    One process then is exactly where unquantised descent is, less rate times e; without ``ahead`` this is error
    feedback (Karimireddy et al. 2019, arXiv 1901.09847). Q is uniform between the largest sizes of a bucket's numbers
    (``learn.rules.quantisers.uniform``).

    Attributes:
        bits: of a number, 1, 2, 4 or 8.
        bytes_sent: by this process so far.

    Source: Lin, Kostina and Hassibi 2020, arXiv 2002.02508, DQ-GD.
    """

    def __init__(self, bits: int = 8, group: Any = None) -> None:
        """Make a state for a process group, by default that of all processes.

        Raises:
            NetError: another number of bits.
        """
        if bits not in WIDTHS:
            raise NetError(f"gradients: got {bits} bits, expected one of {', '.join(map(str, WIDTHS))}")
        self.bits, self.group, self.bytes_sent = bits, group, 0
        self.errors: dict[nn.Parameter, Tensor] = {}

    @contextmanager
    def ahead(self, rate: float) -> Iterator[None]:
        """Move parameters by ``rate`` times their errors; back in the end."""
        before = {parameter: parameter.detach().clone() for parameter in self.errors}
        with torch.no_grad():
            for parameter, error in self.errors.items():
                parameter.add_(error, alpha=rate)
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, value in before.items():
                    parameter.copy_(value)


def dq_hook(state: QuantisedGradients, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:
    """Send a bucket of gradients in ``state.bits`` bits a number; return the mean of what all processes sent."""
    gradients, parameters = bucket.buffer(), bucket.parameters()
    nothing = (state.errors.get(p, torch.zeros_like(p)).detach().reshape(-1) for p in parameters)
    wanted = gradients - torch.cat(list(nothing))
    message = encoded(wanted, state.bits)
    parts = (decoded(message, wanted, state.bits) - wanted).split([p.numel() for p in parameters])
    state.errors.update((p, part.reshape(p.shape)) for p, part in zip(parameters, parts, strict=True))
    messages = [torch.empty_like(message) for _ in range(dist.get_world_size(state.group))]
    state.bytes_sent += message.numel()
    dist.all_gather(messages, message, group=state.group)  # a callback on a thread of its own may outlive the group
    done: torch.futures.Future[Tensor] = torch.futures.Future()
    done.set_result(mean_of((decoded(each, wanted, state.bits) for each in messages), len(messages)))
    return done


def mean_of(vectors: Iterable[Tensor], count: int) -> Tensor:
    """Return the mean of so many vectors, added in order."""
    first, *others = vectors
    for each in others:
        first = first + each
    return first / count


def encoded(vector: Tensor, bits: int) -> Tensor:
    """Return the bytes of a message: the largest size of the numbers, then the codes of all, of ``bits`` each."""
    radius, levels = vector.abs().max(), 1 << bits
    cell = torch.where(radius > 0, 2 * radius / levels, torch.ones_like(radius))
    codes = (vector / cell).floor().clamp(-levels // 2, levels // 2 - 1).add(levels // 2).to(torch.uint8)
    per = 8 // bits
    codes = nn.functional.pad(codes, (0, -len(codes) % per)).reshape(-1, per)
    places = torch.arange(per, dtype=torch.uint8, device=vector.device) * bits
    packed = (codes << places).sum(dim=1, dtype=torch.uint8)
    return torch.cat([radius.reshape(1).view(torch.uint8), packed])


def decoded(message: Tensor, like: Tensor, bits: int) -> Tensor:
    """Return the vector that a message tells of, of the shape and type of another one."""
    size, levels, per = like.element_size(), 1 << bits, 8 // bits
    radius = message[:size].clone().view(like.dtype)
    places = torch.arange(per, dtype=torch.uint8, device=like.device) * bits
    codes = (message[size:, None] >> places & (levels - 1)).reshape(-1)[: len(like)]
    return (codes.to(like.dtype) - levels // 2 + 0.5) * (2 * radius / levels)
