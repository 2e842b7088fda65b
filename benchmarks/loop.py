"""How fast the loop is, its history written line by line, beside other ways to run the same model.

    python benchmarks/loop.py [--threads 1] [--repeats 12] [--only mlp,cnn,gru] [--clock=cpu]

Contenders: a bare hand-written loop over tensors in memory with torch's default Adam (the yardstick), the same over a
DataLoader, skorch, Lightning, fastai and Keras on torch. Those not installed in this Python are skipped and named. Each
runs in a process of its own with one thread; all take turns on one core, one short piece at a time, so that a busy
machine slows all alike; every ratio is the median of the paired ratios. A framework's set-up is not counted: its
clock runs from the end of its first batch to the end of its last. Each keeps the losses as it does by itself (skorch's
history, fastai's recorder, Keras's metric; Lightning its `self.log` and CSV logger, every 50th step to the file);
progress bars, checkpoints and validation are off. The bare and the DataLoader loop record nothing. Peak memory is the
whole process's, libraries included.

Models: MLP 32-64-64-10 at 128 rows; a CNN of two convolutions on 28 x 28 pictures at 64 (fofx's caller keeps pictures
channels-last, which is for who owns the tensors to do); a GRU of 32 units over 24 hours of 8 readings at 64.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

# A busy machine takes the processor away in the middle of a piece; a process's own time leaves that out.
now = time.process_time if "--clock=cpu" in sys.argv else time.perf_counter

CONTENDERS = ["bare", "fofx", "fofx clipped", "DataLoader", "skorch", "Lightning", "fastai", "Keras"]
PACKAGES = {"skorch": "skorch", "Lightning": "lightning", "fastai": "fastai", "Keras": "keras"}
COPIES = {"bare": 3, "fofx": 3}  # processes: where the system puts one in memory can cost it a tenth, all run long
BATCH = {"mlp": 128, "cnn": 64, "gru": 64}
STEPS = {"mlp": 100, "cnn": 12, "gru": 15}  # of one piece
ROWS = {"mlp": 128 * 150, "cnn": 64 * 40, "gru": 64 * 60}


# ------------------------------------------------------------------------------------------- the same model for all


def make_data(kind: str):
    import torch

    torch.manual_seed(0)
    shape = {"mlp": (32,), "cnn": (1, 28, 28), "gru": (24, 8)}[kind]
    return torch.randn(ROWS[kind], *shape), torch.randint(0, 10, (ROWS[kind],))


def make_model(kind: str):
    import torch
    from torch import nn

    class LastOfGRU(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru, self.head = nn.GRU(8, 32, batch_first=True), nn.Linear(32, 10)

        def forward(self, x):
            return self.head(self.gru(x)[0][:, -1])

    torch.manual_seed(1)
    if kind == "mlp":
        return nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    if kind == "gru":
        return LastOfGRU()
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * 49, 10)),
    )


# ------------------------------------------------------------------ contenders: each gives steps -> seconds of a step


def bare(kind: str):
    import torch

    inputs, classes = make_data(kind)
    model, rows, batch = make_model(kind), ROWS[kind], BATCH[kind]
    optimizer = torch.optim.Adam(model.parameters())
    loss_function = torch.nn.CrossEntropyLoss()

    def piece(steps: int) -> float:
        done, begun = 0, now()
        while done < steps:
            order = torch.randperm(rows)
            for first in range(0, rows, batch):
                picked = order[first : first + batch]
                optimizer.zero_grad()
                loss = loss_function(model(inputs[picked]), classes[picked])
                loss.backward()
                optimizer.step()
                done += 1
                if done == steps:
                    break
        return (now() - begun) / steps

    return piece


def fofx(kind: str, clip: float | None = None):
    import torch

    from fofx.keeper import History
    from fofx.losses import cross_entropy
    from fofx.optimize import Recipe, optimize

    inputs, classes = make_data(kind)
    model = make_model(kind)
    if kind == "cnn":
        inputs, model = (each.to(memory_format=torch.channels_last) for each in (inputs, model))
    recipe = Recipe(steps=10_000_000, batch=BATCH[kind], clip=clip)
    descent = optimize(
        model,
        lambda picked: cross_entropy(model(inputs.index_select(0, picked)), classes.index_select(0, picked)),
        ROWS[kind],
        recipe,
    )
    history = History(os.path.join(tempfile.mkdtemp(), "history.jsonl"))
    recorded = history.follow(descent)

    def piece(steps: int) -> float:
        begun = now()
        for _ in range(steps):
            next(recorded)
        return (now() - begun) / steps

    return piece


def dataloader(kind: str):
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    model = make_model(kind)
    loader = DataLoader(TensorDataset(*make_data(kind)), batch_size=BATCH[kind], shuffle=True)
    optimizer = torch.optim.Adam(model.parameters())
    loss_function = torch.nn.CrossEntropyLoss()

    def piece(steps: int) -> float:
        done, begun = 0, now()
        while done < steps:
            for inputs, classes in loader:
                optimizer.zero_grad()
                loss = loss_function(model(inputs), classes)
                loss.backward()
                optimizer.step()
                done += 1
                if done == steps:
                    break
        return (now() - begun) / steps

    return piece


class Clock:
    """Times of batch ends, noted by a framework's callback."""

    def reset(self) -> None:
        self.first = self.last = 0.0
        self.count = 0

    def tick(self) -> None:
        self.last = now()
        if not self.count:
            self.first = self.last
        self.count += 1

    def a_step(self) -> float:
        return (self.last - self.first) / (self.count - 1)


def part(kind: str, steps: int):
    """As many rows as `steps` batches use: frameworks are driven by epochs."""
    inputs, classes = make_data(kind)
    return inputs[: steps * BATCH[kind]], classes[: steps * BATCH[kind]]


def epochs(kind: str, steps: int) -> tuple[int, int]:
    """(epochs, batches of one) that make `steps` batches."""
    whole = ROWS[kind] // BATCH[kind]
    return (steps // whole, whole) if steps > whole else (1, steps)


def skorch(kind: str):
    import torch
    from skorch import NeuralNetClassifier
    from skorch.callbacks import Callback

    class Ticks(Callback):
        def on_batch_end(self, net, batch=None, training=False, **_) -> None:
            if training:
                clock.tick()

    clock = Clock()
    net = NeuralNetClassifier(
        make_model(kind),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        batch_size=BATCH[kind],
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        callbacks=[Ticks()],
    )
    net.initialize()

    def piece(steps: int) -> float:
        clock.reset()
        times, batches = epochs(kind, steps)
        net.fit_loop(*part(kind, batches), epochs=times)
        return clock.a_step()

    return piece


def lightning(kind: str):
    import logging

    import torch

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    import lightning.pytorch as pl
    from lightning.pytorch.loggers import CSVLogger
    from torch.utils.data import DataLoader, TensorDataset

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = make_model(kind)

        def training_step(self, batch, number):
            loss = torch.nn.functional.cross_entropy(self.model(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters())

    class Ticks(pl.Callback):
        def on_train_batch_end(self, *_) -> None:
            clock.tick()

    clock = Clock()
    module, folder = Module(), tempfile.mkdtemp()

    def piece(steps: int) -> float:
        clock.reset()
        times, batches = epochs(kind, steps)
        trainer = pl.Trainer(
            max_epochs=times,
            accelerator="cpu",
            logger=CSVLogger(folder),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[Ticks()],
        )
        trainer.fit(module, DataLoader(TensorDataset(*part(kind, batches)), batch_size=BATCH[kind], shuffle=True))
        return clock.a_step()

    return piece


def fastai(kind: str):
    import torch
    from fastai.callback.core import Callback
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader
    from fastai.learner import Learner

    class Ticks(Callback):
        def after_batch(self) -> None:
            clock.tick()

    clock = Clock()
    model = make_model(kind)

    def piece(steps: int) -> float:
        clock.reset()
        times, batches = epochs(kind, steps)
        inputs, classes = part(kind, batches)
        rows = list(zip(inputs, classes, strict=True))
        loader = DataLoader(rows, bs=BATCH[kind], shuffle=True, num_workers=0)
        empty = DataLoader(rows[:1], bs=1, num_workers=0)
        learner = Learner(DataLoaders(loader, empty), model, loss_func=torch.nn.CrossEntropyLoss(), cbs=[Ticks()])
        with learner.no_logging():
            learner.fit(times, 1e-3)
        return clock.a_step()

    return piece


def keras(kind: str):
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    from keras import layers

    clock = Clock()
    body = {
        "mlp": [layers.Dense(64, "relu"), layers.Dense(64, "relu")],
        "cnn": [
            *(layers.Conv2D(8, 3, padding="same", activation="relu"), layers.MaxPooling2D()),
            *(layers.Conv2D(16, 3, padding="same", activation="relu"), layers.MaxPooling2D()),
            layers.Flatten(),
        ],
        "gru": [layers.GRU(32)],
    }[kind]
    shape = {"mlp": (32,), "cnn": (28, 28, 1), "gru": (24, 8)}[kind]
    model = keras.Sequential([layers.Input(shape), *body, layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    class Ticks(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None) -> None:
            clock.tick()

    def piece(steps: int) -> float:
        clock.reset()
        times, batches = epochs(kind, steps)
        inputs, classes = part(kind, batches)
        inputs = inputs.reshape(-1, *shape).numpy()
        model.fit(inputs, classes.numpy(), batch_size=BATCH[kind], epochs=times, verbose=0, callbacks=[Ticks()])
        return clock.a_step()

    return piece


MAKERS = {
    "bare": bare,
    "fofx": fofx,
    "fofx clipped": lambda kind: fofx(kind, clip=1.0),
    "DataLoader": dataloader,
    "skorch": skorch,
    "Lightning": lightning,
    "fastai": fastai,
    "Keras": keras,
}


# ------------------------------------------------------------------------------------------------------- taking turns


def work(name: str, kind: str, threads: int) -> None:
    """A contender's process: for each number of steps on stdin, run them and print the seconds of one step."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a framework prints must not mix with the answers
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(threads)
    piece = MAKERS[name](kind)
    for line in sys.stdin:
        seconds = piece(int(line))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps([seconds, peak]), file=answers)
        if threads == 1 and hasattr(os, "sched_setaffinity"):  # after warming up: all take turns on one core
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def compare(kind: str, names: list[str], repeats: int, threads: int) -> dict[str, tuple[list[float], float]]:
    """{contender: (seconds of one step in each round, peak MB)}."""
    extra = ["--clock=cpu"] if now is time.process_time else []
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore"}
    workers = {
        (name, copy): subprocess.Popen(
            [sys.executable, __file__, "--work", name, "--only", kind, "--threads", str(threads), *extra],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        for name in names
        for copy in range(COPIES.get(name, 1))
    }
    taken: dict[str, list[float]] = {name: [] for name in names}
    peaks: dict[str, float] = {}
    for worker in workers.values():  # imports and warming up are not counted
        with contextlib.suppress(OSError):
            print(5, file=worker.stdin, flush=True)
    for worker in workers.values():
        assert worker.stdout
        worker.stdout.readline()
    for turn in range(repeats):
        for name in names if turn % 2 else names[::-1]:
            worker = workers[name, turn % COPIES.get(name, 1)]
            assert worker.stdin and worker.stdout
            try:
                print(STEPS[kind], file=worker.stdin, flush=True)
                seconds, peaks[name] = json.loads(worker.stdout.readline())
            except (OSError, ValueError):
                continue  # it died: said in the table
            taken[name].append(seconds)
    for worker in workers.values():
        assert worker.stdin
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.close()
        worker.wait()
    return {name: (taken[name], peaks[name]) for name in names if len(taken[name]) == repeats}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=12)
    parser.add_argument("--only", default="mlp,cnn,gru")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="write --clock=cpu on a busy machine")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options.work, options.only, options.threads)
    absent = [name for name, package in PACKAGES.items() if importlib.util.find_spec(package) is None]
    if absent:
        print(f"not installed in this Python, skipped: {', '.join(absent)}")
    names = [name for name in CONTENDERS if name not in absent]
    print(f"{'model':<6}{'contender':<14}{'steps/s':>9}{'fofx is':>10}{'spread':>15}{'peak MB':>9}")
    for kind in options.only.split(","):
        results = compare(kind, names, options.repeats, options.threads)
        ours = results["fofx"][0]
        for name in names:
            if name not in results:
                print(f"{kind:<6}{name:<14}   failed", flush=True)
                continue
            taken, peak = results[name]
            ratios = sorted(theirs / mine for theirs, mine in zip(taken, ours, strict=True))
            spread = f"{ratios[len(ratios) // 4]:.2f}-{ratios[-1 - len(ratios) // 4]:.2f}"
            print(
                f"{kind:<6}{name:<14}{1 / statistics.median(taken):>9.0f}{statistics.median(ratios):>9.2f}x"
                f"{spread:>15}{peak:>9.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
