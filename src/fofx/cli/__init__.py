"""The command line. Heavy things are imported inside the commands, so that `fofx --help` answers at once."""

from __future__ import annotations

import sys

from fofx import words
from fofx.errors import FofxError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code: 0, 1 (`doctor` found problems), 2 (an error), 130 (Ctrl-C before any result)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a sign shows "?", and nothing stops
    try:
        rest, asked = take_language(sys.argv[1:] if arguments is None else arguments)
        lang = words.language(asked)
        from fofx.cli.commands import app
        from fofx.cli.speak import command

        result = command(app, lang)(rest or ["--help"], prog_name="fofx", obj=lang, standalone_mode=True)
        return result if isinstance(result, int) else 0
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except FofxError as error:
        print(f"fofx: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has left
        sys.stdout = None
        return 0


def take_language(arguments: list[str]) -> tuple[list[str], str | None]:
    """`--lang` may stand anywhere before a "--": the other arguments, and the language asked for.

    >>> take_language(["find", "a.csv", "--lang", "zh", "--output", "y"])
    (['find', 'a.csv', '--output', 'y'], 'zh')
    >>> take_language(["runs", "--lang=en"])
    (['runs'], 'en')
    """
    rest: list[str] = []
    asked = None
    words_left = iter(arguments)
    for word in words_left:
        if word == "--":
            return [*rest, word, *words_left], asked
        if word == "--lang":
            asked = next(words_left, "?")
        elif word.startswith("--lang="):
            asked = word.removeprefix("--lang=")
        else:
            rest.append(word)
    return rest, asked
