"""U-Net for masks against torchvision's small networks for the same task: pictures a second in training, and peak memory.

    python benchmarks/unet.py [--height 120] [--width 160] [--batch 8] [--turns 3] [--threads 2]

Every network runs in a process of its own, so that its peak memory can be told, in turn with the others, and the best turn
counts. A step is forward, cross-entropy over all pixels, backward and Adam, on random pictures in channels-last order, for 11
classes. The torchvision networks are not pretrained and as they come: LR-ASPP and DeepLabV3 on MobileNetV3 (the nearest: also made
to be light) and FCN on ResNet-50. Ratios above 1: U-Net as the rung "unet" makes it is that many times as fast.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

NETWORKS = {
    "U-Net (rung)": "UNet(11, widths=(16, 32, 64, 128), stride=2)",
    "U-Net, every pixel": "UNet(11, widths=(16, 32, 64, 128), stride=1)",
    "LR-ASPP MobileNetV3": "seg.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=11)",
    "DeepLabV3 MobileNetV3": "seg.deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=11)",
    "FCN ResNet-50": "seg.fcn_resnet50(weights=None, weights_backbone=None, num_classes=11)",
}

STEP = """
import json, resource, sys, time
import torch
from torch.nn import functional as F
torch.set_num_threads({threads})
if {borrowed}:
    missing = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        try: missing.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        except RuntimeError: pass
    from torchvision.models import segmentation as seg
else:
    from fofx.models.unet import UNet
torch.manual_seed(0)
model = {call}.to(memory_format=torch.channels_last).train()
optimizer = torch.optim.Adam(model.parameters(), fused=True)
pictures = torch.randn({batch}, 3, {height}, {width}).contiguous(memory_format=torch.channels_last)
maps = torch.randint(0, 11, ({batch}, {height}, {width}))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

def step():
    scores = model(pictures)
    scores = scores["out"] if isinstance(scores, dict) else scores
    optimizer.zero_grad()
    F.cross_entropy(scores, maps).backward()
    optimizer.step()

step()
best = float("inf")
ends = time.perf_counter() + {seconds}
while time.perf_counter() < ends or best == float("inf"):
    begun = time.perf_counter()
    step()
    best = min(best, time.perf_counter() - begun)
model.eval()
with torch.no_grad():
    model(pictures)
    begun = time.perf_counter()
    model(pictures)
    answer = time.perf_counter() - begun
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
unit = 1024 if sys.platform != "darwin" else 1024 * 1024
print(json.dumps({{"rate": {batch} / best, "answers": {batch} / answer, "memory": (after - before) / unit,
                   "weights": sum(p.numel() for p in model.parameters())}}))
"""


def measured(call: str, options: argparse.Namespace) -> dict:
    """What one network does in a fresh process."""
    code = STEP.format(call=call, borrowed=call.startswith("seg."), **vars(options))
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("height", 120), ("width", 160), ("batch", 8), ("turns", 3), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--seconds", type=float, default=4.0, help="that each turn of each network takes")
    options = parser.parse_args()
    best: dict[str, dict] = {}
    for _ in range(options.turns):
        for name, call in NETWORKS.items():
            found = measured(call, options)
            if name not in best or found["rate"] > best[name]["rate"]:
                best[name] = found
    ours = best["U-Net (rung)"]["rate"]
    print(f"{options.width} x {options.height} pixels, batches of {options.batch}, {options.threads} thread(s)")
    print(f"{'network':24}{'weights':>12}{'training/s':>12}{'answers/s':>11}{'peak MB':>9}{'U-Net is':>10}")
    for name, found in best.items():
        line = f"{name:24}{found['weights']:>12,}{found['rate']:>12.1f}{found['answers']:>11.1f}{found['memory']:>9.0f}"
        print(f"{line}{ours / found['rate']:>9.1f}x")


if __name__ == "__main__":
    main()
