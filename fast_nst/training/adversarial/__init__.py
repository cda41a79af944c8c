"""Two sides that train against each other: a style from a body of work.

* `config`: what such a run is told.
* `losses`: what either side wants.
* `augment`: how pictures are changed before the discriminator sees them.
* `module`: the Lightning module of both.
* `collapse`, `watch`: what goes wrong, seen while it happens, and said.
"""
