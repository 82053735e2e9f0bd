"""Segment's trigger language (FQL), compiled once into predicates."""
