"""What was copied out of a practice's folders, so that who forgets the practice hears where copies still lie.

data/store/riverbend/.copies.json       ["/home/ann/claims.xlsx"]: exports and backups
reports/out/riverbend/.copies.json      ["/srv/shared/riverbend/2026-10"]: delivered reports
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from rcm_analysis.store import folders

NAME = ".copies.json"
MOST = 1000  # kept of them, the latest


def note(folder: Path, copy: Path) -> None:
    """Remembers a copy. A folder that can't be written keeps nobody from making one."""
    with suppress(OSError):
        told = [one for one in _told(folder) if one != str(copy.resolve())]
        folders.write({folder / NAME: json.dumps([*told, str(copy.resolve())][-MOST:], indent=0).encode()})


def left(*places: Path) -> list[Path]:
    """The copies that are still there."""
    return sorted({Path(one) for folder in places for one in _told(folder) if Path(one).exists()})


def _told(folder: Path) -> list[str]:
    try:
        return [str(one) for one in json.loads((folder / NAME).read_text("utf-8"))]
    except (OSError, ValueError, TypeError):
        return []
