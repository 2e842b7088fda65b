"""Masks: a class for every pixel. How good they are, how wrong, and new ones from old.

A mask is a map of class numbers 0..K-1, one byte a pixel; the byte 255 is void: nobody says what is there, so it neither
counts nor teaches. Maps stay bytes; probabilities (K floats a pixel) exist for one batch at a time only.

Shapes: N or B maps, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

VOID = 255
AT_ONCE = 1 << 20  # pixels counted at a time


# How good


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(K, K) counts of pixels: row = true class, column = predicted class. Pixels that are void in truth do not count.

    `truth` and `predicted` have one shape, such as (N, H, W). Raises ValueError for a class number that is none.
    """
    if np.shape(truth) != np.shape(predicted):
        raise ValueError(f"truth {np.shape(truth)} does not fit predicted {np.shape(predicted)}")
    truth, predicted = np.asarray(truth).reshape(-1), np.asarray(predicted).reshape(-1)  # (N * H * W,)
    counts = np.zeros(classes * classes, dtype=np.int64)
    for start in range(0, len(truth), AT_ONCE):
        true, given = truth[start : start + AT_ONCE], predicted[start : start + AT_ONCE]
        real = true != VOID
        true, given = true[real].astype(np.int64), given[real].astype(np.int64)
        if len(true) and (min(true.min(), given.min()) < 0 or max(true.max(), given.max()) >= classes):
            raise ValueError(
                f"expected class numbers from 0 to {classes - 1}, got up to {max(true.max(), given.max())}"
            )
        counts += np.bincount(true * classes + given, minlength=classes * classes)
    return counts.reshape(classes, classes)  # (K, K)


def iou(matrix: np.ndarray) -> list[float | None]:
    """Intersection over union of each class (Jaccard 1912): pixels rightly given / pixels of the class or given as it.

    From the counts of `confusion`. None for a class that neither occurs nor is given.
    """
    hits = np.diag(matrix)  # (K,)
    either = matrix.sum(axis=0) + matrix.sum(axis=1) - hits  # (K,)
    return [float(hit / size) if size else None for hit, size in zip(hits, either)]


def mean_iou(matrix: np.ndarray) -> float | None:
    """mIoU: the plain mean of `iou` over the classes that occur or are given, so that rare classes weigh as common ones."""
    known = [share for share in iou(matrix) if share is not None]
    return float(np.mean(known)) if known else None


def pixel_accuracy(matrix: np.ndarray) -> float | None:
    """Share of the pixels that are right; a class that covers the picture carries it alone."""
    return float(np.trace(matrix) / matrix.sum()) if matrix.sum() else None


def class_accuracy(matrix: np.ndarray) -> float | None:
    """Mean over the classes that occur of the share of their pixels that is found."""
    sizes = matrix.sum(axis=1)  # (K,)
    found = np.diag(matrix)[sizes > 0] / sizes[sizes > 0]
    return float(found.mean()) if len(found) else None


def mask_scores(matrix: np.ndarray, names: Sequence[str] = ()) -> dict[str, float | None]:
    """miou, pixel_accuracy, class_accuracy and, where names are given, "iou.NAME" of each class."""
    scores = {
        "miou": mean_iou(matrix),
        "pixel_accuracy": pixel_accuracy(matrix),
        "class_accuracy": class_accuracy(matrix),
    }
    return scores | {f"iou.{name}": share for name, share in zip(names, iou(matrix))}


# How wrong


def mask_cross_entropy(
    scores: torch.Tensor, maps: torch.Tensor, weights: torch.Tensor | None = None, void: int = 255
) -> torch.Tensor:
    """Mean over the pixels that are not void of -log p(right class), where p = softmax(scores) at that pixel.

    `scores` (B, K, H, W), `maps` (B, H, W) whole numbers, `weights` (K,) or None. With class weights w the mean is
    sum(w[class] * loss) / sum(w[class]). 0 when every pixel is void.
    """
    if not (maps != void).any():
        return scores.sum() * 0
    return F.cross_entropy(scores, maps.long(), weight=weights, ignore_index=void)


def dice_loss(scores: torch.Tensor, maps: torch.Tensor, void: int = 255) -> torch.Tensor:
    """1 - the mean over the occurring classes of 2 |A and B| / (|A| + |B|), with probabilities for A (soft Dice).

    Milletari, Navab, Ahmadi (2016), with plain sums below the line. A small class weighs as much as a large one, and an
    overlap is asked for directly. `scores` (B, K, H, W), `maps` (B, H, W). 0 when every pixel is void.
    """
    classes = scores.shape[1]
    real = maps != void  # (B, H, W)
    probabilities = scores.softmax(dim=1) * real[:, None]  # (B, K, H, W)
    places = torch.where(real, maps, torch.zeros_like(maps)).long()  # (B, H, W)
    right = probabilities.gather(1, places[:, None]).reshape(-1)  # (B * H * W,) probability of the right class
    overlap = torch.zeros(classes).to(scores).index_add(0, places.reshape(-1), right)  # (K,)
    sizes = torch.bincount(places[real], minlength=classes).to(scores)  # (K,)
    dice = 2 * overlap / (probabilities.sum(dim=(0, 2, 3)) + sizes).clamp(min=1e-7)  # (K,)
    occurs = sizes > 0
    return 1 - dice[occurs].mean() if occurs.any() else scores.sum() * 0


def rare_class_weights(counts: Sequence[int] | np.ndarray, power: float = 0.5) -> torch.Tensor:
    """Weights (K,) for `mask_cross_entropy` from the pixels of each class: 1 / share^power, the mean weight of a pixel 1.

    Power 1 makes all classes weigh alike in sum; one half is the usual middle way, because a class of few pixels is also
    learnt from few pictures, and weighed in full it is seen everywhere.
    """
    pixels = torch.as_tensor(list(counts), dtype=torch.float64).clamp(min=1)
    weights = (pixels.sum() / pixels) ** power
    return (weights * pixels.sum() / (weights * pixels).sum()).float()


# New masks from old


def augment_masks(
    pictures: torch.Tensor, maps: torch.Tensor, zoom: float = 0.4, light: float = 0.25, mirror: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """New pictures with their masks: a part cut out and enlarged, maybe mirrored, brighter or darker, another tint.

    `pictures` (B, C, H, W) bytes or floats in 0..255, `maps` (B, H, W) bytes. Gives floats in 0..255 and bytes of the same
    shapes. Both are read at the same places: the picture between its pixels, the mask at the nearest one, because between
    class 2 and class 4 there is no class 3. `zoom` is the largest share of each side that is cut away, `light` the largest
    change of brightness and, by half, of each colour. Draws from torch's global generator only.
    """
    count, channels = pictures.shape[:2]
    draws = torch.rand(count, 5 + channels)  # (B, 5 + C)
    size = 1 - draws[:, 0] * zoom  # (B,) share of the sides that stays
    flip = torch.where(draws[:, 1] > 0.5, -1.0, 1.0) if mirror else torch.ones(count)
    across, down = (draws[:, 2:4] * 2 - 1).unbind(1)  # (B,) where the part lies, from one edge to the other
    nothing = torch.zeros(count)
    moves = torch.stack(
        [
            torch.stack([size * flip, nothing, across * (1 - size)], dim=1),
            torch.stack([nothing, size, down * (1 - size)], dim=1),
        ],
        dim=1,
    )  # (B, 2, 3)
    pixels = pictures.float()
    places = F.affine_grid(moves.to(pixels), list(pixels.shape), align_corners=False)  # (B, H, W, 2)
    pixels = F.grid_sample(pixels, places, padding_mode="border", align_corners=False)  # (B, C, H, W)
    near = F.grid_sample(maps[:, None].float(), places, mode="nearest", padding_mode="border", align_corners=False)
    gain = 1 + (draws[:, 4:5] * 2 - 1) * light + (draws[:, 5:] - 0.5) * light  # (B, C)
    pixels = (pixels * gain.to(pixels)[:, :, None, None]).clamp(0, 255)
    return pixels, near[:, 0].to(maps.dtype)  # (B, C, H, W), (B, H, W)


PIECES = (mask_cross_entropy, dice_loss, augment_masks)
