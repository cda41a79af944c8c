"""Hold a style's network against the optimisation of Gatys et al., on one objective.

* `stats`: k*, quartiles, medians over photographs. No torch.
* `records`: what is stored of each result, and under which key.
* `isolation`, `methods`: the methods, each run in a process of its own.
* `session`: all results of a comparison, measured once and kept.
* `tables`, `plot`, `report`, `page`: JSON, Markdown and HTML of them.
"""
