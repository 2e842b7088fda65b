"""What every classical model asks of its input before work starts.

N rows, D columns.
"""

import numpy as np

from fofx.errors import DataError


def checked_features(features, columns=None, counts=False):
    """Return `features` as a finite number array (N, D); `columns` is the D that training had, if there was any.

    With `counts` no value may be below 0.
    """
    if hasattr(features, "tocsr"):
        raise DataError("sparse-features", "Expected a dense array, got a sparse matrix. Give features.toarray().")
    features = np.asarray(features)
    if features.ndim != 2:
        raise DataError(
            "wrong-shape",
            f"Expected features of shape (rows, columns), got {features.shape}. Reshape one row to (1, -1).",
        )
    if columns is not None and features.shape[1] != columns:
        raise DataError(
            "wrong-columns",
            f"Expected {columns} columns as in training, got {features.shape[1]}. Give the same columns in order.",
        )
    if features.shape[1] == 0 or (columns is None and features.shape[0] == 0):
        raise DataError("empty-features", f"Expected at least one row and one column, got shape {features.shape}.")
    if features.dtype.kind not in "fiub":
        raise DataError("not-numbers", f"Expected numbers, got {features.dtype}. Encode text and categories first.")
    if features.dtype not in (np.float32, np.float64):
        features = features.astype(np.float64)
    # The extremes are not finite when any value is not, and need no mask in memory. Some rows at a time: the second look
    # then finds them in the processor's cache.
    parts = (features[start : start + 4096] for start in range(0, len(features), 4096))
    lowest, highest = zip(*((part.min(), part.max()) for part in parts)) if len(features) else ((0.0,), (0.0,))
    if not np.isfinite([*lowest, *highest]).all():
        bad = int((~np.isfinite(features)).any(1).sum())
        raise DataError("not-finite", f"{bad} rows hold missing or infinite values. Fill them in or leave them out.")
    if counts and min(lowest) < 0:
        raise DataError("negative-counts", "Expected counts of at least 0. Use GaussianBayes for other numbers.")
    return features


def checked_target(target, rows, task):
    """Return `target` as an array (N,): float64 for regression, unchanged for classification."""
    target = np.asarray(target)
    if target.ndim != 1 or len(target) != rows:
        raise DataError("wrong-shape", f"Expected a target of shape ({rows},), one per row, got {target.shape}.")
    if task == "regression" and target.dtype.kind not in "fiub":
        raise DataError("not-numbers", f"Expected a target of numbers for regression, got {target.dtype}.")
    if target.dtype.kind == "f" and not np.isfinite(target).all():
        bad = int((~np.isfinite(target)).sum())
        raise DataError("not-finite", f"{bad} targets are missing or infinite. Leave these rows out.")
    if target.dtype.kind == "O" and any(value is None for value in target):
        raise DataError("not-finite", "Some targets are missing (None). Leave these rows out.")
    return target.astype(np.float64) if task == "regression" else target
