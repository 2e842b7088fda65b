"""Gradient boosting: small trees in turn, each for what the sum of the trees before it still gets wrong.

Sources: Friedman, "Greedy function approximation: a gradient boosting machine", 2001; second-order leaves and gains: Chen and
Guestrin, "XGBoost", 2016; bins, and the leaf that gains most is split first: Ke et al., "LightGBM", 2017.
N rows, n rows of one leaf, M asked rows, D columns (D' with more than one value), B bins, C classes, K trees in a round (one per class; 1 for numbers and
for two classes), V nodes.
"""

import numpy as np

from fofx.classic.checks import checked_features, checked_target
from fofx.errors import DataError, FofxError, TaskError


def edges_of(values, bins):
    """Where a column (N,) is cut into at most `bins` bins: thresholds, ascending, at most bins - 1 of them.

    A threshold stands in the middle of two neighbouring values: between every two if they are few, otherwise so that each bin
    holds about as many rows.
    """
    ordered = np.sort(values)  # (N,)
    starts = np.flatnonzero(ordered[1:] > ordered[:-1]) + 1  # where the next larger value begins
    if len(starts) >= bins:
        wanted = np.arange(1, bins) * len(ordered) // bins
        starts = np.unique(starts[np.minimum(np.searchsorted(starts, wanted), len(starts) - 1)])
    below, above = ordered[starts - 1].astype(np.float64), ordered[starts].astype(np.float64)
    middle = below / 2 + above / 2
    return np.where(middle < above, middle, below)  # the smallest numbers have no middle


def bins_of(features, edges):
    """The bin of every value: how many edges of its column lie below it, (N, D). Then value <= edge b means bin <= b."""
    bins = np.empty(features.shape, np.uint8)  # (N, D)
    for column, one in enumerate(edges):
        bins[:, column] = np.searchsorted(one, features[:, column])
    return bins


def landed(nodes, asked):
    """The leaf of one tree (a node number) in which each row of `asked` (M, D) ends: (M,)."""
    node = np.zeros(len(asked), np.int64)
    while True:
        moving = np.flatnonzero(nodes["feature"][node] >= 0)
        if len(moving) == 0:
            return node
        here = node[moving]
        goes_left = asked[moving, nodes["feature"][here]] <= nodes["threshold"][here]
        node[moving] = np.where(goes_left, nodes["left"][here], nodes["right"][here])


class Boosting:
    """The sum of many small trees of questions "is column j <= threshold?".

    task: "classification" (softmax; the logistic function for two classes) or "regression" (squared error).
    rounds: how many times trees are added. rate: what part of each tree's answer is added.
    leaves, min_leaf: how many leaves a tree has at most, and how many rows a leaf at least.
    penalty: on the squared answers of the leaves. bins: into how many bins a column is cut (2 to 256).
    balanced: whether every class weighs the same, however many rows it has.
    Columns are compared in float32. Of cuts that gain equally, the lowest column, then the lowest threshold is made.
    """

    least_curvature = 1e-3  # on each side of a cut: where all rows are decided, nothing is left to learn

    def __init__(
        self, task="classification", rounds=300, rate=0.1, leaves=31, min_leaf=20, penalty=0.0, bins=255, balanced=False
    ):
        if task not in ("classification", "regression"):
            raise TaskError("bad-option", f"Expected task to be classification or regression, got {task!r}.")
        for name, value, least, most in (
            ("rounds", rounds, 0, np.inf),
            ("leaves", leaves, 2, np.inf),
            ("min_leaf", min_leaf, 1, np.inf),
            ("bins", bins, 2, 256),
        ):
            if not isinstance(value, int | np.integer) or not least <= value <= most:
                bound = f"from {least}" if most == np.inf else f"from {least} to {most}"
                raise TaskError("bad-option", f"Expected {name} to be a whole number {bound}, got {value!r}.")
        if not 0 < rate <= 1 or not 0 <= penalty < np.inf:
            raise TaskError("bad-option", f"Expected 0 < rate <= 1 and penalty >= 0, got {rate!r} and {penalty!r}.")
        self.task, self.rounds, self.rate, self.leaves = task, int(rounds), float(rate), int(leaves)
        self.min_leaf, self.penalty, self.bins, self.balanced = int(min_leaf), float(penalty), int(bins), bool(balanced)
        self.notes: list[dict] = []
        self.classes: np.ndarray = np.empty(0)  # stays empty for regression

    def fit(self, features, target, validation=None, patience=20) -> "Boosting":
        """All rounds. With `validation` (features, target): until its loss has not fallen for `patience` rounds; those up to
        its least loss are kept, and `rounds` then says how many."""
        best, least = 0, np.inf
        for step in self.steps(features, target, validation):
            if step["validation"] is not None and step["validation"] < least:
                best, least = step["round"], step["validation"]
            elif step["validation"] is not None and step["round"] - best >= patience:
                break
        return self.keep(best if validation is not None else len(self.trees))

    def steps(self, features, target, validation=None):
        """Add one round of trees at a time and yield {"round", "loss", "validation"}; round 0 is the constant answer."""
        features, answers = self.prepared(features, target)  # (N, D), (K, N)
        others, unseen = None, np.empty((len(self.base), 0))
        if validation is not None:
            others = self.others(*validation)  # (M, D), (K, M)
            unseen = np.tile(self.base[:, None], len(others[0]))  # (K, M)
        self.useful = np.flatnonzero(self.low < self.high)  # (D',) columns that can be cut at all
        edges = [edges_of(features[:, column], self.bins) for column in self.useful]
        bins = self.binned(features[:, self.useful], edges)  # (N, D')
        self.trees: list[list[dict]] = []  # a round's trees: nodes as arrays of length V
        raw = np.tile(self.base[:, None], len(features))  # (K, N)
        while True:
            said = self.said(raw)
            known = None if others is None else self.loss(self.said(unseen), others[1])
            yield {"round": len(self.trees), "loss": self.loss(said, answers, self.weights), "validation": known}
            if len(self.trees) == self.rounds or not len(self.useful):
                return
            grown = self.grow_round(bins, edges, *self.slopes(said, answers))
            if all(len(nodes["feature"]) == 1 for nodes, _ in grown):
                return  # no cut gains anything
            for tree, (nodes, leaves) in enumerate(grown):
                raw[tree] += nodes["value"][leaves]
                if others is not None:
                    unseen[tree] += nodes["value"][self.landed(nodes, others[0])]
            self.trees.append([nodes for nodes, _ in grown])

    def prepared(self, features, target):
        """Checked features (N, D) and answers (K, N): numbers, or 1 for the right class; sets classes, weights and base."""
        features = checked_features(features)
        target = checked_target(target, len(features), self.task)
        features = self.narrow(features)
        if not np.isfinite(features.sum(dtype=np.float64)):
            raise DataError("too-large", "Some values are beyond float32 (3.4e38). Rescale the columns.")
        self.low, self.high = features.min(axis=0), features.max(axis=0)  # (D,)
        self.weights = np.ones(())  # how much each row counts
        self.spread = 1.0  # numbers are compared in their usual distance from the mean: the largest have squares too
        if self.task == "regression":
            self.base = np.array([target.mean()])  # (K,)
            self.spread = float(np.abs(target - self.base).mean()) or 1.0
            return features, target[None]
        self.classes, numbers = np.unique(target, return_inverse=True)  # (C,), (N,)
        share = np.bincount(numbers) / len(numbers)  # (C,)
        if self.balanced:
            self.weights = 1 / (len(share) * share[numbers])  # (N,)
            share = np.full(len(share), 1 / len(share))
        self.base = np.log(share[1:] / share[0]) if len(share) == 2 else np.log(share)  # (K,)
        return features, self.chosen(numbers)

    def others(self, features, target):
        """Validation rows as `prepared` makes them. Rows of a class that training did not have are passed over."""
        features = checked_features(features, len(self.low))
        target = checked_target(target, len(features), self.task)
        if self.task == "regression":
            return self.narrow(features), target[None]
        known = np.isin(target, self.classes)
        return self.narrow(features)[known], self.chosen(np.searchsorted(self.classes, target[known]))

    def chosen(self, numbers):
        """1 in the line of each row's class, (K, N); of two classes only the second has a line."""
        lines = np.array([1]) if len(self.classes) == 2 else np.arange(len(self.classes))
        return (numbers == lines[:, None]).astype(np.float64)  # (K, N)

    def narrow(self, features):
        with np.errstate(over="ignore"):
            return features.astype(np.float32)

    def said(self, raw):
        """Sums of trees (K, N) as what they mean: the numbers themselves, or probabilities."""
        if self.task == "regression":
            return raw
        if len(self.classes) == 2:
            return 1 / (1 + np.exp(-np.clip(raw, -700, 700)))
        powers = np.exp(raw - raw.max(axis=0))
        return powers / powers.sum(axis=0)

    def loss(self, said, answers, weights=1.0):
        """Mean of half the squared error (in spreads), or of -log p(right class)."""
        if self.task == "regression":
            each = ((said - answers)[0] / self.spread) ** 2 / 2  # (N,)
        else:
            right = (said * answers).sum(axis=0) if len(said) > 1 else np.where(answers > 0, said, 1 - said)[0]
            each = -np.log(np.maximum(right, 1e-300))  # (N,)
        return float((each * weights).mean()) if len(each) else 0.0

    def slopes(self, said, answers):
        """First and second derivative of each row's loss by its sums, both (K, N)."""
        if self.task == "regression":
            return (said - answers) / self.spread, np.ones_like(said)
        return (said - answers) * self.weights, said * (1 - said) * self.weights

    def binned(self, features, edges):
        return bins_of(features, edges)

    def landed(self, nodes, asked):
        return landed(nodes, asked)

    def grow_round(self, bins, edges, slope, curvature):
        """One tree per line of `slope` (K, N), as (nodes, the leaf (N,) of each row)."""
        return [self.grow(bins, edges, *line) for line in zip(slope, curvature)]

    def grow(self, bins, edges, slope, curvature):
        """A tree in which always the leaf is split whose best cut gains most; of equals the one made first."""
        nodes: dict[str, list] = {name: [] for name in ("feature", "threshold", "left", "right", "rows", "gain")}
        width = 1 + max(map(len, edges))
        rows = {0: np.arange(len(bins))}  # of each leaf
        tables = {0: self.table(bins, slope, curvature, width)}  # of each leaf
        cuts = {0: self.best_cut(tables[0])}  # of each leaf: (gain, column, bin)
        made = (-1, np.nan, -1, -1, len(bins), 0.0)
        for name, item in zip(nodes, made, strict=True):
            nodes[name].append(item)
        while len(rows) < self.leaves:
            node = max(cuts, key=lambda leaf: cuts[leaf][0])
            gain, column, place = cuts.pop(node)
            if gain <= 0:
                break
            inside, table, left = rows.pop(node), tables.pop(node), len(nodes["feature"])
            goes_left = bins[inside, column] <= place
            sides = inside[goes_left], inside[~goes_left]
            small = int(len(sides[0]) > len(sides[1]))
            counted = self.table(bins[sides[small]], slope[sides[small]], curvature[sides[small]], width)
            both = {small: counted, 1 - small: table - counted}  # the larger side need not be counted
            made = (int(self.useful[column]), edges[column][place], left, left + 1, len(inside), gain)
            for name, item in zip(nodes, made, strict=True):
                nodes[name][node] = item
            for side in (0, 1):
                rows[left + side], tables[left + side] = sides[side], both[side]
                cuts[left + side] = self.best_cut(both[side])
                for name, item in zip(nodes, (-1, np.nan, -1, -1, len(sides[side]), 0.0), strict=True):
                    nodes[name].append(item)
        leaves = np.zeros(len(bins), np.int64)  # (N,)
        for leaf, inside in rows.items():
            leaves[inside] = leaf
        tree = {name: np.array(items) for name, items in nodes.items()}
        steep = np.bincount(leaves, slope, len(tree["feature"]))  # (V,)
        bend = np.bincount(leaves, curvature, len(tree["feature"])) + self.penalty
        tree["value"] = -self.rate * self.spread * steep / np.where(bend > 0, bend, 1)  # part of Newton's step
        return tree, leaves

    def table(self, bins, slope, curvature, width):
        """The histogram of n rows: how many fall into each bin of each column, their slopes and curvatures, (3, D', B)."""
        columns = bins.shape[1]
        cell = (bins + np.arange(columns) * width).ravel()  # (n D',)
        each = (np.ones(len(bins)), slope, curvature)
        sums = [np.bincount(cell, np.repeat(values, columns), columns * width) for values in each]
        return np.stack(sums).reshape(3, columns, width)  # (3, D', B)

    def gains(self, table):
        """What a cut after each bin of each column would lower the loss by (times 2), and the score it is part of: two (D', B);
        -inf where no cut is allowed."""
        filled = table[0] > 0
        count, slope, curvature = np.where(filled, table, 0).cumsum(axis=2)  # left of each cut, (3, D', B)
        rows, steep, bend = count[0, -1], slope[0, -1], curvature[0, -1]  # of all rows here
        others, rest = rows - count, bend - curvature
        allowed = filled & (count >= self.min_leaf) & (others >= self.min_leaf)
        allowed &= (curvature >= self.least_curvature) & (rest >= self.least_curvature)
        score = np.full(count.shape, -np.inf)
        left, right = slope[allowed], steep - slope[allowed]
        score[allowed] = left * left / (curvature[allowed] + self.penalty) + right * right / (
            rest[allowed] + self.penalty
        )
        whole = steep * steep / (bend + self.penalty) if bend > 0 else 0.0
        return score - whole, score

    def best_cut(self, table):
        """(gain, column, bin) of the best cut; gain 0 when none gains more than rounding does."""
        gain, score = self.gains(table)
        column, place = divmod(int(score.argmax()), score.shape[1])
        if not gain[column, place] > 1e-9 * score[column, place]:
            return 0.0, -1, -1
        return float(gain[column, place]), column, place

    def keep(self, rounds):
        """Forget all rounds after this many."""
        self.trees = self.trees[:rounds]
        self.rounds = len(self.trees)
        return self

    def asked(self, features):
        if not hasattr(self, "trees"):
            raise TaskError("not-fitted", "Call fit(features, target) before asking this model.")
        return self.narrow(checked_features(features, len(self.low)))  # (M, D)

    def sums(self, asked):
        """The constant answer and all trees added up in their order, (K, M)."""
        raw = np.tile(self.base[:, None], len(asked))  # (K, M)
        for grown in self.trees:
            for tree, nodes in enumerate(grown):
                raw[tree] += nodes["value"][self.landed(nodes, asked)]
        return raw

    def answers(self, raw):
        """Sums (K, M) as numbers (M,), or as probabilities of all classes (M, C)."""
        said = self.said(raw)
        if self.task == "regression":
            return said[0]
        return np.stack([1 - said[0], said[0]], axis=1) if len(self.classes) == 2 else said.T  # (M, C)

    def predict(self, features):
        """The number, or the likeliest class (ties: the lower class): (M,)."""
        found = self.answers(self.sums(self.asked(features)))
        return found if self.task == "regression" else self.classes[found.argmax(axis=1)]

    def probabilities(self, features):
        """The probability of each class (M, C)."""
        if self.task == "regression":
            raise TaskError("no-probabilities", "A regression model answers with numbers: call predict().")
        return self.answers(self.sums(self.asked(features)))

    def staged(self, features):
        """Yield what the model would answer after 0, 1, 2, ... rounds: numbers (M,), or probabilities (M, C)."""
        asked = self.asked(features)
        raw = np.tile(self.base[:, None], len(asked))  # (K, M)
        yield self.answers(raw)
        for grown in self.trees:
            for tree, nodes in enumerate(grown):
                raw[tree] += nodes["value"][self.landed(nodes, asked)]
            yield self.answers(raw)

    def column_gains(self):
        """How much all cuts of each column gained together (D,): which columns the model asks about, and to what effect."""
        total = np.zeros(len(self.low))
        for nodes in (nodes for grown in self.trees for nodes in grown):
            cut = nodes["feature"] >= 0
            np.add.at(total, nodes["feature"][cut], nodes["gain"][cut])
        return total

    def unseen(self, features):
        """Where a value lies outside what training had in that column: bool (M, D). The trees answer all the same."""
        asked = self.asked(features)
        return (asked < self.low) | (asked > self.high)

    def state(self):
        """Plain settings and arrays from which `from_state` makes this model again. Trees stand one after the other."""
        names = ("task", "rounds", "rate", "leaves", "min_leaf", "penalty", "bins", "balanced")
        flat = [nodes for grown in self.trees for nodes in grown]
        arrays = {"low": self.low, "high": self.high, "base": self.base}
        arrays["sizes"] = np.array([len(nodes["feature"]) for nodes in flat], np.int64)
        for name in ("feature", "threshold", "left", "right", "rows", "gain", "value"):
            arrays[name] = np.concatenate([nodes[name] for nodes in flat]) if flat else np.zeros(0)
        return {**{name: getattr(self, name) for name in names}, "classes": self.classes.tolist()}, arrays

    @classmethod
    def from_state(cls, settings, arrays) -> "Boosting":
        model = cls(**{name: value for name, value in settings.items() if name != "classes"})
        arrays = {name: np.asarray(array) for name, array in arrays.items()}
        model.low, model.high, model.base = (arrays.pop(name) for name in ("low", "high", "base"))
        ends = np.cumsum(arrays.pop("sizes"))[:-1]
        parts = {name: np.split(array, ends) for name, array in arrays.items()}
        trees = [dict(zip(parts, nodes)) for nodes in zip(*parts.values())] if model.rounds else []
        model.trees = [trees[start : start + len(model.base)] for start in range(0, len(trees), len(model.base))]
        model.classes = np.asarray(settings["classes"])
        return model


PIECES = (FofxError, DataError, TaskError, checked_features, checked_target, edges_of, bins_of, landed, Boosting)
