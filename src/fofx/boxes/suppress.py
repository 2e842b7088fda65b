"""Non-maximum suppression: of boxes that overlap much, only the one with the highest score stays.

A detector finds one object from several cells at once. Taken from the highest score down, each box that stays takes away
those after it (of its class) whose overlap with it is larger than a threshold. Shapes: N boxes, left, top, right, bottom.
"""

from __future__ import annotations

import torch

from fofx.boxes.geometry import areas, overlaps


def suppress(
    boxes: torch.Tensor, scores: torch.Tensor, threshold: float, classes: torch.Tensor | None = None
) -> torch.Tensor:
    """Numbers of the boxes that stay, from the highest score down (of equal scores the earlier first): int64.

    `boxes` (N, 4), `scores` (N,), `classes` (N,) or None. With classes, a box takes away boxes of its own class only.
    Boxes are compared in pieces of 512, so that memory grows with N and not with its square.
    """
    order = scores.argsort(descending=True, stable=True)  # (N,)
    boxes = boxes[order] if boxes.is_floating_point() else boxes[order].float()
    classes = torch.zeros_like(order) if classes is None else classes[order]
    kept = order[:0]  # places in that order
    for start in range(0, len(order), 512):
        piece = torch.arange(start, min(start + 512, len(order)), device=order.device)
        taken = doubles(boxes[kept], boxes[piece], threshold, classes[kept], classes[piece]).any(dim=0)
        piece = piece[~taken]
        rivals = doubles(boxes[piece], boxes[piece], threshold, classes[piece], classes[piece]).cpu().numpy()
        stays = torch.ones(len(piece), dtype=torch.bool).numpy()
        for number in range(len(piece)):
            if stays[number]:
                stays[number + 1 :] &= ~rivals[number, number + 1 :]
        kept = torch.cat([kept, piece[torch.from_numpy(stays).to(order.device)]])
    return order[kept]


def doubles(
    first: torch.Tensor, second: torch.Tensor, threshold: float, classes: torch.Tensor, others: torch.Tensor
) -> torch.Tensor:
    """Which boxes of `second` (M, 4) overlap which of `first` (N, 4) by more than the threshold, in one class: (N, M)."""
    return (overlaps(first, second).double() > threshold) & (classes[:, None] == others[None, :])


PIECES = (areas, overlaps, doubles, suppress)
