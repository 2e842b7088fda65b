"""The loop: reproducible to the bit, the same as the ejected loop, its schedules and rules equal to torch's own."""

import inspect
import json
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fofx.checkpoint import optimizer_tensors
from fofx.errors import RunError, TaskError
from fofx.losses import cross_entropy
from fofx.optimize import PIECES, Recipe, batches, clip_gradient, learning_rate, make_optimizer, optimize
from fofx.update import shortest_update

ROWS = 90


def toy(seed=0, dropout=0.2):
    """Model, its loss and the data it closes over: batch norm and dropout, so that every kind of state matters."""
    torch.manual_seed(seed)
    inputs, classes = torch.randn(ROWS, 6), torch.randint(0, 3, (ROWS,))
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 3))
    return model, lambda picked: cross_entropy(model(inputs[picked]), classes[picked])


def weights_equal(one, other):
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


RECIPES = {
    "adamw": Recipe(steps=25, batch=16),
    "adam, clipped": Recipe(steps=25, batch=16, optimizer="adam", clip=0.5, schedule="cosine"),
    "sgd": Recipe(steps=25, batch=89, optimizer="sgd", rate=0.1, schedule="constant", warmup=0.0),
    "momentum": Recipe(steps=25, batch=16, optimizer="momentum", rate=0.1, decay=0.0, seed=7),
}
every_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())


@every_recipe
def test_same_recipe_same_bits(recipe):
    one, one_loss = toy()
    first = list(optimize(one, one_loss, ROWS, recipe))
    other, other_loss = toy()
    torch.randn(5)  # what was drawn before the first step does not matter
    assert list(optimize(other, other_loss, ROWS, recipe)) == first
    assert weights_equal(one, other)
    assert [step.number for step in first] == list(range(1, 26))
    assert len({step.loss for step in first}) == 25


@every_recipe
def test_the_ejected_loop_gives_the_same_curve(recipe):
    """The functions of PIECES, pasted into a namespace with torch and math only, in the loop of the docstring."""
    model, loss_of = toy()
    ours = [step.loss for step in optimize(model, loss_of, ROWS, recipe)]
    space = {"torch": torch, "math": math}
    exec("\n".join(inspect.getsource(piece) for piece in PIECES), space)
    ejected, loss_of = toy()
    theirs = []
    torch.manual_seed(recipe.seed)
    optimizer = space["make_optimizer"](ejected.parameters(), recipe.optimizer, recipe.rate, recipe.decay)
    for step, (_, picked) in zip(range(recipe.steps), space["batches"](ROWS, recipe.batch, recipe.seed), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = space["learning_rate"](step, recipe.steps, recipe.rate, recipe.schedule, recipe.warmup)
        optimizer.zero_grad()
        loss = loss_of(picked)
        loss.backward()
        if recipe.clip is not None:
            space["clip_gradient"](ejected.parameters(), recipe.clip)
        optimizer.step()
        theirs.append(loss.item())
    assert theirs == ours
    assert weights_equal(model, ejected)


def test_seed_changes_the_order_and_the_dropout():
    curves = []
    for seed in (0, 1):
        model, loss_of = toy()
        curves.append([step.loss for step in optimize(model, loss_of, ROWS, replace(RECIPES["adamw"], seed=seed))])
    assert curves[0] != curves[1]


def test_it_learns():
    model, loss_of = toy(dropout=0.0)
    steps = list(optimize(model, loss_of, ROWS, Recipe(steps=300, batch=30, rate=0.05)))
    assert steps[-1].loss < 0.7 * steps[0].loss
    assert steps[-1].epoch == 100


# -------------------------------------------------------------------------------------------------------- the pieces


@given(rows=st.integers(1, 60), batch=st.integers(1, 70), seed=st.integers(0, 2**32 - 1), first=st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_batches(rows, batch, seed, first):
    drawn = batches(rows, batch, seed)
    per_epoch = max(1, rows // batch + (rows % batch > 1))
    pieces = [next(drawn) for _ in range(first + 2 * per_epoch)]
    for epoch in (0, 1):
        seen = [picked for number, picked in pieces if number == epoch][:per_epoch]
        assert sorted(torch.cat(seen).tolist()) == list(range(rows))  # each row once an epoch
        assert all(len(picked) > 1 for picked in seen) or rows == 1 or batch == 1
        assert all(len(picked) == batch for picked in seen[:-1])
        assert len(seen[-1]) <= batch + 1
    resumed = batches(rows, batch, seed, first)
    for epoch, picked in pieces[first:]:
        again, same = next(resumed)
        assert again == epoch and torch.equal(same, picked)


def test_epochs_are_shuffled_differently():
    drawn = batches(50, 50, 3)
    assert not torch.equal(next(drawn)[1], next(drawn)[1])


@pytest.mark.parametrize("steps", [10, 37, 400])
def test_one_cycle_is_torchs(steps):
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    oracle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.3, total_steps=steps, pct_start=0.25, cycle_momentum=False
    )
    for step in range(steps):
        assert learning_rate(step, steps, 0.3, "one-cycle", 0.25) == pytest.approx(oracle.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        if step < steps - 1:
            oracle.step()


def test_cosine_is_torchs():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)
    for step in range(50):
        assert learning_rate(step, 50, 0.3, "cosine", 0.0) == pytest.approx(oracle.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        oracle.step()


@given(
    steps=st.integers(1, 200),
    schedule=st.sampled_from(["one-cycle", "cosine", "constant"]),
    warmup=st.floats(0, 0.99),
    share=st.floats(0, 1),
)
@settings(max_examples=200, deadline=None)
def test_learning_rate_stays_between_zero_and_its_peak(steps, schedule, warmup, share):
    step = min(steps - 1, int(share * steps))
    assert 0 < learning_rate(step, steps, 0.5, schedule, warmup) <= 0.5 * (1 + 1e-12)


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "momentum"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_fused_rules_are_torchs_plain_ones(name, channels_last):
    """Also with channels-last weights, whose memory the fused rule walks through in another order."""
    models = []
    for _ in range(2):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1), nn.Flatten(), nn.Linear(2 * 36, 1))
        models.append(model.to(memory_format=torch.channels_last) if channels_last else model)
    ours, theirs = models
    plain = {
        "adamw": lambda ps: torch.optim.AdamW(ps, lr=0.01, weight_decay=0.1, foreach=False),
        "adam": lambda ps: torch.optim.Adam(ps, lr=0.01, weight_decay=0.1, foreach=False),
        "sgd": lambda ps: torch.optim.SGD(ps, lr=0.01, weight_decay=0.1, foreach=False),
        "momentum": lambda ps: torch.optim.SGD(ps, lr=0.01, weight_decay=0.1, momentum=0.9, foreach=False),
    }[name](theirs.parameters())
    fused = make_optimizer(ours.parameters(), name, 0.01, 0.1)
    pictures = torch.randn(5, 3, 8, 8)
    for _ in range(5):
        for model, optimizer in ((ours, fused), (theirs, plain)):
            optimizer.zero_grad()
            model(pictures).square().mean().backward()
            optimizer.step()
    for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("longest", [0.01, 1e6])
def test_clip_gradient_is_torchs(longest):
    models = [toy()[0], toy()[0]]
    for model in models:
        torch.manual_seed(1)
        for parameter in list(model.parameters())[1:]:  # the first has no gradient
            parameter.grad = torch.randn_like(parameter)
    length = clip_gradient(models[0].parameters(), longest)
    assert length == torch.nn.utils.clip_grad_norm_(models[1].parameters(), longest).item()
    for mine, its in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert (mine.grad is None and its.grad is None) or torch.equal(mine.grad, its.grad)


# -------------------------------------------------------------------------------------------------------- plain data


@every_recipe
def test_recipe_goes_through_json(recipe):
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"steps": True},
        {"steps": 10, "batch": 2.5},
        {"steps": 10, "rate": 0},
        {"steps": 10, "rate": math.inf},
        {"steps": 10, "decay": -1},
        {"steps": 10, "warmup": 1.0},
        {"steps": 10, "clip": 0},
        {"steps": 10, "seed": -1},
        {"steps": 10, "patience": 0},
        {"steps": 10, "precision": "float8"},
        {"steps": 10, "schedule": ["cosine"]},
        {"steps": 10, "unknown": 1},
        {},
        [],
    ],
)
def test_a_recipe_that_makes_no_sense(wrong):
    with pytest.raises(TaskError) as caught:
        Recipe.from_json(wrong)
    assert caught.value.code == "bad-recipe"


def test_a_mistyped_word_gets_the_nearest():
    with pytest.raises(TaskError, match="Did you mean 'adamw'"):
        Recipe(steps=1, optimizer="adanw")
    with pytest.raises(TaskError, match="Did you mean 'decay'"):
        Recipe.from_json({"steps": 1, "decai": 0.1})


def test_stop_at_ends_early_on_the_same_curve():
    model, loss_of = toy()
    whole = list(optimize(model, loss_of, ROWS, RECIPES["adamw"]))
    model, loss_of = toy()
    assert list(optimize(model, loss_of, ROWS, replace(RECIPES["adamw"], stop_at=9))) == whole[:9]


# ---------------------------------------------------------------------------------------------------- odd moments


def test_no_rows():
    model, loss_of = toy()
    with pytest.raises(TaskError) as caught:
        optimize(model, loss_of, 0, RECIPES["adamw"])
    assert caught.value.code == "no-rows"


def test_half_precision_is_refused_on_a_cpu():
    model, loss_of = toy()
    with pytest.raises(TaskError) as caught:
        optimize(model, loss_of, ROWS, replace(RECIPES["adamw"], precision="bfloat16"))
    assert caught.value.code == "precision-needs-gpu"


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_the_half_precision_path(precision):
    """Run on the CPU against the refusal, for what a GPU runs: layers in half, loss scaled, weights whole."""
    model, loss_of = toy(dropout=0.0)
    recipe = Recipe(steps=60, batch=30, rate=0.05, clip=1.0)
    seen = []
    model[0].register_forward_hook(lambda _module, _inputs, output: seen.append(output.dtype))
    descent = optimize(model, loss_of, ROWS, recipe)
    descent.recipe = replace(recipe, precision=precision)
    if precision == "float16":
        descent.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**30)  # overflows at first: updates are skipped
    losses = [step.loss for step in descent]
    assert losses[-1] < 0.8 * losses[0]
    assert set(seen) == {getattr(torch, precision)}
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    if precision == "float16":
        assert descent.scaler.get_scale() < 2.0**30


def test_ctrl_c_in_the_middle_of_a_step():
    """The interrupt comes through, the descent is over, and no checkpoint is taken of a half-done step."""
    model, loss_of = toy()
    calls = []

    def interrupted(picked):
        calls.append(picked)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return loss_of(picked)

    descent = optimize(model, interrupted, ROWS, RECIPES["adamw"])
    numbers = []
    with pytest.raises(KeyboardInterrupt):
        for step in descent:
            numbers.append(step.number)
    assert numbers == [1, 2, 3, 4]
    assert next(descent, None) is None
    with pytest.raises(RunError) as caught:
        descent.checkpoint()
    assert caught.value.code == "mid-step"


def test_closing_keeps_the_present_weights():
    model, loss_of = toy()
    descent = optimize(model, loss_of, ROWS, RECIPES["adamw"])
    next(descent)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    descent.close()
    assert next(descent, None) is None
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert descent.checkpoint().number == 1


def test_frozen_parameters_stay():
    model, loss_of = toy()
    model[0].requires_grad_(False)
    before = model[0].weight.clone()
    list(optimize(model, loss_of, ROWS, RECIPES["adamw"]))
    assert torch.equal(model[0].weight, before)


@pytest.mark.parametrize("name", ["adamw", "adam", "momentum"])
def test_the_shortest_update_is_the_optimizers(name):
    """To the bit, also when a layer takes part in some steps only, and when the state was there before."""
    models = [toy()[0], toy()[0]]
    short, plain = (make_optimizer(model.parameters(), name, 0.01, 0.1) for model in models)
    update = shortest_update(short)
    torch.manual_seed(3)
    for step in range(9):
        if step == 6:
            update = shortest_update(short)  # as after resuming
        for group in (*short.param_groups, *plain.param_groups):
            group["lr"] = 0.01 / (step + 1)
        for number, (mine, its) in enumerate(zip(*(model.parameters() for model in models), strict=True)):
            mine.grad = None if number == 2 and step in (0, 1, 4) else torch.randn_like(mine)
            its.grad = None if mine.grad is None else mine.grad.clone()
        update()
        plain.step()
    assert weights_equal(*models)
    assert all(
        torch.equal(mine, its)
        for mine, its in zip(optimizer_tensors(short).values(), optimizer_tensors(plain).values(), strict=True)
    )
