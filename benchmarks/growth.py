"""Cost as the work grows: seconds of one pass of training and peak memory for 1, 4 and 16 times the rows, the pixels, the frames.

    python benchmarks/growth.py [--only rows,pixels,frames]

Rows: a table of 20 columns with a small multi-layer perceptron. Pixels: 400 square pictures with the small convolutional network.
Frames: 200 clips with the network for video, where this fofx has one; series of so many past values with the GRU. Every line is a
process of its own; its time is one pass through the training rows, measured after a first pass that warms up, and its memory is
the peak of the whole process (with torch and the data). The last column is the time beside that of the line above it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

SIZES = {"rows": (2_000, 8_000, 32_000), "pixels": (16, 32, 64), "frames": (4, 16, 64), "past": (16, 64, 256)}
BATCH = 64


def network_and_rows(what: str, size: int):
    """(network, its input block, number of rows) for one size of one kind of work."""
    import torch

    torch.manual_seed(0)
    if what == "rows":
        from fofx.models.mlp import MLP

        return MLP(20, 1, hidden=(128, 128), dropout=0.1), torch.randn(size, 20)
    if what == "pixels":
        from fofx.models.cnn import CNN

        return CNN(4, channels=3, size=size, dropout=0.1), torch.rand(400, 3, size, size)
    if what == "past":
        from fofx.models.forecast import SeriesRNN

        return SeriesRNN(1, 1), torch.randn(2_000, size, 1)
    from fofx.models.video import VideoCNN

    return VideoCNN(4, channels=3, size=24, frames=size), torch.rand(200, size, 3, 24, 24)


def one_pass(network, rows) -> float:
    """Seconds of one pass of gradient descent through all rows."""
    import torch

    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    begun = time.perf_counter()
    for at in range(0, len(rows), BATCH):
        optimizer.zero_grad()
        network(rows[at : at + BATCH]).square().mean().backward()
        optimizer.step()
    return time.perf_counter() - begun


def child(what: str, size: int) -> dict:
    network, rows = network_and_rows(what, size)
    network.train()
    one_pass(network, rows[: 2 * BATCH])
    seconds = min(one_pass(network, rows) for _ in range(2))
    scale = 1024 * (1024 if sys.platform == "darwin" else 1)
    return {"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale}


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--only", help="rows, pixels, past, frames; with commas between them")
    words.add_argument("--child", nargs=2, metavar=("WHAT", "SIZE"), help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.child:
        print(json.dumps(child(asked.child[0], int(asked.child[1]))))
        return 0
    print(f"{'what':8}  {'size':>7}  {'seconds':>8}  {'MB':>6}  times the line above")
    for what in asked.only.split(",") if asked.only else SIZES:
        before = None
        for size in SIZES[what]:
            command = [sys.executable, __file__, "--child", what, str(size)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{what:8}  {size:7,}  {done.stderr.strip().splitlines()[-1][:80]}")
                break
            found = json.loads(done.stdout)
            ratio = "" if before is None else f"{found['seconds'] / before:.1f}"
            print(f"{what:8}  {size:7,}  {found['seconds']:8.3f}  {found['peak']:6.0f}  {ratio}", flush=True)
            before = found["seconds"]
    return 0


if __name__ == "__main__":
    sys.exit(main())
