"""Segment's mapping directives, compiled once into Python functions."""
