"""Machine code and threads for the compiled twins."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numba
from threadpoolctl import ThreadpoolController


def compiled(function):
    """Compile a numeric function with numba, released from Python's lock, and keep the machine code on disk.

    Where no folder can be written (a read-only installation and home), every process compiles anew instead.
    """
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        return numba.njit(nogil=True)(function)


@cache
def libraries() -> ThreadpoolController:
    return ThreadpoolController()


class One:
    """How many callers want matrix products on one thread now, and how to go back."""

    lock, callers, limit = threading.Lock(), 0, None


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Matrix products use one thread inside, because our own threads call them: two pools on two cores wait in turn.

    The setting is the process's. The last of several callers at a time puts it back, so that none is left with it.
    """
    with One.lock:
        One.callers += 1
        if One.callers == 1:
            One.limit = libraries().limit(limits=1, user_api="blas")
    try:
        yield
    finally:
        with One.lock:
            One.callers -= 1
            if One.callers == 0 and One.limit is not None:
                One.limit.restore_original_limits()
                One.limit = None
