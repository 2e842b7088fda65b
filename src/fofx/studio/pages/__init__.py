"""The pages of the studio: each file builds one kind of page; this one says at which addresses they are.

/  /playground  /learn[/NAME]  /tasks  /tasks/new?task=|upload=|path=  /run/NAME[/TAB]  /runs  /compare?run=A&run=B
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fofx.studio import look


def register(workspace_of: Callable[[], Any], jobs_of: Callable[[], Any]) -> None:
    """Put every page at its address. `workspace_of` and `jobs_of` give the visitor's own, inside a page's function."""
    from fofx.studio.pages import compare, home, learn, playground, run, runs, setup, tasks

    pages: dict[str, tuple[look.Build, str]] = {
        "/": (home.home, "home"),
        "/playground": (playground.playground, "playground"),
        "/learn": (learn.learn, "learn"),
        "/learn/{name}": (learn.learn, "learn"),
        "/tasks": (tasks.tasks, "tasks"),
        "/tasks/new": (setup.setup, "tasks"),
        "/runs": (runs.runs, "runs"),
        "/compare": (compare.compare, "runs"),
        "/run/{name}": (run.run_page, "runs"),
        "/run/{name}/{tab}": (run.run_page, "runs"),
    }
    for route, (build, here) in pages.items():
        look.register(route, build, workspace_of, jobs_of, here)
    look.register_missing(home.nowhere, workspace_of, jobs_of)
