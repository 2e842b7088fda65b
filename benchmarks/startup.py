"""How long fofx takes to start, beside its peers, in one run: seconds and peak memory of whole processes.

    python benchmarks/startup.py [--rounds 10]

All contenders take turns, so that a busy machine slows all alike; a figure is the median of the rounds. The floor is
Python itself (`python -c pass`). Aims: `fofx --help` under 0.25 s, `import fofx` under 0.15 s. Peers that are not
installed in this Python are named and skipped.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import time

AIMS = {"import fofx": 0.15, "fofx --help": 0.25, "fofx find --help --lang zh": 0.25}
PEERS = ("sklearn", "torch", "fastai", "lightning", "keras", "autogluon", "ludwig")


def contenders() -> dict[str, list[str]]:
    """Name -> command line."""
    python = [sys.executable]
    found = {
        "python -c pass": [*python, "-c", "pass"],
        "import fofx": [*python, "-c", "import fofx"],
        "fofx --help": [*python, "-m", "fofx", "--help"],
        "fofx find --help --lang zh": [*python, "-m", "fofx", "find", "--help", "--lang", "zh"],
        "fofx tasks": [*python, "-m", "fofx", "tasks"],
    }
    for peer in PEERS:
        if importlib.util.find_spec(peer) is None:
            print(f"skipped: {peer} is not installed")
        else:
            found[f"import {peer}"] = [*python, "-c", f"import {peer}"]
    return found


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds on the wall and peak memory in MB of one process."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    problem = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{problem.decode(errors='replace')}")
    return seconds, usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    commands = contenders()
    for command in commands.values():  # the first start compiles and fills the disk's cache; it is not counted
        timed(command)
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            figures[name].append(timed(command))
    ours = statistics.median(seconds for seconds, _ in figures["import fofx"])
    print(f"{'':<28}{'seconds':>9}{'peak MB':>9}{'of import fofx':>16}{'aim':>8}")
    missed = []
    for name, measured in figures.items():
        seconds = statistics.median(second for second, _ in measured)
        peak = max(megabytes for _, megabytes in measured)
        aim = AIMS.get(name)
        verdict = "" if aim is None else f"{aim:.2f} s"
        missed += [name] if aim is not None and seconds > aim else []
        print(f"{name:<28}{seconds:>9.3f}{peak:>9.0f}{seconds / ours:>15.1f}x{verdict:>8}")
    print("missed: " + ", ".join(missed) if missed else "all aims reached")


if __name__ == "__main__":
    main()
