"""Every built-in task from a cold start: what each kind of rung reaches, the seconds of the whole command, and its peak memory.

    python benchmarks/tasks.py [--budget 90] [--seed 0] [--only who,road] [--data who=FOLDER --data road=FOLDER]

Each task is one command of its own, `fofx run NAME --json`, as a user would type it: the time holds Python's start, the
drawing or reading of the data, all rungs and the report. A line shows the best test score of the naive rungs, of the line, of the
classical rungs and of the networks; the winner, chosen on validation, is named with its own. With --data the task is run
on those data instead. rmse: less is better; everything else: more.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FAMILIES = {"naive": "naive", "linear": "linear", "classical": "classical", "small": "deep", "deep": "deep"}
COLUMNS = ("naive", "linear", "classical", "deep")
LONGEST = 180  # seconds in which a task should be over


def run_task(name: str, data: str | None, budget: float, seed: int, out: str) -> dict[str, Any]:
    """What the command says, with its seconds and its peak memory in MB."""
    command = [sys.executable, "-m", "fofx", "run", name, "--json", "--budget", str(budget), "--seed", str(seed)]
    command += ["--out", out, "--name", name, *(["--data", data] if data else [])]
    begun = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begun
        errors.seek(0)
        if process.returncode:
            raise RuntimeError(f"{name}: {errors.read().strip()[-500:]}")
    record = json.loads((Path(out) / name / "run.json").read_text(encoding="utf-8"))
    peak = usage.ru_maxrss / (1024 * (1024 if sys.platform == "darwin" else 1))
    return {"said": json.loads(said.splitlines()[-1]), "record": record, "seconds": seconds, "peak": peak}


def line_of(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """The best of each family by its test score, the winner and what it cost."""
    record = found["record"]
    more = record["more_is_better"]
    best: dict[str, float] = {}
    for rung in record["rungs"]:
        column = FAMILIES.get(rung["family"])
        if column is None or rung["test"] is None:
            continue
        before = best.get(column)
        if before is None or (rung["test"] > before) == more:
            best[column] = rung["test"]
    winner = next(rung for rung in record["rungs"] if rung["name"] == record["winner"])
    line = {"task": name, "metric": record["metric"], **{column: best.get(column) for column in COLUMNS}}
    return line | {
        "winner": record["winner"],
        "its test": winner["test"],
        "seconds": found["seconds"],
        "MB": found["peak"],
    }


def table(lines: list[dict[str, Any]]) -> str:
    """The lines as columns of even width."""
    heads = list(lines[0])

    def shown(head: str, value: Any) -> str:
        if value is None:
            return "-"
        if isinstance(value, str):
            return value
        return f"{value:.0f}" if head in ("seconds", "MB") else f"{value:.3f}"

    cells = [heads, *([shown(head, line[head]) for head in heads] for line in lines)]
    widths = [max(len(row[number]) for row in cells) for number in range(len(heads))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells)


def main() -> int:
    from fofx.tasks import tasks

    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--budget", type=float, default=90.0)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--only", help="names of tasks, with commas between them")
    words.add_argument("--data", action="append", default=[], metavar="TASK=PATH", help="one's own data for a task")
    asked = words.parse_args()
    own = dict(pair.split("=", 1) for pair in asked.data)
    names = asked.only.split(",") if asked.only else list(own) or sorted(tasks())
    lines, problems = [], []
    with tempfile.TemporaryDirectory() as out:
        for name in names:
            try:
                found = run_task(name, own.get(name), asked.budget, asked.seed, out)
            except RuntimeError as problem:
                problems.append(str(problem))
                continue
            lines.append(line_of(name, found))
            print(f"{name}: {found['seconds']:.0f} s", file=sys.stderr, flush=True)
    if lines:
        print(table(lines))
        slow = [line["task"] for line in lines if line["seconds"] > LONGEST]
        print(
            f"over {LONGEST} s: {', '.join(slow) or 'none'}; threads: {os.environ.get('OMP_NUM_THREADS', 'as the machine has')}"
        )
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
