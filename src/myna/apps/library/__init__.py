"""The library: voices kept on disk by name, for every program and process that wants them."""

from myna.apps.library.entry import Entry
from myna.apps.library.library import Library

__all__ = ["Entry", "Library"]
