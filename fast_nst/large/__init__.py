"""Pictures of any size in bounded memory: strips, with the statistics of the whole picture.

* `any_size`: decides whether a picture is painted in one piece, in strips, or from file to file; imports the rest then.
* `files`: the latter. `size`: `2GB`, as people write it.
* `memory`: how much there is, how much is taken, and the plan that follows.
* `stroke_size`: at which size a picture is painted. `strokes`: paints it smaller. `enlarging`: brings it back
  to its own size.
* `probe`: how tensors lie over the picture. `graph`: a style file, and where its norms cut it. `schedule`: which
  passes that makes. `painter`: makes them.
* `statistics`, `store`: what passes gather and keep.

`docs/any-size.md` explains the design. This file imports nothing: whoever paints small pictures does not wait for it.
"""
