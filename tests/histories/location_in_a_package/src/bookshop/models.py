"""The tables of the application."""

from sqlalchemy import Column, Integer, MetaData, Table, Text

metadata = MetaData()
books = Table("books", metadata, Column("id", Integer, primary_key=True), Column("title", Text))
