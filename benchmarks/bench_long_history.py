"""A long history from empty, against plain `alembic upgrade head` in the same run.

Generated revisions (creates, alters, indexes, data), each onto a fresh database of the embedded
server. Prints the wall time of the stages without a kernel and of the whole notebook as ratios to
plain Alembic, the time of a revision at each length, and the plan as a ratio to `upgrade --sql`.
Targets: stages 2.0 x; notebook 2.5 x + 2 s; a revision at 500 costs at most 1.3 of one at 50;
plan 1.5 x + 0.5 s.
"""

from __future__ import annotations

import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from lexikon_runbook.postgres import connections, embedded_server
from lexikon_runbook.targets import urls

BIN = Path(sys.executable).parent
ROUNDS, LENGTH, LENGTHS = 5, 288, (50, 500)
INI = """[alembic]
script_location = %(here)s/migrations
sqlalchemy.url =
"""
ENV = """import os
from alembic import context
from sqlalchemy import create_engine, pool

url = os.environ["DATABASE_URL"]
if context.is_offline_mode():
    context.configure(url=url, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url, poolclass=pool.NullPool).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
REVISION = '''"""Step {i}"""
import sqlalchemy as sa
from alembic import op

revision = "r{i:04}"
down_revision = {down}


def upgrade():
    {up}


def downgrade():
    {back}
'''


def body(i: int) -> tuple[str, str]:
    """What revision number i does, and what undoes it: a create, an alter, an index, data."""
    t = f"t{i // 4}"
    return (
        (
            f'op.create_table("{t}", sa.Column("id", sa.Integer, primary_key=True), '
            'sa.Column("name", sa.Text), sa.Column("n", sa.Integer))',
            f'op.drop_table("{t}")',
        ),
        (
            f'op.add_column("{t}", sa.Column("more", sa.String(40), nullable=True))',
            f'op.drop_column("{t}", "more")',
        ),
        (f'op.create_index("ix_{t}_name", "{t}", ["name"])', f'op.drop_index("ix_{t}_name")'),
        (
            f'op.bulk_insert(sa.table("{t}", sa.column("id", sa.Integer), '
            'sa.column("name", sa.Text)), [{"id": k, "name": str(k)} for k in range(20)])',
            f'op.execute("delete from {t}")',
        ),
    )[i % 4]


def generate(folder: Path, length: int) -> Path:
    """A project of that many revisions in one line."""
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text(INI)
    (folder / "migrations" / "env.py").write_text(ENV)
    (folder / "runbook.toml").write_text('[targets.bench]\nurl_env = "DATABASE_URL"\n')
    for i in range(length):
        up, back = body(i)
        down = f'"r{i - 1:04}"' if i else "None"
        text = REVISION.format(i=i, down=down, up=up, back=back)
        (versions / f"r{i:04}.py").write_text(text)
    return folder


class Server:
    """The embedded server of this run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = embedded_server.serve(folder)

    def fresh(self) -> str:
        """The URL of a new, empty database."""
        name = f"bench_{secrets.token_hex(4)}"
        with closing(connections.connect_url(self.url, "write")) as server:
            connections.rows(server, f"create database {name}")
        return urls.of_database(self.url, name)

    def stop(self) -> None:
        """End it."""
        embedded_server.stop(self.folder)


def seconds(project: Path, url: str, *command: str) -> float:
    """The wall time of one command in the project, which must end well."""
    environment = {**os.environ, "DATABASE_URL": url}
    began = time.perf_counter()
    subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


STAGES = (
    "import time; b = time.perf_counter(); "
    "from lexikon_runbook.runbooks import without_kernel as r; "
    "r.{}; print(time.perf_counter() - b)"
)
DEPLOY, PLAN = "deploy('bench', None, {})", "plan('bench', None, 'head', '')"


def stages(project: Path, url: str, call: str) -> float:
    """The wall time of a library call in a fresh process, its imports included but Python's own."""
    environment = {**os.environ, "DATABASE_URL": url}
    words = [sys.executable, "-c", STAGES.replace("{}", call)]
    ran = subprocess.run(
        words, cwd=project, env=environment, check=True, capture_output=True, text=True
    )
    return float(ran.stdout.splitlines()[-1])


def ratio(label: str, ours: Callable[[], float], plain: Callable[[], float], target: str) -> None:
    """Measure both in turn, and print the median of the ratios beside the target."""
    pairs = [(plain(), ours()) for _ in range(ROUNDS)]
    ratios = sorted(one / base for base, one in pairs)
    base = statistics.median(base for base, _ in pairs)
    own = statistics.median(one for _, one in pairs)
    print(
        f"{label}: {statistics.median(ratios):.2f} x ({ratios[0]:.2f} to {ratios[-1]:.2f}), "
        f"{own:.2f} s beside {base:.2f} s; target {target}"
    )


def main() -> None:
    """Measure, and print one line a figure."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        server = Server(Path(name) / "server")
        alembic, ours = str(BIN / "alembic"), str(BIN / "lexikon-runbook")
        try:
            project = generate(Path(name) / "long", LENGTH)

            def plain() -> float:
                return seconds(project, server.fresh(), alembic, "upgrade", "head")

            def by_stages() -> float:
                return stages(project, server.fresh(), DEPLOY)

            def by_notebook() -> float:
                return seconds(project, server.fresh(), ours, "run", "deploy", "-p", "target=bench")

            def sql() -> float:
                return seconds(project, server.fresh(), alembic, "upgrade", "head", "--sql")

            def planned() -> float:
                return stages(project, server.fresh(), PLAN)

            print(f"{LENGTH} revisions from empty, median of {ROUNDS} ratios")
            ratio("stages, beside alembic upgrade", by_stages, plain, "2.0 x")
            ratio("notebook, beside alembic upgrade", by_notebook, plain, "2.5 x + 2 s")
            ratio("plan, beside alembic upgrade --sql", planned, sql, "1.5 x + 0.5 s")
            each = {}
            for length in LENGTHS:
                longer = generate(Path(name) / str(length), length)
                each[length] = (
                    statistics.median(stages(longer, server.fresh(), DEPLOY) for _ in range(3))
                    / length
                )
                print(f"{length} revisions: {1000 * each[length]:.1f} ms a revision")
            growth = each[LENGTHS[1]] / each[LENGTHS[0]]
            print(f"a revision at {LENGTHS[1]} costs {growth:.2f} of one at {LENGTHS[0]}")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
