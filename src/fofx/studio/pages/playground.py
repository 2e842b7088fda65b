from fofx.studio.look import Page


async def playground(page: Page) -> None:
    page.heading("playground")
