"""The numbers by chance of a playground in plain numpy: the readable twin of what `compile` does, pasted into its script.

splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
"""

from __future__ import annotations

import numpy as np


def mixed(number):
    """A number of 64 bits, stirred so that neighbours have nothing in common."""
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))


def draws(count, seed, purpose, number):
    """`count` whole numbers below 2^32 that depend on nothing but these three: uint64 (count,)."""
    step = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):  # 64 bits are meant to run over
        start = mixed(mixed(np.uint64(seed) * step + np.uint64(purpose)) + np.uint64(number) * step)
        return mixed(start + np.arange(1, count + 1, dtype=np.uint64) * step) >> np.uint64(32)


def order_of_rows(rows, seed, epoch):
    """The order of an epoch: shuffled as Fisher and Yates do, from the last row to the first."""
    order, chance = list(range(rows)), draws(rows, seed, 1, epoch)
    for last in range(rows - 1, 0, -1):
        other = int(chance[last]) * (last + 1) >> 32
        order[last], order[other] = order[other], order[last]
    return order
