"""Finding masks from end to end: the field, the ladder, the run folder, answers, explanation, report, scripts, and odd input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import fofx
from fofx.data.masks import find_masks
from fofx.errors import DataError, TaskError
from fofx.fields import make_field
from fofx.fields.mask import Mask, mask_shape
from fofx.fields.picture import Picture
from fofx.masks import VOID, confusion, mean_iou
from fofx.rungs import neural
from fofx.see.calibration import calibration
from fofx.see.confusion import confusion as confusion_of_rows
from fofx.see.mistakes import mistakes
from fofx.tasks import road
from test_eject import lines_of, run_scripts

NAMES = ["sky", "ground", "ball"]


def scenes(count: int = 30, height: int = 20, width: int = 28, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sky above ground with a ball somewhere: pictures (N, H, W, 3), masks (N, H, W); the lowest line is void."""
    dice = np.random.default_rng(seed)
    pictures = np.empty((count, height, width, 3), np.uint8)
    masks = np.zeros((count, height, width), np.uint8)
    down, right = np.mgrid[:height, :width]
    for row in range(count):
        masks[row][down >= dice.integers(8, 14)] = 1
        masks[row][np.hypot(down - dice.integers(5, 15), right - dice.integers(5, 23)) < 4] = 2
        colours = np.array([[120, 160, 220], [110, 140, 60], [200, 60, 60]]) + dice.integers(-25, 26, (3, 3))
        pictures[row] = (colours[masks[row]] + dice.normal(0, 12, (height, width, 3))).clip(0, 255)
    masks[:, -1] = VOID
    return pictures, masks


def folder_of(root: Path, count: int = 30) -> Path:
    """The same in files: masks are palette pictures; classes.txt names the void class, too."""
    pictures, masks = scenes(count)
    for number in range(count):
        for name, pixels in (
            ("pictures", pictures[number]),
            ("masks", np.where(masks[number] == VOID, 3, masks[number])),
        ):
            path = root / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    (root / "classes.txt").write_text("\n".join([*NAMES, "void"]))
    return root


def learnt(column: pl.Series, fields: list | None = None) -> Mask:
    field = Mask(column.name)
    field.learn(column)
    return field


# the field


def test_files_and_arrays_are_the_same_column(tmp_path):
    table = find_masks(folder_of(tmp_path, 6))
    files = learnt(table.frame["mask"])
    assert files.names == NAMES and files.legend["void"] == [3, 255] and files.shape == [20, 28]
    arrays = learnt(pl.Series("mask", scenes(6)[1]))
    assert arrays.names == ["0", "1", "2"] and arrays.counts == files.counts
    assert np.array_equal(files.truth(table.frame["mask"]), arrays.truth(pl.Series("mask", scenes(6)[1])))
    assert np.array_equal(files.truth(table.frame["mask"]), scenes(6)[1])
    assert files.targets(table.frame["mask"]).dtype == torch.uint8


def test_the_field_comes_back_from_json(tmp_path):
    column = pl.Series("mask", scenes(4)[1])
    field = learnt(column)
    again = make_field(json.loads(json.dumps(field.state())))
    assert again.state() == field.state() and np.array_equal(again.truth(column), field.truth(column))


def test_large_masks_are_learnt_small_and_whole(tmp_path):
    assert mask_shape([360, 480], 19200) == [120, 160] and mask_shape([20, 31], 19200) == [20, 31]
    assert mask_shape([4000, 40], 19200)[1] >= 8
    values = np.zeros((2, 400, 600), np.uint8)
    values[:, :200, 300:] = 1
    field = learnt(pl.Series("mask", values))
    assert np.prod(field.shape) <= 19200 * 1.1 and field.original_shape == [400, 600]
    height, width = field.shape
    wanted = np.zeros((height, width))
    wanted[: height // 2, width // 2 :] = 1
    assert (field.truth(pl.Series("mask", values))[0] == wanted).mean() > 0.98


def test_answers_are_written_as_the_users_masks_are():
    colours = np.array([[10, 20, 30], [200, 0, 5]], np.uint8)
    maps = np.random.default_rng(0).integers(0, 2, (3, 6, 5))
    column = pl.Series("mask", colours[maps])
    field = learnt(column)
    assert field.legend["by"] == "colour" and np.array_equal(field.truth(column), maps)
    predictions = np.stack([maps, np.full_like(maps, 200)], axis=1).astype(np.uint8)
    assert np.array_equal(np.stack(field.answers(predictions)), colours[maps])
    deep = learnt(pl.Series("mask", (maps * 7).astype(np.uint8)))
    assert np.array_equal(np.stack(deep.answers(predictions)), maps * 7)


def test_predictions_scores_and_the_naive_answer():
    column = pl.Series("mask", scenes(5)[1])
    field = learnt(column)
    truth = field.truth(column)
    scores = torch.randn(5, 3, 20, 28)
    found = field.predictions(scores)
    assert found.shape == (5, *field.prediction_shape()) and found.dtype == np.uint8
    assert np.array_equal(found[:, 0], scores.argmax(1).numpy())
    sure = scores.softmax(1).max(1).values.numpy() * 255
    assert np.abs(found[:, 1] - sure).max() <= 0.51
    metrics = field.metrics(found, truth)
    assert metrics["miou"] == pytest.approx(mean_iou(confusion(truth, found[:, 0], 3)))
    assert field.cost(found, truth, {}) == pytest.approx(1 - metrics["miou"])
    perfect = np.stack([np.where(truth == VOID, 0, truth), np.full_like(truth, 255)], axis=1)
    assert field.cost(perfect, truth, {}) == 0 and not field.row_costs(perfect, truth).any()
    naive = field.naive(truth)
    assert naive.shape == (2, 20, 28) and (naive[0] == np.bincount(truth[truth < 3]).argmax()).all()
    assert field.row_costs(np.repeat(naive[None], 5, axis=0), truth).min() > 0.5


def test_rare_classes_weigh_more_in_the_loss():
    field = learnt(pl.Series("mask", scenes(5)[1]))
    weights, alike = field.class_weights(False), field.class_weights(True)
    assert weights.argmax() == np.argmin(field.counts)
    assert (alike.double() * torch.tensor(field.counts)).std() < 1e-3 * sum(field.counts)
    scores, maps = torch.randn(2, 3, 20, 28, requires_grad=True), field.targets(pl.Series("mask", scenes(2)[1]))
    field.loss(scores, maps, {}).backward()
    assert not scores.grad[:, :, -1].any() and scores.grad[:, :, :-1].abs().sum() > 0  # void teaches nothing


# from end to end


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = folder_of(tmp_path_factory.mktemp("masks") / "balls")
    (root / "masks" / "29.png").write_bytes(b"this is no picture")
    return root


@pytest.fixture(scope="module")
def below(folder) -> fofx.Function:
    """The whole ladder in so little time that U-Net learns next to nothing, or is not tried."""
    return fofx.find(str(folder), budget=1, out=str(folder.parent / "runs"), name="below")


@pytest.fixture(scope="module")
def found(folder) -> fofx.Function:
    return fofx.find(str(folder), model="unet", budget=4, out=str(folder.parent / "runs"), name="unet")


def test_the_ladder_climbs(below, found):
    assert [result.name for result in below.rungs] == ["majority", "position", "linear", "tree", "unet"]
    assert not [result.error for result in below.rungs[:4] if result.error]
    function = found
    assert str(function.task) == "picture (picture) -> mask (mask)" and function.task.cell == (2, 3)
    assert {"broken-masks"} <= {notice.code for notice in function.warnings}
    scores = {result.name: result.test for result in (*below.rungs[:4], found.rungs[-1])}
    assert function.metric == "miou" and scores["linear"] > scores["position"] > scores["majority"]
    assert scores["tree"] > scores["position"] and scores["unet"] > 0.6
    assert set(function.scores) >= {"miou", "pixel_accuracy", "class_accuracy", "iou.sky", "iou.ground", "iou.ball"}


def test_a_loaded_run_answers_the_same(below, found, folder):
    paths = [str(folder / "pictures" / f"{number}.png") for number in range(3)]
    frame = pl.DataFrame({"picture": paths})
    for function, count in ((below, 4), (found, 3)):
        again = fofx.load(function.run.path)
        for rung in [result.name for result in function.rungs[:count]]:
            assert np.array_equal(again.predict(frame, rung)["mask"], function.predict(frame, rung)["mask"])
    answer = again(paths[0])
    assert answer.value.shape == (20, 28) and set(np.unique(answer.value)) <= {0, 1, 2}
    answers = again({"picture": scenes(3)[0]})
    assert len(answers) == 3 and np.array_equal(answers[0].value, again(scenes(3)[0][0]).value)
    larger = folder.parent / "larger.png"
    Image.fromarray(scenes(1)[0][0]).resize((84, 60)).save(larger)
    assert again(str(larger)).value.shape == (60, 84)  # the answer lies on its own picture
    assert again.score(str(folder))["rows"] == 29
    kept = pl.read_parquet(function.run.path / "predictions.parquet")
    assert set(kept.columns) == {"row", "part", "mask", "mask predicted", "mask sure", "mask cost"}


def test_an_explanation_shows_where_it_looked(found, folder):
    explained = found.explain(str(folder / "pictures" / "1.png"))
    assert explained.heat["picture"].shape == explained.pictures["picture"].shape[:2] == (20, 28)
    assert 0 < explained.base <= 1 and "<img" in explained.to_html("en")


def test_the_report_shows_maps_and_classes(found, tmp_path):
    text = found.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count('class="maps"') >= 2 and all(name in text for name in NAMES)
    assert "Of a hundred pixels" in text


def test_the_scripts_give_the_numbers_of_the_run(below, found, tmp_path):
    from_runs = {result.name: (below, result) for result in below.rungs[:4]} | {"unet": (found, found.rungs[-1])}
    scripts = {name: run.eject(tmp_path / f"{name}.py", rung=name) for name, (run, _) in from_runs.items()}
    run_scripts(list(scripts.values()))
    for function, result in from_runs.values():
        script = scripts[result.name]
        answers = np.load(f"{script}.npz")["test/mask"]
        test = pl.read_parquet(f"{script}.test.parquet")
        assert test.height == function.record["data"]["rows"]["test"]
        mine = function.predict(test, result.name)["mask"]
        assert (answers[:, 0] == mine[:, 0]).mean() > 0.9999
        assert np.abs(answers[:, 1].astype(int) - mine[:, 1]).max() <= 1
        said = Path(f"{script}.said").read_text(encoding="utf-8")
        for part, score in (("validation", result.validation), ("test", result.test)):
            (line,) = [line for line in said.splitlines() if line.startswith(f"{part} miou")]
            assert float(line.split(": ")[1].split()[0]) == pytest.approx(score, abs=1e-4)
    ours = [line for line in lines_of(found.run.path / "history.jsonl") if line["rung"] == "unet"]
    theirs = lines_of(Path(f"{scripts['unet']}.jsonl"))
    assert len(ours) == len(theirs) >= 2
    for mine, other in zip(ours, theirs):
        assert mine["loss"] == pytest.approx(other["loss"], rel=1e-6, abs=1e-6)
        assert ("validation" in mine) == ("validation" in other)
        assert mine.get("validation", 0.0) == pytest.approx(other.get("validation", 0.0), rel=1e-6, abs=1e-6)
    assert "fofx import" not in scripts["unet"].read_text(encoding="utf-8")


def test_arrays_in_memory_and_going_on(tmp_path, monkeypatch):
    pictures, masks = scenes(16)

    class Cut(Exception):
        pass

    def cut(event: dict) -> None:
        if event["what"] == "step" and event.get("rung") == "unet" and event.get("fraction", 0) > 0.5:
            raise Cut

    saver = neural.Saver
    monkeypatch.setattr(neural, "Saver", lambda path, descent, keeper, seconds: saver(path, descent, keeper, 0.01))
    first = fofx.find((pictures, masks.astype(np.int64)), model="unet", budget=2, out=str(tmp_path), name="whole")
    assert first.outputs[0].names == ["0", "1", "2"] and first.task.outputs[0].name == "mask"
    recipe = str(tmp_path / "whole")
    with pytest.raises(Cut):
        fofx.find((pictures, masks), recipe=recipe, out=str(tmp_path), name="cut", watch=cut)
    again = fofx.find(resume=str(tmp_path / "cut"))
    losses = [[line["loss"] for line in lines_of(found.run.path / "history.jsonl")] for found in (first, again)]
    assert losses[0] == losses[1]
    weights = [load_file(found.run.path / "rungs" / "unet" / "weights.safetensors") for found in (first, again)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize(
    ("make", "kind", "code"),
    [
        (lambda: {"picture": scenes(8)[0], "mask": scenes(8, 28, 20)[1]}, DataError, "mask-size"),
        (lambda: {"picture": scenes(8)[0], "mask": np.zeros((8, 20, 28), np.uint8)}, DataError, "one-class"),
        (lambda: {"words": ["a b c"] * 8, "mask": scenes(8)[1]}, TaskError, "needs-picture"),
        (lambda: {"picture": scenes(8)[0], "mask": scenes(8)[0][..., 0]}, DataError, "not-masks"),
    ],
)
def test_odd_input_is_one_clear_error(tmp_path, make, kind, code):
    with pytest.raises(kind) as error:
        fofx.find(make(), "mask", budget=1, out=str(tmp_path))
    assert error.value.code == code
    assert not list(tmp_path.iterdir())


def test_models_of_other_outputs_do_not_fit(tmp_path):
    for model in ("cnn", "knn"):
        with pytest.raises(TaskError) as error:
            fofx.find(scenes(8), model=model, budget=1, out=str(tmp_path))
        assert error.value.code == "model-does-not-fit"
    with pytest.raises(TaskError) as error:
        fofx.find(
            {"picture": scenes(8)[0], "label": ["a", "b"] * 4}, "label", model="unet", budget=1, out=str(tmp_path)
        )
    assert error.value.code == "model-does-not-fit"


def test_an_answer_is_said_in_words():
    column = pl.Series("mask", scenes(4)[1])
    field = learnt(column)
    value = np.zeros((10, 10), np.uint8)
    value[:3] = 2
    assert field.in_words(value) == "0 70.0%, 2 30.0%"


def test_pictures_follow_the_masks():
    pictures, masks = scenes(4)
    field, picture = learnt(pl.Series("mask", masks)), Picture("picture")
    picture.learn(pl.Series("picture", pictures))
    field.attune([picture])
    assert picture.encode(pl.Series("picture", pictures)).shape == (4, 3, *field.shape)


def test_the_road_takes_ones_own_masks(tmp_path):
    root = folder_of(tmp_path / "own", 3)
    (root / "classes.txt").unlink()
    assert road.own(str(root))["data"].reader["given"]["mask"]["legend"]["names"] == ["0", "1", "2", "3"]
    numbers = np.arange(12, dtype=np.uint8).repeat(28 * 20 // 12 + 1)[: 20 * 28].reshape(20, 28)
    Image.fromarray(numbers).save(root / "masks" / "0.png")
    legend = road.own(str(root))["data"].reader["given"]["mask"]["legend"]
    assert legend["names"][3] == "road" and legend["void"] == [11, 255]  # CamVid's numbers
    (root / "classes.txt").write_text("\n".join(f"kind {number}" for number in range(12)))
    assert (
        road.own(str(root))["data"].reader["given"]["mask"]["legend"]["names"][3] == "kind 3"
    )  # unless they have names
    with pytest.raises(DataError) as error:
        road.own(str(root / "pictures"))
    assert error.value.code == "no-masks"
    assert road.own("list.csv") == {"data": "list.csv", "outputs": "mask"}


def test_what_asks_for_one_class_a_row_says_so(found):
    for ask in (calibration, confusion_of_rows, mistakes):
        with pytest.raises(TaskError) as error:
            ask(found)
        assert error.value.code == "no-classes"
