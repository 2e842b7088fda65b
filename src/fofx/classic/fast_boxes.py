"""The nearest rows in few dimensions: rows are packed into boxes, and boxes too far away are never opened.

Halving the rows again and again along their widest column gives boxes of near neighbours. No row of a box is nearer than
the box's wall, so a box whose wall is farther than the k-th neighbour found so far is skipped. Beyond about six columns
nearly every wall is near, and measuring all rows by a matrix product (`fast_knn`) is faster.
Source: the idea of Friedman, Bentley, Finkel, "An algorithm for finding best matches", 1977, with one flat level.
N training rows, M asked rows, D columns, K neighbours, B boxes.
"""

import numpy as np

from fofx.classic.compile import compiled

BOX = 64  # rows in a box, at most


def pack(columns):
    """Rows sorted by box (N,), where each box starts (B + 1,), its lowest and highest corner (D, B); `columns` (D, N)."""
    waiting, boxes = [np.arange(columns.shape[1])], []
    while waiting:
        rows = waiting.pop()
        if len(rows) <= BOX:
            boxes.append(np.sort(rows))
            continue
        widest = int(np.ptp(columns[:, rows], axis=1).argmax())
        half = len(rows) // 2
        rows = rows[np.argpartition(columns[widest, rows], half)]
        waiting += [rows[half:], rows[:half]]
    order, starts = np.concatenate(boxes), np.cumsum([0, *(len(box) for box in boxes)])
    sorted_columns = columns[:, order].astype(np.float64)  # (D, N)
    low = np.minimum.reduceat(sorted_columns, starts[:-1], axis=1)  # (D, B)
    high = np.maximum.reduceat(sorted_columns, starts[:-1], axis=1)  # (D, B)
    return order, starts, low, high, np.ascontiguousarray(sorted_columns.T)


@compiled
def open_box(asked, first, last, order, rows_by_box, distances, rows):
    """Measure the rows [first, last) of one box and keep the nearest; ties go to the lower row."""
    for place in range(first, last):
        total = 0.0
        for column in range(len(asked)):  # one column after the other, as `KNN.nearest` sums
            gap = abs(np.float64(asked[column]) - rows_by_box[place, column])
            total += gap * gap
        row = order[place]
        if total < distances[-1] or (total == distances[-1] and row < rows[-1]):
            spot = len(distances) - 1
            while spot > 0 and (distances[spot - 1] > total or (distances[spot - 1] == total and rows[spot - 1] > row)):
                distances[spot], rows[spot] = distances[spot - 1], rows[spot - 1]
                spot -= 1
            distances[spot], rows[spot] = total, row


@compiled
def search_boxes(asked, order, starts, low, high, rows_by_box, out_distances, out_rows):
    """Fill the nearest (M, K), squared distances and rows, for each row of `asked` (M, D)."""
    walls = np.empty(low.shape[1])
    for number in range(len(asked)):
        walls[:] = 0
        for column in range(len(low)):
            value = np.float64(asked[number, column])
            for box in range(len(walls)):
                gap = max(low[column, box] - value, value - high[column, box], 0.0)
                walls[box] += gap * gap
        distances, rows = out_distances[number], out_rows[number]
        distances[:] = np.inf
        rows[:] = len(order)
        home = 0
        for box in range(len(walls)):
            if walls[box] < walls[home]:
                home = box
        open_box(asked[number], starts[home], starts[home + 1], order, rows_by_box, distances, rows)
        for box in range(len(walls)):
            # "not farther" by a hair less: the sums of walls and of distances round differently
            if box != home and walls[box] * (1 - 1e-12) <= distances[-1]:
                open_box(asked[number], starts[box], starts[box + 1], order, rows_by_box, distances, rows)
