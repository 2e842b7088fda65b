from fofx.studio.look import Page


async def compare(page: Page) -> None:
    page.heading("compare")
