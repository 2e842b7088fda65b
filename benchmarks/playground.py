"""The playground's engine against torch eager, and against TensorFlow Playground's nn.ts on node, in one run.

    python benchmarks/playground.py [--rounds 7] [--nn PATH]

Network 2-8-8-1, tanh, batches of 10 of 250 points in a new order each epoch, gradient descent, one thread. The contenders take
turns; a figure is the median of the rounds, a ratio the median of the ratios within a round: above 1 fofx is faster.
"with the chart" also measures the loss of 250 training and 250 test points after each epoch, as a playground does.
`--nn` is TensorFlow Playground's src/nn.ts as plain JavaScript (or as it is, where node can strip types): its own
forwardProp, backProp, updateWeights and loss, as its one step calls them.
Then: a heat map of every neuron on 100 x 100 pixels for the largest network with 8 neurons a layer (7-8-8-8-8-8-8-1), a step back, the time
to compile (cold, and from disk), and the memory that one playground and a hundred take.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
AIM_TORCH, AIM_NN = 130, 15
EPOCHS = {"fofx": 2000, "fofx with the chart": 1000, "torch eager": 16, "nn.ts": 60, "nn.ts with the chart": 60}

DRIVER = """
const nn = await import(process.argv[2]);
const { points, answers, train, chart, epochs, rounds } = JSON.parse(process.argv[3]);
const net = nn.buildNetwork([2, 8, 8, 1], nn.Activations.TANH, nn.Activations.TANH, null, ["x", "y"]);
const loss = (rows) => rows.reduce((sum, row) => sum + nn.Errors.SQUARE.error(nn.forwardProp(net, points[row]), answers[row]), 0) / rows.length;
const rest = points.map((_, row) => row).filter((row) => !train.includes(row));
const run = (many) => {
  for (let epoch = 0; epoch < many; epoch++) {
    train.forEach((row, number) => {
      nn.forwardProp(net, points[row]);
      nn.backProp(net, answers[row], nn.Errors.SQUARE);
      if ((number + 1) % 10 === 0) nn.updateWeights(net, 0.03, 0);
    });
    if (chart) { loss(train); loss(rest); }
  }
};
run(epochs);  // the machine code of node comes with the first turns
const seconds = [];
for (let round = 0; round < rounds; round++) {
  const start = performance.now();
  run(epochs);
  seconds.push((performance.now() - start) / 1000);
}
console.log(JSON.stringify(Math.min(...seconds)));
"""


def session():
    from fofx.play.session import Session
    from fofx.play.state import State

    return Session(State(data="circle", layers=(8, 8), noise=10))


def ours(chart: bool):
    """A contender: epochs -> seconds."""
    found = session()
    found.chart_every = 1 if chart else 10**9
    found.epoch(2)

    def run(epochs: int) -> float:
        start = time.perf_counter()
        found.epoch(epochs)
        return time.perf_counter() - start

    return run


def eager():
    """The same training as a plain loop of torch."""
    import torch

    torch.set_num_threads(1)
    made = session()
    inputs = torch.tensor(made.train_points, dtype=torch.float32)
    targets = torch.tensor(2 * made.train_answers - 1, dtype=torch.float32)[:, None]
    layers = [torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 8), torch.nn.Tanh()]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(8, 1), torch.nn.Tanh())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.03)

    def run(epochs: int) -> float:
        start = time.perf_counter()
        for _ in range(epochs):
            for rows in torch.randperm(len(inputs)).split(10):
                loss = torch.nn.functional.mse_loss(model(inputs[rows]), targets[rows]) / 2
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return time.perf_counter() - start

    run(2)
    return run


def on_node(path: str, folder: str, chart: bool):
    """nn.ts on node: a process of its own for each turn, its warm-up not counted."""
    made = session()
    answers = [*(2 * made.train_answers - 1).tolist(), *(2 * made.test_answers - 1).tolist()]
    points = [*made.train_points.tolist(), *made.test_points.tolist()]
    driver, library = Path(folder) / "driver.mjs", Path(folder) / ("nn.mts" if path.endswith(".ts") else "nn.mjs")
    driver.write_text(DRIVER, encoding="utf-8")
    shutil.copyfile(path, library)
    flags = ["--experimental-strip-types", "--no-warnings"] if path.endswith(".ts") else []

    def run(epochs: int) -> float:
        told = {"points": points, "answers": answers, "train": list(range(len(made.train_answers)))}
        text = json.dumps({**told, "chart": chart, "epochs": epochs, "rounds": 5})
        done = subprocess.run(["node", *flags, str(driver), str(library), text], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"node could not run {path}: {done.stderr.strip()[-400:]}")
        return float(done.stdout)

    return run


def races(rounds: int, nn: str | None) -> bool:
    """Print steps a second and ratios; False when an aim was missed."""
    with tempfile.TemporaryDirectory() as folder:
        contenders = {"fofx": ours(False), "fofx with the chart": ours(True), "torch eager": eager()}
        if nn is None:
            print("nn.ts: skipped, no --nn PATH")
        elif shutil.which("node") is None:
            print("nn.ts: skipped, there is no node")
        else:
            contenders |= {"nn.ts": on_node(nn, folder, False), "nn.ts with the chart": on_node(nn, folder, True)}
        speeds: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, run in contenders.items():
                speeds[name].append(25 * EPOCHS[name] / run(EPOCHS[name]))
    for name, found in speeds.items():
        print(f"{name:<24}{statistics.median(found):>12,.0f} updates/s")
    good = True
    for mine, other, aim in (
        ("fofx", "torch eager", AIM_TORCH),
        ("fofx", "nn.ts", AIM_NN),
        ("fofx with the chart", "nn.ts with the chart", AIM_NN),
    ):
        if other in speeds:
            ratio = statistics.median(a / b for a, b in zip(speeds[mine], speeds[other]))
            good &= ratio >= aim
            print(f"{mine} / {other}: {ratio:.0f} times (aim: at least {aim})")
    return good


def pictures() -> None:
    from fofx.play.session import Session
    from fofx.play.state import FEATURES, State

    large = Session(State(features=FEATURES, layers=(8,) * 6, noise=10))
    large.heat(100)

    def median(action, times: int) -> float:
        seconds = []
        for _ in range(times):
            start = time.perf_counter()
            action()
            seconds.append(time.perf_counter() - start)
        return 1000 * statistics.median(seconds)

    print(
        f"heat maps of 7-8-8-8-8-8-8-1, 100 x 100: {median(lambda: large.heat(100), 50):.2f} ms for {7 + 48 + 1} maps"
    )
    frame = median(lambda: (large.epoch(1), large.heat(100), large.weights, large.gradients), 50)
    print(f"one epoch, heat maps, weights, gradients: {frame:.2f} ms (a frame at 60 a second has 16.7)")
    large.epoch(400)
    print(f"one update back after {large.updates:,}: {median(lambda: (large.step(), large.back()), 20):.2f} ms")


STARTED = """
import time, resource
start = time.perf_counter()
from fofx.play.session import Session
from fofx.play.state import State
loaded = time.perf_counter()
made = Session(State(layers=(8, 8)))
made.epoch(1), made.heat(50), made.gradients
print(loaded - start, time.perf_counter() - loaded)
"""


def starting() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cold", "from disk"):
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
            done = subprocess.run([sys.executable, "-c", STARTED], env=environment, capture_output=True, text=True)
            loaded, ready = map(float, done.stdout.split())
            print(f"first playground, {name}: {ready:.1f} s (and {loaded:.1f} s to import)")


def resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def memory() -> None:
    first = session()
    first.epoch(500), first.heat(100)
    before = resident()
    kept = [session() for _ in range(100)]
    for each in kept:
        each.epoch(500)
        each.heat(100)
    print(
        f"peak memory {resident() / 1024:.0f} MB; {(resident() - before) / len(kept):.0f} KB more for each of 100 playgrounds"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--nn", help="TensorFlow Playground's nn.ts as JavaScript or TypeScript")
    options = parser.parse_args()
    starting()
    memory()  # before torch is loaded
    good = races(options.rounds, options.nn)
    pictures()
    print("all aims reached" if good else "an aim was missed")


if __name__ == "__main__":
    main()
