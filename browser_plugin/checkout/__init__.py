"""Sets up this checkout for build.py. Standard library only: it runs before anything else is there."""
