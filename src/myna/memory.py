"""Memory that was freed goes back to the system."""

import ctypes
import gc
from contextlib import suppress


def give_back() -> None:
    """Let go of what was freed.

    glibc keeps it for itself, which adds up to hundreds of megabytes after many long texts, and to
    gigabytes after a thousand recordings that were listened to. Other systems have no such call,
    and no need of it.
    """
    gc.collect()  # an engine and its sessions know each other
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
