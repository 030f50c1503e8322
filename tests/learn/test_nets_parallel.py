"""Processes that share a batch take the steps of one; when one dies, the others say so and start again from a state."""

import multiprocessing
import os
import signal
from datetime import timedelta

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

import torch.distributed as dist  # noqa: E402
from torch import _dynamo, nn  # noqa: E402, F401 -- loaded once, before processes fork

from learn.errors import NetError  # noqa: E402
from learn.keys import Key  # noqa: E402
from learn.nets import BooleanLinear, DiscreteOptimizer, Threshold, integer_cross_entropy  # noqa: E402
from learn.rules import bold  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
KEY, STEPS, DEATH = Key(5, ("parallel",)), 6, 3
torch.set_num_threads(1)
BooleanLinear(1, 1, key=KEY)(torch.ones(1, 1))  # loads the kernels, once before processes fork


def train(rank, size, folder, dies):
    """Train as one of several processes, from a saved state if there is one; leave weights, or what went wrong."""
    store = dist.FileStore(f"{folder}/store", size)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=timedelta(seconds=30))
    net = nn.Sequential(BooleanLinear(12, 16, key=KEY.fold(0)), Threshold(12), BooleanLinear(16, 4, key=KEY.fold(1)))
    x = torch.from_numpy(2 * KEY.fold("x").integers(2, (24, 12)) - 1).float()[rank::size]
    y = torch.from_numpy(KEY.fold("y").integers(4, (24,)))[rank::size]
    optimizer = DiscreteOptimizer(
        net.parameters(),
        lambda space, lr: bold(space, eta=lr, scale=None, cap=0.05),
        lr=0.3,
        key=KEY,
        group=dist.group.WORLD,
    )
    place, first = folder.parent / "state.pt", 0
    if place.exists():
        saved = torch.load(place, weights_only=True)
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        first = DEATH
    try:
        for step in range(first, STEPS):
            optimizer.zero_grad()
            integer_cross_entropy(net(x), y, tau=4.0).backward()
            if dies and step == DEATH:
                if rank == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
                torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, place)
            optimizer.step()
    except NetError as error:
        (folder / f"error{rank}").write_text(str(error))
        os._exit(2)  # as it is, the group cannot be closed
    np.save(folder / f"weights{rank}.npy", torch.cat([p.flatten() for p in net.parameters()]).numpy())
    dist.destroy_process_group()


def run(size, folder, dies=False):
    """Run so many processes; return how they ended."""
    folder.mkdir()
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=train, args=(rank, size, folder, dies)) for rank in range(size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(90)
    return [process.exitcode for process in processes]


def test_any_number_of_processes_takes_the_same_steps(tmp_path):
    found = []
    for size in (1, 2, 4):
        folder = tmp_path / str(size)
        assert run(size, folder) == [0] * size
        found += [np.load(folder / f"weights{rank}.npy") for rank in range(size)]
    assert all(np.array_equal(found[0], other) for other in found[1:])
    start = np.concatenate([BooleanLinear(12, 16, key=KEY.fold(0)).weight.numpy().reshape(-1), np.zeros(64)])
    assert not np.array_equal(found[0][:192], start[:192])


def test_a_process_that_dies_is_told_of_and_training_goes_on_from_a_state(tmp_path):
    assert run(2, tmp_path / "whole") == [0, 0]
    assert run(2, tmp_path / "broken", dies=True) == [2, -signal.SIGKILL]
    said = (tmp_path / "broken" / "error0").read_text()
    assert "a process is gone" in said and "\n" not in said
    assert run(2, tmp_path / "again") == [0, 0]
    whole, again = (np.load(tmp_path / name / "weights0.npy") for name in ("whole", "again"))
    assert np.array_equal(whole, again)
