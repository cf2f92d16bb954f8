"""Execute each runbook on a demo of its own, and compare or keep what its tagged cells show.

`compare` is `make nbval`; `keep` is `make outputs`, and writes tests/outputs/. What is executed
is a copy in a temporary folder; its record goes to the archive of this checkout.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import kept_outputs
import nbformat
import psycopg2
from kept_outputs import Json, KeptOutputsError
from nbclient import NotebookClient
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from lexikon_runbook.demo import server as demo

PROJECT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
CELL_TIMEOUT_S = 120
NBVAL = (
    *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."),
    *("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", str(CELL_TIMEOUT_S)),
    *("--nbval-sanitize-with", str(Path(__file__).with_name("nbval.cfg"))),
)
# What a rollback of the newest revision puts at risk.
WEBHOOKS = """
insert into webhooks (id, user_id, url, events, secret)
select 'hook-' || n, id, 'https://example.org/hooks/' || n, 'term.created', md5(n::text)
from (select id, row_number() over (order by id) as n from users) as numbered where n <= 41;
insert into webhook_deliveries (id, webhook_id, event_type, payload, status)
select 'delivery-' || n, 'hook-' || n % 41 + 1, 'term.created', '{}', 'delivered'
from generate_series(1, 12907) as n;
analyze webhooks, webhook_deliveries;
"""


def compare(books: dict[str, Json]) -> bool:
    """Execute the runbooks with nbval; whether each shows what is kept. Writes no file.

    Raises KeptOutputsError before the first one is executed.
    """
    if files := kept_outputs.astray(books):
        raise KeptOutputsError(f"{files[0]} belongs to no runbook.\n  Next: make outputs")
    filled = {n: kept_outputs.merged(n, book, kept_outputs.read(n)) for n, book in books.items()}
    with demo_folder() as folder:
        alike = [shows_what_is_kept(copy(folder, name, book)) for name, book in filled.items()]
    return all(alike)


def shows_what_is_kept(notebook: Path) -> bool:
    """Execute one notebook with nbval, which prints each difference."""
    print(f"{notebook.name}:", flush=True)
    return subprocess.run([*NBVAL, notebook.name], cwd=notebook.parent).returncode == 0


def keep(books: dict[str, Json]) -> bool:
    """Execute the runbooks, then write what their tagged cells show to tests/outputs/.

    Raises KeptOutputsError, or what a cell raised, with nothing written.
    """
    with demo_folder() as folder:
        kept = {n: kept_outputs.taken(n, run(copy(folder, n, book))) for n, book in books.items()}
    for name, outputs in kept.items():
        kept_outputs.write(name, outputs)
    for file in kept_outputs.astray(books):
        file.unlink()
    return True


def run(notebook: Path) -> Json:
    """Execute one notebook, and return it with its outputs."""
    book = nbformat.read(notebook, as_version=4)
    client = NotebookClient(book, kernel_name="python3", timeout=CELL_TIMEOUT_S)
    client.execute(cwd=str(notebook.parent))
    executed: Json = json.loads(nbformat.writes(book))
    return executed


@contextmanager
def demo_folder() -> Iterator[Path]:
    """A temporary folder with a demo server of its own: the developer's keeps its data."""
    with tempfile.TemporaryDirectory(prefix="runbooks-") as folder:
        os.environ["LEXIKON_RUNBOOK_DEMO_DIR"] = f"{folder}/demo"
        os.environ["LEXIKON_RUNBOOK_PROJECT"] = str(PROJECT)
        try:
            yield Path(folder)
        finally:
            demo.stop(PROJECT)


def copy(folder: Path, name: str, book: Json) -> Path:
    """Make the demo's database anew, and write the notebook that is to be executed on it."""
    url = demo.reset(PROJECT)
    file = folder / f"{name}.ipynb"
    file.write_text(json.dumps(book), encoding="utf-8")
    if name == "rollback":
        put_rows_at_risk(url)
        approved = parameterize_notebook(load_notebook_node(str(file)), {"approve": digest()})
        nbformat.write(approved, file)
    return file


def put_rows_at_risk(url: str) -> None:
    """Upgrade the demo to its head, and fill the tables that a rollback from there drops."""
    upgrade = [str(BIN / "alembic"), "upgrade", "head"]
    environment = {**os.environ, "DATABASE_URL": url}
    subprocess.run(upgrade, cwd=PROJECT, env=environment, check=True, capture_output=True)
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(WEBHOOKS)


def digest() -> str:
    """The digest that lets a rollback by one revision run on the demo. Reads only."""
    words = ["plan", "--target", "demo", "--revision", "-1", "--json"]
    command = [str(BIN / "lexikon-runbook"), *words]
    planned = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return str(json.loads(planned.stdout)["digest"])


def main() -> int:
    """Compare or keep, for all runbooks; 1 when that did not end well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=("compare", "keep"))
    do = {"compare": compare, "keep": keep}[parser.parse_args().verb]
    files = sorted((PROJECT / "runbooks").glob("*.ipynb"))
    books = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
    try:
        return 0 if do(books) else 1
    except KeptOutputsError as refusal:
        print(refusal, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
