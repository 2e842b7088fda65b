"""Bad input, one case after another: each gives one clear error or notice with its stable code, and nothing half-written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fofx
import small
from fofx.errors import FofxError

T = small.table()
WIDE = {**{f"c{n}": np.random.default_rng(n).normal(size=60) for n in range(10_000)}, "y": ["a", "b"] * 30}


def refused(tmp_path: Path, code: str, data: Any, outputs: Any, **options: Any) -> FofxError:
    """`find` raises this code and leaves no trace where the run would have been."""
    place = tmp_path / "runs"
    with pytest.raises(FofxError) as caught:
        small.quick(data, outputs, **{"out": str(place), **options})
    assert caught.value.code == code, str(caught.value)
    assert str(caught.value).endswith(f"[{code}]") and len(caught.value.message) > 20
    assert not place.exists() or list(place.iterdir()) == []
    return caught.value


def accepted(code: str | None, data: Any, outputs: Any, **options: Any) -> fofx.Function:
    """`find` works, and says what is odd under this code."""
    f = small.quick(data, outputs, **{"model": "linear", **options})
    if code is not None:
        assert code in {notice.code for notice in f.warnings}
    assert next(r for r in f.rungs if r.name == "linear").error is None
    return f


# ---------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-file"),
        (b"\n \n\n", "empty-file"),
        (b"a,b,y\n", "no-rows"),
        (b"a,b,y\n1,2,3\n", "few-rows"),
        (b"a,b,y\n1,2,3\n4,5,6\n", "few-rows"),
        (b"a,y\n1,\0\0\n2,\0\n", "not-text"),
        (bytes(range(128, 256)) * 40, "unknown-encoding"),
        (b"a,b,y\n" + b"1,2,\n" * 20, "no-answers"),
        (b"a,b,y\n" + b",,3\n,,4\n" * 20, "no-input"),
    ],
)
def test_odd_files(content: bytes, code: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(content)
    refused(tmp_path, code, str(tmp_path / "data.csv"), "y")


def test_no_file_and_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pl.DataFrame(T).write_csv(tmp_path / "sales.csv")
    assert "sales.csv" in str(refused(tmp_path, "no-such-file", str(tmp_path / "sale.csv"), "sold"))
    if os.geteuid() != 0:
        (tmp_path / "sales.csv").chmod(0)
        refused(tmp_path, "no-permission", str(tmp_path / "sales.csv"), "sold")


def test_other_things_than_data(tmp_path: Path) -> None:
    for thing in (None, 5, object(), [1, 2, 3]):
        refused(tmp_path, "unknown-format", thing, "y")


def test_links_lead_nowhere_else(tmp_path: Path) -> None:
    folder = small.picture_folder(tmp_path / "data")
    (tmp_path / "secret.png").write_bytes(next(folder.glob("left/*.png")).read_bytes())
    (folder / "left" / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "left" / "loop").symlink_to(folder)
    f = accepted("skipped-links", str(folder), None)
    assert sum(f.record["data"]["rows"].values()) == 40


# ---------------------------------------------------------------------------------------- pictures


def test_broken_and_huge_pictures_are_set_aside(tmp_path: Path) -> None:
    from PIL import Image

    folder = small.picture_folder(tmp_path / "data")
    (folder / "left" / "broken.png").write_bytes(b"no picture")
    (folder / "left" / "cut.png").write_bytes(next(folder.glob("left/0*.png")).read_bytes()[:60])
    Image.new("1", (20_000, 20_000)).save(folder / "right" / "bomb.png")  # 50 kB that would become 400 MB
    f = accepted("broken-pictures", str(folder), None)
    assert next(n for n in f.warnings if n.code == "broken-pictures").count == 3
    with pytest.raises(FofxError) as caught:
        f(str(folder / "right" / "bomb.png"))
    assert caught.value.code == "broken-picture"


def test_no_picture_at_all(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(6):
            (tmp_path / "data" / label / f"{number}.png").write_bytes(b"nothing")
    refused(tmp_path, "broken-pictures", str(tmp_path / "data"), None)
    refused(tmp_path, "broken-pictures", T, "price", kinds={"colour": "picture"})


# ---------------------------------------------------------------------------------------- columns


@pytest.mark.parametrize(
    ("code", "data", "outputs", "options"),
    [
        ("unknown-column", T, "prize", {}),
        ("unknown-column", T, "price", {"inputs": ["sise"]}),
        ("unknown-column", T, "price", {"group": "colur"}),
        ("unknown-column", T, "price", {"time": "dya"}),
        ("unknown-column", T, "price", {"split": "prt"}),
        ("unknown-column", T, "price", {"kinds": {"sise": "number"}}),
        ("unknown-column", T, 5, {}),
        ("no-output", T, None, {}),
        ("no-output", T, [], {}),
        ("no-input", T, "price", {"inputs": []}),
        ("output-among-inputs", T, "price", {"inputs": ["size", "price"]}),
        ("one-class", {**T, "sold": ["yes"] * 120}, "sold", {}),
        ("one-class", {**T, "price": [3.5] * 120}, "price", {}),
        ("no-answers", {**T, "sold": [None] * 120}, "sold", {}),
        ("no-answers", {**T, "price": [float("inf")] * 120}, "price", {}),
        ("no-input", {"a": [None] * 120, "y": T["sold"]}, "y", {}),
        (
            "unseen-classes",
            {"x": range(200), "y": [f"class {n}" for n in range(200)]},
            "y",
            {"kinds": {"y": "category"}},
        ),
        ("few-groups", {**T, "g": ["one"] * 120}, "sold", {"group": "g"}),
        ("unknown-kind", T, "price", {"kinds": {"size": "nummer"}}),
        ("not-numbers", T, "sold", {"kinds": {"sold": "number"}}),
        ("not-numbers", T, "price", {"kinds": {"colour": "number"}}),
        ("not-numbers", small.pictures(), None, {"kinds": {"picture": "number"}}),
        ("not-dates", T, "price", {"kinds": {"colour": "date"}}),
        ("not-dates", small.pictures(), None, {"kinds": {"picture": "date"}}),
        ("not-pictures", T, "price", {"kinds": {"size": "picture"}}),
        ("kind-cannot-come-out", small.reviews(), "text", {}),
        ("kind-cannot-come-out", T, "day", {}),
        ("other-columns", T, "sold", {"test": {"q": [1, 2]}}),
        ("unequal-columns", {"a": [1, 2, 3], "y": [1, 2]}, "y", {}),
    ],
)
def test_columns_that_do_not_fit(code: str, data: Any, outputs: Any, options: dict, tmp_path: Path) -> None:
    refused(tmp_path, code, data, outputs, **options)


def test_a_mistyped_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    assert "'price'" in refused(tmp_path, "unknown-column", T, "prize").message
    assert "'number'" in refused(tmp_path, "unknown-kind", T, "price", kinds={"size": "numbr"}).message
    assert "linear" in refused(tmp_path, "unknown-model", T, "price", model="liner").message


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("bad-option", {"budget": 0}),
        ("bad-option", {"budget": -1.0}),
        ("bad-option", {"budget": float("nan")}),
        ("bad-option", {"budget": "60"}),
        ("bad-option", {"budget": True}),
        ("bad-option", {"seed": -1}),
        ("bad-option", {"seed": 0.5}),
        ("bad-option", {"label_smoothing": 1}),
        ("bad-option", {"kinds": ["size"]}),
        ("unknown-model", {"model": "deep thought"}),
        ("unknown-model", {"model": None}),
        ("unknown-model", {"model": ""}),
        ("model-does-not-fit", {"model": "gru"}),
        ("model-does-not-fit", {"model": "cnn"}),
        ("model-does-not-fit", {"model": "last value"}),
        ("model-does-not-fit", {"model": "efficientnet-frozen"}),
        ("checkpoint-missing", {"model": "bert/no-such-folder", "kinds": {"colour": "text"}}),
        ("bad-name", {"name": "../elsewhere"}),
        ("bad-name", {"name": "a/b"}),
        ("bad-name", {"name": ".."}),
        ("no-run", {"recipe": "no-such-run"}),
        ("no-run", {"resume": "no-such-run"}),
    ],
)
def test_options_that_do_not_fit(code: str, options: dict, tmp_path: Path) -> None:
    refused(tmp_path, code, T, "sold", **options)


def test_models_that_do_not_fit(tmp_path: Path) -> None:
    refused(tmp_path, "model-does-not-fit", T, "price", model="bayes")
    refused(tmp_path, "model-does-not-fit", small.reviews(), "label", model="knn")
    refused(tmp_path, "model-does-not-fit", small.reviews(), "label", model="tree")
    refused(tmp_path, "model-does-not-fit", small.pictures(), None, model="tabm")


# ---------------------------------------------------------------------------------------- odd, but it can be done


def test_infinite_values_count_as_missing() -> None:
    sizes = [float("inf") if n % 5 == 0 else value for n, value in enumerate(T["size"])]
    f = accepted("infinite-values", {**T, "size": sizes}, "price", inputs=["size"])
    assert f({"size": float("inf")}) == f({"size": None})
    prices = [float("-inf") if n % 5 == 0 else value for n, value in enumerate(T["price"])]
    f = accepted("missing-outputs", {**T, "price": prices}, "price")
    assert np.isfinite(f.scores["rmse"])


def test_numbers_of_any_size() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=80)
    for scale in (1e-140, 1e-9, 1e12, 1e140):
        f = accepted(None, {"x": x * scale, "y": (2 * x + 1) * scale}, "y")
        assert f.scores["r2"] > 0.99, scale
        assert f({"x": scale}).value == pytest.approx(3 * scale, rel=0.05)


def test_a_class_that_training_never_saw() -> None:
    test = {**{name: values[:20] for name, values in T.items()}, "sold": ["never"] * 10 + ["yes"] * 10}
    f = accepted("unseen-class", T, "sold", inputs=["size"], test=test)
    assert f.scores["accuracy"] <= 0.5
    assert f.score(test)["rows"] == 20


def test_columns_that_say_nothing_are_left_out() -> None:
    data = {**T, "same": [1] * 120, "none": [None] * 120, "id": [f"u{n}" for n in range(120)]}
    f = small.quick(data, "sold", model="linear")
    assert {"constant-columns", "empty-columns", "id-columns"} <= {notice.code for notice in f.warnings}
    assert dict(f.task.left_out) == {"same": "constant", "none": "empty", "id": "id"}


def test_numbers_written_as_text() -> None:
    texts = {name: [None if v is None else str(v) for v in T[name]] for name in ("size", "price")}
    texts["size"][0] = "about five"
    f = accepted("not-numbers", {**T, **texts}, "price")
    assert f.task.inputs[0].kind == "number" and f.task.outputs[0].kind == "number"


def test_a_test_without_answers_is_said() -> None:
    f = accepted("missing-outputs", T, "sold", test={name: T[name][:9] for name in ("size", "colour", "day", "price")})
    assert next(n for n in f.warnings if n.code == "missing-outputs").count == 9


def test_contradictions_imbalance_and_few_rows_are_said() -> None:
    data = {"x": [1.0, 2.0] * 30, "z": [0.5, 1.5] * 30, "y": ["a", "b", "b", "b"] + ["a", "b"] * 28}
    accepted("contradictions", data, "y")
    accepted("few-rows", {name: values[:20] for name, values in T.items()}, "sold")
    rare = ["rare" if n % 40 == 0 else "common" for n in range(120)]
    accepted("imbalance", {**T, "sold": rare}, "sold", inputs=["size"])


def test_two_thousand_columns() -> None:
    f = accepted(None, {name: WIDE[name] for name in list(WIDE)[-2001:]}, "y", budget=1.0)
    assert len(f.task.inputs) == 2000


@pytest.mark.slow
def test_ten_thousand_columns_up_the_whole_ladder() -> None:
    f = small.quick(WIDE, "y", budget=20.0)
    assert {"linear", "knn", "tree", "bayes", "mlp"} <= {r.name for r in f.rungs if r.error is None}


# ---------------------------------------------------------------------------------------- where the run should go


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FofxError) as caught:
        small.quick(T, "sold", inputs=["size"], model="linear", out=str(tmp_path / "file"))
    assert caught.value.code == "cannot-write"
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_run_is_never_written_over(tmp_path: Path) -> None:
    first = small.quick(T, "sold", inputs=["size"], model="linear", out=str(tmp_path), name="one")
    before = {path: path.read_bytes() for path in first.run.path.rglob("*") if path.is_file()}
    with pytest.raises(FofxError) as caught:
        small.quick(T, "price", inputs=["size"], model="linear", out=str(tmp_path), name="one")
    assert caught.value.code == "run-exists"
    assert {path: path.read_bytes() for path in first.run.path.rglob("*") if path.is_file()} == before
    places = {small.quick(T, "sold", inputs=["size"], model="linear", out=str(tmp_path)).run.path for _ in range(3)}
    assert len(places) == 3


def test_a_full_disk_at_any_moment_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The k-th file cannot be written, for every k: one error, no half-written file, and the run can be gone on with."""
    import errno

    from fofx import run as run_module

    real, left = os.fsync, [0]

    def full(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(run_module.os, "fsync", full)
    options: dict[str, Any] = {"inputs": ["size"], "model": "linear", "out": str(tmp_path)}
    for k in range(100):
        left[0] = k
        try:
            small.quick(T, "sold", name=f"run{k}", **options)
        except FofxError as problem:
            assert problem.code == "cannot-write"
            folder = tmp_path / f"run{k}"
            assert not [path for path in folder.rglob("*") if path.suffix in (".tmp", ".part")]
            for path in folder.rglob("*.json"):
                assert path.read_bytes().endswith(b"}")
            left[0] = 1000
            if (folder / "run.json").exists():
                assert fofx.find(T, resume=str(folder)).winner == "linear"
        else:
            assert k > 8
            break
    else:
        pytest.fail("the disk was full for ever")
