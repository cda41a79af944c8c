"""What the artist decides about a picture beside its style: colours, masks, what lies under transparency.

* `color`: the photograph's colours, or another picture's, on the pastiche.
* `mask`: the style inside, the photograph outside; regions of several styles. `regions`: whose mask is where.
* `alpha`: what is hidden under transparency must not show beside it.
* `finish`: all of it, for a picture in memory or on a disk.

All work on some rows at a time, and give the same however a picture is cut. This file imports nothing.
"""
