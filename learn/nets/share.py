"""Sums over the processes of torch.distributed."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from numpy.typing import NDArray

from learn.errors import NetError
from learn.train import Share


def add_up(votes: torch.Tensor, group: Any) -> None:
    """Put the sum of the tensors of all processes of a group in place of each.

    Raises:
        NetError: a process is gone or late.
    """
    try:
        dist.all_reduce(votes, group=group)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise NetError(
            f"votes: a process is gone or late ({reason}); start all of them again from a saved state"
        ) from None


def shared_by(group: Any = None) -> Share:
    """Return what this process does of a training of look-up tables that a group shares, by default all processes.

    ``fit(..., share=shared_by())`` in each process, started by torchrun, gives the network of one. A process keeps its
    own state and goes on from that.
    """

    def add(array: NDArray[Any]) -> None:
        add_up(torch.from_numpy(array), group)  # they share memory

    return Share(dist.get_rank(group), dist.get_world_size(group), add)
