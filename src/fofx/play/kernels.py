"""The playground's compiled loops: forward, backward, update, measure. Released from Python's lock, kept on disk.

N points, F features, L layers after the input, B samples of a batch. A layer's units stand side by side, filled up with zeros
to whole lanes of eight ("wide" = that length). All parameters are one float32 vector: for every layer a
(inputs + 1, wide) matrix, whose last row is the bias. Zeros of the filling stay zero: nothing flows into them.
What is computed depends on (seed, epoch, update) only, not on how many calls it takes: that is what stepping back needs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from fofx.play.lanes import (
    everywhere,
    floor,
    larger,
    load,
    positive,
    smaller,
    spread,
    square_root,
    store,
    two_to_the,
)

KINDS = {"tanh": 0, "relu": 1, "leaky": 2, "gelu": 3, "sigmoid": 4, "linear": 5}
LOSSES = {"squared": 0, "absolute": 1, "cross-entropy": 2}
RULES = {"sgd": 0, "momentum": 1, "adam": 2}
SCHEDULES = {"constant": 0, "cosine": 1, "step": 2}
REASONS = ("", "not-finite", "stop-loss", "stop-epochs", "stop-patience")
BLOCK = 32  # samples that are measured at a time: their values stay in the processor's first cache
# NaN and infinity must stay visible, so "nnan" and "ninf" are not allowed.
OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz", "arcp"}}
GOLDEN, MIX_1, MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
ZERO, ONE, HALF = np.float32(0), np.float32(1), np.float32(0.5)


# A network is one int64 table `net` (6, L + 1): its rows are, for every layer, the units, the wide, where the parameters
# of the layer that reads it begin, where its units begin for one sample, the activation that reads it into the next, and the loss.
# (One array, because numba counts references to every array that a function is given.)
SIZE, WIDE, AT, UNITS, KIND, LOSS = range(6)


class Rule(NamedTuple):
    """How parameters move."""

    kind: int
    rate: float
    schedule: int
    horizon: int
    l1: float
    l2: float
    dropout: float
    batch: int
    seed: int
    stop_loss: float
    stop_epochs: int
    stop_patience: int


def compiled(function):
    """Compile for nogil and keep the machine code; where no folder can be written, compile anew in every process."""
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        return numba.njit(**OPTIONS)(function)


# Functions of arrays are pasted into their callers: numba counts references at every call, which would double the time.
pasted, small = numba.njit(inline="always", **OPTIONS), numba.njit(**OPTIONS)


# ------------------------------------------------------------------------------------------------- numbers by chance


@small
def mixed(number):
    number = (number ^ (number >> np.uint64(30))) * MIX_1
    number = (number ^ (number >> np.uint64(27))) * MIX_2
    return number ^ (number >> np.uint64(31))


@small
def stream(seed, purpose, number):
    """Where the draws for a purpose begin. splitmix64: Steele, Lea, Flood, "Fast splittable generators", 2014."""
    return mixed(mixed(np.uint64(seed) * GOLDEN + np.uint64(purpose)) + np.uint64(number) * GOLDEN)


@small
def draw(start, index):
    """The draw with this index: 32 bits."""
    return mixed(start + np.uint64(index + 1) * GOLDEN) >> np.uint64(32)


@pasted
def reshuffle(order, seed, epoch):
    """The order of rows of an epoch: Fisher and Yates, from the rows in their own order."""
    start = stream(seed, 1, epoch)
    for row in range(order.size):
        order[row] = row
    for last in range(order.size - 1, 0, -1):
        other = np.int64((draw(start, last) * np.uint64(last + 1)) >> np.uint64(32))
        order[last], order[other] = order[other], order[last]


# ------------------------------------------------------------------------------------------------------ activations


@small
def exponential(x):
    """e to the x by halving the range and a polynomial, as Cephes does: relative error below 2e-7."""
    x = larger(spread(np.float32(-87)), smaller(spread(np.float32(88)), x))
    whole = floor(x * np.float32(1.44269504) + HALF)
    rest = x - whole * np.float32(0.693359375) + whole * np.float32(2.12194440e-4)
    series = rest * np.float32(1.9875691500e-4) + np.float32(1.3981999507e-3)
    series = series * rest + np.float32(8.3334519073e-3)
    series = series * rest + np.float32(4.1665795894e-2)
    series = series * rest + np.float32(1.6666665459e-1)
    series = series * rest + np.float32(5.0000001201e-1)
    return (series * rest * rest + rest + ONE) * two_to_the(whole)


@pasted
def activate(kind, values, slopes, start, end):
    """Turn sums into outputs, and note the slope there: `values` and `slopes` from start to end."""
    for at in range(start, end, 8):
        x = load(values, at)
        if kind == 0:
            y = ONE - np.float32(2) / (exponential(x * np.float32(2)) + ONE)
            slope = ONE - y * y
        elif kind == 1:
            slope = positive(x)
            y = larger(x, spread(ZERO))
        elif kind == 2:
            slope = positive(x) * np.float32(0.99) + np.float32(0.01)
            y = x * slope
        elif kind == 3:  # x times the normal distribution's share below x; erf by Abramowitz and Stegun 7.1.26
            far = larger(x, x * np.float32(-1)) * np.float32(0.70710678)
            t = ONE / (far * np.float32(0.3275911) + ONE)
            series = t * np.float32(1.061405429) - np.float32(1.453152027)
            series = series * t + np.float32(1.421413741)
            series = series * t - np.float32(0.284496736)
            series = series * t + np.float32(0.254829592)
            bell = exponential(far * far * np.float32(-1))
            tail = series * t * bell * HALF
            share = positive(x) * (ONE - tail * np.float32(2)) + tail
            y = x * share
            slope = share + x * bell * np.float32(0.39894228)
        elif kind == 4:
            y = ONE / (exponential(x * np.float32(-1)) + ONE)
            slope = y * (ONE - y)
        else:
            y = x
            slope = spread(ONE)
        store(values, at, y)
        store(slopes, at, slope)


# ------------------------------------------------------------------------------------------------ forward, backward


@pasted
def room(net):
    """How many float32 numbers the outputs of all layers take for one sample, filling included."""
    last = net.shape[1] - 1
    return net[UNITS, last] + net[WIDE, last]


@pasted
def forward(net, parameters, inputs, order, first, count, values, slopes, dropout, seed, number):
    """The outputs of every layer for the rows order[first : first + count]: layer l's begin at units[l] * count.

    With dropout, hidden outputs are left out with this chance and the others enlarged, as torch does; which ones depends
    on the seed and the update's number.
    """
    wide = net[WIDE, 0]
    for sample in range(count):
        row = order[first + sample] * wide
        for part in range(0, wide, 8):
            store(values, sample * wide + part, load(inputs, row + part))
    for layer in range(net.shape[1] - 1):
        forward_layer(net, parameters, layer, count, values, slopes)
        if dropout > 0 and layer + 2 < net.shape[1]:
            thin(net, dropout, seed, number, count, values, slopes, layer + 1)


@pasted
def forward_layer(net, parameters, layer, count, values, slopes):
    size, wide_in, wide_out = net[SIZE, layer], net[WIDE, layer], net[WIDE, layer + 1]
    source, target, at = net[UNITS, layer] * count, net[UNITS, layer + 1] * count, net[AT, layer]
    for sample in range(count):
        for part in range(0, wide_out, 8):
            total = load(parameters, at + size * wide_out + part)
            for unit in range(size):
                weight = load(parameters, at + unit * wide_out + part)
                total = total + everywhere(values, source + sample * wide_in + unit) * weight
            store(values, target + sample * wide_out + part, total)
    activate(net[KIND, layer], values, slopes, target, target + count * wide_out)


@pasted
def thin(net, share, seed, update, count, values, slopes, layer):
    """Dropout of one layer: `share` of its outputs become 0."""
    start = stream(seed, 2 + layer, update)
    limit, scale = np.uint64(share * 4294967296.0), np.float32(1 / (1 - share))
    size, wide = net[SIZE, layer], net[WIDE, layer]
    for sample in range(count):
        for unit in range(size):
            at = net[UNITS, layer] * count + sample * wide + unit
            kept = scale if draw(start, sample * size + unit) >= limit else ZERO
            values[at] *= kept
            slopes[at] *= kept


@pasted
def probabilities(values, at, size, results, to):
    """Softmax of `size` (up to 8) scores into `results`."""
    highest = values[at]
    for unit in range(1, size):
        highest = max(highest, values[at + unit])
    store(results, to, exponential(load(values, at) - highest))
    total = ZERO
    for unit in range(size):
        total += results[to + unit]
    store(results, to, load(results, to) / total)
    for unit in range(size, 8):
        results[to + unit] = ZERO


@pasted
def errors(net, order, answers, first, count, values, slopes, deltas):
    """The loss's slope at the sums of the last layer, into `deltas`; their sum, which is not finite when one is not."""
    last = net.shape[1] - 1
    size, wide, begin = net[SIZE, last], net[WIDE, last], net[UNITS, last] * count
    check = ZERO
    for sample in range(count):
        at, answer = begin + sample * wide, answers[order[first + sample]]
        if net[LOSS, 0] == 2 and size > 1:
            probabilities(values, at, size, deltas, at)
            deltas[at + np.int64(answer)] -= ONE
        else:
            if net[LOSS, 0] == 2:  # one score z: p = 1 / (1 + e^-z), answers are -1 and 1
                store(deltas, at, ONE / (exponential(spread(-values[at])) + ONE))
                delta = deltas[at] - (answer + ONE) * HALF
            else:
                delta = values[at] - answer
                if net[LOSS, 0] == 1:
                    delta = np.sign(delta)
                delta *= slopes[at]
            store(deltas, at, spread(ZERO))
            deltas[at] = delta
        check += values[at] * ZERO
        for unit in range(size):
            check += deltas[at + unit]
    return check


@pasted
def backward(net, parameters, count, values, slopes, deltas, gradient, turned):
    """The gradient of the batch's mean loss. `turned` holds a layer's weights with rows and columns exchanged."""
    share = ONE / np.float32(count)
    for layer in range(net.shape[1] - 2, -1, -1):
        size_in, size_out = net[SIZE, layer], net[SIZE, layer + 1]
        wide_in, wide_out = net[WIDE, layer], net[WIDE, layer + 1]
        source, target, at = net[UNITS, layer] * count, net[UNITS, layer + 1] * count, net[AT, layer]
        for part in range(0, wide_out, 8):
            for unit in range(size_in):
                total = spread(ZERO)
                for sample in range(count):
                    delta = load(deltas, target + sample * wide_out + part)
                    total = total + everywhere(values, source + sample * wide_in + unit) * delta
                store(gradient, at + unit * wide_out + part, total * share)
            total = spread(ZERO)
            for sample in range(count):
                total = total + load(deltas, target + sample * wide_out + part)
            store(gradient, at + size_in * wide_out + part, total * share)
        if layer == 0:
            return
        for unit in range(size_in):
            for out in range(size_out):
                turned[out * wide_in + unit] = parameters[at + unit * wide_out + out]
        for sample in range(count):
            for part in range(0, wide_in, 8):
                total = spread(ZERO)
                for out in range(size_out):
                    weight = load(turned, out * wide_in + part)
                    total = total + everywhere(deltas, target + sample * wide_out + out) * weight
                place = source + sample * wide_in + part
                store(deltas, place, total * load(slopes, place))


# ----------------------------------------------------------------------------------------------------------- updates


@small
def rate_at(rule, epoch):
    """The learning rate of an epoch."""
    if rule.schedule == 1:
        done = min(1.0, epoch / rule.horizon)
        return rule.rate * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)
    if rule.schedule == 2:
        return rule.rate * 0.1 ** ((2 * epoch >= rule.horizon) + (4 * epoch >= 3 * rule.horizon))
    return rule.rate


@pasted
def update(rule, rate, moves, parameters, gradient, first, second, is_weight):
    """Move all parameters once. The formulas of torch.optim.SGD and Adam; L1 by the soft threshold, so that a weight at
    zero leaves it again as soon as the loss pulls harder than the penalty."""
    step = np.float32(rate)
    near, far = np.float32(rate), ONE
    if rule.kind == 2:
        near = np.float32(rate / (1 - 0.9**moves))
        far = np.float32(1 / math.sqrt(1 - 0.999**moves))
    shrink, decay = np.float32(rate * rule.l1), np.float32(rule.l2)
    for at in range(0, parameters.size, 8):
        here, weight = load(parameters, at), load(is_weight, at)
        slope = load(gradient, at) + here * weight * decay
        if rule.kind == 0:
            here = here - slope * step
        elif rule.kind == 1:
            mean = load(first, at) * np.float32(0.9) + slope
            store(first, at, mean)
            here = here - mean * step
        else:
            mean = load(first, at) * np.float32(0.9) + slope * np.float32(0.1)
            square = load(second, at) * np.float32(0.999) + slope * slope * np.float32(0.001)
            store(first, at, mean)
            store(second, at, square)
            here = here - mean * near / (square_root(square) * far + np.float32(1e-8))
        if shrink > ZERO:
            most = weight * shrink
            here = here - larger(most * np.float32(-1), smaller(most, here))
        store(parameters, at, here)


@compiled
def penalty_of(parameters, is_weight, l1, l2):
    """What the penalty adds to the loss: l1 * sum |w| + l2 / 2 * sum w^2, over weights, not biases."""
    total = 0.0
    for at in range(parameters.size):
        weight = np.float64(parameters[at] * is_weight[at])
        total += l1 * abs(weight) + l2 / 2 * weight * weight
    return total


@pasted
def one_loss(net, values, at, answer, scratch):
    """The loss of one sample, and whether it is right (0 for numbers)."""
    last = net.shape[1] - 1
    size = net[SIZE, last]
    if net[LOSS, 0] == 2 and size > 1:
        wanted = np.int64(answer)
        highest, best = np.float64(values[at]), 0
        for unit in range(1, size):
            if values[at + unit] > highest:
                highest, best = np.float64(values[at + unit]), unit
        total = 0.0
        for unit in range(size):
            total += math.exp(np.float64(values[at + unit]) - highest)
        return math.log(total) + highest - np.float64(values[at + wanted]), best == wanted
    value, wanted_value = np.float64(values[at]), np.float64(answer)
    right = (value > 0) == (wanted_value > 0)
    if net[LOSS, 0] == 2:
        far = -value * wanted_value
        return max(far, 0.0) + math.log1p(math.exp(-abs(far))), right
    gap = value - wanted_value
    return (abs(gap) if net[LOSS, 0] == 1 else gap * gap / 2), right


@compiled
def order_of(rows, seed, epoch):
    """The order in which an epoch takes the training rows."""
    order = np.empty(rows, np.int64)
    reshuffle(order, seed, epoch)
    return order


@compiled
def measure(net, parameters, inputs, answers):
    """Mean loss, and how many answers are right, over all rows of `inputs` (N * wide), `answers` (N,)."""
    rows = answers.size
    order = np.arange(rows)
    values = np.zeros(room(net) * BLOCK, np.float32)
    slopes, scratch = np.empty_like(values), np.empty(8, np.float32)
    last = net.shape[1] - 1
    total, right = 0.0, 0
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        forward(net, parameters, inputs, order, first, count, values, slopes, 0.0, 0, 0)
        for sample in range(count):
            at = net[UNITS, last] * count + sample * net[WIDE, last]
            loss, hit = one_loss(net, values, at, answers[first + sample], scratch)
            total += loss
            right += hit
    return total / rows, right


@compiled
def outputs(net, parameters, inputs, results):
    """Every unit's output at every row: `results` (units, N), the inputs first, then layer by layer."""
    rows = results.shape[1]
    order = np.arange(rows)
    values = np.zeros(room(net) * BLOCK, np.float32)
    slopes = np.empty_like(values)
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        forward(net, parameters, inputs, order, first, count, values, slopes, 0.0, 0, 0)
        unit = 0
        for layer in range(net.shape[1]):
            for place in range(net[SIZE, layer]):
                at = net[UNITS, layer] * count + place
                for sample in range(count):
                    results[unit, first + sample] = values[at + sample * net[WIDE, layer]]
                unit += 1


@compiled
def slope_of(net, parameters, inputs, answers, order, gradient):
    """The gradient of the mean loss over the rows `order`, without dropout."""
    count = order.size
    values = np.zeros(room(net) * count, np.float32)
    slopes, deltas, turned = np.zeros_like(values), np.zeros_like(values), np.zeros(32 * 32, np.float32)
    forward(net, parameters, inputs, order, 0, count, values, slopes, 0.0, 0, 0)
    errors(net, order, answers, 0, count, values, slopes, deltas)
    backward(net, parameters, count, values, slopes, deltas, gradient, turned)


@compiled
def descend(net, rule, tensors, learnt, tested, place, progress, history, updates):
    """Do `updates` updates, epoch by epoch in a new order, and measure at the end of each epoch.

    tensors: parameters, first and second moments, gradient, is_weight. learnt, tested: (inputs, answers). place: int64 (epoch,
    rows of it done, updates done, moves of the optimizer), changed in place, as is progress: float64 (lowest training loss, its
    epoch). history (epochs, 6) takes the update, losses in
    learnt and tested, right answers there, the penalty. Returns the epochs
    written and the number of the reason to stop (`REASONS`).
    """
    parameters, first_moment, second_moment, gradient, is_weight = tensors
    inputs, answers = learnt
    rows = answers.size
    order = np.empty(rows, np.int64)
    values = np.zeros(room(net) * min(rule.batch, rows), np.float32)
    slopes, deltas, turned = np.zeros_like(values), np.zeros_like(values), np.zeros(32 * 32, np.float32)
    reshuffle(order, rule.seed, place[0])
    written = 0
    for _ in range(updates):
        first = place[1]
        count = min(
            rule.batch, rows - first
        )  # the last batch of an epoch may be smaller: its mean is over its own rows
        forward(net, parameters, inputs, order, first, count, values, slopes, rule.dropout, rule.seed, place[2])
        check = errors(net, order, answers, first, count, values, slopes, deltas)
        if not math.isfinite(check):
            return written, 1
        backward(net, parameters, count, values, slopes, deltas, gradient, turned)
        place[3] += 1
        update(rule, rate_at(rule, place[0]), place[3], parameters, gradient, first_moment, second_moment, is_weight)
        place[2] += 1
        place[1] += count
        if place[1] < rows:
            continue
        place[0] += 1
        place[1] = 0
        reshuffle(order, rule.seed, place[0])
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
        if rule.stop_epochs > 0 and place[0] >= rule.stop_epochs:
            return written, 3
        if rule.stop_patience > 0 and place[0] - progress[1] >= rule.stop_patience:
            return written, 4
    return written, 0
