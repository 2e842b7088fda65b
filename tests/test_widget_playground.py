"""The playground's widget: its messages without a browser, its thread, its frames; then the page itself in Chromium."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.play.session import Session
from fofx.play.state import State
from fofx.widgets.playground import Playground
from fofx.widgets.playground_frames import LARGE, SIDE, bytes_of, class_maps
from fofx.widgets.playground_worker import Worker
from stage import needs_browser, stage


class Page:
    """What a page would get: messages with their buffers, in order."""

    def __init__(self, playground: Playground) -> None:
        self.playground = playground
        self.got: list[tuple[dict, list[bytes]]] = []
        self.came = threading.Condition()
        playground.send = self.take  # type: ignore[method-assign]

    def take(self, content: dict, buffers: Any = None) -> None:
        with self.came:
            self.got.append((content, [bytes(each) for each in buffers or []]))
            self.came.notify_all()

    def tell(self, **message: Any) -> None:
        """Send a message as the page does, and wait until it is carried out."""
        self.playground._handle_custom_msg(message, [])
        assert self.playground.settle()

    def frames(self) -> list[tuple[dict, list[bytes]]]:
        return [each for each in self.got if each[0]["do"] == "frame"]

    def last(self, do: str = "frame") -> tuple[dict, list[bytes]]:
        return next(each for each in reversed(self.got) if each[0]["do"] == do)

    def wait(self, count: int) -> None:
        with self.came:
            assert self.came.wait_for(lambda: len(self.frames()) >= count, 30)

    def lane(self, number: int = 0) -> dict[str, Any]:
        """The newest frame of one network, with its binary parts by name."""
        message, buffers = self.last()
        at = sum(len(lane["parts"]) for lane in message["lanes"][:number])
        lane = message["lanes"][number]
        return {**lane, **dict(zip(lane["parts"], buffers[at:]))}


@pytest.fixture
def page() -> Iterator[Page]:
    playground = Playground("layers=4;2&count=60", lang="en")
    yield Page(playground)
    playground.close()


# ------------------------------------------------------------------------------------------------------- frames


def test_a_frame_holds_what_the_session_has(page: Page) -> None:
    page.tell(do="ready")
    page.tell(do="step")
    lane, session = page.lane(), page.playground.sessions[0]
    assert lane["epoch"] == session.epochs == 1
    assert lane["train"] == pytest.approx(session.train_loss) and lane["test"] == pytest.approx(session.test_loss)
    flat = np.concatenate([part.reshape(-1) for layer in session.weights for part in layer])
    assert np.array_equal(np.frombuffer(lane["weights"], np.float32), flat)
    heat = session.heat(LARGE)
    assert np.array_equal(np.frombuffer(lane["output"], np.uint8).reshape(LARGE, LARGE), bytes_of(heat[-1]))
    maps = np.frombuffer(lane["maps"], np.uint8).reshape(-1, SIDE, SIDE)
    assert len(maps) == 4 + 2 + 1  # the features' maps do not change: they are sent once, as a trait
    assert np.array_equal(maps[0], bytes_of(heat[2, ::3, ::3]))
    curve = np.frombuffer(lane["curve"], np.float32).reshape(-1, 3)
    assert curve[-1].tolist() == pytest.approx([session.updates, session.train_loss, session.test_loss], rel=1e-6)


def test_three_classes_are_sent_as_winner_and_certainty(page: Page) -> None:
    page.tell(do="change", lane=0, fields={"classes": 3})
    shares = page.playground.sessions[0].heat(LARGE)[-3:]
    winners, sure = np.frombuffer(page.lane()["output"], np.uint8).reshape(2, LARGE, LARGE)
    assert np.array_equal(winners, shares.argmax(axis=0))
    assert np.abs(sure / 255 - (shares.max(axis=0) - 1 / 3) * 1.5).max() < 0.005
    assert page.lane()["sizes"] == [2, 4, 2, 3]


def test_certainty_goes_from_chance_to_sure() -> None:
    shares = np.array([[[1.0, 0.5, np.nan]], [[0.0, 0.5, np.nan]]])
    sure = np.frombuffer(class_maps(shares), np.uint8)[3:]
    assert sure.tolist() == [255, 0, 0]


@given(st.lists(st.floats(width=32), min_size=1, max_size=30), st.floats(0.01, 1e4))
def test_bytes_keep_the_sign_and_never_leave_their_range(values: list[float], reach: float) -> None:
    numbers = np.array(values, np.float64)
    made = bytes_of(numbers, reach).astype(int)
    known = np.isfinite(numbers)
    assert (made[known & (numbers > 0)] >= 128).all() and (made[known & (numbers < 0)] <= 128).all()
    assert (made[np.isnan(numbers)] == 128).all()


def test_the_curve_goes_on_from_what_the_page_has(page: Page) -> None:
    page.tell(do="ready")
    for _ in range(5):
        page.tell(do="step")
    message, _ = page.last()
    whole = np.frombuffer(page.lane()["curve"], np.float32).reshape(-1, 3)
    assert page.lane()["curve_from"] == 0 and len(whole) == 6  # the start and five epochs
    page.tell(do="next", version=message["version"], known=[[6, float(whole[-1, 0])]])
    page.tell(do="step")
    assert page.lane()["curve_from"] == 6
    assert len(np.frombuffer(page.lane()["curve"], np.float32)) == 3
    page.tell(do="next", version=message["version"], known=[[6, 12345.0]])  # not the curve that it is
    page.tell(do="step")
    assert page.lane()["curve_from"] == 0
    page.tell(do="reset")
    page.tell(do="next", version=message["version"], known=[[3, 1.0]])  # of before the reset
    page.tell(do="step")
    assert page.lane()["curve_from"] == 0


def test_a_neuron_is_seen_large_and_a_feature_too(page: Page) -> None:
    page.tell(do="look", lane=0, layer=1, unit=2)
    lane = page.lane()
    assert lane["looked"] == {"layer": 1, "unit": 2, "reach": 1.0}
    assert np.array_equal(
        np.frombuffer(lane["lookedMap"], np.uint8).reshape(LARGE, LARGE),
        bytes_of(page.playground.sessions[0].heat(LARGE)[4]),
    )
    page.tell(do="look", lane=0, layer=0, unit=4)  # x * y, shown and not chosen
    map_ = np.frombuffer(page.lane()["lookedMap"], np.uint8).reshape(LARGE, LARGE)
    assert map_[0, -1] > 250 and map_[0, 0] < 5 and page.lane()["looked"]["reach"] > 35
    page.tell(do="look", lane=0, layer=3, unit=7)  # there is none
    assert "looked" not in page.lane()
    page.tell(do="look", lane=0, layer=None)
    assert "looked" not in page.lane()


# ------------------------------------------------------------------------------------------------------- messages


def test_what_a_session_does_alone_the_page_does_too(page: Page) -> None:
    alone = Session(State.from_url("layers=4;2&count=60"))
    alone.epoch(1)
    alone.edit(0, 1, 0, 0.75)
    alone.change(rate=0.3, layers=(4, 3))
    alone.epoch(1)
    page.tell(do="step")
    page.tell(do="edit", lane=0, layer=0, unit=1, source=0, value=0.75)
    page.tell(do="change", lane=0, fields={"rate": 0.3, "layers": [4, 3]})
    page.tell(do="step")
    session = page.playground.sessions[0]
    assert session.train_loss == alone.train_loss and session.updates == alone.updates
    assert page.playground.states[0]["layers"] == [4, 3] and page.playground.trouble is None


def test_layers_and_features_are_counted_by_python_so_that_quick_clicks_all_count(page: Page) -> None:
    for layer, by in ((0, 1), (0, 1), (None, 1), (None, 1), (None, -1), (1, -1), (1, -1)):
        page.playground._handle_custom_msg({"do": "layers", "lane": 0, "layer": layer, "by": by}, [])
    for formula in ("x * y", "x", "y", "x * y"):  # the last one stays
        page.playground._handle_custom_msg({"do": "toggle", "lane": 0, "formula": formula}, [])
    assert page.playground.settle()
    assert page.playground.states[0]["layers"] == [6, 1, 2] and page.playground.states[0]["features"] == ["x * y"]
    for _ in range(20):
        page.tell(do="layers", lane=0, layer=0, by=1)
        page.tell(do="layers", lane=0, layer=None, by=1)
    assert page.playground.states[0]["layers"] == [16, 1, 2, 2, 2, 2] and page.playground.trouble is None


def test_back_undoes_an_epoch_a_change_and_an_edit(page: Page) -> None:
    session = page.playground.sessions[0]
    first = session.train_loss
    page.tell(do="step")
    one = session.train_loss
    page.tell(do="edit", lane=0, layer=2, unit=0, source="bias", value=-3.0)
    page.tell(do="change", lane=0, fields={"layers": [4]})
    page.tell(do="back")
    assert page.playground.states[0]["layers"] == [4, 2] and session.weights[2][1][0] == -3
    page.tell(do="back")
    assert session.train_loss == one
    page.tell(do="back")
    assert session.train_loss == first and page.lane()["epoch"] == 0


@pytest.mark.parametrize(("unit", "updates"), [("epoch", 3), ("batch", 1), ("sample", 1)])
def test_a_step_is_an_epoch_a_batch_or_an_example(page: Page, unit: str, updates: int) -> None:
    page.tell(do="step-by", unit=unit)
    page.tell(do="step")
    session = page.playground.sessions[0]
    assert session.updates == updates
    if unit == "sample":
        assert session._place[1] == 1
    page.tell(do="back")
    assert session.updates == 0


def test_wrong_messages_are_told_and_harm_nothing(page: Page) -> None:
    before = page.playground.state_url
    for message in (
        {"do": "fly"},
        {"do": "close"},
        {"do": "change", "lane": 0, "fields": {"rate": -1}},
        {"do": "change", "lane": 0, "fields": {"layers": [99]}},
        {"do": "change", "lane": 3, "fields": {}},
        {"do": "change", "fields": 5},
        {"do": "layers", "lane": 0, "layer": 2, "by": 1},
        {"do": "layers", "lane": 0, "layer": 0, "by": 3},
        {"do": "edit", "lane": 0, "layer": 9, "unit": 0, "source": 0, "value": 1.0},
        {"do": "edit", "lane": 0, "layer": 0, "unit": 0, "source": 0, "value": "1"},
        {"do": "edit", "lane": 0, "layer": 0, "unit": 0, "source": 0, "value": float("nan")},
        {"do": "feature", "formula": "__import__('os')"},
        {"do": "speed", "speed": 10**9},
        {"do": "from-code", "text": "print('hello')"},
        {"do": "csv", "text": "a,b\n1,2", "x": "a", "y": "b", "answer": "c"},
        {"do": "sweep", "name": "hide", "values": "1"},
        {"do": "sweep", "name": "rate", "values": "fast"},
        {"do": "landscape", "way": "weights", "weights": [[0, 0, 0], [0, 0, 0]]},
    ):
        page.tell(**message)
        assert page.playground.trouble, message
        page.playground.trouble = None  # type: ignore[assignment]
    assert page.playground.state_url == before
    page.tell(do="step")
    assert page.lane()["epoch"] == 1 and page.playground.trouble is None


@given(
    state=st.builds(
        lambda layers, rate, noise, seed: State(layers=tuple(layers), rate=rate, noise=noise, seed=seed, count=40),
        st.lists(st.integers(1, 8), max_size=4),
        st.sampled_from((0.01, 0.3)),
        st.integers(0, 50),
        st.integers(0, 2**32 - 1),
    )
)
@settings(max_examples=12)
def test_the_url_is_the_state(state: State) -> None:
    playground = Playground(state, lang="zh")
    try:
        assert State.from_url(playground.state_url) == state
        again = Playground(playground.state_url)
        assert again.sessions[0].train_loss == playground.sessions[0].train_loss
        again.close()
    finally:
        playground.close()


def test_setting_the_url_changes_the_playground_and_bad_values_are_told(page: Page) -> None:
    page.playground.state_url = "data=spiral&layers=8&rate=0.1"
    assert page.playground.settle()
    assert page.playground.sessions[0].state == State(data="spiral", layers=(8,), rate=0.1)
    assert page.playground.states[0]["rate"] == 0.1
    page.playground.state_url = "layers=1000;4&rate=nan"
    assert page.playground.settle()
    assert page.playground.sessions[0].state == State()
    assert page.playground.trouble["code"] == "playground-value"
    assert page.playground.state_url == State().to_url()


def test_two_networks_share_points_and_keep_in_step(page: Page) -> None:
    page.tell(do="two", on=True)
    page.tell(do="change", lane=1, fields={"rate": 0.3})
    page.tell(do="change", lane=0, fields={"noise": 20})
    page.tell(do="step")
    first, second = page.playground.sessions
    assert first.epochs == second.epochs == 1
    assert first.state.rate == 0.03 and second.state.rate == 0.3
    assert np.array_equal(first.train_points, second.train_points) and second.state.noise == 20
    assert len(page.last()[0]["lanes"]) == 2 and page.lane(1)["train"] == pytest.approx(second.train_loss)
    again = Playground(page.playground.state_url)
    assert [session.state for session in again.sessions] == [first.state, second.state]
    again.close()
    page.tell(do="two", on=False)
    assert len(page.playground.sessions) == len(page.playground.states) == 1


def test_numbers_that_burst_come_with_the_change_that_mends_them(page: Page) -> None:
    page.tell(do="change", lane=0, fields={"rate": 10.0, "activations": ["linear", "linear"], "problem": "regression"})
    for _ in range(20):
        page.tell(do="step")
    trouble = page.lane()["trouble"]
    assert trouble["code"] == "playground-not-finite" and trouble["remedy"]["rate"] < 10
    page.tell(do="play")
    assert not page.playground.playing
    page.tell(do="remedy", lane=0)
    assert page.lane()["trouble"] is None and np.isfinite(page.lane()["train"])
    assert page.playground.states[0]["rate"] == trouble["remedy"]["rate"]


# ------------------------------------------------------------------------------------------------------- own points


def test_painted_points_go_on_from_those_that_are_there(page: Page) -> None:
    page.tell(do="paint", points=[[1, 1], [1.5, 1]], answer=1)
    state = page.playground.sessions[0].state
    assert state.data == "own" and len(state.own) == 62 and state.own[-1] == (1.5, 1.0, 1.0)
    page.tell(do="paint", points=[[1.25, 1]], answer="rub")
    assert all((x - 1.25) ** 2 + (y - 1) ** 2 > 0.25 for x, y, _ in page.playground.sessions[0].state.own)
    page.tell(do="clear")
    page.tell(do="paint", points=[[2, 2]], answer=0)
    assert np.frombuffer(page.playground.points, np.float32).tolist() == [
        2,
        2,
        0,
        0,
    ]  # seen, though too few to learn from
    page.tell(do="paint", points=[[-2, 2], [0, 0]], answer=1)
    assert page.playground.sessions[0].state.own == ((2, 2, 0), (-2, 2, 1), (0, 0, 1))
    page.tell(do="step")
    assert page.lane()["epoch"] == 1


def test_pasted_text_and_two_columns_of_a_csv(page: Page) -> None:
    page.tell(do="paste", text="1, 2, yes\n3, 4, no\n5, 6, yes\n0, 0, maybe")
    assert page.playground.class_names == ["maybe", "no", "yes"] and page.playground.states[0]["classes"] == 3
    text = 'id,"long, name",width,kind\n1,2.5,3,a\n2,x,4,b\n3,4.5,5,b\n4,1,1,a\n'
    page.tell(do="columns", text=text)
    assert page.last("columns")[0]["names"] == ["id", "long, name", "width", "kind"]
    page.tell(do="csv", text=text, x="long, name", y="width", answer="kind")
    assert len(page.playground.sessions[0].state.own) == 3 and page.playground.class_names == ["a", "b"]
    assert page.playground.trouble["code"] == "playground-rows"  # the row without a number
    assert len(np.frombuffer(page.playground.points, np.float32)) == 4 * 3


def test_a_formula_becomes_a_feature_that_is_shown(page: Page) -> None:
    page.tell(do="feature", formula="sin(x*y)")
    assert page.playground.states[0]["features"] == ["x", "y", "sin(x * y)"]
    assert page.playground.features[-1] == "sin(x * y)" and len(page.playground.feature_maps) == 8 * SIDE**2
    assert page.lane()["sizes"] == [3, 4, 2, 1]
    page.tell(do="change", lane=0, fields={"features": ["x"]})
    assert page.playground.features[-1] == "sin(x * y)"  # still shown, to be chosen again
    page.tell(do="feature-remove", formula="sin(x * y)")
    assert len(page.playground.features) == 7


# ------------------------------------------------------------------------------------------------------- studies


def test_an_example_is_taken_through_by_hand(page: Page) -> None:
    page.tell(do="gradients", on=True)
    assert page.lane()["gradient_of"] == "batch"
    page.tell(do="example", lane=0)
    told = page.last("example")[0]
    session = page.playground.sessions[0]
    assert len(told["moves"]) == 8 and page.lane()["gradient_of"] == "example"
    for move in told["moves"]:  # plain gradient descent on this example alone
        assert move["after"] == pytest.approx(move["before"] - session.state.rate * move["gradient"], abs=1e-6)
    weights, bias = session.weights[told["moves"][0]["layer"]]
    source = told["moves"][0]["source"]
    now = bias[told["moves"][0]["unit"]] if source is None else weights[told["moves"][0]["unit"], source]
    assert now == pytest.approx(told["moves"][0]["after"])
    gap = told["output"] - told["target"]
    assert told["loss"] == pytest.approx(gap * gap / 2, abs=1e-5)


def test_rivals_stand_beside_the_network(page: Page) -> None:
    page.tell(do="rivals", lane=0)
    assert page.playground.study()
    message, maps = page.last("rivals")
    assert [card["name"] for card in message["cards"]] == ["network", "knn", "tree", "bayes", "linear"]
    assert {len(each) for each in maps} == {LARGE**2} and len(maps) == 5
    assert message["cards"][0]["test"] == page.playground.sessions[0].accuracy
    assert message["cards"][1]["train"] > 0.9  # a disc in a ring


def test_a_sweep_gives_what_each_playground_alone_gives(page: Page) -> None:
    page.tell(do="sweep", lane=0, name="rate", values="0.01, 0.1", epochs=5)
    assert page.playground.study()
    message = page.last("sweep")[0]
    assert message["over"] and [row["value"] for row in message["rows"]] == ["0.01", "0.1"]
    alone = Session(page.playground.sessions[0].state.changed(rate=0.1))
    alone.epoch(5)
    assert message["rows"][1]["test"] == pytest.approx(alone.test_loss)
    page.tell(do="sweep", lane=0, name="layers", values="2, 4;2", epochs=1)
    assert page.playground.study() and len(page.last("sweep")[0]["rows"]) == 2


def test_the_landscape_has_the_loss_of_now_in_its_middle(page: Page) -> None:
    page.tell(do="step")
    for asked in ({"way": "random"}, {"way": "weights", "weights": [[0, 0, 0], [0, 0, "bias"]]}):
        page.tell(do="landscape", lane=0, **asked)
        assert page.playground.study()
        message, buffers = page.last("landscape")
        losses = np.frombuffer(buffers[0], np.float32).reshape(message["side"], message["side"])
        middle = message["side"] // 2
        assert losses[middle, middle] == pytest.approx(page.playground.sessions[0].train_loss, rel=1e-5)
        assert message["low"] <= losses[middle, middle] <= message["high"]
    weights, bias = page.playground.sessions[0].weights[0]
    assert message["here"] == pytest.approx([float(weights[0, 0]), float(bias[0])])


def test_the_code_can_be_pasted_back(page: Page) -> None:
    page.tell(do="change", lane=0, fields={"data": "xor", "rate": 0.1})
    for _ in range(3):
        page.tell(do="step")
    page.tell(do="code", lane=0)
    loss = page.playground.sessions[0].train_loss
    text = page.last("code")[0]["text"]
    page.tell(do="change", lane=0, fields={"data": "spiral", "layers": [2]})
    page.tell(do="from-code", lane=0, text=text)
    assert page.playground.states[0]["data"] == "xor"
    assert page.playground.sessions[0].train_loss == pytest.approx(loss, abs=1e-6)


# ------------------------------------------------------------------------------------------------------- the thread


def test_playing_waits_for_the_page_and_goes_on_when_it_asks(page: Page) -> None:
    page.tell(do="ready")
    page.playground._handle_custom_msg({"do": "play"}, [])
    seen = 0
    for _ in range(30):
        message = page.last()[0]
        seen = len(page.frames())
        page.playground._handle_custom_msg({"do": "next", "version": message["version"], "known": [[0, 0]]}, [])
        page.wait(seen + 1)
    time.sleep(0.2)  # nobody asks: one frame more is made, none is sent
    assert len(page.frames()) == seen + 1
    epochs = page.playground.sessions[0].epochs
    time.sleep(0.2)
    assert page.playground.sessions[0].epochs == epochs <= page.lane()["epoch"] + 1
    page.tell(do="pause")
    assert not page.playground.playing and page.lane()["epoch"] == page.playground.sessions[0].epochs
    numbers = [message["lanes"][0]["epoch"] for message, _ in page.frames()]
    assert numbers == sorted(numbers) and numbers[-1] >= 28


def test_a_stop_rule_ends_playing(page: Page) -> None:
    page.tell(do="change", lane=0, fields={"stop_epochs": 7})
    page.playground._handle_custom_msg({"do": "play"}, [])
    for _ in range(200):
        page.playground._handle_custom_msg({"do": "next", "version": 0, "known": []}, [])
        time.sleep(0.01)
        if not page.playground.playing and page.playground.sessions[0].epochs:
            break
    assert page.playground.settle()
    assert page.playground.sessions[0].epochs == 7 and not page.playground.playing and page.lane()["stopped"]


def test_closing_ends_the_threads() -> None:
    playground = Playground()
    page = Page(playground)
    page.tell(do="play")
    page.tell(do="sweep", lane=0, name="seed", values="0,1,2,3", epochs=2000)
    assert playground._worker.alive
    playground.close()
    assert not playground._worker.alive and playground.study(0.1)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fofx-playground")]
    playground.close()  # once more does no harm


def test_an_error_in_the_thread_is_told_and_does_not_end_it() -> None:
    told, sent = [], []
    worker = Worker(lambda: True, lambda: ({"do": "frame"}, []), sent.append, told.append)

    def fail() -> None:
        raise ValueError("no")

    worker.submit(fail)
    worker.submit(lambda: sent.append("after"))
    assert worker.settle() and [str(error) for error in told] == ["no"] and "after" in sent
    worker.end()
    worker.submit(fail)
    assert worker.settle(0.1) and len(told) == 1


def test_no_text_of_the_page_is_missing() -> None:
    from fofx.widgets.playground_studies import SWEPT

    playground = Playground(lang="zh")
    try:
        script = str(playground._esm)
        values = {
            "activation": [*playground.limits["activations"], "softmax"],
            "data": ["circle", "xor", "gauss", "spiral", "plane", "multi-gauss", "own"],
            **{
                name: playground.limits[name]
                for name in ("regularisation", "problem", "loss", "optimizer", "schedule", "init")
            },
        }
        for group, names in values.items():
            assert all(f"playground.{group}-{name}" in playground.words for name in names)
            assert all(f'"playground.{group}-{name}"' in script for name in names)
        table = script[script.index("const CONTROL_TEXTS") : script.index("const ICONS")]
        assert all(f"{name}: " in table for name in (*playground.limits["hide"], *SWEPT))
    finally:
        playground.close()


# ------------------------------------------------------------------------------------------------------- the page


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def epoch(page: Any) -> int:
    return int(page.locator(".pg-epoch-number").inner_text().replace(",", ""))


def drawn(page: Any) -> int:
    return int(page.locator(".fofx-playground").get_attribute("data-frames") or 0)


def until(page: Any, known: Any) -> None:
    """Let the page go on until something is known, however busy the machine is."""
    for _ in range(400):
        if known():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not come about")


def quiet(page: Any) -> None:
    """The page has drawn, said nothing, asked for nothing, and is no wider than the window."""
    assert page.said == [] and page.asked == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@needs_browser
@pytest.mark.parametrize(
    ("width", "lang", "scheme"),
    [
        (1280, "en", "light"),
        (390, "zh", "dark"),
        pytest.param(1280, "zh", "dark", marks=pytest.mark.slow),
        pytest.param(390, "en", "light", marks=pytest.mark.slow),
    ],
)
def test_play_pause_step_and_back_in_a_page(width: int, lang: str, scheme: str) -> None:
    names = {"en": ("Play", "Pause", "Step", "Step back"), "zh": ("播放", "暂停", "走一步", "退一步")}[lang]
    playground = Playground("layers=4;2&seed=3", lang=lang)
    with stage(playground, width=width, scheme=scheme) as page:
        page.wait_for_selector(".pg-unit")
        assert page.locator(".pg-hit").count() == 2 * 4 + 4 * 2 + 2
        before = drawn(page)
        button(page, names[0]).click()
        page.wait_for_function(f"Number(document.querySelector('.fofx-playground').dataset.frames) >= {before + 36}")
        button(page, names[1]).click()
        until(page, lambda: not playground.playing)
        assert playground.settle()
        page.wait_for_function(
            f"document.querySelector('.pg-epoch-number').textContent.endsWith('{playground.sessions[0].epochs % 1000:03d}')"
        )
        page.wait_for_timeout(100)
        epochs, loss = epoch(page), playground.sessions[0].train_loss
        assert epochs >= 36 and f"{loss:.3f}" in page.locator(".pg-train").inner_text()
        assert str(epochs) in page.locator(".fofx-live").inner_text()
        button(page, names[2]).click()
        page.wait_for_function(
            f"parseInt(document.querySelector('.pg-epoch-number').textContent.replace(',', '')) === {epochs + 1}"
        )
        button(page, names[3]).click()
        page.wait_for_function(
            f"parseInt(document.querySelector('.pg-epoch-number').textContent.replace(',', '')) === {epochs}"
        )
        assert playground.sessions[0].train_loss == loss
        quiet(page)
    playground.close()


@needs_browser
def test_weights_by_keyboard_and_by_touch() -> None:
    playground = Playground("layers=2&seed=3", lang="en")
    session = playground.sessions[0]
    with stage(playground, width=390) as page:
        page.wait_for_selector(".pg-unit")
        page.locator(".pg-unit").first.focus()
        for _ in range(7 + 1):  # seven features, the first neuron, then its first weight
            page.keyboard.press("ArrowRight")
        label = page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert label == "x → neuron 1 of layer 1" and page.locator(".pg-what").is_hidden()
        before = float(session.weights[0][0][0, 0])
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Shift+ArrowUp")
        page.wait_for_function(
            f"Math.abs(document.activeElement.getAttribute('aria-valuenow') - {before + 1.1}) < 0.01"
        )
        assert session.weights[0][0][0, 0] == pytest.approx(before + 1.1, abs=1e-3)
        page.keyboard.press("Delete")
        page.wait_for_function("Number(document.activeElement.getAttribute('aria-valuenow')) === 0")
        page.keyboard.press("Enter")
        page.keyboard.type("2.5")
        page.keyboard.press("Enter")
        page.wait_for_function("Number(document.activeElement.getAttribute('aria-valuenow')) === 2.5")
        assert session.weights[0][0][0, 0] == 2.5
        page.keyboard.press("PageUp")  # the neuron: seen large, its bias by the arrows
        page.wait_for_selector(".pg-what:visible")
        assert page.locator(".pg-what").inner_text() == "neuron 1 of layer 1"
        bias = float(session.weights[0][1][0])
        page.keyboard.press("ArrowDown")
        page.wait_for_function(
            f"document.querySelector('.pg-card-value').textContent.replace('−', '-') - {bias - 0.1} < 0.01"
        )
        output = page.locator(".pg-unit").last  # the output's bias is shown and edited too
        output.dispatch_event("click")
        page.locator(".pg-card input[type=number]").fill("-1.5")
        until(page, lambda: session.weights[1][1][0] == -1.5)
        page.keyboard.press("Escape")
        assert page.locator(".pg-card").is_hidden()
        quiet(page)
    playground.close()


@needs_browser
@pytest.mark.parametrize("width", [1280, pytest.param(390, marks=pytest.mark.slow)])
def test_data_settings_and_the_url_go_round(width: int) -> None:
    playground = Playground("", lang="en")
    with stage(playground, width=width) as page:
        page.wait_for_selector(".pg-unit")
        page.get_by_role("radio", name="Spiral").click()
        page.get_by_label("Learning rate").first.select_option("0.1")
        page.get_by_label("Activation").first.select_option(label="ReLU")
        page.get_by_role("button", name="Add a neuron to layer 1").click()
        page.get_by_role("button", name="Add a hidden layer").click()
        page.locator(".pg-unit").nth(4).click()
        page.wait_for_function("document.querySelectorAll('.pg-head').length === 5")
        page.get_by_label("Show test data").check()
        until(page, lambda: playground.sessions[0].state.show_test)
        state = playground.sessions[0].state
        assert (state.data, state.rate, state.layers, state.show_test) == ("spiral", 0.1, (5, 2, 2), True)
        assert state.activations == ("relu",) * 3 and state.features == ("x", "y", "x * y")
        assert State.from_url(playground.state_url) == state
        playground.state_url = "problem=regression&data=plane&layers=3"  # what a host page does at "back"
        page.wait_for_selector("text=Hills")
        page.wait_for_function("document.querySelectorAll('.pg-hit').length === 9")
        assert playground.sessions[0].state.problem == "regression"
        playground.lang = "zh"
        page.wait_for_selector("text=多峰")
        quiet(page)
    playground.close()


@needs_browser
def test_numbers_that_burst_are_mended_by_one_click() -> None:
    playground = Playground("rate=10&activations=linear&problem=regression&data=plane", lang="en")
    with stage(playground) as page:
        page.wait_for_selector(".pg-unit")
        button(page, "Play").click()
        page.wait_for_selector(".pg-remedy:visible")
        assert "update" in page.locator(".pg-remedy p").inner_text() and not playground.playing
        page.locator(".pg-remedy button").click()
        page.wait_for_selector(".pg-remedy", state="hidden")
        assert np.isfinite(playground.sessions[0].train_loss) and playground.sessions[0].state.rate < 1
        quiet(page)
    playground.close()


@needs_browser
def test_painting_points_with_pointer_and_keyboard() -> None:
    playground = Playground("count=40", lang="en")
    with stage(playground) as page:
        page.wait_for_selector(".pg-unit")
        button(page, "Own points").click()
        button(page, "Start empty").click()
        page.get_by_role("radio", name="Class 2").click()
        box = page.locator(".pg-answer").bounding_box()
        page.mouse.move(box["x"] + 80, box["y"] + 80)
        page.mouse.down()
        page.mouse.move(box["x"] + 180, box["y"] + 80, steps=10)
        page.mouse.up()
        page.get_by_role("radio", name="Class 1").click()
        page.locator(".pg-answer").focus()
        for key in ("ArrowRight", "ArrowUp", "Space"):
            page.keyboard.press(key)
        until(page, lambda: playground.sessions[0].state.own[-1:] == ((0.25, 0.25, 0.0),))
        own = playground.sessions[0].state.own
        assert len(own) >= 6 and all(answer == 1 for _, _, answer in own[:-1])
        xs = [x for x, _, _ in own[:-1]]
        assert xs == sorted(xs) and xs[-1] - xs[0] > 2
        button(page, "Own points").click()  # closed again: the brush is put away
        assert "pg-brush" not in page.locator(".pg-answer").get_attribute("class")
        quiet(page)
    playground.close()


@needs_browser
def test_every_panel_opens_and_a_teacher_can_hide() -> None:
    playground = Playground("count=60&hide=rate;sweep;layers", lang="zh")
    with stage(playground, width=390, height=900) as page:
        page.wait_for_selector(".pg-unit")
        tabs = page.locator(".pg-tab:visible")
        assert tabs.count() == 9 and page.get_by_text("学习率 (learning rate)").first.is_hidden()
        for number in range(9):
            tabs.nth(number).click()
            assert page.locator(".pg-panel").is_visible() and page.locator(".pg-panel h4").count() >= 1
        page.get_by_label("学习率 (learning rate)").last.uncheck()
        page.wait_for_selector("text=学习率 (learning rate) >> visible=true")
        until(page, lambda: playground.sessions[0].state.hide == ("sweep", "layers"))
        page.locator(".pg-tab", has_text="代码").click()
        page.wait_for_function("document.querySelector('.pg-code').textContent.includes('torch')")
        page.locator(".pg-tab", has_text="两个网络").click()
        button(page, "加第二个网络").click()
        page.wait_for_function("document.querySelectorAll('.pg-lane').length === 2")
        button(page, "播放").click()
        until(page, lambda: playground.sessions[1].epochs > 3)
        button(page, "暂停").click()
        until(page, lambda: not playground.playing)
        assert playground.settle() and playground.sessions[0].epochs == playground.sessions[1].epochs
        quiet(page)
    playground.close()
