"""The models know the partitioned table, and none of its partitions."""

from sqlalchemy import Column, Date, Index, Integer, MetaData, Table, Text

metadata = MetaData()
clicks = Table(
    "clicks",
    metadata,
    Column("id", Integer),
    Column("at", Date),
    Column("kind", Text),
    Index("ix_clicks_kind", "kind"),
    postgresql_partition_by="RANGE (at)",
)
