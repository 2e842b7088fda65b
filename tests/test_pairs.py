"""Pairs end to end: made from labelled items or given, in every rung, in the ejected script, ranked, and in the same answer for
swapped sides."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import fofx
from fofx import DataError, TaskError
from fofx.data.leaks import GROUPINGS
from fofx.encoded import Inputs
from fofx.repeated import Repeated, distinct
from small import place
from test_eject import run_scripts, same_as_the_run

RUNGS = ("linear", "cosine", "covariance", "knn", "boosting", "bayes", "siamese")


def people(count: int = 30, looks: int = 4, side: int = 12, seed: int = 0) -> pl.DataFrame:
    """Grey pictures of blotches: each person has blotches of their own, each look its own noise and light."""
    random = np.random.default_rng(seed)
    coarse = random.normal(size=(count, 1, 4, 4)).repeat(side // 4, 2).repeat(side // 4, 3) * 40
    light = random.normal(size=(count, looks, 1, 1)) * 12
    noise = random.normal(size=(count, looks, side, side)) * 18
    pictures = np.clip(128 + coarse + light + noise, 0, 255).astype(np.uint8).reshape(-1, side, side)
    return pl.DataFrame({"picture": pictures, "person": np.repeat([f"p{n}" for n in range(count)], looks)})


@cache
def same_person(model: str = "auto", budget: float = 1.5) -> fofx.Function:
    """Found once for each rung."""
    name = f"same person {model}"
    return fofx.find(people(), pairs="person", model=model, budget=budget, out=str(place()), name=name)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Runs and their scripts, run in one process: {name: (function, rung, script)}."""
    folder = tmp_path_factory.mktemp("scripts")
    found = {rung: (same_person(rung), rung) for rung in RUNGS}
    found |= {f"text {rung}": (same_topic(rung), rung) for rung in TEXT_RUNGS}
    found |= {"clip": (fitting(), "clip"), "one-sided": (one_sided(folder), "linear")}
    ready = {}
    for name, (function, rung) in found.items():
        ready[name] = (function, rung, function.eject(folder / f"{name.replace(' ', '-')}.py", rung=rung))
    run_scripts([script for _, _, script in ready.values()])
    return ready


def shown(function: fofx.Function) -> pl.DataFrame:
    assert function.test_frame is not None
    return function.test_frame


@pytest.mark.slow
def test_the_whole_ladder_climbs_over_pairs() -> None:
    function = same_person("auto", 12.0)
    tried = [result.name for result in function.rungs if result.error is None]
    assert {"majority", "linear", "cosine", "covariance", "knn", "siamese"} <= set(tried)
    assert [column.name for column in function.task.inputs] == ["first", "second"]
    assert function.task.outputs[0].name == "same" and function.task.cell == (2, 2)
    assert function.scores["accuracy"] > 0.8
    assert {"pairs-made"} <= {notice.code for notice in function.warnings}
    assert not [notice for notice in function.warnings if notice.code.startswith("leak")]
    assert function.record["data"]["rows"]["test"] == len(shown(function))
    again = fofx.load(function.run.path)
    for rung in tried:
        assert np.allclose(
            again.predict(shown(function), rung)["same"], function.predict(shown(function), rung)["same"]
        )


@pytest.mark.parametrize("rung", RUNGS)
def test_swapped_sides_give_the_same_answer(rung: str) -> None:
    function = same_person(rung)
    frame = shown(function)
    swapped = frame.select(pl.col("second").alias("first"), pl.col("first").alias("second"))
    for name in (rung, "linear"):
        one, two = (function.predict(part, name)["same"] for part in (frame, swapped))
        np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.parametrize("rung", ["linear", "siamese"])
def test_one_pair_by_itself_gives_the_answer_that_many_give(rung: str) -> None:
    function = same_person(rung)
    frame = shown(function)[:5]
    pictures = [frame[name].to_numpy() for name in ("first", "second")]
    together = function({"first": pictures[0], "second": pictures[1]})
    alone = function({"first": pictures[0][2], "second": pictures[1][2]})
    assert alone.value == together[2].value in ("yes", "no")
    assert alone.probabilities["yes"] == pytest.approx(together[2].probabilities["yes"], abs=1e-4)


@pytest.mark.slow
def test_any_network_of_the_kind_can_be_the_encoder() -> None:
    function = same_person("resnet", 2.0)
    network = function.rung("resnet").network
    assert type(network).__name__ == "PairNetwork" and type(network.encoder.model).__name__ == "ResNet"
    with pytest.raises(TaskError, match="works on text"):
        same_person("gru")


def test_the_scripts_give_the_numbers_of_the_runs(scripted: dict) -> None:
    text = scripted["siamese"][2].read_text(encoding="utf-8")
    assert "class PairNetwork" in text and "def supervised_contrast" in text and "class Network(" not in text
    assert "def symmetric_contrast" in scripted["clip"][2].read_text(encoding="utf-8")
    for function, rung, script in scripted.values():
        same_as_the_run(function, rung, script)


def test_a_run_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    whole = fofx.find(people(), pairs="person", model="siamese", budget=2, out=str(tmp_path), name="whole")

    class Enough(Exception):
        pass

    def stop(event: dict) -> None:
        if event["what"] == "step" and event["rung"] == "siamese" and event["fraction"] > 0.4:
            raise Enough

    recipe = str(whole.run.path)
    with pytest.raises(Enough):
        fofx.find(people(), pairs="person", model="siamese", out=str(tmp_path), name="cut", recipe=recipe, watch=stop)
    again = fofx.find(resume=str(tmp_path / "cut"))
    assert again.scores == whole.scores
    frame = shown(whole)
    np.testing.assert_array_equal(again.predict(frame, "siamese")["same"], whole.predict(frame, "siamese")["same"])


def test_items_are_kept_once() -> None:
    values = pl.Series("path", ["b", "a", "b", None, "c", "a"])
    items, places = distinct(values)
    assert items.to_list() == ["b", "a", None, "c"] and places.tolist() == [0, 1, 0, 2, 3, 1]
    pictures = pl.Series("p", np.arange(8, dtype=np.uint8).reshape(2, 2, 2)[[1, 0, 1]])
    assert distinct(pictures)[1].tolist() == [0, 1, 0]
    function = same_person("siamese")
    inputs = Inputs(shown(function), function.fields)
    part = {**function.rung("siamese").shape["encoders"][0], "repeats": True}
    plain = {key: value for key, value in part.items() if key != "repeats"}
    kept = inputs.repeated(part)
    assert isinstance(kept, Repeated) and len(kept.items) < len(kept) == len(inputs)
    assert inputs.block(part).equal(inputs.block(plain)) and kept[3:7].equal(inputs.block(plain)[3:7])
    picked = kept.places.argsort()
    assert kept[picked].equal(kept.index_select(0, picked))


# ---- few identities


def test_three_people_are_judged_on_one_that_training_never_saw(tmp_path: Path) -> None:
    frame = people(3, 20)
    function = fofx.find(frame, pairs="person", model="covariance", budget=2, out=str(tmp_path), name="three")
    codes = {notice.code: notice for notice in function.warnings}
    assert "few-identities" in codes and codes["few-identities"].count == 3
    kept = pl.read_parquet(function.run.path / "data.parquet")
    part = function.run.read_tensors("rows.safetensors")["part"].numpy()
    known = set(kept.filter(part == 0)["first_identity"]) | set(kept.filter(part == 0)["second_identity"])
    test = kept.filter(part == 2)
    assert len(known) == 2 and (~test["first_identity"].is_in(known) | ~test["second_identity"].is_in(known)).all()


def test_folders_of_people_become_pairs(tmp_path: Path) -> None:
    frame = people(8, 4)
    for number, (picture, person) in enumerate(zip(frame["picture"].to_numpy(), frame["person"])):
        home = tmp_path / "people" / person
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(home / f"{number}.png")
    out = str(tmp_path)
    function = fofx.find(str(tmp_path / "people"), pairs="label", model="cosine", budget=2, out=out, name="run")
    first = shown(function)["first"]
    assert first.dtype == pl.String and Path(first[0]).is_file()
    ranked = function.rank(first[0], sorted((tmp_path / "people").rglob("*.png"))[:9])
    assert [each.place for each in ranked] == list(range(1, 10))
    with pytest.raises(TaskError, match="cannot be read"):
        function.rank(first[0], [first[0], str(tmp_path / "nowhere.png")])


# ---- pairs that are given


TOPICS = ("hotel room bed pillow", "train ticket rail station", "soup noodle rice dish", "cat dog bird fish")


def sentences(rows: int = 240, seed: int = 0, repeat: bool = False) -> pl.DataFrame:
    """Pairs of sentences about the same thing or not."""
    random = np.random.default_rng(seed)

    def say(topic: int) -> str:
        words = list(random.choice(TOPICS[topic].split(), 3)) + list(
            random.choice(["the", "a", "my", "nice", "old"], 2)
        )
        return " ".join(random.permutation(words)) + f" number {random.integers(6 if repeat else 10_000)}"

    same = np.arange(rows) % 2 == 0
    topics = random.integers(len(TOPICS), size=(rows, 2))
    topics[same, 1] = topics[same, 0]
    topics[~same, 1] = (topics[~same, 0] + random.integers(1, len(TOPICS), rows)[~same]) % len(TOPICS)
    pairs = [(say(one), say(two)) for one, two in topics]
    return pl.DataFrame({"a": [p[0] for p in pairs], "b": [p[1] for p in pairs], "alike": np.where(same, "1", "0")})


TEXT = {"kinds": {"a": "text", "b": "text", "alike": "category"}, "budget": 1.5}
TEXT_RUNGS = ("linear", "cosine", "siamese")


@cache
def same_topic(rung: str) -> fofx.Function:
    return fofx.find(sentences(), "alike", model=rung, out=str(place()), name=f"same topic {rung}", **TEXT)


@pytest.mark.parametrize("rung", TEXT_RUNGS)
def test_pairs_of_texts(rung: str) -> None:
    function = same_topic(rung)
    if rung == "linear":
        assert next(result for result in function.rungs if result.name == rung).test > 0.75
    swapped = shown(function).select(pl.col("b").alias("a"), pl.col("a").alias("b"))
    one, two = (function.predict(part, rung)["alike"] for part in (shown(function), swapped))
    np.testing.assert_allclose(one, two, atol=1e-5)
    again = fofx.load(function.run.path)
    np.testing.assert_allclose(again.predict(shown(function), rung)["alike"], one, atol=1e-6)


def one_sided(folder: Path) -> fofx.Function:
    """Found on a file in which some pairs lack a side."""
    frame = sentences().with_row_index("n")
    gone = pl.when(pl.col("n") % 30 == 7).then(None).otherwise(pl.col("b"))
    frame.with_columns(b=gone).drop("n").write_csv(folder / "pairs.csv")
    return fofx.find(str(folder / "pairs.csv"), "alike", model="linear", out=str(folder), name="one-sided", **TEXT)


def test_a_pair_with_one_side_missing_is_set_aside(tmp_path: Path) -> None:
    function = one_sided(tmp_path)
    assert next(notice.count for notice in function.warnings if notice.code == "one-sided-pair") == 8
    assert sum(function.record["data"]["rows"].values()) == 232


def test_items_of_test_pairs_in_training_are_told_and_can_be_avoided(tmp_path: Path) -> None:
    frame = sentences(300, repeat=True)
    options = {**TEXT, "model": "linear", "out": str(tmp_path)}
    function = fofx.find(frame, "alike", name="leak", **options)
    assert "leak-pair-items" in {notice.code for notice in function.warnings}
    with pytest.raises(DataError) as caught:
        fofx.find(frame, "alike", name="strict", strict=True, **options)
    assert caught.value.code.startswith("leak")
    assert "pairs" in GROUPINGS
    kept = fofx.find(sentences(), "alike", name="kept", group="pairs", **options)
    assert "leak-pair-items" not in {notice.code for notice in kept.warnings}
    with pytest.raises(TaskError) as caught:
        fofx.find({"x": [1, 2, 3] * 9, "y": [1, 0, 1] * 9}, "y", group="pairs", out=str(tmp_path))
    assert caught.value.code == "no-pairs"


# ---- a picture and its text


WORDS = ("red", "green", "blue", "white")
COLOURS = np.array([[200, 30, 30], [30, 180, 40], [40, 40, 210], [235, 235, 235]])


def titled(rows: int = 260, seed: int = 0) -> pl.DataFrame:
    """A square in one of four colours, and a title that names it or another."""
    random = np.random.default_rng(seed)
    colour = random.integers(4, size=rows)
    fits = np.arange(rows) % 2 == 0
    said = np.where(fits, colour, (colour + random.integers(1, 4, rows)) % 4)
    pictures = random.integers(0, 60, (rows, 12, 12, 3))
    pictures[:, 3:9, 3:9] = np.clip(COLOURS[colour][:, None, None] + random.normal(0, 12, (rows, 6, 6, 3)), 0, 255)
    titles = [f"a {WORDS[n]} square, number {random.integers(10_000)}" for n in said]
    return pl.DataFrame({"picture": pictures.astype(np.uint8), "title": titles, "fits": np.where(fits, "yes", "no")})


@cache
def fitting() -> fofx.Function:
    kinds = {"title": "text", "picture": "picture"}
    return fofx.find(titled(), "fits", model="clip", kinds=kinds, budget=8, out=str(place()), name="fitting")


def test_clip_says_whether_a_title_fits() -> None:
    function = fitting()
    assert type(function.rung("clip").network).__name__ == "TowersNetwork"
    assert next(result for result in function.rungs if result.name == "clip").test > 0.8
    again = fofx.load(function.run.path)
    frame = shown(function)
    np.testing.assert_allclose(again.predict(frame, "clip")["fits"], function.predict(frame, "clip")["fits"], atol=1e-6)


def test_titles_are_ranked_for_a_picture_and_pictures_for_a_title() -> None:
    function = fitting()
    frame = titled(60, seed=5)
    titles = [f"a {word} square, number 7" for word in WORDS]
    right = 0
    for row in range(20):
        ranked = function.rank(frame["picture"].to_numpy()[row], titles, rung="clip")
        assert sorted(each.number for each in ranked) == [0, 1, 2, 3]
        assert [each.chance for each in ranked] == sorted((each.chance for each in ranked), reverse=True)
        mean = frame["picture"].to_numpy()[row][3:9, 3:9].mean((0, 1))
        right += ranked[0].number == int(((COLOURS - mean) ** 2).sum(1).argmin())
    assert right > 14
    pictures = list(frame["picture"].to_numpy()[:12])
    ranked = function.rank("a blue square, number 7", pictures, rung="clip")
    best = ranked[0].candidate[3:9, 3:9].mean((0, 1))
    assert int(((COLOURS - best) ** 2).sum(1).argmin()) == 2
    assert function.rank({"title": titles[0]}, pictures)[0].place == 1
    assert function.rank({"picture": pictures[0]}, titles, rung="linear")[0].place == 1


def test_what_cannot_be_ranked_is_told() -> None:
    function = fitting()
    picture = titled(1)["picture"].to_numpy()[0]
    for x, candidates in (
        ({}, ["a"]),
        (picture, []),
        (picture, [picture]),
        ({"picture": picture, "title": "a"}, ["a"]),
    ):
        with pytest.raises(TaskError) as caught:
            function.rank(x, candidates)
        assert caught.value.code == "wrong-row"
    number = fofx.find({"x": list(range(60)), "y": [2.0 * n + n % 3 for n in range(60)]}, "y", model="linear",
                       budget=0.5, out=str(place()), name="no rank")  # fmt: skip
    with pytest.raises(TaskError, match="cannot-rank"):
        number.rank(1, [2])


def test_rungs_for_pairs_refuse_what_is_no_pair() -> None:
    columns = {"x": list(range(60)), "y": ["a", "b"] * 30}
    for model in ("siamese", "cosine", "covariance", "clip"):
        with pytest.raises(TaskError) as caught:
            fofx.find(columns, "y", model=model, out=str(place()))
        assert caught.value.code == "model-does-not-fit"
