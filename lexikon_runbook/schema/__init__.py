"""A schema as somebody reads it: its tables and their parts, drift, snapshots, and pictures.

Every value is read at one moment, by a few queries for whole groups of objects, on a read-only
connection. Reads only. What this role may not read, or what an exclusive lock of another session
keeps from being read, is <NA> (shown as unknown), and a column says what would show it.
"""
