"""The documentation's reference, made from the code: ``python -m tests.docs.reference`` writes docs/reference."""
