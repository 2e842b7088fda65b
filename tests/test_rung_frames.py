"""Frames are recorded without a trace: the loss curve is the same to the bit, and their size is bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fofx.models.cnn import CNN
from fofx.models.mlp import MLP
from fofx.optimize import optimize
from fofx.recipe import Recipe, Step
from fofx.rungs.frames import LEAST, PATH, PATH_BYTES, Frames, path_steps

RECIPE = Recipe(steps=60, batch=16, rate=3e-3, clip=1.0, seed=3)


def learn(model: nn.Module, inputs: torch.Tensor, folder: Path | None, recipe: Recipe = RECIPE) -> list[Step]:
    answers = (inputs.flatten(1).sum(dim=1) > 0).long()

    def loss_of(picked: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(model(inputs[picked]), answers[picked])

    steps: Iterable[Step] = optimize(model, loss_of, len(inputs), recipe)
    if folder is not None:
        steps = Frames(folder, model, inputs[:8], recipe.last).follow(steps)
    return list(steps)


def mlp() -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    return MLP(5, 2, hidden=(12, 12), dropout=0.3), torch.randn(100, 5)


def cnn() -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    return CNN(2, channels=1, widths=(4, 8), size=8, dropout=0.2), torch.randn(60, 1, 8, 8)


@pytest.mark.parametrize("make", [mlp, cnn])
def test_recording_changes_nothing(make, tmp_path: Path) -> None:
    """Dropout draws random numbers and batch norm keeps running means: both are as if nobody had looked."""
    plain_model, inputs = make()
    plain = learn(plain_model, inputs, None)
    model, _ = make()
    watched = learn(model, inputs, tmp_path)
    assert [step.loss for step in plain] == [step.loss for step in watched]
    for name, value in plain_model.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_the_path_begins_at_the_start_and_leads_to_the_end(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    model, inputs = mlp()
    start = {name: value.clone() for name, value in model.named_parameters()}
    learn(model, inputs, tmp_path)
    files = sorted((tmp_path / "weights").glob("*.safetensors"))
    steps = [int(file.stem) for file in files]
    assert steps == path_steps(60, PATH) and len(steps) > 20
    for file, weights in ((files[0], start), (files[-1], dict(model.named_parameters()))):
        kept = load_file(file)
        assert kept.keys() == weights.keys()
        for name, value in weights.items():
            assert torch.allclose(kept[name].float(), value, atol=1e-3, rtol=1e-3)
    assert (tmp_path / "0000000.safetensors").exists() and (tmp_path / "0000060.safetensors").exists()


def test_a_descent_that_ends_early_keeps_where_it_ended(tmp_path: Path) -> None:
    model, inputs = mlp()
    answers = (inputs.sum(dim=1) > 0).long()

    def first(steps: Iterable[Step], count: int) -> Iterator[Step]:
        for step in steps:
            yield step
            if step.number == count:
                return

    descent = optimize(model, lambda p: nn.functional.cross_entropy(model(inputs[p]), answers[p]), 100, RECIPE)
    for _ in Frames(tmp_path, model, inputs[:8], 60).follow(first(descent, 29)):
        pass
    steps = sorted(int(file.stem) for file in (tmp_path / "weights").glob("*.safetensors"))
    assert steps[-1] == 29 and 29 not in path_steps(60, PATH)
    assert max(int(file.stem) for file in tmp_path.glob("*.safetensors")) == 29


def test_a_large_network_keeps_no_weights_and_a_middling_one_fewer(tmp_path: Path) -> None:
    large, middling = nn.Linear(1000, 1000), nn.Linear(500, 500)
    assert Frames(tmp_path, large, [], 1000).path == set()
    found = Frames(tmp_path, middling, [], 1000).path
    assert LEAST <= len(found) <= PATH_BYTES // (2 * 250_500)
    learn(nn.Sequential(nn.Flatten(), nn.Linear(5, 2)), torch.randn(20, 5), tmp_path)
    assert sum(file.stat().st_size for file in tmp_path.rglob("*")) < 100_000


def test_running_means_are_kept_with_the_weights(tmp_path: Path) -> None:
    """So that a network with batch norm answers as it did at that step."""
    from safetensors.torch import load_file

    model, inputs = cnn()
    learn(model, inputs, tmp_path)
    kept = load_file(tmp_path / "weights" / "0000060.safetensors")
    twin, _ = cnn()
    assert twin.load_state_dict(kept, strict=False).missing_keys == []
    with torch.no_grad():
        assert torch.allclose(twin.eval()(inputs), model.eval()(inputs), atol=0.02)


@given(st.integers(1, 2_000_000), st.integers(LEAST, PATH))
def test_points_of_a_path(last: int, points: int) -> None:
    steps = path_steps(last, points)
    assert steps[0] == 0 and steps[-1] == last and steps == sorted(set(steps))
    assert len(steps) <= points
    assert len(steps) >= min(last + 1, points // 2)
