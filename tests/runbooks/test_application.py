"""The application around the database: asked over real HTTP, restarted by real commands."""

from __future__ import annotations

import http.server
import shlex
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from runs import until

from lexikon_runbook.runbooks import application, health
from lexikon_runbook.targets.settings import Target

Answer = tuple[int, bytes]


@dataclass
class Said:
    """A reporter that keeps what it was told."""

    lines: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)

    def lasting(self, line: str) -> None:
        self.lines.append(line)

    def applied(self, line: str, facts: Mapping[str, object]) -> None:
        self.lines.append(str(facts))

    def passing(self, line: str) -> None:
        self.passed.append(line)


@contextmanager
def answering(*answers: Answer, location: str = "") -> Iterator[str]:
    """A server that gives these answers in turn, the last one for ever; its URL."""
    left = list(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/health"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def speaking(*parts: bytes, ends: bool = True) -> Iterator[str]:
    """A port that says these bytes to whoever connects, whatever was asked; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                    kept.append(peer)
                    for part in parts:
                        peer.sendall(part)
                    if ends:
                        peer.recv(65536)
                        peer.close()
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "POLL_S", 0.02)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def target(tmp_path: Path) -> Callable[..., Target]:
    return lambda **given: Target("staging", tmp_path, **given)


def test_application_that_recovers_is_waited_for(target: Callable[..., Target]) -> None:
    """503 twice and then 200: healthy, with the number of probes and the answers on the way."""
    said = Said()
    with answering((503, b"starting"), (503, b"starting"), (200, b'{"status": "ok"}')) as url:
        found = health.wait_healthy(target(health_url=url), 20, said)
    assert (found.healthy, found.probes) == (True, 3)
    assert found.answer == '200 {"status": "ok"}'
    assert len(said.passed) == 2
    assert said.passed[0].startswith("health: 503 starting after")
    assert "Health: healthy" in str(found)


@pytest.mark.parametrize(
    "body",
    [
        b'{"status": "unhealthy", "database": "down"}',
        b'{"status": "degraded"}',
        b'{"status": null}',
        b'{"status": "ok", "checks": [1, 2',
    ],
)
def test_200_that_does_not_say_healthy_is_not_healthy(
    target: Callable[..., Target], body: bytes
) -> None:
    """The status in the JSON counts, and JSON that is cut off says nothing good."""
    with answering((200, body)) as url:
        assert health.probe(target(health_url=url)).healthy is False


@pytest.mark.parametrize("body", [b"", b"fine", b"[]", b'{"status": "UP"}', b'{"version": 3}'])
def test_200_without_a_word_against_it_is_healthy(
    target: Callable[..., Target], body: bytes
) -> None:
    """A plain 200 is how most applications say it."""
    with answering((200, body)) as url:
        assert health.probe(target(health_url=url)).healthy is True


def test_redirect_is_not_followed_and_tells_where_to(target: Callable[..., Target]) -> None:
    """A login page behind a redirect would answer 200 whatever the application does."""
    with (
        answering((200, b"login")) as login,
        answering((302, b""), location=login) as url,
    ):
        found = health.probe(target(health_url=url))
    assert found.healthy is False
    assert found.answer == f"302 redirect to {login}: set health_url to where it ends"


@pytest.mark.parametrize(
    ("parts", "ends"),
    [
        ((b"220 mail.example ESMTP\r\n",), True),
        ((b"",), True),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nfine",), True),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",), True),
        ((b"HTTP/1.1 503 No\r\nContent-Length: 500\r\n\r\n{",), True),
        ((), False),
        ((b"HTTP/1.1 200 OK\r\n\r\n{",), False),
    ],
    ids=["no HTTP", "closes", "cut off", "bad chunk", "503 cut off", "hangs", "hangs in body"],
)
def test_answer_that_cannot_be_read_whole_is_never_healthy(
    target: Callable[..., Target], parts: tuple[bytes, ...], ends: bool
) -> None:
    """A read that failed is no answer, and a server that hangs is given up in time."""
    began = time.monotonic()
    with speaking(*parts, ends=ends) as url:
        found = health.probe(target(health_url=url), timeout_s=0.3)
    assert found.healthy is False
    assert found.answer
    assert time.monotonic() - began < 5


def test_nobody_listening_and_a_file_url_are_not_healthy(target: Callable[..., Target]) -> None:
    """Refused connections and URLs that are not HTTP get a reason, not an exception."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = health.probe(target(health_url=f"http://127.0.0.1:{port}/"))
    assert (found.healthy, "refused" in found.answer) == (False, True)
    found = health.probe(target(health_url="file:///etc/hostname"))
    assert found.healthy is False
    assert "must begin with http" in found.answer


def test_secrets_of_the_health_url_are_never_shown(target: Callable[..., Target]) -> None:
    """Neither a token, nor a password that urllib takes for a port."""
    with answering((200, b"ok")) as url:
        found = health.probe(target(health_url=f"{url}?token=hunter22"))
    assert found.healthy
    assert found.url == f"{url}?token=***"
    found = health.probe(target(health_url="http://me:hunter22@127.0.0.1/health"))
    assert found.url == "http://me:***@127.0.0.1/health"
    assert "hunter22" not in str(found)


def test_no_health_url_is_unknown_and_not_waited_for(target: Callable[..., Target]) -> None:
    """Unknown is neither healthy nor a reason to wait."""
    found = health.wait_healthy(target(), 60, Said())
    assert found.healthy is None
    assert "no health_url in runbook.toml" in str(found)


def test_deadline_ends_the_wait_and_the_refusal_gives_the_rollback_command(
    target: Callable[..., Target],
) -> None:
    """After the deadline: the last answer, the log to read, and the way back."""
    with answering((503, b"password=hunter2 broke")) as url:
        staging = target(health_url=url, logs="docker logs backend")
        last = health.wait_healthy(staging, 0.2, Said())
    assert last.healthy is False
    assert 0.2 <= last.after_s < 5
    assert last.probes > 2
    refusal = health.unhealthy(staging, "upgrade", last)
    assert "the last answer: 503 password=*** broke" in refusal.happened
    assert refusal.next_step == (
        "read the application's log (docker logs backend); to take the revision back: "
        "lexikon-runbook run rollback -p target=staging"
    )
    assert "before you go back further" in health.unhealthy(staging, "downgrade", last).next_step


def python(source: str) -> str:
    return shlex.join([sys.executable, "-c", source])


def test_restart_command_is_shown_before_it_runs_and_its_exit_is_told(
    target: Callable[..., Target], tmp_path: Path
) -> None:
    """It runs in the project's folder; exit 0 is good, anything else is not."""
    said = Said()
    command = python("import os; print('in', os.getcwd())")
    done = application.restart(target(restart=command), said)
    assert said.lines == [f"restart: {command}"]
    assert (done.worked, done.output) == (True, f"in {tmp_path}")
    failed = application.restart(target(restart=python("print('no'); raise SystemExit(4)")), said)
    assert (failed.worked, failed.exit_code, failed.output) == (False, 4, "no")
    assert "Restart: exit 4" in str(failed)
    refusal = application.not_restarted(target(restart="x"), failed)
    assert "by hand" in refusal.next_step


def test_a_restart_that_wants_a_shell_is_given_one_to_write(target: Callable[..., Target]) -> None:
    """Its exit and last line are told; what stands in runbook.toml then works."""
    of = target(restart="cd /nowhere && true")
    failed = application.restart(of, Said())
    refusal = application.not_restarted(of, failed)
    assert failed.output.splitlines()[-1] in str(refusal)
    assert "restart = \"sh -c 'cd /nowhere && true'\"" in refusal.next_step
    said = target(restart=python("print('first'); print('no such service'); raise SystemExit(3)"))
    refusal = application.not_restarted(said, application.restart(said, Said()))
    assert "(exit 3)" in str(refusal)
    assert "it said: no such service" in str(refusal)
    assert "sh -c" not in refusal.next_step


@pytest.mark.parametrize("command", ["no-such-command --now", "'unbalanced", "/"])
def test_restart_command_that_cannot_start_is_told(
    target: Callable[..., Target], command: str
) -> None:
    """Not found, not a command, not permitted: the reason stands in the output."""
    done = application.restart(target(restart=command), Said())
    assert (done.worked, done.exit_code) == (False, None)
    assert "can't be started" in done.output


def test_restart_without_a_command_says_what_to_do(target: Callable[..., Target]) -> None:
    """Nothing is run, and the card tells to restart by hand."""
    done = application.restart(target(), Said())
    assert "restart the application yourself" in str(done)


def test_command_that_hangs_is_stopped_with_all_that_it_started(
    target: Callable[..., Target], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own children are ended, too, and what it printed so far is kept."""
    monkeypatch.setattr(application, "COMMAND_S", 1.0)
    file = tmp_path / "pid"
    # A child that hangs: it is ended with its parent.
    child = f"import os,signal; open({str(file)!r},'w').write(str(os.getpid())); signal.pause()"
    hang = (
        "import subprocess,sys; print('begun', flush=True);"
        f"subprocess.run([sys.executable, '-c', {child!r}])"
    )
    began = time.monotonic()
    done = application.restart(target(restart=python(hang)), Said())
    assert time.monotonic() - began < 20
    assert (done.exit_code, done.output) == (None, "begun\nstopped after 1.0 s")
    pid = int(file.read_text())
    until(lambda: not psutil.pid_exists(pid) or _dead(pid), "the child ends", 5)


def _dead(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_command_that_leaves_a_server_running_does_not_hang(
    target: Callable[..., Target], tmp_path: Path
) -> None:
    """A restart command starts something that lives on and keeps the standard output."""
    began = time.monotonic()
    file = tmp_path / "pid"
    command = f"sh -c 'sleep 30 & echo $! > {file}; echo started'"
    done = application.restart(target(restart=command), Said())
    assert (done.exit_code, done.output) == (0, "started")
    assert time.monotonic() - began < 10
    psutil.Process(int(file.read_text())).kill()


def test_log_tail_marks_errors_keeps_the_end_and_masks_secrets(
    target: Callable[..., Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last hundred lines, those with trouble marked; no password in them."""
    monkeypatch.setenv("APP_URL", "postgresql://app:s3cr3t-word@db/lexikon")
    source = (
        "print(*range(500), sep='\\n'); print('ERROR: can not reach "
        "postgresql://app:s3cr3t-word@db/lexikon'); print('password is s3cr3t-word')"
    )
    done = application.log_tail(target(logs=python(source), url_env="APP_URL"), Said())
    shown = str(done)
    assert len(done.output.splitlines()) == 100
    assert "1 line with errors, marked >>" in shown
    assert ">> ERROR: can not reach postgresql://app:***@db/lexikon" in shown
    assert "s3cr3t-word" not in shown
    assert "s3cr3t-word" not in done._repr_html_()


def test_log_command_that_prints_megabytes_and_bad_bytes_keeps_its_end(
    target: Callable[..., Target],
) -> None:
    """Only the end is read, and bytes that are no text are replaced."""
    source = (
        "import sys; o = sys.stdout.buffer; o.write((b'y' * 99 + b'\\n') * 50_000);"
        "o.write(b'\\xff\\xfe the end')"
    )
    done = application.log_tail(target(logs=python(source)), Said())
    assert done.exit_code == 0
    assert done.output.endswith("\ufffd\ufffd the end")
    assert len(done.output) < 20_000
