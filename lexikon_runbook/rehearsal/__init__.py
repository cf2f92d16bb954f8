"""Throwaway databases: where revisions are tried before they meet a database that counts."""
