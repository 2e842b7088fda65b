"""A run that is training: how far it is, the ladder filling up, the curves, and how to end it. Everything is read from the disk,
so a reload or a restart of the studio shows the same. A run that was cut short can go on from here."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from fofx.errors import Notice, RunError
from fofx.studio.look import Page, alert, button, named, run_link, shown, tag, threaded
from fofx.words import name as word

SECONDS = 0.7  # between two looks
MOST_NOTICES = 12


async def show(page: Page, name: str, job: Any, error: RunError | None) -> None:
    status = await threaded(lambda: job.status) if job is not None else "cut-short"
    if status not in ("waiting", "running"):
        await ended(page, name, job, status)
        return
    await Live(page, name, job).build()


async def ended(page: Page, name: str, job: Any, status: str) -> None:
    """Stopped without anything to keep, failed, or cut short: what happened, and what can be done."""
    end = await threaded(lambda: job.end) if job is not None else {}
    if status == "failed":
        alert(str(end.get("text", "")), str(end.get("code", "")))
    else:
        alert(page.say("studio.live.stopped" if status == "stopped" else "studio.live.cut-short"), strength="mild")

    async def go_on() -> None:
        await threaded(page.jobs.resume, job if job is not None else name)
        page.leave(run_link(name))

    button(page.say("studio.live.again" if status == "failed" else "studio.live.resume"), page.safely(go_on), main=True)
    if job is not None and (job.run / "run.json").exists():
        curves(page, job)


def curves(page: Page, job: Any) -> Any:
    """The Run widget, which asks for what is new by itself while the run is live."""
    from fofx.studio.bridge import show as put
    from fofx.widgets.run import Run

    return put(Run(job.run, lang=page.lang))


class Live:
    """What is known so far, from the events; the page is brought up to date by a timer."""

    def __init__(self, page: Page, name: str, job: Any) -> None:
        self.page, self.name, self.job = page, name, job
        self.cursor: Any = None
        self.rungs: dict[str, dict[str, Any]] = {}
        self.at = ""
        self.number, self.of, self.fraction = 0, 0, 0.0
        self.best: float | None = None
        self.has_curves = False

    async def build(self) -> None:
        page = self.page
        with ui.element().classes("row").style("margin: 8px 0"):
            self.doing = tag("span", page.say("studio.live.waiting")).props('role="status" aria-live="polite"')
            self.cancel = button(page.say("studio.live.cancel"), page.safely(self.stop), icon="stop")
        self.bar = ui.element().classes("bar").props('role="progressbar" aria-valuemin="0" aria-valuemax="100"')
        named(self.bar, page.say("studio.live.progress"))
        with self.bar:
            self.fill = ui.element("i").style("width: 0%")
        self.notices = ui.element()
        tag("h2", page.say("studio.result.ladder"))
        self.ladder = ui.element()
        tag("h2", page.say("studio.tab.curves"))
        self.curves = ui.element()
        with self.curves:
            tag("p", page.say("studio.live.no-curves"), "soft")
        self.draw()
        self.timer = ui.timer(SECONDS, self.look, immediate=True)

    async def look(self) -> None:
        """What has happened since the last look."""
        try:
            (events, self.cursor), status = await threaded(self.news)
            for event in events:
                self.take(event)
            if status not in ("waiting", "running"):
                self.timer.cancel()
                self.page.leave(run_link(self.name))
                return
            if events:
                self.draw()
        except Exception as error:
            self.timer.cancel()
            with self.ladder:
                self.page.problem(error)

    def news(self) -> tuple[tuple[list[dict[str, Any]], Any], str]:
        status = self.job.status
        return self.job.events(self.cursor), status

    def take(self, event: dict[str, Any]) -> None:
        what = event.get("what")
        if what == "begun":
            self.doing.set_text(self.page.say("studio.live.preparing"))
        elif what == "task":
            self.said(event)
        elif what == "rung":
            self.at, self.number, self.of, self.fraction = event["rung"], event["number"], event["of"], 0.0
            self.rungs.setdefault(event["rung"], {"family": event.get("family", "")})
        elif what == "step":
            self.fraction = float(event.get("fraction") or 0.0)
        elif what == "scored":
            self.rungs.setdefault(event["rung"], {}).update(event)
            self.fraction = 1.0
        elif what == "history" and not self.has_curves:
            self.has_curves = True
            self.curves.clear()
            with self.curves:
                curves(self.page, self.job)

    def said(self, event: dict[str, Any]) -> None:
        """What `find` said of the data."""
        self.notices.clear()
        with self.notices:
            notes = [Notice(**note) for note in event.get("notices", [])]
            for note in sorted(notes, key=lambda note: not note.code.startswith("leak"))[:MOST_NOTICES]:
                alert(self.page.told(note), note.code, "" if note.code.startswith("leak") else "mild")

    def draw(self) -> None:
        page = self.page
        share = (max(0, self.number - 1) + self.fraction) / self.of if self.of else 0.0
        self.fill.style(f"width: {100 * share:.1f}%")
        self.bar.props(f'aria-valuenow="{100 * share:.0f}"')
        if self.at:
            self.doing.set_text(
                page.say(
                    "studio.live.doing",
                    rung=self.at,
                    number=self.number,
                    count=self.of,
                    share=f"{100 * self.fraction:.0f}",
                )
            )
        self.ladder.clear()
        with self.ladder, ui.element().classes("scroll"), ui.element("table").classes("plain"):
            with ui.element("thead"), ui.element("tr"):
                for key in ("studio.result.rung", "studio.result.family", "studio.result.validation", "studio.result.seconds-column"):  # fmt: skip
                    tag("th", page.say(key)).props('scope="col"')
            with ui.element("tbody"):
                for name, rung in self.rungs.items():
                    self.line(name, rung)

    def line(self, name: str, rung: dict[str, Any]) -> None:
        with ui.element("tr"):
            tag("th", name).props('scope="row"')
            tag("td", word("family", rung.get("family", ""), self.page.lang), "soft")
            if rung.get("error"):
                tag("td", self.page.say("studio.result.failed", error=rung["error"]), "soft small").props('colspan="2"')
            elif rung.get("what") == "scored":
                tag("td", f"{rung.get('metric', '')} {shown(rung.get('validation'))}", "num")
                tag("td", f"{rung.get('seconds', 0.0):.1f}", "soft num")
            else:
                with tag("td").props('colspan="2"'):
                    tag("span", self.page.say("studio.status.running"), "chip live")

    async def stop(self) -> None:
        await threaded(self.job.cancel)
        self.cancel.set_text(self.page.say("studio.live.kill"))
        self.doing.set_text(self.page.say("studio.live.stopping"))
