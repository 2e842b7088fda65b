"""One decorator: compile a numeric function with numba, released from Python's lock, and keep the machine code on disk.

Where no folder can be written (a read-only installation and home), the code is compiled anew in every process instead.
"""

import numba


def compiled(function):
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        return numba.njit(nogil=True)(function)
