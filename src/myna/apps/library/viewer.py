"""Who uses the library: whose voices they see, and whose those are that they add."""

from __future__ import annotations

import re
from dataclasses import dataclass

from myna.errors import ConfigError

OWNER = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""Names of owners, as keys of a server have them; they are part of names of files."""
_OWNER = re.compile(OWNER)


@dataclass(frozen=True, slots=True)
class Viewer:
    """One who uses the library."""

    name: str = ""
    """To whom belongs what they add; empty for everybody."""
    sees_all: bool = True
    """What belongs to others, too; else what is their own or everybody's."""

    def __post_init__(self) -> None:
        if self.name and not _OWNER.fullmatch(self.name):
            raise ConfigError(
                f"An owner of voices is called {self.name[:64]!r}; use up to 64 letters, digits "
                f"and ._-, the first of them a letter or digit."
            )

    @property
    def sees(self) -> dict[str, object]:
        """What `SEEN` asks for."""
        return {"sees_all": self.sees_all, "viewer": self.name}


SEEN = "(:sees_all OR owner IN ('', :viewer))"
"""Part of a statement: of voices or names, those that a viewer sees."""
NEAREST = "owner = :viewer DESC, owner = '' DESC"
"""Part of a statement: what is the viewer's own first, then what is everybody's."""
EVERYBODY = Viewer()
"""Whoever works on the machine itself."""
