"""What stands around the loop: best weights, history, budget, measuring without a trace; the loop knows none of it."""

import json
import math

import pytest
import torch
from torch import nn

from fofx import keeper as keeper_file
from fofx.errors import RunError
from fofx.keeper import Budget, History, Keeper, Saver, measure_step_seconds, plan_steps
from fofx.losses import cross_entropy
from fofx.optimize import Recipe, Step, optimize

ROWS = 64


def setting():
    torch.manual_seed(0)
    inputs, classes = torch.randn(ROWS, 4), torch.randint(0, 2, (ROWS,))
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    return model, lambda picked: cross_entropy(model(inputs[picked]), classes[picked])


def steps_of(*numbers):
    return [Step(number, 1, 1.0, 0.1) for number in numbers]


def scored(scores, patience=None, every=1, steps=100):
    """A keeper that is given these validation losses in turn; its one weight counts the steps."""
    model = nn.Linear(1, 1, bias=False)
    given = iter(scores)
    keeper = Keeper(model, lambda: next(given), Recipe(steps=steps, check_every=every, patience=patience))
    seen = []
    for step in keeper.follow(steps_of(*range(1, steps + 1))):
        with torch.no_grad():
            model.weight.fill_(step.number + 0.5)  # the weight after the check: not the one that was checked
        seen.append(step)
        if len(seen) == len(scores) * every:
            break
    return keeper, seen


def test_keeps_the_lowest_and_its_weights():
    keeper, seen = scored([3.0, 2.0, 2.0, 5.0, 4.0])
    assert (keeper.best, keeper.best_step, keeper.waited) == (2.0, 2, 3)
    assert [step.validation for step in seen] == [3.0, 2.0, 2.0, 5.0, 4.0]
    assert keeper.weights["weight"].item() == 1.5  # as it was when step 2 was checked
    keeper.restore()
    assert keeper.model.weight.item() == 1.5


def test_patience_counts_checks():
    keeper, seen = scored([3.0, 2.0, 4.0, 4.0, 1.0], patience=2)
    assert keeper.done and len(seen) == 4 and keeper.best_step == 2
    assert list(keeper.follow(steps_of(5))) == []


def test_a_score_that_is_not_finite_is_no_improvement():
    keeper, _ = scored([math.nan, math.inf, 7.0, math.nan])
    assert (keeper.best, keeper.best_step) == (7.0, 3)
    keeper, _ = scored([math.nan, math.nan], patience=2)
    assert keeper.best is None and keeper.done
    keeper.restore()  # nothing to put back, and no error


def test_the_last_step_is_always_checked():
    keeper, seen = scored([2.0, 1.0], every=4, steps=6)
    assert [step.number for step in seen if step.validation is not None] == [4, 6]
    assert keeper.best_step == 6


def test_checks_run_in_evaluation_mode_without_gradients():
    model, loss_of = setting()
    seen = []

    def measure():
        seen.append((model.training, torch.is_grad_enabled()))
        return 1.0

    recipe = Recipe(steps=4, batch=16, check_every=2)
    list(Keeper(model, measure, recipe).follow(optimize(model, loss_of, ROWS, recipe)))
    assert seen == [(False, False), (False, False)]
    assert model.training and torch.is_grad_enabled()


def test_observers_change_nothing(tmp_path):
    """The curve with everything around the loop is the bare loop's, to the bit."""
    recipe = Recipe(steps=30, batch=16, check_every=3)
    model, loss_of = setting()
    bare = [step.loss for step in optimize(model, loss_of, ROWS, recipe)]
    model, loss_of = setting()
    descent = optimize(model, loss_of, ROWS, recipe)
    keeper = Keeper(model, lambda: loss_of(torch.arange(ROWS)).item(), recipe)
    with History(tmp_path / "h") as history:
        saver = Saver(tmp_path / "c", descent, keeper, seconds=0.0)
        chain = Budget(1e6).follow(saver.follow(history.follow(keeper.follow(descent))))
        assert [step.loss for step in chain] == bare


def test_ctrl_c_leaves_the_best_so_far():
    model, loss_of = setting()
    recipe = Recipe(steps=30, batch=16, check_every=2)
    keeper = Keeper(model, lambda: loss_of(torch.arange(ROWS)).item(), recipe)
    with pytest.raises(KeyboardInterrupt):
        for step in keeper.follow(optimize(model, loss_of, ROWS, recipe)):
            if step.number == 7:
                raise KeyboardInterrupt
    keeper.restore()
    assert keeper.best_step in (2, 4, 6)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in keeper.weights.items())


# ----------------------------------------------------------------------------------------------------------- history


def test_history_is_a_line_a_step_flushed(tmp_path):
    path = tmp_path / "h.jsonl"
    with History(path, rung="多层 'mlp'") as history:
        history.write(Step(1, 1, 0.1 + 0.2, 1e-7))
        assert json.loads(path.read_text(encoding="utf-8"))["loss"] == 0.1 + 0.2  # before closing
        history.write(Step(2, 1, 1.0, 0.1, gradient_norm=2.5, validation=math.inf))
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {"step": 1, "epoch": 1, "loss": 0.1 + 0.2, "rate": 1e-7, "rung": "多层 'mlp'"}
    assert lines[1]["gradient_norm"] == 2.5
    assert lines[1]["validation"] is None  # not finite: strict JSON has no word for it


@pytest.mark.parametrize("tail", ["", '{"step": 4, "lo', "garbage\n", '{"step": 9}\n'])
def test_history_is_cut_back_to_the_checkpoint(tmp_path, tail):
    path = tmp_path / "h.jsonl"
    with History(path) as history:
        for step in steps_of(1, 2, 3):
            history.write(step)
    with path.open("a") as file:
        file.write(tail)
    model, loss_of = setting()
    descent = optimize(model, loss_of, ROWS, Recipe(steps=5, batch=16))
    next(descent), next(descent)
    with History(path, start=descent.checkpoint()) as history:
        assert [step.number for step in history.follow(descent)] == [3, 4, 5]
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2, 3, 4, 5]
    with History(path):
        pass
    assert path.read_text() == ""  # without a checkpoint it begins anew


def test_history_in_no_folder(tmp_path):
    with pytest.raises(RunError) as caught:
        History(tmp_path / "none" / "h")
    assert caught.value.code == "cannot-write"


# ------------------------------------------------------------------------------------------------------ time and plan


def test_budget(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(keeper_file.time, "monotonic", lambda: now[0])
    budget = Budget(10.0)
    now[0] = 104.0
    part = budget.share(0.5)
    assert (budget.left, part.left, budget.spent) == (6.0, 3.0, False)
    seen = []
    for step in part.follow(steps_of(1, 2, 3, 4)):
        now[0] += 1.5
        seen.append(step.number)
    assert seen == [1, 2]
    now[0] = 200.0
    assert budget.spent and budget.left == 0.0


def test_measuring_leaves_no_trace():
    model, loss_of = setting()
    model[0].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random = torch.get_rng_state()
    seconds = measure_step_seconds(model, loss_of, ROWS, Recipe(steps=2, batch=16), seconds=0.05)
    assert 0 < seconds < 1
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.training and not model[0].training


def test_measuring_leaves_no_trace_when_it_fails():
    model, _ = setting()
    before = model[0].weight.clone()
    random = torch.get_rng_state()

    def fails(picked):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        measure_step_seconds(model, fails, ROWS, Recipe(steps=2, batch=16))
    assert torch.equal(torch.get_rng_state(), random) and torch.equal(model[0].weight, before)


def test_plan_steps():
    assert plan_steps(10.0, 0.01, rows=1000, batch=100, max_epochs=1000) == 1000
    assert plan_steps(10.0, 0.01, rows=1000, batch=100, max_epochs=20) == 200
    assert plan_steps(10.0, 0.01, rows=1001, batch=100, max_epochs=20) == 200  # the odd row joins another batch
    assert plan_steps(0.0, 0.01, rows=10, batch=100, max_epochs=20) == 1
    assert plan_steps(10.0, 0.0, rows=10, batch=100, max_epochs=3) == 3
