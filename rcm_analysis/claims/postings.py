"""What the practice's ledger says of each claim, and which of its postings are write-offs: SQL steps run by `claims`.

The practice's own words give the leaf, and the remittance where they give none, or where they call contractual what
no contract explains.

    claim_number  amount  code  reason                  leaf           root         mismatch
    A1            200.00  45    contractual adjustment  authorization  unnecessary  true
    A2             12.50  SB    small balance           small_balance  necessary    false
    A3             80.00  ADJ   per manager             unclassified   unclassified false
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from rcm_analysis.claims.situations import LEAF_OF_CATEGORY
from rcm_analysis.errors import RcmError
from rcm_analysis.reference import codes

if TYPE_CHECKING:
    import duckdb


# Leaves that say why a denial came about, beside those of LEAF_OF_CATEGORY
CATEGORY_OF_LEAF = {
    "appeal_deadline": "timely_filing", "bundling_not_fought": "bundling", "duplicate_rebill": "duplicate",
    "ems_signature": "ambulance", "ems_pcs": "ambulance", "ems_origin_destination": "ambulance",
    "ems_mileage": "ambulance", "ems_level_of_service": "ambulance", "benefit_limit_noticed": "benefit_maximum",
    "registration": "claim_data", "true_duplicate": "duplicate",
    **{leaf: category for category, leaf in reversed(LEAF_OF_CATEGORY.items()) if leaf != "administrative"},
}  # fmt: skip


def own_phrases(paths: list[Path]) -> pd.DataFrame | None:
    """The users' tables of write-off words, the first outranking the others; None where there are none.

    A row has `leaf` and either `words`, found anywhere whatever their case, or `pattern`, a regular expression.

        words,leaf
        per dr ok,courtesy

    Raises PhrasesError naming the file and all that is wrong in it.
    """
    frames = []
    for path in paths:
        try:
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
            words = frame["words"].str.strip() if "words" in frame else pd.Series("", frame.index)
            pattern = frame["pattern"].str.strip() if "pattern" in frame else pd.Series("", frame.index)
            phrases = pd.DataFrame(
                {"pattern": pattern.where(pattern != "", words.map(re.escape)), "leaf": frame["leaf"].str.strip()}
            )
            phrases = phrases[phrases["pattern"] != ""]
            codes.classify_reasons([], user_phrases=phrases)
        except KeyError as error:
            raise PhrasesError(f"{path.name} has no column {error}; it needs 'words' and 'leaf'") from None
        except (ValueError, OSError) as error:
            raise PhrasesError(f"{path.name} can't be used: {error}") from None
        frames.append(phrases)
    return pd.concat(frames, ignore_index=True) if frames else None


class PhrasesError(RcmError):
    """A user's table of write-off words that can't be used; the message says why."""


def reasons_of(con: duckdb.DuckDBPyConnection, extra: pd.DataFrame | None) -> pd.DataFrame:
    """Each distinct code, reason and leaf told at ingest of the ledger's adjustments with the leaf that its words tell.

    The user's own words come first, then what all words told at ingest, then what is left of them tells.
    """
    rows = con.execute(
        "SELECT coalesce(code, '') AS code, coalesce(reason, '') AS reason, coalesce(word_leaf, '') AS word_leaf "
        "FROM ledger WHERE kind IN ('adjustment', 'write_off') GROUP BY 1, 2, 3"
    ).fetchall()
    pairs = [(code, reason) for code, reason, _ in rows]
    ours = codes.classify_reasons(pairs)
    own = codes.classify_reasons(pairs, user_phrases=extra) if extra is not None else ours
    found = []
    for (code, reason, told), (leaf, by), mine in zip(rows, ours, own, strict=True):
        known = told if told not in ("", codes.UNCLASSIFIED) else leaf
        found.append((code, reason, told, mine[0] if mine != (leaf, by) else known))
    return pd.DataFrame(found, columns=["code", "reason", "word_leaf", "leaf"], dtype=str)


def categories_of_words(con: duckdb.DuckDBPyConnection, extra: pd.DataFrame | None) -> pd.DataFrame:
    """Each distinct reason text of denial listings with the denial category that its words tell, if any."""
    found = con.execute("SELECT DISTINCT reason_text FROM denial_reasons").fetchall()
    leaves = codes.classify_reasons([("", text) for (text,) in found], user_phrases=extra)
    rows = [(text, CATEGORY_OF_LEAF.get(leaf)) for (text,), (leaf, _) in zip(found, leaves, strict=True)]
    return pd.DataFrame(rows, columns=["reason_text", "category"], dtype="string")
