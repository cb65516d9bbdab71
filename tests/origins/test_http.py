"""The origin ``http`` against a web server of the test's own, on loopback.

What belongs here: resuming, checking, retrying, refusing. What does not: reading the files.
"""

from __future__ import annotations

import hashlib
import io
import logging
import threading
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ecorse.errors import ConfigError, DiskFull, SourceUnavailable
from ecorse.origins import _download, fetch_files
from ecorse.settings import Settings

BODY = bytes(range(256)) * 400  # 102,400 bytes, no two neighbours alike


class Web(ThreadingHTTPServer):
    """Serves ``body`` with ``etag``; ``plan`` says how the next answers differ; ``seen`` came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body, self.etag = BODY, '"v1"'
        self.plan: list[Callable[[_Handler], None]] = []
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.seen]


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        (self.server.plan.pop(0) if self.server.plan else _Handler.give)(self)

    def answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def give(self, stop: int | None = None) -> None:
        body, etag = self.server.body, self.server.etag
        if etag and self.headers.get("If-None-Match") == etag:
            self.answer(304, {"ETag": etag})
            return
        start, status = 0, 200
        if self.headers.get("Range") and self.headers.get("If-Range") == etag:
            start, status = int(self.headers["Range"][6:-1]), 206
        headers = {"Content-Length": str(len(body) - start)} | ({"ETag": etag} if etag else {})
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self.answer(status, headers, body[start:stop])


def cut(at: int) -> Callable[[_Handler], None]:
    """Break the connection at this byte of the body."""
    return lambda handler: handler.give(stop=at)


def status(number: int, **headers: str) -> Callable[[_Handler], None]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.answer(number, {"Content-Length": "0"} | named)


@pytest.fixture
def web():
    server = Web()
    yield server
    server.shutdown()
    server.server_close()
    server.thread.join()


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(_download.time, "sleep", waited.append)
    return waited


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def fetch(settings, web, waits):
    def run(**options) -> dict[str, bytes]:
        files = fetch_files("http", settings, {"url": f"{web.url}/a/sales.csv", **options})
        return {file.file_name: file.path.read_bytes() for file in files}

    return run


def kept(settings: Settings) -> list[str]:
    """The copies and parts below home, without the notes on them."""
    paths = (settings.home / "http").rglob("*")
    return [path.name for path in paths if path.is_file() and path.suffix != ".json"]


def test_a_file_is_fetched_once_and_asked_about_again(fetch, web, settings):
    assert fetch() == {"sales.csv": BODY}
    assert fetch() == {"sales.csv": BODY}
    assert [headers.get("If-None-Match") for _, headers in web.seen] == [None, '"v1"']
    web.body, web.etag = b"new", '"v2"'
    assert fetch() == {"sales.csv": b"new"}
    assert kept(settings) == [hashlib.sha256(b"new").hexdigest()]


def test_provenance_holds_no_secret(settings, web, waits, caplog):
    caplog.set_level(logging.INFO)
    web.plan = [status(503)]
    url = web.url.replace("//", "//me:geheim@") + "/sales.csv?token=t0ken"
    [file] = fetch_files("http", settings, {"url": url})
    assert web.seen[1][1]["Authorization"].startswith("Basic ")
    assert file.provenance["url"] == web.url.replace("//", "//***@") + "/sales.csv?***"
    assert file.provenance["sha256"] == hashlib.sha256(BODY).hexdigest()
    web.plan = [status(404)]
    with pytest.raises(ConfigError, match="404") as caught:
        fetch_files("http", settings, {"url": url})
    told = f"{file.provenance} {file.path} {caught.value} {caplog.text}"
    assert "trying again" in told
    assert "geheim" not in told
    assert "t0ken" not in told


def test_a_broken_download_goes_on_where_it_stopped(fetch, web):
    web.plan = [cut(30_000), cut(70_000)]
    assert fetch() == {"sales.csv": BODY}
    assert web.ranges() == [None, "bytes=30000-", "bytes=70000-"]


def test_a_download_that_was_given_up_goes_on_in_the_next_run(fetch, web):
    web.plan = [cut(30_000)] + [status(500)] * 4
    with pytest.raises(SourceUnavailable, match=r"sales\.csv: the server answered 500, 5 times"):
        fetch()
    assert fetch() == {"sales.csv": BODY}
    assert web.ranges()[-1] == "bytes=30000-"


def test_a_file_that_changed_meanwhile_starts_anew(fetch, web):
    def change(handler: _Handler) -> None:
        handler.give(stop=30_000)
        web.body, web.etag = b"X" * 50_000, '"v2"'

    web.plan = [change]
    assert fetch() == {"sales.csv": b"X" * 50_000}


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_sure_version_it_starts_anew(fetch, web, etag):
    web.etag = etag
    web.plan = [cut(30_000)]
    assert fetch() == {"sales.csv": BODY}
    assert web.ranges() == [None, None]


@pytest.mark.parametrize(
    "answer",
    [status(416), status(206, Content_Range="bytes 5-9/102400"), status(206)],
    ids=["416", "other part", "no part named"],
)
def test_a_server_that_cannot_resume(fetch, web, answer):
    web.plan = [cut(30_000), answer]
    assert fetch() == {"sales.csv": BODY}
    assert web.ranges() == [None, "bytes=30000-", None]


def test_the_sha256_is_checked(fetch, web, settings):
    with pytest.raises(
        SourceUnavailable, match=r"its sha256 is .* was expected\. Nothing was kept"
    ):
        fetch(sha256="0" * 64)
    assert kept(settings) == []
    right = hashlib.sha256(BODY).hexdigest()
    assert fetch(sha256=right.upper()) == {"sales.csv": BODY}
    asked = len(web.seen)
    assert fetch(sha256=right) == {"sales.csv": BODY}
    assert len(web.seen) == asked  # it is here: no network needed


def test_a_copy_that_was_damaged_is_fetched_again(fetch, settings):
    fetch()
    [copy] = (settings.home / "http").rglob(hashlib.sha256(BODY).hexdigest())
    copy.write_bytes(b"damaged")
    assert fetch() == {"sales.csv": BODY}


def test_trying_again_waits_longer_each_time_or_as_asked(fetch, web, waits):
    web.plan = [status(503), status(500), status(429, Retry_After="7"), cut(10)]
    assert fetch() == {"sales.csv": BODY}
    assert waits == [1, 2, 7, 8]
    waits.clear()
    web.plan = [status(429, Retry_After="86400")] * 5
    with pytest.raises(SourceUnavailable, match="the server answered 429, 5 times"):
        fetch()
    assert waits == [60] * 4


@pytest.mark.parametrize("number", [401, 403, 404, 410])
def test_what_trying_again_cannot_help(fetch, web, waits, number):
    web.plan = [status(number)]
    with pytest.raises(ConfigError, match=rf"/a/sales\.csv: the server answered {number}.*Correct"):
        fetch()
    assert waits == []


def test_nobody_listens(fetch, web, settings):
    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1:1/x\.csv: cannot be reached"):
        fetch(url="http://127.0.0.1:1/x.csv")


def test_redirects(fetch, web, monkeypatch):
    web.plan = [status(302, Location="/elsewhere"), status(307, Location=f"{web.url}/there")]
    assert fetch() == {"sales.csv": BODY}
    assert [path for path, _ in web.seen] == ["/a/sales.csv", "/elsewhere", "/there"]
    web.plan = [status(302, Location="/a/sales.csv")] * 6
    with pytest.raises(ConfigError, match="redirected more than 5 times"):
        fetch()
    web.plan = [status(302, Location="file:///etc/passwd")]
    with pytest.raises(ConfigError, match="not https"):
        fetch()


@pytest.mark.parametrize(
    ("here", "there", "reason"),
    [
        ("https://8.8.8.8/a", "http://8.8.8.8/a", "not https"),
        ("https://8.8.8.8/a", "https://127.0.0.1/a", "private network"),
        ("http://8.8.8.8/a", "http://169.254.169.254/latest", "private network"),
        ("http://8.8.8.8/a", "http://[::1]/a", "private network"),
        ("http://10.0.0.1/a", "http://10.0.0.2/a", ""),
        ("http://8.8.8.8/a", "https://1.1.1.1/a", ""),
    ],
)
def test_where_a_redirect_may_lead(here, there, reason):
    if not reason:
        _download._check_redirect(here, there, here)
        return
    with pytest.raises(ConfigError, match=f"{reason}.*which is not followed"):
        _download._check_redirect(here, there, here)


def test_limits(fetch, web, settings, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(_download, "MAX_BYTES", 1000)
        with pytest.raises(ConfigError, match="more than 1000 bytes"):
            fetch()
    usage = type(_download.shutil.disk_usage("/"))(100, 99, 1)
    monkeypatch.setattr(_download.shutil, "disk_usage", lambda _: usage)
    web.etag = '"v3"'
    with pytest.raises(DiskFull, match=r"needs 102400 bytes in .*, where 1 are free"):
        fetch()


def test_archives_are_unpacked_and_bombs_refused(fetch, web, settings):
    def packed(text: str) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.csv", text)
        return buffer.getvalue()

    web.body = packed("1")
    assert fetch(url=f"{web.url}/a.zip") == {"a.zip/x.csv": b"1"}
    web.body, web.etag = packed("0" * 1_000_000), '"bomb"'
    [bomb] = fetch_files("http", settings, {"url": f"{web.url}/a.zip"})
    assert bomb.refused.startswith("a.zip: the archive was refused")


def test_many_addresses(fetch, web):
    urls = [f"{web.url}/b.csv", f"{web.url}/a%20b.csv?x=1"]
    assert list(fetch(url=urls)) == ["a b.csv", "b.csv"]
    assert list(fetch(url=urls, pattern="b.*")) == ["b.csv"]
    named = {"jan.csv": f"{web.url}/export?month=1", "feb.csv": f"{web.url}/export?month=2"}
    right = hashlib.sha256(BODY).hexdigest()
    assert list(fetch(url=named, sha256={"feb.csv": right})) == ["feb.csv", "jan.csv"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": ""}, "needs an address"),
        ({"url": []}, "needs an address"),
        ({"url": "ftp://x/a.csv"}, "expected http:// or https://"),
        ({"url": "https:///a.csv"}, "expected http:// or https://"),
        ({"url": "https://me:geheim@[x/a.csv"}, r"expected http:// or https://"),
        ({"url": "https://x.example/"}, "Name the files"),
        ({"url": ["https://x.example/a.csv", "https://y.example/a.csv"]}, "Name the files"),
        ({"url": "https://x.example/a.csv", "sha256": "abc"}, "expected 64 hex digits"),
        ({"url": "https://x.example/a.csv", "sha256": {"b.csv": "0" * 64}}, "64 hex digits"),
        ({"url": "https://x.example/a.csv", "sha265": "0" * 64}, "no option 'sha265'"),
    ],
)
def test_wrong_options(settings, options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        fetch_files("http", settings, options)
    assert "geheim" not in str(caught.value)
