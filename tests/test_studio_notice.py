"""An error as a page shows it: a stable code and a text, in the visitor's language where the studio has one."""

from __future__ import annotations

import logging

import pytest

from fofx.errors import DataError, FofxError, RunError
from fofx.studio import notice
from fofx.words import LANGUAGES, table


def test_an_error_of_the_engine_keeps_its_code_and_words() -> None:
    assert notice.of(DataError("no-rows", "There are no rows."), "zh") == {
        "code": "no-rows",
        "text": "There are no rows.",
    }


def test_the_studio_speaks_the_language_of_its_visitor() -> None:
    error = RunError("queue-full", "Too many trainings wait already; let one end, or cancel one.")
    assert notice.of(error)["text"] == error.message
    assert notice.of(error, "zh")["text"] == table("zh")["studio_server.error.queue-full"] != error.message


@pytest.mark.parametrize("code", notice.TRANSLATED)
def test_every_translated_code_has_its_text(code: str) -> None:
    for lang in LANGUAGES:
        assert notice.of(FofxError(code, "words"), lang)["text"]


def test_what_nobody_foresaw_goes_to_the_log_under_its_number(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ZeroDivisionError("<b>secret</b>" + "x" * 1000)
    except ZeroDivisionError as error:
        with caplog.at_level(logging.ERROR, logger="fofx.studio"):
            shown = notice.of(error)
    assert shown["code"] == "unexpected" and len(shown["text"]) < 500
    (record,) = caplog.records
    assert record.exc_info and record.args and str(record.args[0]) in shown["text"]
