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

from learn.encoders import TabularEncoder  # noqa: E402
from learn.errors import NetError  # noqa: E402
from learn.keys import Key  # noqa: E402
from learn.models.lut_network import make_network  # noqa: E402
from learn.nets import (  # noqa: E402
    BooleanLinear,
    DiscreteOptimizer,
    QuantisedGradients,
    Threshold,
    dq_hook,
    integer_cross_entropy,
    shared_by,
)
from learn.nets.gradients import decoded, encoded  # noqa: E402
from learn.rules import bold  # noqa: E402
from learn.rules.quantisers import uniform  # noqa: E402
from learn.train import Settings, fit  # noqa: E402

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


def exits(target, size, *given, start="fork"):
    """Run ``target(rank, size, *given)`` in so many processes; return how they ended."""
    context = multiprocessing.get_context(start)
    processes = [context.Process(target=target, args=(rank, size, *given)) for rank in range(size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(90)
    return [process.exitcode for process in processes]


def run(size, folder, dies=False):
    """Train in so many processes; return how they ended."""
    folder.mkdir()
    return exits(train, size, folder, dies)


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


RATE, SAMPLES = 0.05, 24


def descend(rank, size, folder, bits):
    """Descend on least squares by DDP with quantised gradients; leave parameters, errors, losses and bytes."""
    store = dist.FileStore(f"{folder}/store", size)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=timedelta(seconds=30))
    x, net = least_squares()
    y = (x @ torch.arange(6.0, dtype=torch.float64))[:, None]
    shared, state = nn.parallel.DistributedDataParallel(net), QuantisedGradients(bits)
    shared.register_comm_hook(state, dq_hook)
    optimizer, losses = torch.optim.SGD(net.parameters(), RATE), []
    for _ in range(40):
        optimizer.zero_grad()
        losses.append(nn.functional.mse_loss(net(x), y).item())
        with state.ahead(RATE):
            nn.functional.mse_loss(shared(x[rank::size]), y[rank::size]).backward()
        optimizer.step()
    errors = torch.cat([state.errors[p].flatten() for p in net.parameters()])
    found = torch.cat([p.detach().flatten() for p in net.parameters()])
    plain = plain_descent()
    np.savez(folder / f"end{rank}.npz", found=found, errors=errors, losses=losses, sent=state.bytes_sent, plain=plain)
    dist.destroy_process_group()


def least_squares():
    """Return the samples and the net, the same at every call."""
    generator = torch.Generator().manual_seed(0)
    net = nn.Linear(6, 1, dtype=torch.float64)
    with torch.no_grad():
        net.weight.copy_(torch.randn(1, 6, generator=generator))
        net.bias.zero_()
    return torch.randn(SAMPLES, 6, generator=generator, dtype=torch.float64), net


def plain_descent():
    """Return where descent comes to with gradients as they are."""
    x, net = least_squares()
    y = (x @ torch.arange(6.0, dtype=torch.float64))[:, None]
    optimizer = torch.optim.SGD(net.parameters(), RATE)
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.mse_loss(net(x), y).backward()
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in net.parameters()]).numpy()


@pytest.mark.parametrize(("size", "bits"), [(1, 2), (2, 8), (2, 4)])
def test_gradients_are_sent_in_a_few_bits(tmp_path, size, bits):
    # spawned: children of a process that has run backward hang now and then
    assert exits(descend, size, tmp_path, bits, start="spawn") == [0] * size
    ends = [np.load(tmp_path / f"end{rank}.npz") for rank in range(size)]
    assert all(np.array_equal(ends[0]["found"], end["found"]) for end in ends)
    plain = ends[0]["plain"]
    if size == 1:  # the path of unquantised descent, but for the last error
        assert np.allclose(ends[0]["found"], plain - RATE * ends[0]["errors"], rtol=0, atol=1e-12)
    assert ends[0]["losses"][-1] < 0.1 * ends[0]["losses"][0]
    assert np.abs(ends[0]["found"] - plain).max() < 0.2
    assert ends[0]["sent"] == 40 * (8 + -(-7 * bits // 8))  # a radius and 7 codes; 56 bytes of floats


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_messages_say_what_the_quantiser_does(bits):
    rng = np.random.default_rng(bits)
    for n in (1, 5, 64):
        vector = rng.normal(size=n)
        told = decoded(encoded(torch.from_numpy(vector), bits), torch.empty(n, dtype=torch.float64), bits)
        assert np.allclose(told.numpy(), uniform(bits)(vector, 0), rtol=0, atol=1e-15)
    nothing = torch.zeros(3)
    assert torch.equal(decoded(encoded(nothing, bits), nothing, bits), nothing)


def test_gradients_take_so_many_bits():
    with pytest.raises(NetError, match="gradients: got 3 bits, expected one of 1, 2, 4, 8"):
        QuantisedGradients(3)


def fit_tables(rank, size, folder):
    """Train look-up tables as one of several processes; leave their counters and pins."""
    store = dist.FileStore(f"{folder}/store", size)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=timedelta(seconds=30))
    x = KEY.fold("features").integers(50, (500, 4))
    encoder = TabularEncoder.fit(x)
    bank = encoder.comparisons(KEY, 1 << 16)
    network = make_network(
        bank,
        rows=encoder.rows, classes=2, widths=(24, 8), pins=4, bound=32, key=KEY,
    )  # fmt: skip
    labels, settings = (x[:, 0] + x[:, 1] > 50).astype(int), Settings(epochs=6, batch=128, every=5)
    shared = shared_by()
    *_, last = fit(network, encoder.codes(x), labels, bank=bank, key=KEY, settings=settings, share=shared)
    layers = last.network.layers
    found = [a.astype(int).ravel() for layer in layers for a in (layer.counters, *layer.pins)]
    np.save(folder / f"tables{rank}.npy", np.concatenate([*found, [round(1e6 * last.accuracy)]]))
    dist.destroy_process_group()


def test_any_number_of_processes_trains_the_same_tables(tmp_path):
    found = []
    for size in (1, 2, 4):
        folder = tmp_path / str(size)
        folder.mkdir()
        assert exits(fit_tables, size, folder) == [0] * size
        found += [np.load(folder / f"tables{rank}.npy") for rank in range(size)]
    assert all(np.array_equal(found[0], other) for other in found[1:])
    assert found[0][-1] > 800_000
