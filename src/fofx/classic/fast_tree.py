"""Growing a tree from columns that are sorted once and stay sorted.

Each column keeps its own list of row numbers, ordered by value. A node owns the same range [start, end) of every list.
Cutting a node splits each list stably, so both halves are sorted again at the price of one pass: no node ever sorts.
The costs are computed with the same formulas as `Tree.column_costs`.
N rows, D columns, C classes, V nodes.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fofx.classic.compile import compiled

EPS = float(np.finfo(np.float64).eps)


@compiled
def gini_cut(values, order, target, counts, min_leaf, best):
    """The best cut of one sorted column as (total cost, threshold); `best` is the cost that must be beaten."""
    classes, rows = len(counts), len(order)
    left_counts = np.zeros(classes, np.int64)
    left_squares, right_squares = 0, 0
    for one in range(classes):
        right_squares += counts[one] * counts[one]
    threshold = np.nan
    here = values[order[0]]
    for place in range(rows - 1):
        one = target[order[place]]
        left_squares += 2 * left_counts[one] + 1
        right_squares -= 2 * (counts[one] - left_counts[one]) - 1
        left_counts[one] += 1
        above = values[order[place + 1]]
        left, right = float(place + 1), float(rows - place - 1)
        if above > np.float32(here + np.float32(1e-7)) and place + 1 >= min_leaf and rows - place - 1 >= min_leaf:
            gini_left = 1.0 - left_squares / (left * left)
            gini_right = 1.0 - right_squares / (right * right)
            total = right * gini_right + left * gini_left
            if total < best:
                best = total
                middle = float(here) / 2.0 + float(above) / 2.0
                threshold = middle if middle < float(above) else float(here)
        here = above
    return best, threshold


@compiled
def entropy_cut(values, order, target, counts, min_leaf, best, slack):
    """Like `gini_cut`; a cut must be cheaper by more than `slack`, the rounding of these sums."""
    classes, rows = len(counts), len(order)
    left_counts = np.zeros(classes, np.int64)
    threshold = np.nan
    here = values[order[0]]
    for place in range(rows - 1):
        left_counts[target[order[place]]] += 1
        above = values[order[place + 1]]
        left, right = float(place + 1), float(rows - place - 1)
        if above > np.float32(here + np.float32(1e-7)) and place + 1 >= min_leaf and rows - place - 1 >= min_leaf:
            bits_left, bits_right = 0.0, 0.0
            for one in range(classes):
                if left_counts[one] > 0:
                    part = left_counts[one] / left
                    bits_left -= part * np.log2(part)
                if counts[one] > left_counts[one]:
                    part = (counts[one] - left_counts[one]) / right
                    bits_right -= part * np.log2(part)
            total = right * bits_right + left * bits_left
            if total < best - slack:
                best = total
                middle = float(here) / 2.0 + float(above) / 2.0
                threshold = middle if middle < float(above) else float(here)
        here = above
    return best, threshold


@compiled
def mse_cut(values, order, numbers, mean, squares, sums, min_leaf, best, slack):
    """Like `entropy_cut` for numbers: `squares` and `sums` are those of the node's numbers minus `mean`."""
    rows = len(order)
    sum_left = 0.0
    threshold = np.nan
    here = values[order[0]]
    for place in range(rows - 1):
        sum_left += numbers[order[place]] - mean
        above = values[order[place + 1]]
        left, right = float(place + 1), float(rows - place - 1)
        if above > np.float32(here + np.float32(1e-7)) and place + 1 >= min_leaf and rows - place - 1 >= min_leaf:
            sum_right = sums - sum_left
            total = max(squares - sum_left * sum_left / left - sum_right * sum_right / right, 0.0)
            if total < best - slack:
                best = total
                middle = float(here) / 2.0 + float(above) / 2.0
                threshold = middle if middle < float(above) else float(here)
        here = above
    return best, threshold


@compiled
def split_lists(order, start, end, goes_left, spare):
    """Split the range [start, end) of every column's list in place, keeping the order on both sides."""
    middle = start
    for column in range(len(order)):
        middle, kept = start, 0
        for place in range(start, end):
            row = order[column, place]
            if goes_left[row]:
                order[column, middle] = row
                middle += 1
            else:
                spare[kept] = row
                kept += 1
        order[column, middle:end] = spare[:kept]
    return middle


@compiled
def summary_of(order, target, numbers, classes, criterion, start, end, value):
    """Fill `value` with the node's answer; return how mixed it is, whether all targets agree, and the sum of gaps."""
    rows = end - start
    if classes == 0:
        mean = 0.0
        first = numbers[order[0, start]]
        same = True
        for place in range(start, end):
            mean += numbers[order[0, place]] - first
            same &= numbers[order[0, place]] == first
        mean = first + mean / rows
        squares, sums = 0.0, 0.0
        for place in range(start, end):
            gap = numbers[order[0, place]] - mean
            squares += gap * gap
            sums += gap
        value[0] = mean
        return squares / rows, same, sums
    value[:] = 0
    for place in range(start, end):
        value[target[order[0, place]]] += 1
    mixed = 1.0 if criterion == 0 else 0.0
    same = False
    for one in range(classes):
        part = value[one] / rows
        same |= value[one] == rows
        if criterion == 0:
            mixed -= part * part
        elif part > 0:
            mixed -= part * np.log2(part)
    return mixed, same, 0.0


@compiled
def grow_lists(values, order, target, numbers, classes, criterion, max_depth, min_leaf):
    """All nodes, the left side first: feature, threshold, left, right, start, end, depth, impurity (V,) and value."""
    columns, rows = values.shape
    room = max(1, 2 * (rows // min_leaf) + 1)
    feature, left, right = np.full(room, -1), np.full(room, -1), np.full(room, -1)
    start, end, depth = np.zeros(room, np.int64), np.zeros(room, np.int64), np.zeros(room, np.int64)
    threshold, impurity = np.full(room, np.nan), np.zeros(room)
    goes_left, spare = np.zeros(rows, np.bool_), np.empty(rows, order.dtype)
    value = np.zeros(max(classes, 1))
    counts = np.zeros(max(classes, 1), np.int64)
    values_kept = np.zeros((16, len(value)))
    waiting = [(0, rows, 0, -1)]  # start, end, depth, parent (left side: parent + room)
    made = 0
    while len(waiting) > 0:
        first, last, level, parent = waiting.pop()
        node = made
        made += 1
        if parent >= room:
            left[parent - room] = node
        elif parent >= 0:
            right[parent] = node
        mixed, same, sums = summary_of(order, target, numbers, classes, criterion, first, last, value)
        if node == len(values_kept):
            longer = np.zeros((2 * node, len(value)))
            longer[:node] = values_kept
            values_kept = longer
        counts[:] = value.astype(np.int64)
        values_kept[node] = value if classes == 0 else value / (last - first)
        start[node], end[node], depth[node], impurity[node] = first, last, level, mixed
        if same or last - first < 2 * min_leaf or level == max_depth:
            continue
        slack = 4 * EPS * (last - first) * (last - first) * mixed
        best, chosen, cut = np.inf, -1, np.nan
        for column in range(columns):
            part, here = order[column, first:last], values[column]
            if here[part[-1]] <= np.float32(here[part[0]] + np.float32(1e-7)):
                continue
            if criterion == 0:
                cost, middle = gini_cut(here, part, target, counts, min_leaf, best)
            elif criterion == 1:
                cost, middle = entropy_cut(here, part, target, counts, min_leaf, best, slack)
            else:
                squares = mixed * (last - first)
                cost, middle = mse_cut(here, part, numbers, value[0], squares, sums, min_leaf, best, slack)
            if not np.isnan(middle):
                best, chosen, cut = cost, column, middle
        if chosen < 0:
            continue
        feature[node], threshold[node] = chosen, cut
        for place in range(first, last):
            row = order[chosen, place]
            goes_left[row] = values[chosen, row] <= cut
        middle_place = split_lists(order, first, last, goes_left, spare)
        waiting.append((middle_place, last, level + 1, node))
        waiting.append((first, middle_place, level + 1, node + room))
    return (
        feature[:made].copy(),
        threshold[:made].copy(),
        left[:made].copy(),
        right[:made].copy(),
        (end - start)[:made],
        depth[:made].copy(),
        impurity[:made].copy(),
        values_kept[:made].copy(),
    )


def grow_tree(features, target, classes, criterion, max_depth, min_leaf):
    """The nodes of `Tree.grow`, as the same dict of arrays."""
    values = np.ascontiguousarray(features.T)  # (D, N)
    order = np.empty(values.shape, np.int32)  # (D, N)

    def sort(column):
        order[column] = np.argsort(values[column])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(sort, range(len(values))))
    number = {"gini": 0, "entropy": 1, "mse": 2}[criterion]
    codes = target.astype(np.int32) if len(classes) else np.zeros(1, np.int32)
    numbers = np.zeros(1) if len(classes) else target
    depth = -1 if max_depth is None else int(max_depth)
    nodes = grow_lists(values, order, codes, numbers, len(classes), number, depth, min_leaf)
    return dict(
        zip(("feature", "threshold", "left", "right", "rows", "depth", "impurity", "value"), nodes, strict=True)
    )
