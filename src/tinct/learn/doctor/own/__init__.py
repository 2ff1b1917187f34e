"""Examine anybody's own PyTorch training.

`diagnose` is the entry point. The other modules, lowest first: `sample` reads the loaders; `answers` finds out what the
loss expects and what the network can output; `case` is the training, with any changes made to it; `broken` finds what
stops its first step; `suspects`, the other `*_suspects` and `steps` list possible faults, each a `Suspect` with its
mend; `examined` holds what was measured; `rules` turns it into findings. `callback` and `learns` offer all this in
Lightning and in tests.
"""
