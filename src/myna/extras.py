"""Import what an extra brings, or name the extra."""

import importlib
import os
from types import ModuleType

from myna.errors import MissingExtraError

_SILENT = {"onnxruntime": "ORT_DISABLE_TELEMETRY"}
"""Packages that keep an account of their use as soon as they are imported, if this variable of the
environment does not say otherwise."""


def require(module: str, *, extra: str, feature: str) -> ModuleType:
    """Import `module`, or say which extra brings it.

    Args:
        module: dotted name to import.
        extra: name of the extra of the `myna` distribution that installs it.
        feature: what the caller wanted, as the subject of a sentence.

    Raises:
        MissingExtraError: the module is not installed. A module that is installed but broken
            raises its own error, which is the useful one.
    """
    if variable := _SILENT.get(module):
        os.environ.setdefault(variable, "1")
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingExtraError(
            f"{feature} needs the package `{module}`. Install it with: pip install 'myna[{extra}]'"
        ) from error
