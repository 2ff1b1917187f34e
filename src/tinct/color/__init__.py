"""Arithmetic of colour on arrays: no files, no networks."""
