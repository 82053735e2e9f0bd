"""The session plugin: what runs in the page, and what builds it.

The core (``session``, ``plugin``, ``settings``) imports the standard library only and touches no clock,
network or file, so that the same source runs in CPython, in Pyodide and, compiled, as JavaScript.
"""
