"""What electronic files tell of claims for certain: what a ledger's columns, codes and sums are held against.

    claims      A1  charge 20000  service 2026-01-05  payer ACME HEALTH
    payments    A1  day 2026-02-20  cents 10000
    cuts        A1  day 2026-02-20  cents 8000         contractual (CO-45)

Amounts are whole cents. A practice without electronic files knows nothing, and `bool` of it is false.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

# fact table -> the columns that are needed of it
COLUMNS = {
    "submissions": ["known_on", "submission_id", "claim_number", "charge", "service_date", "payer_name", "kind"],
    "remittances": [
        "remittance_id", "payment_id", "claim_number", "known_on", "charge", "paid", "service_date", "payer_name", "check_number",
    ],
    "adjustments": ["remittance_id", "group_code", "carc", "amount"],
}  # fmt: skip
_PAID = {
    "claim_number": pd.Series(dtype=object),
    "day": pd.Series(dtype="datetime64[s]"),
    "cents": pd.Series(dtype=float),
}
_CLAIM = {
    "charge": pd.Series(dtype=float),
    "service": pd.Series(dtype="datetime64[s]"),
    "payer": pd.Series(dtype=object),
}


@dataclass
class Known:
    """Claims by number, and what was paid and cut of them by day."""

    claims: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(_CLAIM))
    payments: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(_PAID))
    cuts: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(_PAID))

    def __bool__(self) -> bool:
        return len(self.claims) > 0


def gather(read: Callable[[str, list[str]], pa.Table | None]) -> Known:
    """What the fact tables tell; `read` gives the columns of a table, or None where it has no rows."""
    tables = {name: read(name, columns) for name, columns in COLUMNS.items()}
    sent, paid, cut = tables["submissions"], tables["remittances"], tables["adjustments"]
    if sent is not None:
        sent = sent.filter(pc.not_equal(sent["kind"], "listing"))
        sent = sent.sort_by([("known_on", "ascending"), ("submission_id", "ascending")])
    if paid is not None:
        paid = paid.filter(pc.is_valid(paid["payment_id"]))
        paid = paid.sort_by([("known_on", "ascending"), ("remittance_id", "ascending")])
    parts = [_claims(table) for table in (sent, paid) if table is not None and table.num_rows]
    if not parts:
        return Known()
    claims = pd.concat(parts)
    claims = claims[claims["claim_number"].fillna("") != ""].drop_duplicates("claim_number").set_index("claim_number")
    if paid is None or not paid.num_rows:
        return Known(claims)
    payments = pd.DataFrame({
        "remittance_id": paid["remittance_id"].to_numpy(), "claim_number": _texts(paid["claim_number"]),
        "day": paid["known_on"].to_pandas().astype("datetime64[s]"), "cents": _cents(paid["paid"]),
    })  # fmt: skip
    return Known(claims, payments[["claim_number", "day", "cents"]], _cuts(cut, payments))


def _claims(table: pa.Table) -> pd.DataFrame:
    return pd.DataFrame({
        "claim_number": _texts(table["claim_number"]), "charge": _cents(table["charge"]),
        "service": table["service_date"].to_pandas().astype("datetime64[s]"), "payer": _texts(table["payer_name"]),
    })  # fmt: skip


def _cuts(cut: pa.Table | None, payments: pd.DataFrame) -> pd.DataFrame:
    """The contractual part (CO-45) of each claim payment."""
    if cut is None or not cut.num_rows:
        return pd.DataFrame(_PAID)
    cut = cut.filter(pc.and_(pc.equal(cut["group_code"], "CO"), pc.equal(cut["carc"], "45")))
    frame = pd.DataFrame({"remittance_id": cut["remittance_id"].to_numpy(), "cents": _cents(cut["amount"])})
    sums = frame.groupby("remittance_id", as_index=False)["cents"].sum()
    return sums.merge(payments[["remittance_id", "claim_number", "day"]], on="remittance_id")[list(_PAID)]


def _texts(column: pa.ChunkedArray) -> pd.Series:
    """Texts as Python's own, each distinct one once: what is looked up by them knows its hash already."""
    coded = column.combine_chunks().dictionary_encode()
    values = np.array([*coded.dictionary.to_pylist(), None], object)
    return pd.Series(values[pc.fill_null(coded.indices, -1).to_numpy()], dtype=object)


def _cents(column: pa.ChunkedArray) -> np.ndarray:
    return np.rint(np.nan_to_num(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False)) * 100)
