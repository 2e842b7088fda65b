# mypy: ignore-errors
"""The playground's compiled loops: measure, and descend. Released from Python's lock, kept on disk.

N points. How weights and outputs are laid out stands in `layers`. What is computed depends on (seed, epoch, update) only,
not on how many calls it takes: that is what stepping back needs.
"""

import math

import numpy as np

from fofx.play.compile import compiled, reshuffle
from fofx.play.layers import SIZE, UNITS, WIDE, backward, errors, forward, one_loss, room
from fofx.play.updates import rate_at, update

REASONS = ("", "not-finite", "stop-loss", "stop-epochs", "stop-patience")
BLOCK = 32  # samples that are measured at a time: their values stay in the processor's first cache


@compiled
def penalty_of(parameters, is_weight, l1, l2):
    """What the penalty adds to the loss: l1 * sum |w| + l2 / 2 * sum w^2, over weights, not biases."""
    total = 0.0
    for at in range(parameters.size):
        weight = np.float64(parameters[at] * is_weight[at])
        total += l1 * abs(weight) + l2 / 2 * weight * weight
    return total


@compiled
def order_of(rows, seed, epoch):
    """The order in which an epoch takes the training rows."""
    order = np.empty(rows, np.int64)
    reshuffle(order, seed, epoch)
    return order


@compiled
def measure_outputs(net, parameters, inputs, answers, results):
    """Mean loss, and how many answers are right, over all rows of `inputs` (N * wide), `answers` (N,).

    `results` (units, N) takes every unit's output, the inputs first, then layer by layer; with shape (0, 0) none.
    """
    rows = answers.size
    order = np.arange(rows)
    values = np.zeros(room(net) * BLOCK, np.float32)
    slopes = np.empty_like(values)
    last = net.shape[1] - 1
    total, right = 0.0, 0
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        forward(net, parameters, inputs, order, first, count, values, slopes, 0.0, 0, 0)
        for sample in range(count):
            at = net[UNITS, last] * count + sample * net[WIDE, last]
            loss, hit = one_loss(net, values, at, answers[first + sample])
            total += loss
            right += hit
        unit = 0
        for layer in range(net.shape[1] if results.size > 0 else 0):
            for place in range(net[SIZE, layer]):
                at = net[UNITS, layer] * count + place
                for sample in range(count):
                    results[unit, first + sample] = values[at + sample * net[WIDE, layer]]
                unit += 1
    return total / rows, right


@compiled
def measure(net, parameters, inputs, answers):
    """Mean loss, and how many answers are right."""
    return measure_outputs(net, parameters, inputs, answers, np.empty((0, 0), np.float32))


@compiled
def descend(net, rule, tensors, learnt, tested, place, progress, history, updates, only):
    """Do `updates` updates, epoch by epoch in a new order, and measure at the end of (every) epoch.

    tensors: parameters, first and second moments, gradient, is_weight. learnt, tested: (inputs, answers). place: int64
    (epoch, rows of it done, updates done, moves of the optimizer), changed in place, as is progress: float64 (lowest
    training loss, its epoch). history (epochs, 6) takes the update, losses in learnt and tested, right answers there, the
    penalty. Returns the epochs written and the number of the reason to stop (`REASONS`).
    only: int64 rows, or none. With rows, their gradient is all that is made (one loop less to compile).
    """
    parameters, first_moment, second_moment, gradient, is_weight = tensors
    inputs, answers = learnt
    order = only if only.size > 0 else np.empty(answers.size, np.int64)
    rows = order.size
    values = np.zeros(room(net) * min(rule.batch, rows), np.float32)
    slopes, deltas, turned = np.zeros_like(values), np.zeros_like(values), np.zeros(16 * 16, np.float32)
    if only.size == 0:
        reshuffle(order, rule.seed, place[0])
    written, reason = 0, 0
    for _ in range(updates):
        first = place[1]
        # The last batch of an epoch may be smaller: its mean is over its own rows.
        count = min(rule.batch, rows - first)
        forward(net, parameters, inputs, order, first, count, values, slopes, rule.dropout, rule.seed, place[2])
        check = errors(net, order, answers, first, count, values, slopes, deltas)
        if not math.isfinite(check):
            return written, 1
        backward(net, parameters, count, values, slopes, deltas, gradient, turned)
        if only.size > 0:
            break
        place[3] += 1
        update(rule, rate_at(rule, place[0]), place[3], parameters, gradient, first_moment, second_moment, is_weight)
        place[2] += 1
        place[1] += count
        if place[1] < rows:
            continue
        place[0] += 1
        place[1] = 0
        reshuffle(order, rule.seed, place[0])
        if rule.stop_epochs > 0 and place[0] >= rule.stop_epochs:
            reason = 3
        if place[0] % rule.every != 0:
            if reason > 0:
                break
            continue
        loss, right = measure(net, parameters, inputs, answers)
        history[written, 0], history[written, 1], history[written, 3] = place[2], loss, right
        history[written, 2], right = measure(net, parameters, tested[0], tested[1])
        history[written, 4] = right
        history[written, 5] = penalty_of(parameters, is_weight, rule.l1, rule.l2)
        written += 1
        if not math.isfinite(loss):
            return written, 1
        if loss < progress[0] * 0.999:
            progress[0], progress[1] = loss, place[0]
        if loss < rule.stop_loss:
            return written, 2
        if reason > 0:
            break
        if rule.stop_patience > 0 and place[0] - progress[1] >= rule.stop_patience:
            return written, 4
    return written, reason
