# mypy: ignore-errors
"""How the playground's loops are compiled, and the numbers by chance that the order of rows and dropout draw.

splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014): the draw with an index is a few
products of the index, so the script of a playground can make the same draws in three lines of numpy.
"""

import hashlib
from pathlib import Path

import numba
import numpy as np

# NaN and infinity must stay visible, so "nnan" and "ninf" are not allowed.
OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "reassoc", "nsz", "arcp"}}
GOLDEN, MIX_1, MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def sources() -> str:
    """A fingerprint of all files whose code is pasted together: numba itself looks only at the file of the outer loop."""
    found = hashlib.sha256()
    for name in ("compile", "lanes", "layers", "updates", "kernels"):
        found.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return found.hexdigest()


def compiled(function):
    """Compile for nogil and keep the machine code; where no folder can be written, compile anew in every process."""
    try:
        made = numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        return numba.njit(**OPTIONS)(function)
    kept = getattr(made._cache, "_cache_file", None)
    if hasattr(kept, "_source_stamp"):
        kept._source_stamp = sources()
    return made


# Functions of arrays are pasted into their callers: numba counts references at every call, which would double the time.
pasted, small = numba.njit(inline="always", **OPTIONS), numba.njit(**OPTIONS)


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
