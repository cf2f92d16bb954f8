"""The project in a process of its own: what runs there, under the project's own Python.

Standard library and the project's own Alembic and SQLAlchemy only, from Python 3.9 on. The source
travels over standard input, so nothing of ours is installed there. It speaks lines of JSON, says
each statement before it is sent, and decides nothing: what may go on is answered from our side.
"""
