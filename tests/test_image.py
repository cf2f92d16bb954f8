"""The image and the compose file: each step of them as it is written, without an engine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import runs
import yaml
from runs import BIN
from servers import PROJECT, Database

COMPOSE = PROJECT / "docker-compose.prod.yml"
VARIABLE = re.compile(r"\$\{(\w+)(?:(:[?-])([^}]*))?\}")


def instructions() -> Iterator[tuple[str, str]]:
    """The Dockerfile's instructions in order, each with its text on one line."""
    text = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ").splitlines()
    for line in filter(None, lines):
        name, _, rest = line.partition(" ")
        yield name, " ".join(rest.split())


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return found


def filled(text: str, known: dict[str, str]) -> str:
    """A value of the compose file, its variables filled in as Compose does it."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if known.get(name):
            return known[name]
        assert kind != ":?", rest
        return rest or ""

    return VARIABLE.sub(value, text)


@dataclass
class Image:
    """A file system under one folder, made by the Dockerfile's own steps."""

    root: Path
    folder: Path = field(init=False)
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: str = ""
    user: str = "root"

    def __post_init__(self) -> None:
        self.folder = self.root

    def within(self, text: str) -> str:
        """The absolute paths of a step, under the root."""
        return re.sub(r"(?<![\w./$-])/(opt|build|srv)\b", rf"{self.root}/\1", text)

    def step(self, name: str, rest: str) -> None:
        """Carry out one instruction."""
        if name == "FROM":
            self.environment, self.folder = {}, self.root
        elif name == "ENV":
            for pair in shlex.split(rest):
                key, _, value = pair.partition("=")
                self.environment[key] = self.within(value)
        elif name == "WORKDIR":
            self.folder = Path(self.within(rest))
            self.folder.mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            self.copy(*rest.split())
        elif name == "RUN":
            # The build reaches the package registry as this machine does.
            ended = self.run(self.within(rest), **{**os.environ, **self.variables()})
            assert ended.returncode == 0, f"{rest}\n{ended.stderr}"
        elif name == "USER":
            self.user = rest
        elif name == "ENTRYPOINT":
            (self.entrypoint,) = yaml.safe_load(rest)

    def copy(self, *words: str) -> None:
        """From the build's context, or from the stage before, which has the same root here."""
        *sources, to = (word for word in words if not word.startswith("--"))
        for source in sources:
            if source.startswith("/"):
                if not to.startswith("/"):
                    shutil.copytree(self.within(source), self.folder / to)
                continue
            assert in_context(source), f"{source} is kept out by .dockerignore"
            if (PROJECT / source).is_dir():
                left_out = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
                shutil.copytree(PROJECT / source, self.folder / to, ignore=left_out)
            else:
                shutil.copy(PROJECT / source, self.folder / to)

    def variables(self) -> dict[str, str]:
        """The variables of the stage, and where its programs are."""
        own = {n: v.replace("$PATH", os.environ["PATH"]) for n, v in self.environment.items()}
        return own | {"PATH": f"{self.root}/shims:{own.get('PATH', os.environ['PATH'])}"}

    def run(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a shell command in it, with its variables and none of the machine's own."""
        temporary = self.root / "tmp"
        temporary.mkdir(exist_ok=True)
        own = self.variables() | {"HOME": str(temporary), "TMPDIR": str(temporary)}
        # pip compiles what it installs and uv does not: each module is compiled once, over there.
        own |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{temporary}/compiled"}
        return subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=own | variables,
            capture_output=True,
            text=True,
        )


def in_context(source: str) -> bool:
    """Whether .dockerignore lets it into the build."""
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    inside = True
    for rule in rules:
        pattern, keep = rule.removeprefix("!"), rule.startswith("!")
        if fnmatch(source, pattern) or source.startswith(f"{pattern}/"):
            inside = keep
    return inside


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The Dockerfile carried out in a folder; uv answers to `pip`, which is faster."""
    made = Image(tmp_path_factory.mktemp("image"))
    shims = made.root / "shims"
    shims.mkdir()
    (shims / "pip").write_text(f'#!/bin/sh\nexec {BIN / "uv"} pip "$@"\n')
    (shims / "pip").chmod(0o755)
    for name, rest in instructions():
        made.step(name, rest)
    return made


def services() -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"]
    return found


def migrate(
    image: Image, url: str, *instead: str, shadow: str = "", **known: str
) -> subprocess.CompletedProcess[str]:
    """The `migrate` service, as Compose runs it; `instead` of its command, as `run` does.

    `shadow` is where the service of that name is here.
    """
    service = services()["migrate"]
    known = {"DATABASE_URL": url, **known}
    command = instead or tuple(filled(word, known) for word in service["command"])
    variables = {name: filled(value, known) for name, value in service["environment"].items()}
    assert variables["THROWAWAY_URL"] == "postgresql://postgres@shadow:5432/postgres"
    variables["THROWAWAY_URL"] = shadow
    return image.run(shlex.join([image.entrypoint, *command]), **variables)


def contents(folder: Path) -> set[str]:
    """Every path under a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


# The image.


def test_the_image_runs_the_runbooks_and_holds_nothing_besides(image: Image) -> None:
    """Neither JupyterLab nor what built it; the last stage runs nothing as root."""
    said = image.run("lexikon-runbook list")
    assert "deploy: Brings a database" in said.stdout, said.stderr
    (packages,) = (image.root / "opt" / "runbook" / "lib").glob("python*/site-packages")
    there = {path.name.lower() for path in packages.iterdir()}
    for absent in (
        "jupyterlab",
        "jupyter_server",
        "hatchling",
        "pip",
        "pytest",
    ):
        assert absent not in there
    assert not (image.folder / "tests").exists()
    assert int(image.user.partition(":")[0]) > 0
    assert image.environment["PYTHONDONTWRITEBYTECODE"] == "1"


def test_every_base_is_one_pinned_slim_python_that_the_package_supports() -> None:
    """The same in both stages: an environment does not move between Pythons."""
    bases = {rest.split()[0] for name, rest in instructions() if name == "FROM"}
    (base,) = bases
    version = re.fullmatch(r"python:(3\.\d+)\.\d+-slim-bookworm", base)
    assert version
    assert f"Python :: {version[1]}" in (PROJECT / "pyproject.toml").read_text()


def test_what_is_removed_from_the_lock_is_all_that_the_runbooks_do_not_need(image: Image) -> None:
    """No package that stays asks for one that is gone."""
    python = image.root / "opt" / "runbook" / "bin" / "python"
    said = subprocess.run(
        [BIN / "uv", "pip", "check", "--python", python], capture_output=True, text=True
    )
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize("secret", [".env", ".env.prod", "archive", ".git", "docs"])
def test_no_secret_and_no_record_gets_into_the_build(secret: str) -> None:
    """The context holds what the Dockerfile copies, and no more."""
    assert not in_context(secret)
    assert in_context("alembic/versions")


# The compose file.


def test_migrate_deploys_what_was_approved_and_else_stops(
    image: Image, lexikon: Callable[..., Database]
) -> None:
    """Without the digest the backend does not start; with it the database is at the head."""
    database = lexikon("b9d0965451a3", data=True)
    before = contents(image.folder)
    stopped = migrate(image, database.tcp_url, shadow=database.url)
    assert stopped.returncode == 1
    assert "ApprovalNeeded" in stopped.stderr
    assert runs.version(database) == "b9d0965451a3"
    words = ("plan", "--target", "production")
    shown = migrate(image, database.tcp_url, *words, shadow=database.url)
    assert "CREATE TABLE webhooks" in shown.stdout
    assert "Rehearsed  on a shadow" in shown.stdout
    digest = re.findall(r"\b2:[0-9a-f]{64}\b", shown.stdout)[-1]
    deployed = migrate(image, database.tcp_url, shadow=database.url, APPROVE=digest)
    assert deployed.returncode == 0, deployed.stderr
    assert runs.version(database) == "f36a73221bb3"
    assert migrate(image, database.tcp_url).returncode == 0  # nothing pending asks for nothing
    written = {path.split("/")[0] for path in contents(image.folder) - before}
    assert written == {"archive"}  # the rest of the file system is read-only


def test_the_backend_waits_for_the_migration_and_the_migration_for_the_database() -> None:
    """A migration that failed leaves the backend stopped, and runs once only."""
    found = services()
    assert found["postgres"]["healthcheck"]["test"][1:4] == ["pg_isready", "-h", "127.0.0.1"]
    healthy = {"condition": "service_healthy"}
    assert found["migrate"]["depends_on"] == {"postgres": healthy, "shadow": healthy}
    assert found["shadow"]["image"] == found["postgres"]["image"]
    assert found["migrate"]["restart"] == "no"
    waits = {name: rule["condition"] for name, rule in found["backend"]["depends_on"].items()}
    assert waits["migrate"] == "service_completed_successfully"
    assert waits["postgres"] == "service_healthy"


def test_migrate_writes_its_records_to_a_volume_and_nothing_else() -> None:
    """Where the image has its archive; no privilege and no writable root besides."""
    service = services()["migrate"]
    (volume,) = service["volumes"]
    name, _, place = volume.partition(":")
    assert name in compose()["volumes"]
    assert ("VOLUME", place) in set(instructions())
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_no_password_stands_in_the_file_and_a_missing_one_is_named() -> None:
    """Compose says which variable to set, and where."""
    secrets = {
        value
        for service in services().values()
        for name, value in service.get("environment", {}).items()
        if re.search("PASSWORD|DATABASE_URL", name)
    }
    assert len(secrets) == 2
    for value in secrets:
        match = VARIABLE.fullmatch(value)
        assert match
        assert match[2] == ":?"
        assert f"set {match[1]} in .env" in match[3]


def test_only_the_loopback_address_is_published() -> None:
    """A port without an address would be open to the world, past the host's firewall."""
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:5434:5432", "127.0.0.1:8000:8000"]
