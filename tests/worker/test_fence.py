"""Ways out of a plan: what a revision tries while it is rendered happens nowhere, and is named."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from servers import Database

from lexikon_runbook.errors import HistoryError
from lexikon_runbook.project.project import Project
from lexikon_runbook.targets.settings import Target
from lexikon_runbook.worker import entrances
from lexikon_runbook.worker.audit import Bounds

HISTORIES = Path(__file__).parents[1] / "histories"
DELETE = "delete from victim where id = (select min(id) from victim)"
# The name of a way out, what stands at the top of the file, and what upgrade() does.
WAYS = {
    "psycopg2.connect": (
        "",
        "import psycopg2\nc = psycopg2.connect(URL)\nc.cursor().execute(DELETE)\nc.commit()",
    ),
    "psycopg2, imported by name": (
        "from psycopg2 import connect",
        "c = connect(URL)\nc.cursor().execute(DELETE)\nc.commit()",
    ),
    "psycopg2._psycopg._connect": (
        "",
        "import psycopg2._psycopg as p\nc = p._connect(URL)\n"
        "c.cursor().execute(DELETE)\nc.commit()",
    ),
    "psycopg2's class": (
        "",
        "import psycopg2._psycopg as p\nc = p.connection(URL)\nc.cursor().execute(DELETE)\n"
        "c.commit()",
    ),
    "psycopg.connect": (
        "",
        "import psycopg\nc = psycopg.connect(URL)\nc.execute(DELETE)\nc.commit()",
    ),
    "psycopg's libpq": (
        "",
        "import psycopg\nc = psycopg.pq.PGconn.connect(URL.encode())\n"
        "said = c.exec_(DELETE.encode()).error_message\nif said:\n    raise OSError(said.decode())",
    ),
    "psycopg's libpq, started": (
        "from psycopg.pq import PGconn",
        "PGconn.connect_start(URL.encode())",
    ),
    "psycopg's libpq, caught": (
        "",
        "import psycopg_binary.pq as pq\ntry:\n    pq.PGconn.connect(URL.encode())\n"
        "except BaseException:\n    pass",
    ),
    "asyncpg.connect": (
        "",
        "import asyncio, asyncpg\nasync def go():\n    c = await asyncpg.connect(URL)\n"
        "    await c.execute(DELETE)\nasyncio.run(go())",
    ),
    "an engine of its own": (
        "",
        "import sqlalchemy\nwith sqlalchemy.create_engine(URL).begin() as c:\n"
        "    c.exec_driver_sql(DELETE)",
    ),
    "subprocess": ("", "import subprocess\nsubprocess.run(['touch', OUT + '/a'])"),
    "os.mkfifo": ("", "os.mkfifo(OUT + '/a')"),
    "os.mknod": ("", "os.mknod(OUT + '/a')"),
    "os.system": ("", "os.system('touch ' + OUT + '/a')"),
    "os.posix_spawn": (
        "",
        "os.waitpid(os.posix_spawn('/bin/sh', ['sh', '-c', 'touch ' + OUT + '/a'], {}), 0)",
    ),
    "fork and exec": (
        "",
        "p = os.fork()\nif not p:\n    os.execv('/bin/sh', ['sh', '-c', 'touch ' + OUT + '/a'])\n"
        "os.waitpid(p, 0)",
    ),
    "urllib": (
        "",
        "import urllib.request\nurllib.request.urlopen(f'http://127.0.0.1:{PORT}/', timeout=2)",
    ),
    "a socket": ("", "import socket\nsocket.socket().connect(('127.0.0.1', PORT))"),
    "_socket.connect_ex": ("", "import _socket\n_socket.socket().connect_ex(('127.0.0.1', PORT))"),
    "UDP": (
        "",
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.sendto(b'x', ('127.0.0.1', PORT))",
    ),
    "a file, written": ("", "open(OUT + '/a', 'w').write('x')"),
    "a file, removed": ("", "from pathlib import Path\nPath(OUT, 'kept').unlink()"),
    "os.open": ("", "os.open(OUT + '/b', os.O_CREAT | os.O_WRONLY)"),
    "shutil.rmtree": ("", "import shutil\nshutil.rmtree(OUT)"),
    "os.replace": ("", "os.replace(OUT + '/kept', OUT + '/c')"),
    "a scratch file, moved out": (
        "",
        "import tempfile\nmade = tempfile.mkstemp()[1]\nos.replace(made, OUT + '/kept')",
    ),
    "a link to write through": (
        "",
        "import tempfile\nlink = tempfile.mkdtemp() + '/a'\nos.link(OUT + '/kept', link)\n"
        "open(link, 'w').write('x')",
    ),
    "a link left behind": ("", "os.symlink('/', OUT + '/e')"),
    "sqlite3": ("", "import sqlite3\nsqlite3.connect(OUT + '/d.db').execute('create table a (x)')"),
    "os.truncate": ("", "os.truncate(OUT + '/kept', 0)"),
    "os._exit": ("", "os._exit(3)"),
    "os.abort": ("", "os.abort()"),
    "sys.exit": ("", "import sys\nsys.exit(3)"),
    "a signal to itself": ("", "os.kill(os.getpid(), 9)"),
    "the C library": ("", "import ctypes\nctypes.CDLL(None).system(b'touch ' + OUT.encode())"),
    "a thread": (
        "",
        "import threading, socket\n"
        "t = threading.Thread(target=lambda: socket.create_connection(('127.0.0.1', PORT)))\n"
        "t.start()\nt.join()",
    ),
    "caught": (
        "",
        "import socket\ntry:\n    socket.create_connection(('127.0.0.1', PORT))\n"
        "except BaseException:\n    pass",
    ),
    "at import": ("import os\nos.system('touch ' + os.environ['OUT'] + '/a')", "pass"),
}
READERS = ("psycopg2.connect", "psycopg.connect", "psycopg's libpq", "an engine of its own")
NOT_NAMED = ("os.abort", "sys.exit")  # each ends the rendering, and that is told


@dataclass
class World:
    """What must stay as it is: a table, a listening socket, a folder."""

    database: Database
    folder: Path
    reached: list[int] = field(default_factory=list)
    port: int = 0

    def state(self) -> tuple[object, ...]:
        rows = self.database.rows("select count(*) from victim")
        files = sorted((p.name, p.read_bytes()) for p in self.folder.iterdir())
        return rows, len(self.reached), files


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    """A table of a hundred rows, a server that counts, a folder with one file."""
    database.execute("create table victim as select generate_series(1, 100) id")
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "kept").write_text("precious")
    made = World(database, folder)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        made.port = server.getsockname()[1]

        def count() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return
                made.reached.append(1)

        threading.Thread(target=count, daemon=True).start()
        yield made


def project(folder: Path, top: str, body: str, world: World) -> Target:
    """A project of one revision that does this, which knows the live URL from a file."""
    versions = folder / "m" / "versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/m\nsqlalchemy.url = \n"
    )
    (folder / "m" / "env.py").write_text(
        "from alembic import context\n"
        'context.configure(dialect_name="postgresql", literal_binds=True)\n'
        "context.run_migrations()\n"
    )
    known = f"URL, OUT, PORT = {world.database.tcp_url!r}, {str(world.folder)!r}, {world.port}"
    lines = [top, "import os", "from alembic import op", known, f"DELETE = {DELETE!r}"]
    lines += ['revision, down_revision = "x", None', "def upgrade():"]
    lines += [f"    {line}" for line in body.splitlines()]
    (versions / "x.py").write_text("\n".join([*lines, '    op.execute("select 1")', ""]))
    return Target("test", folder, url_env="FENCED_URL")


@pytest.mark.parametrize("way", WAYS)
def test_nothing_gets_out_of_a_plan(
    way: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although the revision knows the live URL; and the line that tried is named."""
    monkeypatch.setenv("FENCED_URL", world.database.tcp_url)
    monkeypatch.setenv("OUT", str(world.folder))
    target = project(tmp_path / "project", *WAYS[way], world)
    opened, before = Project(target), world.state()
    told = ""
    try:
        (rendered,) = opened.rendered(opened.way("upgrade", "heads", ())).values()
        told = " ".join(map(str, rendered.tried)) or f"{rendered.why} at x.py:{rendered.line}"
        assert rendered.tried or rendered.line
    except Exception as error:
        told = str(error)
    finally:
        opened.end()
    assert world.state() == before
    if way not in NOT_NAMED:
        assert "x.py" in told


@pytest.mark.parametrize("way", READERS)
def test_a_database_that_may_be_reached_is_read_and_not_written(
    way: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`rehearsal_may_reach` names its place; the server itself refuses to write."""
    monkeypatch.setenv("FENCED_URL", world.database.tcp_url)
    place = world.database.tcp_url.rpartition("@")[2].partition("/")[0]
    top, body = WAYS[way]
    before, seen = world.state(), []
    for number, text in enumerate((body, body.replace("DELETE", "'select 1'"))):
        target = project(tmp_path / str(number), top, text, world)
        opened = Project(replace(target, rehearsal_may_reach=(place,)))
        (rendered,) = opened.rendered(opened.way("upgrade", "heads", ())).values()
        opened.end()
        assert not rendered.tried
        seen.append(rendered)
    assert world.state() == before
    assert "read-only transaction" in seen[0].why
    assert seen[1].sql == ("select 1;",)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("host=registry", True),
        ("host=registry port=5432 hostaddr=10.0.0.7", False),
        ("host=registry port=5433", False),
        ("host=registry,elsewhere", False),
        ("hostaddr=10.0.0.8", True),
        ("host=own", False),
        ("dbname=registry", False),
    ],
)
def test_a_database_is_named_by_its_host_and_its_port(asked: str, named: bool) -> None:
    """As the driver is asked for it; where the worker's own database is, others are not named."""
    places = [("registry", 5432), ("10.0.0.8", 5432)]
    bounds = Bounds("/project", places, (), (), own=[("own", 5432)])
    for name in ("psycopg2.connect", "psycopg.connect"):
        assert bounds.names(entrances.asked(name, (asked,), {})) is named


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("psycopg2.connect", ("host=a",), {}),
        ("psycopg2.connect", (), {"dsn": "host=a"}),
        ("psycopg.connect", (object, "host=a"), {"options": "-c search_path=a"}),
        ("psycopg.pq.PGconn.connect", (b"host=a options='-c search_path=a'",), {}),
        ("psycopg.pq.PGconn.connect_start", (), {"conninfo": b"host=a"}),
    ],
)
def test_options_are_given_once_and_come_last(
    name: str, args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    """Whichever way an entrance takes them; nothing else of it is changed."""
    more = "-c default_transaction_read_only=on"
    own = entrances.asked(name, args, kwargs)["options"]
    given = entrances.with_options(name, args, kwargs, more)
    found = entrances.asked(name, *given)
    assert (found["host"], found["options"]) == ("a", f"{own} {more}".strip())
    assert entrances.with_options(name, *given, more) == given


def test_a_revision_that_connects_when_it_is_imported_is_told_why(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the fence that refuses, and not Python that can't import it."""
    monkeypatch.setenv("FENCED_URL", world.database.tcp_url)
    target = project(
        tmp_path / "project", "import psycopg2\npsycopg2.connect('host=127.0.0.1')", "", world
    )
    opened = Project(target)
    with pytest.raises(HistoryError) as stop:
        opened.way("upgrade", "heads", ())
    opened.end()
    assert "what reaches outside is refused while a plan is made" in stop.value.happened
    assert "belongs into its upgrade()" in stop.value.next_step


def test_settings_that_load_the_live_url_reach_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A .env file beside the ini can't be changed, so the fence alone must hold against it."""
    monkeypatch.setenv("FENCED_URL", world.database.tcp_url)
    body = (
        "import psycopg2\n"
        "lines = open(os.path.join(os.getcwd(), '.env')).read().splitlines()\n"
        "os.environ.update(line.split('=', 1) for line in lines)\n"
        "c = psycopg2.connect(os.environ['LIVE'])\nc.cursor().execute(DELETE)\nc.commit()"
    )
    target = project(tmp_path / "project", "", body, world)
    (target.project / ".env").write_text(f"LIVE={world.database.tcp_url}\n")
    opened, before = Project(target), world.state()
    (rendered,) = opened.rendered(opened.way("upgrade", "heads", ())).values()
    opened.end()
    assert world.state() == before
    assert [each.what for each in rendered.tried] == ["psycopg2.connect"]


def test_a_connection_to_the_target_is_called_that(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker of a plan has another address in its place, which nobody knows."""
    monkeypatch.setenv("FENCED_URL", world.database.tcp_url)
    body = "import asyncio, asyncpg\nasyncio.run(asyncpg.connect(os.environ['FENCED_URL']))"
    opened = Project(project(tmp_path / "project", "", body, world))
    (rendered,) = opened.rendered(opened.way("upgrade", "heads", ())).values()
    opened.end()
    assert {(each.what, each.about) for each in rendered.tried} == {
        ("socket.connect", "the target's database")
    }


def test_a_log_file_of_the_project_is_not_written_while_a_plan_is_made(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fileConfig() with a FileHandler is no trouble, and leaves no file."""
    monkeypatch.setenv("FENCED_URL", world.database.tcp_url)
    body = f"import logging\nlogging.FileHandler({str(tmp_path / 'app.log')!r}).close()"
    opened = Project(project(tmp_path / "project", "", body, world))
    (rendered,) = opened.rendered(opened.way("upgrade", "heads", ())).values()
    opened.end()
    assert rendered.sql == ("select 1;",)
    assert not (tmp_path / "app.log").exists()


def test_an_sqlite_in_memory_is_nothing_outside(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only one in a file is refused."""
    monkeypatch.setenv("FENCED_URL", world.database.tcp_url)
    body = "import sqlite3\nsqlite3.connect(':memory:').close()\n"
    body += f"sqlite3.connect({str(tmp_path / 'app.db')!r})"
    opened = Project(project(tmp_path / "project", "", body, world))
    (rendered,) = opened.rendered(opened.way("upgrade", "heads", ())).values()
    opened.end()
    assert [each.what for each in rendered.tried] == ["sqlite3.connect"]
    assert not (tmp_path / "app.db").exists()


def test_a_file_that_the_application_must_write_is_named_with_the_key_that_lets_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A metrics library keeps its files in a folder of its own, when it is imported."""
    monkeypatch.setenv("DATABASE_URL", world.database.tcp_url)
    folder = tmp_path / "project"
    shutil.copytree(HISTORIES / "flask_app", folder)
    app, kept = folder / "app.py", world.folder / "gauge.db"
    app.write_text(f"open({str(kept)!r}, 'ab').close()\n{app.read_text()}")
    target = Target(
        "test",
        folder,
        alembic_ini="migrations/alembic.ini",
        url_env="DATABASE_URL",
        flask="app:create_app",
    )
    refused = Project(target)
    with pytest.raises(HistoryError) as stop:
        refused.open(live=False)
    assert f"open of {kept} at {app}:1" in str(stop.value)
    assert f'rehearsal_may_reach = ["{world.folder}"]' in stop.value.next_step
    assert not kept.exists()
    let = Project(replace(target, rehearsal_may_reach=(str(world.folder),)))
    let.open(live=False)
    let.end()
    assert kept.exists()


def test_a_program_that_is_run_at_import_is_named_with_the_key_that_lets_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that asks git, as many packages do; another program is refused still."""
    monkeypatch.setenv("DATABASE_URL", world.database.tcp_url)
    folder = tmp_path / "project"
    shutil.copytree(HISTORIES / "rows_of_the_moment", folder)
    (file,) = folder.glob("versions/rm02*.py")
    asks = "import subprocess\nsubprocess.run(['/bin/echo', 'v1'], check=True)\n"
    file.write_text(file.read_text().replace("import uuid\n", f"import uuid\n{asks}"))
    target = Target("test", folder, url_env="DATABASE_URL")
    refused, other = Project(target), Project(replace(target, rehearsal_may_run=("git",)))
    for project in (refused, other):
        with pytest.raises(HistoryError) as stop:
            assert project.history
        assert "subprocess.Popen of /bin/echo at " in stop.value.happened
        assert 'rehearsal_may_run = ["echo"]' in stop.value.next_step
    let = Project(replace(target, rehearsal_may_run=("echo",)))
    assert let.history.heads == ("rm02",)
    let.end()


def test_a_place_that_a_library_wraps_is_named_with_the_key_that_lets_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that a revision imports connects, and says its own words for the refusal."""
    monkeypatch.setenv("DATABASE_URL", world.database.tcp_url)
    folder = tmp_path / "project"
    shutil.copytree(HISTORIES / "rows_of_the_moment", folder)
    (file,) = folder.glob("versions/rm02*.py")
    wrapped = (
        "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 6390), 1)\n"
        "except OSError as error:\n    raise ValueError('no cache') from error\n"
    )
    file.write_text(file.read_text().replace("import uuid\n", f"import uuid\n{wrapped}"))
    refused = Project(Target("test", folder, url_env="DATABASE_URL"))
    with pytest.raises(HistoryError) as stop:
        assert refused.history
    assert f"at {file}:" in stop.value.happened
    assert 'rehearsal_may_reach = ["127.0.0.1:6390"]' in stop.value.next_step


def test_no_variable_of_a_plan_leads_to_the_target(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole URLs, hosts, names and passwords are led elsewhere; what is unrelated stays."""
    from lexikon_runbook.project import command_line, variables

    monkeypatch.setenv("LIVE", database.tcp_url)
    target = Target("test", Path(), url_env="LIVE")
    own = command_line.address(target)
    for name, value in {
        "OTHER_URL": database.tcp_url.replace("postgresql://", "postgresql+asyncpg://"),
        "DB_NAME": own.database,
        "DB_PASSWORD": own.password,
        "PGPASSWORD": own.password,
        "DSN": f"host={own.host} password={own.password}",
        "UNRELATED": "https://example.org/",
    }.items():
        monkeypatch.setenv(name, value)
    nowhere = variables.NOWHERE
    found = variables.elsewhere(target, nowhere.url(), own, nowhere)
    assert not [name for name, value in found.items() if own.database in value]
    assert not [name for name, value in found.items() if own.password in value]
    assert found["UNRELATED"] == "https://example.org/"
    assert found["OTHER_URL"].startswith("postgresql+asyncpg://nobody@127.0.0.1:1/")


def test_the_url_of_another_database_that_may_be_reached_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the target's own server, and as its role; the target's own URL leads elsewhere."""
    from lexikon_runbook.project import command_line, variables

    other = f"{database.tcp_url}_registry"
    monkeypatch.setenv("LIVE", database.tcp_url)
    monkeypatch.setenv("OWN_URL", database.tcp_url)
    monkeypatch.setenv("REGISTRY_URL", other)
    place = database.tcp_url.rpartition("@")[2].partition("/")[0]
    target = Target("test", Path(), url_env="LIVE", rehearsal_may_reach=(place,))
    own, nowhere = command_line.address(target), variables.NOWHERE
    found = variables.elsewhere(target, nowhere.url(), own, nowhere)
    assert found["REGISTRY_URL"] == other
    assert own.database not in found["OWN_URL"]
    not_named = variables.elsewhere(
        replace(target, rehearsal_may_reach=()), nowhere.url(), own, nowhere
    )
    assert own.password not in not_named["REGISTRY_URL"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="seccomp is Linux's")
def test_where_nothing_may_be_reached_the_kernel_itself_refuses(tmp_path: Path) -> None:
    """A filter on connect(2) holds also for C code, and for what a child would do."""
    from lexikon_runbook.worker import kernel

    pid = os.fork()
    if not pid:
        try:
            assert kernel.forbid_connect()
            socket.socket().connect(("127.0.0.1", 9))
        except PermissionError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
