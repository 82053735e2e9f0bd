"""History, asked: which events came, what became of each, which requests it was in."""
