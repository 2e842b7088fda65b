"""Compiled loops of gradient boosting: the same trees as `Boosting`, bit for bit, because every sum runs in the same order.

A histogram holds its cells side by side, the bins of column 0, then those of column 1, ...; each cell is slope, curvature and
count together, so that one row touches one place of the memory per column. Where all curvatures are 1, the count is enough.
N rows, M asked rows, D columns that can be cut, S cells of a histogram, W numbers in a cell, V nodes, T trees.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fofx.classic.boosting import Boosting
from fofx.classic.compile import compiled
from fofx.classic.fast_kernels import leaves_of

ONE, TWO, THREE = np.uint64(1), np.uint64(2), np.uint64(3)  # numba checks signed numbers for counting from the end


@compiled
def count_rows(table, bins, first_cell, rows, slope, curvature, constant):
    """Fill the histogram `table` (S W,) from these rows of `bins` (N, D), 64 columns at a time: their cells stay in the cache."""
    columns = bins.shape[1]
    table[:] = 0.0
    for start in range(0, columns, 64):
        end = min(columns, start + 64)
        if constant:
            for one in rows:
                row = np.uint64(one)
                steep = slope[row]
                for column in range(start, end):
                    cell = TWO * (np.uint64(first_cell[column]) + np.uint64(bins[row, column]))
                    table[cell] += steep
                    table[cell + ONE] += 1.0
        else:
            for one in rows:
                row = np.uint64(one)
                steep, bend = slope[row], curvature[row]
                for column in range(start, end):
                    cell = THREE * (np.uint64(first_cell[column]) + np.uint64(bins[row, column]))
                    table[cell] += steep
                    table[cell + ONE] += bend
                    table[cell + TWO] += 1.0


@compiled
def best_cut(table, first_cell, constant, min_leaf, penalty, least_curvature):
    """gain, column and bin of the best cut, as `Boosting.best_cut`."""
    width = 2 if constant else 3
    steep, bend, rows = 0.0, 0.0, 0.0
    for cell in range(first_cell[0] * width, first_cell[1] * width, width):
        if table[cell + width - 1] > 0.0:
            steep += table[cell]
            bend += table[cell + 1]
            rows += table[cell + width - 1]
    best, chosen, place = -np.inf, -1, -1
    for column in range(len(first_cell) - 1):
        left, left_bend, count = 0.0, 0.0, 0.0
        for cell in range(first_cell[column], first_cell[column + 1] - 1):
            here = table[width * cell + width - 1]
            if here <= 0.0:
                continue
            count += here
            left += table[width * cell]
            left_bend += table[width * cell + 1]
            if count < min_leaf:
                continue
            if rows - count < min_leaf:
                break
            right_bend = bend - left_bend
            if left_bend < least_curvature or right_bend < least_curvature:
                continue
            right = steep - left
            score = left * left / (left_bend + penalty) + right * right / (right_bend + penalty)
            if score > best:
                best, chosen, place = score, column, cell - first_cell[column]
    if chosen < 0:
        return 0.0, -1, -1
    gain = best - steep * steep / (bend + penalty)
    if not gain > 1e-9 * best:
        return 0.0, -1, -1
    return gain, chosen, place


@compiled
def grow_leaves(
    bins, first_cell, slope, curvature, constant, most, min_leaf, penalty, least_curvature, tables, order, spare, leaves
):
    """feature, bin, left, right, rows, gain, slope and curvature (V,) of one tree; fills `leaves` (N,).

    tables (most, S W), order (N,) and spare (N,) are working memory. `order` holds the rows of each leaf together, ascending.
    """
    total = len(bins)
    room = 2 * most - 1
    feature, left, right = np.full(room, -1), np.full(room, -1), np.full(room, -1)
    place, gain = np.full(room, -1), np.zeros(room)
    start, end, own = np.zeros(room, np.int64), np.zeros(room, np.int64), np.zeros(room, np.int64)
    cut_column, cut_gain = np.full(room, -1), np.zeros(room)
    for row in range(total):
        order[row] = row
    end[0] = total
    made, count = 1, 1
    if total >= 2 * min_leaf:
        count_rows(tables[0], bins, first_cell, order, slope, curvature, constant)
        cut_gain[0], cut_column[0], place[0] = best_cut(
            tables[0], first_cell, constant, min_leaf, penalty, least_curvature
        )
    while count < most:
        node = 0
        for other in range(1, made):
            if cut_gain[other] > cut_gain[node]:
                node = other
        if cut_gain[node] <= 0.0:
            break
        column, highest = cut_column[node], place[node]
        feature[node], gain[node], cut_gain[node] = column, cut_gain[node], 0.0
        left[node], right[node] = made, made + 1
        middle, kept = start[node], 0
        for at in range(start[node], end[node]):
            row = order[at]
            goes_right = bins[np.uint64(row), np.uint64(column)] > highest
            order[middle] = row
            spare[kept] = row
            middle += not goes_right
            kept += goes_right
        order[middle : end[node]] = spare[:kept]
        start[made], end[made], start[made + 1], end[made + 1] = start[node], middle, middle, end[node]
        small, large = (made + 1, made) if middle - start[node] > kept else (made, made + 1)
        own[small], own[large] = count, own[node]
        made += 2
        count += 1
        if count == most or end[large] - start[large] < 2 * min_leaf:
            continue
        counted, whole = tables[own[small]], tables[own[large]]
        count_rows(counted, bins, first_cell, order[start[small] : end[small]], slope, curvature, constant)
        for cell in range(len(whole)):
            whole[cell] -= counted[cell]
        for side in (made - 2, made - 1):
            if end[side] - start[side] >= 2 * min_leaf:
                cut_gain[side], cut_column[side], place[side] = best_cut(
                    tables[own[side]], first_cell, constant, min_leaf, penalty, least_curvature
                )
    steep, bend = np.zeros(made), np.zeros(made)
    for node in range(made):
        if feature[node] < 0:
            for at in range(start[node], end[node]):
                row = order[at]
                leaves[row] = node
                steep[node] += slope[row]
                bend[node] += 1.0 if constant else curvature[row]
    rows = end - start
    return feature[:made], place[:made], left[:made], right[:made], rows[:made], gain[:made], steep, bend


@compiled
def find_bins(values, edges, bins):
    """Fill `bins` (N,): how many of the ascending `edges` lie below each value."""
    for row in range(len(values)):
        value = np.float64(values[row])
        low, count = 0, len(edges)
        while count > 0:
            half = count // 2
            if edges[low + half] < value:
                low += half + 1
                count -= half + 1
            else:
                count = half
        bins[row] = low


@compiled
def add_trees(asked, roots, feature, threshold, child, value, raw):
    """Add to `raw` (K, M) what the trees answer to each row, tree by tree; trees of one round follow each other.

    Rows go in blocks that stay in the cache, eight of them down a tree together: the processor works on one while it waits for
    the nodes of another. A leaf is its own child, so a row that has arrived stays where it is.
    """
    together, block = 8, 1024
    place = np.zeros(together, np.int32)
    kinds = len(raw)
    for first in range(0, len(asked), block):
        last = min(len(asked), first + block)
        for tree in range(len(roots)):
            root, kind = roots[tree], tree % kinds
            for start in range(first, last, together):
                count = min(together, last - start)
                place[:] = root
                moved = np.int32(1)
                while moved:
                    moved = np.int32(0)
                    for row in range(count):
                        node = place[row]
                        right = not (np.float64(asked[start + row, feature[node]]) <= threshold[node])
                        following = child[2 * node + np.int64(right)]
                        moved |= following ^ node
                        place[row] = following
                for row in range(count):
                    raw[kind, start + row] += value[place[row]]


class FastBoosting(Boosting):
    """`Boosting`, its histograms and walks compiled. Trees of one round grow on two threads."""

    def binned(self, features, edges):
        """Bins (N, D') of the columns that can be cut; `first_cell` of each in a histogram."""
        bins = np.empty(features.shape, np.uint8)
        for column, one in enumerate(edges):
            find_bins(features[:, column], one, bins[:, column])
        cells = [len(one) + 1 for one in edges]
        self.first_cell = np.concatenate([[0], np.cumsum(cells)]).astype(np.int64)  # (D' + 1,)
        self.memory: list[tuple] = []
        return bins

    def landed(self, nodes, asked):
        return leaves_of(asked, nodes)

    def grow_round(self, bins, edges, slope, curvature):
        columns = range(len(slope))
        if len(columns) == 1 or slope.size < 20_000:
            return [self.grow(bins, edges, slope[tree], curvature[tree]) for tree in columns]
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda tree: self.grow(bins, edges, slope[tree], curvature[tree]), columns))

    def grow(self, bins, edges, slope, curvature):
        constant = self.task == "regression"
        leaves = np.empty(len(bins), np.int32)
        most = min(self.leaves, max(1, len(bins) // self.min_leaf))
        width = 2 if constant else 3
        try:
            tables, order, spare = self.memory.pop()
        except IndexError:
            tables = np.empty((most, int(self.first_cell[-1]) * width))
            order, spare = np.empty(len(bins), np.int32), np.empty(len(bins), np.int32)
        feature, place, left, right, rows, gain, steep, bend = grow_leaves(
            bins,
            self.first_cell,
            slope,
            curvature,
            constant,
            most,
            self.min_leaf,
            self.penalty,
            self.least_curvature,
            tables,
            order,
            spare,
            leaves,
        )
        self.memory.append((tables, order, spare))
        threshold = np.array([np.nan if one < 0 else edges[one][at] for one, at in zip(feature, place)])
        feature = np.where(feature < 0, -1, self.useful[feature])
        bend += self.penalty
        value = -self.rate * self.spread * steep / np.where(bend > 0, bend, 1)
        names = ("feature", "threshold", "left", "right", "rows", "gain", "value")
        return dict(zip(names, (feature, threshold, left, right, rows, gain, value))), leaves

    def sums(self, asked):
        raw = np.tile(self.base[:, None], len(asked))  # (K, M)
        flat = [nodes for grown in self.trees for nodes in grown]
        if not flat or not len(asked):
            return raw
        sizes = np.array([len(nodes["feature"]) for nodes in flat])
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)  # (T,)
        joined = {name: np.concatenate([nodes[name] for nodes in flat]) for name in flat[0]}  # (all nodes,)
        own, offset, leaf = np.arange(sizes.sum()), np.repeat(roots, sizes), joined["feature"] < 0
        child = np.stack([np.where(leaf, own, joined[side] + offset) for side in ("left", "right")], axis=1)
        child = child.astype(np.int32).reshape(-1)  # (2 x all nodes,)
        feature = np.where(leaf, 0, joined["feature"]).astype(np.int32)
        asked = np.ascontiguousarray(asked)

        def part(rows):
            add_trees(asked[rows], roots, feature, joined["threshold"], child, joined["value"], raw[:, rows])

        if asked.shape[0] * len(flat) < 500_000:
            part(slice(None))
        else:
            half = len(asked) // 2
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(part, (slice(0, half), slice(half, None))))
        return raw
