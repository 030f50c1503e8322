"""Trainings that stop and go on: bit by bit as if they had not stopped; and files of them that are not as written."""

import zipfile
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from circuits.errors import GatewrightError
from learn.checkpoint import load, save
from learn.encoders import ImageEncoder, TabularEncoder
from learn.errors import CheckpointError, TrainError
from learn.keys import Key
from learn.models.lut_network import make_network
from learn.rules import Int, chain, make_rule, rules_in
from learn.rules.base import IDENTITY
from learn.train import Settings, fit, passes

QUICK = Settings(epochs=3, batch=64, every=3, swap=0.3)


class Task:
    """A training that is the same whenever it is begun."""

    def __init__(self, kind="table", widths=(20,), seed=0, settings=QUICK, samples=300, validated=True, **options):
        rng, key = np.random.default_rng(seed), Key(seed)
        features = rng.integers(0, 256, (samples, 36))
        encoder = ImageEncoder(6, 6) if kind == "image" else TabularEncoder.fit(features, levels=8)
        labels = (features[:, 0] > 99).astype(int) + (features[:, 1] + features[:, 2] > 300)
        bank = encoder.comparisons(key.fold("bank"), 1 << 16)
        network = make_network(
            bank,
            rows=encoder.rows,
            classes=3,
            widths=widths,
            pins=4,
            bound=8,
            key=key.fold("network"),
        )
        codes = encoder.codes(features)
        if kind == "image":
            options["warps"] = encoder.warps(key.fold("warps"), 7, shift=1, turn=4, scale=0.04, bend=0.2)
        if validated:
            options["validation"] = (codes[:50], labels[:50])
        self.given = (network, codes, labels)
        self.options = {"bank": bank, "key": key, "settings": settings} | options

    def run(self, **options):
        return fit(*self.given, **(self.options | options))


def told(event):
    """What an event tells that depends on nothing but the training, its state and network among it."""
    state = event.state()
    seconds = state.pop("training.sums")
    return [*event[:4], repr(event[6:12]), seconds[1:].tolist(), {name: a.tobytes() for name, a in state.items()}]


def stopped(task, step, **options):
    """The state after a step, by way of a file."""
    *_, event = islice(task.run(pulse=0.0, **options), step)
    assert event.step == step
    return event.state()


CASES = {
    "votes": {},
    "no swaps": {"settings": replace(QUICK, swap=0.0)},
    "two layers": {"widths": (20, 9)},
    "warped images": {"kind": "image"},
    "two layers, warped, threads": {"kind": "image", "widths": (20, 9), "threads": 2},
    "weights, not validated": {"weights": np.arange(300) % 5, "validated": False},
    "fewer samples than a batch": {"samples": 40},
    **{name: {"settings": replace(QUICK, rule=name), "widths": (20, 9)} for name in rules_in(Int)},
    "a chain": {"settings": replace(QUICK, rule=chain(IDENTITY, make_rule("bold", Int(-8, 7), threshold=50.0)))},
}


@pytest.mark.parametrize("case", CASES)
def test_it_goes_on_as_if_never_left(case, tmp_path):
    task = Task(**CASES[case])
    whole = [told(event) for event in task.run()]
    steps = whole[-1][0]
    for step in {1, 3, steps // 2, 2 * steps // 3, steps - 1, steps}:
        save(tmp_path / "state.npz", stopped(task, step), about="")
        state, _ = load(tmp_path / "state.npz")
        rest = [told(event) for event in task.run(resume=state, threads=2)]
        assert rest == [each for each in whole if each[0] > step or each[0] == step == steps]


def test_stopping_again_and_again():
    task = Task(widths=(20, 9), settings=replace(QUICK, rule="bold"))
    *_, whole = task.run()
    state = None
    for _ in range(whole.steps):
        event = next(task.run(pulse=0.0, resume=state))
        state = event.state()
    assert told(event) == told(whole)


def test_a_state_is_asked_for_in_time():
    events = Task().run(pulse=0.0)
    first = next(events)
    held = first.state()
    next(events)
    with pytest.raises(TrainError, match="training has gone on"):
        first.state()
    assert held["training.step"] == 1 and passes(held) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "of other data, key or settings"),
        ({"key": Key(5)}, "of other data, key or settings"),
        ({"settings": replace(QUICK, rate=0.2)}, "of other data, key or settings"),
        ({"settings": replace(QUICK, rule="rounding")}, "rules.0.updates: got nothing"),
        ({"settings": replace(QUICK, epochs=4)}, r"history: got float64 \(3, 3\), expected float64 \(4, 3\)"),
        ({"widths": (21,)}, r"network.layers.0.codes: got uint16 \(20, 4\), expected uint16 \(21, 4\)"),
        ({"kind": "image"}, "of other data, key or settings"),
        ({"weights": np.ones(300, int)}, "of other data, key or settings"),
    ],
)
def test_a_state_of_another_training(change, message):
    state = stopped(Task(), 5)
    with pytest.raises(TrainError, match=f"of another training: .*{message}"):
        next(Task(**change).run(resume=state))


# --- Files


@pytest.fixture(scope="module")
def task():
    return Task(widths=(20, 9), settings=replace(QUICK, rule="bold"))


@pytest.fixture(scope="module")
def state(task):
    return stopped(task, 7)


def test_a_file_gives_back_what_was_saved(state, tmp_path):
    path = tmp_path / "state.npz"
    for about in ("", "mnist, seed 0", "größer"):
        save(path, state, about=about)
        found, words = load(path)
        assert words == about and set(found) == set(state)
        for name, array in state.items():
            assert found[name].dtype == array.dtype and found[name].tobytes() == array.tobytes()
        assert [each.name for each in tmp_path.iterdir()] == ["state.npz"]


def test_a_file_that_cannot_be_written(state, tmp_path, monkeypatch):
    with pytest.raises(CheckpointError, match="cannot be written: No such file"):
        save(tmp_path / "none" / "state.npz", state, about="")
    path = tmp_path / "state.npz"
    save(path, state, about="old")

    def full(file, **arrays):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(CheckpointError, match="No space left"):
        save(path, state, about="new")
    assert load(path)[1] == "old" and [each.name for each in tmp_path.iterdir()] == ["state.npz"]


def test_no_file(tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read: No such file"):
        load(tmp_path / "state.npz")
    with pytest.raises(CheckpointError, match="cannot be read: Is a directory"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x93NUMPY\x01\x00"])
def test_other_files(content, tmp_path):
    path = tmp_path / "state.npz"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged or no checkpoint"):
        load(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("digest.npy", content)
    with pytest.raises(CheckpointError, match="is damaged or no checkpoint"):
        load(path)
    np.savez(path, step=np.array([{}], object))
    with pytest.raises(CheckpointError, match="is damaged or no checkpoint"):
        load(path)
    np.save(tmp_path / "state.npy", np.arange(9))
    with pytest.raises(CheckpointError, match="is damaged or no checkpoint"):
        load(tmp_path / "state.npy")


def test_damaged_files(task, state, tmp_path):
    """Any byte that differs is seen, or differs in nothing that is read."""
    path = tmp_path / "state.npz"
    save(path, state, about="words")
    data, rng, seen = path.read_bytes(), np.random.default_rng(0), 0
    damaged = [data[: len(data) * k // 40] for k in range(40)]
    heads = [i for i in range(len(data)) if data[i : i + 4] in (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06")]
    places = [*rng.integers(0, len(data), 150), *(h + o for h in heads for o in rng.integers(0, 46, 4))]
    for at in places:
        if at < len(data):
            changed = bytearray(data)
            changed[at] ^= 1 << int(rng.integers(8))
            damaged.append(bytes(changed))
    for content in damaged:
        path.write_bytes(content)
        try:
            found, about = load(path)
        except CheckpointError as error:
            seen += 1
            assert "\n" not in str(error) and str(path) in str(error)
        else:
            assert about == "words" and {n: a.tobytes() for n, a in found.items()} == {
                n: a.tobytes() for n, a in state.items()
            }
    assert seen > 0.5 * len(damaged)


def wrong_arrays(state, rng):
    """States with one array wrong: missing, one too many, of another shape or type, or of wild values."""
    for name, array in state.items():
        yield {n: a for n, a in state.items() if n != name}
        yield state | {name: array.astype(np.float32)}
        yield state | {name: np.zeros((*array.shape, 2), array.dtype)}
        yield state | {name: np.array(["text"])}
        if array.dtype.kind in "iu" and array.size:
            limits = np.iinfo(array.dtype)
            yield state | {name: np.full(array.shape, limits.max, array.dtype)}
            yield state | {name: np.full(array.shape, limits.min, array.dtype)}
            yield state | {name: rng.integers(limits.min, limits.max, array.shape, array.dtype, endpoint=True)}


def test_wrong_arrays(task, state):
    """What a file may hold, its digest right, is checked before a kernel sees it."""
    refused = went_on = 0
    for wrong in wrong_arrays(state, np.random.default_rng(0)):
        try:
            event = next(task.run(resume=wrong, pulse=0.0))
        except GatewrightError:
            refused += 1
        else:  # sums and votes may be any numbers
            went_on += 1
            assert all(event.network.space.contains(layer.counters) for layer in event.network.layers)
    assert refused > 4 * len(state) and went_on < 2 * len(state)
