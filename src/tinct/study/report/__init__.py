"""Pages, charts, tables and words about what was measured."""
