"""Colour for photographs and films: the main job."""
