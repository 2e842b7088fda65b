"""A distance for few identities, begun from what many others have in common: the two-covariance model with a prior.

An item is its identity's mean plus what varies within the identity; both are normal, with covariances B (between) and W
(within). Whether two items show one identity is then a ratio of likelihoods in closed form. B, W and the middle of all are
known from many other identities; own pairs move the middle and W as far as there are enough of them, while B stays:
three speakers say nothing of how speakers differ.
Source: Prince and Elder, "Probabilistic linear discriminant analysis for inferences about identity", 2007; Brummer and de
Villiers, "The speaker partitioning problem", 2010. P pairs, N different items among their sides, D features.
"""

import numpy as np
from scipy.linalg import eigh

from fofx.classic.metric import PairMetric
from fofx.classic.threshold import numbered

WITHIN = 100.0  # own items after which W is as much their own as the prior's
MIDDLE = 1.0  # own identities after which the middle is as much their own as the prior's
RIDGE = 0.02  # added to W's diagonal, of features with spread 1


def owners_among(item, same):
    """Whom each item shows as far as pairs tell, 0..K-1 (N,): `item` (2, P) numbers 0..N-1, `same` (P,) bool."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one, two = item[:, same]
    links = coo_array((np.ones(len(one), dtype=np.int8), (one, two)), shape=(item.max() + 1, item.max() + 1))
    return connected_components(links, directed=False)[1]


class TwoCovariances(PairMetric):
    """log P(both | one identity) - log P(both | two identities), direction by direction.

    `prior` holds `mean` (D,), `spread` (D,), and `within` and `between` (D, D) of features divided by their spread.
    """

    arrays = ("mean", "scale", "directions", "between")

    def __init__(self, prior=None):
        self.prior = prior

    def prepare(self, first, second, same):
        prior = self.prior
        rows = np.concatenate([first, second])  # (2P, D)
        item = numbered(rows)
        rows = (rows[np.unique(item, return_index=True)[1]] - prior["mean"]) / prior["spread"]  # (N, D)
        owner = owners_among(item.reshape(2, -1), same)  # (N,)
        counts = np.bincount(owner)
        means = np.stack([np.bincount(owner, column) for column in rows.T], axis=1) / counts[:, None]  # (K, D)
        known = counts > 1 if (counts > 1).any() else counts > 0
        middle = means[known].mean(axis=0) * known.sum() / (known.sum() + MIDDLE)
        apart = rows - means[owner]
        within = (WITHIN * prior["within"] + apart.T @ apart) / (WITHIN + (counts - 1).sum())
        self.mean, self.scale = prior["mean"] + middle * prior["spread"], 1 / prior["spread"]
        values, vectors = eigh(prior["between"], within + RIDGE * np.eye(len(within)))
        self.directions = np.ascontiguousarray(vectors)  # in these directions W is 1 and B is `between`
        self.between = np.maximum(values, 1e-3)

    def contributions(self, first, second):
        one, two = ((side - self.mean) * self.scale @ self.directions for side in (first, second))  # (P, D)
        between, whole = self.between, self.between + 1
        alone = whole**2 - between**2  # determinant of the covariance of two items of one identity
        squares = (1 / whole - whole / alone) / 2 * (one**2 + two**2)
        return squares + one * two * (between / alone) + np.log(whole) - np.log(alone) / 2
