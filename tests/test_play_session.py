"""A playground under way: back to the last bit, changes without reset, edits, stop rules, trouble and what helps."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.errors import TaskError
from fofx.play import kernels, network
from fofx.play.landscape import offset_of
from fofx.play.session import MOST_HISTORY, Session
from fofx.play.state import CHOICES, State
from fofx.play.sweep import sweep
from fofx.play.timeline import MOST_BETWEEN, MOST_MARKS

SPIRAL = State(data="spiral", layers=(6, 3), optimizer="adam", rate=0.01, dropout=0.1, count=60, seed=4)


def bits(session):
    """Everything that decides what comes next, and what is shown, to the bit."""
    tensors = [session._parameters, *session._moments]
    shown = (session.train_loss, session.test_loss, session.penalty, session.epochs, session.updates)
    return [tensor.tobytes() for tensor in tensors], shown, session._place.tolist(), session.state


def test_a_step_is_undone_to_the_bit_and_done_again():
    session, seen = Session(SPIRAL), []
    for _ in range(30):
        seen.append(bits(session))
        assert session.step() == 1
    end = bits(session)
    for before in reversed(seen):
        assert session.back() and bits(session) == before
    assert not session.back()
    assert session.step(30) == 30 and bits(session) == end


def test_how_many_updates_are_done_at_once_changes_nothing():
    one, many = Session(SPIRAL), Session(SPIRAL)
    for updates in (1, 2, 5, 22):
        one.step(updates)
    many.step(30)
    assert bits(one) == bits(many)
    assert one.history == many.history


def test_a_chart_of_fewer_epochs_is_the_same_training():
    all_of_them, some = Session(SPIRAL), Session(SPIRAL)
    some.chart_every = 5
    all_of_them.epoch(12)
    some.epoch(12)
    assert bits(some) == bits(all_of_them)
    assert some.history.updates == [0, 15, 30] and some.history.train[1] == all_of_them.history.train[5]
    some.change(stop_epochs=14)
    some.epoch(9)
    assert some.epochs == 14 and some.stopped == "stop-epochs"


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.integers(1, 12)),
        st.tuples(st.just("epoch"), st.integers(1, 3)),
        st.tuples(st.just("sample"), st.just(0)),
        st.tuples(st.just("edit"), st.floats(-2, 2)),
        st.tuples(
            st.just("change"), st.sampled_from([{"rate": 0.3}, {"layers": (4,)}, {"optimizer": "sgd"}, {"seed": 9}])
        ),
        st.tuples(st.just("change"), st.sampled_from([{"data": "xor"}, {"features": ("x", "x * y")}, {"batch": 3}])),
    ),
    max_size=8,
)


def act(session, kind, value):
    if kind == "step":
        session.step(value)
    elif kind == "epoch":
        session.epoch(value)
    elif kind == "sample":
        session.sample_step()
    elif kind == "edit":
        session.edit(0, 1, 0, value)
    else:
        session.change(**value)


@settings(max_examples=60)
@given(ACTIONS)
def test_back_goes_through_every_change_to_the_beginning(actions):
    session = Session(SPIRAL)
    start, history, wanted, last = bits(session), session.history, [], "step"
    for kind, value in actions:
        if kind == "sample" or last in ("step", "epoch", "sample"):  # two edits with nothing between are one
            wanted.append(bits(session))
        act(session, kind, value)
        last = kind
    seen = [bits(session)]
    while session.back():
        seen.append(bits(session))
    assert seen[-1] == start and session.history == history
    assert all(before in seen for before in wanted)


def test_far_back_from_few_snapshots():
    session = Session(State(layers=(3,), count=40, batch=5))
    for _ in range(3 * MOST_BETWEEN):
        session.epoch(2)
    assert len(session.timeline.marks[-1].since) <= MOST_BETWEEN
    there = Session(session.state)
    there.step(137)
    assert session.back(session.updates - 137) and bits(session) == bits(there)


def test_the_history_and_the_changes_are_bounded():
    session = Session(State(layers=(2,), count=20))
    session.epoch(3 * MOST_HISTORY)
    assert len(session.history.train) <= MOST_HISTORY
    for number in range(MOST_MARKS + 20):
        session.edit(0, number % 2, 0, number / 10)
    assert len(session.timeline.marks) <= MOST_MARKS
    assert sum(session.back() for _ in range(2 * MOST_MARKS)) >= MOST_MARKS - 1


def test_a_slider_that_is_dragged_is_one_change():
    session = Session(State())
    for rate in (0.1, 0.2, 0.3):
        session.change(rate=rate)
    assert session.back() and session.state.rate == 0.03


def test_a_sample_is_one_example_and_an_update_on_it_alone():
    session = Session(State(layers=(3,), rate=0.1))
    session.step(2)
    before, wanted = session.weights, session.next_rows[0]
    sample = session.sample_step()
    assert sample.row == wanted and session.updates == 3
    assert [len(each) for each in sample.outputs] == [2, 3, 1]
    assert sample.loss == pytest.approx((sample.outputs[-1][0] - (2 * sample.answer - 1)) ** 2 / 2, rel=1e-5)
    for (old, _), (slope, _), (change, _) in zip(before, sample.gradient, sample.change):
        np.testing.assert_allclose(change, -0.1 * slope, atol=1e-7)
        np.testing.assert_allclose(session.weights[0][0] - before[0][0], sample.change[0][0], atol=0)
        assert old.shape == slope.shape
    assert session.next_rows[0] != wanted


# ------------------------------------------------------------------------------------------------------- changes


def test_an_edit_is_in_the_loss_and_in_the_chart_at_once():
    session = Session(State(layers=(2,)))
    session.epoch(5)
    points = len(session.history.train)
    session.edit(1, 0, "bias", 2.0)  # the output's bias
    assert session.weights[1][1][0] == 2
    value, right = kernels.measure(session._net, session._parameters, *session._learnt)
    assert session.train_loss == value and session.train_accuracy == right / 250
    assert len(session.history.train) == points + 1 and session.history.train[-1] == value
    assert session.history.updates[-2:] == [125, 125]
    assert session.back() and len(session.history.train) == points


@pytest.mark.parametrize("place", [(2, 0, 0), (0, 4, 0), (0, 0, 2), (-1, 0, 0), (0, 0, "weight"), (0, -1, 0)])
def test_an_edit_of_no_weight_is_an_error(place):
    with pytest.raises(TaskError, match="no weight"):
        Session(State(layers=(4,))).edit(*place, 1.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e7])
def test_an_edit_to_no_number_is_an_error(value):
    with pytest.raises(TaskError):
        Session(State()).edit(0, 0, 0, value)


@pytest.mark.parametrize(
    "fields",
    [
        {"rate": 0.5, "batch": 3},
        {"regularisation": "l2", "penalty": 0.1},
        {"activations": ("relu",)},
        {"optimizer": "momentum"},
        {"data": "xor"},
        {"noise": 20},
        {"loss": "cross-entropy"},
        {"dropout": 0.5, "schedule": "cosine"},
        {"train_share": 20},
    ],
    ids=str,
)
def test_a_change_keeps_the_weights(fields):
    session = Session(State())
    session.step(60)
    before = session._parameters.copy()
    session.change(**fields)
    assert session.updates == 60 and (session._parameters == before).all()
    session.epoch(2)
    assert session.trouble is None and (session._parameters != before).any()


def test_a_new_neuron_feature_and_layer_leave_the_others():
    session = Session(State(features=("x", "y"), layers=(3, 2)))
    session.epoch(2)
    (first, first_bias), (second, _), (last, _) = session.weights
    session.change(features=("sin(x)", "y", "x"), layers=(4, 2))
    now = session.weights
    assert (now[0][0][:3, 2] == first[:, 0]).all() and (now[0][0][:3, 1] == first[:, 1]).all()
    assert (now[0][1][:3] == first_bias).all() and (now[1][0][:, :3] == second).all() and (now[2][0] == last).all()
    session.change(layers=(4, 2, 5))
    assert all((a == b).all() for a, b in zip(session.weights[1], now[1])) and len(session.weights) == 4
    session.epoch(1)
    assert session.trouble is None


def test_a_seed_begins_anew_and_the_screen_changes_nothing():
    session = Session(State())
    session.epoch(3)
    before = bits(session)[:3]
    session.change(discretize=True, show_test=True, hide=("rate",), stop_loss=0.001)
    assert bits(session)[:3] == before and len(session.timeline.marks) == 1
    session.change(seed=1)
    assert session.updates == 0 and session.history.updates == [0]
    assert session.back() and bits(session)[:3] == before and session.state.discretize and session.state.seed == 0


def test_the_shown_loss_can_include_the_penalty():
    session = Session(State(regularisation="l2", penalty=0.1))
    plain, penalty = session.train_loss, session.penalty
    assert penalty == pytest.approx(0.05 * sum((weights.astype(float) ** 2).sum() for weights, _ in session.weights))
    session.change(show_penalty=True)
    assert session.train_loss == plain + penalty
    session.change(regularisation="l1")
    assert session.penalty == pytest.approx(
        0.1 * sum(np.abs(weights.astype(float)).sum() for weights, _ in session.weights)
    )
    assert session.history.penalty[-1] == session.penalty and session.history.train[-1] == plain


def test_l1_brings_weights_to_zero_and_they_live_again():
    session = Session(State(regularisation="l1", penalty=3.0, rate=0.1, data="gauss"))
    session.epoch(20)
    assert all((weights == 0).all() for weights, _ in session.weights)
    session.change(penalty=0.0)
    for _ in range(5):  # all at zero is a saddle for the hidden layers: their gradient is zero; give one a push
        session.edit(2, 0, 0, 0.5)
        session.edit(1, 0, 0, 0.5)
        session.epoch(10)
    assert (session.weights[0][0] != 0).any() and session.accuracy > 0.9


def test_a_weight_at_zero_leaves_it_when_the_loss_pulls_harder_than_the_penalty():
    """No hidden layer: the loss's gradient at zero is about 2, so a penalty of 10 holds the weight and one of 0.1 does not."""
    session = Session(State(layers=(), data="gauss", regularisation="l1", penalty=10.0, rate=0.05))
    session.epoch(10)
    assert (session.weights[0][0] == 0).all()
    session.change(penalty=0.1)
    session.epoch(10)
    assert (session.weights[0][0] != 0).all() and session.accuracy == 1


# ------------------------------------------------------------------------------------------------- rules and trouble


@pytest.mark.parametrize(
    "fields, reason",
    [
        ({"stop_loss": 0.2}, "stop-loss"),
        ({"stop_epochs": 7}, "stop-epochs"),
        ({"rate": 0.0, "stop_patience": 4}, "stop-patience"),
    ],
)
def test_stop_rules(fields, reason):
    session = Session(State(data="gauss", **fields))
    session.epoch(500)
    assert session.stopped == reason and session.epochs < 500
    if reason == "stop-epochs":
        assert session.epochs == 7
    if reason == "stop-patience":
        assert session.epochs == 5
    if reason == "stop-loss":
        assert session.history.train[-1] < 0.2 <= session.history.train[-2]
    assert session.back() and session.stopped == ""


@pytest.mark.parametrize(
    "fields",
    [
        {"problem": "regression", "data": "plane", "activations": ("relu",), "rate": 10.0},
        {"problem": "regression", "data": "plane", "layers": (), "features": ("x*x*x*x",), "rate": 1.0},
        {"regularisation": "l2", "penalty": 100.0, "rate": 10.0},
        {
            "problem": "regression",
            "data": "multi-gauss",
            "activations": ("linear",),
            "optimizer": "momentum",
            "rate": 3.0,
        },
        {"classes": 3, "activations": ("linear",), "rate": 100.0, "optimizer": "momentum"},
    ],
    ids=str,
)
def test_a_loss_that_is_no_number_is_explained_and_cured(fields):
    session = Session(State(**fields))
    with np.errstate(all="ignore"):
        session.epoch(300)
        if session.trouble is None:
            pytest.skip("did not overflow: " + str(session.train_loss))
    assert session.trouble.code == "playground-not-finite" and session.stopped == "not-finite"
    assert "layer" in session.trouble.text or "output" in session.trouble.text
    assert session.step() == 0 and session.sample_step() is None
    with pytest.raises(TaskError):
        session.code()
    wanted = dict(session.remedy)
    with np.errstate(all="ignore"):
        assert session.cure() and session.trouble is None and np.isfinite(session.train_loss)
    assert all(getattr(session.state, name) == value for name, value in wanted.items())
    assert session.step(5) == 5


def test_schedules():
    session = Session(State(schedule="step", horizon=8, rate=1.0))
    rates = []
    for _ in range(8):
        rates.append(session.rate)
        session.epoch()
    assert rates == pytest.approx([1] * 4 + [0.1] * 2 + [0.01] * 2)
    session.change(schedule="cosine", horizon=16, rate=1.0)
    assert session.rate == pytest.approx(0.01 + 0.99 / 2)
    session.epoch(20)
    assert session.rate == pytest.approx(0.01)


@pytest.mark.parametrize("init", CHOICES["init"])
def test_first_weights(init):
    weights = network.first_weights((500, 400, 300), init, np.random.default_rng(0))
    (first, bias), (_, _) = weights
    assert first.shape == (400, 500) and first.dtype == bias.dtype == np.float32
    wanted = {"playground": 1 / 12**0.5, "xavier": (2 / 900) ** 0.5, "he": (2 / 500) ** 0.5, "normal": 1, "zeros": 0}[
        init
    ]
    assert (
        first.std() == pytest.approx(wanted, rel=0.01)
        and (bias == np.float32(0.1 if init == "playground" else 0)).all()
    )


# ------------------------------------------------------------------------------------------------- beside the network


@pytest.mark.parametrize("fields", [{}, {"classes": 3, "data": "spiral"}, {"problem": "regression", "data": "plane"}])
def test_rivals_have_the_scores_of_their_answers(fields):
    session = Session(State(noise=10, **fields))
    found = {rival.name: rival for rival in session.rivals(20)}
    regression = session.state.problem == "regression"
    assert set(found) == {"knn", "tree", "linear"} | (set() if regression else {"bayes"})
    for rival in found.values():
        assert rival.heat.shape == (session.state.outputs, 20, 20) and rival.heat.dtype == np.float32
        assert np.isfinite(rival.heat).all() and 0 <= rival.test <= 1
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    peer = (KNeighborsRegressor if regression else KNeighborsClassifier)(5).fit(
        session.train_points, session.train_answers
    )
    said = peer.predict(session.test_points)
    score = ((said - session.test_answers) ** 2 / 2).mean() if regression else (said == session.test_answers).mean()
    assert found["knn"].test == pytest.approx(score)


def test_a_single_class_leaves_out_the_rivals_that_cannot_learn_from_it():
    session = Session(State(), points=(np.random.default_rng(0).normal(size=(20, 2)), np.zeros(20)))
    found = {rival.name: rival for rival in session.rivals(5)}
    assert "knn" in found and "linear" not in found and found["knn"].test == 1


def test_mistakes_are_the_points_that_accuracy_does_not_count():
    session = Session(State(noise=40, data="gauss", train_share=70))
    session.epoch(2)
    rows, learnt = session.mistakes(), len(session.train_answers)
    assert (rows < learnt).sum() == learnt - round(session.train_accuracy * learnt) > 0
    assert (rows >= learnt).sum() == len(session.test_answers) - round(session.accuracy * len(session.test_answers)) > 0
    worst = session.worst(100, "test")
    assert {each.row + learnt for each in worst} == set(rows[rows >= learnt].tolist())
    assert [each.loss for each in worst] == sorted((each.loss for each in worst), reverse=True)
    assert session.losses("train").mean() == pytest.approx(session.train_loss)


def test_the_landscape_is_the_loss_of_moved_weights():
    session = Session(State(layers=(3,), regularisation="l2", penalty=0.1, show_penalty=True))
    session.epoch(2)
    seen = session.landscape(((0, 1, 0), (1, 0, "bias")), side=5, reach=2.0)
    assert seen.loss[2, 2] == pytest.approx(session.train_loss) and seen.here == (seen.across[2], seen.up[2])
    session.edit(0, 1, 0, float(seen.across[4]))
    session.edit(1, 0, "bias", float(seen.up[1]))
    assert seen.loss[1, 4] == pytest.approx(session.train_loss, rel=1e-5)
    for wrong in ((0, 3, 0), (2, 0, 0), (0, 0, 2), (0, -1, 0), (0, 0, "weight")):
        with pytest.raises(TaskError):
            offset_of(session, wrong)


def test_random_directions_are_as_long_as_each_neurons_weights():
    session = Session(State(layers=(3,)))
    seen = session.landscape(side=3, reach=1e-3, seed=1)
    assert np.ptp(seen.loss) < 0.01 and seen.loss[1, 1] == pytest.approx(session.train_loss)
    from fofx.play.landscape import random_direction

    way = network.views(session._net, random_direction(session, np.random.default_rng(1)))
    for (direction, moved), (weights, _) in zip(way, session.weights):
        np.testing.assert_allclose(np.linalg.norm(direction, axis=1), np.linalg.norm(weights, axis=1), rtol=1e-5)
        assert (moved == 0).all()


def test_a_sweep_is_each_playground_alone():
    state = State(data="xor", count=100)
    for swept in sweep(state, "rate", (0.01, 0.3), epochs=5):
        alone = Session(state.changed(rate=swept.value))
        alone.epoch(5)
        assert (swept.train_loss, swept.test_loss, swept.accuracy) == (
            alone.train_loss,
            alone.test_loss,
            alone.accuracy,
        )
    assert len(list(sweep(state, epochs=2))) == 10
    for name, values in (("rat", (1,)), ("rate", (-1,)), ("seed", ()), ("seed", range(1000))):
        with pytest.raises(TaskError):
            sweep(state, name, values)
    assert list(sweep(state, epochs=2, enough=lambda: True)) == []


def test_sessions_train_side_by_side():
    alone = [Session(State(seed=seed)) for seed in range(4)]
    together = [Session(State(seed=seed)) for seed in range(4)]
    for session in alone:
        session.epoch(50)
    threads = [threading.Thread(target=session.epoch, args=(50,)) for session in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [bits(session) for session in together] == [bits(session) for session in alone]
