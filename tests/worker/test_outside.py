"""What a revision does outside of its database when it runs: it happens, and is told."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from projects import Project, projects
from servers import Database

from lexikon_runbook.apply.applied import Applied
from lexikon_runbook.errors import MigrationFailed

Maker = Callable[..., Project]
# What is said of a line of a revision, and the line; OUT is a folder, PORT one that answers.
DEEDS = (
    ("subprocess.run", "subprocess.run(['touch', OUT + '/a'], check=True)"),
    ("subprocess.Popen", "subprocess.Popen(['touch', OUT + '/b']).wait()"),
    ("os.system", "os.system('touch ' + OUT + '/c')"),
    ("open", "open(OUT + '/d', 'w').close()"),
    ("os.remove", "os.remove(OUT + '/d')"),
    ("write_text", "Path(OUT, 'e').write_text('x')"),
    ("socket.create_connection", "socket.create_connection(('127.0.0.1', PORT)).close()"),
    ("socket.gethostbyname", "socket.gethostbyname('localhost')"),
    ("psycopg2.connect", "psycopg2.connect(URL).close()"),
    ("psycopg.connect", "psycopg.connect(URL).close()"),
)
OPENS, CONNECTS = DEEDS[3][1], DEEDS[6][1]
FIRST = 8  # the number of the first of them in the file
IN_ASYNCIO = """
async def go():
    await (await asyncpg.connect(URL)).close()
asyncio.run(go())
"""
NO_DEEDS = """
logging.getLogger("x").addHandler(logging.FileHandler(OUT + "/a"))
logging.getLogger("x").error("seen")
print("seen", file=sys.stderr)
open("/dev/stderr", "w").write("seen")
with tempfile.TemporaryDirectory() as folder:
    open(folder + "/a", "w").close()
    tempfile.NamedTemporaryFile().close()
import urllib3, platform, xmlrpc.client
open(__file__).read(), os.listdir(OUT)
with sqlalchemy.create_engine(URL).connect() as connection:
    connection.exec_driver_sql("select 1")
"""


@pytest.fixture
def project(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    with projects(database, tmp_path, monkeypatch) as maker:
        yield maker


@pytest.fixture
def port() -> Iterator[int]:
    """A server that takes connections, and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield int(server.getsockname()[1])


def written(plain: Project, body: str, port: int = 0, after: str = "") -> Path:
    """A revision behind those of the project which does this; the folder that is its OUT."""
    out = plain.folder.parent / "outside"
    out.mkdir(exist_ok=True)
    lines = ["import asyncio, logging, os, socket, subprocess, sys, tempfile"]
    lines += ["import asyncpg, psycopg, psycopg2, sqlalchemy", "from pathlib import Path"]
    lines += ["from alembic import op", 'revision, down_revision = "oo01", "aa04"']
    lines += [f"URL, OUT, PORT = {plain.database.tcp_url!r}, {str(out)!r}, {port}"]
    lines += ["def upgrade():", *(f"    {line}" for line in body.strip().splitlines())]
    lines += ['    op.execute("create table kept ()")', f"    {after}"]
    lines += ["def downgrade():", '    op.execute("drop table kept")', ""]
    (plain.folder / "versions" / "oo01_reach.py").write_text("\n".join(lines))
    return out


def last(plain: Project) -> Applied:
    """What became of the last revision, its lines alone."""
    plain.deploy("aa04")
    del plain.report.lasted[:]
    return plain.deploy().applied[-1]


def test_what_a_revision_does_outside_is_done_and_named(project: Maker, port: int) -> None:
    """With the function that it called, and its line; in the run's lines and its record."""
    plain = project("plain")
    out = written(plain, "\n".join(line for _, line in DEEDS), port)
    done = last(plain)
    *told, applied = plain.report.lasted
    assert len(told) == len(DEEDS)
    for number, ((called, _), line) in enumerate(zip(DEEDS, told, strict=True), FIRST):
        assert line.startswith("revision oo01 ran ")
        assert f"{called} at line {number} (" in line
    assert [f"revision oo01 ran {each}" for each in done.outside] == told
    assert done.facts()["outside"] == list(done.outside)
    assert f"subprocess.run at line {FIRST} (touch)" in done.outside
    assert applied == str(done)
    assert {file.name for file in out.iterdir()} == {"a", "b", "c", "e"}


def test_a_connection_of_its_own_in_asyncio_is_named(project: Maker) -> None:
    """Also one to the very database, as nothing that it sends is seen."""
    plain = project("plain")
    written(plain, IN_ASYNCIO)
    assert "asyncio" in str(last(plain).outside) or "asyncpg" in str(plain.report.lasted)


def test_what_is_no_deed_of_the_revision_is_not_told(project: Maker) -> None:
    """Log files, temporary ones, what a library does at its import, an engine of SQLAlchemy's."""
    plain = project("plain")
    written(plain, NO_DEEDS)
    assert last(plain).outside == ()
    assert len(plain.report.lasted) == 1


@pytest.mark.parametrize(
    "name", ["plain", "async_env_py", "engine_with_creator", "engine_left_open"]
)
def test_the_projects_own_connection_is_not_told(
    project: Maker, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whatever driver it has, and whoever opens it."""
    made = project(name, env_py_variable="MYAPP_DSN" if "creator" in name else "DATABASE_URL")
    made = made.with_url(monkeypatch, made.database.tcp_url)
    made.deploy()
    assert "ran" not in str(made.report.lasted)


def test_a_loop_is_one_line_and_many_lines_are_ten(project: Maker) -> None:
    """A record is no list of files."""
    plain = project("plain")
    written(plain, "for n in range(50):\n    open(f'{OUT}/{n}', 'w').close()")
    assert len(last(plain).outside) == 1
    written(plain, "\n".join(f"open(OUT + '/{n}', 'w').close()" for n in range(50)))
    plain.opened().refresh()
    plain.roll_back("aa04")
    assert len(last(plain).outside) == 10


def test_a_failed_revision_says_what_stays(project: Maker) -> None:
    """The transaction is undone; the file is there."""
    plain = project("plain")
    out = written(plain, OPENS, after="op.execute('select * from nowhere')")
    with pytest.raises(MigrationFailed) as stop:
        plain.deploy()
    assert "nothing of the revision stayed" in stop.value.state
    assert f"stays: open at line {FIRST} ({out}/d)." in stop.value.state
    assert (out / "d").exists()


def test_what_env_py_does_is_env_pys(project: Maker, tmp_path: Path) -> None:
    """It is no part of any revision."""
    plain = project("plain")
    env_py = plain.folder / "env.py"
    env_py.write_text(f"open({os.fspath(tmp_path / 'seen')!r}, 'w').close()\n{env_py.read_text()}")
    made = plain.deploy("aa01")
    assert plain.report.lasted[0] == f"env.py ran open at line 1 ({tmp_path / 'seen'})"
    assert made.applied[0].outside == ()


def test_what_may_be_reached_is_not_told(project: Maker, port: int, tmp_path: Path) -> None:
    """rehearsal_may_reach names what is known already."""
    out = tmp_path / "histories" / "outside"
    plain = project("plain", rehearsal_may_reach=(f"127.0.0.1:{port}", str(out)))
    written(plain, f"{OPENS}\n{CONNECTS}", port)
    assert last(plain).outside == ()


def test_a_database_that_may_be_reached_is_not_told(project: Maker, database: Database) -> None:
    """Whichever driver connects to it by itself."""
    place = database.tcp_url.rpartition("@")[2].partition("/")[0]
    plain = project("plain", rehearsal_may_reach=(place,))
    written(plain, "\n".join((DEEDS[8][1], DEEDS[9][1], IN_ASYNCIO)))
    assert last(plain).outside == ()
