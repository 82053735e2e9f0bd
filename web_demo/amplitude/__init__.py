"""A fake Amplitude: it checks what the real one checks, remembers what it took, misbehaves when told to."""
