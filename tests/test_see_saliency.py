"""Saliency: equal to captum on small random models, complete, and true to what a run's networks do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fofx.errors import TaskError
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
from fofx.see.saliency import (
    enlarged,
    grad_cam,
    integrated_gradients,
    last_maps,
    layer_integrated_gradients,
    occlusion,
    places_and_shares,
)

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
