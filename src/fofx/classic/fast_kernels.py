"""Small compiled loops: walking a tree, and the sums of Gaussian naive Bayes.

N training rows, M asked rows, D columns, C classes.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fofx.classic.compile import compiled

NODE = np.dtype([("threshold", np.float64), ("feature", np.int32), ("right", np.int32)])


@compiled
def walk(asked, nodes, leaves):
    """Fill `leaves` (M,) with the leaf in which each row of `asked` (M, D) ends. A left child follows its parent."""
    for row in range(len(asked)):
        node = np.int64(0)
        while nodes[node].feature >= 0:
            here = nodes[node]
            node = node + 1 if np.float32(asked[row, here.feature]) <= here.threshold else np.int64(here.right)
        leaves[row] = node


def leaves_of(asked, nodes):
    """The leaf (M,) of each row, for the nodes of `Tree.grow`; two threads when it is worth it."""
    packed = np.empty(len(nodes["feature"]), NODE)
    packed["threshold"], packed["feature"], packed["right"] = nodes["threshold"], nodes["feature"], nodes["right"]
    leaves = np.empty(len(asked), np.int64)
    if len(asked) < 4096:
        walk(asked, packed, leaves)
        return leaves
    half = len(asked) // 2
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda part: walk(asked[part], packed, leaves[part]), (slice(0, half), slice(half, None))))
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
