"""The playground: its widget, with every setting in the address, both ways."""

from __future__ import annotations

from fofx.studio.look import Page, tag

OURS = ("lang", "token")  # parts of the address that are no setting of the playground


async def playground(page: Page) -> None:
    from fofx.studio.bridge import show
    from fofx.widgets.playground import Playground

    page.title(page.say("studio.nav.playground"))
    tag("h1", page.say("studio.nav.playground"), "sr")
    widget = Playground(settings_of(page.raw_query), lang=page.lang)
    widget.observe(lambda change: page.mirror_all(change["new"], OURS), "state_url")
    show(widget)


def settings_of(query: str) -> str:
    """The address without the parts that are not the playground's.

    >>> settings_of("data=spiral&lang=zh&layers=8;8")
    'data=spiral&layers=8;8'
    """
    if not any(part.split("=")[0] in OURS for part in query.split("&")):
        return query
    return "&".join(part for part in query.split("&") if part.split("=")[0] not in OURS)
