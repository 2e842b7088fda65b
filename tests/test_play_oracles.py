"""The playground's compiled engine against torch autograd: values and gradients, updates, numbers by chance."""

import itertools

import numba
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fofx.play import chance, compile, kernels, layers, network
from fofx.play.lanes import load, store
from fofx.play.session import Session
from fofx.play.state import ACTIVATIONS, State

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
OF_TORCH = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky": lambda x: F.leaky_relu(x, 0.01),
    "gelu": F.gelu,
    "sigmoid": torch.sigmoid,
    "linear": lambda x: x,
}


def tensors(session):
    """The session's weights as torch parameters."""
    return [
        (torch.tensor(weights, requires_grad=True), torch.tensor(bias, requires_grad=True))
        for weights, bias in session.weights
    ]


def forward(state, parameters, points):
    """The last layer's sums after its activation, by torch. points (N, 2) -> (N, outputs)."""
    x = torch.tensor(network.features(state, points), dtype=torch.float32)
    for (weights, bias), activation in zip(parameters, (*state.activations, state.output_used)):
        x = OF_TORCH[activation](x @ weights.T + bias)
    return x


def loss_of(state, outputs, answers):
    """The mean loss by torch, for the playground's answers (classes or numbers)."""
    answers = torch.tensor(answers)
    if state.outputs > 1:
        return F.cross_entropy(outputs, answers)
    if state.cross_entropy:
        return F.binary_cross_entropy_with_logits(outputs[:, 0], answers.float())
    wanted = 2 * answers.float() - 1 if state.problem == "classification" else answers.float()
    if state.loss_used == "absolute":
        return (outputs[:, 0] - wanted).abs().mean()
    return (outputs[:, 0] - wanted).square().mean() / 2


LOSSES = [
    {},
    {"loss": "cross-entropy"},
    {"loss": "absolute"},
    {"classes": 3, "data": "spiral"},
    {"classes": 8, "data": "gauss"},
    {"problem": "regression", "data": "plane"},
    {"problem": "regression", "data": "multi-gauss", "loss": "absolute", "output": "sigmoid"},
]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("fields", LOSSES, ids=lambda fields: "-".join(map(str, fields.values())) or "squared")
def test_loss_and_gradient_are_those_of_autograd(activation, fields):
    state = State(
        layers=(9, 3), activations=(activation,), features=("x", "y", "sin(x)"), init="xavier", seed=3, **fields
    )
    session = Session(state)
    parameters = tensors(session)
    for part, points, answers in (
        ("train", session.train_points, session.train_answers),
        ("test", session.test_points, session.test_answers),
    ):
        loss = loss_of(state, forward(state, parameters, points), answers)
        assert getattr(session, f"{part}_loss") == pytest.approx(loss.item(), rel=1e-5, abs=1e-5)
    loss_of(state, forward(state, parameters, session.train_points), session.train_answers).backward()
    for (weights, bias), (by_weights, by_bias) in zip(parameters, session.gradient()):
        np.testing.assert_allclose(by_weights, weights.grad, **CLOSE)
        np.testing.assert_allclose(by_bias, bias.grad, **CLOSE)


@pytest.mark.parametrize("sizes", [(), (1,), (8,), (16, 16), (1, 2, 3, 4, 5, 6), (16, 1, 9)])
def test_every_shape_of_network_has_the_gradient_of_autograd(sizes):
    """Widths that fill lanes of eight exactly, leave some empty, or need two; a partial batch as well."""
    state = State(layers=sizes, activations=("gelu",) if sizes else (), init="xavier", classes=3, data="xor")
    session = Session(state)
    for rows in ([4], [1, 5, 9], list(range(33))):
        parameters = tensors(session)
        outputs = forward(state, parameters, session.train_points[rows])
        loss_of(state, outputs, session.train_answers[rows]).backward()
        for (weights, bias), (by_weights, by_bias) in zip(parameters, session.gradient(rows)):
            np.testing.assert_allclose(by_weights, weights.grad, **CLOSE)
            np.testing.assert_allclose(by_bias, bias.grad, **CLOSE)


def torch_optimizer(state, parameters):
    """The optimizer of torch that the settings name: decay on weights only."""
    decay = state.penalty if state.regularisation == "l2" else 0.0
    groups = [
        {"params": [weights for weights, _ in parameters], "weight_decay": decay},
        {"params": [bias for _, bias in parameters]},
    ]
    if state.optimizer == "adam":
        return torch.optim.Adam(groups, lr=state.rate)
    return torch.optim.SGD(groups, lr=state.rate, momentum=0.9 if state.optimizer == "momentum" else 0.0)


def train(state, session, epochs):
    """`epochs` by torch, from the session's weights, in the order of rows of the plain twin; parameters as they end."""
    parameters, rows = tensors(session), len(session.train_answers)
    optimizer = torch_optimizer(state, parameters)
    for epoch in range(epochs):
        order = np.array(chance.order_of_rows(rows, state.seed, epoch))
        for first in range(0, rows, state.batch):
            batch = order[first : first + state.batch]
            outputs = forward(state, parameters, session.train_points[batch])
            optimizer.zero_grad()
            loss_of(state, outputs, session.train_answers[batch]).backward()
            optimizer.step()
            if state.regularisation == "l1":
                with torch.no_grad():
                    for weights, _ in parameters:
                        weights.copy_(F.softshrink(weights, state.rate * state.penalty))
    return parameters


MOVES = list(
    itertools.product(("sgd", "momentum", "adam"), ("none", "l1", "l2"), ({}, {"classes": 3, "data": "spiral"}))
)


@pytest.mark.parametrize("optimizer, regularisation, fields", MOVES)
def test_weights_after_many_updates_are_those_of_torch(optimizer, regularisation, fields):
    """23 rows of 7: the last batch of an epoch is 2 rows, with a mean of its own."""
    state = State(
        optimizer=optimizer,
        regularisation=regularisation,
        penalty=0.01,
        layers=(5,),
        count=46,
        batch=7,
        seed=5,
        **{"data": "xor", **fields},
    )
    session = Session(state)
    parameters = train(state, session, epochs=6)
    assert session.epoch(6) == 24
    for (weights, bias), (ours, our_bias) in zip(parameters, session.weights):
        np.testing.assert_allclose(ours, weights.detach(), **CLOSE)
        np.testing.assert_allclose(our_bias, bias.detach(), **CLOSE)
    loss = loss_of(state, forward(state, parameters, session.train_points), session.train_answers).item()
    assert session.train_loss == pytest.approx(loss, abs=1e-5)


def test_one_update_moves_by_rate_times_the_gradient_of_its_batch():
    session = Session(State(batch=30, count=40, train_share=50, rate=0.5))  # 20 rows: a whole batch is not there
    assert len(session.next_rows) == 20
    before, gradients = session.weights, session.gradients
    session.step()
    assert (session.epochs, session.updates) == (1, 1)
    for (old, old_bias), (slope, bias_slope), (new, new_bias) in zip(before, gradients, session.weights):
        np.testing.assert_allclose(new, old - 0.5 * slope, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(new_bias, old_bias - 0.5 * bias_slope, rtol=1e-6, atol=1e-7)


@numba.njit
def each_exponential(numbers):
    for at in range(0, numbers.size, 8):
        store(numbers, at, layers.exponential(load(numbers, at)))


@pytest.mark.parametrize("reach, relative", [(1, 3e-7), (20, 3e-7), (87, 3e-7)])
def test_the_polynomial_exponential(reach, relative):
    numbers = np.linspace(-reach, reach, 80_000).astype(np.float32)
    wanted = np.exp(numbers.astype(np.float64))
    each_exponential(numbers)
    np.testing.assert_allclose(numbers, wanted, rtol=relative)


def test_the_exponential_at_the_edges():
    numbers = np.array([np.nan, np.inf, -np.inf, 0, 1e30, -1e30, 88, -87], np.float32)
    each_exponential(numbers)
    assert (
        np.isnan(numbers[0]) and numbers[3] == 1 and (numbers[[2, 5]] < 2e-38).all() and (numbers[[1, 4]] > 1e38).all()
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_and_their_slopes(name):
    x = torch.linspace(-12, 12, 24_000, dtype=torch.float64, requires_grad=True)
    y = OF_TORCH[name](x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    values = x.detach().numpy().astype(np.float32)
    slopes = np.zeros_like(values)

    @numba.njit(**compile.OPTIONS)
    def run(kind, values, slopes):
        layers.activate(kind, values, slopes, 0, values.size)

    run(layers.KINDS[name], values, slopes)
    np.testing.assert_allclose(values, y.detach(), rtol=1e-6, atol=5e-7)
    np.testing.assert_allclose(slopes, slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 2, 10, 251])
def test_the_compiled_order_is_the_plain_one(rows):
    for seed, epoch in ((0, 0), (1, 0), (0, 1), (2**32 - 1, 123_456)):
        order = kernels.order_of(rows, seed, epoch)
        assert order.tolist() == chance.order_of_rows(rows, seed, epoch)
        assert sorted(order) == list(range(rows))


def test_the_orders_are_by_chance():
    """Each row comes equally often to each place: chi-squared over 4,000 epochs of 8 rows, 49 degrees of freedom."""
    counts = np.zeros((8, 8))
    for epoch in range(4000):
        counts[np.arange(8), kernels.order_of(8, 7, epoch)] += 1
    assert ((counts - 500) ** 2 / 500).sum() < 95  # beyond with a chance of 1 in 10,000


def test_dropout_leaves_its_share_out_and_keeps_the_mean():
    chances = chance.draws(100_000, 3, 5, 7)
    assert (chances < int(0.3 * 2**32)).mean() == pytest.approx(0.3, abs=0.006)
    session = Session(State(dropout=0.5, layers=(16,), rate=0.0))
    before = session.train_loss
    session.epoch(3)
    assert session.train_loss == before  # measured without dropout


def test_a_heat_map_is_a_forward_pass():
    state = State(layers=(8, 3), activations=("relu", "gelu"), features=("x", "x * y"), classes=4, data="gauss")
    session = Session(state)
    session.epoch(3)
    maps = session.heat(21)
    assert maps.shape == (2 + 8 + 3 + 4, 21, 21) and maps.dtype == np.float32
    points = network.grid(21)
    assert points[0].tolist() == pytest.approx([-6 + 6 / 21, 6 - 6 / 21])  # the top left
    with torch.no_grad():
        x = torch.tensor(network.features(state, points), dtype=torch.float32)
        seen = [x]
        for (weights, bias), activation in zip(session.weights, (*state.activations, "linear")):
            seen.append(OF_TORCH[activation](seen[-1] @ torch.tensor(weights).T + torch.tensor(bias)))
        seen[-1] = seen[-1].softmax(dim=1)
    np.testing.assert_allclose(maps.reshape(len(maps), -1).T, torch.cat(seen, dim=1), **CLOSE)


def test_two_classes_by_cross_entropy_show_the_difference_of_probabilities():
    session = Session(State(loss="cross-entropy"))
    session.epoch(2)
    share = torch.sigmoid(forward(session.state, tensors(session), session.test_points)[:, 0]).detach().numpy()
    last = session.outputs(session.test_points)[-1]
    np.testing.assert_allclose(last, 2 * share - 1, **CLOSE)
    assert ((last > 0) == session.test_answers).mean() == session.accuracy


def test_machine_code_is_kept_under_the_fingerprint_of_all_its_sources():
    assert kernels.descend._cache._cache_file._source_stamp == compile.sources()


def test_where_no_folder_can_be_written_it_is_compiled_all_the_same(monkeypatch):
    real = numba.njit

    def refuse(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(compile.numba, "njit", refuse)
    assert compile.compiled(lambda number: number + 1)(2) == 3
