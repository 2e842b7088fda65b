"""An error as plain data for a page: a stable code and a text. A page shows this instead of ever being blank."""

from __future__ import annotations

import logging
import secrets
from typing import TypedDict

from fofx.errors import FofxError
from fofx.words import table

log = logging.getLogger("fofx.studio")


class Shown(TypedDict):
    """What a page shows of an error."""

    code: str
    text: str


# Codes of the studio's own errors whose text is known in every language; the engine's errors speak English.
TRANSLATED = {
    "queue-full": "studio_server.error.queue-full",
    "too-large": "studio_server.error.too-large",
    "full": "studio_server.error.full",
    "bad-upload": "studio_server.error.bad-upload",
    "outside-upload": "studio_server.error.outside-upload",
    "bad-zip": "studio_server.error.bad-zip",
    "bad-picture": "studio_server.error.bad-picture",
    "no-job": "studio_server.error.no-job",
    "no-upload": "studio_server.error.no-upload",
    "no-ticket": "studio_server.error.no-ticket",
    "still-training": "studio_server.error.still-training",
    "not-shared": "studio_server.error.not-shared",
}


def of(error: BaseException, lang: str = "en") -> Shown:
    """What a page should say about `error`. An error that nobody foresaw goes to the log whole, and its number to the page.

    >>> of(FofxError("no-run", "There is no such run."))
    {'code': 'no-run', 'text': 'There is no such run.'}
    """
    if isinstance(error, FofxError):
        known = TRANSLATED.get(error.code)
        text = table(lang).get(known) if known and lang != "en" else None
        return {"code": error.code, "text": text or error.message}
    number = secrets.token_hex(3)
    log.error("unexpected error %s", number, exc_info=error)
    name = f"{type(error).__name__}: {str(error)[:200]}"
    return {
        "code": "unexpected",
        "text": table(lang)["studio_server.error.unexpected"].format(number=number, error=name),
    }
