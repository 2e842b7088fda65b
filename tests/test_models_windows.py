"""Windows, and what every model file promises: it can be watched, pasted alone, and starts the same from one seed."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import nn

import fofx.models
from fofx.models.window import Peek, watch, windowed


def rows():
    return (torch.randn(5, 6),)


def pictures(size, channels=3):
    return lambda: (torch.randn(2, channels, size, size),)


def texts():
    return torch.randint(0, 30, (4, 7)), torch.arange(7) < torch.tensor([7, 3, 1, 0])[:, None]


def frames():
    return torch.randn(4, 9, 10), torch.arange(9) < torch.tensor([9, 4, 1, 0])[:, None]


@dataclass
class Case:
    file: str
    name: str
    options: dict
    inputs: Callable[[], tuple]
    features: tuple = ()  # the shape that `features` gives; empty where there is none


def two_rows():
    return torch.randn(5, 6), torch.randn(5, 6)


def pictures_and_texts():
    return torch.randn(2, 3, 8, 8), *(value[:3] for value in texts())


def layer():
    """An option that is a module of its own, made anew for each model."""
    return nn.Linear(6, 4)


def series():
    return (torch.randn(3, 8, 2),)


EDGES = [[0.0, 1.0], [], [-1.0, 0.0, 2.0], [-3.0, -1.0, 0.5, 4.0], [0.0], [-1.0, 1.0, 1.5]]
SMALL_CLIP = {"vocabulary": 30, "positions": 9, "end": 29, "size": 8, "patch": 4, "shared": 5}
SMALL_CLIP |= {"widths": (8, 6), "layers": (1, 2), "heads": (2, 3)}
CASES = [
    Case("linear", "Linear", {"inputs": 6, "outputs": 3}, rows, (5, 6)),
    Case("mlp", "MLP", {"inputs": 6, "outputs": 3, "hidden": (8, 9), "norm": True, "dropout": 0.2}, rows, (5, 9)),
    Case("tabm", "TabM", {"inputs": 6, "outputs": 2, "members": 3, "hidden": (8, 7)}, rows, (5, 3, 7)),
    Case("tabm", "TabM", {"inputs": 6, "outputs": 2, "members": 3, "hidden": (8,), "edges": EDGES}, rows, (5, 3, 8)),
    Case("lenet", "LeNet", {"outputs": 4}, pictures(28, 1), (2, 84)),
    Case("alexnet", "AlexNet", {"outputs": None}, pictures(63), (2, 9216)),
    Case("vgg", "VGG", {"outputs": None, "norm": True}, pictures(32), (2, 25088)),
    Case("resnet", "ResNet", {"outputs": 4, "small": True, "channels": 1}, pictures(8, 1), (2, 256)),
    Case("resnet", "ResNet", {"outputs": 4, "kind": "bottleneck", "depths": (1, 2)}, pictures(40), (2, 512)),
    Case("cnn", "CNN", {"outputs": 4, "channels": 2}, pictures(8, 2), (2, 256)),
    Case("cnn", "CNN", {"outputs": 4, "size": 96, "widths": (8, 16)}, pictures(96), (2, 32)),
    Case("embedding", "Embedding", {"outputs": 4, "widths": (4, 6), "width": 5}, pictures(24), (2, 5)),
    Case("vit", "ViT", {"outputs": 4, "size": 8, "width": 16, "layers": 2}, pictures(8), (2, 16)),
    Case("efficientnet_lite", "EfficientNetLite", {"outputs": 4}, pictures(33), (2, 1280)),
    Case("detector", "Detector", {"outputs": 7, "widths": (4, 6, 8), "width": 6}, pictures(21)),
    Case("unet", "UNet", {"outputs": 4, "widths": (4, 6, 8), "dropout": 0.2}, pictures(13)),
    Case("unet", "UNet", {"outputs": 4, "widths": (4, 6), "stride": 2, "depth": 1}, pictures(9)),
    Case("dropout", "Dropout", {"rate": 0.25}, rows),
    Case("attention", "SelfAttention", {"width": 6, "heads": 2}, lambda: (torch.randn(2, 5, 6),)),
    Case("transformer", "Transformer", {"vocabulary": 30, "outputs": 3, "width": 16}, texts, (4, 7, 16)),
    Case("bert", "BERT", {"vocabulary": 30, "outputs": 3, "width": 16, "layers": 2, "heads": 2}, texts, (4, 7, 16)),
    Case("rnn", "TextRNN", {"vocabulary": 30, "outputs": 3, "width": 10, "kind": "lstm"}, texts, (4, 7, 10)),
    Case("spectrogram", "SpectrogramCNN", {"outputs": 3, "bands": 10, "widths": (4, 6), "summed": 5}, frames, (4, 10)),
    Case("spectrogram", "SpectrogramTransformer", {"outputs": 3, "bands": 10, "width": 16}, frames, (4, 5, 16)),
    Case("siamese", "Siamese", {"encoder": layer, "width": 4, "hidden": 3, "dropout": 0.2}, two_rows, (5, 9)),
    Case("siamese", "Comparison", {"width": 6}, two_rows),
    Case("towers", "TwoTowers", {"first": layer, "second": layer, "widths": (4, 4)}, two_rows, (5, 1)),
    Case("clip", "CLIP", SMALL_CLIP, pictures_and_texts),
    Case("rnn", "TextRNN", {"vocabulary": 30, "outputs": 3, "width": 10, "kind": "rnn"}, texts, (4, 7, 10)),
    Case("rnn", "TextRNN", {"vocabulary": 30, "outputs": 3, "width": 9, "both_ways": False}, texts, (4, 7, 9)),
    Case("forecast", "SeriesRNN", {"variables": 2, "outputs": 3, "width": 6, "layers": 2}, series, (3, 12)),
    Case("forecast", "SeriesRNN", {"variables": 2, "outputs": 3, "width": 6, "kind": "lstm"}, series, (3, 12)),
    Case(
        "forecast",
        "SeriesTransformer",
        {"variables": 2, "outputs": 3, "past": 8, "patch": 3, "width": 8},
        series,
        (3, 16),
    ),
    Case("forecast", "NLinear", {"past": 8, "outputs": 3, "variables": 2}, series, (3, 18)),
    Case("forecast", "DLinear", {"past": 8, "outputs": 4, "variables": 2, "targets": (0, 1)}, series, (3, 32)),
    Case(
        "video",
        "VideoCNN",
        {"outputs": 3, "channels": 1, "size": 8, "frames": 4, "widths": (4, 6), "width": 8},
        lambda: (torch.randn(2, 4, 1, 8, 8),),
        (2, 8),
    ),
]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}-{len(case.options)}")


def build(case: Case, namespace: dict | None = None) -> nn.Module:
    kind = (namespace or vars(importlib.import_module(f"fofx.models.{case.file}")))[case.name]
    torch.manual_seed(3)
    return kind(**{name: value() if callable(value) else value for name, value in case.options.items()})


def example(case: Case) -> tuple:
    torch.manual_seed(4)
    return case.inputs()


def test_every_model_file_is_in_the_table():
    files = {module.name for module in pkgutil.iter_modules(fofx.models.__path__)}
    files -= {"window", "pretrained", "reading"}  # no networks: what looks into them, fills them, stands before them
    assert files == {case.file for case in CASES}


@each_case
def test_pieces_alone_give_the_same_model(case):
    pieces = importlib.import_module(f"fofx.models.{case.file}").PIECES
    namespace = {"torch": torch, "nn": nn, "F": nn.functional, "math": math, "__name__": "script"}
    for piece in pieces:
        exec(compile(inspect.getsource(piece), piece.__name__, "exec", dont_inherit=True), namespace)
    inputs = example(case)
    pasted, imported = build(case, namespace).eval(), build(case).eval()
    assert not [kind for kind in map(type, pasted.modules()) if kind.__module__.startswith("fofx")]
    assert torch.equal(pasted(*inputs), imported(*inputs))
    windows = [name for name, module in imported.named_modules() if isinstance(module, Peek)]
    assert windows == [name for name, module in pasted.named_modules() if type(module).__name__ == "Peek"]


def test_pieces_of_different_files_never_share_a_name():
    owners: dict[str, object] = {}
    for case in CASES:
        for piece in importlib.import_module(f"fofx.models.{case.file}").PIECES:
            assert owners.setdefault(piece.__name__, piece) is piece, piece.__name__


@each_case
def test_features_width_and_no_head(case):
    if not case.features:
        pytest.skip("a layer, not a model")
    model, inputs = build(case).eval(), example(case)
    with torch.no_grad():
        features = model.features(*inputs)
        assert features.shape == case.features
        assert model.width == features.shape[-1]
        assert model(*inputs).isfinite().all()
        options = {**case.options, "outputs": None}
        bare = build(Case(case.file, case.name, options, case.inputs)).eval()
        assert not list(bare.head.parameters())
        if features.dim() == 2 or case.file == "tabm":
            assert torch.equal(bare(*inputs), bare.features(*inputs))


@each_case
def test_one_seed_gives_one_model(case):
    first, second = build(case).state_dict(), build(case).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@each_case
def test_watching_sees_every_window_and_changes_nothing(case):
    model, inputs = build(case).eval(), example(case)
    before = model(*inputs)
    windows = {name for name, module in model.named_modules() if isinstance(module, Peek)}
    with watch(model) as seen:
        during = model(*inputs)
    assert set(seen) == windows
    assert not any(value.requires_grad for value in seen.values())
    torch.testing.assert_close(during, before, rtol=1e-5, atol=1e-6)
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(model(*inputs), before)


@each_case
def test_watching_gives_the_same_gradients(case):
    model, inputs = build(case).double().eval(), example(case)
    if not list(model.parameters()):
        pytest.skip("nothing to learn")
    inputs = tuple(value.double() if value.is_floating_point() else value for value in inputs)
    model(*inputs).square().sum().backward()
    fast = {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}
    model.zero_grad()
    with watch(model):
        model(*inputs).square().sum().backward()
    for name, parameter in model.named_parameters():
        if name in fast:
            torch.testing.assert_close(parameter.grad, fast[name], rtol=1e-8, atol=1e-10)


@each_case
def test_training_draws_the_same_numbers_watched_or_not(case):
    model, inputs = build(case).train(), example(case)
    torch.manual_seed(5)
    before = model(*inputs)
    torch.manual_seed(5)
    with watch(model):
        during = model(*inputs)
    torch.testing.assert_close(during, before, rtol=1e-4, atol=1e-5)


def test_watch_records_what_passed():
    model = windowed(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    values = torch.randn(5, 3)
    with watch(model) as seen:
        model(values)
    assert torch.equal(seen["seen_1"], torch.relu(model.get_submodule("0")(values)))
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_watch_removes_its_hooks_after_an_error():
    model = windowed(nn.Linear(3, 4), nn.ReLU())
    with pytest.raises(RuntimeError), watch(model):
        model(torch.randn(5, 2))
    assert not any(module._forward_hooks for module in model.modules())


def test_watch_by_name():
    model = windowed(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.ReLU())
    with watch(model, ("seen_3",)) as seen:
        model(torch.randn(5, 3))
    assert list(seen) == ["seen_3"]
    with pytest.raises(KeyError, match="seen_1"):
        watch(model, ("nothing",))
