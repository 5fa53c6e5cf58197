"""Settings for every test."""

from __future__ import annotations

from hypothesis import settings

# Shared machines are slow at times; a slow example is no failure.
settings.register_profile("myna", deadline=None)
settings.load_profile("myna")
