"""The spool in one SQLite file: a thread that writes, one that reads, and the tables."""
