"""The nearest rows, found by a matrix product and settled by exact distances.

|a - b|^2 = |a|^2 - 2 a.b + |b|^2 turns all distances into one float32 matrix product, which is fast but rounded. So it
only proposes: a few more than `k` candidates are kept, measured exactly in float64 with the same order of sums as
`KNN.nearest`, and accepted only if no other row can be nearer, given the largest rounding error. Otherwise (many equal
distances, huge offsets) that question is answered by measuring every row. The answer is the same in all cases.
N training rows, M asked rows, D columns, K neighbours, E candidates.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fofx.classic.compile import compiled, one_thread_each
from fofx.classic.fast_boxes import pack, search_boxes


@compiled
def push(distances, rows, distance, row):
    """Put (distance, row) into a list sorted ascending, ties by row, and drop the last."""
    place = len(distances) - 1
    while place > 0 and (
        distances[place - 1] > distance or (distances[place - 1] == distance and rows[place - 1] > row)
    ):
        distances[place], rows[place] = distances[place - 1], rows[place - 1]
        place -= 1
    distances[place], rows[place] = distance, row


@compiled
def keep_smallest(scores, first, distances, rows):
    """Scan a block of `scores` (M, B), whose column 0 is training row `first`, into the sorted candidates (M, E)."""
    step = 32
    whole = scores.shape[1] // step * step
    for asked in range(len(scores)):
        line, limit = scores[asked], distances[asked, -1]
        for start in range(0, whole, step):
            near = np.int32(0)
            for place in range(step):  # counting, not branching: the compiler does many at a time
                near += np.int32(line[start + place] < limit)
            if near:
                for place in range(start, start + step):
                    if line[place] < limit:
                        push(distances[asked], rows[asked], line[place], first + place)
                        limit = distances[asked, -1]
        for place in range(whole, len(line)):
            if line[place] < limit:
                push(distances[asked], rows[asked], line[place], first + place)
                limit = distances[asked, -1]


@compiled
def measure_all(asked, columns, kind, gaps):
    """Exact distance measure of one row (D,) to every training row, column by column; `columns` is (D, N)."""
    gaps[:] = 0
    for column in range(len(columns)):
        here, value = columns[column], np.float64(asked[column])
        if kind == 0:
            for row in range(len(gaps)):
                gap = abs(value - np.float64(here[row]))
                gaps[row] += gap * gap
        elif kind == 1:
            for row in range(len(gaps)):
                gaps[row] += abs(value - np.float64(here[row]))
        else:
            for row in range(len(gaps)):
                gaps[row] = max(gaps[row], abs(value - np.float64(here[row])))


@compiled
def exact(asked, columns, kind, out_distances, out_rows, todo):
    """Answer the rows marked in `todo` by measuring every pair."""
    gaps = np.empty(columns.shape[1])
    for number in range(len(asked)):
        if not todo[number]:
            continue
        measure_all(asked[number], columns, kind, gaps)
        distances, rows = out_distances[number], out_rows[number]
        distances[:] = np.inf
        rows[:] = len(gaps)
        limit = np.inf
        for row in range(len(gaps)):
            if gaps[row] < limit or rows[-1] == len(gaps):  # the second: the list is not full yet, and all is inf
                push(distances, rows, gaps[row], row)
                limit = distances[-1]


@compiled
def settle(asked, columns, scores, candidates, lengths, errors, out_distances, out_rows, todo):
    """Measure the candidates exactly; mark in `todo` the questions where a row left out could be among the nearest."""
    for number in range(len(asked)):
        distances, rows = out_distances[number], out_rows[number]
        distances[:] = np.inf
        rows[:] = columns.shape[1]
        for place in range(candidates.shape[1]):
            row = candidates[number, place]
            if row < 0:
                continue
            total = 0.0
            for column in range(len(columns)):
                gap = abs(np.float64(asked[number, column]) - np.float64(columns[column, row]))
                total += gap * gap
            if total < distances[-1] or (total == distances[-1] and row < rows[-1]):
                push(distances, rows, total, row)
        # every row left out has at least the last candidate's score, give or take the rounding of the product
        surely = np.float64(scores[number, -1]) + lengths[number] - errors[number]
        todo[number] = not distances[-1] < surely


KINDS = {"euclidean": 0, "manhattan": 1, "chebyshev": 2}


def prepare(model):
    """What `nearest_rows` needs of the training rows, made once: columns (D, N), their centre (D,), and in float32 the
    centred columns with the squared lengths as one more (D + 1, N); in few dimensions also the boxes."""
    columns = np.ascontiguousarray(model.rows.T)  # (D, N)
    few = model.distance == "euclidean" and len(columns) <= 6 and columns.shape[1] > 1000
    boxes = pack(columns) if few else None
    centre = columns.mean(axis=1, dtype=np.float64)  # (D,)
    centred = np.empty((len(columns) + 1, columns.shape[1]), np.float32)  # (D + 1, N)
    with np.errstate(over="ignore", invalid="ignore"):
        np.subtract(columns, centre[:, None], out=centred[:-1], casting="same_kind")
        np.einsum("dn,dn->n", centred[:-1], centred[:-1], out=centred[-1])
    return columns, centre, centred, boxes


def nearest_rows(model, asked, k):
    """Distances and rows (M, K) of the nearest, as `KNN.nearest` gives them."""
    if getattr(model, "ready", None) is None:
        model.ready = prepare(model)
    columns, centre, centred, _ = model.ready
    kind = KINDS[model.distance]
    distances, rows = np.empty((len(asked), k)), np.empty((len(asked), k), np.int64)
    asked = np.ascontiguousarray(asked)
    blocks = [slice(start, start + 128) for start in range(0, len(asked), 128)]

    boxes = model.ready[3]

    def answer(part):
        if boxes is not None:
            search_boxes(asked[part], *boxes, distances[part], rows[part])
            return
        todo = np.ones(len(asked[part]), np.bool_)
        if kind == 0:
            propose(asked[part], columns, centre, centred, distances[part], rows[part], todo)
        exact(asked[part], columns, kind, distances[part], rows[part], todo)

    with one_thread_each(), ThreadPoolExecutor(2) as pool:
        list(pool.map(answer, blocks))
    return (np.sqrt(distances) if kind == 0 else distances), rows


def propose(asked, columns, centre, centred, distances, rows, todo):
    """Fill `distances` and `rows` from the matrix product; clear `todo` where that is certain."""
    k, dimensions, width = rows.shape[1], len(columns), 512
    extra = min(columns.shape[1], k + 8 + k // 4)
    with np.errstate(over="ignore", invalid="ignore"):
        here = np.ones((len(asked), dimensions + 1), np.float32)  # (M, D + 1)
        here[:, :-1] = asked - centre
        own = np.einsum("md,md->m", here[:, :-1], here[:, :-1], dtype=np.float64)  # (M,)
        longest = float(centred[-1].max())
        # rounding of a float32 sum of D + 1 products, of the lengths, and of centring the values
        errors = 1.2e-7 * (dimensions + 8) * (own + 2 * np.sqrt(own * longest) + longest)  # (M,)
        errors += 1e-37 * (dimensions + 8)  # and what is lost below the smallest float32
        if not np.isfinite(errors).all():
            return
        here[:, :-1] *= -2
        scores = np.full((len(asked), extra), np.inf, np.float32)  # (M, E): |b|^2 - 2 a.b
        candidates = np.full((len(asked), extra), -1)  # (M, E)
        block = np.empty((len(asked), width), np.float32)  # (M, B): small enough to stay in the cache
        for first in range(0, columns.shape[1], width):
            part = centred[:, first : first + width]  # (D + 1, B)
            if part.shape[1] < width:
                block = np.empty((len(asked), part.shape[1]), np.float32)
            np.matmul(here, part, out=block)
            keep_smallest(block, first, scores, candidates)
    if extra == columns.shape[1]:
        errors[:] = -np.inf  # every row is a candidate
    settle(asked, columns, scores, candidates, own, errors, distances, rows, todo)
