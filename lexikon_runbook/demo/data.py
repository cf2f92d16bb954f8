"""Believable rows for the demo database: the same ones every time, and nobody's own.

People are drawn from lists of common names, addresses end in example.org, and hashes
and keys are noise.
"""

from __future__ import annotations

import csv
import hashlib
import io
import unicodedata
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from ..postgres.connections import Connection, rows
from .words import (
    COUNTRIES,
    FAMILY,
    GIVEN,
    INSTITUTIONS,
    PURPOSES,
    SETTINGS,
    VOCABULARIES,
    Vocabulary,
)

SEED = 812
USERS, PROJECTS, TERMS = 400, 96, 6000
OPENED = datetime(2025, 1, 6, 8)
DAYS = 319
LEVELS = ("quick-project", "research-project", "production-api")
SCOPES = ("terms:read", "terms:read,terms:write", "terms:read,projects:read", "admin")

Row = tuple[object, ...]


@dataclass(frozen=True)
class User:
    """Who owns the other rows."""

    id: str
    joined: datetime
    language: str
    level: str


@dataclass(frozen=True)
class Project:
    """Where terms go: its members and the words it is about."""

    id: str
    opened: datetime
    vocabulary: Vocabulary
    members: tuple[User, ...]


def fill(connection: Connection) -> None:
    """Write about 8,000 rows into Lexikon's eight empty tables, in one transaction.

    Works on the revisions 7beb871f4454 and later. `connection` is in autocommit mode.
    """
    random = Random(SEED)
    rows(connection, "begin")
    users = _users(connection, random)
    projects = _projects(connection, random, users)
    _copy(connection, "project_members", _members(random, projects))
    _copy(connection, "terms", _terms(random, users, projects))
    _copy(connection, "onboarding_sessions", _onboarding(random, users))
    _copy(connection, "api_keys", _keys(random, users))
    _copy(connection, "oauth_accounts", _accounts(random, users))
    _copy(connection, "llm_configs", _models(random, users))
    rows(connection, "commit")
    rows(connection, "analyze")


def _copy(connection: Connection, table: str, values: Iterable[Row]) -> None:
    """Write rows whose values stand in the table's own column order; None is null."""
    text = io.StringIO()
    csv.writer(text).writerows([r"\N" if v is None else v for v in row] for row in values)
    text.seek(0)
    with connection.cursor() as cursor:
        cursor.copy_expert(rf"copy {table} from stdin with (format csv, null '\N')", text)


def _id(random: Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _noise(random: Random) -> str:
    return hashlib.sha256(random.randbytes(16)).hexdigest()


def _after(random: Random, moment: datetime) -> datetime:
    """Some moment between that one and the end of the demo's time."""
    left = OPENED + timedelta(days=DAYS) - moment
    return moment + timedelta(seconds=random.randrange(int(left.total_seconds())))


def _maybe(random: Random, chance: float, value: object) -> object:
    return value if random.random() < chance else None


def _email(given: str, family: str, number: int) -> str:
    plain = unicodedata.normalize("NFKD", f"{given}.{family}").encode("ascii", "ignore").decode()
    return f"{plain.lower().replace(' ', '')}{number}@example.org"


def _users(connection: Connection, random: Random) -> list[User]:
    users: list[User] = []
    people: list[Row] = []
    for number in range(1, USERS + 1):
        language, country = random.choice(COUNTRIES)
        given, family = random.choice(GIVEN), random.choice(FAMILY)
        user = User(_id(random), _after(random, OPENED), language, random.choice(LEVELS))
        users.append(user)
        person = (
            user.id,
            _email(given, family, number),
            _maybe(random, 0.8, _noise(random)),
            given,
            family,
            _maybe(random, 0.6, random.choice(INSTITUTIONS)),
            _maybe(random, 0.9, random.choice(VOCABULARIES).domain),
            language,
            country,
            user.level,
            random.random() < 0.94,
            user.joined,
            _after(random, user.joined),
        )
        people.append(person)
    _copy(connection, "users", people)
    return users


def _onboarding(random: Random, users: list[User]) -> Iterator[Row]:
    for user in users:
        begun = user.joined - timedelta(minutes=random.randrange(2, 30))
        yield _id(random), user.level, user.id, begun, user.joined
    for _ in range(USERS // 5):
        yield _id(random), random.choice(LEVELS), None, _after(random, OPENED), None


def _keys(random: Random, users: list[User]) -> Iterator[Row]:
    for user in users:
        for name in random.sample(("notebook", "website", "nightly export"), random.randrange(3)):
            made = _after(random, user.joined)
            used = _maybe(random, 0.7, _after(random, made))
            ends = _maybe(random, 0.3, made + timedelta(days=365))
            scopes, active = random.choice(SCOPES), random.random() < 0.9
            yield _id(random), user.id, _noise(random), name, scopes, active, used, made, ends


def _accounts(random: Random, users: list[User]) -> Iterator[Row]:
    for user in random.sample(users, USERS * 3 // 10):
        provider, number = random.choice(("github", "orcid")), random.randrange(10**8)
        token, ends = _noise(random), _after(random, user.joined)
        start = user.joined
        yield _id(random), user.id, provider, number, token, None, ends, start, start


def _models(random: Random, users: list[User]) -> Iterator[Row]:
    for user in random.sample(users, USERS * 3 // 8):
        model, tokens = random.choice((("small", 1024), ("small", 2048), ("large", 4096)))
        address, warmth = "http://127.0.0.1:11434", random.choice((0, 20, 70))
        settings = ("self-hosted", None, model, address, tokens, warmth)
        yield (_id(random), user.id, *settings, user.joined, user.joined)


def _projects(connection: Connection, random: Random, users: list[User]) -> list[Project]:
    projects: list[Project] = []
    described: list[Row] = []
    for number in range(PROJECTS):
        words = VOCABULARIES[number % len(VOCABULARIES)]
        able = [user for user in users if user.language == words.language]
        team = tuple(random.sample(able, random.randrange(2, 9)))
        opened = _after(random, max(user.joined for user in team))
        project = Project(_id(random), opened, words, team)
        projects.append(project)
        description = (
            project.id,
            f"{words.title} {number // len(VOCABULARIES) + 1}",
            random.choice(PURPOSES[words.language]),
            words.language,
            words.domain,
            random.random() < 0.4,
            team[0].id,
            opened,
            _after(random, opened),
            _maybe(random, 0.06, _after(random, opened)),
        )
        described.append(description)
    _copy(connection, "projects", described)
    return projects


def _members(random: Random, projects: list[Project]) -> Iterator[Row]:
    for project in projects:
        yield project.id, project.members[0].id, "owner", project.opened
        for user in project.members[1:]:
            role = random.choice(("editor", "reviewer", "viewer"))
            yield project.id, user.id, role, _after(random, project.opened)


def _terms(random: Random, users: list[User], projects: list[Project]) -> Iterator[Row]:
    shared = TERMS - TERMS // 25
    for number in range(shared):
        project = projects[number % len(projects)]
        # Consecutive numbers, so that no project has two terms of the same name.
        name = project.vocabulary.name(number // len(projects) + int(project.id[:4], 16))
        author, made = random.choice(project.members), _after(random, project.opened)
        yield _term(random, project.id, project.vocabulary, name, author, made)
    for _ in range(TERMS - shared):
        user = random.choice(users)
        words = random.choice([v for v in VOCABULARIES if v.language == user.language])
        name = words.name(random.randrange(words.size))
        yield _term(random, None, words, name, user, _after(random, user.joined))


def _term(
    random: Random,
    project: str | None,
    words: Vocabulary,
    name: str,
    author: User,
    made: datetime,
) -> Row:
    level = random.choice(("quick-draft", "quick-draft", "ready", "ready", "expert"))
    other = words.name(random.randrange(words.size))
    return (
        _id(random),
        project,
        name,
        f"{name.capitalize()}: {random.choice(SETTINGS[words.language])}.",
        words.domain,
        level,
        "draft" if level == "quick-draft" else random.choice(("draft", "ready", "validated")),
        _maybe(random, 0.4, f"{name} / {other}"),
        _maybe(random, 0.3, other),
        f"{name} := <{words.domain}, {level}>" if level == "expert" else None,
        _maybe(random, 0.1, f"Lexikon {made.year}, {words.domain}"),
        None,
        author.id,
        made,
        _after(random, made),
    )
