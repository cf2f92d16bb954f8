"""The models know no table of an extension."""

from sqlalchemy import Column, Integer, MetaData, Table

metadata = MetaData()
places = Table("places", metadata, Column("id", Integer, primary_key=True))
