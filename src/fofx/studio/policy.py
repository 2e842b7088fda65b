"""The Content-Security-Policy: a page may load nothing from another server, and run no script that the server did not write.

NiceGUI's pages hold inline scripts. Each is marked with a number made for this one answer (a nonce), so that a script or an
`onerror` that came in through a column name or a run's name does nothing, even if it should ever reach the page unescaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

Pairs = list[tuple[bytes, bytes]]


def policy(host: str = "", number: str = "") -> str:
    """No other server, no frame, no plugin. Vue compiles its templates in the browser, hence 'unsafe-eval'; Quasar and NiceGUI
    set style attributes, hence 'unsafe-inline' for styles alone."""
    sockets = f" ws://{host} wss://{host}" if re.fullmatch(r"[\w.\-:\[\]]+", host) else ""
    scripts = f"'self' 'nonce-{number}' 'unsafe-eval'" if number else "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        f"font-src 'self' data:; connect-src 'self'{sockets}; media-src 'self' data: blob:; worker-src 'self'; "
        "manifest-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    )


def with_policy(headers: Iterable[tuple[bytes, bytes]], host: str = "", number: str = "") -> Pairs:
    """`headers` with the policy, which nothing behind the guard can loosen."""
    ours = {
        b"content-security-policy": policy(host, number).encode(),
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"same-origin",
        b"cross-origin-opener-policy": b"same-origin",
        b"cross-origin-resource-policy": b"same-origin",
        b"permissions-policy": b"geolocation=(), payment=()",
    }
    return [pair for pair in headers if pair[0].lower() not in ours] + list(ours.items())


def is_page(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """A page that NiceGUI built, and not compressed yet; an HTML file that someone brought is none."""
    known = {name.lower(): value for name, value in headers}
    return known.get(b"x-nicegui-content") == b"page" and b"content-encoding" not in known


def mark_scripts(page: bytes, number: str) -> bytes:
    """Mark every script of a page that NiceGUI built. Values inside it are escaped there: none of them can open a script."""
    return re.sub(rb"<script(?=[\s>])", b'<script nonce="' + number.encode() + b'"', page)
