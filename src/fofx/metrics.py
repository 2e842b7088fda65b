"""How good predictions are, in the usual numbers. NumPy in, a plain float out; None where the number is undefined.

Shapes: B rows, K classes, D output numbers. Classes are whole numbers from 0 to K - 1.
All sums run in float64. The values are scikit-learn's (tested); what it answers with a warning or an error is None
here: no rows, r2 of one row or of a constant target, auc when fewer than two classes occur, f1 of a positive class
that neither occurs nor is predicted.
"""

from __future__ import annotations

import numpy as np


def regression(target: np.ndarray, predicted: np.ndarray) -> dict[str, float | None]:
    """mse, rmse, mae and r2 of numbers: (B,) or (B, D) each."""
    return {
        name: metric(target, predicted) for name, metric in [("mse", mse), ("rmse", rmse), ("mae", mae), ("r2", r2)]
    }


def classification(target: np.ndarray, probabilities: np.ndarray) -> dict[str, float | None]:
    """accuracy, f1, auc, log_loss and calibration_error of classes (B,) against probabilities (B, K)."""
    predicted = np.argmax(probabilities, axis=1)  # (B,)
    return {
        "accuracy": accuracy(target, predicted),
        "f1": f1(target, predicted, probabilities.shape[1]),
        "auc": auc(target, probabilities),
        "log_loss": log_loss(target, probabilities),
        "calibration_error": calibration_error(target, probabilities),
    }


def mse(target: np.ndarray, predicted: np.ndarray) -> float | None:
    """Mean squared error, over all rows and outputs."""
    errors = _errors(target, predicted)
    return float(np.mean(errors**2)) if errors.size else None


def rmse(target: np.ndarray, predicted: np.ndarray) -> float | None:
    """Root of the mean squared error; for several outputs the mean of their roots."""
    errors = _errors(target, predicted)
    return float(np.mean(np.sqrt(np.mean(errors**2, axis=0)))) if errors.size else None


def mae(target: np.ndarray, predicted: np.ndarray) -> float | None:
    """Mean absolute error, over all rows and outputs."""
    errors = _errors(target, predicted)
    return float(np.mean(np.abs(errors))) if errors.size else None


def r2(target: np.ndarray, predicted: np.ndarray) -> float | None:
    """1 - squared errors / squared deviations from the mean; for several outputs their mean.

    Outputs that do not vary are left out; None when none varies.
    """
    errors = _errors(target, predicted)  # (B, D)
    values = _columns(target)  # (B, D)
    if len(values) < 2:
        return None
    deviations = np.sum((values - values.mean(axis=0)) ** 2, axis=0)  # (D,)
    varies = (values.max(axis=0) > values.min(axis=0)) & (deviations > 0)  # tiny squares may vanish
    if not varies.any():
        return None
    return float(np.mean(1 - np.sum(errors**2, axis=0)[varies] / deviations[varies]))


def accuracy(target: np.ndarray, predicted: np.ndarray) -> float | None:
    """Share of rows whose class is right."""
    return float(np.mean(np.asarray(target) == np.asarray(predicted))) if len(target) else None


def confusion_matrix(target: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(K, K) counts: row = true class, column = predicted class."""
    places = np.asarray(target, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)  # (B,)
    return np.bincount(places, minlength=classes * classes).reshape(classes, classes)  # (K, K)


def f1(target: np.ndarray, predicted: np.ndarray, classes: int) -> float | None:
    """Harmonic mean of precision and recall: 2 * hits / (rows of the class + rows predicted as it).

    Two classes: of class 1, the positive one. More: the plain (macro) mean over classes that occur or are predicted.
    """
    matrix = confusion_matrix(target, predicted, classes)
    hits, occurring = np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1)  # (K,)
    seen = occurring > 0
    if classes == 2:
        return float(2 * hits[1] / occurring[1]) if seen[1] else None
    return float(np.mean(2 * hits[seen] / occurring[seen])) if seen.any() else None


def auc(target: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Chance that a row of a class gets a higher probability of it than a row of another class; ties count one half.

    Two classes: of class 1. More: one class against the rest, the plain mean over the classes that occur.
    The rank form of Mann and Whitney (1947).
    """
    target = np.asarray(target)
    occurring = np.unique(target)
    if len(occurring) < 2:
        return None
    wanted = [1] if probabilities.shape[1] == 2 else occurring
    return float(np.mean([_auc_of(target == one, probabilities[:, one]) for one in wanted]))


def _auc_of(positive: np.ndarray, score: np.ndarray) -> float:
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]  # (B,) from 1 up, equal scores share the mean of their ranks
    positives = int(positive.sum())
    negatives = len(positive) - positives
    return float((rank[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def log_loss(target: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Mean of -log(probability of the true class): cross entropy. A probability of 0 counts as the rounding size."""
    if not len(target):
        return None
    smallest = np.finfo(probabilities.dtype).eps
    given = probabilities[np.arange(len(target)), target].astype(np.float64)  # (B,)
    return float(-np.mean(np.log(np.clip(given, smallest, 1 - smallest))))


def calibration_error(target: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> float | None:
    """Expected calibration error (Naeini et al. 2015; Guo et al. 2017): how far confidence is from being right.

    Rows are put into equal bins by the probability of the predicted class; in each bin the mean of that probability
    is compared with the share of right answers, and the gaps are averaged by the bins' sizes.
    """
    if not len(target):
        return None
    confidence = probabilities.max(axis=1).astype(np.float64)  # (B,)
    right = (probabilities.argmax(axis=1) == np.asarray(target)).astype(np.float64)  # (B,)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)  # (B,)
    gaps = np.bincount(place, weights=confidence - right, minlength=bins)  # (bins,) summed over the rows of each
    return float(np.abs(gaps).sum() / len(target))


def _columns(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    return values[:, None] if values.ndim == 1 else values  # (B, D)


def _errors(target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    target, predicted = _columns(target), _columns(predicted)
    if target.shape != predicted.shape:
        raise ValueError(f"target {target.shape} does not fit predicted {predicted.shape}")
    return predicted - target  # (B, D)
