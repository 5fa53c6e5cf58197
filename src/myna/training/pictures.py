"""A sample's picture as PNG, such as an alignment or a spectrogram."""

from __future__ import annotations

from pathlib import Path

from myna.extras import require
from myna.files import replacing
from myna.training.task import Sample

_SIZE = (6.4, 4.0)
"""Inches."""


def write_picture(sample: Sample, out: Path) -> None:
    """Draw the picture of a sample with its axes and a scale of its values.

    Raises:
        MissingExtraError: the package `matplotlib` is missing.
    """
    assert sample.picture is not None
    figure = require("matplotlib.figure", extra="train", feature="Drawing a picture").Figure(
        figsize=_SIZE, layout="constrained"
    )
    axes = figure.subplots()
    image = axes.imshow(sample.picture, origin="lower", aspect="auto", interpolation="nearest")
    figure.colorbar(image)
    axes.set(title=sample.name, xlabel=sample.axes[0], ylabel=sample.axes[1])
    with replacing(out) as temporary:
        figure.savefig(temporary, format="png")
