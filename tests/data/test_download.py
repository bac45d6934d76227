"""Downloads from a server on this machine that breaks off, is busy, or changes the file."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from implicitbias.data import _download

CONTENT = bytes(range(256)) * 4096  # a megabyte
Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Server:
    """Gives its answers one after another, the last one for ever; keeps the headers asked with."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.ranges: list[str | None] = []


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, str]]:
    monkeypatch.setattr(_download, "PAUSE_S", 0.01)
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.ranges.append(self.headers.get("Range"))
            (state.answers.pop(0) if len(state.answers) > 1 else state.answers[0])(self)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield state, f"http://127.0.0.1:{running.server_address[1]}/file.bin"
        running.shutdown()


def serve(content: bytes = CONTENT, most: int | None = None, tag: str = '"one"') -> Answer:
    """Answer a request, with `Range` if its `If-Range` fits; break off after `most` bytes."""

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        asked, start = request.headers.get("Range"), 0
        if asked and request.headers.get("If-Range") == tag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(content) - start))
        if tag:
            request.send_header("ETag", tag)
        request.end_headers()
        request.wfile.write(content[start : None if most is None else start + most])

    return answer


def status(code: int) -> Answer:
    return lambda request: request.send_error(code)


def test_a_line_that_breaks_is_taken_up_where_it_broke(server, tmp_path: Path) -> None:
    state, url = server
    state.answers = [serve(most=300_000), serve(most=300_000), serve()]
    _download.download(url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert state.ranges == [None, "bytes=300000-", "bytes=600000-"]


def test_a_file_that_changed_in_between_is_taken_from_its_beginning(server, tmp_path: Path) -> None:
    state, url = server
    state.answers = [serve(most=300_000), serve(CONTENT[::-1], tag='"two"')]
    _download.download(url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT[::-1]


def test_a_server_that_names_no_version_is_asked_for_the_whole_file(server, tmp_path: Path) -> None:
    state, url = server
    state.answers = [serve(most=300_000, tag=""), serve(tag="")]
    _download.download(url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert state.ranges == [None, None]


def test_a_busy_server_is_asked_again_and_one_that_refuses_is_not(server, tmp_path: Path) -> None:
    state, url = server
    state.answers = [status(503), serve()]
    _download.download(url, tmp_path / "file")
    assert len(state.ranges) == 2
    state.answers, state.ranges = [status(403)], []
    with pytest.raises(OSError, match="403"):
        _download.download(url, tmp_path / "file")
    assert len(state.ranges) == 1


def test_attempts_are_bounded_and_one_that_brings_nothing_ends_them(server, tmp_path: Path) -> None:
    state, url = server
    state.answers = [serve(most=1000)]
    with pytest.raises(OSError, match="5000 of 1048576 bytes"):
        _download.download(url, tmp_path / "file")
    assert len(state.ranges) == _download.ATTEMPTS
    state.answers, state.ranges = [serve(most=1000), serve(most=0)], []
    with pytest.raises(OSError, match=r"1000 of 1048576 bytes \(attempt 2\)"):
        _download.download(url, tmp_path / "file")
