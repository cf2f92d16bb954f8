"""Sixty statements with what the manual says they do to what is there: locks, rewrites, scans.

Each is run alone in a transaction on tables that hold a row. `locks` are the strongest mode on each
table that was there; `rewrites` and `scans` the tables that are written anew, or read as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

AX, X, SRX, S = "AccessExclusiveLock", "ExclusiveLock", "ShareRowExclusiveLock", "ShareLock"
SUX, RX, AS = "ShareUpdateExclusiveLock", "RowExclusiveLock", "AccessShareLock"
RS = "RowShareLock"

BASE = """
create type mood as enum ('calm', 'glad');
create domain positive as int check (value > 0);
create table owners (id bigint primary key, name text not null);
create table words (id bigint primary key, label varchar(80) not null, mood mood default 'calm',
  owner_id bigint references owners, rank int, weight int not null default 0, remark text,
  made timestamp default now(), price numeric(10, 2), gone text, tag varchar(20));
create index words_label on words (label);
create index words_rank on words (rank);
create unique index words_tag on words (tag);
alter table words add constraint rank_positive check (rank > 0);
alter table words add constraint weight_positive check (weight >= 0) not valid;
alter table words add constraint remark_there check (remark is not null);
create table uses (id int primary key, word_id bigint, text text);
alter table uses add constraint uses_word foreign key (word_id) references words not valid;
create table days (id int not null, day date not null) partition by range (day);
create table days_2024 partition of days for values from ('2024-01-01') to ('2025-01-01');
create table loose (id int not null, day date not null);
create view glad as select id, label from words;
create materialized view counted as select id, label from words;
create function stay() returns trigger language plpgsql as $$ begin return new; end $$;
create function hidden() returns void language plpgsql as
  $$ begin execute 'alter table words alter rank type bigint'; end $$;
create trigger before_words before update on words for each row execute function stay();
insert into owners values (1, 'o');
insert into words (id, label, owner_id, rank, remark, tag) values (1, 'a', 1, 1, 'r', 't');
insert into uses values (1, 1, 'u');
insert into loose values (1, '2025-06-01');
"""


@dataclass(frozen=True)
class Case:
    """One statement, and what it does."""

    sql: str
    locks: dict[str, str]
    rewrites: str = ""
    scans: str = ""


def _alter(clause: str, locks: str = AX, rewrites: str = "", scans: str = "") -> Case:
    return Case(f"ALTER TABLE words {clause}", {"words": locks}, rewrites, scans)


CASES = (
    _alter("ADD COLUMN extra text"),
    _alter("ADD COLUMN extra int NOT NULL DEFAULT 7"),
    _alter("ADD COLUMN extra timestamptz DEFAULT now()"),
    _alter("ADD COLUMN extra uuid DEFAULT gen_random_uuid()", AX, "words", "words"),
    _alter("ADD COLUMN extra bigserial", AX, "words", "words"),
    _alter("ADD COLUMN extra int GENERATED ALWAYS AS IDENTITY", AX, "words", "words"),
    _alter("ADD COLUMN extra int GENERATED ALWAYS AS (rank * 2) STORED", AX, "words", "words"),
    _alter("ADD COLUMN extra positive", AX, "words", "words"),
    Case(
        "ALTER TABLE uses ADD COLUMN owner_id bigint REFERENCES owners",
        {"uses": AX, "owners": SRX},
    ),
    _alter("DROP COLUMN gone"),
    Case("ALTER TABLE words DROP COLUMN owner_id", {"words": AX, "owners": AX}),
    _alter("ALTER COLUMN rank TYPE bigint", AX, "words", "words"),
    _alter("ALTER COLUMN tag TYPE varchar(50)"),
    _alter("ALTER COLUMN tag TYPE text"),
    _alter("ALTER COLUMN tag TYPE varchar(9)", AX, "words", "words"),
    _alter("ALTER COLUMN price TYPE numeric(14, 2)"),
    _alter("ALTER COLUMN price TYPE numeric(14, 3)", AX, "words", "words"),
    _alter("ALTER COLUMN rank TYPE int USING rank + 1", AX, "words", "words"),
    _alter("ALTER COLUMN rank SET NOT NULL", AX, "", "words"),
    _alter("ALTER COLUMN remark SET NOT NULL"),
    _alter("ALTER COLUMN label DROP NOT NULL"),
    _alter("ALTER COLUMN label SET DEFAULT 'z'"),
    _alter("ADD CONSTRAINT small CHECK (rank < 100)", AX, "", "words"),
    _alter("ADD CONSTRAINT small CHECK (rank < 100) NOT VALID"),
    _alter("VALIDATE CONSTRAINT weight_positive", SUX, "", "words"),
    Case(
        # It is checked by a join, which reads the other table, too.
        "ALTER TABLE uses ADD CONSTRAINT again FOREIGN KEY (word_id) REFERENCES words",
        {"uses": SRX, "words": SRX},
        "",
        "uses words",
    ),
    Case(
        "ALTER TABLE uses ADD CONSTRAINT again FOREIGN KEY (word_id) REFERENCES words NOT VALID",
        {"uses": SRX, "words": SRX},
    ),
    Case("ALTER TABLE uses VALIDATE CONSTRAINT uses_word", {"uses": SUX, "words": RS}, "", "uses"),
    _alter("ADD CONSTRAINT one_label UNIQUE (label)", AX, "", "words"),
    _alter("ADD CONSTRAINT one_tag UNIQUE USING INDEX words_tag"),
    Case("ALTER TABLE loose ADD PRIMARY KEY (id)", {"loose": AX}, "", "loose"),
    _alter("ADD CONSTRAINT apart EXCLUDE (rank WITH =)", AX, "", "words"),
    Case("ALTER TABLE uses DROP CONSTRAINT uses_word", {"uses": AX, "words": AX}),
    Case("CREATE INDEX words_made ON words (made)", {"words": S}, "", "words"),
    Case("CREATE UNIQUE INDEX words_made ON words (made)", {"words": S}, "", "words"),
    Case("DROP INDEX words_rank", {"words": AX}),
    Case("REINDEX TABLE words", {"words": S}, "", "words"),
    _alter("RENAME COLUMN label TO name"),
    _alter("RENAME TO terms"),
    Case("DROP TABLE uses", {"uses": AX, "words": AX}),
    Case(
        "DROP TABLE words CASCADE",
        {"words": AX, "owners": AX, "uses": AX, "glad": AX, "counted": AX},
    ),
    Case("TRUNCATE uses", {"uses": AX}, "uses"),
    Case("ALTER TABLE uses SET UNLOGGED", {"uses": AX}, "uses", "uses"),
    _alter("SET (fillfactor = 70)", SUX),
    _alter("ALTER COLUMN label SET STATISTICS 500", SUX),
    Case(
        "ALTER TABLE days ATTACH PARTITION loose FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
        {"days": SUX, "loose": AX},
        "",
        "loose",
    ),
    Case("ALTER TABLE days DETACH PARTITION days_2024", {"days": AX, "days_2024": AX}),
    Case(
        "CREATE TRIGGER after_words AFTER INSERT ON words FOR EACH ROW EXECUTE FUNCTION stay()",
        {"words": SRX},
    ),
    Case("DROP TRIGGER before_words ON words", {"words": AX}),
    _alter("DISABLE TRIGGER before_words", SRX),
    Case("REFRESH MATERIALIZED VIEW counted", {"counted": AX, "words": AS}, "counted", "words"),
    Case("CREATE TABLE fresh (id int, word_id bigint REFERENCES words)", {"words": SRX}),
    Case("CREATE OR REPLACE VIEW glad AS SELECT id, label, rank FROM words", {"glad": AX}),
    Case("UPDATE words SET remark = 'y'", {"words": RX}, "", "words"),
    Case("DELETE FROM uses WHERE id < 0", {"uses": RX}),
    Case("DELETE FROM uses", {"uses": RX}, "", "uses"),
    Case("INSERT INTO uses SELECT id + 9, id, label FROM words", {"uses": RX}, "", "words"),
    Case(
        "DO $$ BEGIN EXECUTE 'ALTER TABLE words ALTER rank TYPE bigint'; END $$",
        {"words": AX},
        "words",
        "words",
    ),
    Case("SELECT hidden()", {"words": AX}, "words", "words"),
    Case("DROP TYPE mood CASCADE", {"words": AX}),
    Case("COMMENT ON TABLE words IS 'x'", {"words": SUX}),
    _alter("ENABLE ROW LEVEL SECURITY"),
    _alter("REPLICA IDENTITY FULL"),
    Case("LOCK TABLE words IN SHARE MODE", {"words": S}),
    Case("LOCK TABLE words IN EXCLUSIVE MODE", {"words": X}),
)
