"""Saliency: equal to captum on small random models, complete, and true to what a run's networks do."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import see_small
from fofx.encoded import Inputs
from fofx.errors import TaskError
from fofx.explain import explain
from fofx.models.alexnet import AlexNet
from fofx.models.cnn import CNN
from fofx.models.efficientnet_lite import EfficientNetLite
from fofx.models.lenet import LeNet
from fofx.models.mlp import MLP
from fofx.models.resnet import ResNet
from fofx.models.rnn import TextRNN
from fofx.models.tabm import TabM
from fofx.models.transformer import Transformer
from fofx.models.vgg import VGG
from fofx.models.vit import ViT
from fofx.see.rows import frame_of
from fofx.see.saliency import (
    enlarged,
    grad_cam,
    integrated_gradients,
    last_maps,
    layer_integrated_gradients,
    occlusion,
    places_and_shares,
)
from fofx.see.salient import salient

ORACLE = pytest.mark.filterwarnings("ignore")  # captum warns of its own habits


@pytest.fixture(scope="module")
def attr():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("captum.attr")


def still(model: nn.Module) -> nn.Module:
    """In evaluation mode, with weights and running figures that are not all alike."""
    torch.manual_seed(5)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    return model.eval()


def near(found: torch.Tensor, right: torch.Tensor, share: float = 1e-5) -> bool:
    """Within `share` of the largest value."""
    assert found.shape == right.shape
    assert right.abs().max() > 0
    return bool((found - right).abs().max() <= share * max(1.0, float(right.abs().max())))


# ---- integrated gradients


@ORACLE
@pytest.mark.parametrize("method", ["gausslegendre", "riemann_middle", "riemann_left", "riemann_right"])
def test_integrated_gradients_of_a_perceptron_equal_captums(attr, method: str) -> None:
    torch.manual_seed(0)
    model = still(MLP(7, 3, hidden=(16, 16), activation="tanh"))
    rows, baseline = torch.randn(6, 7), torch.randn(6, 7)
    target = torch.tensor([0, 1, 2, 2, 1, 0])
    right, error = attr.IntegratedGradients(model).attribute(
        rows, baseline, target=target, n_steps=20, method=method, return_convergence_delta=True
    )
    found = integrated_gradients(model, rows, baseline, target, steps=20, method=method, at_once=13)
    assert near(found.values[0], right)
    assert torch.allclose(found.error, error, atol=1e-5)


@ORACLE
def test_integrated_gradients_of_pictures_and_members_equal_captums(attr) -> None:
    torch.manual_seed(1)
    pictures, model = torch.randn(3, 3, 12, 12), still(CNN(4, widths=(8, 16), size=12))
    right = attr.IntegratedGradients(model).attribute(pictures, target=2, n_steps=30)
    assert near(integrated_gradients(model, pictures, target=2, steps=30).values[0], right)
    rows, many = torch.randn(4, 5), still(TabM(5, 2, members=3, hidden=(8,)))
    mean = lambda x: many(x).mean(dim=1)  # noqa: E731
    right = attr.IntegratedGradients(mean).attribute(rows, target=1, n_steps=30)
    assert near(integrated_gradients(many, rows, target=1, steps=30).values[0], right)


@ORACLE
def test_several_inputs_go_the_way_together_as_captums_do(attr) -> None:
    torch.manual_seed(2)
    first, second = nn.Linear(4, 6), nn.Linear(3, 6)
    forward = lambda a, b: (torch.tanh(first(a)) * torch.sigmoid(second(b))).sum(dim=1)  # noqa: E731
    a, b = torch.randn(5, 4), torch.randn(5, 3)
    right = attr.IntegratedGradients(forward).attribute((a, b), n_steps=16)
    found = integrated_gradients(forward, (a, b), steps=16).values
    assert near(found[0], right[0]) and near(found[1], right[1])


@ORACLE
@pytest.mark.parametrize("kind", ["gru", "lstm", "transformer"])
def test_integrated_gradients_of_embeddings_equal_captums(attr, kind: str) -> None:
    torch.manual_seed(3)
    model = Transformer(30, 2, width=16, layers=2, heads=2) if kind == "transformer" else TextRNN(30, 2, 16, kind=kind)
    model, ids = still(model), torch.randint(1, 30, (3, 9))
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[1, 6:], ids[1, 6:] = False, 0
    forward = lambda x, m: model(x, m)  # noqa: E731
    other = torch.zeros_like(ids)
    right = attr.LayerIntegratedGradients(forward, model.token).attribute(
        ids, other, target=1, additional_forward_args=(mask,), n_steps=24
    )
    found = layer_integrated_gradients(forward, model.token, (ids, mask), model.token(other).detach(), 1, steps=24)
    assert near(found.values[0], right)
    assert found.values[0][1, 6:].abs().max() == 0  # padding carries nothing


@ORACLE
def test_the_zero_baseline_of_embeddings_is_captums_interpretable_embedding(attr) -> None:
    import captum

    torch.manual_seed(4)
    model, ids = still(TextRNN(20, 3, 8)), torch.randint(1, 20, (2, 5))
    found = layer_integrated_gradients(model, model.token, ids, target=0, steps=20)
    inner = captum.attr.configure_interpretable_embedding_layer(model, "token")
    right = attr.IntegratedGradients(model).attribute(inner.indices_to_embeddings(ids), target=0, n_steps=20)
    captum.attr.remove_interpretable_embedding_layer(model, inner)
    assert near(found.values[0], right)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.lists(st.floats(-3, 3), min_size=4, max_size=4))
def test_what_the_parts_get_adds_up(row: list[float], baseline: list[float]) -> None:
    """Completeness: exact for polynomials, whatever the input and the baseline; a line's parts are weight times way."""
    ends, starts = torch.tensor([row], dtype=torch.float64), torch.tensor([baseline], dtype=torch.float64)
    weights = torch.tensor([1.0, -2.0, 0.5, 0.0], dtype=torch.float64)
    line = integrated_gradients(lambda x: x @ weights, ends, starts, steps=1)
    assert torch.allclose(line.values[0], weights * (ends - starts), atol=1e-12)
    cubic = integrated_gradients(lambda x: (x**3).sum(1) + x[:, 0] * x[:, 1] * x[:, 2], ends, starts, steps=2)
    assert abs(cubic.error.item()) < 1e-9
    assert torch.allclose(cubic.score - cubic.baseline, cubic.values[0].sum(1), atol=1e-9)


def test_the_error_is_said_and_falls_with_more_steps() -> None:
    torch.manual_seed(6)
    model, rows = still(MLP(4, 1, hidden=(32, 32))), 3 * torch.randn(8, 4)
    errors = [
        integrated_gradients(model, rows, steps=n, method="riemann_middle").error.abs().mean() for n in (2, 20, 400)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-3


@pytest.mark.parametrize("method", ["gausslegendre", "riemann_middle", "riemann_left", "riemann_right"])
@pytest.mark.parametrize("steps", [1, 2, 7, 50])
def test_shares_sum_to_one(method: str, steps: int) -> None:
    places, shares = places_and_shares(steps, method)
    assert shares.sum() == pytest.approx(1) and len(places) == steps
    assert places.min() >= 0 and places.max() <= 1


def test_what_cannot_be_had_is_said() -> None:
    model, rows = still(MLP(4, 3)), torch.randn(2, 4)
    for code, call in {
        "no-target": lambda: integrated_gradients(model, rows),
        "bad-option": lambda: integrated_gradients(model, rows, target=0, method="simpson"),
        "no-feature-maps": lambda: grad_cam(model, model.head, rows, target=0),
    }.items():
        with pytest.raises(TaskError) as error:
            call()
        assert error.value.code == code
    with pytest.raises(TaskError) as error:
        occlusion(model, rows, patch=5, target=0)
    assert error.value.code == "bad-option"


# ---- Grad-CAM

NETWORKS = {
    "cnn": (lambda: CNN(3, widths=(8, 16, 16), size=20), (2, 3, 20, 20), "stages.2.seen"),
    "resnet": (lambda: ResNet(3, small=True, widths=(8, 8, 16, 16)), (2, 3, 24, 24), "layer4.0.seen"),
    "lenet": (lambda: LeNet(3), (2, 1, 28, 28), "seen2"),
    "vgg": (lambda: VGG(3, norm=True), (2, 3, 32, 32), "features.seen_27"),
    "alexnet": (lambda: AlexNet(3), (2, 3, 64, 64), "features.seen_11"),
    "efficientnet": (lambda: EfficientNetLite(3), (2, 3, 64, 64), "blocks.6.0.seen"),
}


@ORACLE
@pytest.mark.parametrize("name", NETWORKS)
def test_grad_cam_equals_captums(attr, name: str) -> None:
    torch.manual_seed(7)
    make, shape, place = NETWORKS[name]
    model, pictures = still(make()), torch.randn(shape)
    found_name, layer = last_maps(model, pictures)
    assert found_name == place
    right = attr.LayerGradCam(model, layer).attribute(pictures, target=1)[:, 0]  # (B, h, w)
    found = grad_cam(model, layer, pictures, target=1, relu=False)
    assert near(found / right.abs().max(), right / right.abs().max())
    assert torch.equal(grad_cam(model, layer, pictures, target=1), found.relu())
    assert not any(module._forward_hooks for module in model.modules())


@ORACLE
def test_a_network_without_windows_is_looked_at_through_its_last_maps(attr) -> None:
    torch.manual_seed(8)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 9, 2)).eval()
    pictures = torch.randn(2, 1, 8, 8)
    name, layer = last_maps(model, pictures)
    assert name == "2"
    right = attr.LayerGradCam(model, layer).attribute(pictures, target=0)[:, 0]
    assert near(grad_cam(model, layer, pictures, target=0, relu=False), right)
    for parameter in model.parameters():
        parameter.requires_grad_(False)  # frozen weights, no gradient to the input: the heat is the same
    assert near(grad_cam(model, layer, pictures, target=0, relu=False), right)


@pytest.mark.parametrize("model, shape", [(MLP(6, 2), (1, 6)), (ViT(2, size=16, patch=4), (1, 3, 16, 16))])
def test_a_network_without_feature_maps_says_so(model: nn.Module, shape: tuple) -> None:
    with pytest.raises(TaskError) as error:
        last_maps(model.eval(), torch.randn(shape))
    assert error.value.code == "no-feature-maps" and "occlusion" in error.value.message


def test_a_heat_map_is_enlarged_in_place() -> None:
    heat = torch.tensor([[[0.0, 0.0], [0.0, 4.0]]])
    large = enlarged(heat, 8, 12)
    assert large.shape == (1, 8, 12)
    assert large[0, -1, -1] == large.max() == 4 and large[0, 0, 0] == 0


# ---- occlusion


@ORACLE
@pytest.mark.parametrize("patch, stride", [((3, 3), (2, 2)), ((4, 2), (3, 1)), ((10, 9), (1, 1)), ((1, 1), (1, 1))])
def test_occlusion_of_pictures_equals_captums(attr, patch: tuple, stride: tuple) -> None:
    torch.manual_seed(9)
    model, pictures = still(CNN(3, widths=(4, 8), size=10, channels=2)), torch.randn(2, 2, 10, 9)
    right = attr.Occlusion(model).attribute(
        pictures, sliding_window_shapes=(2, *patch), strides=(2, *stride), baselines=0.25, target=2
    )
    found = occlusion(model, pictures, patch, stride, 0.25, target=2, at_once=7)
    assert near(found, right[:, 0].float())


@ORACLE
def test_occlusion_of_columns_equals_captums(attr) -> None:
    torch.manual_seed(10)
    model, rows = still(MLP(9, 2)), torch.randn(5, 9)
    target = torch.tensor([0, 1, 1, 0, 1])
    right = attr.Occlusion(model).attribute(rows, sliding_window_shapes=(2,), strides=2, target=target)
    assert near(occlusion(model, rows, 2, 2, target=target), right.float())


def test_occlusion_finds_the_only_pixel_that_counts() -> None:
    pictures = torch.ones(1, 1, 7, 7)
    heat = occlusion(lambda x: x[:, 0, 2, 5], pictures, 1)
    right = np.zeros((7, 7))
    right[2, 5] = 1
    assert np.array_equal(heat[0].numpy(), right)


# ---- the rows of a run


def whole(found) -> float:
    """All effects together."""
    spans = [span.effect for each in found.spans.values() for span in each]
    return sum(found.columns.values()) + sum(spans) + sum(float(heat.sum()) for heat in found.heat.values())


@ORACLE
def test_of_a_runs_perceptron_the_columns_are_captums(attr) -> None:
    function = see_small.again("category")
    network = function.rung("mlp").network
    frame = frame_of(function, "test", [0, 3])
    found = salient(function, [0, 3], "mlp", steps=40)
    usual = pl.DataFrame({field.name: [field.typical] for field in function.fields})
    ends, starts = (Inputs(f, function.fields).vector() for f in (frame, pl.concat([usual, usual])))
    for row in range(2):
        target = function.outputs[0].names.index(found[row].about)
        forward = lambda x, t=target: network([x]).softmax(dim=1)[:, t]  # noqa: E731
        right = attr.IntegratedGradients(forward).attribute(ends[row : row + 1], starts[row : row + 1], n_steps=40)
        at = 0
        for field in function.fields:
            size = len(field.feature_names())
            assert found[row].columns[field.name] == pytest.approx(float(right[0, at : at + size].sum()), abs=1e-5)
            at += size
        said = function.predict(frame, "mlp")["sold"][row]
        assert found[row].base == pytest.approx(said[target], abs=1e-6) and target == said.argmax()
        assert found[row].replaced["size"] == (frame["size"][row], pytest.approx(function.fields[0].typical))


@ORACLE
def test_of_a_runs_text_network_the_tokens_are_captums(attr) -> None:
    import captum

    function = see_small.again("text")
    model = function.rung("gru").network.encoders[0].model
    found = salient(function, 0, "gru", steps=30)[0]
    ids = function.fields[0].encode(frame_of(function, "test", [0])["text"]).long()
    target = function.outputs[0].names.index(found.about)
    inner = captum.attr.configure_interpretable_embedding_layer(model, "token")
    forward = lambda x: model(x, torch.ones(x.shape[:2], dtype=torch.bool)).softmax(dim=1)[:, target]  # noqa: E731
    right = attr.IntegratedGradients(forward).attribute(inner.indices_to_embeddings(ids), n_steps=30)[0].sum(dim=1)
    captum.attr.remove_interpretable_embedding_layer(model, inner)
    assert np.allclose([span.effect for span in found.spans["text"]], right.detach().numpy(), atol=1e-5)
    assert [found.texts["text"][span.start : span.end] for span in found.spans["text"]] == [
        s.text for s in found.spans["text"]
    ]


@pytest.mark.parametrize("family", ["number", "category", "text", "picture", "mixed", "several"])
def test_effects_add_up_to_the_answer_minus_that_of_the_baseline(family: str) -> None:
    function = see_small.several_function() if family == "several" else see_small.again(family)
    name = see_small.network_of(function)
    for end in function.outputs:
        frame = frame_of(function, "test", [0, 1])
        for row, found in enumerate(salient(function, [0, 1], name, output=end.name, steps=100)):
            assert whole(found) == pytest.approx(found.base - found.baseline + found.error, abs=1e-4)
            assert abs(found.error) <= 0.05 * abs(found.base - found.baseline) + 1e-3 or found.notes
            predicted = function.predict(frame, name)[end.name][row]
            assert found.base == pytest.approx(
                predicted if end.kind == "number" else predicted.max(), rel=1e-4, abs=1e-5
            )
    if family == "several":
        assert (
            set(found.columns) == {"size", "colour"} and set(found.heat) == {"photo"} and set(found.spans) == {"text"}
        )
        assert found.heat["photo"].shape == found.pictures["photo"].shape[:2] == (12, 12)


def test_another_class_can_be_asked_about_and_two_classes_share_the_effect() -> None:
    function = see_small.again("category")
    yes, no = (salient(function, [2], "mlp", about=name)[0] for name in ("yes", "no"))
    assert yes.base + no.base == pytest.approx(1) and yes.about == "yes"
    for name, effect in yes.columns.items():
        assert effect == pytest.approx(-no.columns[name], abs=1e-5)


def test_a_frame_and_a_dict_are_rows_too() -> None:
    function = see_small.again("category")
    one = frame_of(function, "test", [1])
    row = {name: one[name][0] for name in ("size", "colour")}
    by_place, by_frame, by_dict = (salient(function, rows, "mlp")[0] for rows in ([1], one, row))
    assert by_place.columns == by_frame.columns == by_dict.columns


def test_grad_cam_of_a_run_is_that_of_its_network() -> None:
    function = see_small.again("picture")
    found = salient(function, [0], "cnn", method="grad-cam")[0]
    network = function.rung("cnn").network
    block = function.fields[0].encode(frame_of(function, "test", [0])["picture"])
    _, layer = last_maps(network, [block])
    heat = grad_cam(lambda x: network([x]), layer, block, target=function.outputs[0].names.index(found.value))
    assert np.allclose(found.maps["picture"], heat[0].numpy(), atol=1e-6)
    assert found.heat["picture"].shape == (12, 12) and found.heat["picture"].min() >= 0
    assert np.array_equal(found.pictures["picture"][..., 0], block[0, 0].numpy())


def test_pixels_that_are_as_in_the_baseline_carry_nothing() -> None:
    function = see_small.again("picture")
    picture = np.random.default_rng(0).integers(1, 200, (12, 12)).astype(np.uint8)
    picture[:5] = 0
    picture[8:] = 255
    rows = pl.DataFrame([pl.Series("picture", picture[None])])
    black, white = (salient(function, rows, "cnn", baseline=name)[0].heat["picture"] for name in ("black", "white"))
    assert np.all(black[:5] == 0) and np.abs(black[5:]).max() > 0
    assert np.all(white[8:] == 0) and np.abs(white[:8]).max() > 0


@pytest.mark.parametrize("family", ["number", "category", "text", "picture", "mixed"])
def test_occlusion_is_that_of_explain(family: str) -> None:
    function = see_small.again(family)
    right = explain(function, frame_of(function, "test", [1]), function.winner, function.outputs[-1].name)
    found = salient(function, [1], method="occlusion", output=function.outputs[-1].name)[0]
    assert (found.base, found.value, found.rung) == (right.base, right.value, function.winner)
    assert {**found.columns, **{name: dict(right.parts)[name] for name in (*found.spans, *found.heat)}} == dict(
        right.parts
    )
    assert found.spans == right.spans and all(np.array_equal(found.heat[n], right.heat[n]) for n in right.heat)


def test_a_long_text_keeps_its_head_and_tail_and_says_what_is_lost() -> None:
    function = see_small.again("text")
    field = function.fields[0]
    text = " ".join(["great"] * 40 + ["awful"] * 40 + ["fine"] * 40)
    found = salient(function, {"text": text}, "gru")[0]
    ids = field.encode(pl.Series("text", [text]))[0].tolist()
    pieces = [field.tokens(text)[n] for n in (*range(len(ids) - field.length // 3), *range(-(field.length // 3), 0))]
    assert len(found.spans["text"]) == len(ids) == field.length == len(pieces)
    spans = found.spans["text"]
    assert all(text[s.start : s.end] == s.text for s in spans) and spans[0].start == 0 and spans[-1].end == len(text)
    assert [n.count for n in found.notes if n.code == "text-cut"] == [len(field.tokens(text)) - field.length]


def test_an_empty_text_has_one_token_without_a_place() -> None:
    found = salient(see_small.again("text"), {"text": ""}, "transformer")[0]
    assert [(s.start, s.end, s.text) for s in found.spans["text"]] == [(0, 0, "[UNK]")]


def test_what_a_run_cannot_give_is_said_with_what_can_be_had() -> None:
    words, numbers, pictures = (see_small.again(name) for name in ("category", "number", "picture"))
    for code, word, call in (
        ("no-network", "occlusion", lambda: salient(words, [0], "tree")),
        ("no-network", "occlusion", lambda: salient(words, [0], "linear", method="grad-cam")),
        ("no-feature-maps", "integrated-gradients", lambda: salient(words, [0], "mlp", method="grad-cam")),
        ("unknown-method", "occlusion", lambda: salient(words, [0], "mlp", method="occlusoin")),
        ("unknown-class", "yes", lambda: salient(words, [0], "mlp", about="maybe")),
        ("no-classes", "numbers", lambda: salient(numbers, [0], "mlp", about="yes")),
        ("unknown-output", "price", lambda: salient(numbers, [0], "mlp", output="prize")),
        ("bad-option", "white", lambda: salient(pictures, [0], "cnn", baseline="grey")),
        ("unknown-row", "rows 0", lambda: salient(pictures, [999], "cnn")),
    ):
        with pytest.raises(TaskError) as error:
            call()
        assert error.value.code == code and word in error.value.message
    answer = salient(words, [0], method="occlusion")[0].value
    with pytest.raises(TaskError) as error:
        salient(words, [0], method="occlusion", about="no" if answer == "yes" else "yes")
    assert error.value.code == "other-class"
