"""The models for tables: linear, perceptron, TabM."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from sklearn.linear_model import LinearRegression, LogisticRegression
from torch import nn
from torch.nn import functional as F

from fofx.errors import TaskError
from fofx.models.dropout import Dropout
from fofx.models.linear import Linear
from fofx.models.mlp import MLP, activation_named, check_activation
from fofx.models.tabm import MemberLinear, PiecewiseLinear, TabM, quantile_edges


def fit(model, loss_of):
    options = {"max_iter": 500, "line_search_fn": "strong_wolfe", "tolerance_grad": 1e-12, "tolerance_change": 0}
    optimizer = torch.optim.LBFGS(model.parameters(), **options)

    def closure():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        return loss

    optimizer.step(closure)


def test_linear_finds_what_least_squares_finds():
    torch.manual_seed(0)
    rows = torch.randn(50, 3).double()
    target = rows @ torch.tensor([[1.0], [-2.0], [0.5]]).double() + 0.1 * torch.randn(50, 1)
    model = Linear(3, 1, zero=True).double()
    assert model(rows).abs().max() == 0
    fit(model, lambda: F.mse_loss(model(rows), target))
    oracle = LinearRegression().fit(rows.numpy(), target.numpy())
    torch.testing.assert_close(model.head.weight.detach(), torch.from_numpy(oracle.coef_), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(model.head.bias.detach(), torch.from_numpy(oracle.intercept_), rtol=1e-5, atol=1e-6)


def test_linear_with_cross_entropy_is_logistic_regression():
    torch.manual_seed(0)
    rows = torch.randn(80, 3).double()
    classes = (rows[:, 0] + torch.randn(80) > 0).long() + (rows[:, 1] > 0.8).long()
    model = Linear(3, 3, zero=True).double()
    fit(model, lambda: F.cross_entropy(model(rows), classes, reduction="sum") + model.head.weight.square().sum() / 2)
    oracle = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(rows.numpy(), classes.numpy())
    probabilities = torch.from_numpy(oracle.predict_proba(rows.numpy()))
    torch.testing.assert_close(model(rows).softmax(dim=1).detach(), probabilities, rtol=1e-4, atol=1e-4)


def test_perceptron_equals_the_formula():
    torch.manual_seed(0)
    model = MLP(4, 2, hidden=(5, 6), activation="tanh")
    one, two = model.layers.get_submodule("linear_1"), model.layers.get_submodule("linear_2")
    rows = torch.randn(7, 4)
    by_hand = torch.tanh(torch.tanh(rows @ one.weight.T + one.bias) @ two.weight.T + two.bias)
    by_hand = by_hand @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(rows), by_hand)
    assert sum(parameter.numel() for parameter in model.parameters()) == 4 * 5 + 5 + 5 * 6 + 6 + 6 * 2 + 2


def test_perceptron_without_hidden_layers_is_linear():
    model = MLP(4, 2, hidden=())
    rows = torch.randn(3, 4)
    assert torch.equal(model(rows), model.head(rows))


def test_every_torch_activation_is_known():
    other = {"Threshold", "GLU", "Softmax", "Softmax2d", "Softmin", "LogSoftmax", "MultiheadAttention"}
    for name in set(nn.modules.activation.__all__) - other:
        assert type(activation_named(name)).__name__ == name


@pytest.mark.parametrize(
    ("name", "kind"), [("leaky_relu", nn.LeakyReLU), ("SWISH", nn.SiLU), ("linear", nn.Identity), ("GELU", nn.GELU)]
)
def test_activation_names_are_forgiving(name, kind):
    assert isinstance(activation_named(name), kind)


def test_unknown_activation_names_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'sigmoid'"):
        MLP(2, 1, activation="sigmod")
    with pytest.raises(TaskError) as caught:
        check_activation("sigmod")
    assert caught.value.code == "unknown-activation"
    check_activation("relu")


def assembled(layer: MemberLinear, member: int) -> nn.Linear:
    """An ordinary layer made from the shared weight and one member's rank-1 adapter."""
    plain = nn.Linear(*layer.weight.shape, dtype=torch.float64)
    adapter = torch.outer(layer.in_scale[member], layer.out_scale[member])
    plain.weight.data = (layer.weight * adapter).T.detach()
    plain.bias.data = layer.bias[member].detach()
    return plain


def tabm(**options) -> TabM:
    torch.manual_seed(0)
    model = TabM(4, 3, members=5, hidden=(8, 6), dropout=0.0, **options).double()
    with torch.no_grad():
        for parameter in model.parameters():  # the adapters start at 1, where errors could hide
            parameter.add_(torch.randn_like(parameter))
    return model


def test_tabm_is_that_many_perceptrons():
    model, rows = tabm(), torch.randn(9, 4).double()
    together = model(rows)
    assert together.shape == (9, 5, 3)
    for member in range(5):
        one, two = (assembled(layer, member) for layer in model.layers)
        alone = torch.relu(two(torch.relu(one(rows)))) @ model.head.weight[member] + model.head.bias[member]
        torch.testing.assert_close(together[:, member], alone)


def test_tabm_gradients_are_those_of_the_written_out_adapters():
    model, rows = tabm(), torch.randn(9, 4).double()
    direction = torch.randn(9, 5, 3).double()
    hidden = rows[:, None]  # (B, 1, D)
    for layer in model.layers:
        hidden = torch.relu((hidden * layer.in_scale) @ layer.weight * layer.out_scale + layer.bias)
    by_hand = torch.einsum("bki,kio->bko", hidden, model.head.weight) + model.head.bias.transpose(0, 1)
    names, parameters = zip(*model.named_parameters())
    fast = torch.autograd.grad((model(rows) * direction).sum(), parameters)
    slow = torch.autograd.grad((by_hand * direction).sum(), parameters)
    for name, one, other in zip(names, fast, slow):
        torch.testing.assert_close(one, other, msg=name)


def test_tabm_members_differ_from_the_start_only_in_the_first_adapter():
    torch.manual_seed(0)
    model = TabM(4, 1, members=3, hidden=(8, 8))
    assert set(model.layers[0].in_scale.unique().tolist()) == {-1.0, 1.0}
    assert (model.layers[1].in_scale == 1).all() and (model.layers[0].out_scale == 1).all()


def test_tabm_learns_a_wave_that_a_line_cannot():
    torch.manual_seed(0)
    rows = torch.rand(300, 1) * 6
    target = torch.sin(2 * rows)
    model = TabM(1, 1, members=4, hidden=(32,), dropout=0.0, edges=quantile_edges(rows, 16))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        F.mse_loss(model(rows), target[:, None].expand(-1, 4, -1)).backward()
        optimizer.step()
    assert F.mse_loss(model(rows).mean(1), target) < 0.02 < 0.3 < target.var()


def definition(value: float, edges: list[float]) -> list[float]:
    """Equation 1 of the paper, number by number."""
    encoded = []
    for number, (left, right) in enumerate(itertools.pairwise(edges)):
        if value < left and number > 0:
            encoded.append(0.0)
        elif value >= right and number < len(edges) - 2:
            encoded.append(1.0)
        else:
            encoded.append((value - left) / (right - left))
    return encoded


numbers = some.integers(-1000, 1000).map(lambda number: number / 8)


@settings(max_examples=60, deadline=None)
@given(
    some.lists(some.lists(numbers, min_size=3, max_size=7, unique=True).map(sorted), min_size=1, max_size=4),
    some.lists(numbers, min_size=1, max_size=5),
)
def test_thermometer_equals_its_definition(edges, values):
    layer = PiecewiseLinear(edges, 2)
    encoded = layer.encode(torch.tensor(values)[:, None].expand(-1, len(edges)))
    for place, value in enumerate(values):
        for column, found in enumerate(edges):
            expected = definition(value, found)
            torch.testing.assert_close(encoded[place, column, : len(expected)], torch.tensor(expected))
            assert (encoded[place, column, len(expected) :] == 0).all()


def test_embedding_starts_as_a_line_and_passes_flags_through():
    torch.manual_seed(0)
    rows = torch.stack([torch.randn(100), (torch.randn(100) > 0).float(), torch.full((100,), 7.0)], dim=1)
    edges = quantile_edges(rows, 8)
    assert [len(found) for found in edges] == [9, 2, 1]
    layer = PiecewiseLinear(edges, 3)
    assert layer.width == 2 + 3
    embedded = layer(rows)
    assert torch.equal(embedded[:, :2], rows[:, 1:])
    torch.testing.assert_close(embedded[:, 2:], rows[:, :1] * layer.slope[0] + layer.offset[0])


@settings(max_examples=60, deadline=None)
@given(some.lists(some.floats(-1e6, 1e6, width=32), min_size=1, max_size=60), some.integers(2, 12))
def test_quantile_edges_are_the_quantiles(values, bins):
    column = torch.tensor(values, dtype=torch.float32)
    expected = torch.quantile(column.double(), torch.linspace(0, 1, bins + 1, dtype=torch.float64)).float().unique()
    assert quantile_edges(column[:, None], bins) == [expected.tolist()]


def test_quantile_edges_leave_out_what_is_not_finite():
    column = torch.tensor([[1.0], [float("nan")], [3.0], [float("inf")]])
    assert quantile_edges(column, 2) == [[1.0, 2.0, 3.0]]
    assert quantile_edges(torch.full((3, 1), float("nan")), 2) == [[]]


def test_edges_must_fit_the_columns():
    with pytest.raises(ValueError, match="4 columns"):
        TabM(4, 1, edges=[[0.0, 1.0]])


@settings(max_examples=30, deadline=None)
@given(some.floats(0.0, 0.95), some.lists(some.integers(1, 9), min_size=1, max_size=3))
def test_dropout_drops_and_scales(rate, shape):
    layer, values = Dropout(rate), torch.rand(shape) + 1
    values.requires_grad_()
    outputs = layer(values)
    assert outputs.shape == values.shape
    outputs.sum().backward()
    torch.testing.assert_close(outputs, values * values.grad)  # the gradient is the mask, scaled
    scale = 256 / (256 - round(rate * 256))
    assert all(value == 0 or value == pytest.approx(scale) for value in values.grad.flatten().tolist())
    assert torch.equal(layer.eval()(values), values)


def test_dropout_keeps_the_mean_and_the_rate():
    torch.manual_seed(0)
    values = torch.ones(400, 1001)
    outputs = Dropout(0.25)(values)
    assert outputs.mean().item() == pytest.approx(1, abs=0.005)
    assert (outputs == 0).float().mean().item() == pytest.approx(0.25, abs=0.005)
    columns = (outputs == 0).float().mean(0)  # every one of the eight bytes of a draw is as good as the others
    assert columns.min() > 0.15 and columns.max() < 0.35
    torch.manual_seed(0)
    assert torch.equal(Dropout(0.25)(values), outputs)


def test_dropout_rate_out_of_range():
    with pytest.raises(ValueError, match="got 1"):
        Dropout(1.0)
