"""Denial rates that issuers of marketplace plans report themselves: the Transparency in Coverage workbook of CMS.

The workbook is the user's; nothing fetches it. A row of it is a plan, and an issuer's totals repeat on every row of its
plans, so they are taken once. `*`, `**`, `***` and `N/A` are suppressed or missing, never zero. The publication of a
plan year holds the claims of two years earlier.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from rcm_analysis.errors import RcmError
from rcm_analysis.reference import codes
from rcm_analysis.spreadsheets import sheets
from rcm_analysis.stats import wilson

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

YEARS_LATER = 2  # from the claims to the plan year of the publication
ROWS_TO_HEADER = 12
NEAR = 0.01  # KFF's published share, rounded to whole percents, and ours may differ by this
ID, NAME = "issuerid", "issuername"
COUNTS = {"received": ("issuerclaimsreceivedinnetwork", "issuerclaimsreceived"),
          "denied": ("issuerclaimsdeniedinnetwork", "issuerclaimsdenials", "issuerclaimsdenied")}  # fmt: skip
COLUMNS = ["state", "issuer_id", "issuer_name", "year", "network", "received", "denied", "rate"]
# legal forms say nothing about who it is
_FORMS = re.compile(r"\b(incorporated|inc|llc|ltd|lp|corporation|corp|company|co|insurance|the)\b")


class IssuersError(RcmError):
    """A workbook or a table of payers that can't be used; the message says what is missing."""


def read(path: Path) -> pd.DataFrame:
    """One row per state and issuer of medical plans: claims received and denied (in network, where told so), and the rate.

    state  issuer_id  issuer_name         year  network  received  denied  rate
    OR     10091      PacificSource ...   2024  True     3771      658     .174

    A rate is missing where a count is suppressed or more was denied than received. Raises IssuersError when there is no
    sheet of issuers, when the year isn't told, and when rows of an issuer contradict each other.
    """
    raw = path.read_bytes()
    try:
        book = sheets.read(raw, raw=raw) if sheets.is_workbook(raw) else []
    except sheets.SheetError:
        book = []
    if not book:
        raise IssuersError(f"{path.name} is no Excel workbook that can be read")
    for sheet in [sheet for sheet in book if re.search(r"\bQHP\b", sheet.name, re.I)] or book:
        found = _rows(sheet)
        if found is not None:
            return _by_issuer(found, _year(sheet.name, path.name), path.name)
    raise IssuersError(
        f"{path.name} has no sheet with the columns Issuer_ID, Issuer_Name and the issuer's claims received and denied; it needs "
        "the Transparency in Coverage workbook of CMS"
    )


def _rows(sheet: sheets.Sheet) -> pd.DataFrame | None:
    """The plans of a sheet with our names; None where its first rows hold no such header."""
    rows = iter(sheet.rows())
    for _, row in zip(range(ROWS_TO_HEADER), rows, strict=False):
        places = {re.sub(r"[^a-z0-9]", "", str(cell).lower()): i for i, cell in enumerate(row) if cell}
        counts = {name: next((one for one in known if one in places), None) for name, known in COUNTS.items()}
        known_counts = {name: column for name, column in counts.items() if column}
        if ID in places and NAME in places and len(known_counts) == len(counts):
            wanted = {"state": places.get("state"), "issuer_id": places[ID], "issuer_name": places[NAME]}
            wanted |= {name: places[column] for name, column in known_counts.items()}
            cells = [
                [line[i] or None if i is not None and i < len(line) else None for i in wanted.values()]
                for line in rows
                if any(line)
            ]
            table = pd.DataFrame(cells, columns=list(wanted), dtype=object)
            return table.assign(network=known_counts["received"].endswith("network"))
    return None


def _year(title: str, name: str) -> int:
    told = re.search(r"\b(20\d\d)\b", title) or re.search(r"(20\d\d)", name)
    if not told:
        raise IssuersError(f"{name} does not tell its plan year in the name of the sheet or the file")
    return int(told[1]) - YEARS_LATER


def _by_issuer(plans: pd.DataFrame, year: int, name: str) -> pd.DataFrame:
    plans = plans.dropna(subset=["issuer_id"]).assign(year=year, issuer_id=lambda t: t["issuer_id"].map(_text))
    for column in COUNTS:
        plans[column] = pd.to_numeric(plans[column].map(_number), errors="coerce")
    plans = plans.assign(state=plans["state"].map(_text), issuer_name=plans["issuer_name"].map(_text))
    groups = plans.groupby(["state", "issuer_id"], sort=True)
    several = groups[list(COUNTS)].nunique(dropna=True).gt(1).any(axis=1)
    if several.any():
        raise IssuersError(f"{name}: the plans of issuer {several[several].index[0][1]} tell different totals of it")
    table = groups.first().reset_index()
    sound = (table["received"] > 0) & (table["denied"] <= table["received"])
    return table.assign(rate=(table["denied"] / table["received"]).where(sound))[COLUMNS]


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _number(value: Any) -> Any:
    return value.replace(",", "").strip() if isinstance(value, str) else value


def check(table: pd.DataFrame) -> dict[str, Any]:
    """All issuers together beside what KFF published about the same year: rate, published, agrees (None without a figure)."""
    known = table.dropna(subset=["rate"])
    rate = known["denied"].sum() / known["received"].sum() if len(known) else float("nan")
    year = int(table["year"].iloc[0]) if len(table) else 0
    rows = codes.table("benchmarks")
    rows = rows[(rows["measure"] == "issuer_denial_rate") & (rows["year"] == str(year))]
    published = float(rows["value_low"].iloc[0]) if len(rows) else None
    return {"year": year, "issuers": len(known), "rate": rate, "published": published,
            "source": rows["source"].iloc[0] if len(rows) else "",
            "agrees": None if published is None else abs(rate - published) <= NEAR + 0.005}  # fmt: skip


def own_ids(paths: list[Path]) -> dict[str, list[str]]:
    """The user's table of payers and the ids of their issuers: columns payer_name, issuer_id; a payer may have several."""
    told: dict[str, list[str]] = {}
    for path in paths:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
        missing = {"payer_name", "issuer_id"} - set(table)
        if missing:
            raise IssuersError(
                f"{path.name} has no column {', '.join(sorted(missing))}; it needs payer_name and issuer_id"
            )
        for payer, part in table.groupby("payer_name"):
            told.setdefault(str(payer).strip(), [value.strip() for value in part["issuer_id"]])
    return told


def match(payers: list[str], table: pd.DataFrame, ids: dict[str, list[str]]) -> pd.DataFrame:
    """Payers and their issuers: by the user's ids, else by the same name in one state only. Never by likeness.

    payer_name     issuer_id  how                              issuer_name
    MODA HEALTH    73836      told by issuers.csv              Moda Health Plan, Inc.
    MERIDIAN BLUE  None       no issuer of this name           None
    ACME           None       the same name in 3 states: ...   None
    """
    names = table["issuer_name"].map(plain)
    rows = []
    for payer in payers:
        mine = (
            table[table["issuer_id"].isin(ids[payer])]
            if payer in ids
            else table[(names == plain(payer)) & (names != "")]
        )
        if payer in ids:
            how = "told by issuers.csv" if len(mine) else "no issuer has the id told by issuers.csv"
        else:
            how = "same name" if len(mine) == 1 else "no issuer of this name"
            if len(mine) > 1:
                how = f"the same name in {', '.join(mine['state'])}: tell the id"
                mine = mine.head(0)
        found = mine[["state", "issuer_id", "issuer_name", "received", "denied"]].to_dict("records") or [{}]
        rows += [{"payer_name": payer, "how": how, **one} for one in found]
    columns = ["payer_name", "how", "state", "issuer_id", "issuer_name", "received", "denied"]
    return pd.DataFrame(rows, columns=columns)


def plain(name: str) -> str:
    """A name without case, punctuation and legal form: `Oscar Insurance Company` as oscar."""
    return re.sub(r"[^a-z0-9]+", " ", _FORMS.sub(" ", re.sub(r"[.,'&-]", " ", name.lower()))).strip()


def beside(view: View, table: pd.DataFrame, ids: dict[str, list[str]], *, months: int | None = None) -> pd.DataFrame:
    """Each payer of the practice beside its issuers' own rate, of the same year where the practice has claims of it.

    payer_name     year  denied  decided  value  lower  upper  issuer_year  issuer_rate  fit         verdict  how
    PACIFICSOURCE  2024  31      210      .148   .106   .202   2024         .174         same year   within   same name
    """
    months = months or view.months
    first, last = view.window(months)
    year = int(table["year"].iloc[0]) if len(table) else last.year
    own = view.execute(f"""
        SELECT payer_name, count(*) FILTER (WHERE year(first_decided_on) = {year}) AS then,
            count(*) FILTER (WHERE year(first_decided_on) = {year} AND initially_denied) AS denied_then,
            count(*) FILTER (WHERE first_decided_on BETWEEN DATE '{first}' AND DATE '{last}') AS now,
            count(*) FILTER (WHERE first_decided_on BETWEEN DATE '{first}' AND DATE '{last}' AND initially_denied) AS denied_now
        FROM claims WHERE payer_name IS NOT NULL AND first_decided_on IS NOT NULL GROUP BY 1 ORDER BY now DESC, payer_name
    """).df()  # fmt: skip
    same = own["then"] > 0
    own = own.assign(year=[str(year) if one else f"{months} months to {last:%Y-%m}" for one in same],
                     decided=own["then"].where(same, own["now"]), denied=own["denied_then"].where(same, own["denied_now"]),
                     fit=["same year" if one else "other year" for one in same], issuer_year=year)  # fmt: skip
    lower, upper = wilson(own["denied"], own["decided"])
    own = own.assign(value=own["denied"] / own["decided"].where(own["decided"] > 0), lower=lower, upper=upper)
    return _judged(
        own.merge(_pooled(match(own["payer_name"].tolist(), table, ids)), on="payer_name", how="left", validate="1:1")
    )


def _pooled(matched: pd.DataFrame) -> pd.DataFrame:
    """One row per payer: the issuers told for it taken together."""
    counted = matched[(matched["received"] > 0) & (matched["denied"] <= matched["received"])]
    sums = counted.groupby("payer_name")[["received", "denied"]].sum()
    rate = (sums["denied"] / sums["received"]).astype(float)
    table = matched.groupby("payer_name", sort=False).agg(
        how=("how", "first"),
        issuer=("issuer_name", lambda names: ", ".join(sorted({n for n in names if isinstance(n, str)}))),
    )
    return table.assign(issuer_rate=rate.reindex(table.index)).reset_index()


def _judged(table: pd.DataFrame) -> pd.DataFrame:
    verdicts = []
    for row in table.itertuples():
        if pd.isna(row.issuer_rate):
            verdicts.append("not matched" if not row.issuer else "not published")
        elif not row.decided:
            verdicts.append("no claims")
        else:
            verdicts.append(
                "above" if row.lower > row.issuer_rate else "below" if row.upper < row.issuer_rate else "within reach"
            )
    return table.assign(verdict=verdicts)[
        [
            "payer_name",
            "year",
            "denied",
            "decided",
            "value",
            "lower",
            "upper",
            "issuer",
            "issuer_year",
            "issuer_rate",
            "fit",
            "verdict",
            "how",
        ]
    ]
