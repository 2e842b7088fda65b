# mypy: ignore-errors
"""The compiled network: activations, forward, loss, backward. Pasted into the loops of `kernels`.

B samples of a batch. A layer's units stand side by side, filled up with zeros to whole lanes of eight ("wide" = that
length); layer l's outputs for B samples begin at B * UNITS. All parameters are one float32 vector: for every layer a
(inputs + 1, wide) matrix, whose last row is the bias. Zeros of the filling stay zero: nothing flows into them.
"""

import math

import numpy as np

from fofx.play.compile import draw, pasted, small, stream
from fofx.play.lanes import everywhere, floor, larger, load, positive, smaller, spread, store, two_to_the

KINDS = {"tanh": 0, "relu": 1, "leaky": 2, "gelu": 3, "sigmoid": 4, "linear": 5}
LOSSES = {"squared": 0, "absolute": 1, "cross-entropy": 2}
ZERO, ONE, HALF = np.float32(0), np.float32(1), np.float32(0.5)
# A network is one int64 table `net` (6, L + 1): its rows are, for every layer, the units, the wide, where the parameters
# of the layer that reads it begin, where its units begin for one sample, the activation that reads it into the next, and the loss.
# (One array, because numba counts references to every array that a function is given.)
SIZE, WIDE, AT, UNITS, KIND, LOSS = range(6)


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
        for unit in range(wide_in):  # zero in the filling, or its parameters would move
            for out in range(size_out):
                turned[out * wide_in + unit] = parameters[at + unit * wide_out + out] if unit < size_in else ZERO
        for sample in range(count):
            for part in range(0, wide_in, 8):
                total = spread(ZERO)
                for out in range(size_out):
                    weight = load(turned, out * wide_in + part)
                    total = total + everywhere(deltas, target + sample * wide_out + out) * weight
                place = source + sample * wide_in + part
                store(deltas, place, total * load(slopes, place))


@pasted
def one_loss(net, values, at, answer):
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
