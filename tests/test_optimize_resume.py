"""Interrupted and resumed is the same, to the bit, as never interrupted; a file that is not right is refused."""

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from torch import nn

from fofx.checkpoint import Checkpoint
from fofx.errors import RunError
from fofx.keeper import Keeper, Saver
from fofx.losses import cross_entropy
from fofx.optimize import Recipe, optimize

ROWS = 90
RECIPES = {
    "adamw": Recipe(steps=30, batch=16, check_every=4),
    "adam, clipped": Recipe(steps=30, batch=16, check_every=4, optimizer="adam", clip=0.5, schedule="cosine"),
    "sgd": Recipe(steps=30, batch=16, check_every=4, optimizer="sgd", rate=0.1),
    "momentum": Recipe(steps=30, batch=16, check_every=4, optimizer="momentum", rate=0.1),
}


class Net(nn.Module):
    """Convolution in channels-last memory, batch norm, dropout and tied weights: all that is easily lost."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.3)
        self.first, self.second = nn.Linear(16, 16), nn.Linear(16, 16)
        self.second.weight = self.first.weight
        self.head = nn.Linear(16, 3)
        self.to(memory_format=torch.channels_last)

    def forward(self, x):
        return self.head(self.second(self.first(self.drop(self.norm(self.conv(x))).flatten(1))))


def setting():
    torch.manual_seed(0)
    inputs = torch.randn(ROWS, 2, 4, 4).to(memory_format=torch.channels_last)
    classes = torch.randint(0, 3, (ROWS,))
    model = Net()
    return model, lambda picked: cross_entropy(model(inputs[picked]), classes[picked])


def run(recipe, path, start=None, stop=None):
    """Steps, end weights and keeper; saves a checkpoint at step `stop` and ends there."""
    model, loss_of = setting()
    everything = torch.arange(ROWS)
    descent = optimize(model, loss_of, ROWS, recipe, start=start)
    keeper = Keeper(model, lambda: loss_of(everything).item(), recipe, start=start)
    steps = []
    for step in keeper.follow(descent):
        steps.append(step)
        if step.number == stop:
            Saver(path, descent, keeper).save()
            break
    return steps, {name: tensor.clone() for name, tensor in model.state_dict().items()}, keeper


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("stop", [1, 5, 6, 29, 30])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_resumed_is_uninterrupted(recipe, stop, tmp_path):
    path = tmp_path / "a.safetensors"
    whole, weights, keeper = run(recipe, path)
    before, _, _ = run(recipe, path, stop=stop)
    start = Checkpoint.load(path)
    after, resumed, again = run(recipe, path, start=start)
    assert before + after == whole
    assert equal(weights, resumed)
    assert equal(keeper.weights, again.weights)
    assert keeper.state() == again.state()
    assert any(step.validation is not None for step in whole)


def test_resumed_twice_and_from_memory(tmp_path):
    """The resumed descent's own checkpoints are as good as the first's."""
    recipe, path = RECIPES["adamw"], tmp_path / "a.safetensors"
    whole, weights, _ = run(recipe, path)
    run(recipe, path, stop=7)
    run(recipe, path, start=Checkpoint.load(path), stop=19)
    after, resumed, _ = run(recipe, path, start=Checkpoint.load(path))
    assert after == whole[19:]
    assert equal(weights, resumed)


def test_resumed_before_the_first_step(tmp_path):
    model, loss_of = setting()
    path = tmp_path / "a.safetensors"
    optimize(model, loss_of, ROWS, RECIPES["adamw"]).checkpoint().save(path)
    whole, _, _ = run(RECIPES["adamw"], path)
    again, _, _ = run(RECIPES["adamw"], path, start=Checkpoint.load(path))
    assert again == whole


def test_resumed_after_patience_ended_stays_ended(tmp_path):
    recipe = replace(RECIPES["adamw"], patience=1, check_every=1)
    path = tmp_path / "a.safetensors"
    whole, _, keeper = run(recipe, path)
    assert keeper.done and len(whole) < 30
    run(recipe, path, stop=len(whole))
    after, _, _ = run(recipe, path, start=Checkpoint.load(path))
    assert after == []


KILLED = """
import sys, torch
torch.set_num_threads(1)
sys.path.insert(0, {tests!r})
from pathlib import Path
from fofx.keeper import History
from test_optimize_resume import *
folder = Path(sys.argv[1])
path = folder / "checkpoint.safetensors"
start = Checkpoint.load(path) if path.exists() else None
recipe = Recipe(steps=300, batch=16, check_every=25, clip=1.0)
model, loss_of = setting()
everything = torch.arange(ROWS)
descent = optimize(model, loss_of, ROWS, recipe, start=start)
keeper = Keeper(model, lambda: loss_of(everything).item(), recipe, start=start)
saver = Saver(path, descent, keeper, seconds=0.0)
print("ready", flush=True)
with History(folder / "history.jsonl", start=start) as history:
    for step in saver.follow(history.follow(keeper.follow(descent))):
        pass
"""


def test_killed_at_random_moments(tmp_path):
    """SIGKILL, again and again, while every step is saved: the end is the one of a run never killed."""
    code = KILLED.format(tests=os.path.dirname(__file__))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    subprocess.run([sys.executable, "-c", code, whole], check=True, stdout=subprocess.DEVNULL)
    dice = random.Random()
    reached = []
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", code, broken], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(dice.uniform(0.0, 0.5))
        process.kill()
        process.communicate()
        path = broken / "checkpoint.safetensors"
        reached.append(Checkpoint.load(path).number if path.exists() else 0)
    subprocess.run([sys.executable, "-c", code, broken], check=True, stdout=subprocess.DEVNULL)
    assert reached == sorted(reached)
    ends = [Checkpoint.load(folder / "checkpoint.safetensors") for folder in (whole, broken)]
    for group in ("weights", "best", "optimizer", "random"):
        assert equal(getattr(ends[0], group), getattr(ends[1], group)), (group, reached)
    assert ends[0].keeper == ends[1].keeper
    assert ends[0].number == ends[1].number == 300
    histories = [(folder / "history.jsonl").read_text() for folder in (whole, broken)]
    assert histories[0] == histories[1]
    assert [json.loads(line)["step"] for line in histories[0].splitlines()] == list(range(1, 301))


# --------------------------------------------------------------------------------------------------- wrong files


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "a.safetensors"
    run(RECIPES["adamw"], path, stop=6)
    return path


def refused(code, action):
    with pytest.raises(RunError) as caught:
        action()
    assert caught.value.code == code
    return caught.value


def test_missing(tmp_path):
    refused("no-checkpoint", lambda: Checkpoint.load(tmp_path / "none"))


def test_cut_short_anywhere(saved):
    content = saved.read_bytes()
    for length in [0, 1, 7, 8, 9, 50, 500, len(content) // 2, len(content) - 1]:
        saved.write_bytes(content[:length])
        refused("broken-checkpoint", lambda: Checkpoint.load(saved))


def test_header_tampered(saved):
    content = saved.read_bytes()
    dice = random.Random(5)
    size = int.from_bytes(content[:8], "little")
    for _ in range(150):
        place = dice.randrange(8 + size)
        saved.write_bytes(content[:place] + bytes([dice.randrange(256)]) + content[place + 1 :])
        try:
            model, loss_of = setting()
            start = Checkpoint.load(saved)
            keeper = Keeper(model, lambda: 0.0, RECIPES["adamw"], start=start)
            next(keeper.follow(optimize(model, loss_of, ROWS, RECIPES["adamw"], start=start)), None)
        except RunError:
            pass


def test_another_format(tmp_path):
    from safetensors.torch import save_file

    save_file({"weights/a": torch.zeros(2)}, tmp_path / "b")
    refused("broken-checkpoint", lambda: Checkpoint.load(tmp_path / "b"))


def test_another_model_or_recipe(saved):
    model, loss_of = setting()
    start = Checkpoint.load(saved)
    error = refused("foreign-checkpoint", lambda: optimize(model, loss_of, ROWS, RECIPES["sgd"], start=start))
    assert "optimizer" in str(error) and "rate" in str(error)
    other = nn.Linear(2, 3)
    error = refused("foreign-checkpoint", lambda: optimize(other, loss_of, ROWS, RECIPES["adamw"], start=start))
    assert "conv.bias" in str(error)


@pytest.mark.parametrize(
    "name, value", [("0.exp_avg", torch.zeros(1)), ("99.exp_avg", torch.zeros(1)), ("0.step", None)]
)
def test_optimizer_state_that_does_not_fit(saved, name, value):
    model, loss_of = setting()
    start = Checkpoint.load(saved)
    start.optimizer.pop(name, None)
    if value is not None:
        start.optimizer[name] = value
    refused("foreign-checkpoint", lambda: optimize(model, loss_of, ROWS, RECIPES["adamw"], start=start))


def test_random_state_that_is_none(saved):
    model, loss_of = setting()
    start = Checkpoint.load(saved)
    start.random["cpu"] = torch.zeros(3, dtype=torch.uint8)
    refused("broken-checkpoint", lambda: next(optimize(model, loss_of, ROWS, RECIPES["adamw"], start=start)))


def test_a_save_that_fails_leaves_the_old_file(saved, monkeypatch):
    content = saved.read_bytes()
    start = Checkpoint.load(saved)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    error = refused("cannot-write", lambda: start.save(saved))
    assert "No space left" in str(error)
    assert saved.read_bytes() == content
    assert os.listdir(saved.parent) == [saved.name]


def test_no_such_folder(saved, tmp_path):
    refused("cannot-write", lambda: Checkpoint.load(saved).save(tmp_path / "none" / "a"))
