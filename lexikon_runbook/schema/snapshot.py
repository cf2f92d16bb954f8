"""A catalog in the archive: written with a run's record, and read back to compare with.

`catalog.json` is JSON with one object a line, sorted, so that any diff tool can read it. It holds
no secret: what is archived is masked, and so must be what is compared with it. docs/inspect.md
explains its keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..errors import NOTHING_CHANGED, SnapshotUnusable
from ..postgres.catalog import Catalog
from ..record import record

FORMAT = 1
NAME = "catalog.json"
ID = re.compile(r"[0-9a-f]{8}")
HEAD = ("target", "database", "at", "owner", "taken")


@dataclass(frozen=True)
class Snapshot:
    """One moment of a database: whose, where, at which revision, when (UTC), and its catalog.

    `owner` is the role that its objects are compared by: who ran the migrations.
    """

    target: str
    database: str
    at: str
    owner: str
    taken: str
    catalog: Catalog

    def __str__(self) -> str:
        return f"{self.target} ({self.database}) as of {self.taken} UTC"


def masked(of: Catalog, mask: Callable[[str], str]) -> Catalog:
    """A catalog without a secret in any of its texts. Pure.

    `mask` is asked about all of them at once first, a line each: few schemas hold a secret, and
    asking about each takes many times as long.
    """
    whole = "\n".join(f"{name}\n{text}" for (_, name), text in of.objects.items())
    if mask(whole) == whole:
        return of
    return Catalog(
        MappingProxyType(
            {(kind, mask(name)): mask(text) for (kind, name), text in of.objects.items()}
        )
    )


def write(folder: Path, snapshot: Snapshot, mask: Callable[[str], str]) -> Path:
    """Write `catalog.json`, masked, whole or not at all; returns its path. Writes the folder."""
    safe = masked(snapshot.catalog, mask)
    head = {name: mask(getattr(snapshot, name)) for name in HEAD}
    file = folder / NAME
    record.write_atomically(file, "".join(_lines(head, safe)))
    return file


def _lines(head: dict[str, str], of: Catalog) -> Iterator[str]:
    """The file's text: its head, then a line an object."""
    begun = {"format": FORMAT, **head, "fingerprint": of.fingerprint}
    yield json.dumps(begun, indent=1, ensure_ascii=False)[:-2] + ',\n "objects": ['
    comma = ""
    for (kind, name), text in sorted(of.objects.items()):
        yield f"{comma}\n  {json.dumps([kind, name, text], ensure_ascii=False)}"
        comma = ","
    yield "\n ]\n}\n"


def find(text: str, project: Path, archive: Path) -> Path | None:
    """The snapshot that a person means: its file, its record's folder, or its record's id.

    Paths are relative to the working folder, the project or the archive. Reads only; None where
    there is nothing of that name. Raises SnapshotUnusable for a record without a snapshot.
    """
    if ID.fullmatch(text):
        for folder in sorted(archive.glob(f"[0-9]*/[0-9]*/[0-9]*/*-{text}"), reverse=True):
            return _in(folder)
    for base in (Path(), project, archive):
        try:
            place = base / Path(text).expanduser()
            if place.is_file():
                return place
            if (place / NAME).is_file() or (place / "record.json").is_file():
                return _in(place)
        except (OSError, RuntimeError):  # a name too long, or a home that is nobody's
            continue
    return None


def _in(folder: Path) -> Path:
    """The snapshot in a record's folder."""
    if (folder / NAME).is_file():
        return folder / NAME
    raise _unusable(folder, f"holds no {NAME}: it is the record of a run that archived none")


def read(file: Path) -> Snapshot:
    """The snapshot in that file. Reads only.

    Raises SnapshotUnusable for a file that is none, is damaged, or was written in another format.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unusable(file, f"can't be read: {error.strerror}") from error
    except ValueError as error:
        raise _unusable(file, "is no JSON: it is damaged, or another file") from error
    if not isinstance(found, dict) or not {"format", "objects", "fingerprint"} <= found.keys():
        raise _unusable(file, "is no snapshot of a catalog")
    if found["format"] != FORMAT:
        raise _unusable(file, f"has format {found['format']!r}, and this version reads {FORMAT}")
    return _whole(file, found)


def _whole(file: Path, found: dict[str, Any]) -> Snapshot:
    try:
        objects = {(kind, name): text for kind, name, text in found["objects"]}
        of = Catalog(MappingProxyType(objects))
        told = {name: str(found[name]) for name in HEAD}
        same = of.fingerprint == found["fingerprint"] and len(objects) == len(found["objects"])
    except (LookupError, TypeError, ValueError) as error:
        raise _unusable(file, "is damaged: an object or a key is not as it was written") from error
    if not same:
        raise _unusable(file, "is damaged: its objects are not those of its fingerprint")
    return Snapshot(catalog=of, **told)


def _unusable(place: Path, why: str) -> SnapshotUnusable:
    return SnapshotUnusable(
        f"{place} {why}.",
        state=NOTHING_CHANGED,
        next_step=f"name the {NAME} of an inspect_schema run, its folder, or its id; "
        "lexikon-runbook run inspect_schema -p target=NAME archives a new one.",
    )
