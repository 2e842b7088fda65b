"""Gradients and updates are those of the training itself; a unit that is forced dead is found, and no other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import small
from fofx.errors import TaskError
from fofx.models.cnn import CNN
from fofx.models.mlp import MLP
from fofx.models.tabm import TabM
from fofx.optimize import optimize
from fofx.recipe import Recipe
from fofx.see.frames import curves, weight_steps
from fofx.see.gradients import dead_of, dead_units, gradients, gradients_of, histogram, over_time
from seen import prices


def data(rows: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 5, generator=generator)
    return x, (x.sum(dim=1) > 0).long()


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
def test_the_first_step_is_the_one_that_training_takes(optimizer: str) -> None:
    """From fresh moments: the update measured on a copy is what `optimize` does to the network itself."""
    torch.manual_seed(1)
    model = MLP(5, 2, hidden=(8,), dropout=0.2)
    x, y = data()
    recipe = Recipe(
        steps=10, batch=64, rate=0.02, optimizer=optimizer, schedule="constant", warmup=0.0, clip=0.5, seed=4
    )

    def loss_of(each: nn.Module, picked: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(each(x[picked]), y[picked])

    from fofx.optimize import batches

    _, picked = next(batches(64, 64, 4))
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    layers, loss, norm = gradients_of(model, [lambda each: loss_of(each, picked)], recipe, 0.02)
    assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())  # a copy took the step
    model.train()
    step = next(iter(optimize(model, lambda p: loss_of(model, p), 64, recipe)))
    assert loss == pytest.approx(step.loss, rel=1e-5) and norm == pytest.approx(step.gradient_norm, rel=1e-5)
    for layer in layers:
        own = [name for name in before if name.rpartition(".")[0] == layer.name]
        moved = torch.cat([(model.get_parameter(n).detach() - before[n]).flatten() for n in own]).norm().item()
        assert layer.update == pytest.approx(moved, rel=1e-4)
        assert layer.weight == pytest.approx(torch.cat([before[n].flatten() for n in own]).norm().item(), rel=1e-5)
        assert layer.ratio == pytest.approx(moved / layer.weight, rel=1e-4)
        assert layer.weights[0].sum() == layer.parameters == sum(before[n].numel() for n in own)
    assert np.sqrt(sum(layer.gradient**2 for layer in layers)) == pytest.approx(norm, rel=1e-5)


def test_warm_batches_fill_the_moments_and_move_nothing() -> None:
    """A parabola whose gradient is always 1: Adam moves by exactly its rate, however long it has run; SGD by rate * 1."""
    model = nn.Linear(1, 1, bias=False)
    for optimizer, moved in (("adam", 0.1), ("sgd", 0.1), ("momentum", 0.1 * (1 + 0.9 + 0.81))):
        recipe = Recipe(steps=5, rate=0.1, optimizer=optimizer, decay=0.0)
        (layer,), _, norm = gradients_of(model, [lambda each: each.weight.sum()] * 3, recipe)
        assert norm == pytest.approx(1.0) and layer.gradient == pytest.approx(1.0)
        assert layer.update == pytest.approx(moved, rel=1e-4)


def test_a_runs_first_step_has_the_norm_of_its_history() -> None:
    """Step 0, where the weights are the start's: the same batch and dropout, so the gradient that the history tells."""
    function = prices()
    found = gradients(function, "mlp", step=0)
    history = curves(function, "mlp")
    assert found.step == 0 and found.warm == 0
    assert found.rate == history["rate"][0]
    assert found.loss == pytest.approx(history["loss"][0], rel=1e-2)  # the weights were kept in 16 bits
    assert found.norm == pytest.approx(history["gradient_norm"][0], rel=2e-2)
    assert [layer.kind for layer in found.layers] == ["Linear"] * 3
    assert found.clip == (1.0 if found.norm > 1 else None)


def test_a_runs_kept_weights_and_its_way() -> None:
    function = prices()
    found = gradients(function)
    assert found.rung == "mlp" and found.warm == 10 and all(layer.gradient > 0 for layer in found.layers)
    assert found.rate == pytest.approx(curves(function, "mlp")["rate"][found.step])
    way = over_time(function, "mlp", seconds=1e6)
    recipe = Recipe.from_json(next(r.recipe for r in function.rungs if r.name == "mlp")["optimize"])
    steps = [step for step in weight_steps(function, "mlp") if step < recipe.last]
    assert way.steps == steps and way.gradient.shape == way.ratio.shape == (len(steps), 3)
    assert way.layers == [layer.name for layer in found.layers]
    assert np.isfinite(way.ratio).all() and way.loss[0] > way.loss[-1]
    early = gradients(function, "mlp", step=0)
    assert way.gradient[0] == pytest.approx([layer.gradient for layer in early.layers])
    assert len(over_time(function, "mlp", seconds=0.0).steps) == 3
    with pytest.raises(TaskError) as error:
        gradients(function, "mlp", step=987_654)
    assert error.value.code == "no-frame"


@pytest.mark.parametrize("family", ["text", "picture", "mixed"])
def test_other_runs_have_gradients(family: str) -> None:
    function = small.FAMILIES[family]()
    found = gradients(function, warm=2)
    assert len(found.layers) >= 2 and np.isfinite([layer.update for layer in found.layers]).all()
    units = dead_units(function, rows=64)
    assert units.windows or [notice.code for notice in units.notices] == ["no-relu"]


def test_a_unit_forced_dead_is_found() -> None:
    torch.manual_seed(0)
    model = MLP(5, 2, hidden=(8, 6))
    with torch.no_grad():
        model.layers.linear_1.bias[3] = -1e6
        model.layers.linear_2.weight[4], model.layers.linear_2.bias[4] = 0, 0
        model.layers.linear_1.bias[5] = 1e6
    x, _ = data(200)
    found = dead_of(model, x).windows
    assert [each.window for each in found] == ["layers.seen_1", "layers.seen_2"]
    assert found[0].dead.tolist() == [3] and 4 in found[1].dead
    assert found[0].silent[5] == 0 and found[0].rows == 200
    with torch.no_grad():
        hidden = torch.relu(model.layers.linear_1(x))
    assert np.allclose(found[0].silent, (hidden == 0).double().mean(dim=0).numpy())


def test_dead_maps_members_and_layers_without_windows() -> None:
    torch.manual_seed(0)
    cnn = CNN(2, channels=1, widths=(4, 6), size=8)
    with torch.no_grad():
        cnn.stages[1].layers.norm_2.bias[2], cnn.stages[1].layers.norm_2.weight[2] = -1.0, 0.0
    found = {each.window: each for each in dead_of(cnn, torch.rand(9, 1, 8, 8)).windows}
    assert found["stages.1.seen"].dead.tolist() == [2] and len(found["stages.1.seen"].silent) == 6
    assert "pooled" not in found and "outputs" not in found
    tabm = TabM(5, 2, members=3, hidden=(4,))
    with torch.no_grad():
        tabm.layers[0].bias[1, 2] = -1e6
    (only,) = dead_of(tabm, data(50)[0]).windows
    assert only.silent.shape == (12,) and 1 * 4 + 2 in only.dead
    plain = nn.Sequential(nn.Linear(5, 3), nn.ReLU(inplace=True), nn.Linear(3, 1))
    with torch.no_grad():
        plain[0].bias[0] = -1e6
    (only,) = dead_of(plain, data()[0]).windows
    assert only.window == "1" and 0 in only.dead
    smooth = dead_of(MLP(5, 2, activation="tanh"), data()[0])
    assert smooth.windows == [] and smooth.notices[0].code == "no-relu"


def test_histograms_count_everything() -> None:
    counts, edges = histogram(np.array([-2.0, 0.0, 0.0, 1.0]))
    assert counts.sum() == 4 and counts[20] == 2 and (edges[0], edges[-1]) == (-2, 2)
    counts, _ = histogram(np.zeros(7))
    assert counts[20] == 7
