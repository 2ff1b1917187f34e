"""Examine anybody's own PyTorch training.

`diagnose` holds the two entry points, `diagnose` and `assert_learns`. The other modules, lowest first: `answers` finds
out what the loss expects and what the network can output; `given` takes over the model and the loaders; `case` is the
training, with any changes made to it, and a `Suspect` a possible fault with its mend; `broken` finds what stops its
first step; `suspects` and the other `*_suspects` list possible faults; `examination` holds what was measured and makes
the experiments; `rules` turns it into findings. `callback` offers all this in Lightning.
"""
