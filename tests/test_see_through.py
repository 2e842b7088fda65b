"""The chain rule through any network, from window to window: torch agrees, and every factor and place is what it claims to be."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import fofx
import small
from fofx.errors import TaskError
from fofx.fields.category import Category
from fofx.models.cnn import CNN
from fofx.models.resnet import ResNet
from fofx.models.rnn import TextRNN
from fofx.models.transformer import Transformer
from fofx.models.vit import ViT
from fofx.models.window import Peek, watch
from fofx.see.chain import chain
from fofx.see.formulas import Part
from fofx.see.rows import blocks_and_targets, neural
from fofx.see.through import Through, exact, follow, parameters_of, through
from seen import pictures, prices, reviews

IDS = torch.tensor([[4, 7, 3, 4, 9, 2]])


def entropy(outputs: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(outputs, torch.tensor([1]))


def made(build: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    model = build().double().eval()
    with torch.no_grad():
        for each in model.parameters():
            each += 0.1 * torch.randn_like(each)  # nothing is 0 by design
    return model


def holds(found: Through) -> None:
    """Torch agrees, the product is the derivative, and the step follows from it."""
    assert found.difference <= 1e-6 or abs(found.torch_gradient) < 1e-12
    assert math.prod(each.value for each in found.passages) == pytest.approx(found.gradient, rel=1e-9, abs=1e-300)
    assert [each.kind for each in found.passages if each.kind != "window"] == ["loss", "layer", "share", "places"]
    assert found.next == pytest.approx(found.torch_next, rel=1e-9, abs=1e-12)
    assert found.next == pytest.approx(found.value - found.rate * found.torch_gradient, rel=1e-9, abs=1e-12)
    assert float((found.delta * found.slope).sum()) == pytest.approx(found.gradient, rel=1e-6, abs=1e-13)
    if found.place_count <= len(found.places):
        assert sum(each.value for each in found.places) == pytest.approx(found.gradient, rel=1e-6, abs=1e-13)


MODELS: dict[str, tuple[Callable[[], nn.Module], torch.Tensor]] = {
    "cnn": (lambda: CNN(3, channels=2, widths=(3, 4), size=8), torch.rand(1, 2, 8, 8).double()),
    "resnet": (lambda: ResNet(3, (1, 1), channels=2, widths=(3, 4), small=True), torch.rand(1, 2, 8, 8).double()),
    "gru": (lambda: TextRNN(12, 3, width=6, kind="gru", layers=2), IDS),
    "lstm": (lambda: TextRNN(12, 3, width=6, kind="lstm"), IDS),
    "rnn": (lambda: TextRNN(12, 3, width=4, kind="rnn", both_ways=False), IDS),
    "transformer": (lambda: Transformer(12, 3, width=8, layers=2, heads=2, positions=9), IDS),
    "vit": (
        lambda: ViT(3, channels=1, size=8, patch=4, width=8, layers=2, heads=2),
        torch.rand(1, 1, 8, 8).double(),
    ),
}


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=12)
@given(st.data())
def test_any_weight_of_any_network_is_autograds(name: str, data: st.DataObject) -> None:
    build, inputs = MODELS[name]
    model = made(build, seed=data.draw(st.integers(0, 3)))
    parameter, values = data.draw(st.sampled_from(list(model.named_parameters())))
    place = tuple(data.draw(st.integers(0, size - 1)) for size in values.shape)
    found = follow(model, inputs, entropy, parameter, place, 0.05, [Part("cross-entropy", 0, 3, np.array([1]))])
    holds(found)
    loss = entropy(model(inputs))
    (right,) = torch.autograd.grad(loss, values, allow_unused=True)
    asked = 0.0 if right is None else float(right[place])
    assert found.gradient == pytest.approx(asked, rel=1e-6, abs=1e-13)
    assert found.loss == pytest.approx(loss.item()) and found.value == values[place].item()


def windows_by_moving(model: nn.Module, inputs: torch.Tensor, parameter: str, place: tuple) -> dict[str, np.ndarray]:
    """d(what passes each window) / dw, measured by moving the weight a little to both sides."""
    sides = []
    for step in (1e-5, -1e-5):
        twin = copy.deepcopy(model)
        with torch.no_grad():
            dict(twin.named_parameters())[parameter][place] += step
            with watch(twin) as seen:
                twin(inputs)
        sides.append({name: value[0].numpy().copy() for name, value in seen.items()})
    return {name: (sides[0][name] - sides[1][name]) / 2e-5 for name in sides[0]}


@pytest.mark.parametrize(
    ("name", "parameter", "place", "windows"),
    [
        ("cnn", "stages.0.layers.convolution_1.weight", (1, 0, 2, 1), ["pooled", "stages.1.seen", "stages.0.seen"]),
        ("cnn", "stages.1.layers.convolution_2.weight", (1, 3, 0, 0), ["pooled", "stages.1.seen"]),
        ("resnet", "layer1.0.conv2.weight", (2, 1, 0, 1), ["pooled", "layer2.0.seen", "layer1.0.seen"]),
        ("resnet", "layer2.0.downsample.0.weight", (1, 1, 0, 0), ["pooled", "layer2.0.seen"]),
        ("gru", "recurrent.fused.0.weight_hh_l0", (4, 1), ["pooled", "recurrent.hidden.1", "recurrent.hidden.0"]),
        ("transformer", "blocks.0.attention.project.weight", (2, 5), ["pooled", "blocks.1.seen", "blocks.0.seen"]),
        ("transformer", "token.weight", (4, 5), ["pooled", "blocks.1.seen", "blocks.0.seen", "embedded"]),
    ],
)
def test_at_every_window_the_gradient_times_the_move_is_the_derivative(
    name: str, parameter: str, place: tuple, windows: list[str]
) -> None:
    """So each is a cut: nothing goes around it; and its gradient is right, for it is measured without any derivative."""
    build, inputs = MODELS[name]
    model = made(build)
    found = follow(model, inputs, entropy, parameter, place)
    holds(found)
    assert [each.name for each in found.passages if each.kind == "window"] == windows
    moved = windows_by_moving(model, inputs, parameter, place)
    before = found.passages[0]
    for each in found.passages[1 : len(windows) + 1]:
        assert each.gradient is not None and before.gradient is not None
        assert (each.gradient * moved[each.name]).sum() == pytest.approx(found.torch_gradient, rel=1e-4, abs=1e-9)
        assert each.value == pytest.approx(np.linalg.norm(each.gradient) / np.linalg.norm(before.gradient))
        assert each.before == before.name
        before = each


def test_a_kernels_weight_sees_the_picture_moved_under_it() -> None:
    """dz/dw of a convolution is the picture, shifted by the weight's place in the kernel; 0 beyond the edge."""
    model = made(lambda: nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(32, 3)))
    picture = torch.rand(1, 1, 4, 4).double() + 1
    found = follow(model, picture, entropy, "0.weight", (1, 0, 0, 2))
    holds(found)
    assert found.operations == ["conv2d"] and found.layer == "0" and found.kind == "Conv2d"
    moved = np.zeros((4, 4))
    moved[1:, :3] = picture[0, 0, :3, 1:].numpy()
    np.testing.assert_allclose(found.slope, moved[1:, :3])  # where the weight meets a pixel
    assert found.place_count == 9 and {each.place[0] for each in found.places} == {1}
    delta = model[2].weight.detach().numpy().T @ found.passages[0].gradient
    np.testing.assert_allclose(found.delta, delta.reshape(2, 4, 4)[1, 1:, :3])


def test_a_recurrent_weight_multiplies_the_memory_at_every_step() -> None:
    model = made(lambda: TextRNN(12, 3, width=4, kind="rnn", both_ways=False))
    found = follow(model, IDS, entropy, "recurrent.fused.0.weight_hh_l0", (2, 1))
    holds(found)
    assert found.operations == ["matmul"] * 6
    with torch.no_grad(), watch(model) as seen:
        model(IDS)
    memory = seen["recurrent.hidden.0"][0, :-1, 1].numpy()  # what unit 1 remembered before each step but the first
    np.testing.assert_allclose(found.slope.reshape(-1), memory)
    assert found.place_count == 5, "at the first step the memory is empty"
    bias = follow(model, IDS, entropy, "recurrent.fused.0.bias_hh_l0", (2,))
    assert bias.slope.reshape(-1).tolist() == [1.0] * 6


def test_a_word_moves_only_what_it_is_in() -> None:
    model = made(lambda: Transformer(12, 3, width=8, layers=1, heads=2))
    there, absent = (follow(model, IDS, entropy, "token.weight", (word, 3)) for word in (4, 11))
    holds(there)
    assert [each.place for each in sorted(there.places, key=lambda p: p.place)] == [(0, 3), (3, 3)]
    assert all(each.slope == 1 for each in there.places)
    holds(absent)
    assert absent.gradient == 0 and absent.places == [] and absent.next == absent.value
    beyond = follow(model, IDS, entropy, "position.weight", (100, 0))
    assert beyond.gradient == 0 and beyond.torch_gradient == 0


class Odd(nn.Module):
    """Works in place, shares one layer, has a weight of its own and one that is bent before it meets the data."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Linear(4, 4)
        self.own, self.bent = nn.Parameter(torch.randn(4)), nn.Parameter(torch.randn(4))
        self.never = nn.Linear(2, 2)
        self.bend, self.seen = nn.LeakyReLU(inplace=True), Peek()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.shared(x)
        x += self.own
        x = self.seen(self.bend(x) * nn.functional.softplus(self.bent))
        return self.shared(self.bend(x))[:, :3]


@pytest.mark.parametrize(
    ("parameter", "place", "uses", "windows"),
    [
        ("shared.weight", (1, 2), 2, []),  # the second use goes around the window
        ("own", (3,), 1, ["seen"]),
        ("bent", (2,), 1, ["seen"]),
        ("never.weight", (0, 0), 0, []),
    ],
)
def test_shared_bent_and_unused_weights(parameter: str, place: tuple, uses: int, windows: list[str]) -> None:
    model = made(Odd)
    found = follow(model, torch.rand(1, 4).double() + 0.5, entropy, parameter, place)
    holds(found)
    assert len(found.operations) == uses and [p.name for p in found.passages if p.kind == "window"] == windows
    assert (found.gradient == 0) == (parameter == "never.weight")


def test_torchs_own_attention_layer() -> None:
    model = made(lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True))
    tokens = torch.rand(1, 5, 8).double()
    for parameter, place in (("self_attn.in_proj_weight", (9, 2)), ("linear1.bias", (3,)), ("norm1.weight", (2,))):
        holds(follow(model, tokens, lambda out: (out**2).mean(), parameter, place))


def test_a_wrong_question_is_answered() -> None:
    model = made(lambda: nn.Sequential(nn.Linear(2, 3)))
    for parameter, place in (("1.weight", (0, 0)), ("0.weight", (3, 0)), ("0.weight", (0,)), ("0.bias", (-1,))):
        with pytest.raises(TaskError) as error:
            follow(model, torch.rand(1, 2).double(), entropy, parameter, place)
        assert error.value.code == "unknown-weight"


# ---------------------------------------------------------------------------------------------- runs


@cache
def words(model: str) -> fofx.Function:
    return fofx.load(small.quick(small.reviews(60), "label", model=model, budget=0.6, name=f"through-{model}").run.path)


RUNS: dict[str, tuple[Callable[[], fofx.Function], str, tuple]] = {
    "cnn": (pictures, "encoders.0.model.stages.1.layers.convolution_1.weight", (3, 2, 1, 1)),
    "resnet": (lambda: pictures("resnet"), "encoders.0.model.layer2.0.conv1.weight", (3, 2, 1, 1)),
    "gru": (lambda: words("gru"), "encoders.0.model.recurrent.fused.0.weight_hh_l0", (70, 5)),
    "transformer": (reviews, "encoders.0.model.blocks.0.attention.project.weight", (5, 7)),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run(name: str) -> None:
    """With its own loss, its own rate, and the windows on the way."""
    find, parameter, place = RUNS[name]
    function = find()
    shapes = parameters_of(function)
    assert len(shapes[parameter]) == len(place)
    found = through(function, 2, parameter, place)
    holds(found)
    assert found.difference <= 1e-6 and found.torch_gradient != 0
    subject = neural(function)
    blocks, targets, _ = blocks_and_targets(function, subject.name, [2], "train")
    twin = copy.deepcopy(subject.network).double().eval()
    right = [exact(target) for target in targets]
    subject.loss(twin([exact(block) for block in blocks]), right, {}).backward()
    gradient = dict(twin.named_parameters())[parameter].grad
    assert gradient is not None and found.gradient == pytest.approx(float(gradient[place]), rel=1e-6)
    recipe = next(result.recipe for result in function.rungs if result.name == subject.name)
    assert found.rate == recipe["optimize"]["rate"]
    assert len([each for each in found.passages if each.kind == "window"]) >= 2
    right_class = next(output for output in function.outputs if isinstance(output, Category))
    assert found.passages[0].value == pytest.approx(float(np.linalg.norm(found.passages[0].gradient)))
    assert len(found.prediction) == right_class.size


def test_the_same_as_the_chain_of_layers_where_both_can_be_had() -> None:
    function = prices()
    first = chain(function, 4, (1, 3, 0), "mlp", part="test")
    source = int(np.argmax(first.layers[1].inputs))  # one that is not silent for this row
    layers = chain(function, 4, (1, 3, source), "mlp", part="test")
    found = through(function, 4, f"{layers.layers[1].name}.weight", (3, source), "mlp", part="test")
    holds(found)
    assert found.gradient == pytest.approx(layers.gradient, rel=1e-9)
    assert found.next_loss == pytest.approx(layers.next_loss) and found.rate == layers.rate
    assert found.slope.item() == layers.layers[1].inputs[source]


def test_an_ensemble_and_several_blocks() -> None:
    columns = small.table()
    rows = {name: columns[name] for name in ("size", "price")}
    function = small.quick(rows, "price", model="tabm", budget=0.6, name="through-members")
    for parameter, shape in parameters_of(function, "tabm").items():
        holds(through(function, 1, parameter, tuple(size // 2 for size in shape), "tabm"))
    mixed = small.mixed_function()
    name = neural(mixed).name
    for parameter, shape in list(parameters_of(mixed, name).items())[:4]:
        holds(through(mixed, 1, parameter, tuple(size // 2 for size in shape), name))


def test_formulas_can_be_drawn() -> None:
    ziamath = pytest.importorskip("ziamath")
    build, inputs = MODELS["cnn"]
    part: list[Any] = [Part("cross-entropy", 0, 3, np.array([1]))]
    found = follow(made(build), inputs, entropy, "stages.0.layers.convolution_1.weight", (1, 0, 2, 1), 0.1, part)
    for passage in found.passages:
        for text in (passage.formula, passage.numbers):
            if text:
                assert "<svg" in ziamath.Latex(text).svg()
