"""The run folder: written whole or not at all, read with distrust, and never able to run anybody's code."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

import fofx
import small
from fofx.errors import FofxError, RunError
from fofx.run import FORMAT, Run, finite, rung_folder, runs

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), JSON))
def test_json_comes_back_but_for_what_json_does_not_know(data: dict) -> None:
    run = Run(small.place() / "json")
    run.write("data.json", data)
    assert run.read("data.json") == finite(data)


def test_numpy_and_paths_are_written_plainly(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.write("data.json", {"a": np.float32(0.5), "b": np.arange(3), "c": tmp_path, "d": (1, float("nan"))})
    assert run.read("data.json") == {"a": 0.5, "b": [0, 1, 2], "c": str(tmp_path), "d": [1, None]}
    with pytest.raises(TypeError):
        run.write("data.json", {"a": object()})
    assert run.read("data.json")["a"] == 0.5


def test_tensors_come_back_to_the_bit(tmp_path: Path) -> None:
    run = Run(tmp_path)
    tensors = {
        "a": torch.randn(3, 4).t(),
        "b": torch.tensor([float("nan"), 1.0]),
        "c": torch.arange(3, dtype=torch.int32),
    }
    run.write_tensors("w.safetensors", tensors)
    back = run.read_tensors("w.safetensors")
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        torch.testing.assert_close(back[name], tensor, rtol=0, atol=0, equal_nan=True)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path)
    run.write("data.json", {"old": True})

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    for function in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, function, fail)
            with pytest.raises(RunError) as caught:
                run.write("data.json", {"new": True})
        assert caught.value.code == "cannot-write" and "No space left" in str(caught.value)
        assert run.read("data.json") == {"old": True}
        assert [path.name for path in tmp_path.iterdir()] == ["data.json"]


def test_no_permission_to_make_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(RunError) as caught:
        Run.create(tmp_path / "runs", "one", "data")
    assert caught.value.code == "cannot-write" and "Permission denied" in str(caught.value)
    with pytest.raises(RunError) as caught:
        Run(tmp_path / "x").write("data.json", {})
    assert caught.value.code == "cannot-write"


def test_a_name_is_made_from_the_data(tmp_path: Path) -> None:
    assert Run.create(tmp_path, None, "房价 2024.csv").name.startswith("房价-2024-csv-")
    assert Run.create(tmp_path, None, "///").name.startswith("run-")
    assert Run.create(tmp_path, "我的 run", "x").path == tmp_path / "我的 run"
    for bad in ("a/b", "..", ".", "a\0b", "x" * 101, "a:b"):
        with pytest.raises(RunError) as caught:
            Run.create(tmp_path, bad, "x")
        assert caught.value.code == "bad-name"


def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    for number, name in enumerate(("old", "new")):
        run = Run.create(tmp_path, name, "x")
        run.write("run.json", {"format": FORMAT})
        os.utime(run.path / "run.json", (number + 1, number + 1))
    (tmp_path / "no run").mkdir()
    assert [run.name for run in runs(tmp_path)] == ["new", "old"]
    assert runs(tmp_path / "nowhere") == []


def test_a_rung_of_any_name_stays_inside_the_run() -> None:
    for name in ("timm/resnet18", "hf/../../etc", "bert//a/b", "a\\b"):
        folder = rung_folder(name)
        assert folder.startswith("rungs/") and folder.count("/") == 1 and Path(folder).name not in ("..", ".")


def test_a_history_cut_off_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('{"step": 1}\n{"step": 2}\n{"ste')
    assert [line["step"] for line in Run(tmp_path).history()] == [1, 2]
    assert list(Run(tmp_path / "none").history()) == []


def test_saving_copies_the_whole_run(tmp_path: Path) -> None:
    f = small.category_function()
    copy = f.save(tmp_path / "deep" / "copy") if (tmp_path / "deep").mkdir() is None else None
    files = sorted(str(path.relative_to(f.run.path)) for path in f.run.path.rglob("*"))
    assert sorted(str(path.relative_to(copy)) for path in copy.rglob("*")) == files
    with pytest.raises(RunError) as caught:
        f.save(copy)
    assert caught.value.code == "exists"
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError) as caught:
        f.save(tmp_path / "file" / "copy")
    assert caught.value.code == "cannot-write"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "file"]


def test_a_run_holds_what_the_design_says() -> None:
    f = small.mixed_function()
    names = {str(path.relative_to(f.run.path)) for path in f.run.path.rglob("*") if path.is_file()}
    assert {
        "run.json",
        "fields.json",
        "weights.safetensors",
        "history.jsonl",
        "predictions.parquet",
        "report.html",
    } <= names
    assert {"rungs/mlp/rung.json", "rungs/mlp/weights.safetensors", "rungs/mlp/history.jsonl"} <= names
    assert any(name.startswith("rungs/mlp/frames/") for name in names)
    assert {Path(name).suffix for name in names} <= {".json", ".jsonl", ".safetensors", ".parquet", ".html"}
    record = json.loads((f.run.path / "run.json").read_text())
    assert record["format"] == FORMAT and record["status"] == "done" and record["winner"] == f.winner
    assert {"task", "rungs", "seed", "versions", "data", "scores", "asked", "warnings"} <= set(record)


# ---------------------------------------------------------------------------------------- distrust


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return small.mixed_function().save(tmp_path / "copy")


ROW = {"size": 10.0, "colour": "red"}


def use(path: Path) -> Any:
    """Everything that reads a run: loading it, and asking every rung."""
    f = fofx.load(path)
    frame = f._columns(fofx.data.read.read({"size": [10.0], "colour": ["red"]}))
    for result in f.rungs:
        f.predict(frame, result.name)
    return f(ROW)


def told(path: Path) -> FofxError:
    with pytest.raises(FofxError) as caught:
        use(path)
    assert caught.value.code in ("damaged-run", "incomplete-run", "newer-run", "no-run", "broken-field", "unknown-kind",
                                 "unfinished-run", "unknown-model", "model-does-not-fit")  # fmt: skip
    return caught.value


FILES = ["run.json", "fields.json", "weights.safetensors", "rungs/mlp/rung.json", "rungs/tree/weights.safetensors"]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_cut_or_garbled(copy: Path, name: str) -> None:
    whole = (copy / name).read_bytes()
    if name.startswith("rungs"):
        (copy / "weights.safetensors").unlink()
    for broken in (b"", whole[: len(whole) // 2], b"\xff\xfe" * 50, b"null", b"[]", b"{}", whole[:-1]):
        (copy / name).write_bytes(broken)
        told(copy)
    (copy / name).unlink()
    if name == "weights.safetensors":  # then each rung's own file is read
        assert use(copy) == small.mixed_function()(ROW)
    else:
        told(copy)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".json")])
def test_json_that_is_nested_too_deeply(copy: Path, name: str) -> None:
    if name.startswith("rungs"):
        (copy / "weights.safetensors").unlink()
    for deep in ("[" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000):
        (copy / name).write_text(deep)
        assert told(copy).code == "damaged-run"


def test_a_run_of_a_later_format(copy: Path) -> None:
    record = json.loads((copy / "run.json").read_text())
    for odd in (FORMAT + 1, 10**30, "2", None, [1]):
        (copy / "run.json").write_text(json.dumps({**record, "format": odd}))
        assert told(copy).code in ("newer-run", "damaged-run")


@pytest.mark.parametrize("name", ["mlp", "linear", "tree", "knn", "boosting"])
def test_tensors_of_the_wrong_shape_or_name(copy: Path, name: str) -> None:
    (copy / "weights.safetensors").unlink()
    path = copy / "rungs" / name / "weights.safetensors"
    if not path.exists():
        pytest.skip(f"{name} is no rung here")
    tensors = {key: tensor.clone() for key, tensor in load_file(path).items()}  # not a map of the file written below
    for key in list(tensors)[:4]:
        save_file({**tensors, key: torch.zeros(1, 2, 3)}, path)
        told(copy)
    needed = {"mlp": "encoders.0.head.bias", "linear": "price.bias"}.get(
        name, "sold.rows" if name == "knn" else "sold.value"
    )
    save_file({key: tensor for key, tensor in tensors.items() if key != needed}, path)
    told(copy)
    save_file(tensors, path)
    use(copy)


@pytest.mark.parametrize("name", ["tree", "boosting"])
@pytest.mark.parametrize("field", ["feature", "left", "right"])
@pytest.mark.parametrize("value", [10**9, -(10**9), 0])
def test_a_tree_that_points_elsewhere_or_in_circles_is_never_walked(
    copy: Path, name: str, field: str, value: int
) -> None:
    (copy / "weights.safetensors").unlink()
    path = copy / "rungs" / name / "weights.safetensors"
    if not path.exists():
        pytest.skip(f"{name} is no rung here")
    tensors = {key: tensor.clone() for key, tensor in load_file(path).items()}
    inner = int((tensors["price.feature"] >= 0).nonzero()[0])
    if field == "feature" and value <= 0:  # a leaf, or another question: wrong, but harmless
        return
    tensors[f"price.{field}"][inner] = value
    save_file(tensors, path)
    told(copy)


STRANGE = [None, -1, 10**20, 1.5, "x", "", [], {}, [[]], True, {"a": 1}, float("inf")]


def places(data: Any, way: tuple = ()) -> list[tuple]:
    """The way to every value in a JSON document."""
    inner = data.items() if isinstance(data, dict) else enumerate(data[:3]) if isinstance(data, list) else ()
    return [way, *(place for key, value in inner for place in places(value, (*way, key)))]


def changed(data: Any, way: tuple, value: Any) -> Any:
    if not way:
        return value
    fresh = dict(data) if isinstance(data, dict) else list(data)
    fresh[way[0]] = changed(data[way[0]], way[1:], value)
    return fresh


TAMPERED = [
    "run.json",
    "fields.json",
    *(f"rungs/{name}/rung.json" for name in ("naive", "linear", "knn", "tree", "mlp")),
]


def tamper(copy: Path, name: str, number: int, value: Any) -> None:
    """One value of one file replaced: an answer, or one of our errors."""
    data = json.loads((copy / name).read_text())
    ways = [way for way in places(data)[1:] if way[0] not in ("report", "versions")]
    (copy / name).write_text(json.dumps(changed(data, ways[number % len(ways)], value)))
    try:
        use(copy)
    except FofxError as problem:
        assert problem.code
    finally:
        (copy / name).write_text(json.dumps(data))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(TAMPERED), st.integers(0, 2000), st.sampled_from(STRANGE))
def test_any_value_may_be_tampered_with(name: str, number: int, value: Any) -> None:
    path = small.place() / "tampered"
    if not path.exists():
        small.mixed_function().save(path)
    tamper(path, name, number, value)


@pytest.mark.slow
@settings(deadline=None, max_examples=1500)
@given(st.sampled_from(TAMPERED), st.integers(0, 2000), st.sampled_from(STRANGE))
def test_many_values_may_be_tampered_with(name: str, number: int, value: Any) -> None:
    path = small.place() / "tampered"
    if not path.exists():
        small.mixed_function().save(path)
    tamper(path, name, number, value)


class Bomb:
    """What a stranger would pickle."""

    def __reduce__(self) -> tuple:
        return (os.mkdir, (os.environ["FOFX_TEST_BOMB"],))


def test_loading_runs_no_code(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOFX_TEST_BOMB", str(tmp_path / "exploded"))
    code = f"import os; os.mkdir({str(tmp_path / 'exploded')!r})"
    for name in ("__init__.py", "fields.py", "sitecustomize.py", "rungs/mlp/model.py"):
        (copy / name).write_text(code)
    for name in ("model.pkl", "rungs/mlp/weights.pt", "rungs/mlp/checkpoint.pkl"):
        (copy / name).write_bytes(pickle.dumps(Bomb()))
    monkeypatch.chdir(copy)
    assert use(copy) == small.mixed_function()(ROW)
    (copy / "rungs" / "mlp" / "weights.safetensors").write_bytes(pickle.dumps(Bomb()))
    (copy / "weights.safetensors").write_bytes(pickle.dumps(Bomb()))
    told(copy)
    assert not (tmp_path / "exploded").exists()


def test_a_run_whose_names_point_elsewhere_reads_nothing_there(copy: Path) -> None:
    """A rung called "../../secret" would be read inside the run's own folder only."""
    record = json.loads((copy / "run.json").read_text())
    record["rungs"][1]["name"] = "../../../../etc"
    record["winner"] = "../../../../etc"
    (copy / "run.json").write_text(json.dumps(record))
    told(copy)


def test_a_run_can_be_moved(tmp_path: Path) -> None:
    f = small.text_function()
    copy = f.save(tmp_path / "a")
    shutil.move(copy, tmp_path / "b")
    assert fofx.load(tmp_path / "b")("很好看") == f("很好看")
