"""The guard: what reaches the application behind it, and what does not."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fofx.studio.guard import Guard, Headers, same_origin, visitor_of
from fofx.studio.policy import mark_scripts, policy

HOST = "127.0.0.1:8777"
TOKEN = "a-token-of-some-length"


class Inner:
    """What stands behind the guard: keeps every scope that came through and says who came."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.body = 0
        self.headers = [(b"content-type", b"text/plain")]
        self.answer = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            return await send({"type": "websocket.close", "code": 1000})
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError("the client has gone")
            self.body += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.answer or visitor_of(scope).encode()})


def make(**more: Any) -> tuple[Inner, Guard]:
    inner = Inner()
    return inner, Guard(inner, TOKEN, cookie="fofx_8777", **more)


def ask(
    guard: Guard, path: str = "/", method: str = "GET", host: str = HOST, content: Any = None, **headers: str
) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(guard)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, headers={"host": host, **named}, content=content)

    return asyncio.run(once())


def cookie_of(guard: Guard) -> str:
    return ask(guard, f"/?token={TOKEN}").headers["set-cookie"].split(";")[0]


def dial(guard: Guard, **headers: str) -> list[dict]:
    """What the guard says to a socket that wants to open."""
    said: list[dict] = []
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in {"host": HOST, **headers}.items()]
    scope = {"type": "websocket", "path": "/_nicegui_ws/socket.io/", "query_string": b"", "headers": given}

    async def receive() -> dict:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        said.append(message)

    asyncio.run(guard(scope, receive, send))
    return said


def test_the_token_gives_a_cookie_and_leaves_the_address() -> None:
    inner, guard = make()
    answer = ask(guard, f"/runs?token={TOKEN}&lang=zh&a=%26b")
    assert answer.status_code == 303 and answer.headers["location"] == "/runs?lang=zh&a=%26b"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie
    assert not inner.scopes
    known = ask(guard, "/", cookie=cookie.split(";")[0])
    assert known.status_code == 200 and re.fullmatch("[0-9a-f]{32}", known.text)


def test_an_open_address_stays_the_same_visitor() -> None:
    _, guard = make()
    cookie = cookie_of(guard)
    again = ask(guard, f"/?token={TOKEN}", cookie=cookie)
    assert again.status_code == 303 and again.headers["set-cookie"].split(";")[0] == cookie
    assert cookie_of(guard) != cookie, "another browser is another visitor"


@pytest.mark.parametrize(
    "path", ["/", "/runs", "/_nicegui/3/static/nicegui.js", "/_nicegui_ws/socket.io/?EIO=4", "/fofx/module/x.js"]
)
def test_without_a_token_nothing_is_reached(path: str) -> None:
    inner, guard = make()
    for headers in (
        {},
        {"cookie": "fofx_8777=x.y"},
        {"cookie": f"fofx_8777={'0' * 32}.{'0' * 64}"},
        {"cookie": ";;=\x7f"},
    ):
        assert ask(guard, path, **headers).status_code == 403
    joint = "&" if "?" in path else "?"
    assert ask(guard, f"{path}{joint}token=wrong").status_code == 403
    assert ask(guard, f"{path}{joint}token=").status_code == 403
    assert ask(guard, f"{path}{joint}token={TOKEN}", method="POST").status_code == 403
    assert not inner.scopes


def test_a_cookie_of_another_token_or_port_is_none() -> None:
    _, guard = make()
    cookie = cookie_of(guard)
    other = Guard(Inner(), TOKEN + "!", cookie="fofx_8777")
    assert ask(other, "/", cookie=cookie).status_code == 403
    assert ask(guard, "/", cookie=cookie.replace("8777", "8778")).status_code == 403
    name, value = cookie.split("=")
    visitor, signature = value.split(".")
    stranger = ("0" if visitor[0] != "0" else "1") + visitor[1:]
    assert ask(guard, "/", cookie=f"{name}={stranger}.{signature}").status_code == 403


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8777",
        "127.0.0.1.evil.example:8777",
        "",
        "127.0.0.1@evil.example",
        "[::1",
        "192.168.0.7:8777",
        "localhost.:8777x",
    ],
)
def test_a_foreign_host_is_refused_whatever_it_knows(host: str) -> None:
    inner, guard = make()
    answer = ask(guard, f"/?token={TOKEN}", host=host, cookie=cookie_of(guard))
    assert answer.status_code == 403 and "bad-host" in answer.text and not inner.scopes
    assert dial(guard, host=host, origin=f"http://{host}", cookie=cookie_of(guard)) == [
        {"type": "websocket.close", "code": 4403, "reason": "bad-host"}
    ]


def test_shared_addresses_may_be_numbers_but_no_foreign_names() -> None:
    _, guard = make(addresses=True, hosts=("127.0.0.1", "localhost", "lab"))
    cookie = cookie_of(guard)
    for host in ("192.168.0.7:8777", "[fe80::1]:8777", "lab:8777", "LAB:8777"):
        assert ask(guard, "/", host=host, cookie=cookie).status_code == 200
    assert ask(guard, "/", host="lab.evil.example:8777", cookie=cookie).status_code == 403


def test_two_hosts_are_no_host() -> None:
    """Two readers could each believe another one."""
    inner, guard = make()
    said: list[dict] = []
    headers = [(b"host", HOST.encode()), (b"host", b"evil.example"), (b"cookie", cookie_of(guard).encode())]

    async def send(message: Any) -> None:
        said.append(message)

    asyncio.run(
        guard({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}, None, send)
    )  # type: ignore[arg-type]
    assert said[0]["status"] == 403 and not inner.scopes


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        "http://localhost:8777",
        "file://",
        "",
        "http://127.0.0.1:8777.evil.example",
        "ftp://127.0.0.1:8777",
    ],
)
def test_a_foreign_origin_is_refused(origin: str) -> None:
    inner, guard = make()
    cookie = cookie_of(guard)
    for method in ("GET", "POST"):
        answer = ask(guard, "/", method=method, origin=origin, cookie=cookie)
        assert answer.status_code == 403 and "bad-origin" in answer.text
    assert dial(guard, origin=origin, cookie=cookie)[0]["code"] == 4403
    assert not inner.scopes


def test_sockets_need_cookie_and_origin() -> None:
    inner, guard = make()
    cookie = cookie_of(guard)
    assert dial(guard, cookie=cookie)[0]["code"] == 4403, "every browser sends an origin"
    assert dial(guard, origin=f"http://{HOST}")[0]["code"] == 4403
    assert dial(guard, origin=f"http://{HOST}", cookie=cookie, sec_fetch_site="cross-site")[0]["code"] == 4403
    assert not inner.scopes
    assert dial(guard, origin=f"http://{HOST}", cookie=cookie)[0] == {"type": "websocket.accept"}
    assert visitor_of(inner.scopes[0]) in cookie


def test_other_sites_may_only_open_pages() -> None:
    """A page of another port of this machine is "same-site"; it may link here, and neither frame, fetch nor post."""
    inner, guard = make()
    cookie = cookie_of(guard)
    for site in ("cross-site", "same-site"):
        opened = {"sec_fetch_site": site, "sec_fetch_mode": "navigate", "sec_fetch_dest": "document", "cookie": cookie}
        assert ask(guard, "/", **opened).status_code == 200
        assert ask(guard, "/", **{**opened, "sec_fetch_dest": "iframe"}).status_code == 403
        assert ask(guard, "/", **{**opened, "sec_fetch_mode": "no-cors"}).status_code == 403
        assert ask(guard, "/", method="POST", **opened).status_code == 403
    assert len(inner.scopes) == 2
    assert ask(guard, "/", sec_fetch_site="same-origin", cookie=cookie).status_code == 200


def test_a_link_on_another_site_loads_once_more_from_here() -> None:
    """SameSite=Strict keeps the cookie away when a link elsewhere was clicked; the page that says no asks again by itself."""
    _, guard = make()
    opened = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert 'http-equiv="refresh"' in ask(guard, "/run/a", sec_fetch_site="cross-site", **opened).text
    assert 'http-equiv="refresh"' not in ask(guard, "/run/a", sec_fetch_site="same-origin", **opened).text, "no circle"


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "///evil.example"])
def test_the_way_on_never_leads_to_another_server(path: str) -> None:
    _, guard = make()
    said: list[dict] = []

    async def send(message: Any) -> None:
        said.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": f"token={TOKEN}".encode()}
    asyncio.run(guard({**scope, "headers": [(b"host", HOST.encode())]}, None, send))  # type: ignore[arg-type]
    place = dict(said[0]["headers"])[b"location"].decode()
    assert place.startswith("/") and not place.startswith(("//", "/\\"))


def test_the_way_on_holds_no_line_break() -> None:
    _, guard = make()
    answer = ask(guard, f"/a%0d%0aset-cookie:%20x=1?token={TOKEN}")
    assert answer.status_code == 303 and "x=1" not in answer.headers["set-cookie"]
    assert "\n" not in answer.headers["location"]


def test_a_body_is_measured_by_what_it_says_and_by_what_comes() -> None:
    inner, guard = make(largest=100, upload=1000)
    cookie = cookie_of(guard)

    async def drops(size: int) -> Any:
        for _ in range(size):
            yield b"x"

    assert ask(guard, "/", method="POST", content=b"x" * 100, cookie=cookie).status_code == 200
    assert ask(guard, "/", method="POST", content=b"x" * 101, cookie=cookie).status_code == 413
    assert ask(guard, "/", method="POST", content=drops(100), cookie=cookie).status_code == 200
    before = inner.body
    assert ask(guard, "/", method="POST", content=drops(5000), cookie=cookie).status_code == 413
    assert inner.body - before <= 100, "what is too much never reaches the application"
    upload = "/_nicegui/client/1/upload/2"
    assert ask(guard, upload, method="POST", content=b"x" * 1000, cookie=cookie).status_code == 200
    assert ask(guard, upload, method="POST", content=drops(1001), cookie=cookie).status_code == 413
    assert ask(guard, "/", method="POST", content=b"", cookie=cookie, content_length="-1").status_code == 413


def test_every_answer_has_the_policy_and_none_can_loosen_it() -> None:
    inner, guard = make()
    inner.headers = [(b"content-type", b"text/html"), (b"Content-Security-Policy", b"default-src *")]
    for answer in (ask(guard, "/"), ask(guard, "/", cookie=cookie_of(guard)), ask(guard, f"/?token={TOKEN}")):
        rules = answer.headers.get_list("content-security-policy")
        assert len(rules) == 1 and rules[0].startswith("default-src 'none'") and "*" not in rules[0]
        assert "'unsafe-inline'" not in re.search("script-src [^;]*", rules[0])[0]  # type: ignore[index]
        assert "frame-ancestors 'none'" in rules[0] and "http" not in rules[0].replace("http-equiv", "")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_only_scripts_of_pages_that_the_server_built_are_marked() -> None:
    inner, guard = make()
    cookie = cookie_of(guard)
    inner.answer = b"<script>1</script><SCRIPT>2</SCRIPT><scripty><script type=module>"
    inner.headers = [(b"content-type", b"text/html")]
    assert ask(guard, "/", cookie=cookie).content == inner.answer, "an HTML file that somebody brought"
    inner.headers = [(b"content-type", b"text/html"), (b"x-nicegui-content", b"page"), (b"content-length", b"5")]
    first, second = ask(guard, "/", cookie=cookie), ask(guard, "/", cookie=cookie)
    numbers = [re.search("'nonce-([^']+)'", answer.headers["content-security-policy"])[1] for answer in (first, second)]  # type: ignore[index]
    assert numbers[0] != numbers[1] and len(numbers[0]) >= 20
    assert first.text.count(f'nonce="{numbers[0]}"') == 2 and "<scripty>" in first.text
    assert int(first.headers["content-length"]) == len(first.content)


def test_a_guard_without_a_token_cannot_be_made() -> None:
    with pytest.raises(ValueError):
        Guard(Inner(), "")


def test_other_kinds_of_connections_go_nowhere() -> None:
    inner, guard = make()
    asyncio.run(guard({"type": "webtransport"}, None, None))  # type: ignore[arg-type]
    assert not inner.scopes


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_other_text_is_this_origin(origin: str, host: str) -> None:
    if same_origin(origin, host):
        assert origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower())


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_no_header_lets_anyone_in_or_breaks_the_guard(name: bytes, value: bytes) -> None:
    inner, guard = make()
    said: list[dict] = []

    async def send(message: Any) -> None:
        said.append(message)

    headers = [(b"host", HOST.encode()), (b"cookie", value), (name, value)]
    asyncio.run(
        guard({"type": "http", "method": "GET", "path": "/", "query_string": value, "headers": headers}, None, send)
    )  # type: ignore[arg-type]
    assert said[0]["status"] == 403 and not inner.scopes


@given(st.binary(max_size=200))
def test_marking_changes_nothing_but_script_tags(page: bytes) -> None:
    assert mark_scripts(page, "n").replace(b'<script nonce="n"', b"<script") == page


@given(st.text(max_size=60))
def test_no_host_adds_a_rule(host: str) -> None:
    assert policy(host, "n").count(";") == policy("", "n").count(";")


def test_headers_are_read_without_case() -> None:
    headers = Headers({"headers": [(b"HoSt", b"a"), (b"x", b"1"), (b"X", b"2")]})
    assert headers.one("host") == "a" and headers.one("x") is None and headers.all("x") == ["1", "2"]
