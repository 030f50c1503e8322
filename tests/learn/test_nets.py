"""Layers of integer weights, the optimizer that steps them, and the circuits of nets."""

import copy
import io
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from circuits.wires import Word  # noqa: E402
from learn.errors import LearnError, NetError  # noqa: E402
from learn.keys import Key  # noqa: E402
from learn.nets import (  # noqa: E402
    BooleanConv2d,
    BooleanLinear,
    DiscreteOptimizer,
    GroupSum,
    IntegerConv2d,
    IntegerLinear,
    LUTLayer,
    Threshold,
    agreeing,
    integer_cross_entropy,
    narrowed,
    parameter_groups,
    products,
    to_circuit,
    zim_weights,
)
from learn.rules import RULES, bold, zim  # noqa: E402
from learn.spaces import Choice, Int, Sign  # noqa: E402

KEY = Key(12, ("nets",))
torch.set_num_threads(1)


def integers(name, shape, lo, hi):
    return torch.from_numpy(KEY.fold(name).integers(hi - lo + 1, shape) + lo)


def signs(name, shape):
    return (2 * integers(name, shape, 0, 1) - 1).float()


@pytest.mark.parametrize(("rows", "n", "columns"), [(1, 1, 1), (5, 130, 33), (40, 64, 72), (3, 0, 2)])
def test_products_are_exact(rows, n, columns):
    x, y = signs("x", (rows, n)), signs("y", (n, columns))
    z = integers("z", (rows, n), -127, 127)
    ternary = integers("t", (rows, n), -1, 1)
    for got, left in [
        (products.signs_by_signs(x > 0, y > 0), x),
        (products.ternary_by_signs(ternary.to(torch.int8), y > 0), ternary),
        (products.integers_by_signs(z.to(torch.int8), y > 0), z),
    ]:
        assert got.dtype == torch.int32
        assert torch.equal(got.double(), left.double() @ y.double())


def test_large_sums_are_exact_too():
    x = torch.tensor([[(1 << 24) + 1.0, 1.0]], dtype=torch.float64)
    assert products.exact(x, torch.ones(2, 1), 1 << 25).item() == (1 << 24) + 2


BIT_INPUTS, WHOLE = signs("in", (9, 3, 7, 7)), integers("in", (9, 3, 7, 7), 0, 255).float()
LAYERS = {
    "linear": lambda **s: (BooleanLinear(147, 6, key=KEY, **s), functional.linear, math.sqrt(2 / 6)),
    "convolution": lambda **s: (BooleanConv2d(3, 4, 3, key=KEY, **s), functional.conv2d, math.sqrt(2 / (4 * 9))),
    "strided": lambda **s: (
        BooleanConv2d(3, 4, 2, stride=2, padding=1, key=KEY, **s),
        lambda x, w: functional.conv2d(x, w, stride=2, padding=1),
        math.sqrt(2 * 4 / (4 * 4)),
    ),
}
SIGNALS = {
    "integer": lambda z: z.round().clamp(-127, 127),
    "ternary": torch.sign,
    "real": lambda z: z,
}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("inputs", ["signs", "integers", "real"])
@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("space", [Sign(), Int(-4, 3)], ids=str)
def test_boolean_layers_are_those_of_autograd(kind, inputs, signal, space):
    layer, reference, scale = LAYERS[kind](inputs=inputs, signal=signal, space=space)
    x = {"signs": BIT_INPUTS, "integers": WHOLE, "real": WHOLE / 255}[inputs].clone()
    x = (x.flatten(1) if kind == "linear" else x).requires_grad_()
    weight = torch.where(layer.weight >= 0, 1.0, -1.0).requires_grad_()
    again = x.detach().clone().requires_grad_()
    sums, wanted = layer(x), reference(again, weight)
    torch.testing.assert_close(sums, wanted)
    z = 90 * torch.from_numpy(KEY.fold("z").gumbel(tuple(sums.shape))).float()
    sums.backward(z)
    wanted.backward(SIGNALS[signal](z))
    torch.testing.assert_close(x.grad, again.grad * scale)
    real = "real" in (inputs, signal)
    torch.testing.assert_close(layer.weight.vote.float(), weight.grad, rtol=1e-4 * real, atol=1e-2 * real)
    assert layer.weight.vote.dtype == (torch.float32 if real else torch.int32)
    assert layer.weight.grad is None and layer.weight.dtype == torch.int8


@pytest.mark.parametrize(
    ("layer", "reference", "shape"),
    [
        (IntegerLinear(20, 6, key=KEY, trials=300), functional.linear, (9, 20)),
        (
            IntegerConv2d(2, 3, 3, padding=1, key=KEY, trials=300),
            lambda x, w: functional.conv2d(x, w, padding=1),
            (9, 2, 5, 5),
        ),
    ],
    ids=["linear", "convolution"],
)
def test_integer_layers_are_those_of_autograd(layer, reference, shape):
    x = torch.from_numpy(KEY.fold("x").gumbel(shape)).float().requires_grad_()
    again, weight = x.detach().clone().requires_grad_(), layer.weight.float().requires_grad_()
    sums, wanted = layer(x), reference(again, weight)
    z = torch.from_numpy(KEY.fold("z").gumbel(tuple(sums.shape))).float()
    sums.backward(z)
    wanted.backward(z)
    for got, right in [(sums, wanted), (x.grad, again.grad), (layer.weight.vote, weight.grad)]:
        torch.testing.assert_close(got, right)


def test_zim_weights_are_trials_with_signs():
    w = zim_weights((30, 40), Int(-100, 100), key=KEY)
    assert w.dtype == np.int8 and np.abs(w).sum() == round(math.sqrt(1200))
    assert np.abs(zim_weights((30, 40), Int(-100, 100), key=KEY, trials=5000)).sum() == 5000
    assert zim_weights((3,), Int(-100, 100), key=KEY, trials=5000).max() <= 100


def test_tables_look_up_and_vote_as_their_definition_says():
    layer = LUTLayer(7, 12, pins=3, key=KEY)
    assert sorted(np.bincount(layer.wires.flatten().numpy(), minlength=7)) == [5] * 6 + [6]
    x = signs("x", (5, 7)).requires_grad_()
    out = layer(x)
    z = integers("z", (5, 12), -9, 9).float()
    out.backward(z)
    votes, back = np.zeros((12, 8), np.int64), np.zeros((5, 7))
    for b in range(5):
        for t in range(12):
            pins = layer.wires[t].tolist()
            at = sum(int(x[b, pin] > 0) << i for i, pin in enumerate(pins))
            bits = [1 if entry >= 0 else -1 for entry in layer.weight[t].tolist()]
            assert out[b, t] == bits[at]
            votes[t, at] += int(z[b, t])
            for i, pin in enumerate(pins):
                back[b, pin] += (bits[at | 1 << i] - bits[at & ~(1 << i)]) / 2 * float(z[b, t])
    assert np.array_equal(layer.weight.vote.numpy(), votes)
    assert np.array_equal(x.grad.numpy(), back)


def test_threshold_weighs_as_bold_says():
    s = torch.linspace(-90, 90, 361).requires_grad_()
    y = Threshold(300)(s)
    assert torch.equal(y, torch.where(s >= 0, 1.0, -1.0))
    y.backward(torch.full_like(y, 5))
    a = math.pi / (2 * math.sqrt(900))
    torch.testing.assert_close(s.grad, 5 * (1 - torch.tanh(a * s.detach().abs()) ** 2), atol=5 / 256, rtol=0)


def test_votes_add_up_over_passes_and_need_gradients():
    layer, x = BooleanLinear(8, 4, key=KEY), signs("x", (6, 8))
    layer(x).backward(torch.ones(6, 4))
    once = layer.weight.vote.clone()
    layer(x).backward(torch.ones(6, 4))
    assert torch.equal(layer.weight.vote, 2 * once)
    with torch.no_grad():
        assert not layer(x).requires_grad


def test_a_weight_that_steps_before_its_backward_pass_is_an_error():
    layer = BooleanLinear(8, 4, key=KEY)
    out = layer(signs("x", (6, 8)))
    with torch.no_grad():
        layer.weight.neg_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward(torch.ones(6, 4))


SPACES = [Sign(), Int(-20, 19), Choice(5)]


@pytest.mark.parametrize(
    ("name", "space"),
    [(name, space) for name, row in RULES.items() for space in SPACES if isinstance(space, row.spaces)],
)
def test_torch_and_numpy_step_alike(name, space):
    row = RULES[name]
    start = space.init((6, 7), key=KEY)
    parameter = nn.Parameter(torch.from_numpy(start.copy()), requires_grad=False)
    optimizer = DiscreteOptimizer([parameter], name, lr=0.7, key=KEY, space=space)
    rule, params = row.at_rate(space, 0.7), start
    state, tensor = rule.init(params), torch.from_numpy(start.copy())
    of_torch = rule.init(tensor)
    for step in range(50):
        shape = (6, 7, 5) if isinstance(space, Choice) else (6, 7)
        vote = KEY.fold("vote", step).integers(401, shape) - 200
        if isinstance(space, Choice):
            np.put_along_axis(vote, params[..., None].astype(np.int64), 0, axis=-1)
        parameter.vote = torch.from_numpy(vote)
        optimizer.step()
        key = KEY.fold("group", 0, "update", step, 0)
        steps, state = rule.update(vote, state, params, key=key)
        moves, of_torch = rule.update(torch.from_numpy(vote), of_torch, tensor, key=key)
        params, tensor = space.add(params, steps), space.add(tensor, torch.as_tensor(moves))
        assert np.array_equal(parameter.numpy(), params)
        assert np.array_equal(tensor.numpy(), params)
    assert not np.array_equal(params, start)


def small_net(space=SPACES[0]):
    key = KEY.fold("net")
    return nn.Sequential(
        BooleanLinear(20, 32, key=key.fold(0), space=space),
        Threshold(20),
        BooleanLinear(32, 30, key=key.fold(1), space=space),
        Threshold(32),
        LUTLayer(30, 40, key=key.fold(2)),
        GroupSum(4),
    )


def small_data():
    return signs("samples", (64, 20)), integers("labels", (64,), 0, 3)


def optimizer_of(net, rule=lambda space, lr: bold(space, eta=lr, scale=None, cap=0.05), lr=0.3):
    return DiscreteOptimizer(parameter_groups(net)[0], rule, lr=lr, key=KEY.fold("steps"))


def train(net, optimizer, steps, scheduler=None):
    x, y = small_data()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = integer_cross_entropy(net(x), y, tau=4.0)
        loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
    return loss.item()


def weights(net):
    return torch.cat([p.flatten() for p in net.parameters()])


@pytest.mark.parametrize("rule", ["vote", lambda space, lr: bold(space, eta=lr, scale=None, cap=0.05)])
@pytest.mark.parametrize("space", [Sign(), Int(-8, 7)], ids=str)
def test_training_lowers_the_loss_and_repeats_itself(rule, space):
    nets = [small_net(space), small_net(space)]
    losses = [train(net, optimizer_of(net, rule, 0.1), 60) for net in nets]
    net = small_net(space)
    assert losses[0] == losses[1] < 0.8 * train(net, optimizer_of(net, rule, 0.1), 1)
    assert torch.equal(weights(nets[0]), weights(nets[1]))


def test_a_state_goes_on_as_if_it_had_never_stopped():
    whole, parts = small_net(), small_net()
    train(whole, optimizer_of(whole), 10)
    first = optimizer_of(parts)
    train(parts, first, 5)
    file = io.BytesIO()
    torch.save({"net": parts.state_dict(), "optimizer": first.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    again = small_net()
    again.load_state_dict(saved["net"])
    second = optimizer_of(again)
    second.load_state_dict(saved["optimizer"])
    train(again, second, 5)
    assert torch.equal(weights(again), weights(whole))
    with pytest.raises(NetError, match="expected"):
        DiscreteOptimizer([again[0].weight], "vote", lr=1, key=KEY).load_state_dict(saved["optimizer"])


def test_a_net_is_tensors_alone():
    assert {type(value) for value in small_net().state_dict().values()} == {torch.Tensor}
    assert not any(p.is_floating_point() for p in small_net().parameters())


def byte_bold(space, lr):
    return narrowed(bold(space, eta=lr, scale=None, cap=0.05))


def test_a_boolean_layer_keeps_two_bytes_a_weight():
    layer = BooleanLinear(300, 200, key=KEY)
    optimizer = DiscreteOptimizer([layer.weight], byte_bold, lr=0.1, key=KEY)
    layer(signs("x", (20, 300))).backward(signs("z", (20, 200)))
    optimizer.step()
    optimizer.zero_grad()
    state = optimizer.state_dict()["state"][0].values()
    kept = layer.weight.nbytes + sum(tensor.nbytes for tensor in state)
    assert kept <= 2 * layer.weight.numel() + 8  # 8: how many weights flipped in the last step
    assert layer.weight.vote is None and layer.weight.grad is None


def test_narrow_accumulators_learn_and_are_right_on_average():
    net = small_net()
    first = train(net, optimizer_of(net, byte_bold), 1)
    assert train(net, optimizer_of(net, byte_bold), 60) < 0.8 * first
    params, signal = np.ones(4000, np.int8), np.full(4000, -7)  # +1 cannot grow: nothing flips
    for dtype, step in [("int8", 1 / 64), ("int16", 1 / 2**14)]:
        rule = narrowed(bold(Sign(), eta=0.001), dtype)
        state = rule.init(params)
        for count in range(5):
            steps, state = rule.update(signal, state, params, key=KEY.fold(count))
            assert not steps.any() and str(state.votes.dtype) == dtype
        error = 5 * 0.007 + state.votes.mean() * step
        assert abs(error) < 4 * step * math.sqrt(5 / 4 / 4000) + 1e-5
    with pytest.raises(NetError, match="expected int8 or int16"):
        narrowed(bold(Sign()), "int32")


def test_a_copy_trains_as_its_original():
    net = small_net()
    train(net, optimizer_of(net), 2)
    other = copy.deepcopy(net)
    train(net, optimizer_of(net), 3)
    train(other, optimizer_of(other), 3)
    assert torch.equal(weights(net), weights(other))


def test_schedulers_move_the_rate():
    net = small_net()
    optimizer = optimizer_of(net, "vote", 0.1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    rates, make = [], RULES["vote"].at_rate

    def rule(space, lr):
        rates.append(lr)
        return make(space, lr)

    optimizer.param_groups[0]["rule"] = rule
    train(net, optimizer, 3, scheduler)
    assert sorted(set(rates), reverse=True) == [0.1, 0.05, 0.025]


def test_a_closure_is_evaluated_with_gradients():
    net, (x, y) = small_net(), small_data()
    optimizer, before = optimizer_of(net, "vote", 0.2), weights(net).clone()

    def closure():
        optimizer.zero_grad()
        loss = integer_cross_entropy(net(x), y, tau=4.0)
        loss.backward()
        return loss

    assert optimizer.step(closure).item() > 0
    assert not torch.equal(weights(net), before)


def test_zero_grad_clears_votes():
    net = small_net()
    optimizer = optimizer_of(net)
    train(net, optimizer, 1)
    optimizer.zero_grad(set_to_none=False)
    assert all(not p.vote.any() for p in net.parameters())
    optimizer.zero_grad()
    assert all(p.vote is None for p in net.parameters())
    before = weights(net).clone()
    optimizer.step()
    assert torch.equal(weights(net), before)


def test_a_group_steps_as_a_whole():
    a, b = IntegerLinear(9, 4, key=KEY.fold("a")), IntegerLinear(4, 3, key=KEY.fold("b"))
    params = [a.weight, b.weight]
    before = [p.numpy().copy() for p in params]
    optimizer = DiscreteOptimizer(
        params, lambda space, lr: zim(space, share=lr, scope="all"), lr=0.5, key=KEY, whole=True
    )
    for p in params:
        p.vote = torch.from_numpy(KEY.fold("v").gumbel(tuple(p.shape))).float()
    optimizer.step()
    rule = zim(Int(-(2**15) + 1, 2**15 - 1), share=0.5, scope="all")
    steps, _ = rule.update([p.vote.numpy() for p in params], (), before, key=KEY.fold("group", 0, "update", 0))
    assert all(np.array_equal(p.numpy(), b + s) for p, b, s in zip(params, before, steps, strict=True))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: DiscreteOptimizer([nn.Parameter(torch.ones(2))], "vote", lr=1, key=KEY), "optimizer of torch"),
        (lambda: DiscreteOptimizer(small_net().parameters(), "votes", lr=1, key=KEY), "expected one of"),
        (
            lambda: DiscreteOptimizer(
                [nn.Parameter(torch.ones(2, dtype=torch.int8), requires_grad=False)], "vote", lr=1, key=KEY
            ),
            "its space is not known",
        ),
        (lambda: BooleanLinear(2, 2, key=KEY, inputs="bits"), "inputs: got 'bits'"),
        (lambda: BooleanLinear(2, 2, key=KEY, signal="float"), "signal: got 'float'"),
        (lambda: GroupSum(3)(torch.ones(2, 4)), "expected a multiple of 3"),
        (lambda: to_circuit(nn.Sequential(nn.Linear(2, 2)), (2,)), "got a Linear"),
        (lambda: to_circuit(BooleanLinear(3, 2, key=KEY), (2,)), "got 2 inputs"),
        (lambda: to_circuit(nn.MaxPool2d(2, padding=1), (1, 4, 4)), "expected square windows"),
    ],
)
def test_errors_say_what_came_and_what_is_expected(make, said):
    with pytest.raises(LearnError, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")  # torch.compile warns of its own workings
def test_compiled_nets_train_as_plain_ones():
    plain, net = small_net(), small_net()
    train(plain, optimizer_of(plain), 3)
    optimizer = optimizer_of(net)
    train(torch.compile(net, backend="eager"), optimizer, 3)
    assert torch.equal(weights(net), weights(plain))


def image_net():
    return nn.Sequential(
        BooleanConv2d(1, 3, 3, key=KEY.fold("c"), inputs="integers"),
        Threshold(9 * 70.0**2),
        nn.MaxPool2d(2),
        BooleanConv2d(3, 4, 3, stride=2, padding=1, key=KEY.fold("d")),
        nn.MaxPool2d(2, 1),
        Threshold(27),
        nn.Flatten(),
        BooleanLinear(4, 10, key=KEY.fold("e"), space=Int(-3, 2)),
    )


def test_circuits_of_images_classify_as_their_nets():
    net = image_net()
    samples = KEY.fold("images").integers(256, (500, 1, 10, 10))
    circuit = to_circuit(net, (1, 10, 10), word=Word(8, signed=False))
    assert circuit.num_inputs == 100
    assert agreeing(net, circuit, samples) == 500
    classes = net(torch.from_numpy(samples).float()).argmax(1)
    assert len(classes.unique()) > 1
    net[7].weight.neg_()
    assert agreeing(net, circuit, samples) < 500


def test_circuits_of_trained_nets_classify_as_their_nets():
    net = small_net()
    train(net, optimizer_of(net), 20)
    circuit = to_circuit(net, (20,))
    x, _ = small_data()
    assert agreeing(net, circuit, (x > 0).long().numpy()) == 64
    assert agreeing(net, circuit, KEY.fold("random").integers(2, (3000, 20))) == 3000


def test_circuits_hand_out_signs():
    net = nn.Sequential(BooleanLinear(6, 5, key=KEY), Threshold(6))
    circuit = to_circuit(net, (6,), answer="outputs")
    from circuits.values import simulate_values

    x = KEY.fold("signs").integers(2, (40, 6))
    found = net(torch.from_numpy(2 * x - 1).float()).detach()
    assert np.array_equal(2 * simulate_values(circuit, x.T) - 1, found.numpy().T)


def test_integers_and_empty_sums_are_refused_in_a_line():
    layer = BooleanLinear(4, 2, key=Key(0), inputs="integers")
    with pytest.raises(NetError, match=r"^BooleanLinear: got inputs of torch.int64, expected floats of whole values"):
        layer(torch.zeros(3, 4, dtype=torch.int64))
    with pytest.raises(NetError, match=r"^Threshold: got fan_in 0.0, expected the mean square of a sum, above 0"):
        Threshold(0.0)
