"""Hold a style's network against the optimisation of Gatys et al., on one objective.

* `methods`: run each of the two in a process of its own, and time it.
* `records`: what is stored of a result, and under which key. `session`: all results, each measured once.
* `k_star`, `summary`: k*, speed-up, medians over photographs.
* `judge`: the objective's medians over photographs, for one style or several, without the race.
* `frechet`: how far apart two clouds of activations are: of two collections of pictures, or of two pictures' places.
* `appearance`, `figures`: how a pastiche looks beside painting and photograph, in figures that no training sees.
* `report`, `tables`, `plot`, `markdown`, `page`, `writer`: the figures as JSON, Markdown and HTML.

This file imports nothing: the process that runs the network must stay without PyTorch.
"""
