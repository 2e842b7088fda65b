"""The playground's settings: round trips, limits that hold for what comes from outside, formulas, own points, data sets."""

import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fofx.errors import DataError, FofxError, TaskError
from fofx.play import own
from fofx.play.data import DATA, parts
from fofx.play.formula import FUNCTIONS, LARGEST, as_numpy, canonical, values
from fofx.play.session import Session
from fofx.play.state import ACTIVATIONS, CHOICES, DATA_OF, FEATURES, HIDEABLE, NAMES, RANGES, State

POINT = st.tuples(st.floats(-12, 12), st.floats(-12, 12), st.integers(0, 1))


@st.composite
def states(draw):
    """Any state that is within its limits."""
    problem = draw(st.sampled_from(CHOICES["problem"]))
    fields = {
        "problem": problem,
        "data": draw(st.sampled_from(DATA_OF[problem])),
        "classes": draw(st.integers(2, 8)),
        "features": tuple(
            draw(st.lists(st.sampled_from([*FEATURES, "x^2*y", "max(x, 1e-3)", "x>0"]), min_size=1, max_size=9))
        ),
        "layers": tuple(draw(st.lists(st.integers(1, 16), max_size=6))),
        "hide": tuple(draw(st.lists(st.sampled_from(HIDEABLE), max_size=5))),
        "own": tuple(draw(st.lists(POINT, min_size=2, max_size=5))),
        "activations": (draw(st.sampled_from(ACTIVATIONS)),),
    }
    assume(len({canonical(each) for each in fields["features"]}) == len(fields["features"]))
    for name in ("regularisation", "optimizer", "schedule", "init"):
        fields[name] = draw(st.sampled_from(CHOICES[name]))
    for name, (low, high) in RANGES.items():
        if name != "classes":
            fields[name] = draw(st.floats(low, high) if isinstance(low, float) else st.integers(low, int(high)))
    for name in ("show_penalty", "show_test", "discretize"):
        fields[name] = draw(st.booleans())
    return State(**fields)


@given(states())
def test_a_state_comes_back_from_its_url_and_its_json(state):
    assert State.from_url("https://class.example/play?" + state.to_url()) == state
    assert State.from_url("#" + state.to_url()) == state
    assert State.from_json(state.to_json()) == state
    assert not State.from_url(state.to_url()).notices


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.integers() | st.text() | st.none(), max_size=4),
)


@given(st.dictionaries(st.sampled_from(NAMES) | st.text(), ANYTHING, max_size=8))
@example({"layers": [True]})
@example({"activations": []})
@example({"own": [[0, 0, 0], [1, 1, 1e300]]})
@example({"own": [[0, 0, 0.5], [1, 1, 1]], "data": "own"})
@example({"problem": "regression", "data": "own", "loss": "cross-entropy", "classes": 4})
@example({"seed": 1e400})
@example({"classes": 2.5, "rate": "0.1"})
def test_whatever_a_json_text_holds_gives_a_state_within_the_limits(given_fields):
    state = State.from_json(json.dumps(given_fields))
    assert State(**state.to_all()) == state
    for name, (low, high) in RANGES.items():
        assert low <= getattr(state, name) <= high


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=12)), max_size=6), st.text(max_size=30))
@example([("layers", "8;8;8;8;8;8;8")], "")
@example([("layers", "9" * 5000)], "")
@example([("rate", "nan"), ("penalty", "inf"), ("batch", "1e9"), ("count", "-5")], "")
@example([("features", "__import__('os')")], "#&=%zz")
@example([("own", "0" * 18), ("data", "own")], "")
def test_no_url_breaks_the_limits(pairs, rest):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        state = State.from_url("http://x/?" + "&".join(f"{name}={value}" for name, value in pairs) + rest)
    assert State(**state.to_all()) == state


def test_a_bad_value_is_told_and_the_others_hold():
    state = State.from_url("?rate=1e9&layers=3;3&loss=cross-entropy&data=plane&batch=12&stranger=1")
    assert (state.rate, state.layers, state.batch, state.loss) == (0.03, (3, 3), 12, "cross-entropy")
    assert state.data == "circle"  # plane has no classes
    assert {notice.code for notice in state.notices} == {"playground-value"} and len(state.notices) == 2
    assert Session.from_url("?rate=1e9").notices == list(State.from_url("?rate=1e9").notices)


@pytest.mark.parametrize(
    "fields",
    [
        {"rate": -1},
        {"rate": "0.1"},
        {"batch": 2.5},
        {"layers": (17,)},
        {"layers": (1,) * 7},
        {"layers": 3},
        {"activations": ("tanh", "tanh", "tanh")},
        {"features": ()},
        {"features": ("x", "x*1e-0 ", "x")},
        {"data": "plane"},
        {"problem": "regression"},
        {"classes": 3, "loss": "squared"},
        {"loss": "cross-entropy", "output": "tanh"},
        {"data": "own"},
        {"data": "own", "own": ((0, 0, 0), (1, 1, 2))},
        {"show_test": 1},
        {"hide": ("everything",)},
    ],
)
def test_in_python_a_bad_value_is_an_error(fields):
    with pytest.raises(TaskError):
        State(**fields)


def test_what_no_longer_fits_follows_a_change():
    state = State(layers=(4, 2), activations=("relu", "gelu"))
    assert state.changed(layers=(4, 2, 3)).activations == ("relu", "gelu", "gelu")
    assert state.changed(layers=()).activations == ()
    assert state.changed(problem="regression").data == "plane"
    assert State(data="plane", problem="regression").changed(data="spiral").problem == "classification"
    assert State(loss="squared").changed(classes=3).loss_used == "cross-entropy"
    with pytest.raises(TaskError, match="Did you mean 'rate'"):
        state.changed(rat=1)


# ------------------------------------------------------------------------------------------------------- formulas


@given(st.text(max_size=170))
@example("(" * 160)
@example("x" + "*x" * 70)
@example("9**9**9**9")
@example("1if x else 2")
@example("x.real")
@example("0x1f")
@example("x\0")
@example("１+x")
@example("lambda: x")
@example("-" * 150 + "x")
@example("sin(x)(y)")
@example("x<y<1")
@example("True")
def test_a_formula_is_read_or_refused_and_nothing_else(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            written = canonical(text)
        except FofxError as trouble:
            assert trouble.code == "bad-formula"
            return
        x, y = np.array([0.0, -3, 6]), np.array([0.0, 2, -6])
        found = values(text, x, y)
        assert found.shape == (3,) and found.dtype == np.float64 and (np.abs(found) <= LARGEST).all()
        assert canonical(written) == written
        np.testing.assert_array_equal(values(written, x, y), found)


@st.composite
def formulas(draw, depth=3):
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(["x", "y", "pi", "e", "2", "0.5", "1e3", ".25"]))
    kind = draw(st.sampled_from(["+", "-", "*", "/", "^", "**", "<", ">=", "call", "minus"]))
    inner = [draw(formulas(depth=depth - 1)) for _ in range(2)]
    if kind == "call":
        name = draw(st.sampled_from(sorted(FUNCTIONS)))
        return f"{name}({', '.join(inner[: FUNCTIONS[name].nin])})"
    return f"-({inner[0]})" if kind == "minus" else f"({inner[0]}) {kind} ({inner[1]})"


@given(formulas())
def test_the_numpy_of_a_formula_gives_its_values(text):
    assume(len(text) <= 150)
    try:
        canonical(text)
    except TaskError:
        assume(False)  # too long
    x, y = np.random.default_rng(0).uniform(-6, 6, (2, 50))
    with np.errstate(all="ignore"):
        by_numpy = eval(as_numpy(text), {"np": np, "x": x, "y": y})  # the line that the script runs
    by_numpy = np.clip(np.nan_to_num(by_numpy, nan=0.0), -LARGEST, LARGEST)
    np.testing.assert_array_equal(values(text, x, y), np.broadcast_to(by_numpy, x.shape))


def test_a_misspelt_function_is_named():
    with pytest.raises(TaskError, match="Did you mean 'tanh'"):
        canonical("tanhh(x)")


# ------------------------------------------------------------------------------------------------------ own points


@given(st.lists(POINT, min_size=2, max_size=20))
def test_own_points_come_back_from_few_characters(points):
    kept = own.checked(points)
    assert own.from_text(own.to_text(kept)) == kept
    assert all(abs(a - b) <= 0.000501 for point, wanted in zip(kept, points) for a, b in zip(point, wanted))


@given(st.lists(st.tuples(st.floats(), st.floats(), st.text(max_size=3) | st.none()), max_size=30))
def test_columns_of_anything_are_points_in_the_square_or_an_error(rows):
    try:
        found = own.points_of(*zip(*rows)) if rows else own.pasted("")
    except DataError as trouble:
        assert trouble.code in ("no-points", "too-many-classes")
        return
    assert all(abs(x) <= 5.5001 and abs(y) <= 5.5001 for x, y, _ in found.points)
    assert State(**found.fields()).data == "own"
    left_out = len(rows) - len(found.points)
    assert sum(notice.count for notice in found.notices) == left_out


def test_pasted_lines_with_names_of_classes():
    found = own.pasted("width, height, kind\n1, 10, pear\n3; 30; apple\n2\t20\tpear\n\nnothing here\n")
    assert found.names == ("apple", "pear") and found.problem == "classification"
    assert found.points == ((-5.5, -5.5, 1.0), (5.5, 5.5, 0.0), (0.0, 0.0, 1.0))
    assert (found.middle[0], found.scale[0]) == (2, pytest.approx(1 / 5.5))
    assert [notice.count for notice in found.notices] == [1]


def test_a_csv_with_numbers_to_predict():
    text = "a,b,c\n" + "\n".join(f"{row},{row * row},{row / 2}" for row in range(12))
    found = own.from_csv(text, "a", "b", "c")
    assert found.problem == "regression" and found.names == ()
    assert found.points[0] == (-5.5, -5.5, -1.0) and found.points[-1] == (5.5, 5.5, 1.0)
    with pytest.raises(DataError, match="no column 'd'"):
        own.from_csv(text, "a", "d", "c")
    with pytest.raises(DataError):
        own.from_csv("a,b,c\n", "a", "b", "c")


def test_many_rows_are_thinned_evenly_with_a_notice():
    found = own.points_of(range(5000), range(5000), ["no", "yes"] * 2500)
    assert len(found.points) == own.MOST and found.notices[0].count == 3000
    assert found.points[-1][0] > 5.4


def test_a_session_of_own_points():
    places = np.random.default_rng(0).uniform(-5, 5, (60, 2))
    session = Session(State(layers=(3,)), points=(places, (places[:, 0] > 0).astype(int)))
    assert session.state.data == "own" and len(session.train_answers) + len(session.test_answers) == 60
    session.epoch(40)
    assert session.accuracy > 0.9
    assert Session(State.from_url(session.state.to_url())).train_points.tolist() == session.train_points.tolist()
    with pytest.raises(TaskError):
        Session(State(), points=(places, [1]))


# ------------------------------------------------------------------------------------------------------- data sets


@given(st.sampled_from(sorted(DATA)), st.integers(20, 300), st.integers(0, 50), st.integers(2, 8), st.integers(0, 99))
def test_data_sets_hold_every_class_and_stay_near_the_square(name, count, noise, classes, seed):
    points, answers = DATA[name](count, noise / 100, classes, np.random.default_rng(seed))
    assert points.shape == (count, 2) and answers.shape == (count,) and np.isfinite(points).all()
    assert np.abs(points).max() < 16
    if name in DATA_OF["regression"]:
        assert np.abs(answers).max() <= 1.51
    else:
        assert set(answers) <= set(range(classes))
        assert name == "xor" or set(answers) == set(range(classes))
    learnt, tested = parts(count, 10, np.random.default_rng(seed))
    assert sorted([*learnt, *tested]) == list(range(count)) and min(len(learnt), len(tested)) >= 1


def test_shapes_without_noise():
    points, answers = DATA["circle"](400, 0, 2, np.random.default_rng(1))
    radius = np.hypot(*points.T)
    assert radius[answers == 0].max() <= 2.5 and radius[answers == 1].min() >= 3.5
    points, answers = DATA["xor"](400, 0, 2, np.random.default_rng(1))
    assert ((points[:, 0] * points[:, 1] > 0) == (answers == 1)).all()
    points, numbers = DATA["plane"](400, 0, 2, np.random.default_rng(1))
    np.testing.assert_allclose(numbers, points.sum(axis=1) / 12)
    points, numbers = DATA["multi-gauss"](4000, 0, 2, np.random.default_rng(1))
    near = np.hypot(points[:, 0] - 0, points[:, 1] - 2.5) < 0.2
    assert (numbers[near] < -0.9).all() and math.isclose(numbers.max(), 1, abs_tol=0.05)
