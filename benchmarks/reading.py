"""Reading against its peers, in one run: a large CSV against pandas, picture folders against torchvision.

python benchmarks/reading.py [--rows 1000000] [--columns 20] [--pictures 3000] [--data FOLDER]

Tables: each reader runs in a process of its own, so that its peak memory can be told; the best of three. "encoded" also
turns the frame into one float32 matrix, as a network needs it: missing numbers become 0, words become whole numbers.
Pictures: JPEG files drawn from noise (or those under --data), brought to 64 x 64 and gathered into one tensor.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SIDE = 64

READERS = {
    "fofx": """
from fofx.data.read import read
def load(path): return read(path).frame
def encode(frame):
    words = pl.selectors.string()
    return frame.with_columns(words.cast(pl.Categorical).to_physical()).cast(pl.Float32).fill_null(0).to_numpy()
import polars as pl
import fofx.data.tables
""",
    "pandas": """
import pandas as pd
def load(path): return pd.read_csv(path)
def encode(frame):
    for name in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[name]): frame[name] = pd.factorize(frame[name])[0]
    return frame.fillna(0).to_numpy(dtype="float32")
""",
    "fofx pictures": """
from fofx.data.read import read
from fofx.pictures import decode_pictures
import torch
import polars, fofx.data.folders
def load(path): return read(path).frame
def encode(frame):
    pictures, bad = decode_pictures(frame["picture"].to_list(), SIDE)
    assert not bad
    return torch.from_numpy(pictures)
""",
    "torchvision": """
import torch
missing = torch.library.Library("torchvision", "FRAGMENT")
for name in ("nms", "qnms"):
    try: missing.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError: pass
from torchvision.datasets import ImageFolder
from torchvision import transforms
def load(path):
    steps = transforms.Compose([transforms.Resize(SIDE), transforms.CenterCrop(SIDE), transforms.PILToTensor()])
    return ImageFolder(path, transform=steps)
def encode(folder):
    loader = torch.utils.data.DataLoader(folder, batch_size=128, num_workers=WORKERS)
    return torch.cat([batch for batch, _ in loader])
""",
}

MEASURE = """
import json, resource, sys, time
SIDE, WORKERS = {side}, {workers}
{reader}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
times = []
for turn in range({turns}):
    start = time.perf_counter()
    frame = load({path!r})
    middle = time.perf_counter()
    ready = encode(frame)
    end = time.perf_counter()
    times.append((middle - start, end - start))
    shape = list(ready.shape)
    if turn == 0:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    del frame, ready
print(json.dumps([min(t[0] for t in times), min(t[1] for t in times), peak / 1024, (peak - before) / 1024, shape]))
"""


def measure(reader: str, path: str, turns: int = 3, workers: int = 0) -> list:
    """[seconds to read, seconds to read and encode, peak MB, MB above the start, shape]"""
    code = MEASURE.format(side=SIDE, workers=workers, reader=READERS[reader], path=path, turns=turns)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{reader} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def write_csv(path: Path, rows: int, columns: int) -> None:
    """Half numbers with fractions (one in a hundred missing), the rest whole numbers and words; from a seed."""
    import numpy as np
    import polars as pl

    generator = np.random.default_rng(0)
    words = pl.Series([f"word{number}" for number in range(50)])
    made = {}
    for place in range(columns):
        if place % 2 == 0:
            values = pl.Series(generator.normal(size=rows).round(6))
            values[generator.integers(0, rows, rows // 100)] = None
            made[f"value{place}"] = values
        elif place % 8 == 1:
            made[f"word{place}"] = words[generator.integers(0, 50, rows)]
        else:
            made[f"count{place}"] = pl.Series(generator.integers(0, 100_000, rows))
    pl.DataFrame(made).write_csv(path)


def draw_pictures(root: Path, count: int) -> None:
    """Photographs drawn from noise, 320 x 240 JPEG, in four class folders."""
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(0)
    for number in range(count):
        folder = root / f"class{number % 4}"
        folder.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(generator.integers(0, 256, (30, 40, 3), dtype=np.uint8))
        small.resize((320, 240), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg", quality=85)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--pictures", type=int, default=3_000)
    parser.add_argument("--data", help="a folder of class folders with real pictures, instead of drawn ones")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        write_csv(path, options.rows, options.columns)
        size = path.stat().st_size / 2**20
        print(f"\nCSV {options.rows:,} rows, {size:,.0f} MB     read s   and encoded s   peak MB   above start MB")
        results = {}
        for reader in ("fofx", "pandas"):
            results[reader] = measure(reader, str(path))
            read, ready, peak, above, shape = results[reader]
            print(f"  {reader:30} {read:8.2f} {ready:15.2f} {peak:9.0f} {above:16.0f}   {tuple(shape)}")
        ratio = [results["pandas"][place] / results["fofx"][place] for place in (0, 1, 2)]
        print(f"  pandas / fofx: reading {ratio[0]:.1f} x, encoded {ratio[1]:.1f} x, peak memory {ratio[2]:.2f} x")
        root = options.data
        if not root:
            root = str(Path(folder) / "pictures")
            draw_pictures(Path(root), options.pictures)
        print(f"\npictures to {SIDE} x {SIDE}                a second          peak MB   above start MB")
        rates = {}
        for name, reader, workers in (
            ("fofx", "fofx pictures", 0),
            ("ImageFolder + DataLoader", "torchvision", 0),
            (f"the same, {os.cpu_count()} workers", "torchvision", os.cpu_count() or 1),
        ):
            _, seconds, peak, above, shape = measure(reader, root, turns=2, workers=workers)
            rates[name] = shape[0] / seconds
            print(f"  {name:30} {rates[name]:8.0f} {'':15} {peak:9.0f} {above:16.0f}   {tuple(shape)}")
        best = max(rate for name, rate in rates.items() if name != "fofx")
        print(f"  fofx / the better of torchvision: {rates['fofx'] / best:.1f} x")


if __name__ == "__main__":
    main()
