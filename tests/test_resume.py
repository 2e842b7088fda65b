"""A run that was cut short goes on, and ends with the very weights of one that was not: killed at random moments."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

import fofx
import small
from fofx.errors import FofxError, RunError

# Checkpoints are written all the time, and every step takes a little longer, so that kills fall into the middle of everything.
SCRIPT = """
import sys, time
from functools import partial
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads(1)
import fofx, small
from fofx.rungs import neural
saver = neural.Saver
neural.Saver = lambda path, descent, keeper, seconds: saver(path, descent, keeper, seconds=0.02)
data = small.table()
data = {{name: data[name] for name in ("size", "colour", "price", "sold")}}

def watch(event):
    if event["what"] == "rung":
        print(event["rung"], flush=True)
    if event["what"] == "step":
        time.sleep(0.01)

f = fofx.find(data, {outputs!r}, watch=watch, **{options!r})
print("finished", flush=True)
"""


def start(options: dict, outputs: list[str]) -> subprocess.Popen[str]:
    script = SCRIPT.format(tests=str(Path(__file__).parent), outputs=outputs, options=options)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)


def same_runs(one: Path, other: Path) -> None:
    """Every weight of every rung, and the whole history, equal to the bit."""
    files = sorted(path.relative_to(one) for path in one.rglob("weights.safetensors"))
    assert files == sorted(path.relative_to(other) for path in other.rglob("weights.safetensors"))
    assert len(files) >= 6
    for name in files:
        left, right = load_file(one / name), load_file(other / name)
        assert left.keys() == right.keys()
        for key in left:
            np.testing.assert_array_equal(left[key], right[key], err_msg=f"{name} {key}")
    assert (one / "history.jsonl").read_bytes() == (other / "history.jsonl").read_bytes()
    records = [json.loads((place / "run.json").read_text()) for place in (one, other)]
    for key in ("winner", "scores", "status", "task", "warnings", "interval"):
        assert records[0][key] == records[1][key], key


def kill_and_resume(tmp_path: Path, kills: int, seed: int) -> int:
    """Find by a recipe; find again, killed `kills` times; the two must be equal. Gives how many kills hit a run at work."""
    columns = small.table()
    data = {name: columns[name] for name in ("size", "colour", "price", "sold")}
    outputs = ["price", "sold"]
    recipe = small.mixed_function()
    whole = small.quick(data, outputs, recipe=str(recipe.run.path), out=str(tmp_path), name="whole")
    options = {"recipe": str(recipe.run.path), "out": str(tmp_path), "name": "cut", "budget": small.QUICK}
    chance = random.Random(seed)
    hits = 0
    for _ in range(kills):
        begun = (tmp_path / "cut" / "run.json").exists()
        process = start({"resume": str(tmp_path / "cut")} if begun else options, outputs)
        assert process.stdout is not None
        process.stdout.readline()  # the first rung: the work has begun
        time.sleep(chance.uniform(0, 1.2))
        process.send_signal(signal.SIGKILL)
        hits += "finished" not in process.communicate()[0]
        run = tmp_path / "cut" / "run.json"
        if run.exists() and json.loads(run.read_text())["status"] == "done":
            break
        with pytest.raises(RunError) as caught:
            fofx.load(tmp_path / "cut")
        assert caught.value.code == "unfinished-run"
    if hits == kills:
        f = fofx.find(data, outputs, resume=str(tmp_path / "cut"))
        assert f.run.path == tmp_path / "cut"
    same_runs(whole.run.path, tmp_path / "cut")
    left = [path.name for path in (tmp_path / "cut").rglob("*") if path.suffix in (".tmp", ".part")]
    assert left == []
    return hits


def test_a_killed_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    assert kill_and_resume(tmp_path, kills=1, seed=1) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_run_killed_many_times_ends_with_the_same_weights(tmp_path: Path, seed: int) -> None:
    assert kill_and_resume(tmp_path, kills=6, seed=100 + seed) >= 1


class Cut(Exception):
    """Stands for whatever ends a process from outside."""


def cut_run(place: Path, **options: object) -> Path:
    """A run that ends when its second rung is scored, as a kill would leave it."""

    def watch(event: dict) -> None:
        if event["what"] == "scored" and event["rung"] == "linear":
            raise Cut

    with pytest.raises(Cut):
        small.quick(
            small.table(), "sold", inputs=["size", "colour"], out=str(place), name="cut", watch=watch, **options
        )
    return place / "cut"


def test_what_was_done_is_not_done_again(tmp_path: Path) -> None:
    path = cut_run(tmp_path, model="mlp")
    kept = (path / "rungs" / "linear" / "weights.safetensors").stat().st_mtime_ns
    f = fofx.find(small.table(), resume=str(path))
    assert [r.name for r in f.rungs] == ["majority", "linear", "mlp"] and f.winner == "mlp"
    assert (path / "rungs" / "linear" / "weights.safetensors").stat().st_mtime_ns == kept
    assert fofx.load(path)({"size": 10, "colour": "red"}) == f({"size": 10, "colour": "red"})


def test_a_run_made_from_files_needs_no_data_again(tmp_path: Path) -> None:
    import polars as pl

    pl.DataFrame(small.table()).write_csv(tmp_path / "train.csv")
    pl.DataFrame(small.table(40, seed=1)).write_csv(tmp_path / "test.csv")

    def watch(event: dict) -> None:
        if event["what"] == "scored":
            raise Cut

    with pytest.raises(Cut):
        small.quick(
            str(tmp_path / "train.csv"), "sold", inputs=["size"], model="tree", out=str(tmp_path), name="cut",
            test=str(tmp_path / "test.csv"), watch=watch,
        )  # fmt: skip
    f = fofx.find(resume=str(tmp_path / "cut"))
    assert f.winner == "tree" and f.record["data"]["rows"]["test"] == 40


def test_the_data_must_be_the_same(tmp_path: Path) -> None:
    path = cut_run(tmp_path, model="tree")
    other = small.table(seed=9)
    with pytest.raises(RunError) as caught:
        fofx.find(other, resume=str(path))
    assert caught.value.code == "other-data"
    assert fofx.find(small.table(), resume=str(path)).winner == "tree"  # nothing was spoilt


def test_rows_that_were_in_memory_are_kept_by_the_run(tmp_path: Path) -> None:
    path = cut_run(tmp_path, model="tree")
    assert fofx.find(resume=str(path)).winner == "tree"
    lost = cut_run(tmp_path / "lost", model="tree")
    (lost / "data.parquet").unlink()
    with pytest.raises(RunError) as caught:
        fofx.find(resume=str(lost))
    assert caught.value.code == "data-needed"


def test_a_score_says_how_many_rows_were_learnt_from(tmp_path: Path) -> None:
    f = small.quick(small.table(), "sold", model="tree", out=str(tmp_path))
    rows = f.record["data"]["rows"]
    told = f.score(small.table())
    assert told["rows_in_training"] == rows["train"] and told["rows"] == sum(rows.values())
    assert f.score(small.table(seed=9))["rows_in_training"] == 0


def test_pictures_in_memory_are_told_apart_by_their_pixels(tmp_path: Path) -> None:
    pictures, labels = small.pictures()
    f = small.quick((pictures, labels), model="knn", out=str(tmp_path))
    names = [column.name for column in (*f.task.inputs, *f.task.outputs)]
    assert f.score(dict(zip(names, (pictures, labels))))["rows_in_training"] == f.record["data"]["rows"]["train"]
    assert f.score(dict(zip(names, (255 - pictures, labels))))["rows_in_training"] == 0


def test_a_complete_run_is_not_resumed() -> None:
    with pytest.raises(RunError) as caught:
        fofx.find(small.table(), resume=str(small.category_function().run.path))
    assert caught.value.code == "already-done"


def test_no_run_is_no_run(tmp_path: Path) -> None:
    for words in ({"resume": str(tmp_path)}, {"recipe": str(tmp_path)}):
        with pytest.raises(RunError) as caught:
            fofx.find(small.table(), "sold", out=str(tmp_path / "out"), **words)
        assert caught.value.code == "no-run"
    assert not (tmp_path / "out").exists()


def test_an_unfinished_run_is_no_recipe(tmp_path: Path) -> None:
    path = cut_run(tmp_path)
    with pytest.raises(RunError) as caught:
        small.quick(small.table(), "sold", inputs=["size", "colour"], recipe=str(path))
    assert caught.value.code == "unfinished-run"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", b"{"),
        ("run.json", b'{"format": 1, "status": "running"}'),
        ("rungs/linear/weights.safetensors", b"cut"),
        ("rungs/linear/rung.json", b'{"result": {}, "state": {}}'),
        ("rungs/mlp/recipe.json", b'{"optimize": {"steps": -1}}'),
        ("rungs/mlp/recipe.json", b'{"optimize": {"steps": 5}}'),
        ("rungs/mlp/recipe.json", b'{"optimize": {"steps": 5}, "threads": 1, "shape": {"encoders": []}}'),
        ("rungs/mlp/recipe.json", b"[]"),
        ("rungs/mlp/checkpoint.safetensors", b"cut"),
        ("recipes.json", b'{"recipes": 3}'),
    ],
)
def test_a_damaged_run_is_told_and_not_guessed_at(tmp_path: Path, name: str, content: bytes) -> None:
    path = cut_run(tmp_path, model="mlp")
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(content)
    with pytest.raises(FofxError) as caught:
        fofx.find(small.table(), resume=str(path))
    assert caught.value.code in ("damaged-run", "model-failed", "bad-recipe")


def test_interrupting_keeps_the_best_so_far(tmp_path: Path) -> None:
    options = {"out": str(tmp_path), "name": "stopped", "budget": 30.0, "model": "mlp"}
    process = start(options, ["price"])
    assert process.stdout is not None
    while process.stdout.readline().strip() != "mlp":
        pass
    history = tmp_path / "stopped" / "rungs" / "mlp" / "history.jsonl"
    for _ in range(1000):
        if history.exists() and b"validation" in history.read_bytes():
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert "finished" in said and process.returncode == 0
    f = fofx.load(tmp_path / "stopped")
    assert f.winner == "mlp" and f.record["interrupted"]
    lines = list(f.run.history())
    assert 0 < len(lines) <= f.rungs[-1].recipe["optimize"]["steps"]
    assert f({"size": 10, "colour": "red", "sold": "yes"}).value == pytest.approx(35, abs=12)
