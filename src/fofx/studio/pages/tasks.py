from fofx.studio.look import Page


async def tasks(page: Page) -> None:
    page.heading("tasks")
