"""Areas, overlaps and the loss between boxes that says how to move one onto another. Plain torch.

Shapes: N boxes, M others; a box is left, top, right, bottom. `PIECES` are pasted into ejected scripts: they use torch only.
"""

from __future__ import annotations

import torch


def areas(boxes: torch.Tensor) -> torch.Tensor:
    """Width times height: (..., 4) -> (...)."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def overlaps(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Intersection over union (IoU) of every pair: (N, 4) and (M, 4) -> (N, M) from 0 to 1; two empty boxes give 0."""
    shared_corners = torch.cat(
        [
            torch.maximum(first[:, None, :2], second[None, :, :2]),
            torch.minimum(first[:, None, 2:], second[None, :, 2:]),
        ],
        dim=2,
    )  # (N, M, 4), turned inside out where two boxes do not touch
    sides = (shared_corners[..., 2:] - shared_corners[..., :2]).clamp(min=0)  # (N, M, 2)
    shared = sides[..., 0] * sides[..., 1]  # (N, M)
    union = areas(first)[:, None] + areas(second)[None, :] - shared  # (N, M)
    return torch.where(union > 0, shared / union.clamp(min=torch.finfo(union.dtype).tiny), 0.0)


def paired_overlaps(found: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """IoU of each box with its partner, and the area that their two boxes fill: (..., 4) and (..., 4) -> (...) twice."""
    left_top = torch.maximum(found[..., :2], right[..., :2])  # (..., 2) corners of what both share
    right_bottom = torch.minimum(found[..., 2:], right[..., 2:])  # (..., 2)
    sides = (right_bottom - left_top).clamp(min=0)  # (..., 2)
    shared = sides[..., 0] * sides[..., 1]  # (...)
    union = areas(found) + areas(right) - shared  # (...)
    return shared / (union + 1e-7), union  # two empty boxes: 0


def generalized_overlap_loss(found: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """1 - generalized IoU of each pair, from 0 (the same box) to 2: (..., 4) and (..., 4) -> (...).

    GIoU = IoU - (share of the smallest box round both that neither fills), Rezatofighi and others 2019. Where two boxes do
    not touch, IoU is 0 and flat; the second term still says which way leads nearer.
    """
    overlap, union = paired_overlaps(found, right)  # (...)
    outer = torch.maximum(found[..., 2:], right[..., 2:]) - torch.minimum(found[..., :2], right[..., :2])  # (..., 2)
    around = outer[..., 0] * outer[..., 1]  # (...)
    return 1 - overlap + (around - union) / (around + 1e-7)


PIECES = (areas, paired_overlaps, generalized_overlap_loss)


def with_sides(boxes: torch.Tensor) -> torch.Tensor:
    """left, top, right, bottom -> left, top, width, height: (..., 4)."""
    return torch.cat([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], dim=-1)


def with_corners(boxes: torch.Tensor) -> torch.Tensor:
    """left, top, width, height -> left, top, right, bottom: (..., 4)."""
    return torch.cat([boxes[..., :2], boxes[..., 2:] + boxes[..., :2]], dim=-1)
