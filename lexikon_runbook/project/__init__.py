"""An Alembic project: its ini, env.py, revision files and history, and where its database is."""
