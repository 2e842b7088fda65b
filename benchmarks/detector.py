"""Training speed of the detector against torchvision's nearest: pictures a second and peak memory, one process each.

The same drawn scenes with boxes, side x side pixels, batches of 16, AdamW, forward, loss, backward and update, on one thread;
nothing is pretrained. FCOS (ResNet-50 with a feature pyramid) is the nearest in manner, SSDlite (MobileNetV3) the nearest in size.
Augmentation and decoding are left out for all. The turns are taken in rounds, and the median of the rounds is printed.

Run: python benchmarks/detector.py [--side 96 128] [--seconds 6] [--rounds 3]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

MODELS = ("fofx detector", "torchvision SSDlite", "torchvision FCOS")
BATCH = 16


def ours(pictures, boxes, side: int) -> tuple[Callable, object]:
    """The detector and its loss as a run uses them."""
    import torch

    from fofx.boxes.cells import detection_loss
    from fofx.models.detector import Detector
    from fofx.models.reading import Pixels

    most = max(len(numbers) for numbers, _ in boxes)
    targets = torch.full((len(boxes), max(1, most), 5), -1.0)
    for row, (numbers, corners) in enumerate(boxes):
        targets[row, : len(numbers)] = torch.cat([numbers[:, None], corners / side], dim=1)
    network = Pixels([0.5] * 3, [0.25] * 3, Detector(10)).to(memory_format=torch.channels_last)
    return lambda picked: detection_loss(network(pictures[picked]), targets[picked]), network


def theirs(pictures, boxes, side: int, name: str) -> tuple[Callable, object]:
    """A detector of torchvision at the same size of pictures."""
    import torch

    missing = torch.library.Library("torchvision", "FRAGMENT")
    for schema in (
        "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "qnms(Tensor d, Tensor s, float t) -> Tensor",
    ):
        with contextlib.suppress(RuntimeError):  # only needed where its operators were built for another torch
            missing.define(schema)
    from torchvision.models import detection
    from torchvision.models.detection.transform import GeneralizedRCNNTransform

    make = detection.fcos_resnet50_fpn if name.endswith("FCOS") else detection.ssdlite320_mobilenet_v3_large
    model = make(weights=None, weights_backbone=None, num_classes=6)
    scale = [0.5] * 3, [0.25] * 3
    model.transform = GeneralizedRCNNTransform(side, side, *scale, size_divisible=32 if name.endswith("FCOS") else 1)
    targets = [{"boxes": corners, "labels": numbers.long() + 1} for numbers, corners in boxes]
    images = pictures.float() / 255

    def loss(picked):
        rows = picked.tolist()
        return sum(model([images[row] for row in rows], [targets[row] for row in rows]).values())

    return loss, model


def measure(name: str, side: int, seconds: float) -> dict:
    """Pictures a second, peak memory in MB, and parameters, of one model in this process."""
    import torch

    from fofx.tasks._scenes import CLASSES, scenes

    torch.set_num_threads(1)
    torch.manual_seed(0)
    drawn, found = scenes(64, 0, side)
    pictures = torch.from_numpy(drawn).permute(0, 3, 1, 2).contiguous()
    boxes = []
    for rows in found:
        sides = torch.tensor([row["box"] for row in rows], dtype=torch.float32).view(-1, 4)
        numbers = torch.tensor([CLASSES.index(row["label"]) for row in rows], dtype=torch.float32)
        boxes.append((numbers, torch.cat([sides[:, :2], sides[:, :2] + sides[:, 2:]], dim=1)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loss_of, model = ours(pictures, boxes, side) if name == MODELS[0] else theirs(pictures, boxes, side, name)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    count, begun, number = 0, 0.0, 0
    while not begun or time.perf_counter() - begun < seconds:
        picked = torch.arange(number * BATCH, (number + 1) * BATCH) % 64
        optimizer.zero_grad()
        loss_of(picked).backward()
        optimizer.step()
        number += 1
        if number == 2:  # the first updates make room for everything that is kept
            begun = time.perf_counter()
        elif number > 2:
            count += BATCH
    spent = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = sum(parameter.numel() for parameter in model.parameters())
    return {"rate": count / spent, "peak": peak / 1024, "grown": (peak - before) / 1024, "parameters": size}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--side", type=int, nargs="*", default=[96, 128])
    options.add_argument("--seconds", type=float, default=6)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--one", help="measure this model in this process and print JSON")
    given = options.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.side[0], given.seconds)))
        return
    for side in given.side:
        rounds: dict[str, list[dict]] = {name: [] for name in MODELS}
        for _ in range(given.rounds):
            for name in MODELS:
                asked = [sys.executable, __file__, "--one", name, "--side", str(side), "--seconds", str(given.seconds)]
                done = subprocess.run(asked, capture_output=True, text=True)
                if done.returncode:
                    sys.exit(done.stderr)
                rounds[name].append(json.loads(done.stdout.splitlines()[-1]))
        print(f"{side} x {side} pixels, batches of {BATCH}, one thread")
        print(f"{'model':22} {'parameters':>12} {'pictures/s':>11} {'ratio':>7} {'peak MB':>9} {'of it training':>15}")
        middle = {name: statistics.median(one["rate"] for one in found) for name, found in rounds.items()}
        for name, found in rounds.items():
            last = found[-1]
            ratio = middle[MODELS[0]] / middle[name]
            print(
                f"{name:22} {last['parameters']:12,} {middle[name]:11.1f} {ratio:7.1f} {last['peak']:9.0f} {last['grown']:15.0f}"
            )


if __name__ == "__main__":
    main()
