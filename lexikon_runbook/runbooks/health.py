"""The application's health, as its health URL tells it. Reads only."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import Unhealthy
from ..postgres.runner import Reporter
from ..project.history import Direction
from ..show.render import Block, Card, Shown, duration, shorten
from ..targets.settings import Target

WELL = ("healthy", "ok", "ready", "up", "pass")
PROBE_S, POLL_S = 5.0, 1.0
LONGEST_ANSWER = 1 << 20


@dataclass(frozen=True)
class Health(Shown):
    """What the health URL answered. `healthy` is None when there is none to ask."""

    url: str  # masked
    healthy: bool | None
    answer: str
    after_s: float = 0.0
    probes: int = 1

    def blocks(self) -> Sequence[Block]:
        if self.healthy is None:
            return [Card("Health: unknown", [("Why", self.answer)], "warning")]
        word = "healthy" if self.healthy else "NOT healthy"
        lines = [("GET", self.url), ("Answer", self.answer)]
        if self.probes > 1 or self.after_s > 1:
            lines.append(("After", f"{duration(self.after_s)}, {self.probes} probes"))
        return [Card(f"Health: {word}", lines, "good" if self.healthy else "danger")]


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a login page that answers 200 is not a healthy application."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_Stay)


def probe(target: Target, timeout_s: float = PROBE_S) -> Health:
    """Ask the health URL once. Reads only; never raises, and no whole answer is not healthy."""
    url = target.health_url
    if not url:
        return Health("", None, f"target {target.name} has no health_url in runbook.toml")
    shown = target.mask(url)
    if not url.startswith(("http://", "https://")):
        return Health(shown, False, "health_url must begin with http:// or https://")
    deadline = time.monotonic() + timeout_s
    try:
        with _opener.open(url, timeout=timeout_s) as response:
            return Health(shown, *_judged(target, response.status, _body(response, deadline)))
    except urllib.error.HTTPError as error:
        with error:
            return Health(shown, *_refused(target, error, deadline))
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = shorten(target.mask(str(getattr(error, "reason", error)))) or type(error).__name__
        return Health(shown, False, f"no answer: {why}")


def _refused(target: Target, error: urllib.error.HTTPError, deadline: float) -> tuple[bool, str]:
    if "Location" in error.headers:
        to = shorten(target.mask(error.headers["Location"]))
        return False, f"{error.code} redirect to {to}: set health_url to where it ends"
    try:
        return _judged(target, error.code, _body(error, deadline))
    except (OSError, http.client.HTTPException):
        return False, f"{error.code}"


def _body(response: Any, deadline: float) -> bytes:
    """The whole answer. Raises TimeoutError when it does not end in time, or is too long."""
    body = bytearray()
    while part := response.read1(65536):
        body += part
        if time.monotonic() > deadline or len(body) > LONGEST_ANSWER:
            raise TimeoutError("the answer did not end")
    if response.length:
        raise TimeoutError("the answer was cut off")
    return bytes(body)


def _judged(target: Target, code: int, body: bytes) -> tuple[bool, str]:
    """Healthy is a 2xx whose JSON, if it has a `status`, says so in one of the usual words."""
    text = body.decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    said = str(document.get("status", "ok")) if isinstance(document, dict) else "ok"
    if document is None and text.lstrip().startswith("{"):
        said = "not JSON"
    return 200 <= code < 300 and said.lower() in WELL, f"{code} {shorten(target.mask(text))}"


def wait_healthy(target: Target, deadline_s: float, report: Reporter) -> Health:
    """Ask until the application is healthy or `deadline_s` seconds are over. Reads only.

    Returns the last answer; asks at least once.
    """
    began, pause, probes = time.monotonic(), threading.Event(), 0
    while True:
        left = deadline_s - (time.monotonic() - began)
        found = probe(target, min(PROBE_S, max(0.1, left)) if deadline_s else PROBE_S)
        probes, after = probes + 1, time.monotonic() - began
        if found.healthy is not False or after >= deadline_s:
            return replace(found, after_s=round(after, 3), probes=probes)
        report.passing(f"health: {found.answer} after {duration(after)}")
        pause.wait(min(POLL_S, max(0.0, deadline_s - after)))


def unhealthy(target: Target, direction: Direction, last: Health) -> Unhealthy:
    """The refusal that follows the last answer of an application that stayed unhealthy. Pure."""
    log = f"the application's log ({target.logs or 'no logs command is set'})"
    rollback = target.run("rollback")
    if direction == "upgrade":
        advice = f"read {log}; to take the revision back: {rollback}"
    else:
        advice = f"read {log} and the activity above before you go back further with {rollback}"
    return Unhealthy(
        f"GET {last.url} was not healthy within {duration(last.after_s)} and {last.probes} "
        f"probes; the last answer: {last.answer}.",
        state=f"the {direction} is done and stays; the application is not healthy.",
        next_step=advice,
    )
