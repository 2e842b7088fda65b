"""From a score of likeness to a probability: a logistic, fitted on pairs of identities that the score was not learnt from.

A score that was learnt from some people puts these very people far apart; where to draw the line for new ones shows only
on people who were left out in turn. Logistic on a score: Platt, "Probabilistic outputs for support vector machines", 1999.
P pairs, R rows, D features.
"""

import numpy as np


def fit_logistic(scores, same, share=None, penalty=1e-6):
    """Slope and offset of P(same) = 1 / (1 + exp(-(slope * score + offset))), by Newton's method on the log loss.

    Scores (P,), `same` (P,) bool; `share` of the pairs are to count as the same, by default as many as are. `penalty` keeps
    the slope finite where a threshold parts the scores without an error. Returns the weighted mean loss as well.
    """
    middle, spread = scores.mean(), scores.std() or 1.0
    table = np.stack([(scores - middle) / spread, np.ones(len(scores))], axis=1)  # (P, 2)
    # Targets a little inside 0 and 1, as Platt (1999) does it, or few pairs would give a probability of 1.
    yes, no = same.sum(), (~same).sum()
    wanted = np.where(same, (yes + 1) / (yes + 2), 1 / (no + 2))
    share = yes / len(same) if share is None else share
    counts = np.where(same, share / max(yes, 1), (1 - share) / max(no, 1))  # (P,), 1 in all
    weights = np.zeros(2)

    def loss(weights):
        margin = table @ weights
        return (counts * (np.logaddexp(0, margin) - wanted * margin)).sum() + penalty * (weights**2).sum() / 2

    for _ in range(100):
        chances = 1 / (1 + np.exp(-np.clip(table @ weights, -500, 500)))
        slope = table.T @ (counts * (chances - wanted)) + penalty * weights
        curve = (table * (counts * chances * (1 - chances))[:, None]).T @ table + penalty * np.eye(2)
        step = np.linalg.solve(curve, slope)
        while loss(weights - step) > loss(weights) and np.abs(step).max() > 1e-12:
            step = step / 2  # Newton's step goes too far where the curve is flat
        weights = weights - step
        if np.abs(step).max() < 1e-10:
            break
    return float(weights[0] / spread), float(weights[1] - weights[0] * middle / spread), float(loss(weights))


def numbered(rows):
    """A number 0..N-1 for each row (R,), the same for equal rows."""
    known: dict[bytes, int] = {}
    return np.array([known.setdefault(row.tobytes(), len(known)) for row in rows], dtype=np.int64)


def owners_of(item, same):
    """Whom each item shows, as far as pairs tell: a chain of pairs that are the same has one owner. Numbers 0..K-1.

    `item` (2, P): the number of the item on each side, 0..N-1; `same` (P,) bool. Returns (N,).
    """
    owner = np.arange(item.max() + 1)
    while True:  # the lowest number of a chain becomes the number of all of it
        before = owner.copy()
        for one, two in (item[:, same], item[::-1, same]):
            np.minimum.at(owner, one, owner[two])
        owner = owner[owner]
        if np.array_equal(owner, before):
            return np.unique(owner, return_inverse=True)[1].reshape(-1)


def folds(first, second, same, most=4):
    """Ways to learn from some pairs and judge others that share no identity with them, as new ones do not either.

    Who is the same as whom shows which rows belong to one identity. With fewer than four identities the items are shared
    out instead. Yields two masks (P,) each: pairs to learn from, pairs to judge.
    """
    item = numbered(np.concatenate([first, second])).reshape(2, -1)  # (2, P)
    owner = owners_of(item, same)
    identities = len(np.unique(owner[item[0, same]]))
    count = min(most, identities // 2) if identities >= 4 else most
    members = owner if identities >= 4 else np.arange(len(owner))
    side = np.random.Generator(np.random.PCG64(0)).permutation(members.max() + 1) % count
    one, two = side[members[item]]  # each (P,)
    for number in range(count):
        learning, judging = (one != number) & (two != number), (one == number) & (two == number)
        if min((learning & same).sum(), (learning & ~same).sum()) >= 2:
            yield learning, judging
