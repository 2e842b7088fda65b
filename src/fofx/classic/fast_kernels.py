"""Small compiled loops: walking a tree, and the sums of Gaussian naive Bayes.

N training rows, M asked rows, D columns, C classes.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fofx.classic.compile import compiled


@compiled
def walk(asked, feature, threshold, child, leaves):
    """Fill `leaves` (M,) with the leaf in which each row of `asked` (M, D) ends.

    Eight rows walk together, without a branch: the processor works on one while it waits for the nodes of another. A leaf
    is its own child, so a row that has arrived stays where it is.
    """
    together = 8
    place = np.zeros(together, np.int32)
    for start in range(0, len(asked), together):
        count = min(together, len(asked) - start)
        place[:] = 0
        moved = np.int32(1)
        while moved:
            moved = np.int32(0)
            for row in range(count):
                node = place[row]
                right = not (np.float32(asked[start + row, feature[node]]) <= threshold[node])
                following = child[2 * node + np.int64(right)]
                moved |= following ^ node
                place[row] = following
        leaves[start : start + count] = place[:count]


def leaves_of(asked, nodes):
    """The leaf (M,) of each row, for the nodes of `Tree.grow`; two threads when it is worth it."""
    own, leaf = np.arange(len(nodes["feature"])), nodes["feature"] < 0
    feature = np.where(leaf, 0, nodes["feature"]).astype(np.int32)  # (V,)
    child = np.stack([np.where(leaf, own, nodes[side]) for side in ("left", "right")], axis=1)  # (V, 2)
    child = child.astype(np.int32).reshape(-1)  # (2 V,)
    leaves = np.empty(len(asked), np.int64)

    def part(rows):
        walk(asked[rows], feature, nodes["threshold"], child, leaves[rows])

    if len(asked) < 20_000:
        part(slice(None))
        return leaves
    half = len(asked) // 2
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(part, (slice(0, half), slice(half, None))))
    return leaves


@compiled
def moments(features, number, classes):
    rows, columns = features.shape
    low, high = features[0].astype(np.float64), features[0].astype(np.float64)
    members = np.zeros(classes)
    mean = np.zeros((classes, columns))
    for row in range(rows):
        one = number[row]
        members[one] += 1
        for column in range(columns):
            value = np.float64(features[row, column])
            mean[one, column] += value
            low[column] = min(low[column], value)
            high[column] = max(high[column], value)
    whole = np.zeros(columns)
    for one in range(classes):
        for column in range(columns):
            whole[column] += mean[one, column]
            mean[one, column] /= members[one]
    whole /= rows
    spread = np.zeros((classes, columns))
    for row in range(rows):
        one = number[row]
        for column in range(columns):
            gap = np.float64(features[row, column]) - mean[one, column]
            spread[one, column] += gap * gap
    largest = 0.0
    for column in range(columns):
        variance = 0.0
        for one in range(classes):  # the whole variance = within the classes + between their means
            gap = mean[one, column] - whole[column]
            variance += spread[one, column] + members[one] * gap * gap
        largest = max(largest, variance / rows)
    for one in range(classes):
        spread[one] /= members[one]
    return low, high, mean, spread, largest


def class_moments(features, number, classes):
    """low (D,), high (D,), mean (C, D), variance (C, D) of each class, and the largest column variance of all rows."""
    return moments(np.ascontiguousarray(features), number, classes)


@compiled
def product_of(features, mean, scale, constant):
    rows, columns = features.shape
    classes = len(mean)
    product = np.empty((rows, classes))
    gap = np.empty(columns)
    for row in range(rows):
        for one in range(classes):
            for column in range(columns):
                gap[column] = np.float64(features[row, column]) - mean[one, column]
                gap[column] = gap[column] * gap[column] * scale[one, column]
            total = 0.0
            for column in range(columns):
                total += gap[column]
            product[row, one] = constant[one] - 0.5 * total
    return product


def gaussian_product(features, mean, variance):
    """log of the product of the bell curves' heights (M, C)."""
    constant = -0.5 * np.log(2 * np.pi * variance).sum(axis=1)  # (C,)
    return product_of(np.ascontiguousarray(features), mean, 1 / variance, constant)
