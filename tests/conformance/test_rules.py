"""Every rule in every space it works in; what differs between rules is read from its row."""

import numpy as np
import pytest

from learn.errors import RuleError
from learn.keys import Key
from learn.rules import IDENTITY, RULES, chain, constant, make_rule, masked, scheduled, state_arrays, with_arrays
from learn.spaces import Bit, Choice, Int, Real, Sign, Ternary

SPACES = [Bit(), Sign(), Ternary(), Int(-8, 7), Choice(5), Real()]
CASES = [(name, space) for name, row in RULES.items() for space in SPACES if isinstance(space, row.spaces)]
every_case = pytest.mark.parametrize(("name", "space"), CASES, ids=str)
SHAPES = [(6, 5), (40,), (1,), ()]
KEY = Key(7, ("conformance",))


def setting(name, space, shape=(6, 5)):
    """A rule, parameters and a signal for them."""
    params = space.init(shape, key=KEY.fold("params"))
    signal = KEY.fold("signal").integers(41, (*shape, space.n) if isinstance(space, Choice) else shape) - 20
    if isinstance(space, Choice):
        np.put_along_axis(signal, params[..., None].astype(np.int64), 0, -1)
    return RULES[name].factory(space), params, signal


@every_case
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float32, np.float64])
def test_steps_have_the_shape_of_the_parameters(name, space, shape, dtype):
    rule, params, signal = setting(name, space, shape)
    signal = signal.astype(dtype)
    state = rule.init(params)
    given = {k: v.copy() for k, v in state_arrays(state).items()}
    before = params.copy(), signal.copy()
    steps, after = rule.update(signal, state, params, key=KEY)
    assert steps.shape == shape and steps.dtype == (np.float64 if space == Real() else np.int64)
    assert type(after) is type(state)
    assert {k: (v.shape, v.dtype) for k, v in state_arrays(after).items()} == {
        k: (v.shape, v.dtype) for k, v in given.items()
    }
    assert np.array_equal(params, before[0]) and np.array_equal(signal, before[1])
    assert all(np.array_equal(given[k], v) for k, v in state_arrays(state).items())
    moved = space.add(params, steps)
    assert space.contains(moved)
    if isinstance(space, Choice):
        assert space.contains(steps)
    elif space != Real():  # what a rule returns is what the space does: no step is cut or wrapped
        assert np.array_equal(params + space.stride * steps, moved)


@every_case
def test_the_key_decides(name, space):
    rule, params, signal = setting(name, space, (30, 20))

    def steps(key):
        return run(rule, params, signal, [key.fold(i) for i in range(10)])[0]

    assert np.array_equal(steps(KEY), steps(KEY))
    assert np.array_equal(steps(KEY), steps(KEY.fold("other"))) is not RULES[name].needs_key


@every_case
def test_a_zero_signal(name, space):
    rule, params, signal = setting(name, space, (30, 20))
    steps, _ = rule.update(np.zeros_like(signal), rule.init(params), params, key=KEY)
    assert (not steps.any()) is RULES[name].rests


@every_case
def test_two_hundred_steps_stay_inside(name, space):
    rule, params, signal = setting(name, space)
    state = rule.init(params)
    moved = False
    for i in range(200):
        key = KEY.fold(i)
        signal = key.fold("signal").integers(2001, signal.shape) - 1000
        steps, state = rule.update(signal, state, params, key=key)
        params = space.add(params, steps)
        moved |= bool(steps.any())
        assert space.contains(params)
    assert moved


def run(rule, params, signal, keys, state=None):
    """Ten updates with one signal; returns every step."""
    state = rule.init(params) if state is None else state
    history = []
    for key in keys:
        steps, state = rule.update(signal, state, params, key=key)
        history.append(steps)
    return np.array(history), state


KEYS = [KEY.fold(i) for i in range(10)]


@every_case
@pytest.mark.parametrize(
    "wrap",
    [
        lambda rule: chain(rule),
        lambda rule: chain(IDENTITY, rule),
        lambda rule: chain(IDENTITY, IDENTITY, rule),
        lambda rule: scheduled(lambda unused: rule, unused=constant(1.0)),
        lambda rule: masked(rule, np.ones((6, 5), bool)),
    ],
    ids=["chain", "identity", "two identities", "scheduled", "masked"],
)
def test_units_change_nothing(name, space, wrap):
    rule, params, signal = setting(name, space)
    assert np.array_equal(run(wrap(rule), params, signal, KEYS)[0], run(rule, params, signal, KEYS)[0])


@every_case
def test_identity_behind_a_rule(name, space):
    rule, params, signal = setting(name, space)
    behind, _ = run(chain(rule, IDENTITY), params, signal, KEYS)
    assert np.array_equal(behind, run(rule, params, signal, [key.fold("chain", 1) for key in KEYS])[0])


@every_case
def test_masked_parameters_never_step(name, space):
    rule, params, signal = setting(name, space)
    mask = np.arange(30).reshape(6, 5) % 3 == 0
    history, _ = run(masked(rule, mask), params, signal, KEYS)
    assert not history[:, ~mask].any() and history[:, mask].any()


@every_case
def test_the_state_survives_a_file(name, space, tmp_path):
    rule, params, signal = setting(name, space)
    rule = scheduled(lambda unused: chain(IDENTITY, RULES[name].factory(space)), unused=constant(0.0))
    whole, _ = run(rule, params, signal, KEYS)
    _, state = run(rule, params, signal, KEYS[:5])
    np.savez(tmp_path / "state.npz", **state_arrays(state))
    with np.load(tmp_path / "state.npz", allow_pickle=False) as arrays:
        loaded = with_arrays(rule.init(params), dict(arrays))
    assert np.array_equal(run(rule, params, signal, KEYS[5:], loaded)[0], whole[5:])


@every_case
def test_no_float_copy_of_the_parameters(name, space):
    rule, params, _ = setting(name, space)
    floats = [k for k, v in state_arrays(rule.init(params)).items() if v.dtype.kind == "f"]
    assert bool(floats) is RULES[name].has_latent


@every_case
def test_descends(name, space):
    """A separable loss, a wanted value for each parameter, falls to well under half of where it begins."""
    rule, params, _ = setting(name, space)
    wanted = space.init(params.shape, key=KEY.fold("wanted"))
    wanted = wanted if space == Real() else wanted.astype(np.int64)

    def loss(at):
        return 4 * (wanted != at) if isinstance(space, Choice) else 4 * np.abs(wanted - at)

    def signal(at):
        if isinstance(space, Choice):
            return np.stack([loss(choice) - loss(at) for choice in range(space.n)], axis=-1)
        if RULES[name].ring:
            return wanted ^ at
        if isinstance(space, Bit | Sign):
            return np.where(wanted == space.lo, 4, -4)
        return 4 * np.sign(at - wanted)

    state, losses = rule.init(params), [loss(params).sum()]
    for i in range(200):
        steps, state = rule.update(signal(params), state, params, key=KEY.fold(i))
        params = space.add(params, steps)
        losses.append(loss(params).sum())
    assert np.mean(losses[-50:]) < 0.4 * losses[0]


@every_case
def test_a_signal_of_the_wrong_shape(name, space):
    rule, params, signal = setting(name, space)
    with pytest.raises(RuleError, match=r"got shape .* expected \(6, 5"):
        rule.update(signal[:-1], rule.init(params), params, key=KEY)


@every_case
def test_at_rate(name, space):
    _, params, signal = setting(name, space)
    history, _ = run(RULES[name].at_rate(space, 0.1), params, signal, KEYS)
    assert all(space.contains(space.add(params, steps)) for steps in history)
    assert history.any() or RULES[name].freezes


@pytest.mark.parametrize("row", RULES.values(), ids=RULES)
def test_every_row_is_tested_and_says_where_it_is_stated(row):
    assert any(isinstance(space, row.spaces) for space in SPACES)
    assert "arXiv" in row.paper or "doi" in row.paper


def test_make_rule():
    params, signal = np.zeros(9, np.int8), np.full(9, -1)
    steps, _ = make_rule("vote", Bit(), rate=1.0).update(signal, (), params, key=KEY)
    assert steps.tolist() == [1] * 9
    with pytest.raises(RuleError, match="expected one of zim"):
        make_rule("zimm", Bit())


def test_make_rule_refuses_a_space(monkeypatch):
    monkeypatch.setitem(RULES, "vote", RULES["vote"]._replace(spaces=(Bit, Sign)))
    with pytest.raises(RuleError, match=r"does not work in Choice\(n=3\), expected one of Bit, Sign"):
        make_rule("vote", Choice(3))


def test_scheduled_settings_follow_their_schedule():
    rates = []

    def make(rate):
        rates.append(rate)
        return RULES["vote"].factory(Bit(), rate=rate)

    rule = scheduled(make, rate=lambda step: 1.0 + step)
    run(rule, np.zeros(3, np.int8), np.ones(3), KEYS[:3])
    assert rates == [1.0, 1.0, 2.0, 3.0]
