"""Read the tables that lie beside each language, when they are first needed."""

from __future__ import annotations

from pathlib import Path


def lines(language: str, name: str) -> list[str]:
    """Lines of `<language>/data/<name>` without comments and empty ones; unpacked if `.gz`."""
    raw = (Path(__file__).parent / language / "data" / name).read_bytes()
    if name.endswith(".gz"):
        import gzip

        raw = gzip.decompress(raw)
    return [line for line in raw.decode("utf-8").splitlines() if line and not line.startswith("# ")]
