"""A new revision: what the models change, the file that says it, its review, and its proof.

`house` is what this project's script.py.mako writes with, and imports nothing heavy.
"""
