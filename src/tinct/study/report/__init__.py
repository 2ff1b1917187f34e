"""Pages, charts, tables and texts about what was measured."""
