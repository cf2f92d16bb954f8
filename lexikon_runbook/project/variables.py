"""The environment that a worker is started with: the target's, or one that leads nowhere else.

While a plan is made no variable may lead to the target: a revision that opens a connection of its
own would change it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import unquote

from ..errors import SettingsError
from ..targets import urls
from ..targets.settings import Target
from ..targets.urls import Address

__all__ = ["NOWHERE", "Address", "elsewhere", "of_target"]

URL = re.compile(r"(?P<scheme>postgres(?:ql)?(?:\+\w+)?)://[^\s'\"]*", re.I)
OF_LIBPQ = ("PGSERVICE", "PGSERVICEFILE", "PGPASSWORD", "PGPASSFILE", "PGHOSTADDR", "PGOPTIONS")
SHORTEST = 3  # a host or a name below that is found in everything
OUR_OWN = ("JPY_", "PAPERMILL", "IPY", "LEXIKON_RUNBOOK_SIGNING_KEY")
NOWHERE = Address("127.0.0.1", "1", "nowhere", "nobody")


def of_target(target: Target, url: str) -> dict[str, str]:
    """The variables of this process, with the target's URL where env.py reads it."""
    found = _ours()
    if target.env_py_variable:
        found[target.env_py_variable] = url
    return found


def elsewhere(target: Target, url: str, own: Address, address: Address) -> dict[str, str]:
    """The variables of this process; each that leads to the target (`own`) leads elsewhere.

    `url` is the other database's, with the driver that the project uses.
    """
    found = {
        name: value if _leads_beside(target, value, own) else _led_away(value, own, address)
        for name, value in _ours().items()
        if name not in OF_LIBPQ
    }
    found |= {"PGHOST": address.host, "PGPORT": address.port, "PGDATABASE": address.database}
    for name in (target.url_env, target.env_py_variable):
        if name:
            found[name] = url
    return found


def _ours() -> dict[str, str]:
    """Ours, with a PYTHONPATH that means the same in the folder in which a worker is started."""
    found = {name: value for name, value in os.environ.items() if not name.startswith(OUR_OWN)}
    if path := found.get("PYTHONPATH"):
        found["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, path.split(os.pathsep)))
    return found


def _leads_beside(target: Target, value: str, own: Address) -> bool:
    """Whether it is the URL of another database, at places that env.py may reach."""
    if not URL.fullmatch(value):
        return False
    try:
        there = urls.address(value)
    except SettingsError:
        return False
    named = {(host, str(port)) for host, port in target.reach}
    places = {(host, port or "5432") for host, port in there.places}
    return there.database not in ("", own.database) and places <= named


def _led_away(value: str, own: Address, address: Address) -> str:
    def other(match: re.Match[str]) -> str:
        text = unquote(match[0])
        same = own.database in text and any(host in text for host, _ in own.places)
        return address.url(match["scheme"]) if same else match[0]

    value = URL.sub(other, value)
    exact: Mapping[str, str] = {
        own.host: address.host,
        own.database: address.database,
        own.password: address.password or "none",
        **{host: address.host for host, _ in own.places},
        **{f"{host}:{port}": f"{address.host}:{address.port}" for host, port in own.places},
    }
    if len(value) >= SHORTEST and value in exact:
        return exact[value]
    if len(own.password) > SHORTEST and own.password in value:
        return value.replace(own.password, address.password or "none")
    return value
