"""Attacks, tried on a real studio that listens on this machine, and on what takes in files: each must come to nothing."""

from __future__ import annotations

import io
import json
import socket
import struct
import threading
import time
import tracemalloc
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

import fofx
from fofx.errors import DataError, FofxError, RunError
from fofx.studio.jobs import Jobs
from fofx.studio.limits import Limits, alone, shared
from fofx.studio.workspace import Workspace
from stage import CHROMIUM, FLAGS, needs_browser
from studio_stage import Running, running

IMAGE = "<img src=x onerror=window.hacked=1>"
EVIL = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = Path(tmp_path_factory.mktemp("attacks"))
    numbers = np.arange(60.0)
    labels = [EVIL if number % 2 else "b" for number in range(60)]
    fofx.find({EVIL: list(numbers), "label": labels}, "label", model="linear", budget=1, out=str(folder), name="evil")
    (folder / "evil").rename(folder / "x<b onmouseover=alert(1)>&lt;i")
    with running(folder) as server:
        yield server


def ask(studio: Running, path: str = "/", method: str = "GET", data: bytes | None = None, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(studio.url + path, data=data, method=method, headers=named)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as answer:
        answer.close()
        return answer.code


EVERYWHERE = [
    "/",
    "/runs",
    "/playground",
    "/no-such-page",
    "/_nicegui_ws/socket.io/?EIO=4&transport=polling",
    "/fofx/module/a.js",
    "/favicon.ico",
    "/test/count",
]


def static_path(studio: Running) -> str:
    import nicegui

    return f"/_nicegui/{nicegui.__version__}/static/nicegui.js"


# ---- who may come in


def test_the_owner_comes_in_everywhere(studio: Running) -> None:
    for path in ("/", "/runs", static_path(studio), "/_nicegui_ws/socket.io/?EIO=4&transport=polling"):
        assert ask(studio, path, cookie=studio.cookie) == 200, path


@pytest.mark.parametrize(
    "attack", ["no token", "wrong token", "foreign host", "foreign origin", "null origin", "cross-site", "frame"]
)
def test_nobody_else_comes_in_anywhere(studio: Running, attack: str) -> None:
    headers = {
        "no token": {},
        "wrong token": {"cookie": studio.cookie[:-1] + ("0" if studio.cookie[-1] != "0" else "1")},
        "foreign host": {"cookie": studio.cookie, "host": "evil.example"},
        "foreign origin": {"cookie": studio.cookie, "origin": "http://evil.example"},
        "null origin": {"cookie": studio.cookie, "origin": "null"},
        "cross-site": {"cookie": studio.cookie, "sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"},
        "frame": {
            "cookie": studio.cookie,
            "sec_fetch_site": "same-site",
            "sec_fetch_mode": "navigate",
            "sec_fetch_dest": "iframe",
        },
    }[attack]
    for path in [*EVERYWHERE, static_path(studio)]:
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            assert ask(studio, path, method, **headers) == 403, (path, method)


def open_socket(studio: Running, path: str, **headers: str) -> bytes:
    """The first line that the server answers to a socket that wants to open."""
    host, port = studio.host.split(":")
    lines = [f"GET {path} HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in {"host": studio.host, **headers}.items()]
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode())
        return line.recv(100).split(b"\r\n")[0]


@pytest.mark.parametrize("path", ["/_nicegui_ws/socket.io/?EIO=4&transport=websocket", "/fofx/widget/x"])
def test_a_cross_site_socket_is_not_opened(studio: Running, path: str) -> None:
    """The browser of the owner sends the cookie along; the origin gives the attacker away."""
    own = {"origin": studio.url, "cookie": studio.cookie}
    assert b" 101 " in open_socket(studio, path, **own)
    for change in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"cookie": ""},
        {"host": "evil.example"},
        {"origin": f"{studio.url}.evil.example"},
    ):
        assert b" 403 " in open_socket(studio, path, **{**own, **change}), change
    assert b" 403 " in open_socket(studio, path, cookie=studio.cookie), "without an origin"


def test_a_made_up_widget_key_opens_nothing(studio: Running) -> None:
    import websockets.exceptions
    from websockets.sync.client import connect

    address = f"ws://{studio.host}/fofx/widget/{'x' * 32}"
    with connect(address, additional_headers={"cookie": studio.cookie}, origin=studio.url) as line:  # type: ignore[arg-type]
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            line.recv(timeout=30)
        assert line.close_code == 4404


# ---- names

PATHS = [
    "/run/../../etc/passwd", "/run/..%2f..%2f..%2fetc%2fpasswd", "/run/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/run/....//etc/passwd",
    "/run/.fofx", "/run/.fofx%2ftoken", "/.fofx/token", "/fofx/module/../../token", "/fofx/module/..%2f..%2f..%2fpyproject.toml",
    "/_nicegui/static/../../../../etc/passwd", "/run/%00", "/run/x%0d%0aset-cookie:a=b", "//etc/passwd", "/run/a%5c..%5cb",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_to_a_file(studio: Running, path: str) -> None:
    host, port = studio.host.split(":")
    with socket.create_connection((host, int(port)), timeout=60) as line:  # a client that tidies nothing up
        line.sendall(
            f"GET {path} HTTP/1.1\r\nhost: {studio.host}\r\ncookie: {studio.cookie}\r\nconnection: close\r\n\r\n".encode()
        )
        answer = b""
        while block := line.recv(65536):
            answer += block
    assert b"root:x:" not in answer and studio.token.encode() not in answer and b"[project]" not in answer
    assert b"set-cookie: a=b" not in answer.lower() and b"Internal Server Error" not in answer


@needs_browser
def test_html_in_names_is_text(studio: Running) -> None:
    """Run names, column names and labels that are HTML: shown as they are, run nowhere."""
    from playwright.sync_api import sync_playwright

    said: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        page.goto(f"{studio.url}/?token={studio.token}")
        for path in ("/", "/runs", "/run/x%3Cb%20onmouseover=alert(1)%3E&lt;i"):
            page.goto(studio.url + path)
            page.get_by_text("x<b onmouseover=alert(1)>&lt;i").first.wait_for()
            page.wait_for_timeout(1000)
            assert page.evaluate(
                "window.hacked === undefined && !document.querySelector('[onmouseover], img[src=x]')"
            ), path
        assert not said
        page.goto(f"{studio.url}/names?name={urllib.parse.quote(IMAGE)}")  # a page that forgets to escape
        page.locator("img[src=x]").wait_for(state="attached")
        page.wait_for_timeout(500)
        assert page.evaluate("window.hacked === undefined"), "the policy runs no script that the server did not write"
        browser.close()


# ---- what is too large


def test_two_gigabytes_are_refused_before_they_come(studio: Running) -> None:
    for path in ("/", "/_nicegui/client/x/upload/1"):
        host, port = studio.host.split(":")
        with socket.create_connection((host, int(port)), timeout=60) as line:
            line.sendall(
                f"POST {path} HTTP/1.1\r\nhost: {studio.host}\r\ncookie: {studio.cookie}\r\ncontent-length: {2 << 30}\r\n\r\n".encode()
            )
            assert b" 413 " in line.recv(100), "not one byte of it was waited for"


def test_two_gigabytes_that_hide_their_size_are_cut_off(studio: Running) -> None:
    host, port = studio.host.split(":")
    sent = 0
    with socket.create_connection((host, int(port)), timeout=60) as line:
        line.sendall(
            f"POST / HTTP/1.1\r\nhost: {studio.host}\r\ncookie: {studio.cookie}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        )
        block = b"100000\r\n" + bytes(0x100000) + b"\r\n"
        try:
            while sent < 2 << 30:
                line.sendall(block)
                sent += 0x100000
        except OSError:
            pass
    assert sent < 100 << 20, "the server stopped reading"
    assert ask(studio, "/", cookie=studio.cookie) == 200


class Endless:
    """A file that says nothing of its size and never ends."""

    def __init__(self, block: bytes) -> None:
        self.block, self.given = block, 0

    def read(self, size: int = -1) -> bytes:
        self.given += len(self.block)
        return self.block


def test_an_upload_is_counted_while_it_comes(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, Limits(upload=3_000_000))
    given: Any = Endless(b"x,y\n" * 200_000)
    with pytest.raises(DataError, match="too-large"):
        workspace.upload("endless.csv", given)
    assert given.given < 5_000_000 and workspace.uploads() == [] and not list((workspace.own / "new").iterdir())


def bomb(workspace: Workspace, name: str, data: bytes | IO[bytes]) -> None:
    """The upload is refused, in little memory, and nothing of it stays."""
    tracemalloc.start()
    with pytest.raises(DataError) as problem:
        workspace.upload(name, data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert problem.value.code in ("too-large", "bad-picture", "bad-upload")
    assert most < 60_000_000 and workspace.uploads() == [] and not list((workspace.own / "new").iterdir())


@pytest.mark.parametrize("limits", [alone(), shared()], ids=["alone", "shared"])
def test_csv_bombs_are_refused(tmp_path: Path, limits: Limits) -> None:
    workspace = Workspace(tmp_path, limits)
    bomb(workspace, "wide.csv", b"," * (limits.columns + 5) + b"\n1\n")
    bomb(workspace, "line.csv", b"a\n" + b"x" * (limits.line + 5))
    rows = limits.cells // limits.columns + 5  # few enough rows and columns, but too many cells
    if limits.shared:
        bomb(workspace, "cells.csv", (b"," * (limits.columns - 1) + b"\n") * rows)
    bomb(workspace, "wide.tsv", b"\t" * (limits.columns + 5) + b"\n")


def test_a_table_of_many_lines_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, Limits(rows=1000))
    for name in ("rows.csv", "rows.jsonl"):
        bomb(workspace, name, b"1\n" * 2000)


def zipped(inside: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in inside.items():
            new.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("name", ["pets.zip", "table.xlsx"])
def test_zip_bombs_are_refused(tmp_path: Path, name: str) -> None:
    workspace = Workspace(tmp_path, Limits(entries=100, unpacked=10_000_000))
    zeros, noise = bytes(3_000_000), np.random.default_rng(0).bytes(3_000_000)
    bomb(workspace, name, zipped({"cat/a.png": zeros}))
    bomb(workspace, name, zipped({f"cat/{number}.png": b"" for number in range(101)}))
    bomb(workspace, name, zipped({f"cat/{number}.png": noise for number in range(4)}))


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path: Path) -> None:
    packed = bytearray(zipped({"cat/a.png": bytes(5_000_000)}))
    true, lie = struct.pack("<I", 5_000_000), struct.pack("<I", 5_000)
    while (at := packed.find(true)) >= 0:
        packed[at : at + 4] = lie
    bomb(Workspace(tmp_path, shared()), "pets.zip", bytes(packed))


def test_a_zip_in_a_zip_is_not_opened(tmp_path: Path) -> None:
    bomb(Workspace(tmp_path, shared()), "pets.zip", zipped({"cat/a.zip": zipped({"x": bytes(1000)})}))


def png(width: int, height: int) -> bytes:
    """A well-formed PNG of a few bytes that unpacks to any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (100_000_000, 1), (0, 5)])
def test_picture_bombs_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    workspace = Workspace(tmp_path, alone())
    bomb(workspace, "bomb.png", png(*size))
    bomb(workspace, "pets.zip", zipped({"cat/bomb.png": png(*size)}))


def test_a_parquet_file_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    import polars as pl

    out = io.BytesIO()
    pl.DataFrame({"a": pl.zeros(3_000_000, eager=True)}).write_parquet(out)
    assert len(out.getvalue()) < 100_000
    bomb(Workspace(tmp_path, shared()), "rows.parquet", out.getvalue())


# ---- what is too much


def test_a_thousand_clicks_start_no_more_than_the_queue_takes(tmp_path: Path) -> None:
    jobs = Jobs(Workspace(tmp_path, Limits(running=0, waiting=20)))
    refused, failed = [], []

    def click() -> None:
        for _ in range(125):
            try:
                jobs.start({"task": "river"})
            except RunError as problem:
                refused.append(problem.code)
            except Exception as problem:
                failed.append(problem)

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and len(jobs.all()) == 20 and refused == ["queue-full"] * 980
    assert len({job.name for job in jobs.all()}) == 20


def test_a_thousand_clicks_on_one_page_start_one_training(tmp_path: Path) -> None:
    jobs = Jobs(Workspace(tmp_path, Limits(running=0)))
    assert len({jobs.start({"task": "river"}, once="page").id for _ in range(1000)}) == 1


def test_a_page_cannot_flood_a_widget(studio: Running) -> None:
    """A socket that never reads and always writes: the server goes on."""
    import websockets.exceptions
    from websockets.sync.client import connect

    from fofx.studio.link import join

    # The key of a widget that is open now, as a page of the same visitor knows it.
    request = urllib.request.Request(f"{studio.url}/stage", headers={"cookie": studio.cookie})
    with urllib.request.urlopen(request, timeout=60) as answer:
        key = answer.read().decode().split("/fofx/widget/")[1].split('"')[0]
    with connect(
        f"ws://{studio.host}/fofx/widget/{key}", additional_headers={"cookie": studio.cookie}, origin=studio.url
    ) as line:  # type: ignore[arg-type]
        line.send(join('{"what": "hello", "seen": 0}', []))
        for number in range(3000):
            line.send(
                join(json.dumps({"what": "custom", "number": number + 1, "content": {"do": "answers", "count": 1}}), [])
            )
        begun = time.monotonic()
        assert ask(studio, "/", cookie=studio.cookie) == 200
        assert time.monotonic() - begun < 20
        try:
            line.send(bytes(20_000_000))
            line.recv(timeout=30)
            while True:
                line.recv(timeout=30)
        except (websockets.exceptions.ConnectionClosed, OSError):
            pass
    assert ask(studio, "/", cookie=studio.cookie) == 200


# ---- one visitor and another


def test_visitors_of_a_shared_studio_see_nothing_of_each_other(tmp_path: Path) -> None:
    pytest.importorskip("nicegui")
    from fofx.studio.app import Studio

    class Bare(Studio):
        """Without pages, which can be registered once in a process only."""

        def _pages(self) -> Any:
            return None

    studio = Bare(tmp_path, shared(), "a-token-of-some-length")
    one, other = ("1" * 32, "2" * 32)
    upload = studio.workspace_of(one).upload("mine.csv", b"a,b\n1,2\n")
    assert studio.workspace_of(other).uploads() == []
    with pytest.raises(DataError, match="no-upload"):
        studio.workspace_of(other).upload_of(upload.key)
    with pytest.raises(FofxError):
        studio.jobs_of(other).start({"upload": upload.key, "outputs": ["b"]})
    assert one not in str(studio.workspace_of(one).folder), "a folder's name does not give the cookie away"
    again = Bare(tmp_path, shared(), "a-token-of-some-length")
    assert [each.key for each in again.workspace_of(one).uploads()] == [upload.key]
    for number in range(3, shared().visitors + 1):
        studio.workspace_of(f"{number:032x}")
    with pytest.raises(RunError, match="full"):
        studio.workspace_of("f" * 32)
    assert studio.workspace_of(one).uploads(), "those who are in stay in"


def test_the_kept_token_is_for_the_owner_only(tmp_path: Path) -> None:
    from fofx.studio.app import kept_token

    token = kept_token(tmp_path)
    assert kept_token(tmp_path) == token and len(token) >= 32
    assert (tmp_path / ".fofx" / "token").stat().st_mode & 0o077 == 0
    (tmp_path / ".fofx" / "token").write_text("short")
    assert len(kept_token(tmp_path)) >= 32


def test_no_address_but_this_machine_without_sharing(tmp_path: Path) -> None:
    from fofx.studio.app import listening, serve

    for host in ("0.0.0.0", "192.168.0.7", "example.com"):
        with pytest.raises(RunError, match="not-shared"):
            serve(tmp_path, host=host)
    with pytest.raises(RunError, match="bad-token"):
        serve(tmp_path, token="short")
    place = listening("127.0.0.1", 0)
    other = listening("127.0.0.1", place.getsockname()[1])
    assert other.getsockname()[1] != place.getsockname()[1], "a taken port gives the next free one"
    place.close()
    other.close()
