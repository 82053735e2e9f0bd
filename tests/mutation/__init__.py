"""Changes to the core, one at a time, and the question whether a test notices (``build.py mutants``)."""
