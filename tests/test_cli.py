"""The command line: every command on a small real finding, its texts in two languages, its errors, its JSON."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fofx.cli import main, take_language, work
from fofx.cli.commands import app
from fofx.cli.speak import command
from fofx.errors import FindError, Notice, TaskError
from fofx.tasks import tasks
from fofx.words import LANGUAGES, language, notice, say, table

COMMANDS = ("find", "try", "score", "forecast", "runs", "show", "eject", "tasks", "run", "demo", "doctor")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small table and one run on it."""
    folder = tmp_path_factory.mktemp("place")
    chance = random.Random(0)
    rows = [(chance.random(), chance.choice(["red", "blue"])) for _ in range(120)]
    lines = [f"{x:.3f},{colour},{3 * x + (colour == 'red') + chance.gauss(0, 0.05):.3f}" for x, colour in rows]
    (folder / "small.csv").write_text("\n".join(["x,colour,y", *lines]) + "\n")
    return folder


@pytest.fixture(scope="module")
def run(place: Path) -> dict[str, Any]:
    """What `fofx find --json` says of that run: made once, by a process of its own, as users do."""
    asked = ["find", "small.csv", "--output", "y", "--input", "x", "--input", "colour:category"]
    done = shell(place, *asked, "--budget", "2", "--name", "small", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def shell(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if key not in ("LC_ALL", "LC_MESSAGES", "LANG")}
    env.update({"PYTHONUTF8": "1", **environment})
    return subprocess.run(
        [sys.executable, "-m", "fofx", *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_find_ends_with_one_json_object(place: Path, run: dict[str, Any]) -> None:
    assert set(run) == {"run", "winner", "rungs", "naive", "scores", "warnings"}
    names = [rung["name"] for rung in run["rungs"]]
    assert run["winner"] in names and run["naive"] in names
    assert all(set(rung) == {"name", "validation", "test", "seconds"} for rung in run["rungs"])
    assert all(isinstance(score, float) for score in run["scores"].values()) and {"rmse", "mae", "r2"} <= set(
        run["scores"]
    )
    assert all(set(warning) == {"code", "text", "count"} for warning in run["warnings"])
    assert (place / "runs" / "small" / "run.json").is_file() and (place / run["run"] / "run.json").is_file()


def test_the_winner_beats_the_naive_answer_here(run: dict[str, Any]) -> None:
    tests = {rung["name"]: rung["test"] for rung in run["rungs"]}
    assert tests[run["winner"]] < tests[run["naive"]] / 2


def test_try_takes_values_in_order_or_by_name(
    place: Path, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    assert main(["try", "small", "0.5", "red", "--json"]) == 0
    in_order = json.loads(capsys.readouterr().out)
    assert main(["try", "small", "colour=red", "x=0.5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == in_order
    (answer,) = in_order["answers"]
    assert answer["value"] == pytest.approx(2.5, abs=0.4) and answer["interval"][0] < answer["value"]
    assert main(["try", "small", "0.5", "red"]) == 0
    assert capsys.readouterr().out.startswith("y = 2.")


def test_try_takes_a_file(
    place: Path, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    assert main(["try", "small", "small.csv", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["answers"]) == 120


def test_too_few_values_name_the_inputs(
    place: Path, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    assert main(["try", "small", "0.5"]) == 2
    assert "x, colour" in capsys.readouterr().err


def test_score_gives_rows_and_metrics(
    place: Path, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    assert main(["score", "small", "small.csv", "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert set(scored) == {"run", "rows", "scores"} and scored["rows"] == 120 and scored["scores"]["r2"] > 0.9
    assert main(["score", "small", "small.csv"]) == 0
    assert "rmse" in capsys.readouterr().out


@pytest.mark.parametrize(("lang", "winner"), [("en", "winner"), ("zh", "胜出")])
def test_show_draws_the_ladder(
    place: Path, run: dict[str, Any], lang: str, winner: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(place)
    assert main(["show", "small", "--lang", lang]) == 0
    shown = capsys.readouterr().out
    marked = [line for line in shown.splitlines() if f"<- {winner}" in line]
    assert len(marked) == 1 and run["winner"] in marked[0]
    assert all(rung["name"] in shown for rung in run["rungs"]) and "report.html" in shown


def test_runs_lists_the_run_and_says_when_there_is_none(
    place: Path, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    assert main(["runs"]) == 0
    assert "small" in capsys.readouterr().out
    assert main(["runs", "--out", "nowhere"]) == 0
    assert "nowhere" in capsys.readouterr().out


def test_a_damaged_run_is_listed_as_such(tmp_path: Path) -> None:
    for name, text in (("cut", '{"status": "do'), ("odd", "[1, 2]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    assert {run["status"] for run in work.summaries(str(tmp_path))} == {"damaged"}


def test_eject_writes_a_script(
    place: Path, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    assert main(["eject", "small", "mine.py"]) == 0
    script = (place / "mine.py").read_text(encoding="utf-8")
    compile(script, "mine.py", "exec")
    assert "import fofx" not in script and "from fofx" not in script


def test_an_error_is_one_line_with_its_code_and_exit_2(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["find", str(place / "small.csv"), "--output", "z", "--out", str(place / "none")]) == 2
    shown = capfd.readouterr()
    assert "[unknown-column]" in shown.err and "Traceback" not in shown.err and shown.out == ""
    assert len(shown.err.strip().splitlines()) == 1 and not (place / "none").exists()


def test_no_data_and_no_run_are_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["find"]) == 2
    assert "[no-data]" in capsys.readouterr().err
    assert main(["show", str(tmp_path / "nothing")]) == 2
    assert "[no-run]" in capsys.readouterr().err


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained(name: str, lang: str) -> None:
    group = command(app, lang)
    one = group.commands[name]
    assert one.help == table(lang)[f"help.{name}"]
    for parameter in one.params:
        assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_help_is_translated_as_a_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["find", "--help", "--lang", "zh"]) == 0
    shown = capsys.readouterr().out
    assert "选项：" in shown and "用法：" in shown and "Options:" not in shown and "Show this message" not in shown


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    from fofx import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"fofx {__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from fofx.cli import main; main(['find', '--help'])\n"
        "print([m for m in ('torch', 'numpy', 'polars', 'sklearn', 'rich', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize("lang", LANGUAGES)
def test_tasks_stand_in_their_cells(lang: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks", "--lang", lang]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, task in tasks().items():
        assert any(name in line for line in lines) and any(task.question[lang][:12] in line for line in lines)
    row = next(number for number, line in enumerate(lines) if say("tasks.in.2", lang)[:4] in line)
    assert lines[row].split("│")[3].strip() == "digits"


def test_an_unknown_task_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "digts"]) == 2
    assert "Did you mean 'digits'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW"}, "zh"),
        ({"LANG": "", "LC_ALL": ""}, "en"),
    ],
)
def test_the_language_follows_the_locale(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language() == expected
    assert language("zh_CN") == "zh" and language("en") == "en"


def test_the_language_may_stand_anywhere_and_must_be_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert take_language(["try", "run", "--", "--lang", "zh"]) == (["try", "run", "--", "--lang", "zh"], None)
    assert main(["runs", "--lang", "fr"]) == 2
    assert "[unknown-language]" in capsys.readouterr().err


def test_a_notice_speaks_chinese_where_there_is_a_text() -> None:
    leak = Notice("leak-duplicates", "12 test rows are in training", 12)
    assert notice(leak, "en") == leak.text
    assert "12" in notice(leak, "zh") and "泄漏" in notice(leak, "zh")
    assert notice(Notice("of-tomorrow", "new"), "zh") == "new"


def test_what_the_words_of_find_become() -> None:
    asked = {**dict.fromkeys(work.PASSED_ON), "output": ["y:number"], "input": ["a", "b:text"], "no_augment": True}
    given = work.options(asked)
    assert given["outputs"] == ["y"] and given["inputs"] == ["a", "b"]
    assert given["kinds"] == {"y": "number", "b": "text"} and given["augment"] is False


def test_a_task_gives_way_to_what_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(work, "search", lambda data, asked, lang, as_json, **more: seen.update(more, rows=len(data)))
    asked = {**dict.fromkeys(work.PASSED_ON), "output": None, "input": ["month:number"], "no_augment": False}
    work.search_task("river", asked, "en", as_json=True)
    assert seen["outputs"] == "next_level" and seen["time"] == "date" and seen["kinds"]["month"] == "number"
    assert seen["rows"] == 1056
    seen.clear()
    work.search_task("river", {**asked, "time": "month", "output": ["level_1"]}, "en", as_json=True)
    assert "time" not in seen and "outputs" not in seen


def test_single_values_are_rows_where_there_is_one_input() -> None:
    function: Any = SimpleNamespace(task=SimpleNamespace(inputs=[SimpleNamespace(name="text")]))
    assert work.rows_asked(function, ["a=b"]) == {"text": "a=b"}
    assert work.rows_asked(function, ["one", "two"]) == [{"text": "one"}, {"text": "two"}]
    with pytest.raises(TaskError, match="2 value"):
        work.one_row(["a", "b"], ["1"])


def test_stopping_by_hand_leaves_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stopped(folder: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(work, "summaries", stopped)
    assert main(["runs"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_ctrl_c_keeps_the_best_so_far(place: Path) -> None:
    asked = [sys.executable, "-m", "fofx", "find", "small.csv", "--output", "y", "--budget", "60", "--json"]
    process = subprocess.Popen(
        [*asked, "--name", "stopped"], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("tree:"):  # the slower rungs come next
            process.send_signal(signal.SIGINT)
            break
    shown, problems = process.communicate(timeout=60)
    assert process.returncode == 0, problems
    found = json.loads(shown.splitlines()[-1])
    assert found["winner"] in {rung["name"] for rung in found["rungs"]} and found["scores"]
    assert (place / "runs" / "stopped" / "run.json").is_file()


def test_the_demonstration_shows_three_and_goes_on_after_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, float]] = []

    def search_task(name: str, given: dict[str, Any], lang: str, as_json: bool, demo: bool) -> Any:
        asked.append((name, given["budget"]))
        if name == "digits":
            raise FindError("nothing-found", "no rung")
        return SimpleNamespace(run=SimpleNamespace(name=f"{name}-1"), report_path=f"runs/{name}-1/report.html")

    monkeypatch.setattr(work, "search_task", search_task)
    assert main(["demo", "--budget", "10"]) == 2
    shown = capsys.readouterr()
    assert [name for name, _ in asked] == ["river", "digits", "reviews"]
    assert sum(budget for _, budget in asked) == pytest.approx(10)
    assert "fofx show river-1" in shown.out and "runs/reviews-1/report.html" in shown.out
    assert "[nothing-found]" in shown.err
