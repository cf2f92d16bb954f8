"""PostgreSQL: connections, the catalog, sessions, locks, its SQL, and the embedded server.

The only room that knows the driver.
"""
