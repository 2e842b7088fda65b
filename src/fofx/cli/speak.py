"""The commands' help in the user's language: every text is looked up by the names of the command and its options."""

from __future__ import annotations

import typer
from typer.core import TyperCommand, TyperGroup

from fofx.words import say, table

# What the help formatter writes in English only: shown texts by their key.
HEADINGS = {
    "Usage:": "word.usage",
    "Options:": "word.options",
    "Arguments:": "word.arguments",
    "Commands:": "word.commands",
    "[default:": "word.default",
    "[required]": "word.required",
    "Show this message and exit.": "help.help",
}


class Command(TyperCommand):
    """A command whose help speaks the user's language."""

    def get_help(self, ctx) -> str:
        return _headings(super().get_help(ctx), ctx.find_root().obj or "en")


class Group(TyperGroup):
    """The list of commands, in the user's language and in the order of their definition."""

    def get_help(self, ctx) -> str:
        return _headings(super().get_help(ctx), ctx.find_root().obj or "en")

    def list_commands(self, ctx) -> list[str]:
        return list(self.commands)


def _headings(text: str, lang: str) -> str:
    if lang != "en":
        for english, key in HEADINGS.items():
            text = text.replace(english, say(key, lang))
    return text


def command(app: typer.Typer, lang: str):
    """The whole command line as one callable, its help in `lang`."""
    group = typer.main.get_command(app)
    group.help = say("help.app", lang)
    for parameter in group.params:
        _describe(parameter, "app", lang)
    assert isinstance(group, TyperGroup)
    for name, one in group.commands.items():
        one.help = one.short_help = say(f"help.{name}", lang)
        for parameter in one.params:
            _describe(parameter, name, lang)
    return group


def _describe(parameter, name: str, lang: str) -> None:
    texts = table(lang)
    own = f"help.{name}.{parameter.name}"
    parameter.help = texts.get(own) or texts.get(f"help.{parameter.name}") or getattr(parameter, "help", None)
