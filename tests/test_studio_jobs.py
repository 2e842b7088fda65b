"""Trainings in their own processes: the queue, the events, cancel, kill and resume, and what is known after a restart."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fofx.errors import DataError, FofxError, RunError, TaskError
from fofx.studio.jobs import Jobs
from fofx.studio.limits import Limits
from fofx.studio.locks import hold, is_held
from fofx.studio.standby import CHILDREN, Standby
from fofx.studio.tail import POINTS, last_event, tail, thinned
from fofx.studio.workspace import Workspace

ROWS = "\n".join(f"{x},{x * 7 % 13},{2 * x + 1}" for x in range(120))
TABLE = f"a,b,y\n{ROWS}\n".encode()
ASKED = {"outputs": ["y"], "model": "linear", "budget": 1}


def jobs_in(folder: Path, **limits: Any) -> Jobs:
    return Jobs(Workspace(folder, Limits(**{"running": 0, **limits})))


def wait(ready: Callable[[], bool], jobs: Jobs, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it never happened"
        jobs.pump()
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    for child in CHILDREN:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(30)
    CHILDREN.clear()


def test_a_training_from_click_to_run(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, running=1)
    key = jobs.workspace.upload("tiny rows.csv", TABLE).key
    job = jobs.start({"upload": key, **ASKED, "lang": "zh"})
    assert job.status == "running" and job.name.startswith("tiny-rows-") and jobs.of_run(job.name) is job
    second = jobs.start({"upload": key, **ASKED, "name": "second"})
    assert second.status == "waiting", "one at a time"
    with pytest.raises(RunError, match="still-training"):
        jobs.resume(job)
    wait(lambda: job.status == "done", jobs)
    events, cursor = job.events()
    what = [event["what"] for event in events]
    assert what[0] == "begun" and what[-1] == "done" and {"task", "rung", "scored"} <= set(what)
    task = next(event for event in events if event["what"] == "task")
    assert set(task["rows"]) == {"train", "validation", "test"} and all(n["code"] for n in task["notices"])
    assert job.events(cursor) == ([], cursor) and json.loads(json.dumps(cursor)) == cursor
    assert jobs.workspace.load(job.name).winner in ("linear", "mean")
    line = next(line for line in jobs.workspace.runs() if line.name == job.name)
    assert (line.status, line.outputs, line.rows) == ("done", ["y"], 120)
    report = (job.run / "report.html").read_text(encoding="utf-8")
    assert 'lang="zh' in report
    with pytest.raises(RunError, match="already-done"):
        jobs.resume(job)
    jobs.pump()
    assert second.status == "running"
    second.cancel()
    wait(lambda: second.status not in ("running", "waiting"), jobs)
    assert second.status in ("stopped", "done")


def test_a_process_that_waits_carries_out_the_next_training(tmp_path: Path) -> None:
    standby = Standby()
    jobs = Jobs(Workspace(tmp_path, Limits(running=1)), standby=standby)
    standby.ready()
    waiting = standby.child
    assert waiting is not None
    standby.ready()
    assert standby.child is waiting, "one is enough"
    job = jobs.start({"upload": jobs.workspace.upload("rows.csv", TABLE).key, **ASKED})
    assert job.read()["pid"] == waiting.pid and job.status == "running" and standby.child is None
    wait(lambda: job.status == "done", jobs)
    assert waiting.wait(30) == 0 and not is_held(job.folder / "lock")
    standby.ready()
    left = standby.child
    standby.end()
    assert left is not None and left.wait(60) == 0, "it goes when the studio does"


@pytest.mark.slow
def test_a_killed_training_is_cut_short_and_goes_on_after_a_restart(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, running=1)
    job = jobs.start({"task": "digits", "model": "cnn", "budget": 25})
    curves: list[dict] = []
    cursor = None

    def learning() -> bool:
        nonlocal cursor
        events, cursor = job.events(cursor)
        curves.extend(event for event in events if event["what"] == "history")
        return len(curves) > 5

    wait(learning, jobs)
    assert all(line["rung"] == "cnn" and line["loss"] > 0 for line in curves)
    again = jobs_in(tmp_path, running=1)  # the server was started anew while the training went on
    same = again.get(job.id)
    assert same.status == "running" and again.busy(job.name) and again.workspace.runs()[0].status == "running"
    with pytest.raises(RunError, match="still-training"):
        again.workspace.delete(job.name)
    os.killpg(same.read()["pid"], signal.SIGKILL)
    wait(lambda: same.status == "cut-short", again)
    assert job.status == "cut-short"
    resumed = again.resume(job.name)
    assert resumed.name == job.name and resumed.id != job.id
    wait(
        lambda: any(event["what"] == "step" and event["validation"] is not None for event in resumed.events()[0]), again
    )
    resumed.cancel()
    wait(lambda: resumed.status not in ("running", "waiting"), again)
    assert resumed.status == "stopped" and resumed.end["kept"]
    assert again.workspace.load(job.name).winner, "the best so far is a whole run"


def test_a_cancelled_training_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    """A process that ignores Ctrl-C, in the place of a training that hangs."""
    jobs = jobs_in(tmp_path, grace=0.2)
    job = jobs.start({"task": "river", "budget": 1})
    lock = hold(job.folder / "lock")
    assert lock is not None
    deaf = (
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", deaf], pass_fds=(lock,), start_new_session=True, stdout=subprocess.PIPE
    )
    os.close(lock)
    assert child.stdout is not None and child.stdout.readline() == b"deaf\n"
    job.write(state="started", pid=child.pid, started=time.time())
    assert job.status == "running"
    job.cancel()
    assert child.poll() is None
    time.sleep(0.3)
    jobs.pump()
    assert child.wait(10) == -signal.SIGKILL
    child.stdout.close()
    assert job.status == "cut-short"


def test_a_training_that_takes_far_too_long_is_ended(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, overtime=0.0)
    job = jobs.start({"task": "river", "budget": 0.1})
    lock = hold(job.folder / "lock")
    assert lock is not None
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=(lock,), start_new_session=True, stderr=subprocess.DEVNULL)  # fmt: skip
    os.close(lock)
    job.write(state="started", pid=child.pid, started=time.time() - 1)
    for _ in range(100):
        jobs.pump()
        if child.poll() is not None:
            break
        time.sleep(0.05)
    assert child.wait(10) != 0


def test_a_number_of_another_process_is_never_struck(tmp_path: Path) -> None:
    """The process is gone, and its number belongs to somebody else by now: this very test."""
    jobs = jobs_in(tmp_path)
    job = jobs.start({"task": "river", "budget": 1})
    job.write(state="started", pid=os.getpid())
    assert job.status == "cut-short"
    job.cancel()
    job.strike("interrupt")
    job.strike("kill")


def test_the_lock_lives_as_long_as_its_process(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    assert not is_held(file)
    lock = hold(file)
    assert lock is not None and is_held(file) and hold(file) is None
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], pass_fds=(lock,), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    os.close(lock)
    assert is_held(file), "the child inherited it"
    child.communicate()
    assert not is_held(file)


# ---- the queue


def test_one_click_is_one_training_however_often_it_is_clicked(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path)
    found: set[str] = set()

    def click() -> None:
        for _ in range(20):
            found.add(jobs.start({"task": "river"}, once="this page").id)

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1 and len(jobs.all()) == 1


def test_a_full_queue_says_so(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, waiting=3)
    names = {jobs.start({"task": "river"}).name for _ in range(3)}
    assert len(names) == 3, "every run has a name of its own, also before its folder is there"
    with pytest.raises(RunError, match="queue-full"):
        jobs.start({"task": "river"})
    jobs.all()[0].cancel()
    assert jobs.all()[0].status == "stopped"
    jobs.start({"task": "river"})


def test_all_visitors_share_one_queue(tmp_path: Path) -> None:
    everyone: list[Jobs] = []
    limits = Limits(running=0, waiting=5, waiting_in_all=4)
    one, other = (Jobs(Workspace(tmp_path / name, limits), everyone) for name in ("one", "other"))
    for jobs in (one, other, one, other):
        jobs.start({"task": "river"})
    with pytest.raises(RunError, match="queue-full"):
        one.start({"task": "river"})
    with pytest.raises(RunError, match="no-job"):
        one.get(other.all()[0].id)


def test_waiting_trainings_are_known_after_a_restart(tmp_path: Path) -> None:
    before = [jobs_in(tmp_path).start({"task": "river"}).id for _ in range(3)]
    again = jobs_in(tmp_path)
    assert [job.id for job in again.all()] == before[::-1] and {job.status for job in again.all()} == {"waiting"}


def test_a_damaged_job_hides_no_other(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path)
    kept = jobs.start({"task": "river"})
    for number, text in enumerate(["", "{", "[]", '{"name": 1}']):
        place = jobs.folder / f"{number:024x}"
        place.mkdir()
        (place / "job.json").write_text(text)
    again = jobs_in(tmp_path)
    assert [job.id for job in again.all()] == [kept.id]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "no-data"), ({"task": "river", "path": "x.csv"}, "no-data"), ({"task": "rivr"}, "unknown-task"),
        ({"task": "river", "budgett": 3}, "unknown-option"), ({"task": "river", "budget": 0}, "bad-option"),
        ({"task": "river", "budget": 1e9}, "bad-option"), ({"task": "river", "budget": True}, "bad-option"),
        ({"task": "river", "budget": float("nan")}, "bad-option"), ({"task": "river", "budget": "60"}, "bad-option"),
        ({"task": "river", "out": "/tmp"}, "unknown-option"), ({"task": "river", "watch": 1}, "unknown-option"),
        ({"upload": "0" * 24}, "no-upload"), ({"upload": "../../etc"}, "no-upload"),
        ({"task": "river", "name": "../x"}, "bad-name"), ({"task": "river", "name": ".fofx"}, "bad-name"),
        ({"task": "river", "name": "a:b"}, "run-exists"), ({"task": "river", "recipe": "../x"}, "bad-name"),
        ({"task": "river", "recipe": "none"}, "no-run"),
    ],
)  # fmt: skip
def test_what_cannot_be_started_is_said_before_anything_is_written(asked: dict, code: str, tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path)
    with pytest.raises(FofxError) as problem:
        jobs.start(asked)
    assert problem.value.code == code
    assert not jobs.all() and not list(tmp_path.glob("*"))


def test_with_sharing_no_file_of_this_machine_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_bytes(TABLE)
    jobs = jobs_in(tmp_path / "runs", shared=True)
    for more in ({"path": str(tmp_path / "secret.csv")}, {"task": "river", "test": str(tmp_path / "secret.csv")}):
        with pytest.raises(DataError):
            jobs.start(more)
    with pytest.raises(TaskError, match="outside-upload"):
        jobs.start({"task": "river", "kinds": {"a": "picture"}})
    assert jobs_in(tmp_path / "runs").start({"path": str(tmp_path / "secret.csv")}).about["data"] == str(
        tmp_path / "secret.csv"
    )


def test_a_taken_name_is_not_used_again(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path)
    (tmp_path / "there").mkdir(parents=True)
    jobs.start({"task": "river", "name": "mine"})
    for name in ("there", "mine"):
        with pytest.raises(RunError, match="run-exists"):
            jobs.start({"task": "river", "name": name})


def test_a_training_that_fails_says_why(tmp_path: Path) -> None:
    """In this process, without starting one: what training.py does with a job."""
    from fofx.studio.training import train

    jobs = jobs_in(tmp_path)
    key = jobs.workspace.upload("rows.csv", TABLE).key
    job = jobs.start({"upload": key, "outputs": ["price"]})
    train(job.folder)
    assert job.status == "failed" and job.end["code"] == "unknown-column" and "price" in job.end["text"]


def test_a_ctrl_c_is_heard_once_wherever_it_comes() -> None:
    from fofx.studio.training import Stop

    early = Stop()
    early()  # while libraries are imported: nothing yet
    with pytest.raises(KeyboardInterrupt):
        early.arm()
    late = Stop()
    late.arm()
    with pytest.raises(KeyboardInterrupt):
        late()
    late()  # the second one breaks nothing off: what was found is being written
    with pytest.raises(KeyboardInterrupt):
        late.check()  # the first one was lost on the way
    late.check()


def test_a_stopped_training_whose_model_had_nothing_to_keep_has_not_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fofx.studio import training

    def stopped(job: dict, tell: training.Events) -> None:
        tell.stop()
        raise TaskError("model-failed", "The model 'cnn' gave nothing: it was stopped.")

    job = jobs_in(tmp_path).start({"task": "river"})
    monkeypatch.setattr(training, "found", stopped)
    training.train(job.folder)
    assert job.status == "stopped" and job.end["kept"] is False


def test_a_ctrl_c_before_anything_is_found_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fofx.studio import training

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    job = jobs_in(tmp_path).start({"task": "river"})
    monkeypatch.setattr(training, "found", interrupted)
    training.train(job.folder)
    assert job.status == "stopped" and job.end["kept"] is False


# ---- reading on


@given(
    st.lists(st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=5), min_size=1), max_size=8),
    st.integers(0, 300),
)
def test_a_file_that_grows_is_read_once_and_whole(lines: list[dict], cut: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lines"
        whole = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        file.write_bytes(whole[:cut])
        first, at = tail(file, 0)
        file.write_bytes(whole)
        rest, end = tail(file, at)
        assert end == len(whole) and first + rest == lines
        assert last_event(file) == (lines[-1] if lines else {})


def test_a_missing_or_shortened_file_is_read_from_its_start(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    assert tail(file, 7) == ([], 7)
    file.write_text('{"a": 1}\nnot json\n[]\n{"b"')
    assert tail(file, 1000) == ([{"a": 1}], 21)
    assert last_event(file) == {"a": 1}


@given(st.integers(1, 5000), st.sets(st.integers(0, 4999), max_size=50))
def test_a_thinned_curve_keeps_its_ends_and_its_scores(count: int, checked: set[int]) -> None:
    lines: list[dict[str, Any]] = [{"step": n, "validation": 1.0 if n in checked else None} for n in range(count)]
    found = [line["step"] for line in thinned(lines)]
    assert found == sorted(set(found)) and found[0] == 0 and found[-1] == count - 1
    assert {n for n in checked if n < count} <= set(found) and len(found) <= 2 * POINTS + 60
