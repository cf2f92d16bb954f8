"""Catalogs in the archive: written once, read back the same, and refused when they are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexikon_runbook.errors import SnapshotUnusable
from lexikon_runbook.postgres.catalog import Catalog
from lexikon_runbook.schema import snapshot
from lexikon_runbook.schema.snapshot import Snapshot
from lexikon_runbook.targets import masking

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
SECRET = "hunter22"
SOME = {("table", 'public."Weird ""Name"""'): "owner a", ("view", "public.v"): "SELECT 1;\n\t'ü'"}


def of(objects: dict[tuple[str, str], str]) -> Snapshot:
    catalog = Catalog(MappingProxyType(objects))
    return Snapshot("here", "database d on h", "abc", "me", "2026-11-25 03:12:06", catalog)


def same(text: str) -> str:
    return text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return snapshot.write(tmp_path, of(SOME), same)


@given(objects=st.dictionaries(st.tuples(WORDS, WORDS), WORDS, max_size=8))
def test_what_is_read_back_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, objects: dict[tuple[str, str], str]
) -> None:
    """Every text, whatever characters and line breaks are in it."""
    written = of(objects)
    assert snapshot.read(snapshot.write(tmp_path_factory.mktemp("kept"), written, same)) == written


def test_a_snapshot_is_a_line_an_object_in_the_order_of_their_names(file: Path) -> None:
    """So that `diff` of two of them can be read, and the same schema gives the same lines."""
    lines = file.read_text().splitlines()
    assert [line.strip(" ,") for line in lines if line.startswith("  [")] == [
        json.dumps([*key, text], ensure_ascii=False) for key, text in sorted(SOME.items())
    ]


def test_no_secret_is_archived(tmp_path: Path) -> None:
    """What is masked in a text is masked in the file, and it is whole all the same."""
    kept = of({("comment", "table hunter2"): "ask hunter2", ("table", "t"): ""})
    file = snapshot.write(tmp_path, kept, lambda text: text.replace("hunter2", "***"))
    assert "hunter2" not in file.read_text()
    assert ("comment", "table ***") in snapshot.read(file).catalog.objects


def edited(**keys: Any) -> Callable[[Path], None]:
    """Write the file anew with these keys."""

    def edit(file: Path) -> None:
        file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))

    return edit


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda file: file.unlink(), "can't be read: No such file or directory"),
        (lambda file: file.write_text(file.read_text()[:-20]), "is no JSON"),
        (lambda file: file.write_bytes(b"\xff\xfe"), "is no JSON"),
        (lambda file: file.write_text("[]"), "is no snapshot of a catalog"),
        (lambda file: file.write_text('{"format": 1}'), "is no snapshot of a catalog"),
        (edited(format=2), "has format 2, and this version reads 1"),
        (edited(fingerprint="0" * 64), "is damaged: its objects are not those"),
        (edited(objects=[["table", "t", "x"]]), "is damaged: its objects are not those"),
        (edited(objects=[["table", "t"]]), "is damaged: an object or a key"),
        (edited(objects=7), "is damaged: an object or a key"),
        (lambda file: file.write_text(file.read_text().replace('"at"', '"was"')), "is damaged"),
    ],
)
def test_what_is_not_a_whole_snapshot_is_refused(
    file: Path, damage: Callable[[Path], None], why: str
) -> None:
    """The refusal names the file and what is wrong, and how to get a new one."""
    damage(file)
    with pytest.raises(SnapshotUnusable) as stop:
        snapshot.read(file)
    assert stop.value.happened.startswith(f"{file} {why}")
    assert "lexikon-runbook run inspect_schema" in stop.value.next_step


def test_a_snapshot_is_found_by_its_file_its_folder_or_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the working folder, the project or the archive; what is not there is None."""
    archive = tmp_path / "archive"
    folder = archive / "2026/11/25/031206-inspect_schema-here-5b1f0c77"
    folder.mkdir(parents=True)
    file = snapshot.write(folder, of(SOME), same)
    monkeypatch.chdir(folder)
    for text in (
        *("5b1f0c77", str(file), str(folder), "catalog.json", "."),
        *("archive/2026/11/25/031206-inspect_schema-here-5b1f0c77", f"2026/11/25/{folder.name}"),
    ):
        found = snapshot.find(text, tmp_path, archive)
        assert found is not None, text
        assert found.resolve() == file
    for text in ("deadbeef", "production", "..", "a" * 300, "~nobody_of_that_name/x", "\x7f"):
        assert snapshot.find(text, tmp_path, archive) is None


def test_a_record_without_a_snapshot_says_so(tmp_path: Path) -> None:
    """By its id as well as by its folder: it is another runbook's."""
    folder = tmp_path / "2026/11/25/031206-deploy-here-5b1f0c77"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text("{}")
    for text in ("5b1f0c77", str(folder)):
        with pytest.raises(SnapshotUnusable) as stop:
            snapshot.find(text, tmp_path, tmp_path)
        assert "holds no catalog.json" in stop.value.happened


@given(
    texts=st.lists(
        st.lists(
            st.sampled_from(
                ("password", "=", ": ", "'", "?token=", "pg://u:", "@", "\n", "x", SECRET)
            ),
            max_size=9,
        ).map("".join),
        max_size=6,
    )
)
def test_a_secret_is_masked_wherever_in_a_big_schema_it_stands(texts: list[str]) -> None:
    """Masking a catalog at once finds what masking each of its texts by itself finds."""

    def hide(text: str) -> str:
        return masking.mask(text, [SECRET])

    objects = {("comment", f"{text} {n}"): text for n, text in enumerate(texts)}
    assert snapshot.masked(Catalog(MappingProxyType(objects)), hide).objects == {
        (kind, hide(name)): hide(text) for (kind, name), text in objects.items()
    }
