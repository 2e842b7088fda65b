from fofx.studio.look import Page


async def learn(page: Page) -> None:
    page.heading("learn")
