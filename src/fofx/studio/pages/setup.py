from fofx.studio.look import Page


async def setup(page: Page) -> None:
    page.heading("setup")
