"""Names of providers beside their NPIs, wherever a page writes an NPI; never in the de-identified variant.

    beside("<td>1033003502</td>")    <td>Ann Moss (1033003502)</td>

The names are those of the practice's 837s (`provider_names`), which hold none that a patient of the same file has.
CSV files keep the number alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rcm_analysis import settings
from rcm_analysis.words import escape, still, titled

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

_NAMES: dict[str, str] = {}  # of the practices opened here; an NPI is the same person everywhere
_MARKUP = re.compile(r"<svg\b.*?</svg>|<script\b.*?</script>|<[^>]*>|\b(\d{10})\b(?! \(\d{10}\))", re.S)
_TEXT = re.compile(r"\b(\d{10})\b")


def know(view: View) -> None:
    """Takes the names that the practice's files give by the day of the view, the newest of each NPI."""
    _NAMES.clear()
    if settings.DEIDENTIFIED.value:
        return
    rows = view.execute("SELECT npi, max_by(name, (known_on, name)) FROM provider_names GROUP BY npi").fetchall()
    _NAMES.update({npi: titled(still(name)) for npi, name in rows})


def said(text: str) -> str:
    """A sentence with the name beside each NPI that has one."""
    return _TEXT.sub(lambda found: _named(found[1]), text) if _NAMES else text


def beside(markup: str) -> str:
    """The same in HTML; what stands in tags and drawings stays."""
    if not _NAMES:
        return markup
    return _MARKUP.sub(lambda found: escape(_named(found[1])) if found[1] else found[0], markup)


def _named(npi: str) -> str:
    return f"{_NAMES[npi]} ({npi})" if npi in _NAMES else npi
