"""Whether a token model learnt its clips by heart: measured where a run ends."""

from __future__ import annotations

from pathlib import Path

from myna.training.evaluating import held_out_losses
from myna.training.learning import Chosen, Learner
from myna.training.memorisation import Report, memorisation
from myna.training.processes import Group, pick_device
from myna.training.state import weights

_CLIPS = 20
"""Of those trained on, that are compared with the held-out ones."""


def remembered(learner: Learner, folder: Path, which: str, device: str = "auto") -> Report | None:
    """Compare the loss on clips that were trained on with that on held-out ones.

    Args:
        folder: of the run.
        which: `best` or `last` of its weights, which the learner's nets then hold.

    Returns:
        None where nothing was held out.

    Raises:
        TrainingError: there are no such weights.
    """
    if not len(learner.held_out):
        return None
    learner.task.nets.load_state_dict(weights(folder, which))
    group = Group(pick_device(device))
    learner.task.nets.to(group.device)
    known = learner.recorded
    some = Chosen(known.features, known.indices[:_CLIPS], known.lengths[:_CLIPS])
    losses = [
        held_out_losses(learner.task, part, learner.settings, group, learner.settings.pieces)
        for part in (some, learner.held_out)
    ]
    return memorisation(train_loss=losses[0]["loss"], held_out_loss=losses[1]["loss"])
