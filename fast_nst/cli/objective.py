"""Which loss network judges, said where nobody chose it."""

import click

from fast_nst.perceptual import ObjectiveConfig


def resolved(objective: ObjectiveConfig) -> ObjectiveConfig:
    """Replace `auto` by a loss network that is at hand; say so where that is `mini`."""
    settled = objective.resolved()
    if objective.loss_network == "auto" and settled.loss_network == "mini":
        click.echo(
            "fast-nst: the loss network is mini, a small copy of VGG-19 that comes with fast-nst; "
            "--loss-network vgg19 downloads the whole one once (550 MB), and it is then the default",
            err=True,
        )
    return settled
