"""How strong a style can be: what a network paints at its greatest strength, once it is trained."""

import pytorch_lightning as pl
import torch
from torch import Tensor

from fast_nst.networks import MOST_STRENGTH
from fast_nst.networks.styled import ROWS_WITH_STRENGTH
from fast_nst.training.module import StyleTransferModule

_SHARES = (0.25, 0.5, 0.75, 1.0)
_WORTH = 0.02  # less of the style term in each of these steps is not worth what is lost of the photograph
_LOOKED_AT = 8  # crops; a run of many styles should not end with minutes of this


class Boldest(pl.Callback):
    """At the end of a run, brings each style's greatest strength back to where more is hardly nearer to the style.

    Some styles are as near to their painting at strength 1.25 as a network gets; beyond, they only lose the photograph.
    Then the row for `MOST_STRENGTH` becomes the one up to which the style term falls well, so that it falls throughout,
    on photographs that were not trained on, too. A run that was stopped early is left as it is: it may go on.

    Args:
        crops: photographs to judge by, of which the first few serve, `(N, 3, crop, crop)` RGB in [0, 1].
    """

    def __init__(self, crops: Tensor) -> None:
        self.crops = crops[:_LOOKED_AT]

    @torch.no_grad()
    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at each style, and change its row."""
        assert isinstance(pl_module, StyleTransferModule)
        network = pl_module.painter
        has_styles = all(objective.style_weight for objective in pl_module.objectives)
        if pl_module.progress() < 1 or not network.has_strength or not has_styles:
            return
        for style in range(network.style_count):
            _, plain, most = network.styles[style].chunk(ROWS_WITH_STRENGTH)
            plain, furthest = plain.clone(), most - plain
            best, least = 0.0, self._style_term(pl_module, style, 1.0)
            for share in _SHARES:
                most.copy_(plain + share * furthest)
                term = self._style_term(pl_module, style, MOST_STRENGTH)
                if term > (1 - _WORTH) * least:
                    break
                best, least = share, term
            most.copy_(plain + best * furthest)

    def _style_term(self, module: StyleTransferModule, style: int, strength: float) -> float:
        """Return the geometric mean of the crops' style terms: of some photographs it is many times others'."""
        crops, network = self.crops.to(module.device), module.painter
        which = torch.eye(network.style_count, device=module.device)[style]
        strengths = torch.full((len(crops),), strength, device=module.device)
        pastiche = network(crops, which, strengths).float()
        objective = module.objectives[style]
        term: Tensor = objective(pastiche, objective.content_targets(crops)).style
        return float(term.detach().log().mean().exp())
