"""Run the models: numpy in, numpy out, whatever computes in between."""

from typing import TYPE_CHECKING

from myna.errors import ConfigError
from myna.extras import require

if TYPE_CHECKING:
    from myna.checkpoints.store import ModelFolder
    from myna.engines.base import Engine

ENGINES = ("auto", "torch")


def load_engine(
    folder: "ModelFolder", engine: str = "auto", *, device: str = "auto", precision: str = "auto"
) -> "Engine":
    """The engine called `engine` with the weights of `folder`.

    Raises:
        ConfigError: no such engine, device or precision.
        MissingExtraError: the engine's package is not installed.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine is {engine!r}; it is one of {', '.join(ENGINES)}.")
    require("torch", extra="torch", feature=f"Speaking with the model {folder.family.name}")
    from myna.engines.torch_engine import TorchEngine

    return TorchEngine(folder, device=device, precision=precision)
