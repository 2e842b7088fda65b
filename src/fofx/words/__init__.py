"""Every text of the screens, in one table per language: the files of `en/` and of `zh/`, with the same names and keys.

>>> say("answer.value", "en", name="price", value="3.5")
'price = 3.5'
>>> language("zh")
'zh'
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from fofx.errors import Notice, TaskError

LANGUAGES = ("en", "zh")


def language(option: str | None = None) -> str:
    """ "zh" or "en": what `--lang` says, else the locale of the environment."""
    if option:
        if option[:2].lower() not in LANGUAGES:
            raise TaskError("unknown-language", f"--lang takes {' or '.join(LANGUAGES)}, not {option!r}.")
        return option[:2].lower()
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):  # the first that is set decides, as in POSIX
        if os.environ.get(name):
            return "zh" if os.environ[name].lower().startswith("zh") else "en"
    return "en"


@cache
def table(lang: str) -> dict[str, str]:
    """All texts of one language by key: the JSON files of its folder, one for each part of the house, in one table."""
    texts: dict[str, str] = {}
    for path in sorted((Path(__file__).parent / lang).glob("*.json")):
        texts |= json.loads(path.read_text(encoding="utf-8"))
    return texts


def say(key: str, lang: str, **values: Any) -> str:
    """The text called `key` with `values` put in its places."""
    return table(lang)[key].format(**values)


def name(group: str, word: str, lang: str) -> str:
    """The shown name of a plain word, such as the family "naive"; the word itself when the table has none."""
    return table(lang).get(f"{group}.{word}", word)


def notice(note: Notice, lang: str) -> str:
    """A notice in `lang`; its own English text, which has more detail, when that is asked for or there is no other."""
    text = None if lang == "en" and note.text else table(lang).get(f"notice.{note.code}")
    return text.format(count=f"{note.count:,}") if text else note.text
