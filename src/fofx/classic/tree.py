"""Decision tree: ask the one question that makes the two sides purest, then do the same on each side.

Source: Breiman, Friedman, Olshen, Stone, "Classification and Regression Trees", 1984.
N rows, M asked rows, D columns, C classes, V nodes.
"""

import numpy as np

from fofx.classic.checks import checked_features, checked_target
from fofx.errors import DataError, FofxError, TaskError


def impurity(counts, criterion):
    """How mixed groups of rows are, from their class counts (..., C): 0 when only one class is left.

    gini: the chance that two rows drawn with replacement differ. entropy: bits needed to name the class.
    """
    rows = counts.sum(axis=-1)
    if criterion == "gini":
        return 1 - (counts * counts).sum(axis=-1) / (rows * rows)
    part = counts / rows[..., None]
    return -(part * np.log2(np.where(part > 0, part, 1))).sum(axis=-1)


def cuts_of(values):
    """Where sorted `values` (n,) can be cut: the positions after which a cut falls, and the thresholds.

    The threshold is the middle of two neighbouring values. The middle of two adjacent float32 numbers may round up to
    the larger one, and "value <= threshold" would then put both on the left: the smaller value is used instead.
    Values within 1e-7 of each other count as equal, as in scikit-learn.
    """
    position = np.flatnonzero(values[1:] > values[:-1] + np.float32(1e-7))
    below, above = values[position].astype(np.float64), values[position + 1].astype(np.float64)
    middle = below / 2 + above / 2
    return position, np.where(middle < above, middle, below)


class Tree:
    """A binary tree of questions "is column j <= threshold?".

    task: "classification" or "regression". criterion: "gini" or "entropy"; "mse" for regression (the default there).
    max_depth: how many questions at most in a row (None: until pure). min_leaf: how many rows each side must keep.
    Columns are compared in float32, as scikit-learn does. Among cuts of equal cost the lowest column, then the lowest
    threshold wins; scikit-learn chooses such columns by its random_state, so trees can differ there and only there.
    """

    def __init__(self, task="classification", criterion=None, max_depth=None, min_leaf=1):
        known = {"classification": ("gini", "entropy"), "regression": ("mse",)}
        if task not in known:
            raise TaskError("bad-option", f"Expected task to be classification or regression, got {task!r}.")
        criterion = criterion or known[task][0]
        if criterion not in known[task]:
            raise TaskError("bad-option", f"Expected criterion for {task}: {known[task]}, got {criterion!r}.")
        for name, value in (("max_depth", max_depth), ("min_leaf", min_leaf)):
            if (value is None and name == "min_leaf") or (value is not None and value < 1):
                raise TaskError("bad-option", f"Expected {name} to be a whole number of at least 1, got {value!r}.")
        self.task, self.criterion, self.max_depth, self.min_leaf = task, criterion, max_depth, int(min_leaf)
        self.notes: list[dict] = []
        self.classes: np.ndarray = np.empty(0)  # stays empty for regression

    def fit(self, features, target) -> "Tree":
        """Grow the tree, the left side first."""
        features = checked_features(features)
        target = checked_target(target, len(features), self.task)
        with np.errstate(over="ignore"):
            self.features = features.astype(np.float32)  # (N, D)
        if not np.isfinite(self.features.sum(dtype=np.float64)):
            raise DataError("too-large", "Some values are beyond float32 (3.4e38). Rescale the columns.")
        if self.task == "classification":
            self.classes, self.target = np.unique(target, return_inverse=True)  # (C,), (N,)
        else:
            self.target = target
        self.low, self.high = self.features.min(axis=0), self.features.max(axis=0)  # (D,)
        self.nodes = self.grow()
        return self

    def grow(self):
        """The nodes, in the order they are made, as arrays of length V; `left` and `right` are -1 at a leaf."""
        names = ("feature", "threshold", "left", "right", "rows", "depth", "impurity", "value")
        nodes: dict[str, list] = {name: [] for name in names}
        waiting = [(np.arange(len(self.features)), 0, -1, "left")]
        while waiting:
            rows, depth, parent, side = waiting.pop()
            node = len(nodes["feature"])
            if parent >= 0:
                nodes[side][parent] = node
            value, mixed = self.summary(rows)
            made = (-1, np.nan, -1, -1, len(rows), depth, mixed, value)
            for name, item in zip(names, made, strict=True):
                nodes[name].append(item)
            if depth == self.max_depth or len(rows) < 2 * self.min_leaf or np.ptp(self.target[rows]) == 0:
                continue
            cut = self.best_cut(rows)
            if cut is None:
                continue
            feature, threshold = cut  # a numpy float64: numpy would round a Python float to float32 in the comparison
            nodes["feature"][node], nodes["threshold"][node] = feature, threshold
            goes_left = self.features[rows, feature] <= threshold
            waiting.append((rows[~goes_left], depth + 1, node, "right"))
            waiting.append((rows[goes_left], depth + 1, node, "left"))
        return {name: np.array(items) for name, items in nodes.items()}

    def summary(self, rows):
        """What a node would answer (class shares (C,) or [mean]) and how mixed it is."""
        target = self.target[rows]
        if self.task == "regression":
            return np.array([target.mean()]), target.var()
        counts = np.bincount(target, minlength=len(self.classes)).astype(np.float64)  # (C,)
        return counts / len(rows), impurity(counts, self.criterion)

    def split_costs(self, rows=None):
        """Every cut of every column for these training rows (default all), as a dict of equally long arrays.

        feature, threshold: the cut. rows_left, rows_right: how many go where. impurity_left, impurity_right: how mixed
        the sides are (for mse: their variance). total: rows times impurity, summed over both sides: what is minimised.
        cost: total / rows, the mean impurity after the cut. In the order of columns, then of thresholds.
        """
        if not hasattr(self, "features"):
            raise TaskError("no-training-rows", "A tree keeps its training rows only until it is saved: fit it again.")
        rows = np.arange(len(self.features)) if rows is None else np.asarray(rows)
        if len(rows) == 0:
            raise DataError("empty-features", "Expected at least one row to cut, got none.")
        target = self.target[rows]
        tables = [self.column_costs(column, self.features[rows, column], target) for column in range(len(self.low))]
        return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}

    def column_costs(self, column, values, target):
        """The part of `split_costs` that belongs to one column, for n rows."""
        order = np.argsort(values, kind="stable")
        position, threshold = cuts_of(values[order])
        left = position + 1
        allowed = (left >= self.min_leaf) & (len(order) - left >= self.min_leaf)
        position, threshold, left = position[allowed], threshold[allowed], left[allowed]
        right = len(order) - left
        if self.task == "regression":
            centred = (target - target.mean())[order]  # (n,): small numbers, so that little is lost in the squares
            sums, squares = np.cumsum(centred), np.cumsum(centred * centred)
            sum_left, square_left = sums[position], squares[position]
            sum_right, square_right = sums[-1] - sum_left, squares[-1] - square_left
            mixed_left = np.maximum(square_left / left - (sum_left / left) ** 2, 0)
            mixed_right = np.maximum(square_right / right - (sum_right / right) ** 2, 0)
            total = np.maximum(squares[-1] - sum_left * sum_left / left - sum_right * sum_right / right, 0)
        else:
            chosen = (target[order][:, None] == np.arange(len(self.classes))).astype(np.float64)  # (n, C)
            counts = np.cumsum(chosen, axis=0)  # (n, C)
            counts_left, counts_right = counts[position], counts[-1] - counts[position]
            mixed_left, mixed_right = impurity(counts_left, self.criterion), impurity(counts_right, self.criterion)
            total = right * mixed_right + left * mixed_left
        return {
            "feature": np.full(len(left), column),
            "threshold": threshold,
            "rows_left": left,
            "rows_right": right,
            "impurity_left": mixed_left,
            "impurity_right": mixed_right,
            "total": total,
            "cost": total / len(order),
        }

    def best_cut(self, rows):
        """The cheapest line of `split_costs` as (feature, threshold), or None when nothing can be cut."""
        table = self.split_costs(rows)
        if len(table["total"]) == 0:
            return None
        least = table["total"].min()
        if self.criterion != "gini":  # sums of rounded numbers: call a tie what differs by rounding only
            least += 4 * np.finfo(np.float64).eps * len(rows) * len(rows) * self.summary(rows)[1]
        first = int(np.argmax(table["total"] <= least))
        return int(table["feature"][first]), table["threshold"][first]

    def leaves(self, features):
        """The leaf (a node number) in which each row ends: (M,)."""
        if not hasattr(self, "nodes"):
            raise TaskError("not-fitted", "Call fit(features, target) before asking this model.")
        asked = checked_features(features, len(self.low))
        with np.errstate(over="ignore"):
            asked = asked.astype(np.float32)  # (M, D)
        node = np.zeros(len(asked), np.int64)
        while True:
            moving = np.flatnonzero(self.nodes["feature"][node] >= 0)
            if len(moving) == 0:
                return node
            here = node[moving]
            goes_left = asked[moving, self.nodes["feature"][here]] <= self.nodes["threshold"][here]
            node[moving] = np.where(goes_left, self.nodes["left"][here], self.nodes["right"][here])

    def predict(self, features):
        """The class that most training rows of the leaf have (ties: the lower class), or their mean: (M,)."""
        leaves = self.leaves(features)
        value = self.nodes["value"]  # (V, C), or (V, 1) for regression
        answer = value[:, 0] if self.task == "regression" else self.classes[value.argmax(axis=1)]  # (V,)
        return answer[leaves]

    def probabilities(self, features):
        """The share of each class among the training rows of the leaf (M, C)."""
        if self.task == "regression":
            raise TaskError("no-probabilities", "A regression tree answers with numbers: call predict().")
        leaves = self.leaves(features)
        return self.nodes["value"][leaves]

    def path(self, row):
        """The questions asked about one row (D,) and the answers, as a list of dicts; the last one is the leaf."""
        row = np.asarray(row)
        leaf, steps, node = int(self.leaves(row[None])[0]), [], 0
        while node != leaf:
            feature, threshold = int(self.nodes["feature"][node]), self.nodes["threshold"][node]
            yes = bool(np.float32(row[feature]) <= threshold)
            step = {
                "node": node,
                "feature": feature,
                "threshold": float(threshold),
                "value": float(row[feature]),
                "yes": yes,
            }
            steps.append({**step, "rows": int(self.nodes["rows"][node])})
            node = int(self.nodes["left" if yes else "right"][node])
        return [*steps, {"node": leaf, "rows": int(self.nodes["rows"][leaf]), "value": self.nodes["value"][leaf]}]

    def text(self, names=None):
        """The whole tree as indented questions; `names` are the columns' names."""
        names = names or [f"x{column}" for column in range(len(self.low))]
        lines, waiting = [], [(0, "")]
        while waiting:
            node, lead = waiting.pop()
            indent = "    " * int(self.nodes["depth"][node])
            feature, value = int(self.nodes["feature"][node]), self.nodes["value"][node]
            if feature >= 0:
                lines.append(f"{indent}{lead}{names[feature]} <= {self.nodes['threshold'][node]:.6g}?")
                waiting.append((int(self.nodes["right"][node]), "no: "))
                waiting.append((int(self.nodes["left"][node]), "yes: "))
            else:
                answer = f"{value[0]:.6g}" if self.task == "regression" else f"{self.classes[value.argmax()]}"
                share = "" if self.task == "regression" else f", {value.max():.0%}"
                lines.append(f"{indent}{lead}{answer} ({self.nodes['rows'][node]} rows{share})")
        return "\n".join(lines)

    def unseen(self, features):
        """Where a value lies outside what training had in that column: bool (M, D). The tree answers all the same."""
        asked = checked_features(features, len(self.low))
        return (asked < self.low) | (asked > self.high)

    def state(self):
        """Plain settings and arrays from which `from_state` makes this model again (the training rows are not kept)."""
        settings = {
            "task": self.task,
            "criterion": self.criterion,
            "max_depth": self.max_depth,
            "min_leaf": self.min_leaf,
        }
        return {**settings, "classes": self.classes.tolist()}, {**self.nodes, "low": self.low, "high": self.high}

    @classmethod
    def from_state(cls, settings, arrays) -> "Tree":
        model = cls(**{name: settings[name] for name in ("task", "criterion", "max_depth", "min_leaf")})
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        model.low, model.high = arrays.pop("low"), arrays.pop("high")
        model.nodes = arrays
        model.classes = np.asarray(settings["classes"])
        return model


PIECES = (FofxError, DataError, TaskError, checked_features, checked_target, impurity, cuts_of, Tree)
