"""The build of everything a page loads: the frozen module, the scripts, their compressed forms."""
