"""What git knows of the revision files. Reads only: no index is refreshed, nothing is fetched."""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import MappingProxyType

from ...project import checkout as revisions
from ...project import syntax
from ...targets.settings import Target
from ..evidence import Checkout, Git
from .files import relative

LIMIT_S = 10.0
MOST_COMMITS = 50


class NoGit(Exception):
    """There is no git, or no repository of it here."""


def read(target: Target, checkout: Checkout, wanted: Iterable[str]) -> Git:
    """Uncommitted revision files, and the commits that have these revisions. Reads only.

    Raises NoGit.
    """
    top = Path(_git(target, "rev-parse", "--show-toplevel").strip())
    places = {str(Path(file.path).parent) for file in checkout.files}
    places |= {checkout.env_py.path} if checkout.env_py else set()
    inside = [p for p in places if (target.project / p).resolve().is_relative_to(top)]
    changed = sorted(_changed(target, top, inside)) if inside else []
    commits = {id_: found for id_ in wanted if (found := _commit_of(target, inside, id_))}
    return Git(tuple(changed), MappingProxyType(commits))


def _changed(target: Target, top: Path, places: Iterable[str]) -> Iterator[str]:
    """The Python files in these places that are not as in the last commit."""
    # It names them from the repository's top.
    status = _git(target, "status", "--porcelain", "-uall", "-z", "--", *sorted(places))
    for entry in status.split("\0"):
        if entry.endswith(".py"):
            yield relative(target, top / entry[3:])


def _commit_of(target: Target, places: Iterable[str], id_: str) -> tuple[str, str] | None:
    """The newest commit with a file of that revision in these folders, and the file."""
    for commit in _commits(target, "--all", f"-S{id_}", "--diff-filter=AM", "--", *places):
        names = _git(target, "show", "--name-only", "--format=", "--relative", "-z", commit)
        for name in names.split("\0"):
            if name.endswith(".py") and _has(_shown(target, commit, name), id_):
                return commit, name
    return None


def _has(source: bytes | None, id_: str) -> bool:
    tree = syntax.parse((source or b"").decode("utf-8", "replace"))
    return isinstance(tree, ast.Module) and revisions.assignments(tree).get("revision") == id_


def commit_with(target: Target, path: str, checksum: str) -> str:
    """The newest commit in which that file has this SHA-256; "" when there is none. Reads only."""
    try:
        for commit in _commits(target, "--", path):
            text = _shown(target, commit, path)
            if text is not None and hashlib.sha256(text).hexdigest() == checksum:
                return commit
    except NoGit:
        pass
    return ""


def _commits(target: Target, *what: str) -> list[str]:
    return _git(target, "log", f"-n{MOST_COMMITS}", "--format=%h", *what).split()


def _shown(target: Target, commit: str, path: str) -> bytes | None:
    try:
        return _output(target, "show", f"{commit}:./{path}")
    except NoGit:
        return None


def _git(target: Target, *words: str) -> str:
    return _output(target, *words).decode("utf-8", "replace")


def _output(target: Target, *words: str) -> bytes:
    command = ["git", "--literal-pathspecs", "-C", str(target.project), *words]
    try:
        ended = subprocess.run(
            command,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoGit(f"git can't be asked: {type(error).__name__}") from None
    if ended.returncode:
        said = ended.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise NoGit(f"git says: {target.mask(said)}")
    return ended.stdout
