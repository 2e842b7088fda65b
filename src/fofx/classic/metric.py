"""A learnt distance: how far apart must two descriptions be to show different people, speakers, makers?

Each side of a pair is a row of features. What varies within one identity (light, mood, the words said) should count little,
what varies between identities much; both are learnt from pairs that are the same and pairs that differ. A score is a sum of
one contribution a feature, and the probability a logistic of the score. Swapped sides give the same answers to the bit.
Source: cosine after within-class covariance normalisation (WCCN): Hatch, Kajarekar, Stolcke, "Within-class covariance
normalization for SVM-based speaker recognition", 2006. KISSME: Köstinger et al., "Large scale metric learning from
equivalence constraints", 2012. Shrinkage: Ledoit and Wolf, "A well-conditioned estimator for large-dimensional
covariance matrices", 2004. P pairs, N different rows among their sides, D features, K kept directions.
"""

import numpy as np

from fofx.classic.checks import checked_features, checked_target
from fofx.classic.threshold import fit_logistic, folds, numbered, owners_of
from fofx.errors import DataError, FofxError, TaskError


def shrunk_covariance(rows, independent=None, columns=None, beyond=None):
    """Second moments of centred `rows` (P, K) pulled towards a ball by Ledoit and Wolf.

    `independent` says how many of the rows tell something of their own: pairs of few items repeat one another, so that their
    covariance is less sure than their number says. Where the rows are what a few directions see of `columns` numbers,
    `beyond` (P,) is the squared length of what they do not see: it is taken as the same in all the other directions.
    Returns the moments (K, K), the variance in each other direction, and how strongly they were pulled (0..1).
    """
    count, kept = rows.shape
    columns, beyond = columns or kept, np.zeros(count) if beyond is None else beyond
    moments = rows.T @ rows / count  # (K, K)
    others = columns - kept
    rest = beyond.mean() / others if others else 0.0
    level = (np.trace(moments) + others * rest) / columns
    size = (moments**2).sum() + others * rest**2
    spread = size - columns * level**2  # squared distance from the ball
    noise = (((rows**2).sum(axis=1) + beyond) ** 2).mean() - size  # squared error of one row's moments, on average
    noise = noise / max(1, min(count, independent or count))
    share = 1.0 if spread <= 0 else float(min(1.0, max(0.0, noise / spread)))
    shrunk = (1 - share) * moments
    shrunk[np.diag_indices(kept)] += share * level if level > 0 else 1.0
    return shrunk, float((1 - share) * rest + share * level) or 1.0, share


def main_directions(rows, most):
    """The mean (D,) and at most `most` orthogonal directions (D, K) in which centred `rows` (N, D) vary, widest first."""
    mean = rows.mean(axis=0)
    centred = (rows - mean).astype(np.float64)
    if len(rows) < rows.shape[1]:  # the same directions from the smaller of two squares
        values, vectors = np.linalg.eigh(centred @ centred.T)
        vectors = centred.T @ (vectors / np.sqrt(np.maximum(values, 1e-300)))  # (D, N)
    else:
        values, vectors = np.linalg.eigh(centred.T @ centred)
    kept = [
        place
        for place in np.argsort(-values, kind="stable")[:most]
        if values[place] > 1e-10 * max(values.max(), 1e-300)
    ]
    return mean, vectors[:, kept or [-1]]  # (D, K)


class PairMetric:
    """What every learnt comparison of two sides shares: checks, the logistic, the answers; `prepare` makes the score."""

    arrays: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def prepare(self, first, second, same):
        """Learn from checked pairs what `contributions` needs."""
        raise NotImplementedError

    def contributions(self, first, second):
        """The evidence: what each feature adds to the score of each pair (P, D)."""
        raise NotImplementedError

    def fit(self, first, second, same) -> "PairMetric":
        """`first` and `second` (P, D): the two sides of each pair; `same` (P,): two values, the higher one (yes, True) same."""
        first = checked_features(first)
        second = checked_features(second, first.shape[1])
        same = checked_target(same, len(first), "classification")
        if len(second) != len(first):
            raise DataError(
                "wrong-shape", f"Expected two sides of equal length, got {len(first)} and {len(second)} rows."
            )
        self.classes, number = np.unique(same, return_inverse=True)
        if len(self.classes) != 2:
            raise DataError(
                "one-class", f"Expected pairs that are the same and pairs that differ, got {len(self.classes)} kind(s)."
            )
        first, second, same = first.astype(np.float64), second.astype(np.float64), number.reshape(-1) == 1
        self.columns = first.shape[1]
        outside = np.full(len(same), np.nan)
        for learning, judging in folds(first, second, same):
            self.prepare(first[learning], second[learning], same[learning])
            outside[judging] = self.contributions(first[judging], second[judging]).sum(axis=1)
        self.prepare(first, second, same)
        known = np.isfinite(outside)
        if not (known & same).any() or not (known & ~same).any():  # too few to judge any that were not learnt from
            outside = self.contributions(first, second).sum(axis=1)
            known = np.ones(len(same), dtype=bool)
        self.slope, self.offset, self.loss = fit_logistic(outside[known], same[known], same.mean())
        return self

    def sides(self, first, second):
        if not hasattr(self, "slope"):
            raise TaskError("not-fitted", "Call fit(first, second, same) before asking this model.")
        first, second = (checked_features(side, self.columns).astype(np.float64) for side in (first, second))
        if len(first) != len(second):
            raise DataError(
                "wrong-shape", f"Expected two sides of equal length, got {len(first)} and {len(second)} rows."
            )
        return first, second

    def scores(self, first, second):
        """How alike the sides are (P,): the sum of the contributions. The threshold is at -offset / slope."""
        return self.contributions(*self.sides(first, second)).sum(axis=1)

    def probabilities(self, first, second):
        """(P, 2), columns in the order of `classes`: differs, same."""
        yes = 1 / (1 + np.exp(-np.clip(self.slope * self.scores(first, second) + self.offset, -500, 500)))
        return np.stack([1 - yes, yes], axis=1)

    def predict(self, first, second):
        """The answer of each pair (P,), one of `classes`."""
        return self.classes[(self.probabilities(first, second)[:, 1] > 0.5).astype(int)]

    def state(self):
        """Plain settings and arrays from which `from_state` makes this model again."""
        settings = {name: getattr(self, name) for name in (*self.options, "slope", "offset", "columns")}
        return {**settings, "classes": self.classes.tolist()}, {name: getattr(self, name) for name in self.arrays}

    @classmethod
    def from_state(cls, settings, arrays) -> "PairMetric":
        model = cls(**{name: settings[name] for name in cls.options})
        model.slope, model.offset, model.columns = settings["slope"], settings["offset"], settings["columns"]
        model.classes = np.asarray(settings["classes"])
        for name in cls.arrays:
            setattr(model, name, np.asarray(arrays[name], dtype=np.float64))
        return model


class Cosine(PairMetric):
    """The cosine of the angle between the sides, seen from the middle of the training rows, and a learnt threshold."""

    arrays = ("mean", "scale")

    def prepare(self, first, second, same):
        rows = np.concatenate([first, second])
        self.mean, self.scale = rows.mean(axis=0), 1 / np.maximum(rows.std(axis=0), 1e-12)
        self.scale[rows.std(axis=0) == 0] = 0.0  # a feature that never varies tells nothing

    def contributions(self, first, second):
        one, two = ((side - self.mean) * self.scale for side in (first, second))
        lengths = np.sqrt((one**2).sum(axis=1)) * np.sqrt((two**2).sum(axis=1))
        return one * two / np.where(lengths > 0, lengths, 1.0)[:, None]


class Covariance(PairMetric):
    """A distance that knows which directions vary within an identity. `rule` says how:

    "wccn"   : cosine after the within-class covariance has been made a ball: W^(-1/2) x.
    "within" : -(a - b)' W^(-1) (a - b), Mahalanobis' distance by the within-class covariance, squared.
    "kissme" : the log of how much likelier the difference is for the same than for different: -(a - b)' (S^(-1) - D^(-1)) (a - b),
               S and D the covariances of the differences of same and of different pairs. Directions that say that
               far apart is a sign of the same are taken out.
    Both distances are in units of their mean over the training pairs that differ. `loss` (after fit) is the log loss on
    training pairs of identities that were left out in turn: by it the rules can be compared.
    `most`: only in so many directions, those in which the training rows vary most, the covariances are learnt; in all others
    they are taken as a ball, so that what is new about a new identity still counts. `telling`: for "kissme", only so many
    directions as tell identities apart best, those in which different pairs vary most against the same (Fisher, 1936).
    """

    arrays = ("mean", "scale", "directions", "inner", "rest")
    options = ("rule", "most", "telling")

    def __init__(self, rule="kissme", most=64, telling=None):
        if rule not in ("wccn", "within", "kissme"):
            raise TaskError("bad-option", f"Expected rule to be one of wccn, within, kissme, got {rule!r}.")
        if not isinstance(most, int | np.integer) or most < 1:
            raise TaskError("bad-option", f"Expected most to be a whole number of at least 1, got {most!r}.")
        if telling is not None and (not isinstance(telling, int | np.integer) or telling < 1):
            raise TaskError(
                "bad-option", f"Expected telling to be a whole number of at least 1 or None, got {telling!r}."
            )
        self.rule, self.most, self.telling = rule, int(most), telling

    def prepare(self, first, second, same):
        rows = np.concatenate([first, second])  # (2P, D)
        item = numbered(rows)
        rows = rows[np.unique(item, return_index=True)[1]]  # (N, D)
        spread = rows.std(axis=0)
        self.scale = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1.0), 0.0)
        self.mean, self.directions = main_directions(rows * self.scale, self.most)  # (D,), (D, K)
        near, near_rest, self.shrinkage = self.spread_of(first[same] - second[same], item.reshape(2, -1)[:, same])
        if self.rule == "kissme":
            far, far_rest, _ = self.spread_of(first[~same] - second[~same], item.reshape(2, -1)[:, ~same])
            # In the directions where S is the ball, D is diagonal: how much farther apart the different are, r, says all.
            root = np.linalg.inv(np.linalg.cholesky(near))  # (K, K)
            ratios, turn = np.linalg.eigh(root @ far @ root.T)  # ascending
            ratios, turn = ratios[::-1][: self.telling], turn[:, ::-1][:, : self.telling]
            axes = root.T @ turn  # (K, kept)
            inner = (axes * np.maximum(1 - 1 / ratios, 0)) @ axes.T  # S^(-1) - D^(-1), without what is below 0
            rest = 0.0 if self.telling else max(1 / near_rest - 1 / far_rest, 0.0)
        else:
            inner, rest = np.linalg.inv(near / 2), 2 / near_rest  # a difference of two varies twice as much as one
        self.inner, self.rest = (inner + inner.T) / 2, np.array([rest])
        if self.rule != "wccn":  # in units of the usual distance, so that scores learnt from fewer items compare
            usual = -self.contributions(first[~same], second[~same]).sum(axis=1).mean()
            self.inner, self.rest = (part / (usual if usual > 0 else 1.0) for part in (self.inner, self.rest))

    def spread_of(self, gaps, items):
        """The covariance of differences (P, D) in the directions, and beyond them; `items` (2, P) says how many there are."""
        gaps = gaps * self.scale
        inside = gaps @ self.directions  # (P, K)
        columns = max(int((self.scale > 0).sum()), inside.shape[1])
        beyond = np.maximum((gaps**2).sum(axis=1) - (inside**2).sum(axis=1), 0)
        return shrunk_covariance(inside, len(np.unique(items)), columns, beyond)

    @property
    def matrix(self):
        """M (D, D), by which differences in units of `scale` are measured."""
        inner = self.inner - self.rest * np.eye(len(self.inner))
        return self.directions @ inner @ self.directions.T + self.rest * np.eye(len(self.directions))

    def measured(self, gaps):
        """M times each row (P, D), without writing M down."""
        inside = gaps @ self.directions  # (P, K)
        return (inside @ self.inner - self.rest * inside) @ self.directions.T + self.rest * gaps

    def contributions(self, first, second):
        one, two = (side * self.scale for side in (first, second))
        if self.rule != "wccn":
            gap = one - two
            return -gap * self.measured(gap)
        one, two = one - self.mean, two - self.mean
        ours, theirs = self.measured(one), self.measured(two)
        lengths = np.sqrt((one * ours).sum(axis=1)) * np.sqrt((two * theirs).sum(axis=1))
        return (one * theirs + two * ours) / 2 / np.where(lengths > 0, lengths, 1.0)[:, None]

    def distances(self, first, second):
        """How far apart the sides are (P,): the root of (a - b)' M (a - b), M as learnt."""
        first, second = self.sides(first, second)
        gap = (first - second) * self.scale
        return np.sqrt(np.maximum((gap * self.measured(gap)).sum(axis=1), 0))


SHARED = (FofxError, DataError, TaskError, checked_features, checked_target, fit_logistic, numbered)
PIECES = (*SHARED, owners_of, folds, shrunk_covariance, main_directions, PairMetric, Cosine, Covariance)
