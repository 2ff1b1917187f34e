"""Colour for films."""
