"""The entity diagram and the size chart: readable, whole or said not to be, and harmless."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from servers import PROJECT, Database

from lexikon_runbook.headless import page as view
from lexikon_runbook.project import database as looked
from lexikon_runbook.project.database import Database as Looked
from lexikon_runbook.schema import chart, diagram, entities
from lexikon_runbook.schema.chart import Size
from lexikon_runbook.schema.diagram import Column, Entity, Reference
from lexikon_runbook.targets.settings import Target

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert("1")</script> & \\N -> "x"\x07'


def reach(made: Database, monkeypatch: pytest.MonkeyPatch) -> Looked:
    monkeypatch.setenv("HERE_URL", made.url)
    return looked.reach(Target("here", PROJECT, url_env="HERE_URL"))


def texts(svg: str) -> list[str]:
    """What a reader can read in a picture."""
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter(f"{SVG}text")]


def tables(svg: str) -> set[str]:
    """The tables in a picture: the first text of each of Graphviz's nodes."""
    nodes = [g for g in ET.fromstring(svg).iter(f"{SVG}g") if g.get("class") == "node"]
    heads = (node.find(f".//{SVG}text") for node in nodes)
    return {"".join(head.itertext()) for head in heads if head is not None}


def chain(length: int) -> tuple[list[Entity], list[Reference]]:
    """Tables that each refer to the one before; each has keys and other columns."""
    columns = (
        Column("id", "bigint", required=True, primary=True, key=True),
        Column("parent", "bigint", foreign=True, key=True),
        *(Column(f"note_{i}", "text") for i in range(6)),
    )
    made = [Entity(f"t{i}", columns) for i in range(length)]
    keys = [Reference(f"t{i}", ("parent",), f"t{i - 1}", ("id",)) for i in range(1, length)]
    return made, keys


def test_lexikon_s_tables_are_drawn_with_their_columns_and_keys(
    lexikon: Callable[..., Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten tables with every column, and an edge for each foreign key; in words, too."""
    drawn = entities.draw(reach(lexikon("f36a73221bb3"), monkeypatch))
    assert drawn.summary == "10 tables, 11 foreign keys"
    assert tables(drawn.svg) == {entity.name for entity in drawn.entities}
    read = texts(drawn.svg)
    assert {"users", "email*", "varchar(2)", "adoptionlevelenum", "PK FK"} <= set(read)
    edges = [g for g in ET.fromstring(drawn.svg).iter(f"{SVG}g") if g.get("class") == "edge"]
    assert len(edges) == 11
    assert "webhook_deliveries(webhook_id) -> webhooks(id) (ON DELETE CASCADE)" in str(drawn)
    assert "llm_configs: id* varchar PK, user_id* varchar FK" in str(drawn)
    one = next(key for key in drawn.references if key.source == "llm_configs")
    assert (one.single, one.optional) == (True, False)


def test_the_same_schema_gives_the_same_picture() -> None:
    """An archived diagram differs from another only where the schema does."""
    assert diagram.draw(*chain(9)).svg == diagram.draw(*chain(9)).svg


def test_two_hundred_tables_are_drawn_with_their_keys_only() -> None:
    """All of them, and what is not drawn of each is counted in its box."""
    drawn = diagram.draw(*chain(200))
    assert len(tables(drawn.svg)) == 200
    read = texts(drawn.svg)
    assert "note_1" not in read
    assert read.count("and 6 more") == 200
    assert "only keys are drawn as columns" in drawn.summary


def test_of_two_thousand_tables_the_most_connected_are_drawn_and_the_rest_counted() -> None:
    """Nothing is left out without saying so; the words still name every table."""
    made, keys = chain(600)
    alone = [Entity(f"alone_{i}", ()) for i in range(1400)]
    drawn = diagram.draw([*alone, *made], keys)
    assert len(tables(drawn.svg)) == diagram.DRAWN
    assert not any(name.startswith("alone") for name in tables(drawn.svg))
    assert "drawn are the 400 most connected tables, 1,600 are left out" in str(drawn)
    assert "alone_1399" in drawn.words


def test_hostile_names_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may hold what markup, Graphviz and XML take for their own."""
    entity = Entity(HOSTILE, (Column(HOSTILE, HOSTILE, key=True),))
    drawn = diagram.draw([entity], [Reference(HOSTILE, (HOSTILE,), HOSTILE, (HOSTILE,))])
    plain = HOSTILE.replace("\x07", "\ufffd")
    assert [text.strip() for text in texts(drawn.svg)].count(plain) == 3
    assert "<script" not in drawn.svg
    assert "<script" not in drawn._repr_html_()
    bars = chart.of([Size(HOSTILE, 10)])
    assert "<script" not in bars.svg
    assert ET.fromstring(bars.svg) is not None


def test_without_graphviz_the_words_are_shown_and_the_package_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No picture is no reason to stop an inspection."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    drawn = diagram.draw(*chain(3))
    assert drawn.svg == ""
    assert "pip install 'lexikon-runbook[diagram]'" in str(drawn)
    assert "t1(parent) -> t0(id)" in str(drawn)
    (tmp_path / "dot").write_text("#!/bin/sh\necho no fonts >&2; exit 1\n")
    (tmp_path / "dot").chmod(0o755)
    assert diagram.draw(*chain(3)).why == "dot did not draw it: no fonts"


def test_partitions_and_foreign_schemas_are_drawn_once_and_by_name(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition is its table; a name outside of public has its schema; quoted as in SQL."""
    database.execute(
        'create schema app; create table app."Mixed Case" (id int primary key);'
        "create table p (id int, at date) partition by range (at);"
        "create table p1 partition of p for values from ('2026-01-01') to ('2027-01-01');"
        'alter table p add foreign key (id) references app."Mixed Case";'
        "insert into p select 1, '2026-02-02' from app.\"Mixed Case\"; create table empty ();"
    )
    found = reach(database, monkeypatch)
    drawn = entities.draw(found)
    assert tables(drawn.svg) == {'app."Mixed Case"', "p", "empty"}
    assert [str(key) for key in drawn.references] == ['p(id) -> app."Mixed Case"(id)']
    sizes = {size.name: size for size in entities.sizes(found).largest}
    assert set(sizes) == {'app."Mixed Case"', "p", "empty"}


def test_an_empty_database_has_an_empty_diagram(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said, and nothing is drawn."""
    found = reach(database, monkeypatch)
    assert str(entities.draw(found)) == "[--] Diagram: 0 tables, 0 foreign keys"
    assert str(entities.sizes(found)) == "[--] Sizes: 0 tables take 0 bytes"


def test_sizes_are_postgresql_s_own(
    lexikon: Callable[..., Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Table, indexes and long values add up to pg_total_relation_size, as in the list of tables."""
    made = lexikon(data=True)
    found = entities.sizes(reach(made, monkeypatch))
    assert found.largest[0].name == "terms"
    for size in found.largest:
        ((indexes, total),) = made.rows(
            "select pg_indexes_size(%s::regclass), pg_total_relation_size(%s::regclass)",
            *[size.name] * 2,
        )
        assert (size.indexes, size.total) == (indexes, total)


def test_a_locked_table_is_unknown_and_does_not_make_the_chart_wait(
    lexikon: Callable[..., Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its size would be waited for as long as the migration that holds it runs."""
    made = lexikon(data=True)
    with closing(made.connect()) as holder, holder.cursor() as cursor:
        cursor.execute("begin; lock table terms in access exclusive mode")
        found = entities.sizes(reach(made, monkeypatch))
    assert found.unknown == ("terms",)
    assert "Unknown, since another session holds an exclusive lock on it: terms" in str(found)


def test_the_smaller_tables_are_counted_together() -> None:
    """The largest are drawn, the others said with their number and their bytes."""
    made = chart.of(Size(f"t{i:02}", i * 1024) for i in range(1, 31))
    assert [size.name for size in made.largest[:2]] == ["t30", "t29"]
    assert "30 tables take 465.0 kB; drawn are the 25 largest, 5 smaller ones: 15.0 kB" in (
        made.summary
    )
    longest = replace(made.largest[0], name="n" * 63)
    assert f"{'n' * 39}\u2026" in chart.of([longest]).svg


def test_the_html_view_keeps_the_picture_and_nothing_that_runs(tmp_path: Path) -> None:
    """A picture of ours is kept to the letter; an image of anybody else's is not."""
    own = diagram.draw(*chain(2))._repr_html_()
    foreign = (
        "<img src='https://example.org/x.png'><img src='data:text/html;base64,PHNjcmlwdD4='>"
        "<svg onload='alert(1)'></svg><a href='javascript:alert(1)'>x</a>"
    )
    new = nbformat.v4
    outputs = [new.new_output("display_data", {"text/html": own + foreign})]
    book = new.new_notebook(cells=[new.new_code_cell("x", outputs=outputs)])
    file = tmp_path / "x.ipynb"
    nbformat.write(book, file)
    made = view.View()
    made.write(file)
    page = file.with_suffix(".html").read_text()
    (picture,) = re.findall(r"<img[^>]*>", page)
    (drawn,) = re.findall(r"base64,[\w+/=]*", picture)
    assert drawn in own
    assert "example.org" not in page
    assert "onload" not in page
    assert "javascript:" not in page
