"""Shared set-up: one torch thread (two are slower on a loaded two-core machine), and torchvision as an oracle."""

from __future__ import annotations

import contextlib
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
from hypothesis import settings

# The same examples each time, so that a red test means a changed program; FOFX_FUZZ=1 looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("fuzz", deadline=None, print_blob=True)
settings.load_profile("fuzz" if os.environ.get("FOFX_FUZZ") else "steady")


@pytest.fixture(scope="session")
def torchvision():
    """torchvision, also when its compiled operators were built for another torch: its models need none of them."""
    import torch

    missing = torch.library.Library("torchvision", "FRAGMENT")
    for schema in (
        "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    ):
        with contextlib.suppress(RuntimeError):  # it is there already
            missing.define(schema)
    return pytest.importorskip("torchvision", exc_type=(ImportError, RuntimeError))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from stage import CHROMIUM

    if CHROMIUM is None:
        terminalreporter.write_line("No Chromium is installed: the tests that need a browser were skipped.")
