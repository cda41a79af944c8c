"""What judges, and by which weights, said where nobody chose it."""

import click

from fast_nst.perceptual import ObjectiveConfig
from fast_nst.perceptual.vgg import held_layers, is_left_to_mini


def resolved(objective: ObjectiveConfig) -> ObjectiveConfig:
    """Replace `auto` by a loss network that is at hand, and layers that a cut file lacks; say so."""
    settled = objective.resolved()
    if objective.loss_network == "auto" and settled.loss_network == "mini":
        click.echo(
            "fast-nst: the loss network is mini, a small copy of VGG-19 that comes with fast-nst; "
            "--loss-network vgg19 downloads the whole one once (550 MB), and it is then the default",
            err=True,
        )
    _tell_what_is_cut_off(objective, settled)
    return settled


def _tell_what_is_cut_off(objective: ObjectiveConfig, settled: ObjectiveConfig) -> None:
    asked, kept = ({*one.content_layers, *one.style_layers} for one in (objective, settled))
    held = held_layers(settled.loss_network)
    from_mini = sorted(layer for layer in kept if is_left_to_mini(layer, held))
    replaced = sorted(asked - kept)
    if from_mini or replaced:
        remedies = [f"mini gives {', '.join(from_mini)}"] if from_mini else []
        remedies += [f"{held[-1]} takes the place of {', '.join(replaced)}"] if replaced else []
        click.echo(
            f"fast-nst: {settled.loss_network} ends with {held[-1]}, so {', and '.join(remedies)}; "
            "--loss-network vgg19 downloads the whole network",
            err=True,
        )


def tell_weights(asked: ObjectiveConfig, chosen: ObjectiveConfig, painting: str = "this painting") -> None:
    """Say the weights that were chosen for a painting, and how to choose others."""
    names = [name for name in ("content_weight", "style_weight") if getattr(asked, name) is None]
    if names and chosen.constants == "relative":
        weights = ", ".join(f"{name.replace('_', ' ')} {getattr(chosen, name):g}" for name in names)
        options = " or ".join(f"--{name.replace('_', '-')}" for name in names)
        click.echo(f"fast-nst: balanced for {painting}: {weights}; {options} sets another", err=True)
