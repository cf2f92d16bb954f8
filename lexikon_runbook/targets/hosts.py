"""The hosts and ports of a URL, as libpq and as SQLAlchemy write several of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from ..errors import NOTHING_CHANGED, SettingsError

PLACE = re.compile(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[^:]*))?")
WITH_PORT = re.compile(r"(?:\[[^\[\]]+\]|[a-zA-Z0-9.-]*):[0-9]*")
EXAMPLE = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"


def places(written: str, hosts: Sequence[str], ports: Sequence[str]) -> tuple[list[str], list[str]]:
    """The hosts and their ports: those behind the question mark, else those before it.

    One port is for every host. Raises SettingsError, without echoing anything.
    """
    before = [_place(each) for each in written.split(",")]
    tokens = [host for each in hosts for host in each.split(",")]
    behind = [_place(t) if WITH_PORT.fullmatch(t) else (t, "") for t in tokens]
    if ports and any(port for _, port in behind):
        raise _mixed()
    of = behind or before
    found = [port for each in ports for port in each.split(",")] or [port for _, port in of]
    if not any(found):
        found = [port for _, port in before]
    for port in found:
        _check(port)
    if len(found) not in (1, len(of)):
        raise _mixed()
    return [host for host, _ in of], found


def _place(text: str) -> tuple[str, str]:
    match = PLACE.fullmatch(text)
    if match is None:
        raise apart()
    return unquote(match["ipv6"] or match["host"]), match["port"] or ""


def _check(port: str) -> None:
    if not re.fullmatch("[0-9]*", port):
        raise apart()
    if port and not 0 < int(port) < 65536:
        raise malformed("its port is not between 1 and 65535")


def apart() -> SettingsError:
    """The refusal of what is no URL of this form."""
    return malformed("it can't be taken apart into user, host, port and database")


def _mixed() -> SettingsError:
    return malformed("its hosts and ports can't be told apart")


def malformed(why: str) -> SettingsError:
    """The refusal of a URL, and how to write one."""
    return SettingsError(
        f"the database URL can't be used: {why}.",
        state=NOTHING_CHANGED,
        next_step=f"write it as {EXAMPLE}, with %, @, / and : in user and password "
        "percent-encoded.",
    )
