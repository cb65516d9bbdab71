"""The origin ``kaggle`` against a local stand-in for Kaggle's API.

What belongs here: version, cache, failures. What does not: archives that lie
(``test_origin_archive``).
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import os
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ecorse.errors import ConfigError, ContractError, DiskFull, SourceUnavailable
from ecorse.origins import fetch_files, kaggle
from ecorse.settings import Settings

GET = "/api/v1/datasets.DatasetApiService/GetDataset"
DOWNLOAD = "/api/v1/datasets.DatasetApiService/DownloadDataset"


def make_zip(members: dict[str, bytes]) -> bytes:
    """A zip archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


class KaggleStub(ThreadingHTTPServer):
    """Serves the archives in ``versions``; ``mode`` says how to fail; ``requests`` is what came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.versions: dict[int, bytes] = {}
        self.mode = "ok"
        self.requests: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: KaggleStub

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, body, dict(self.headers)))
        mode = self.server.mode
        if mode == "silent":
            time.sleep(3)
            return
        if mode.isdigit():
            self.give(int(mode), b"refused", {"Retry-After": "17"} if mode == "429" else {})
        elif self.path == GET:
            self.give_version(mode)
        elif self.path == DOWNLOAD and mode == "redirect":
            self.give(
                302, b"", {"Location": f"{self.server.url}/storage/{body['datasetVersionNumber']}"}
            )
        elif self.path == DOWNLOAD and int(body["datasetVersionNumber"]) in self.server.versions:
            self.give_archive(self.server.versions[int(body["datasetVersionNumber"])], mode)
        else:
            self.give(404, b"not found", {})

    def do_GET(self) -> None:
        self.give_archive(self.server.versions[int(self.path.rsplit("/", 1)[1])], "ok")

    def give_version(self, mode: str) -> None:
        newest = max(self.server.versions, default=0)
        answer = json.dumps({"currentVersionNumber": newest}).encode()
        other = {"not_json": b"<html>maintenance</html>", "list": b"[]", "empty": b"{}"}
        self.give(200, other.get(mode, answer), {"Content-Type": "application/json"})

    def give_archive(self, data: bytes, mode: str) -> None:
        md5 = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        headers = {"Content-Type": "application/zip", "x-goog-hash": f"crc32c=AAAAAA==,md5={md5}"}
        if mode == "cut":  # the connection breaks off half-way
            self.give(200, data[: len(data) // 2], headers, announced=len(data))
        elif mode == "truncated":  # a whole answer with half an archive in it, and no checksum
            self.give(200, data[: len(data) // 2], {"Content-Type": "application/zip"})
        elif mode == "flipped":
            self.give(200, data[:50] + bytes([data[50] ^ 1]) + data[51:], headers)
        else:
            self.give(200, data, headers)

    def give(
        self, status: int, body: bytes, headers: dict[str, str], announced: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if announced is None else announced))
        self.end_headers()
        self.wfile.write(body)


APRIL, MAY = b"Order ID\n1\n", b"Order ID\n2\n"
HANDLE = "someone/some-sales"
PINNED = f"{HANDLE}/versions/2"


@pytest.fixture
def stub(monkeypatch, tmp_path):
    server = KaggleStub()
    server.versions = {
        1: make_zip({"April.csv": APRIL}),
        2: make_zip({"sub/May.csv": MAY, "April.csv": APRIL, "readme.txt": b"hello"}),
    }
    monkeypatch.setenv("KAGGLE_API_ENDPOINT", server.url)
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_API_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    yield server
    server.stop()


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home", kaggle_handle=PINNED)


def fetch(settings: Settings, **options):
    return fetch_files("kaggle", settings, options)


def leftovers(settings: Settings) -> list[Path]:
    return [p for p in (settings.home / "kaggle").rglob("*") if p.name.endswith((".tmp", ".zip"))]


@pytest.mark.parametrize("mode", ["ok", "redirect"])
def test_a_pinned_version_is_fetched_once_and_anonymously(stub, settings, mode):
    stub.mode = mode
    files = fetch(settings)
    assert [f.file_name for f in files] == ["April.csv", "sub/May.csv"]
    assert [f.path.read_bytes() for f in files] == [APRIL, MAY]
    assert files[0].provenance["handle"] == PINNED
    assert files[0].provenance["from_cache"] is False
    assert all(settings.home / "kaggle" in f.path.parents for f in files)
    [(path, body, headers)] = stub.requests
    assert path == DOWNLOAD
    assert (body["ownerSlug"], body["datasetSlug"]) == ("someone", "some-sales")
    assert "Authorization" not in headers

    stub.mode = "500"  # the second night needs no network
    again = fetch(settings)
    assert [f.path for f in again] == [f.path for f in files]
    assert again[0].provenance["from_cache"] is True
    assert again[0].provenance["warning"] == ""
    assert len(stub.requests) == 1
    assert not leftovers(settings)


def test_a_token_is_used_and_never_told(stub, settings, monkeypatch, caplog):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "canary-token")
    stub.mode = "403"
    with caplog.at_level(logging.DEBUG), pytest.raises(SourceUnavailable) as refused:
        fetch(settings)
    assert stub.requests[0][2]["Authorization"] == "Bearer canary-token"
    assert "canary" not in caplog.text + str(refused.value)


def test_without_the_variable_kaggle_itself_is_asked(monkeypatch, stub):
    monkeypatch.delenv("KAGGLE_API_ENDPOINT")
    with kaggle._build_client() as client:
        http = client.http_client()
        assert http._get_request_url("service", "Call") == "https://api.kaggle.com/v1/service/Call"
        adapter = http._session.get_adapter("https://api.kaggle.com/")
        assert type(adapter).__name__ == "WithTimeouts"


def test_kagglehub_itself_finds_the_copy(stub, settings, monkeypatch):
    fetch(settings)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(settings.home / "kaggle"))
    import kagglehub

    folder = Path(kagglehub.dataset_download(PINNED))
    assert (folder / "April.csv").read_bytes() == APRIL
    assert len(stub.requests) == 1


def test_without_a_pin_the_current_version_is_asked_for(stub, settings):
    assert [f.file_name for f in fetch(settings, handle=HANDLE)] == ["April.csv", "sub/May.csv"]
    assert [path for path, _, _ in stub.requests] == [GET, DOWNLOAD]
    fetch(settings, handle=HANDLE)
    assert [path for path, _, _ in stub.requests] == [GET, DOWNLOAD, GET]
    assert [f.file_name for f in fetch(settings, handle=HANDLE, version="1")] == ["April.csv"]


def test_without_a_pin_the_newest_copy_serves_while_kaggle_is_down(stub, settings, caplog):
    fetch(settings, handle=HANDLE, version=1)
    fetch(settings, handle=HANDLE, version=2)
    stub.mode = "429"
    with caplog.at_level(logging.WARNING):
        files = fetch(settings, handle=HANDLE)
    assert files[0].provenance["handle"] == PINNED
    assert files[0].provenance["from_cache"] is True
    assert "limits the rate" in files[0].provenance["warning"]
    assert "was used instead" in caplog.text


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("404", r"no such data set or version \(404\). Check the handle"),
        ("403", r"without an account \(403\)"),
        ("429", r"\(429\). Run again after 17 seconds"),
        ("500", r"error \(500\). Run again later"),
        ("503", r"error \(503\)"),
        ("cut", r"broke off .*Check the network"),
        ("truncated", r"cut off or damaged .*run again"),
        ("flipped", r"download is damaged .*MD5"),
    ],
)
def test_each_failure_names_the_handle_and_the_next_step(stub, settings, mode, sentence):
    stub.mode = mode
    with pytest.raises(SourceUnavailable, match=f"Kaggle data set {PINNED}: .*{sentence}"):
        fetch(settings)
    assert not leftovers(settings)
    stub.mode = "ok"  # and the next run is not hindered by it
    assert len(fetch(settings)) == 2


@pytest.mark.parametrize("mode", ["not_json", "list", "empty"])
def test_an_answer_nobody_understands(stub, settings, mode):
    stub.mode = mode
    with pytest.raises(SourceUnavailable, match=f"Kaggle data set {HANDLE}: "):
        fetch(settings, handle=HANDLE)


def test_a_missing_version_never_falls_back_to_another(stub, settings):
    fetch(settings, handle=HANDLE, version=1)
    with pytest.raises(SourceUnavailable, match=f"{HANDLE}/versions/9: .*404"):
        fetch(settings, handle=f"{HANDLE}/versions/9")


def test_nobody_listens(settings, monkeypatch, stub):
    monkeypatch.setenv("KAGGLE_API_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(SourceUnavailable, match=f"{PINNED}: .*could not be reached.*ORIGIN=folder"):
        fetch(settings)


def test_a_silent_server_is_given_up(stub, settings, monkeypatch):
    monkeypatch.setattr(kaggle, "SILENCE_SECONDS", 0.3)
    stub.mode = "silent"
    with pytest.raises(SourceUnavailable, match="could not be reached"):
        fetch(settings)


def test_a_changed_copy_is_fetched_again(stub, settings, caplog):
    [april, _] = fetch(settings)
    april.path.write_bytes(b"Order ID\n666\n")
    with caplog.at_level(logging.WARNING):
        files = fetch(settings)
    assert files[0].path.read_bytes() == APRIL
    assert "were changed" in caplog.text

    april.path.write_bytes(b"Order ID\n666\n")
    stub.mode = "500"
    with pytest.raises(SourceUnavailable, match="500"):
        fetch(settings)


def test_other_content_under_the_same_version_is_refused(stub, settings):
    [april, _] = fetch(settings)
    april.path.unlink()
    stub.versions[2] = make_zip({"April.csv": b"Order ID\n666\n"})
    with pytest.raises(SourceUnavailable, match="changed under the same version"):
        fetch(settings)
    assert not leftovers(settings)


def test_a_bomb_is_refused_and_nothing_of_it_stays(stub, settings):
    stub.versions[2] = make_zip({"April.csv": APRIL, "big.csv": bytes(20_000_000)})
    with pytest.raises(ContractError, match=rf"{PINNED}: .*refused.*big.csv.*more than 100 times"):
        fetch(settings)
    assert [p for p in (settings.home / "kaggle").rglob("*") if p.is_file()] == []


def test_what_a_killed_run_left_is_cleared(stub, settings):
    left = settings.home / "kaggle/datasets/someone/some-sales/versions/.2.abcd.tmp"
    left.mkdir(parents=True)
    (left / "archive.zip").write_bytes(b"half")
    assert len(fetch(settings)) == 2
    assert not leftovers(settings)


def test_only_the_named_files(stub, settings):
    [file] = fetch(settings, files="sub/May.csv")
    assert (file.file_name, file.path.read_bytes()) == ("sub/May.csv", MAY)
    assert len(fetch(settings, files=["sub/May.csv", "April.csv"])) == 2
    with pytest.raises(ConfigError, match=r"files = 'June.csv': .* which has April.csv, sub/May"):
        fetch(settings, files="June.csv")


def test_archives_inside_the_data_set(stub, settings):
    stub.versions[2] = make_zip({"all.csv.zip": make_zip({"all.csv": APRIL})})
    [file] = fetch(settings)
    assert (file.file_name, file.path.read_bytes()) == ("all.csv.zip/all.csv", APRIL)


def test_a_data_set_without_csv(stub, settings):
    stub.versions[2] = make_zip({"readme.txt": b"hello"})
    with pytest.raises(SourceUnavailable, match=f"{PINNED}: it holds no"):
        fetch(settings)


def test_a_disk_too_small_is_said_before_the_download(stub, settings, monkeypatch):
    usage = type(kaggle.shutil.disk_usage("/"))(100, 99, 1)
    monkeypatch.setattr(kaggle.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFull, match=f"{PINNED}: needs [0-9]+ bytes .*where 1"):
        fetch(settings)
    assert not leftovers(settings)


def test_two_runs_at_once_both_get_the_files(stub, settings):
    results: list[list[bytes]] = []

    def run() -> None:
        results.append([f.path.read_bytes() for f in fetch(settings)])

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[APRIL, MAY]] * 4
    assert len(stub.requests) == 1  # the others waited and found the copy
    assert not leftovers(settings)


@pytest.mark.parametrize(
    "handle",
    [
        "",
        "someone",
        "a/b/c",
        f"{HANDLE}/versions/x",
        f"{HANDLE}/versions/0",
        "../etc",
        "a b/c",
        "/x",
    ],
)
def test_what_is_no_handle(stub, settings, handle):
    settings = settings.model_copy(update={"kaggle_handle": handle})
    with pytest.raises(ConfigError, match="Expected owner/name or owner/name/versions/N"):
        fetch(settings)
    assert stub.requests == []


def test_two_pins_that_differ(stub, settings):
    with pytest.raises(ConfigError, match="differs"):
        fetch(settings, handle=PINNED, version=1)


def test_no_simulated_data_appears(stub, settings):
    stub.mode = "500"
    with pytest.raises(SourceUnavailable):
        fetch(settings)
    assert not os.path.exists(settings.home / "simulated")
