"""Who may come in: one plain ASGI layer in front of every route and socket. Knows no web framework.

Four things must hold, or nothing behind this file is reached:
- Host is this machine (a web page elsewhere whose name was pointed at 127.0.0.1 is refused: DNS rebinding).
- Origin, where a browser sends one, is this very server; sockets must send one. Sec-Fetch-Site says the same once more.
- A signed cookie, which only the address with the token gives. It also says which visitor this is (`visitor_of`).
- A body is no larger than allowed, by its Content-Length and by counting what really comes.

Every answer carries the Content-Security-Policy of policy.py.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from html import escape
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from fofx.studio.policy import is_page, mark_scripts, with_policy

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
VISITOR = re.compile(r"[0-9a-f]{32}")
MONTH = 30 * 24 * 3600
REFUSED = 4403  # close code of a socket


class Guard:
    """`app` behind the guard.

    token   : the secret in the address that lets a browser in.
    cookie  : the cookie's name; cookies are shared by all ports of a host, so it should name the port.
    hosts   : names this machine may be called by; with `addresses`, also any bare IP address (which no name server can lie
              about, so rebinding does not apply).
    largest : bytes of a body; `upload` bytes for paths that begin with one of `upload_paths`.
    """

    def __init__(
        self,
        app: App,
        token: str,
        *,
        cookie: str = "fofx",
        hosts: Iterable[str] = LOOPBACK,
        addresses: bool = False,
        largest: int = 4_000_000,
        upload: int = 1_000_000_000,
        upload_paths: tuple[str, ...] = ("/_nicegui/client/", "/fofx/upload"),
        refused: Callable[[str], str] = lambda code: code,
    ) -> None:
        if not token:
            raise ValueError("a guard needs a token")
        self.app, self.token, self.cookie, self.addresses = app, token, cookie, addresses
        self.hosts = {host.lower() for host in hosts}
        self.largest, self.upload, self.upload_paths = largest, upload, upload_paths
        self.refused = refused  # what a person reads, by code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] not in ("http", "websocket"):
            return None
        headers = Headers(scope)
        problem = self.problem(scope, headers)
        if problem:
            return await self.refuse(scope, send, problem)
        visitor = self.visitor(headers)
        if visitor is None:
            if scope["type"] == "http" and scope["method"] == "GET" and self.may_enter(scope):
                return await self.let_in(scope, send)
            elsewhere = headers.one("sec-fetch-site") in ("cross-site", "same-site")
            return await self.refuse(scope, send, "no-token", again=elsewhere)
        scope["fofx.visitor"] = visitor
        if scope["type"] == "websocket":
            return await self.app(scope, receive, send)
        if self.may_enter(scope):  # a browser that was here before opens the address again: the token leaves the bar
            return await self.let_in(scope, send, visitor)
        await self.pass_on(scope, headers, receive, send)

    # ---- what is wrong with a request

    def problem(self, scope: Scope, headers: Headers) -> str | None:
        """The code of what is wrong with where a request comes from and goes to."""
        host = headers.one("host")
        if host is None or not self.is_this_machine(host):
            return "bad-host"
        origin = headers.one("origin")
        if origin is None and (scope["type"] == "websocket" or "origin" in headers):
            return "bad-origin"
        if origin is not None and not same_origin(origin, host):
            return "bad-origin"
        site = headers.one("sec-fetch-site")
        if site in (None, "same-origin", "none"):
            return None
        opened = headers.one("sec-fetch-mode") == "navigate" and headers.one("sec-fetch-dest") == "document"
        return None if opened and scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else "bad-site"

    def is_this_machine(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in self.hosts:
            return True
        try:
            return self.addresses and bool(ipaddress.ip_address(name))
        except ValueError:
            return False

    # ---- the token and the cookie

    def may_enter(self, scope: Scope) -> bool:
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("token", "")
        return bool(given) and hmac.compare_digest(given.encode(), self.token.encode())

    def sign(self, visitor: str) -> str:
        return hmac.new(self.token.encode(), visitor.encode(), hashlib.sha256).hexdigest()

    def visitor(self, headers: Headers) -> str | None:
        """Who this is, by a cookie that this guard has signed; None for everybody else."""
        for line in headers.all("cookie"):
            try:
                morsel = SimpleCookie(line).get(self.cookie)
            except CookieError:
                continue
            visitor, _, signature = (morsel.value if morsel else "").partition(".")
            if VISITOR.fullmatch(visitor) and hmac.compare_digest(signature.encode(), self.sign(visitor).encode()):
                return visitor
        return None

    async def let_in(self, scope: Scope, send: Send, visitor: str | None = None) -> None:
        """Give the cookie and send the browser on to the same address without the token."""
        visitor = visitor or secrets.token_hex(16)
        rest = [pair for pair in parse_qsl(scope["query_string"].decode("latin-1")) if pair[0] != "token"]
        cookie = f"{self.cookie}={visitor}.{self.sign(visitor)}; Path=/; Max-Age={MONTH}; HttpOnly; SameSite=Strict"
        place = path_of(scope) + (f"?{urlencode(rest)}" if rest else "")
        headers = [(b"location", place.encode()), (b"set-cookie", cookie.encode())]
        await answer(send, 303, b"", headers)

    async def refuse(self, scope: Scope, send: Send, code: str, again: bool = False) -> None:
        """Say no. `again`: a link on another site was clicked, and SameSite=Strict kept the cookie away; loaded once more from
        here, the same address comes with it."""
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": REFUSED, "reason": code})
        refresh = '<meta http-equiv="refresh" content="0">' if again else ""
        page = f'<!doctype html><meta charset="utf-8">{refresh}<title>fofx</title><p>{escape(self.refused(code))} [{code}]</p>'
        headers = [(b"content-type", b"text/html; charset=utf-8")]
        if code == "too-large":  # the rest of the body is not waited for
            return await answer(send, 413, page.encode(), [*headers, (b"connection", b"close")])
        await answer(send, 403, page.encode(), headers)

    # ---- what goes through

    async def pass_on(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        most = self.upload if scope["path"].startswith(self.upload_paths) else self.largest
        told = headers.one("content-length")
        if told is not None and (not told.isdigit() or int(told) > most):
            return await self.refuse(scope, send, "too-large")
        seen, over, begun = 0, False, False
        left = "transfer-encoding" in headers or told not in (None, "0")  # a body that nobody has read to its end
        number = secrets.token_urlsafe(16)

        async def counted() -> Message:
            nonlocal seen, over, left
            message = await receive()
            if message["type"] == "http.request":
                left = bool(message.get("more_body"))
                seen += len(message.get("body", b""))
                if seen > most:
                    if not over and not begun:
                        over = True
                        await self.refuse(scope, send, "too-large")
                    return {"type": "http.disconnect"}
            return message

        held: Message | None = None
        body = b""

        async def dressed(message: Message) -> None:
            """Add the policy; a page is held back until it is whole, to mark its scripts."""
            nonlocal begun, held, body
            if over:
                return
            if message["type"] == "http.response.start":
                begun = True
                message = {
                    **message,
                    "headers": with_policy(message.get("headers", []), headers.one("host") or "", number),
                }
                if left:  # what is not read now is not read at all, however long it goes on
                    message["headers"].append((b"connection", b"close"))
                if is_page(message["headers"]):
                    held = message
                    return
            elif held is not None and message["type"] == "http.response.body":
                body += message.get("body", b"")
                if message.get("more_body", False):
                    return
                body = mark_scripts(body, number)
                others = [pair for pair in held["headers"] if pair[0].lower() != b"content-length"]
                await send({**held, "headers": [*others, (b"content-length", str(len(body)).encode())]})
                held, message = None, {**message, "body": body}
            await send(message)

        try:
            await self.app(scope, counted, dressed)
        except Exception:
            if not over:
                raise


class Headers:
    """The headers of a request: those that come twice have no value at all, so that no two readers can differ."""

    def __init__(self, scope: Scope) -> None:
        self.pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]

    def __contains__(self, name: str) -> bool:
        return any(other == name for other, _ in self.pairs)

    def all(self, name: str) -> list[str]:
        return [value for other, value in self.pairs if other == name]

    def one(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if len(values) == 1 else None


def visitor_of(scope: Scope) -> str:
    """The visitor's name that the guard has put into the scope; "" where there is no guard, as in tests of pages."""
    return scope.get("fofx.visitor", "")


def same_origin(origin: str, host: str) -> bool:
    """
    >>> same_origin("http://127.0.0.1:8777", "127.0.0.1:8777"), same_origin("null", "127.0.0.1:8777")
    (True, False)
    >>> same_origin("http://127.0.0.1:1", "127.0.0.1:8777")
    False
    """
    scheme, _, place = origin.partition("://")
    return scheme in ("http", "https") and place.lower() == host.lower()


def path_of(scope: Scope) -> str:
    """The path as it goes into an address: it never begins with two slashes, which would name another server."""
    return "/" + quote(scope["path"].lstrip("/\\"), safe="/")


async def answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    more = [(b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": with_policy([*headers, *more])})
    await send({"type": "http.response.body", "body": body})
