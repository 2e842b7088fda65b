"""The bridge: traits and messages of any anywidget over a socket, without loss, echo or pile-up; in Python and in Chromium."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.studio.link import WINDOW, Link, encode, join, put_buffers, split, split_buffers
from stage import CHROMIUM, FLAGS, needs_browser
from studio_stage import Running, make_widget, running

Echo, ended = make_widget()


class Page:
    """A page as the link sees one: it hears frames, says that it has seen them, and may be slow or gone."""

    def __init__(self, link: Link, seen: int = 0, answers: bool = True) -> None:
        self.link, self.seen, self.answers = link, seen, answers
        self.heard: list[tuple[dict[str, Any], list[bytes]]] = []
        self.said: asyncio.Queue[bytes] = asyncio.Queue()
        self.number = 0

    async def carry(self, frame: bytes) -> None:
        head, buffers = split(frame)
        self.heard.append((head, [each.tobytes() for each in buffers]))
        if self.answers and head.get("number"):
            self.see(head["number"])

    def see(self, number: int) -> None:
        self.said.put_nowait(join(json.dumps({"what": "seen", "number": number}), []))

    def say(self, buffers: list[bytes] | None = None, **head: Any) -> None:
        self.number += 1
        sizes = [len(each) for each in buffers or []]
        self.said.put_nowait(join(json.dumps({"number": self.number, "sizes": sizes, **head}), buffers or []))

    async def __aenter__(self) -> Page:
        self.said.put_nowait(join(json.dumps({"what": "hello", "seen": self.seen}), []))
        self.task = asyncio.create_task(self.link.serve(self.carry, self.said.get))
        await until(lambda: bool(self.heard))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def told(self, what: str) -> list[dict[str, Any]]:
        return [head for head, _ in self.heard if head["what"] == what]


async def until(ready: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it never happened"
        await asyncio.sleep(0.005)


def with_link(try_out: Callable[[Any, Link], Awaitable[None]]) -> None:
    async def once() -> None:
        widget = Echo()
        link = Link(widget)
        await try_out(widget, link)
        widget.close()
        widget.layout.close()
        await asyncio.sleep(0)
        assert link.over

    asyncio.run(once())


# ---- the form of a message

values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_any_state_goes_over_and_comes_back(state: dict[str, Any]) -> None:
    rest, paths, buffers = split_buffers(state)
    head, views = split(join(json.dumps({"state": rest, "paths": paths, "sizes": list(map(len, buffers))}), buffers))
    assert put_buffers(head["state"], head["paths"], views) == state


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_every_buffer_begins_at_a_multiple_of_eight(buffers: list[bytes]) -> None:
    frame = join(json.dumps({"sizes": list(map(len, buffers))}), buffers)
    assert len(frame) % 8 == 0
    assert [each.tobytes() for each in split(frame)[1]] == buffers


@given(st.binary(max_size=60))
def test_what_is_no_message_is_refused(frame: bytes) -> None:
    try:
        head, _ = split(frame)
    except (ValueError, RecursionError):
        return
    assert isinstance(head, dict)


def test_numbers_that_json_does_not_know_become_null() -> None:
    import numpy as np

    text = encode({"a": float("nan"), "b": [float("inf"), np.float32(2)], "c": np.array([1.0, float("nan")])})
    assert json.loads(text) == {"a": None, "b": [None, 2.0], "c": [1.0, None]}


# ---- the link


def test_a_page_hears_the_whole_state_first() -> None:
    async def try_out(widget: Any, link: Link) -> None:
        widget.name = "before anyone listened"
        async with Page(link) as page:
            head, buffers = page.heard[0]
            assert head["what"] == "state"
            assert set(head["state"]) == {"count", "half", "name", "data", "nested"}, "nothing private, no layout"
            assert head["state"]["name"] == "before anyone listened" and head["state"]["data"] is None
            found = put_buffers(head["state"], head["paths"], [memoryview(each) for each in buffers])
            assert found["data"] == b"\x01\x02\x03" and found["nested"]["x"] == [b"ab", 1]
            assert len(page.told("update")) == 0

    with_link(try_out)


def test_a_change_of_the_page_is_not_echoed_but_its_consequence_is_told() -> None:
    async def try_out(widget: Any, link: Link) -> None:
        async with Page(link) as page:
            page.say(what="update", state={"count": 8}, paths=[])
            await until(lambda: widget.count == 8 and len(page.told("update")) == 1)
            assert page.told("update")[0]["state"] == {"half": 4.0}
            page.say(what="update", state={"count": 1000}, paths=[])
            await until(lambda: widget.count == 100)
            await until(lambda: any("count" in head["state"] for head in page.told("update")))
            newest = [head["state"]["count"] for head in page.told("update") if "count" in head["state"]]
            assert newest == [100], "a value that Python corrected comes back"

    with_link(try_out)


def test_bytes_of_the_page_arrive_as_bytes() -> None:
    async def try_out(widget: Any, link: Link) -> None:
        async with Page(link) as page:
            page.say([b"new"], what="update", state={"data": None}, paths=[["data"]])
            await until(lambda: widget.data == b"new")
            page.say([b"xyz"], what="custom", content={"do": "echo", "n": 1})
            await until(lambda: bool(page.told("custom")))
            head, buffers = next(pair for pair in page.heard if pair[0]["what"] == "custom")
            assert head["content"]["content"] == {"do": "echo", "n": 1} and buffers == [b"!xyz"]
            assert widget.thread != threading.get_ident(), "work is done off the event loop"

    with_link(try_out)


def test_messages_are_carried_out_one_at_a_time_and_in_order() -> None:
    async def try_out(widget: Any, link: Link) -> None:
        async with Page(link) as page:
            for number in range(100):
                page.say(what="custom", content={"do": "order", "number": number})
            await until(lambda: len(widget.seen) == 100)
            assert widget.seen == list(range(100))
            await until(lambda: page.heard[-1][0]["got"] == 100)

    with_link(try_out)


def test_a_value_that_does_not_fit_is_taken_back_and_explained() -> None:
    async def try_out(widget: Any, link: Link) -> None:
        async with Page(link) as page:
            page.say(what="update", state={"count": "many"}, paths=[])
            await until(lambda: bool(page.told("trouble")))
            assert "count" in page.told("trouble")[0]["text"] and widget.count == 0
            assert page.told("update")[0]["state"] == {"count": 0}, "the page shows again what holds"
            page.say(what="update", state={"count": 1}, paths=[])
            await until(lambda: page.told("trouble")[-1]["text"] == "")

    with_link(try_out)


@pytest.mark.parametrize(
    "head",
    [
        {"what": "nothing"}, {}, {"what": "update"}, {"what": "update", "state": 1}, {"what": "update", "state": {}, "paths": [["x"]]},
        {"what": "update", "state": {"_esm": "evil", "comm": 1, "layout": 2, "nothing": 3}}, {"what": "custom"},
        {"what": "update", "state": {"data": None}, "paths": [[]], "sizes": []},
    ],
)  # fmt: skip
def test_a_strange_message_changes_nothing_and_the_link_goes_on(head: dict) -> None:
    async def try_out(widget: Any, link: Link) -> None:
        before = widget.get_state()
        async with Page(link) as page:
            page.say(**head)
            page.say(what="custom", content={"do": "order", "number": 1})
            await until(lambda: widget.seen == [1])
        assert widget.get_state() == before and widget.comm is link

    with_link(try_out)


def frames_of(page: Page) -> list[int]:
    return [head["content"]["number"] for head in page.told("custom") if head["content"].get("kind") == "frame"]


def test_a_page_that_is_behind_gets_the_newest_frame_and_no_old_ones() -> None:
    async def try_out(widget: Any, link: Link) -> None:
        async with Page(link, answers=False) as page:
            for number in range(1000):
                widget.send({"kind": "frame", "number": number}, [b"x" * 100])
                await asyncio.sleep(0)
            widget.send({"kind": "other", "number": -1}, [b"y"])
            widget.send({"kind": "answer"})
            await until(lambda: len(link.waiting) == 3)
            behind = frames_of(page)
            assert len(behind) <= WINDOW, "no more than that is under way unseen"
            page.answers = True
            page.see(page.heard[-1][0]["number"])
            await until(lambda: len(page.told("custom")) == len(behind) + 3)
            assert frames_of(page) == [*behind, 999]
            assert [head["content"]["kind"] for head in page.told("custom")[-3:]] == ["frame", "other", "answer"]

    with_link(try_out)


def test_answers_and_kept_messages_are_never_left_out() -> None:
    async def try_out(widget: Any, link: Link) -> None:
        async with Page(link, answers=False) as page:
            for number in range(50):
                widget.send({"kind": "frame", "keep": True, "number": number}, [b"x"])
                widget.send({"kind": "answer", "number": number})
            await until(lambda: len(link.waiting) > 50)
            page.answers = True
            page.see(page.heard[-1][0]["number"])
            await until(lambda: len(page.told("custom")) == 100)
            assert frames_of(page) == list(range(50))

    with_link(try_out)


def test_only_the_newest_value_of_a_trait_waits() -> None:
    async def try_out(widget: Any, link: Link) -> None:
        for number in range(200):
            widget.name = str(number)
            widget.data = bytes([number % 256])
        await asyncio.sleep(0.05)
        assert len(link.waiting) == 2
        async with Page(link) as page:
            assert page.heard[0][0]["state"]["name"] == "199"
            await asyncio.sleep(0.05)
            assert not page.told("update"), "it was in the whole state"

    with_link(try_out)


def test_after_a_break_nothing_is_lost_and_nothing_twice() -> None:
    async def try_out(widget: Any, link: Link) -> None:
        async with Page(link, answers=False) as page:
            for number in range(10):
                widget.send({"kind": "answer", "number": number})
            await until(lambda: len(page.told("custom")) == 10)
            page.say(what="custom", content={"do": "order", "number": 1})
            await until(lambda: widget.seen == [1])
            seen = next(head for head in page.told("custom") if head["content"]["number"] == 6)["number"]
        widget.name = "while away"
        widget.send({"kind": "answer", "number": 10})
        async with Page(link, seen=seen) as again:  # the page had carried out up to 6 when the connection broke
            await until(lambda: len(again.told("custom")) == 4)
            assert [head["content"]["number"] for head in again.told("custom")] == [7, 8, 9, 10]
            assert again.heard[0][0]["state"]["name"] == "while away" and again.heard[0][0]["got"] == 1
            again.say(
                what="custom", content={"do": "order", "number": 1}
            )  # sent again: the page did not hear that it came
            again.say(what="custom", content={"do": "order", "number": 2})
            await until(lambda: len(widget.seen) == 2)
            assert widget.seen == [1, 2]

    with_link(try_out)


def names_of(page: Page) -> list[str]:
    return [head["state"]["name"] for head, _ in page.heard if "name" in head.get("state", {})]


def test_a_change_made_while_the_page_is_told_the_state_is_not_lost() -> None:
    async def try_out(widget: Any, link: Link) -> None:
        for turn in range(30):
            stop = threading.Event()

            def count(first: int = turn * 1000, stop: threading.Event = stop) -> None:
                number = first
                while not stop.is_set():
                    widget.name, number = str(number), number + 1

            worker = threading.Thread(target=count)
            worker.start()
            async with Page(link) as page:
                await asyncio.sleep(0.005)
                stop.set()
                await asyncio.to_thread(worker.join)
                await until(lambda page=page: names_of(page)[-1] == widget.name)

    with_link(try_out)


def test_a_closed_widget_ends_its_link_and_leaves_nothing() -> None:
    import gc
    import weakref

    from ipywidgets.widgets import widget as all_widgets

    async def once() -> weakref.ref:
        before = len(all_widgets._instances)
        widget = Echo()
        link = Link(widget)
        async with Page(link) as page:
            widget.close()
            widget.layout.close()
            await until(lambda: link.over)
            assert page.link.carry is None
        assert len(all_widgets._instances) == before
        return weakref.ref(widget)

    kept = asyncio.run(once())
    gc.collect()
    assert kept() is None


@settings(max_examples=20)
@given(st.lists(st.sampled_from(["update", "python", "break"]), min_size=1, max_size=12))
def test_both_sides_end_with_the_same_values(turns: list[str]) -> None:
    """Whoever writes, and whenever the connection breaks: in the end the page holds what Python holds."""

    async def try_out(widget: Any, link: Link) -> None:
        held: dict[str, Any] = {}
        seen = 0

        def listen(page: Page) -> None:
            for head, _ in page.heard:
                if "state" in head:
                    held.update(head["state"])

        page = Page(link)
        await page.__aenter__()
        for number, turn in enumerate(turns):
            if turn == "update":
                held["name"] = f"page {number}"
                page.say(what="update", state={"name": held["name"]}, paths=[])
                await until(lambda: widget.name == held["name"])
            elif turn == "python":
                widget.name = f"python {number}"
            else:
                await page.__aexit__()
                listen(page)
                seen = page.heard[-1][0].get("number", seen)
                page, before = Page(link, seen), page
                page.number = before.number
                await page.__aenter__()
        widget.count += 1  # told last, so that all before has been told
        await until(lambda: any(head.get("state", {}).get("count") == widget.count for head, _ in page.heard))
        listen(page)
        if turns[-1] != "update":
            assert held["name"] == widget.name
        await page.__aexit__()

    with_link(try_out)


# ---- in a browser


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(Path(tmp_path_factory.mktemp("bridge"))) as server:
        yield server


@pytest.fixture(scope="module")
def browser(studio: Running) -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, studio: Running) -> Iterator[Any]:
    context = browser.new_context()
    page = context.new_page()
    page.said, page.asked = [], []
    page.on("console", lambda line: page.said.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda asked: page.asked.append(asked.url) if not asked.url.startswith(studio.url) else None)
    page.goto(f"{studio.url}/stage?token={studio.token}")
    page.wait_for_function("window.begun === 2")
    yield page
    assert not page.asked, "a request left this machine"
    context.close()


@needs_browser
def test_a_widget_lives_on_a_page_under_the_policy(page: Any, studio: Running) -> None:
    assert page.evaluate(
        "[model.get('count'), model.get('data').getUint8(2), model.get('nested')['not a number']]"
    ) == [0, 3, None]
    assert page.evaluate("new TextDecoder().decode(model.get('nested').x[0])") == "ab"
    assert page.evaluate("getComputedStyle(document.getElementById('said')).color") == "rgb(1, 2, 3)"
    page.evaluate("model.set('count', 500); model.set('name', 'zwei'); model.save_changes()")
    page.wait_for_function("model.get('count') === 100 && model.get('half') === 50")
    assert page.locator("#said").first.inner_text() in ("100 zwei", "0 a"), "one of the two widgets"
    page.evaluate("model.send({do: 'echo', a: 1}, undefined, [new Uint8Array([65, 66])])")
    page.wait_for_function("heard.length === 1")
    assert page.evaluate("heard[0]") == [{"kind": "echo", "content": {"do": "echo", "a": 1}, "keep": True}, [3]]
    assert page.evaluate("invoke('double', 21).then(([answer]) => answer)") == 42
    assert not page.said


@needs_browser
def test_a_slow_page_gets_fewer_frames_in_order_and_the_newest(page: Any) -> None:
    page.evaluate("slow = 40; model.send({do: 'frames', count: 100, size: 40000, pause: 0.005})")
    page.wait_for_function("heard.length === 1", timeout=30000)
    frames = page.evaluate("frames")
    assert frames["order"] and frames["last"] == 99 and 3 <= frames["count"] < 100
    assert not page.said


@needs_browser
def test_a_page_comes_back_after_a_break_with_everything(page: Any, studio: Running) -> None:
    page.evaluate("for (let i = 0; i < 100; i++) model.send({do: 'order', number: i})")
    studio.get("/test/drop")
    page.evaluate("for (let i = 100; i < 200; i++) model.send({do: 'order', number: i})")
    page.evaluate("model.set('name', 'while away'); model.save_changes(); model.send({do: 'seen'})")
    page.wait_for_function("heard.length === 1", timeout=30000)
    assert page.evaluate("heard[0][0].seen") == list(range(200))
    assert page.evaluate("model.get('name')") == "while away"
    assert page.locator("[role=alert]:visible").count() == 0, "the message about the break is gone"


@needs_browser
def test_a_removed_widget_cleans_up_on_both_sides(page: Any, studio: Running) -> None:
    before = studio.get("/test/count")
    page.get_by_role("button", name="remove").click()
    page.wait_for_function("window.cleaned === 1")
    for _ in range(100):
        after = studio.get("/test/count")
        if after["ended"] == before["ended"] + 1:
            break
        time.sleep(0.1)
    assert after["ended"] == before["ended"] + 1 and after["links"] == before["links"] - 1
    assert after["widgets"] == before["widgets"] - 2, "the widget and its layout"


@needs_browser
def test_what_breaks_in_a_widget_is_said_in_its_place(page: Any, studio: Running) -> None:
    page.goto(f"{studio.url}/broken")
    alert = page.get_by_role("alert").filter(has_text="cannot be shown")
    alert.wait_for()
    assert alert.inner_text() == "This picture cannot be shown. (<img src=x onerror=alert(1)> no)"
    assert page.locator("img[src=x]").count() == 0
