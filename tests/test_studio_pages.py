"""The pages of the studio without a browser: NiceGUI's simulated user on a real workspace with a real run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import urllib.parse
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fofx.errors import DataError, RunError, TaskError
from fofx.find import find
from fofx.studio.formula import formula
from fofx.studio.jobs import Jobs
from fofx.studio.pages import blocks, calls, draw, inspect, sketch
from fofx.studio.workspace import Workspace
from fofx.words import LANGUAGES

nicegui = pytest.importorskip("nicegui")
EVIL = "<img src=x onerror=alert(1)>"  # a column's name, a label and a run's name
EVIL_RUN = "<b>bold</b>&'".replace("/", "∕").replace("<", "‹").replace(">", "›")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs: one of classes with a network and hostile names, one of numbers."""
    place = tmp_path_factory.mktemp("runs")
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 240)).round(3)
    kind = np.where(x + y > 0, EVIL, "no & yes")
    rows = {"x": x.tolist(), EVIL: y.tolist(), "kind": kind.tolist()}
    find(rows, "kind", model="mlp", budget=1.5, out=str(place), name="evil")
    find({"x": x.tolist(), "y": (2 * x + 1).tolist()}, "y", model="linear", budget=1, out=str(place), name=EVIL_RUN)
    return place


@pytest.fixture
def workspace(folder: Path) -> Workspace:
    return Workspace(folder)


Visit = Callable[[Any], Awaitable[None]]


@contextlib.contextmanager
def no_warnings_of_others() -> Iterator[None]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def visit(workspace: Any, act: Visit) -> None:
    """Let a simulated user act on the pages of this workspace."""
    from nicegui.testing import user_simulation

    from fofx.studio import bridge, pages

    async def whole() -> None:
        jobs = Jobs(workspace)
        async with user_simulation() as user:
            nicegui.app.router.routes.extend(bridge.routes())
            pages.register(lambda: workspace, lambda: jobs)
            await act(SimpleNamespace(user=user, jobs=jobs))

    with no_warnings_of_others():
        asyncio.run(whole())


def sees(text: str, **more: Any) -> Visit:
    async def act(world: Any) -> None:
        await world.user.should_see(text, retries=100, **more)

    return act


def go(workspace: Any, address: str, *checks: Visit) -> None:
    async def act(world: Any) -> None:
        await world.user.open(address)
        for check in checks:
            await check(world)

    visit(workspace, act)


# ---- pages


PAGES = [
    ("/?lang=en", "Deep learning is finding a function f"),
    ("/?lang=zh", "深度学习，就是寻找一个函数 f"),
    ("/runs?lang=zh", "导入运行记录"),
    ("/tasks?lang=en", "Bring your own data"),
    ("/learn?lang=zh", "动手学"),
    ("/learn/line?lang=en", "Six points, two parameters, one loss"),
    ("/learn/nothing?lang=en", "There is no page at this address."),
    ("/run/evil?lang=en", "Before you believe it"),
    ("/run/evil/code?lang=zh", "带回家"),
    ("/run/evil/mistakes?lang=en", "Right answers, for comparison"),
    ("/run/evil/predict?lang=en", "The right kind"),
    ("/run/evil/model?lang=en", "Unfold a block"),
    ("/run/evil/inside?lang=en", "Confusion matrix"),
    ("/run/evil/report?lang=zh", "下载报告"),
    ("/run/evil/curves?lang=en", "Curves"),
    ("/run/evil/nothing?lang=en", "There is no page at this address."),
    ("/compare?lang=en&run=evil&run=" + urllib.parse.quote(EVIL_RUN), "Where they differ"),
    ("/compare?lang=en&run=evil", "Tick at least two runs"),
    ("/tasks/new?lang=en&task=line", "Six points"),
]
WRONG = [
    ("/run/gone?lang=en", "[no-run]"),
    ("/run/.fofx?lang=en", "[bad-name]"),
    ("/tasks/new?lang=en&task=gone", "[unknown-task]"),
    ("/tasks/new?lang=en&upload=gone", "[no-upload]"),
    ("/tasks/new?lang=en&path=/gone/data.csv", "[no-such-file]"),
    ("/run/evil/inside?lang=en&show=attention", "Confusion matrix"),
]


def test_every_page_says_what_it_is_for_and_an_error_is_a_notice_with_its_code(workspace: Workspace) -> None:
    async def act(world: Any) -> None:
        for address, words in (*PAGES, *WRONG):
            await world.user.open(address)
            await world.user.should_see(words, retries=100)
            assert world.user.client.content.default_slot.children, address

    visit(workspace, act)


def test_a_page_that_breaks_shows_the_number_of_the_error(workspace: Workspace, caplog: Any) -> None:
    class Broken(Workspace):
        def runs(self) -> Any:
            raise ZeroDivisionError("broken on purpose")

    go(Broken(workspace.folder), "/runs?lang=en", sees("[unexpected]"))
    assert "broken on purpose" in caplog.text


def test_an_empty_workspace_says_what_to_do(tmp_path: Path) -> None:
    go(Workspace(tmp_path), "/runs?lang=en", sees("There is no run yet."))


def test_the_language_is_remembered_and_other_languages_fall_back() -> None:
    from starlette.requests import Request

    from fofx.studio.look import language_of

    def asked(query: str = "", **headers: str) -> str:
        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        return language_of(Request({"type": "http", "query_string": query.encode(), "headers": pairs}))

    assert asked() == "en"
    assert asked("lang=zh") == "zh"
    assert asked("lang=xx", cookie="fofx_lang=zh") == "zh"
    assert asked("lang=en", cookie="fofx_lang=zh") == "en"
    assert asked(accept_language="fr-FR,zh-CN;q=0.8,en;q=0.5") == "zh"


def test_what_a_user_named_is_text_everywhere(workspace: Workspace) -> None:
    """A column called <img onerror> stands on every part of a run's page as text; no element takes it as markup."""

    async def act(world: Any) -> None:
        for tab in ("", "/mistakes", "/predict", "/code", "/inside?show=confusion", "/model"):
            await world.user.open(f"/run/evil{tab}")
            await asyncio.sleep(0.3)
            for element in world.user.client.elements.values():
                markup = element._props.get("innerHTML") or ""
                assert EVIL not in str(markup), (tab, element)

    visit(workspace, act)


def test_deleting_a_run_can_be_undone(workspace: Workspace) -> None:
    before = {line.name for line in workspace.runs()}
    between: list[set[str]] = []

    async def act(world: Any) -> None:
        from nicegui import ui

        await world.user.open("/runs?lang=en")
        found = world.user.find(kind=ui.menu_item)
        words = {each: [part.text for part in each.default_slot.children] for each in found.elements}
        found.elements = {next(each for each in words if words[each] == ["Delete"])}
        found.click()
        await world.user.should_see("was deleted.", retries=50)
        between.append({line.name for line in workspace.runs()})
        world.user.find("Undo").click()
        await world.user.should_see("is back", retries=50)

    visit(workspace, act)
    assert len(before) == 2 and len(between[0]) == 1
    assert {line.name for line in workspace.runs()} == before


def test_starting_a_task_twice_starts_it_once(tmp_path: Path) -> None:
    started: list[tuple[dict, str]] = []
    workspace = Workspace(tmp_path)

    async def act(world: Any) -> None:
        def start(asked: dict, once: str) -> Any:
            started.append((asked, once))
            return SimpleNamespace(name="new")

        world.jobs.start = start
        await world.user.open(
            '/tasks/new?lang=en&task=river&asked={"budget": 10.0, "seed": 3, "nonsense": 1, "time": 5}'
        )
        await world.user.should_see("In Python", retries=200)
        world.user.find("Start").click()
        world.user.find("Start").click()
        for _ in range(100):
            if len(started) == 2:
                break
            await asyncio.sleep(0.02)

    visit(workspace, act)
    assert started and len({once for _, once in started}) == 1
    asked = started[0][0]
    assert asked["task"] == "river" and asked["budget"] == 10.0 and asked["seed"] == 3
    assert (
        asked["time"] == "date" and "nonsense" not in asked
    )  # the task's own; what the address says wrongly is passed over


def test_live_page_fills_the_ladder_from_events(workspace: Workspace) -> None:
    events = [
        {"what": "begun"},
        {"what": "task", "notices": [{"code": "leak-answer", "text": "x gives y away", "count": 1}]},
        {"what": "rung", "rung": "linear", "family": "linear", "number": 2, "of": 4},
        {"what": "scored", "rung": "linear", "validation": 0.25, "metric": "rmse", "seconds": 0.1, "error": None},
        {"what": "rung", "rung": "tree", "family": "classical", "number": 3, "of": 4},
        {"what": "scored", "rung": "tree", "validation": None, "metric": "rmse", "seconds": 0.1, "error": "<b>no</b>"},
    ]
    cancelled: list[int] = []

    async def act(world: Any) -> None:
        job = SimpleNamespace(
            status="running", name="new", run=Path("none"), cancel=lambda: cancelled.append(1),
            events=lambda cursor: (events if cursor is None else [], {"events": 1}),
        )  # fmt: skip
        world.jobs.of_run = lambda name: job
        await world.user.open("/run/new?lang=en")
        for text in ("rmse 0.25", "x gives y away", "gave nothing: <b>no</b>", "Training tree (3 of 4"):
            await world.user.should_see(text, retries=50)
        world.user.find("Stop and keep the best so far").click()
        await world.user.should_see("Stop at once", retries=50)

    visit(workspace, act)
    assert cancelled == [1]


def test_a_training_that_was_cut_short_can_go_on(workspace: Workspace) -> None:
    resumed: list[Any] = []

    async def act(world: Any) -> None:
        job = SimpleNamespace(status="cut-short", name="new", run=Path("none"), end={})
        world.jobs.of_run = lambda name: job
        world.jobs.resume = resumed.append
        await world.user.open("/run/new?lang=en")
        await world.user.should_see("cut short", retries=50)
        world.user.find("Go on").click()
        for _ in range(50):
            if resumed:
                break
            await asyncio.sleep(0.02)

    visit(workspace, act)
    assert len(resumed) == 1


# ---- what pages are made of


def test_the_same_call_in_python_runs(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import fofx

    asked = {
        "path": "it's.csv",
        "outputs": ['a"b', "c"],
        "kinds": {"c": "category"},
        "budget": 12.5,
        "group": "windows",
    }
    taken: list[Any] = []
    monkeypatch.setattr(fofx, "find", lambda *given, **named: taken.append((given, named)))
    exec(calls.python_call(asked, "it's.csv"), {})
    assert taken == [
        (("it's.csv",), {"outputs": ['a"b', "c"], "kinds": {"c": "category"}, "budget": 12.5, "group": "windows"})
    ]


def test_the_command_line_is_what_the_command_line_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    import shlex

    from fofx.cli.work import PASSED_ON, options

    asked = {
        "path": "a b.csv",
        "outputs": ["y"],
        "kinds": {"x": "category", "y": "number"},
        "budget": 20.0,
        "seed": 3,
        "augment": False,
    }
    words = shlex.split(calls.command(asked, "a b.csv", ["x", "z"]))
    assert words[:3] == ["fofx", "find", "a b.csv"] and "--no-augment" in words
    values: dict[str, Any] = dict.fromkeys(PASSED_ON)
    values |= {
        "output": [words[n + 1] for n, word in enumerate(words) if word == "--output"],
        "input": [words[n + 1] for n, word in enumerate(words) if word == "--input"],
        "no_augment": True,
    }
    found = options(values)
    assert found["outputs"] == ["y"] and found["inputs"] == ["x", "z"]
    assert found["kinds"] == {"x": "category", "y": "number"} and found["augment"] is False


def test_settings_of_an_address_are_checked(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    source = inspect.open_source(workspace, {"task": "river"})
    names = source.table.frame.columns
    for key, bad in (
        ("outputs", []), ("outputs", ["gone"]), ("inputs", "x"), ("kinds", {"gone": "number"}), ("time", 3), ("group", "gone"),
        ("budget", -1), ("budget", 1e9), ("seed", True), ("seed", 2**31), ("label_smoothing", 1.0), ("strict", 1), ("model", 7),
    ):  # fmt: skip
        assert not inspect.fits(key, bad, names), key
    settings = inspect.first_settings(source, {"asked": json.dumps({"seed": 9, "outputs": ["month"], "budget": -4})})
    assert settings["seed"] == 9 and settings["outputs"] == ["month"] and settings["budget"] == 60.0
    assert inspect.first_settings(source, {"asked": "{broken"})["outputs"] == ["next_level"]
    back = json.loads(inspect.differing(source, settings))
    assert back == {"seed": 9, "outputs": ["month"]}


def test_looking_at_a_task_says_what_find_says(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    upload = workspace.paste("x,y\n" + "\n".join(f"{n % 7},{n % 7 * 2}" for n in range(100)))
    source = inspect.open_source(workspace, {"upload": upload.key})
    settings = inspect.first_settings(source, {})
    looked = inspect.look(source, settings)
    assert [column.name for column in looked.task.outputs] == ["y"] and sum(looked.rows.values()) == 100
    assert any(note.code.startswith("leak") for note in looked.notices)
    with pytest.raises(TaskError) as error:
        inspect.look(source, {**settings, "inputs": ["y"]})
    assert error.value.code == "output-among-inputs"
    assert "bayes" in inspect.models_for(looked.task) and "cnn" not in inspect.models_for(looked.task)


def test_shapes_in_the_tree_are_those_of_a_real_row(workspace: Workspace) -> None:
    from fofx.see.rows import blocks_and_targets

    function = workspace.load("evil")
    rung = function.rung("mlp")
    tree = blocks.tree_of(rung, blocks_and_targets(function, "mlp", [0]).blocks)
    assert tree.into == "(1, 2)" and tree.out == "(1, 2)"
    assert tree.weights == sum(p.numel() for p in rung.network.parameters())
    kinds = {block.kind: block for block in everything(tree)}
    assert kinds["MLP"].file == "fofx/models/mlp.py" and "class MLP" in kinds["MLP"].source
    assert kinds["Linear"].file and kinds["Linear"].file.startswith("torch/")
    assert all(block.formula for block in everything(tree) if block.kind in ("Linear", "MLP", "ReLU", "Network"))


def everything(block: blocks.Block) -> list[blocks.Block]:
    return [block, *(each for part in block.parts for each in everything(part))]


def test_a_run_can_be_looked_at_as_it_was(workspace: Workspace) -> None:
    """At step 0 the network has learnt nothing: other answers than at the end, and the run itself stays as it is."""
    from fofx.see.confusion import confusion
    from fofx.studio.pages.inside_parts import as_it_was, recorded_steps

    function = workspace.load("evil")
    steps = recorded_steps(function, "mlp")
    assert steps[0] == 0 and len(steps) > 3 and recorded_steps(function, "linear") == []
    end = confusion(function, "mlp")
    then, rung = as_it_was(function, "mlp", 0)
    assert rung == "mlp"
    before = confusion(then, rung)
    assert before.counts.sum() == end.counts.sum() and (before.counts != end.counts).any()
    assert before.accuracy < end.accuracy
    assert (confusion(function, "mlp").counts == end.counts).all() and function.winner == "mlp"


@pytest.mark.parametrize("name", sorted(blocks.FORMULAS))
def test_every_formula_can_be_drawn(name: str) -> None:
    drawn = formula(blocks.FORMULAS[name])
    assert drawn.startswith("<svg") and "currentColor" in drawn and drawn.count("<path") > 2
    assert "<symbol" not in drawn and "http" not in re.sub(r'xmlns(:\w+)?="[^"]+"', "", drawn)


def test_a_drawing_becomes_a_picture_like_the_examples() -> None:
    examples = np.zeros((20, 8, 8), np.uint8)
    examples[:, 1:7, 2:6] = 200  # bright ink, 6 high and 4 wide
    ink = np.zeros((280, 280))
    ink[10:70, 200:240] = 1  # small, and in a corner
    picture = sketch.like(ink, examples)
    assert picture.shape == (8, 8) and picture.dtype == np.uint8
    assert picture[1:7, 2:6].min() >= 190 and picture[0].max() == 0 and picture[:, :2].max() == 0
    dark = sketch.like(ink, 255 - examples)
    assert np.array_equal(dark, 255 - picture)
    with pytest.raises(DataError) as error:
        sketch.like(np.zeros((280, 280)), examples)
    assert error.value.code == "no-drawing"


@pytest.mark.parametrize(
    "text", ["", "data:image/png;base64,AAAA", "data:image/svg+xml,<svg/>", "data:image/png;base64," + "A" * 500_000]
)
def test_only_a_drawing_is_taken_for_one(text: str) -> None:
    with pytest.raises(DataError) as error:
        sketch.ink_of(text)
    assert error.value.code == "bad-picture"


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_lie_between_the_ends(low: float, wide: float) -> None:
    high = low + wide
    found = draw.ticks(low, high)
    assert len(found) <= 8 and found == sorted(found)
    assert all(low - 1e-6 * wide - 1e-9 * abs(low) <= tick <= high + 1e-6 * wide + 1e-9 * abs(high) for tick in found)


@given(st.text(max_size=20))
def test_names_in_charts_are_escaped(name: str) -> None:
    markup = draw.curves([(name, [0, 1], [1.0, 2.0])], name, name, name) + draw.bars([(name, 1.0)], name)
    markup += draw.points(np.array([[0.0, 1.0], [1.0, 0.0]]), [name, "b"], name, [name, name])
    inside = (
        markup.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "").replace("&quot;", "").replace("&#x27;", "")
    )
    assert inside.count("<") == inside.count(">")


def test_curves_leave_out_what_is_not_finite() -> None:
    markup = draw.curves([("loss", [0, 1, 2, 3], [1.0, float("nan"), None, 0.5])], "loss")
    assert "nan" not in markup.lower() and markup.count("L") == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_report_in_the_frame_runs_nothing(workspace: Workspace, lang: str) -> None:
    async def act(world: Any) -> None:
        await world.user.open(f"/run/evil/report?lang={lang}")
        await asyncio.sleep(0.5)
        frames = [each for each in world.user.client.elements.values() if each.tag == "iframe"]
        assert len(frames) == 1 and frames[0]._props["sandbox"] == ""
        assert "script-src" not in frames[0]._props["srcdoc"] and "default-src 'none'" in frames[0]._props["srcdoc"]
        assert re.search(rf'id="in-{lang}" checked', frames[0]._props["srcdoc"])

    visit(workspace, act)


def test_a_damaged_run_is_one_notice(folder: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(folder / "evil", tmp_path / "evil")
    (tmp_path / "evil" / "fields.json").write_text("{")
    go(Workspace(tmp_path), "/run/evil?lang=en", sees("[damaged-run]"))
    with pytest.raises(RunError):
        Workspace(tmp_path).load("evil")
