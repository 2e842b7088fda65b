"""Maps and boxes: which cell of a map should find which object, how wrong the maps are, and the boxes that they mean.

A detector answers with a map of h x w cells. Each cell says for every class how much it looks like the middle of such an
object, where the object's box lies, and how well that box fits. No anchor boxes: FCOS (Tian and others 2019), with the
overlap as the measure of fit (Wu and others 2020). Cells that hold nothing are many, so the class scores learn by the focal
loss (Lin and others 2017).

Shapes: B pictures, K classes, h x w cells, P = h * w of them in a row, M right boxes of a picture (padded).
Maps (B, K + 5, h, w): K class scores, then the box (see `cell_boxes`), then the fit. Targets (B, M, 5): class, left,
top, right, bottom, as shares of the picture's sides; a class of -1 is padding, -2 a crowd: cells in it are not judged.
`PIECES` are pasted into ejected scripts, so they use torch and math only.
"""

from __future__ import annotations

import math

import torch

from fofx.boxes.geometry import generalized_overlap_loss, paired_overlaps
from fofx.boxes.suppress import suppress

LARGEST = 6.0  # log of the largest side in cells that a cell can ask for: e^6 = 403 of them


def cell_middles(height: int, width: int, like: torch.Tensor) -> torch.Tensor:
    """x and y of every cell's middle, row by row, a cell being 1 wide: (P, 2)."""
    x = torch.arange(width, dtype=like.dtype, device=like.device) + 0.5
    y = torch.arange(height, dtype=like.dtype, device=like.device) + 0.5
    return torch.stack([x.repeat(height), y.repeat_interleave(width)], dim=1)  # (P, 2)


def cell_boxes(numbers: torch.Tensor, middles: torch.Tensor) -> torch.Tensor:
    """The box that each cell means: (..., P, 4) numbers and middles (P, 2) to corners in cells (..., P, 4).

    The numbers are how far the box's middle lies from the cell's, to the right and down, and the logarithms of its width
    and height: so every answer is a box, and large boxes move by large steps.
    """
    middle = middles + numbers[..., :2]  # (..., P, 2)
    half = numbers[..., 2:].clamp(-LARGEST, LARGEST).exp() / 2  # (..., P, 2)
    return torch.cat([middle - half, middle + half], dim=-1)  # (..., P, 4)


def objects_of_cells(targets: torch.Tensor, height: int, width: int, reach: float = 1.5) -> torch.Tensor:
    """Which object each cell should find, (B, P) int64: its row in the targets, -1 for none, -2 not to be judged.

    A cell is an object's when its middle lies in the box and at most `reach` cells from the box's middle, to each side; the
    smaller object goes first. An object that no cell fell to gets the cell that its middle lies in.
    """
    scale = targets.new_tensor([width, height, width, height])
    boxes = targets[..., 1:] * scale  # (B, M, 4) in cells
    middles = cell_middles(height, width, targets)  # (P, 2)
    x, y = middles[:, 0, None], middles[:, 1, None]  # (P, 1)
    left, top, right, bottom = (side[:, None] for side in boxes.unbind(dim=-1))  # (B, 1, M)
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)  # (B, P, M)
    near = ((x - (left + right) / 2).abs() <= reach) & ((y - (top + bottom) / 2).abs() <= reach)  # (B, P, M)
    real = targets[..., 0] >= 0  # (B, M)
    size = (right - left) * (bottom - top)  # (B, 1, M)
    size = torch.where(inside & near & real[:, None], size, math.inf)  # (B, P, M)
    smallest, objects = size.min(dim=2)  # (B, P)
    none = torch.where((inside & (targets[:, None, :, 0] == -2)).any(dim=2), -2, -1)  # (B, P)
    objects = torch.where(smallest < math.inf, objects, none)
    rows = torch.arange(targets.shape[1], device=targets.device)  # (M,)
    left_over = real & ~(objects[:, :, None] == rows).any(dim=1)  # (B, M)
    column = ((boxes[..., 0] + boxes[..., 2]) / 2).long().clamp(0, width - 1)  # (B, M)
    line = ((boxes[..., 1] + boxes[..., 3]) / 2).long().clamp(0, height - 1)  # (B, M)
    given = torch.full_like(objects, -1).scatter_reduce(
        1, line * width + column, torch.where(left_over, rows, -1), "amax"
    )
    return torch.where(given >= 0, given, objects)  # (B, P)


def focal_loss(scores: torch.Tensor, wanted: torch.Tensor, alpha: float = 0.25, gamma: float = 2.0) -> torch.Tensor:
    """Binary cross entropy of each score, made small where the answer is right already: any shape, the same shape.

    -alpha (1 - p)^gamma log p where 1 is wanted, -(1 - alpha) p^gamma log(1 - p) where 0 is, with p = sigmoid(score).
    """
    p = torch.sigmoid(scores)
    plain = torch.nn.functional.binary_cross_entropy_with_logits(scores, wanted, reduction="none")
    miss = wanted * (1 - p) + (1 - wanted) * p
    return (wanted * alpha + (1 - wanted) * (1 - alpha)) * miss**gamma * plain


def detection_losses(
    maps: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """How wrong the classes, the boxes and the fits are: three numbers, whose sum is the loss.

    Each is a sum over cells, divided by how many cells should find an object (at least 1). Only those cells are judged by
    their boxes, and by how near their fit is to the overlap of their box with the right one. `weights` (K,) makes the
    objects of a class count more.
    """
    height, width = maps.shape[2:]
    answers = maps.flatten(2).transpose(1, 2).float()  # (B, P, K + 5)
    scores, numbers, fits = answers[..., :-5], answers[..., -5:-1], answers[..., -1]  # (B, P, K), (B, P, 4), (B, P)
    objects = objects_of_cells(targets, height, width)  # (B, P)
    picked = targets.gather(1, objects.clamp(min=0)[..., None].expand(-1, -1, 5))  # (B, P, 5)
    has = objects >= 0  # (B, P)
    count = has.sum().clamp(min=1)
    wanted = torch.zeros_like(scores)
    wanted.scatter_(2, picked[..., :1].long().clamp(min=0), has[..., None].to(scores.dtype))  # (B, P, K)
    class_loss = focal_loss(scores, wanted)  # (B, P, K)
    if weights is not None:
        class_loss = class_loss * (1 + wanted * (weights - 1))
    class_loss = class_loss[objects > -2].sum() / count
    right = picked[..., 1:][has] * answers.new_tensor([width, height, width, height])  # (cells, 4)
    found = cell_boxes(numbers, cell_middles(height, width, answers))[has]  # (cells, 4)
    share = torch.ones(len(right), device=maps.device) if weights is None else weights[picked[..., 0][has].long()]
    box_loss = (generalized_overlap_loss(found, right) * share).sum() / count
    overlap = paired_overlaps(found.detach(), right)[0]  # (cells,)
    fit_loss = torch.nn.functional.binary_cross_entropy_with_logits(fits[has], overlap, reduction="none")  # (cells,)
    return class_loss, box_loss, (fit_loss * share).sum() / count


def detection_loss(maps: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """The sum of `detection_losses`: one number."""
    class_loss, box_loss, fit_loss = detection_losses(maps, targets, weights)
    return class_loss + box_loss + fit_loss


def boxes_of_maps(
    maps: torch.Tensor, least: float = 0.05, overlap: float = 0.6, most: int = 100, looked_at: int = 300
) -> torch.Tensor:
    """The boxes that maps mean, (B, most, 6): class, left, top, right, bottom, score; rows of class -1 are empty.

    Corners are shares of the picture's sides, within it. A cell's score for a class is the root of its probability times the
    fit it expects; the `looked_at` highest of those above `least` are taken, and doubles suppressed.
    """
    height, width = maps.shape[2:]
    answers = maps.detach().flatten(2).transpose(1, 2).float()  # (B, P, K + 5)
    classes = answers.shape[2] - 5
    scores = (answers[..., :-5].sigmoid() * answers[..., -1:].sigmoid()).sqrt().flatten(1)  # (B, P * K)
    corners = cell_boxes(answers[..., -5:-1], cell_middles(height, width, answers))  # (B, P, 4)
    corners = (corners / answers.new_tensor([width, height, width, height])).clamp(0, 1)
    found = answers.new_zeros(len(maps), most, 6)
    found[..., 0] = -1
    for number in range(len(maps)):
        best, place = scores[number].topk(min(looked_at, scores.shape[1]))
        best, place = best[best > least], place[best > least]  # (candidates,)
        boxes = corners[number, place // classes]  # (candidates, 4)
        kept = suppress(boxes, best, overlap, place % classes)[:most]
        rows = torch.cat([(place % classes)[kept, None].float(), boxes[kept], best[kept, None]], dim=1)  # (kept, 6)
        found[number, : len(rows)] = rows
    return found  # (B, most, 6)


PIECES = (cell_middles, cell_boxes, objects_of_cells, focal_loss, detection_losses, detection_loss)
