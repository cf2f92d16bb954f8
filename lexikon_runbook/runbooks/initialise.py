"""Make an Alembic project a project of runbooks: runbook.toml, the notebooks, .gitignore.

Everything is checked before the first file is written. What is there already is never
changed, unless it is named.
"""

from __future__ import annotations

import contextlib
import os
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import NOTHING_CHANGED, SettingsError
from ..project import discovery, settings_file
from ..project.discovery import Found
from ..record import record
from ..show.render import Block, Card, Code, Line, Shown, Table
from ..targets import settings
from . import notebooks

Fate = Literal["written", "unchanged", "replaced", "added to", "left alone"]
WRITES = ("written", "replaced", "added to")
IGNORE = ".gitignore"
IGNORED = (".demo*/", ".demo*.lock", "*.out.ipynb", ".ipynb_checkpoints/")


@dataclass(frozen=True)
class File:
    """One file of the project, what it would hold, and what becomes of it."""

    name: str
    path: Path
    text: str
    before: str | None
    fate: Fate


@dataclass(frozen=True)
class Initialised(Shown):
    """What `init` did to each file, and the commands that come next."""

    found: Found
    files: tuple[File, ...]
    commands: tuple[str, ...]
    notes: tuple[str, ...]

    def blocks(self) -> Sequence[Block]:
        """The project, a row a file, what to know, what to run."""
        sections = ", ".join(section.name for section in self.found.sections)
        changed = any(file.fate in WRITES for file in self.files)
        title = "Initialised" if changed else "Nothing was changed"
        project = (
            ("project", str(self.found.project)),
            ("alembic", f"{self.found.ini} [{sections}]"),
            *([("python", self.found.python)] if self.found.python else []),
            *([("flask", self.found.flask)] if self.found.flask else []),
        )
        rows = [(file.name, file.fate) for file in self.files]
        return (
            Card(title, project, "good"),
            Table(("file", "result"), rows),
            *(Line(note) for note in self.notes),
            Code("\n".join(self.commands), "Next:"),
        )


def initialise(start: Path, ini: str = "", replacing: Sequence[str] = ()) -> Initialised:
    """Write runbook.toml, runbooks/ and the lines of .gitignore that are missing.

    Writes in the project folder only, each file whole; a file that differs from what would
    be written stays as it is, unless `replacing` names it. Raises SettingsError, with
    nothing changed, when there is no project or one of the files can't be written.
    """
    found = discovery.find(start, ini)
    texts = {settings.FILE: settings_file.text(found)}
    for name, notebook in notebooks.shipped().items():
        texts[f"runbooks/{name}.ipynb"] = notebook.read_text(encoding="utf-8")
    replacing = [_named(name, texts) for name in replacing]
    files = [_file(found.project, name, text, replacing) for name, text in texts.items()]
    targets = _targets(found.project, files[0])
    files.append(_ignore(found.project))
    _write(found.project, [file for file in files if file.fate in WRITES])
    return Initialised(found, tuple(files), _commands(targets), _notes(found, files))


def _named(name: str, texts: dict[str, str]) -> str:
    plain = os.path.normpath(name)
    if plain in texts:
        return plain
    raise SettingsError(
        f"init does not write {name}.",
        state=NOTHING_CHANGED,
        next_step=f"name one of: {', '.join(texts)}",
    )


def _file(project: Path, name: str, text: str, replacing: Sequence[str]) -> File:
    path = _place(project, name)
    before = _read(path, name)
    if before is None:
        return File(name, path, text, None, "written")
    if before == text:
        return File(name, path, text, before, "unchanged")
    return File(name, path, text, before, "replaced" if name in replacing else "left alone")


def _place(project: Path, name: str) -> Path:
    """Where a file really is. Raises SettingsError when it can't be a file of this project."""
    path = project / name
    folder = path.parent
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise _unusable(
            f"{folder} is a file, and the notebooks go into a folder of that name.",
            f"move it away: mv {folder} {folder}.old",
        )
    real = Path(os.path.realpath(path))
    if os.path.islink(real):
        raise _unusable(f"{name} is a link that leads to itself.", f"take it away: rm {path}")
    if Path(os.path.realpath(project)) not in real.parents:
        raise _unusable(
            f"{name} leads out of the project, to {real}.",
            f"put a folder in the place of the link, or run init in {real.parent}.",
        )
    if os.path.exists(real) and not os.path.isfile(real):
        raise _unusable(f"{path} is no file.", f"move it away: mv {path} {path}.old")
    return real


def _read(path: Path, name: str) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise _unusable(f"{path} can't be read.", f"make {name} a readable UTF-8 file.") from None


def _ignore(project: Path) -> File:
    """.gitignore with the lines that are missing; what stands in it stays."""
    path = _place(project, IGNORE)
    before = _read(path, IGNORE)
    there = {line.strip().strip("/") for line in (before or "").splitlines()}
    wanted = (*_archive_line(project), *IGNORED)
    missing = [line for line in wanted if line.strip("/") not in there]
    if before is None:
        return File(IGNORE, path, "\n".join(missing) + "\n", None, "written")
    if not missing:
        return File(IGNORE, path, before, before, "unchanged")
    end = "\r\n" if "\r\n" in before else "\n"
    start = before if not before or before.endswith("\n") else before + end
    return File(IGNORE, path, start + "".join(m + end for m in missing), before, "added to")


def _archive_line(project: Path) -> tuple[str, ...]:
    """The archive's folder, when it lies in the project."""
    archive, top = (os.path.realpath(f) for f in (settings.archive_folder(project), project))
    inside = Path(top) in Path(archive).parents
    return (f"{os.path.relpath(archive, top)}/",) if inside else ()


def _targets(project: Path, toml: File) -> list[tuple[str, str]]:
    """The targets with a variable for their URL, by name, as runbook.toml will name them.

    Raises SettingsError when the one that stays can't be read.
    """
    if toml.fate in WRITES:
        tables = tomllib.loads(toml.text)["targets"]
        return [(name, table["url_env"]) for name, table in tables.items()]
    named = settings.targets(project).values()
    return [(target.name, target.url_env) for target in named if not target.embedded]


def _write(project: Path, files: Sequence[File]) -> None:
    """Write them all, or put back what was there."""
    folder = project / "runbooks"
    made = not folder.exists()
    done: list[File] = []
    try:
        folder.mkdir(exist_ok=True)
        for file in files:
            record.write_atomically(file.path, file.text)
            done.append(file)
    except OSError as error:
        for file in reversed(done):
            _put_back(file)
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise _unusable(
            f"{project} can't be written: {error.strerror or error}.",
            "make the folder writable, with a MiB free, and run init again.",
        ) from error


def _put_back(file: File) -> None:
    if file.before is None:
        file.path.unlink(missing_ok=True)
    else:
        record.write_atomically(file.path, file.before)


def _commands(targets: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    name, variable = targets[0]
    address = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"
    first = f"lexikon-runbook status --target {name}"
    if variable and not os.environ.get(variable):
        first = f"export {variable}={address}"
    return (
        first,
        f"lexikon-runbook plan --target {name}",
        f"lexikon-runbook run deploy -p target={name}",
    )


def _notes(found: Found, files: Sequence[File]) -> tuple[str, ...]:
    notes = [
        f"{file.name} differs from what init would write and was left alone; to lose it for the "
        f"new one: lexikon-runbook init --replace {file.name}"
        for file in files
        if file.fate == "left alone"
    ]
    if any(section.holds_url for section in found.sections):
        notes.append(
            f"{found.ini} holds a URL. The runbooks do not use it, and it was not copied; take it "
            "out when it is a secret."
        )
    if files[0].fate in WRITES:
        notes += _unseen(found)
    return tuple(notes)


def _unseen(found: Found) -> Iterator[str]:
    """What a person has to look after in the settings, which are new."""
    if found.flask == "":
        yield (
            "The application of Flask-Migrate was not seen: name it in runbook.toml, "
            'flask = "app:create_app", as `flask --app` takes it.'
        )
    for section in found.sections:
        if not section.env_py:
            yield (
                f"{section.location} was not found, so that its env.py was not read: say in "
                "runbook.toml where it takes its URL from, and in which python that package is."
            )


def _unusable(happened: str, next_step: str) -> SettingsError:
    return SettingsError(happened, state=NOTHING_CHANGED, next_step=next_step)
