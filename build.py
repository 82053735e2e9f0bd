"""The one front door. ``python3 build.py --help`` explains the commands."""
