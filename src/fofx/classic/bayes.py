"""Naive Bayes: P(y = c | x) = P(y = c) * product over columns of P(x_i | y = c), divided by the sum over all classes.

"Naive": the columns are treated as independent within a class. Four ways to say what P(x_i | y) is, one class each.
Sources: Maron, "Automatic indexing", 1961 (Bernoulli); McCallum and Nigam, 1998 (multinomial); Duda and Hart, 1973.
N training rows, M asked rows, D columns, C classes.
"""

import numpy as np

from fofx.classic.checks import checked_features, checked_target
from fofx.errors import DataError, FofxError, TaskError


class NaiveBayes:
    """What the four share: the prior, the product, and the division that makes it a probability.

    A subclass says three things: `learn(features, member)` with `member` (N, C) one-hot, `log_factors(row)` (D, C), and
    `log_product(features)` (M, C), the sum of the log factors of a row, computed for many rows at once.
    """

    arrays: tuple = ()  # names of the fitted arrays of a subclass
    options: tuple = ()  # names of the settings of a subclass

    def fit(self, features, target) -> "NaiveBayes":
        """Count: how often each class comes, and what the columns look like inside each class."""
        self.notes: list[dict] = []
        features = self.checked(features, None)
        target = checked_target(target, features.shape[0], "classification")
        self.classes, number = np.unique(target, return_inverse=True)  # (C,), (N,)
        self.class_rows = np.bincount(number).astype(np.float64)  # (C,)
        self.columns = features.shape[1]
        self.learn(features, number)
        return self

    def checked(self, features, columns):
        return checked_features(features, columns)

    def learn(self, features, number):
        raise NotImplementedError

    def log_factors(self, row):
        raise NotImplementedError

    def log_product(self, features):
        """log of the product of all P(x_i | y) (M, C)."""
        return np.array([self.log_factors(row).sum(axis=0) for row in features]).reshape(-1, len(self.classes))

    def unseen(self, features):
        """Where a value is one that training did not have in that column: bool (M, D)."""
        raise NotImplementedError

    def prior(self):
        """P(y) for every class (C,): its share of the training rows."""
        return self.class_rows / self.class_rows.sum()

    def joint(self, features):
        """log of prior times product (M, C): what predictions are made from."""
        if not hasattr(self, "class_rows"):
            raise TaskError("not-fitted", "Call fit(features, target) before asking this model.")
        features = self.checked(features, self.columns)
        with np.errstate(divide="ignore", over="ignore"):  # a factor of 0, or too small, is log 0 = -inf: meant
            joint = self.log_product(features) + np.log(self.prior())  # (M, C)
            ruled_out = np.isneginf(joint)
            if ruled_out.any():
                joint[ruled_out.all(axis=1)] = np.log(self.prior())  # every class ruled out: only the prior is left
        return joint

    def predict(self, features):
        """The class with the largest product (ties: the lower class): (M,)."""
        largest = self.joint(features).argmax(axis=1)
        return self.classes[largest]

    def probabilities(self, features):
        """P(y | x) for every class (M, C), columns in the order of `classes`."""
        joint = self.joint(features)
        share = np.exp(joint - joint.max(axis=1, keepdims=True))
        return share / share.sum(axis=1, keepdims=True)

    def factors(self, row):
        """The whole sum for one row (D,), every number of it.

        classes (C,), prior (C,), factors (D, C) = P(x_i | y), log_product (C,) of prior and factors, product (C,) (0
        when too small for a float: use log_product), posterior (C,) = product / sum of products, unseen (D,).
        """
        row = row.toarray()[0] if hasattr(row, "toarray") else np.asarray(row)
        joint = self.joint(row[None])[0]
        with np.errstate(divide="ignore", under="ignore", over="ignore"):
            log_factors = self.log_factors(self.checked(row[None], self.columns)[0])
            return {
                "classes": self.classes,
                "prior": self.prior(),
                "factors": np.exp(log_factors),
                "log_product": joint,
                "product": np.exp(joint),
                "posterior": self.probabilities(row[None])[0],
                "unseen": self.unseen(row[None])[0],
            }

    def state(self):
        """Plain settings and arrays from which `from_state` makes this model again."""
        settings = {name: getattr(self, name) for name in self.options}
        arrays = {name: getattr(self, name) for name in ("class_rows", *self.arrays)}
        return {**settings, "classes": self.classes.tolist(), "columns": self.columns}, arrays

    @classmethod
    def from_state(cls, settings, arrays):
        model = cls(**{name: settings[name] for name in cls.options})
        model.classes, model.columns, model.notes = np.asarray(settings["classes"]), settings["columns"], []
        for name in ("class_rows", *cls.arrays):
            setattr(model, name, np.asarray(arrays[name]))
        return model


class GaussianBayes(NaiveBayes):
    """Numbers: inside a class every column follows a bell curve with that class's mean and variance.

    smoothing: this share of the largest column variance is added to every variance, so that none is 0.
    """

    arrays = ("mean", "variance", "low", "high")
    options = ("smoothing",)

    def __init__(self, smoothing=1e-9):
        if not smoothing >= 0:
            raise TaskError("bad-option", f"Expected smoothing of at least 0, got {smoothing!r}.")
        self.smoothing = float(smoothing)

    def learn(self, features, number):
        features = features.astype(np.float64)  # (N, D)
        self.low, self.high = features.min(axis=0), features.max(axis=0)  # (D,)
        groups = [features[number == one] for one in range(len(self.classes))]
        self.mean = np.array([group.mean(axis=0) for group in groups])  # (C, D)
        spread = np.array([group.var(axis=0) for group in groups])  # (C, D)
        self.variance = spread + self.floor(features.var(axis=0).max())  # (C, D)

    def floor(self, largest):
        """What is added to every variance; never 0, or a constant column would divide by 0."""
        return max(self.smoothing * largest, np.finfo(np.float64).tiny * 2**60) if largest > 0 else 1.0

    def log_factors(self, row):
        gap = np.asarray(row, np.float64) - self.mean  # (C, D)
        return (-0.5 * np.log(2 * np.pi * self.variance) - 0.5 * gap * gap / self.variance).T  # (D, C)

    def log_product(self, features):
        product = np.empty((len(features), len(self.classes)))  # (M, C)
        for one in range(len(self.classes)):
            gap = features - self.mean[one]  # (M, D)
            constant = -0.5 * np.log(2 * np.pi * self.variance[one]).sum()
            product[:, one] = constant - 0.5 * (gap * gap / self.variance[one]).sum(axis=1)
        return product

    def unseen(self, features):
        features = self.checked(features, self.columns)
        return (features < self.low) | (features > self.high)


def checked_counts(features, columns, counts=False):
    """Like `checked_features`, and a sparse matrix (anything with `tocsr`) passes too."""
    if not hasattr(features, "tocsr"):
        return checked_features(features, columns, counts)
    features = features.tocsr()
    checked_features(features.data.reshape(1, -1) if features.nnz else np.zeros((1, 1)), counts=counts)
    if 0 in features.shape[1:] or (columns is None and features.shape[0] == 0):
        raise DataError("empty-features", f"Expected at least one row and one column, got shape {features.shape}.")
    if columns is not None and features.shape[1] != columns:
        raise DataError("wrong-columns", f"Expected {columns} columns as in training, got {features.shape[1]}.")
    return features


def weighted_sums(features, weights):
    """features @ weights.T: (M, D) dense or sparse, (C, D) -> (M, C)."""
    if hasattr(features, "tocsr") or weights.size > 512:
        return np.asarray(features @ weights.T, dtype=np.float64)  # (M, C)
    turned = np.ascontiguousarray(weights.T)  # (D, C)
    sums = np.empty((len(features), len(weights)))  # (M, C)
    for start in range(0, len(features), 2048):  # a product this thin is not worth the matrix library's threads
        part = slice(start, start + 2048)
        np.matmul(features[part], turned, out=sums[part])
    return sums


class MultinomialBayes(NaiveBayes):
    """Counts, such as words: every unit counted is a draw from the class's own bag. Dense or scipy sparse.

    alpha: added to every count, so that a word never seen in a class does not rule that class out.
    """

    arrays = ("counts",)
    options = ("alpha",)

    def __init__(self, alpha=1.0):
        if not alpha >= 0:
            raise TaskError("bad-option", f"Expected alpha of at least 0, got {alpha!r}.")
        self.alpha = float(alpha)

    def checked(self, features, columns):
        return checked_counts(features, columns, counts=True)

    def learn(self, features, number):
        member = (number[:, None] == np.arange(len(self.classes))).astype(np.float64)  # (N, C)
        self.counts = np.asarray(features.T @ member).T.copy()  # (C, D)

    def log_share(self):
        """log P(one unit is column i | y) (C, D)."""
        counts = self.counts + self.alpha
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nan_to_num(
                np.log(counts) - np.log(counts.sum(axis=1, keepdims=True)), nan=-np.inf, neginf=-np.inf
            )

    def log_factors(self, row):
        here = np.asarray(row, np.float64)[:, None]  # (D, 1)
        return np.where(here > 0, here * np.where(here > 0, self.log_share().T, 0), 0)  # (D, C)

    def log_product(self, features):
        log_share = self.log_share()
        impossible = np.isneginf(log_share)
        product = weighted_sums(features, np.where(impossible, 0, log_share))  # (M, C)
        if impossible.any():  # 0 * -inf is not a number: count the impossible units apart
            product[weighted_sums(features, impossible.astype(np.float64)) > 0] = -np.inf
        return product

    def unseen(self, features):
        features = self.checked(features, self.columns)
        features = features.toarray() if hasattr(features, "toarray") else features
        return (features > 0) & (self.counts.sum(axis=0) == 0)


class BernoulliBayes(NaiveBayes):
    """Yes or no: a column counts as yes above `binarize`, and its absence is evidence too. Dense or scipy sparse."""

    arrays = ("yes",)
    options = ("alpha", "binarize")

    def __init__(self, alpha=1.0, binarize=0.0):
        if not alpha >= 0:
            raise TaskError("bad-option", f"Expected alpha of at least 0, got {alpha!r}.")
        self.alpha, self.binarize = float(alpha), float(binarize)

    def checked(self, features, columns):
        features = checked_counts(features, columns)
        if hasattr(features, "tocsr") and self.binarize < 0:
            raise TaskError("bad-option", "Below 0, binarize makes every empty cell a yes: give a dense array.")
        return features

    def binary(self, features):
        """1 where a value is above `binarize`, else 0."""
        return (features > self.binarize).astype(np.float64)

    def learn(self, features, number):
        member = (number[:, None] == np.arange(len(self.classes))).astype(np.float64)  # (N, C)
        self.yes = np.asarray(self.binary(features).T @ member).T.copy()  # (C, D)

    def log_shares(self):
        """log P(yes | y) and log P(no | y), both (C, D)."""
        rows = np.log(self.class_rows + 2 * self.alpha)[:, None]  # (C, 1)
        with np.errstate(divide="ignore"):
            no = self.class_rows[:, None] - self.yes
            return np.log(self.yes + self.alpha) - rows, np.log(no + self.alpha) - rows

    def log_factors(self, row):
        yes, no = self.log_shares()
        return np.where(self.binary(np.asarray(row))[:, None] > 0, yes.T, no.T)  # (D, C)

    def log_product(self, features):
        yes, no = self.log_shares()
        here = self.binary(features)  # (M, D)
        if np.isfinite(yes).all() and np.isfinite(no).all():
            return weighted_sums(here, yes - no) + no.sum(axis=1)  # (M, C)
        sure_yes, sure_no = np.isneginf(no), np.isneginf(yes)  # a class in which this column is always yes, never yes
        yes, no = np.where(sure_no, 0, yes), np.where(sure_yes, 0, no)
        product = weighted_sums(here, yes - no) + no.sum(axis=1)
        broken = (
            np.asarray(here @ sure_no.T.astype(float))
            + sure_yes.sum(axis=1)
            - np.asarray(here @ sure_yes.T.astype(float))
        )
        return np.where(broken > 0, -np.inf, product)

    def unseen(self, features):
        here = self.binary(self.checked(features, self.columns))
        here = here.toarray() if hasattr(here, "toarray") else here
        yes = self.yes.sum(axis=0)  # (D,)
        return np.where(here > 0, yes == 0, yes == self.class_rows.sum())


class CategoricalBayes(NaiveBayes):
    """Categories as numbers: P(x_i | y) is the share of that category inside the class.

    A category that training never had counts as seen 0 times: with alpha > 0 it gets a small share, with alpha 0 it
    rules every class out and the prior alone answers; `unseen` says where. As in scikit-learn, codes 0, 1, 2, ... count
    as possible up to the largest one; other numbers (0.5, -1) count as possible when they were seen.
    """

    arrays = ("offsets", "categories", "possible", "counts")
    options = ("alpha",)

    def __init__(self, alpha=1.0):
        if not alpha >= 0:
            raise TaskError("bad-option", f"Expected alpha of at least 0, got {alpha!r}.")
        self.alpha = float(alpha)

    def learn(self, features, number):
        kinds = [np.unique(features[:, column]) for column in range(self.columns)]
        self.offsets = np.cumsum([0, *(len(kind) for kind in kinds)])  # (D + 1,): where a column's categories start
        self.categories = np.concatenate(kinds)
        codes = [bool((kind >= 0).all() and (kind == np.floor(kind)).all()) for kind in kinds]
        self.possible = np.array([kind[-1] + 1 if code else len(kind) for kind, code in zip(kinds, codes)])  # (D,)
        self.counts = np.zeros((len(self.classes), len(self.categories)))  # (C, all categories)
        for column, kind in enumerate(kinds):
            place = self.offsets[column] + np.searchsorted(kind, features[:, column])
            np.add.at(self.counts, (number, place), 1)

    def column_factors(self, column, values):
        """log P(value | y) (M, C) of one column, and whether training had the value (M,)."""
        start, end = self.offsets[column], self.offsets[column + 1]
        kind = self.categories[start:end]
        place = np.minimum(np.searchsorted(kind, values), end - start - 1)
        known = kind[place] == values
        counts = np.where(known[:, None], self.counts[:, start:end].T[place], 0)  # (M, C)
        with np.errstate(divide="ignore"):
            log_share = np.log(counts + self.alpha) - np.log(self.class_rows + self.alpha * self.possible[column])
        return log_share, known

    def log_factors(self, row):
        return np.array(
            [self.column_factors(column, row[None, column])[0][0] for column in range(self.columns)]
        )  # (D, C)

    def log_product(self, features):
        product = np.zeros((len(features), len(self.classes)))  # (M, C)
        for column in range(self.columns):
            product += self.column_factors(column, features[:, column])[0]
        return product

    def unseen(self, features):
        features = self.checked(features, self.columns)
        return np.array([~self.column_factors(column, features[:, column])[1] for column in range(self.columns)]).T


SHARED = (FofxError, DataError, TaskError, checked_features, checked_target, checked_counts, weighted_sums, NaiveBayes)
PIECES = (*SHARED, GaussianBayes, MultinomialBayes, BernoulliBayes, CategoricalBayes)
