"""The payload of an action: its fields, filled by the mapping, fitted to their types and checked."""
