"""The examination of anybody's own PyTorch training.

`diagnose` is where to begin. From below: `sample` reads the loaders; `answers` asks the loss what it wants and the
network what it can give; `case` is the training, with whatever is changed in it; `broken` is what stops its first
step; `suspects`, with `loss_suspects` and `steps`, are what may be wrong, each a `suspect` with its mend; `examined`
holds what was measured; `rules` judge it. `callback` and `learns` bring it into Lightning and into tests.
"""
