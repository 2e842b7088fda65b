"""The chain rule by hand gives what torch's autograd gives, for every weight, and its factors are the numbers they claim."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import fofx
import small
from fofx.errors import TaskError
from fofx.models.cnn import CNN
from fofx.models.mlp import MLP, activation_named
from fofx.see.chain import Chain, by_hand, chain
from fofx.see.dense import SLOPES, slopes_of
from fofx.see.formulas import Weight
from seen import prices

ACTIVATIONS = sorted(kind.__name__ for kind in SLOPES)


def network(seed: int, inputs: int, widths: list[int], outputs: int, activations: list[str]) -> nn.Module:
    torch.manual_seed(seed)
    parts: list[nn.Module] = []
    sizes = [inputs, *widths, outputs]
    for place, (left, right) in enumerate(itertools.pairwise(sizes)):
        parts.append(nn.Linear(left, right, bias=(seed + place) % 3 != 0))
        if place < len(widths):
            parts += [activation_named(activations[place]), nn.Dropout(0.3)]
    return nn.Sequential(*parts)


def autograd(model: nn.Module, x: np.ndarray, target, loss: str, found: Chain) -> float:
    """torch's derivative, asked for in the plainest way, beside the one that `by_hand` asked for itself."""
    twin = network_double(model)
    said = twin(torch.tensor(x)[None])
    if loss == "cross-entropy":
        value = nn.functional.cross_entropy(said, torch.tensor([target]))
    else:
        value = (nn.functional.mse_loss if loss == "squared" else nn.functional.l1_loss)(
            said, torch.tensor(target)[None]
        )
    value.backward()
    layer = [part for part in twin.modules() if isinstance(part, nn.Linear)][found.weight.layer]
    gradient = layer.bias.grad if found.weight.source is None else layer.weight.grad
    place = (found.weight.unit,) if found.weight.source is None else (found.weight.unit, found.weight.source)
    return float(gradient[place])


def network_double(model: nn.Module) -> nn.Module:
    import copy

    return copy.deepcopy(model).double().eval()


@settings(max_examples=60)
@given(st.data())
def test_by_hand_is_autograd(data: st.DataObject) -> None:
    draw = data.draw
    widths = draw(st.lists(st.integers(1, 5), max_size=3))
    inputs, outputs = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    activations = [draw(st.sampled_from(ACTIVATIONS)) for _ in widths]
    model = network(draw(st.integers(0, 10_000)), inputs, widths, outputs, activations)
    loss = draw(st.sampled_from(["squared", "absolute", "cross-entropy"]))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    x = rng.normal(size=inputs)
    target = int(rng.integers(outputs)) if loss == "cross-entropy" else rng.normal(size=outputs)
    layer = draw(st.integers(0, len(widths)))
    linear = [part for part in model if isinstance(part, nn.Linear)][layer]
    unit = draw(st.integers(0, linear.out_features - 1))
    source = draw(st.integers(0, linear.in_features - 1))
    weight = Weight(layer, unit, None if linear.bias is not None and draw(st.booleans()) else source)
    found = by_hand(model, x, target, weight, loss, rate=0.05)

    right = autograd(model, x, target, loss, found)
    assert found.gradient == pytest.approx(right, rel=1e-6, abs=1e-14)
    assert found.torch_gradient == pytest.approx(right, rel=1e-12, abs=1e-300)
    assert found.difference <= 1e-6 or abs(right) < 1e-12
    # Each number of the picture is what it says.
    assert math.prod(f.value for f in found.factors if f.in_product) == pytest.approx(
        found.gradient, rel=1e-9, abs=1e-300
    )
    for factor in found.factors:
        if factor.terms is not None:
            assert factor.terms.sum() == pytest.approx(factor.value, rel=1e-9, abs=1e-12)
    assert next(factor.kind for factor in found.factors) == "loss" and found.factors[-1].kind == "input"
    assert found.next == pytest.approx(found.torch_next, rel=1e-9, abs=1e-12)
    assert found.next == pytest.approx(found.value - 0.05 * right, rel=1e-9, abs=1e-12)
    # All ways together are the gradient.
    assert found.way_count == math.prod([*widths[layer + 1 :], *([outputs] if layer < len(widths) else [])])
    if found.way_count <= 20:
        assert sum(way.value for way in found.ways) == pytest.approx(found.gradient, rel=1e-9, abs=1e-12)
        assert len({way.units for way in found.ways}) == len(found.ways)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_are_torchs(name: str) -> None:
    """Also at the kinks and far out, where formulas overflow."""
    activation = getattr(nn, name)()
    z = torch.tensor([-800.0, -30, -6, -3, -1, -0.3, 0, 1e-9, 0.3, 1, 3, 6, 19, 21, 800], dtype=torch.float64)
    z.requires_grad_(True)
    activation(z).sum().backward()
    assert z.grad is not None
    assert np.allclose(slopes_of(activation, z.detach().numpy()), z.grad.numpy(), rtol=1e-6, atol=2e-8)


def test_the_example_of_the_course() -> None:
    """y^ = w x + b at w = 3, b = 2, x = 1, y = 3.1: the gap is 1.9, dL/dw of its square 3.8, of its size 1."""
    line = nn.Linear(1, 1)
    with torch.no_grad():
        line.weight.fill_(3.0)
        line.bias.fill_(2.0)
    squared = by_hand(line, [1.0], 3.1, (0, 0, 0), "squared", rate=0.1)
    assert squared.loss == pytest.approx(1.9**2)
    assert squared.gradient == pytest.approx(3.8)
    assert squared.next == pytest.approx(3 - 0.38) and squared.next_loss < squared.loss
    assert squared.factors[0].numbers == r"2 \cdot (5 - 3.1)"
    assert by_hand(line, [2.0], 5.1, (0, 0, 0), "absolute").gradient == pytest.approx(2.0)
    assert by_hand(line, [2.0], 5.1, (0, 0, None), "absolute").gradient == pytest.approx(1.0)
    assert line.weight.item() == 3.0  # the network itself has not moved


class Functional(nn.Module):
    """A bend that no part shows."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 3), nn.Linear(3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x)))


class Skewed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(2 * x)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.layer(x))


@pytest.mark.parametrize(
    "model",
    [
        Functional(),
        Skewed(),
        Twice(),
        nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 1)),
        nn.Sequential(nn.Linear(2, 1), nn.Softmax(dim=1)),
        nn.Sequential(nn.Linear(2, 1), nn.PReLU()),
        nn.ReLU(),
    ],
)
def test_other_networks_are_refused(model: nn.Module) -> None:
    with pytest.raises(TaskError) as error:
        by_hand(model, [0.5, -1.0], [0.0], (0, 0, 0))
    assert error.value.code == "no-chain"


def test_fofx_networks_with_windows_and_norms() -> None:
    torch.manual_seed(0)
    found = by_hand(
        MLP(3, 2, hidden=(4,), dropout=0.5, activation="tanh"), [0.1, -0.4, 2.0], 1, (0, 2, 1), "cross-entropy"
    )
    assert found.difference <= 1e-6 and len(found.layers) == 2
    for model in (MLP(3, 2, norm=True), CNN(2, channels=1, size=8)):
        x = np.zeros(3) if isinstance(model, MLP) else np.zeros(64)
        with pytest.raises(TaskError) as error:
            by_hand(model, x, 1, (0, 0, 0), "cross-entropy")
        assert error.value.code == "no-chain"


def test_a_wrong_question_is_answered() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2, bias=False))
    for code, weight, target, loss in (
        ("unknown-weight", (2, 0, 0), [0.0, 0.0], "squared"),
        ("unknown-weight", (0, 3, 0), [0.0, 0.0], "squared"),
        ("unknown-weight", (0, 0, 2), [0.0, 0.0], "squared"),
        ("unknown-weight", (1, 0, None), [0.0, 0.0], "squared"),
        ("bad-option", (0, 0, 0), [0.0], "squared"),
        ("bad-option", (0, 0, 0), 2, "cross-entropy"),
        ("bad-option", (0, 0, 0), 0, "hinge"),
    ):
        with pytest.raises(TaskError) as error:
            by_hand(model, [1.0, 2.0], target, weight, loss)
        assert error.value.code == code


# ---------------------------------------------------------------------------------------------- the run's own numbers


@pytest.mark.parametrize("weight", [(0, 5, 0), (0, 7, None), (1, 3, 2), (2, 0, 4), (2, 0, None)])
def test_a_run_in_the_networks_units_and_in_the_users(weight: tuple) -> None:
    function = prices()
    found = chain(function, 4, weight, "mlp", part="test")
    assert found.difference <= 1e-6 or abs(found.torch_gradient) < 1e-12
    assert [feature.name for feature in found.features] == function.fields[0].feature_names() + function.fields[
        1
    ].feature_names()
    # The answer in the user's unit is what the run itself says.
    row = function.predict(_test_rows(function)[4:5], "mlp")["price"][0]
    assert found.predicted[0].own == pytest.approx(row, rel=1e-5)
    right = _test_rows(function)["price"][4]
    assert found.answers[0].own == pytest.approx(right)
    spread = function.outputs[0].spread
    assert spread * found.loss**0.5 == pytest.approx(abs(row - right), abs=1e-5 * spread)  # the run answers in 32 bits
    assert found.own_gradient == pytest.approx(found.gradient * spread**2, rel=1e-3, abs=1e-5 * spread**2)
    size = found.features[0]
    assert size.scaled == pytest.approx((size.own - size.mean) / size.spread, abs=1e-6)
    # The own gradient is that of the own loss: measured by moving the weight a little.
    step = 1e-4
    moved = [chain_loss(function, weight, delta) * spread**2 for delta in (step, -step)]
    assert (moved[0] - moved[1]) / (2 * step) == pytest.approx(found.own_gradient, rel=1e-3, abs=1e-5 * spread**2)


def _test_rows(function: fofx.Function):
    from fofx.see.rows import frame_of

    return frame_of(function, "test")


def chain_loss(function: fofx.Function, weight: tuple, delta: float) -> float:
    """The loss of test row 4 with one weight moved, by the network itself in float64."""
    import copy

    from fofx.see.rows import blocks_and_targets, neural

    rung = neural(function, "mlp")
    twin = copy.deepcopy(rung.network).double().eval()
    layers = [part for part in twin.modules() if isinstance(part, nn.Linear)]
    with torch.no_grad():
        if weight[2] is None:
            layers[weight[0]].bias[weight[1]] += delta
        else:
            layers[weight[0]].weight[weight[1], weight[2]] += delta
        blocks, targets, _ = blocks_and_targets(function, "mlp", [4], "test")
        return rung.loss(twin([blocks[0].double()]), [targets[0].double()], {}).item()


def test_the_linear_rung_is_one_layer_in_the_users_units() -> None:
    function = prices()
    found = chain(function, 2, (0, 0, 0), "linear")
    assert len(found.layers) == 1 and found.difference <= 1e-6
    assert found.predicted[0].own == pytest.approx(found.prediction[0])
    gap = found.prediction[0] - found.answers[0].own
    assert found.gradient == pytest.approx(2 * gap * found.layers[0].inputs[0])


def test_classes_and_several_answers() -> None:
    function = small.mixed_function()
    found = chain(function, 1, (2, 1, 3), "mlp")
    assert found.difference <= 1e-6 or abs(found.torch_gradient) < 1e-12
    assert len(found.prediction) == 3 and found.own == [] and found.own_gradient is None
    shares = np.exp(found.prediction[1:]) / np.exp(found.prediction[1:]).sum()
    right = [answer.scaled for answer in found.answers[1:]]
    assert np.allclose(found.pulls[-1][1:], shares - right)
    assert sum(right) == 1


@pytest.mark.parametrize("family", ["text", "picture"])
def test_runs_without_a_chain_say_so(family: str) -> None:
    function = small.FAMILIES[family]()
    with pytest.raises(TaskError) as error:
        chain(function, 0, (0, 0, 0))
    assert error.value.code == "no-chain"


def test_formulas_can_be_drawn() -> None:
    ziamath = pytest.importorskip("ziamath")
    found = chain(prices(), 4, (0, 5, 0), "mlp")
    many = by_hand(network(1, 2, [3, 2], 3, ["GELU", "Mish"]), [0.3, -0.2], 2, (0, 1, 0), "cross-entropy")
    for factor in [*found.factors, *found.own, *many.factors]:
        for text in (factor.formula, factor.numbers):
            if text:
                assert "<svg" in ziamath.Latex(text).svg()
