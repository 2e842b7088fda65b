"""`fofx studio`: the web app. All of it is imported here, inside the command, so that `fofx --help` stays quick."""

from __future__ import annotations

from fofx.errors import FofxError


def studio(folder: str, port: int, share: bool, no_browser: bool, lang: str) -> None:
    """Serve until Ctrl-C; FofxError "no-studio" when the packages of the studio are not installed."""
    try:
        import nicegui  # noqa: F401

        from fofx.studio.app import serve
    except ImportError as problem:
        raise FofxError(
            "no-studio", f'The studio needs more packages ({problem.name}): pip install "fofx[studio]"'
        ) from problem
    serve(folder, port=port, open_browser=not no_browser, share=share, lang=lang)
