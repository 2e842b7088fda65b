"""Step 2 of the course: the loss. How wrong a prediction is, as one number to be made small.

Shapes: B rows, M members of an ensemble, K classes, D output numbers. A prediction with one axis more than its target
has an ensemble's members on axis 1; every member is scored on its own and the mean over members is taken.
`PIECES` are pasted into ejected scripts, so they use `torch` only.
"""

from __future__ import annotations

import torch


def cross_entropy(
    scores: torch.Tensor, classes: torch.Tensor, weights: torch.Tensor | None = None, smoothing: float = 0.0
) -> torch.Tensor:
    """Mean of -log p(right class), where p = softmax(scores): for two classes as for many.

    `scores` (B, K) or (B, M, K), `classes` (B,) int64, `weights` (K,) or None. With class weights w the mean is
    sum(w[class] * loss) / sum(w[class]). With smoothing s the wanted distribution is (1 - s) on the right class plus
    s / K on every class (Szegedy et al. 2016). The one fused call that does this; `cross_entropy_by_formula` shows it.
    """
    if scores.ndim == classes.ndim + 2:
        members = scores.shape[1]
        scores = scores.flatten(0, 1)  # (B * M, K)
        classes = classes.repeat_interleave(members)  # (B * M,)
    return torch.nn.functional.cross_entropy(scores, classes, weight=weights, label_smoothing=smoothing)


def squared_error(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean of (prediction - target)^2. (B, D) or (B, M, D) against (B, D)."""
    return (prediction - beside(prediction, target)).square().mean()


def absolute_error(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean of |prediction - target|. (B, D) or (B, M, D) against (B, D)."""
    return (prediction - beside(prediction, target)).abs().mean()


def huber(prediction: torch.Tensor, target: torch.Tensor, delta: float = 1.0) -> torch.Tensor:
    """Squared for small errors, absolute for large ones (Huber 1964), so that outliers pull less.

    Mean of e^2 / 2 where |e| <= delta, and delta * (|e| - delta / 2) beyond. With delta = 1 this is smooth L1.
    """
    error = (prediction - beside(prediction, target)).abs()
    return torch.where(error <= delta, error.square() / 2, delta * (error - delta / 2)).mean()


def beside(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The target shaped to stand beside the prediction; (B,) against (B, 1) would else silently become (B, B)."""
    if prediction.ndim == target.ndim + 1 and prediction.shape[:1] + prediction.shape[2:] == target.shape:
        target = target.unsqueeze(1).expand_as(prediction)  # (B, M, D)
    if prediction.shape != target.shape:
        raise ValueError(f"prediction {tuple(prediction.shape)} does not fit target {tuple(target.shape)}")
    return target


PIECES = (cross_entropy, squared_error, absolute_error, huber, beside)


def cross_entropy_by_formula(
    scores: torch.Tensor, classes: torch.Tensor, weights: torch.Tensor | None = None, smoothing: float = 0.0
) -> torch.Tensor:
    """`cross_entropy` written out, for reading: the same values and gradients (tested), in more calls.

    `scores` (B, K), `classes` (B,).
    """
    count = scores.shape[1]
    log_probabilities = scores - scores.exp().sum(dim=1, keepdim=True).log()
    weights = torch.ones(count, dtype=scores.dtype, device=scores.device) if weights is None else weights
    right = -log_probabilities.gather(1, classes[:, None]).squeeze(1) * weights[classes]  # (B,)
    every = -(log_probabilities * weights).sum(dim=1) / count  # (B,)
    return ((1 - smoothing) * right + smoothing * every).sum() / weights[classes].sum()
