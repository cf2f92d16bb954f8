"""One table with what makes Alembic see differences that are none."""

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    Computed,
    Enum,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INT4RANGE, JSONB, ExcludeConstraint

metadata = MetaData()
state = Enum("planned", "sailing", "home", name="voyage_state")
voyages = Table(
    "voyages",
    metadata,
    Column("id", Integer, Identity(always=True, start=100), primary_key=True),
    Column("ship", Text, nullable=False, comment="as painted on the bow"),
    Column("captain", Text),
    Column("miles", Integer, nullable=False, server_default="0"),
    Column("hours", Integer),
    Column("speed", Numeric, Computed("miles::numeric\n  / nullif(hours, 0)", persisted=True)),
    Column("ports", ARRAY(Text), server_default=text("'{}'::text[]"), nullable=False),
    Column("cargo", JSONB, server_default=text("""'{"tons": 0}'::jsonb""")),
    Column("state", state, server_default="planned"),
    Column("days", INT4RANGE),
    UniqueConstraint("ship", "captain", name="uq_voyages_crew", postgresql_nulls_not_distinct=True),
    CheckConstraint("miles >= 0", name="ck_voyages_miles"),
    ExcludeConstraint(("days", "&&"), name="ex_voyages_days", using="gist"),
    Index("ix_voyages_sailing", "ship", postgresql_where=text("state = 'sailing'")),
    Index("ix_voyages_captain", func.lower(text("captain"))),
    Index("ix_voyages_miles", "miles", postgresql_include=["ship"]),
    comment="each crossing once",
)
