"""Frames are recorded without a trace: the loss curve is the same to the bit, and their size is bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from fofx.checkpoint import Checkpoint
from fofx.models.cnn import CNN
from fofx.models.mlp import MLP
from fofx.models.window import watch
from fofx.optimize import Descent, optimize
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


def recorded(folder: Path) -> dict[int, dict[str, torch.Tensor]]:
    """What the files of a folder hold, by step."""
    found: dict[int, dict[str, torch.Tensor]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        for name, value in load_file(file).items():
            step, _, rest = name.partition("/")
            found.setdefault(int(step), {})[rest] = value
    return dict(sorted(found.items()))


def test_the_path_begins_at_the_start_and_leads_to_the_end(tmp_path: Path) -> None:
    model, inputs = mlp()
    start = {name: value.clone() for name, value in model.named_parameters()}
    learn(model, inputs, tmp_path)
    path = recorded(tmp_path / "weights")
    assert list(path) == path_steps(60, PATH) and len(path) > 20
    for step, weights in ((0, start), (60, dict(model.named_parameters()))):
        assert path[step].keys() == weights.keys()
        for name, value in weights.items():
            assert torch.allclose(path[step][name].float(), value, atol=1e-3, rtol=1e-3)
    windows = recorded(tmp_path)
    assert list(windows) == [0, 1, 3, 5, 10, 17, 31, 56, 60]
    with torch.no_grad(), watch(model.eval()) as seen:
        model(inputs[:8])
    for name, value in windows[60].items():
        assert torch.allclose(value.float(), seen[name], atol=1e-2)


def test_writing_more_often_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, inputs = mlp()
    learn(model, inputs, tmp_path / "once")
    monkeypatch.setattr("fofx.rungs.frames.SECONDS", -1.0)
    model, _ = mlp()
    learn(model, inputs, tmp_path / "often")
    assert len(list((tmp_path / "once").glob("*.safetensors"))) == 1
    assert len(list((tmp_path / "often").glob("*.safetensors"))) > 5
    for folder in ("", "weights"):
        once, often = recorded(tmp_path / "once" / folder), recorded(tmp_path / "often" / folder)
        assert once.keys() == often.keys()
        assert all(torch.equal(once[step][name], often[step][name]) for step in once for name in once[step])


def test_a_run_that_goes_on_does_not_take_its_checkpoint_for_the_beginning(tmp_path: Path) -> None:
    model, inputs = mlp()
    answers = (inputs.sum(dim=1) > 0).long()

    def descent(start: Checkpoint | None = None) -> Descent:
        return optimize(
            model, lambda p: nn.functional.cross_entropy(model(inputs[p]), answers[p]), 100, RECIPE, start=start
        )

    whole = Frames(tmp_path, model, inputs[:8], 60)
    begun = descent()
    for step in whole.follow(begun):
        if step.number == 31:
            break
    checkpoint = begun.checkpoint()
    whole.write()  # as when a few seconds had passed; then the process is killed
    first = recorded(tmp_path / "weights")[0]
    for _ in Frames(tmp_path, model, inputs[:8], 60).follow(descent(checkpoint)):
        pass
    path = recorded(tmp_path / "weights")
    assert list(path) == path_steps(60, PATH)
    assert all(torch.equal(path[0][name], first[name]) for name in first)
    assert list(recorded(tmp_path)) == [0, 1, 3, 5, 10, 17, 31, 56, 60]


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
    assert max(recorded(tmp_path / "weights")) == max(recorded(tmp_path)) == 29 and 29 not in path_steps(60, PATH)


def test_a_large_network_keeps_no_weights_and_a_middling_one_fewer(tmp_path: Path) -> None:
    large, middling = nn.Linear(1000, 1000), nn.Linear(500, 500)
    assert Frames(tmp_path, large, [], 1000).path == set()
    found = Frames(tmp_path, middling, [], 1000).path
    assert LEAST <= len(found) <= PATH_BYTES // (2 * 250_500)
    learn(nn.Sequential(nn.Flatten(), nn.Linear(5, 2)), torch.randn(20, 5), tmp_path)
    assert sum(file.stat().st_size for file in tmp_path.rglob("*")) < 100_000


def test_running_means_are_kept_with_the_weights(tmp_path: Path) -> None:
    """So that a network with batch norm answers as it did at that step."""
    model, inputs = cnn()
    learn(model, inputs, tmp_path)
    kept = recorded(tmp_path / "weights")[60]
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
