"""Rungs: each fits, predicts in the user's unit, and comes back from plain data; the ladder, the average, the features."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, Ridge

import small
from fofx.encoded import Inputs, Problem, judge
from fofx.errors import FindError, TaskError
from fofx.fields import Output, field_class
from fofx.ladder import Climb, Result, make_rung, rungs_for
from fofx.network import Network
from fofx.rungs.average import choose, mix
from fofx.rungs.base import Rung
from fofx.rungs.features import Flattener
from fofx.rungs.naive import last_value_columns
from fofx.rungs.shapes import blocks_of, build, shape_for


def problem_of(data: dict[str, Any], kinds: dict[str, str], outputs: list[str], **options: Any) -> Problem:
    """A problem whose last quarter of rows is for validation."""
    frame = pl.DataFrame(data, strict=False)
    cut = frame.height * 3 // 4
    fields, ends = [], []
    for name, kind in kinds.items():
        field = field_class(kind)(name)
        field.learn(frame[name][:cut])
        (ends if name in outputs else fields).append(field)
    parts = frame[:cut], frame[cut:]
    options = {"class_weights": False, "label_smoothing": 0.0, "augment": True, **options}
    return Problem(fields, ends, Inputs(parts[0], fields), Inputs(parts[1], fields), *parts, options, 0)  # type: ignore[arg-type]


def columns(outputs: list[str], **options: Any) -> Problem:
    data = small.table()
    kinds = {"size": "number", "colour": "category", "price": "number", "sold": "category"}
    used = {name: kind for name, kind in kinds.items() if name in ("size", "colour", *outputs)}
    return problem_of({name: data[name] for name in used}, used, outputs, **options)


def texts() -> Problem:
    return problem_of(small.reviews(), {"text": "text", "label": "category"}, ["label"])


def images() -> Problem:
    shots, labels = small.pictures(60)
    return problem_of({"shot": pl.Series(shots), "label": labels}, {"shot": "picture", "label": "category"}, ["label"])


def everything() -> Problem:
    shots, labels = small.pictures(60)
    data = {"shot": pl.Series(shots), "text": small.reviews(60)["text"], "n": np.arange(60.0), "label": labels}
    return problem_of(data, {"shot": "picture", "text": "text", "n": "number", "label": "category"}, ["label"])


CASES = {
    "price": lambda: columns(["price"]),
    "sold": lambda: columns(["sold"]),
    "both": lambda: columns(["price", "sold"]),
    "text": texts,
    "image": images,
    "everything": everything,
}
SLOW_BUILD = {"efficientnet-frozen", "efficientnet"}


@pytest.mark.parametrize("case", CASES)
def test_every_rung_of_the_ladder_fits_predicts_and_comes_back(case: str) -> None:
    problem = CASES[case]()
    names = [name for name in rungs_for(problem) if name not in SLOW_BUILD]
    assert len(names) >= 4
    for name in names:
        rung = make_rung(name, problem.fields, problem.outputs)
        steps: list[dict] = []
        rung.fit(problem, 0.1, steps.append)
        found = rung.predict(problem.validation)
        data, tensors = rung.state()
        again = make_rung(name, problem.fields, problem.outputs)
        again.restore(json.loads(json.dumps(data)), {key: value.clone() for key, value in tensors.items()})
        back = again.predict(problem.validation)
        for output in problem.outputs:
            shape = (len(problem.validation),) if output.kind == "number" else (len(problem.validation), output.size)
            assert found[output.name].shape == shape, name
            assert np.isfinite(found[output.name]).all(), name
            if output.kind == "category":
                np.testing.assert_allclose(found[output.name].sum(axis=1), 1, atol=1e-6, err_msg=name)
            np.testing.assert_array_equal(back[output.name], found[output.name], err_msg=name)
        json.dumps(rung.recipe)
        assert all(0 <= step["fraction"] <= 1 for step in steps if "fraction" in step)


@pytest.mark.parametrize("case", ["price", "sold", "text", "image"])
def test_a_recipe_gives_the_same_rung_again(case: str) -> None:
    problem = CASES[case]()
    for name in [name for name in rungs_for(problem) if name not in SLOW_BUILD]:
        first = make_rung(name, problem.fields, problem.outputs)
        first.fit(problem, 0.1, lambda event: None)
        second = make_rung(name, problem.fields, problem.outputs)
        second.recipe = json.loads(json.dumps(first.recipe))
        second.fit(problem, 100.0, lambda event: None)  # the time has no say
        for key, tensor in first.state()[1].items():
            torch.testing.assert_close(
                second.state()[1][key], tensor, rtol=0, atol=0, equal_nan=True, msg=f"{name} {key}"
            )


def test_the_ladder_goes_from_naive_to_deep() -> None:
    assert rungs_for(CASES["price"]())[:4] == ["mean", "linear", "knn", "tree"]
    assert rungs_for(CASES["sold"]())[0] == "majority" and "bayes" in rungs_for(CASES["sold"]())
    assert rungs_for(CASES["both"]())[0] == "naive"
    assert {"gru", "transformer"} <= set(rungs_for(CASES["text"]()))
    assert {"cnn", "resnet"} <= set(rungs_for(CASES["image"]()))
    assert "bayes" not in rungs_for(CASES["price"]()) and "mlp" not in rungs_for(CASES["text"]())


def test_the_naive_rungs_know_no_input() -> None:
    problem = columns(["price", "sold"])
    rung = make_rung("naive", problem.fields, problem.outputs)
    rung.fit(problem, 1, lambda event: None)
    found = rung.predict(problem.validation)
    assert found["price"] == pytest.approx(np.full(30, np.mean(small.table()["price"][:90])))
    share = np.mean([value == "yes" for value in small.table()["sold"][:90]])
    np.testing.assert_allclose(found["sold"], np.tile([1 - share, share], (30, 1)))


def test_the_last_value_is_found_in_time_order() -> None:
    value = np.sin(np.arange(80) / 5)
    data = {"noise": np.arange(80) % 3, "before": np.roll(value, 1), "value": value}
    kinds = {"noise": "number", "before": "number", "value": "number"}
    problem = problem_of(data, kinds, ["value"], in_time=True)
    assert last_value_columns(problem) == {"value": "before"}
    assert "last value" in rungs_for(problem)
    rung = make_rung("last value", problem.fields, problem.outputs)
    rung.fit(problem, 1, lambda event: None)
    np.testing.assert_array_equal(rung.predict(problem.validation)["value"], np.roll(value, 1)[60:])
    assert "last value" not in rungs_for(columns(["price"], in_time=True))


def test_the_line_is_scikit_learns() -> None:
    problem = columns(["price"])
    rung: Any = make_rung("linear", problem.fields, problem.outputs)
    rung.recipe = {"strength": {"price": 1.0}}
    rung.fit(problem, 1, lambda event: None)
    x, y = problem.train.vector().double().numpy(), problem.truth(problem.outputs[0])
    oracle = Ridge(alpha=1.0).fit(x, y)
    np.testing.assert_allclose(
        rung.predict(problem.validation)["price"], oracle.predict(problem.validation.vector().double()), rtol=1e-4
    )
    problem = columns(["sold"])
    rung = make_rung("linear", problem.fields, problem.outputs)
    rung.recipe = {"strength": {"sold": 1.0}}
    rung.fit(problem, 1, lambda event: None)
    x, y = problem.train.vector().double().numpy(), problem.truth(problem.outputs[0])
    oracle = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(x, y)
    wanted = oracle.predict_proba(problem.validation.vector().double().numpy())
    np.testing.assert_allclose(rung.predict(problem.validation)["sold"], wanted, atol=2e-3)


def test_outputs_whose_names_begin_alike_are_kept_apart() -> None:
    data = small.table()
    kinds = {"size": "number", "a": "number", "a.b": "category", "idf": "number"}
    problem = problem_of(
        {"size": data["size"], "a": data["price"], "a.b": data["sold"], "idf": data["price"]},
        kinds,
        ["a", "a.b", "idf"],
    )
    for name in ("naive", "linear", "knn", "tree"):
        rung = make_rung(name, problem.fields, problem.outputs)
        rung.fit(problem, 1, lambda event: None)
        again = make_rung(name, problem.fields, problem.outputs)
        again.restore(*rung.state())
        for output, found in rung.predict(problem.validation).items():
            np.testing.assert_array_equal(again.predict(problem.validation)[output], found)


# ---------------------------------------------------------------------------------------- features and shapes


def test_the_matrix_holds_columns_pixels_and_ngrams() -> None:
    problem = everything()
    flattener = Flattener(problem.fields).fit(problem.train)
    assert flattener.dense(problem.train).shape == (45, 1 + 12 * 12)
    matrix = flattener.matrix(problem.train)
    assert matrix.shape[0] == 45 and matrix.shape[1] > 200
    data, tensors = flattener.state()
    again = Flattener(problem.fields)
    again.restore(json.loads(json.dumps(data)), tensors)
    assert (again.matrix(problem.validation) != flattener.matrix(problem.validation)).nnz == 0


@pytest.mark.parametrize("case", ["price", "text", "image", "everything"])
def test_a_shape_builds_the_network_that_takes_its_blocks(case: str) -> None:
    problem = CASES[case]()
    name = {"price": "tabm", "text": "transformer", "image": "resnet", "everything": "gru"}[case]
    shape = json.loads(json.dumps(shape_for(name, problem.train, problem.outputs)))
    network = build(shape)
    assert isinstance(network, Network)
    out = network([block[:5] for block in blocks_of(shape, problem.train)])
    count = sum(output.size for output in problem.outputs)
    assert out.shape[0] == 5 and out.shape[-1] == count
    out.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters() if parameter.requires_grad)


# ---------------------------------------------------------------------------------------- the climb and the average


class Stub(Rung):
    """A rung that predicts what it is told, or fails as it is told."""

    family = "linear"
    answer: Any = 0.0

    def fit(self, problem: Problem, seconds: float, watch: Any) -> None:
        if isinstance(self.answer, BaseException):
            raise self.answer

    def predict(self, inputs: Inputs) -> dict:
        return {"price": np.full(len(inputs), self.answer) if np.isscalar(self.answer) else self.answer}

    def state(self) -> tuple[dict, dict]:
        return {}, {}

    def restore(self, data: dict, tensors: dict) -> None:
        pass


def stub(name: str, problem: Problem, answer: Any) -> Stub:
    rung = Stub(name, problem.fields, problem.outputs)
    rung.answer = answer
    return rung


def climbed(problem: Problem, *rungs: Rung) -> Climb:
    climb = Climb(problem, lambda event: None, 10.0, lambda rung, result: None)
    climb.up(list(rungs), {})
    return climb


def test_the_lowest_cost_wins_and_of_equals_the_simpler() -> None:
    problem = columns(["price"])
    mean = float(problem.truth(problem.outputs[0], "validation").mean())
    climb = climbed(problem, stub("a", problem, mean + 5), stub("b", problem, mean), stub("c", problem, mean))
    assert climb.winner() == "b" and climb.metric == "rmse" and not climb.more_is_better


def test_a_rung_that_fails_is_noted_and_the_others_go_on() -> None:
    problem = columns(["price"])
    climb = climbed(
        problem,
        stub("a", problem, FindError("not-finite", "It overflowed.")),
        stub("b", problem, 1.0),
        stub("c", problem, np.nan),
    )
    assert climb.winner() == "b"
    assert "overflowed" in (climb.results["a"].error or "") and "not finite" in (climb.results["c"].error or "")
    with pytest.raises(FindError):
        climbed(problem, stub("a", problem, FindError("not-finite", "It overflowed.")))


def test_ctrl_c_keeps_what_was_scored() -> None:
    problem = columns(["price"])
    climb = climbed(problem, stub("a", problem, 1.0), stub("b", problem, KeyboardInterrupt()), stub("c", problem, 2.0))
    assert climb.interrupted and list(climb.rungs) == ["a"] and climb.winner() == "a"
    with pytest.raises(KeyboardInterrupt):
        climbed(problem, stub("a", problem, KeyboardInterrupt()))


def test_opposite_errors_average_out() -> None:
    problem = columns(["price"])
    truth = problem.truth(problem.outputs[0], "validation")
    climb = climbed(
        problem, stub("high", problem, truth + 1), stub("low", problem, truth - 1), stub("far", problem, truth + 30)
    )
    climb.average()
    assert climb.winner() == "average" and climb.results["average"].recipe["weights"] == {"high": 1, "low": 1}
    same = climbed(problem, stub("one", problem, truth + 1), stub("two", problem, truth + 1))
    same.average()
    assert "average" not in same.rungs


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=5))
def test_the_average_is_never_worse_than_its_best_member(shifts: list[float]) -> None:
    truth = np.linspace(0, 1, 20)
    rng = np.random.default_rng(0)
    able = {str(n): {"y": truth + shift * rng.normal(size=20)} for n, shift in enumerate(shifts)}

    def cost(found: dict) -> float:
        return float(np.mean((found["y"] - truth) ** 2))

    weights, lowest = choose(able, cost)
    assert lowest <= min(cost(found) for found in able.values()) + 1e-12
    assert cost(mix(able, weights)) == pytest.approx(lowest)
    assert sum(weights.values()) <= 10


def test_scores_of_several_outputs_have_their_means() -> None:
    problem = columns(["price", "sold"])
    rung = make_rung("naive", problem.fields, problem.outputs)
    rung.fit(problem, 1, lambda event: None)
    truths = {output.name: problem.truth(output, "validation") for output in problem.outputs}
    scores = judge(problem.outputs, rung.predict(problem.validation), truths)
    assert {"price.rmse", "sold.accuracy", "rmse", "accuracy"} <= set(scores)


def test_results_come_back_from_json() -> None:
    result = Result("mlp", "small", 1.5, 0.5, None, {"rmse": 0.5}, {}, {"a": 1}, None)
    assert Result.from_json(json.loads(json.dumps({**result.to_json(), "from a later version": 1}))) == result


def test_a_rung_that_knows_no_script_says_so() -> None:
    problem = columns(["price"])
    with pytest.raises(TaskError) as caught:
        stub("a", problem, 1.0).script({})
    assert caught.value.code == "cannot-eject"
    assert all(isinstance(output, Output) for output in problem.outputs)
