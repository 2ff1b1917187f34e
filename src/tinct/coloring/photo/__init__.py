"""Colour for photographs."""
