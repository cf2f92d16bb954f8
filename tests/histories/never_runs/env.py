"""Forgets to run the migrations."""
