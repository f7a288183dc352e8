"""Which version of each reader is at work, so that files read by an earlier one can be read again.

    kind  version  what it reads that the one before did not
    835   2        RAS, claim payments without a number, payers named for some claims
    999   2        refusals of whole batches
    837P  3        who referred, ordered and supervised; taxonomies; drug codes

A reader that learns to read something gets the next number. Files that an earlier one read are listed by `rcm files`;
given again, they are read again into one new batch, whose rows take the place of the earlier ones.
"""

from __future__ import annotations

from typing import Any

FIRST = 1  # of all files stored before readers had numbers
VERSIONS = {
    "835": 2,  # RAS; no claim number; adjustments told twice; payers named for some claims; digests of payments
    "837P": 3,  # referring, ordering and supervising providers, taxonomies, drug codes; control numbers of envelopes
    "837I": 3,  # besides, attending providers
    "837D": 3,  # besides, days of service at the claim
    "277CA": 2,  # no words where a code belongs: they could be a person's name; so in all others, too
    "277": 2,  # acknowledgments of releases that have no name here
    "997": 2,  # refusals
    "999": 2,
    "TA1": 2,
    "ledger": 3,  # cells as they came, surnames as pseudonyms
}


def version(kind: str) -> int:
    """The version that reads a file of this kind now, the latest where it holds several.

    >>> version("835"), version("277CA"), version("277CA+837D")
    (2, 2, 3)
    """
    return max(VERSIONS.get(part, FIRST) for part in kind.split("+"))


def worth_reading_again(row: dict[str, Any]) -> bool:
    """Whether a row of `files` was written by an earlier reader than today's; rejected files are tried again anyway.

    >>> worth_reading_again({"kind": "835", "status": "accepted", "reader": None})
    True
    """
    return row["status"] != "rejected" and (row["reader"] or FIRST) < version(row["kind"])
