"""What a payer's answer means: payer class, group, reason, remarks, procedure, place and facts together, by rows a biller can read.

Each distinct combination of a practice's answers is resolved once. The code tables say what a reason and a remark mean
by themselves; over them lie the rows of `reference/situations.csv`, the most specific one winning column by column, and
over those the practice's own.

    payer_class  group  carc  rarcs       families   category                  owner  route             situation
    medicare     CO     24                visit      coordination_of_benefits  ...    bill_other_payer  managed_care_patient_medicare
    medicare     CO     16    MA130 N265  imaging    claim_data                biller new_claim         unprocessable
    commercial   CO     16    MA75        ambulance  documentation             crew   ...               trip_signature
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rcm_analysis.errors import RcmError
from rcm_analysis.reference import codes

if TYPE_CHECKING:
    import duckdb

KEYS = ["payer_class", "group_code", "carc", "rarcs", "families", "place", "facts"]
DECIDES = ["category", "leaf", "owner", "route", "recoverable", "fix"]
# How much a condition says: a code or a fact of the case more than who pays, and that more than what is told already
WEIGHTS = {"fact": 16, "rarc": 8, "carc": 8, "procedure_family": 3, "payer_class": 3, "group_code": 2, "place": 2, "told": 1}  # fmt: skip
OF_KEY = {"rarc": "rarcs", "procedure_family": "families", "fact": "facts"}
ROUTES = {
    "correct_and_resubmit", "new_claim", "reopening", "appeal", "exception_request", "send_records", "bill_other_payer",
    "invoice_facility", "bill_patient", "ask_payer", "retro_enrollment", "retro_authorization", "write_off", "none",
}  # fmt: skip
NONE = "none"  # in a row: no remark tells anything
OUTRANKS = 1000  # a practice's own row outranks all of ours

# Where a denial ends when it is given up, by category of the remittance
LEAF_OF_CATEGORY = {
    "eligibility": "eligibility", "coordination_of_benefits": "cob", "authorization": "authorization",
    "claim_data": "claim_data", "credentialing": "credentialing", "coding": "coding_modifier",
    "bundling": "bundled_by_rule", "medical_necessity": "medical_necessity", "documentation": "documentation",
    "timely_filing": "timely_filing", "duplicate": "duplicate_rebill", "non_covered": "noncovered_no_notice",
    "benefit_maximum": "noncovered_no_notice", "network": "administrative", "ambulance": "ems_medical_necessity",
    "liability": "wrong_payer", "contract": "rate_not_loaded", "take_back": "take_back", "other": "administrative",
}  # fmt: skip


class SituationsError(RcmError):
    """A practice's own table of situations that can't be used; the message says why."""


# Tables made here for the steps
FRAMES = ("families_of_procedures", "telling_remarks", "category_habits", "situation_rows", "reasons")


def rows(own: pd.DataFrame | None = None) -> pd.DataFrame:
    """Our rows and the practice's own with their rank, the most specific last.

    Raises SituationsError when own rows have unknown columns, owners, routes or leaves.
    """
    ours = codes.table("situations").assign(ours=True)
    both = ours if own is None else pd.concat([ours, own.assign(ours=False)], ignore_index=True).fillna("")
    both["ours"] = both["ours"].astype(bool)
    rank = sum(both[name].ne("").astype(int) * weight for name, weight in WEIGHTS.items())
    rank = rank + np.where(both["told"].isin(ROUTES), OUTRANKS // 2, 0) + np.where(both["ours"], 0, OUTRANKS)
    return both.assign(rank=rank).sort_values("rank", kind="stable", ignore_index=True)


def own_rows(paths: list[Path]) -> pd.DataFrame | None:
    """The users' tables of situations, later ones outranked by earlier; None where there are none.

        situation,carc,category,owner,route,fix,why
        our_hmo,24,coordination_of_benefits,biller,bill_other_payer,Bill the medical group.,the group pays our visits

    Columns that are left out are blank. Raises SituationsError naming the file and what is wrong in it.
    """
    known = codes.table("situations")
    frames = []
    for path in reversed(paths):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
        unknown = sorted(set(frame.columns) - set(known.columns))
        wrong = [f"no column {name}" for name in unknown]
        wrong += [
            f"no leaf {x}" for x in sorted(set(frame.get("leaf", [])) - {"", *codes.table("write_off_leaves")["leaf"]})
        ]
        wrong += [f"no route {x}" for x in sorted(set(frame.get("route", [])) - {"", *ROUTES})]
        if wrong:
            raise SituationsError(f"{path.name} can't be used: " + "; ".join(wrong))
        frames.append(frame.reindex(columns=known.columns, fill_value=""))
    return pd.concat(frames, ignore_index=True) if frames else None


def resolved(keys: pd.DataFrame, own: pd.DataFrame | None = None) -> pd.DataFrame:
    """What each combination means: the columns of `DECIDES`, `refuses`, `class`, `situation`, the row that decided last,
    and `decided_by`, words such as route=blind_rebill that name the rows of each column, the last of them in force.

    `keys` has the columns of `KEYS`, text, with sets as words between spaces. Same index as `keys`.
    """
    table = rows(own)
    found = _by_codes(keys)
    fits = _fits(keys, table)
    told_rows = table["told"].ne("").to_numpy()
    for last in (False, True):  # what rows say of a category is known before rows that ask for it are read
        found["decided_by"] = ""
        _apply(found, table, fits, keys, ~told_rows if not last else np.ones(len(table), bool))
    blank = found["leaf"].eq("")
    found.loc[blank, "leaf"] = found.loc[blank, "category"].map(LEAF_OF_CATEGORY).fillna("")
    return found


def _apply(
    found: pd.DataFrame, table: pd.DataFrame, fits: list[np.ndarray], keys: pd.DataFrame, use: np.ndarray
) -> None:
    """Lays the rows over what the codes say, the most specific last."""
    says = {name: found[name].to_numpy(object, copy=True) for name in [*DECIDES, "refuses", "situation", "decided_by"]}
    rows_ = table.to_dict("records")
    for i in np.flatnonzero(use):
        row, here = rows_[i], np.flatnonzero(fits[i])
        if row["told"]:
            asked = set(row["told"].split())
            told_as = zip(says["category"][here], says["route"][here], strict=True)
            here = here[np.array([not asked.isdisjoint(one) for one in told_as], bool)]
        if not len(here):
            continue
        for name in [name for name in [*DECIDES, "refuses"] if row[name]]:
            says[name][here] = row[name]
            says["decided_by"][here] += f" {name}={row['situation'].replace(' ', '_')}"
        says["situation"][here] = row["situation"]
    for name, values in says.items():
        found[name] = pd.Series(values, found.index)


def _fits(keys: pd.DataFrame, table: pd.DataFrame) -> list[np.ndarray]:
    """For each row which combinations meet its conditions, what is told apart."""
    seen: dict[tuple[str, str], np.ndarray] = {}
    coded = {name: pd.factorize(keys[name].to_numpy(object)) for name in KEYS}
    masks = []
    for row in table.to_dict("records"):
        mask = np.ones(len(keys), bool)
        for name in [name for name in WEIGHTS if name != "told" and row[name]]:
            column = OF_KEY.get(name, name)
            if (column, row[name]) not in seen:
                seen[column, row[name]] = _holds(coded[column], set(row[name].split()))
            mask &= seen[column, row[name]]
        masks.append(mask)
    return masks


def _holds(coded: tuple[np.ndarray, np.ndarray], wanted: set[str]) -> np.ndarray:
    codes_, values = coded
    return np.array([not wanted.isdisjoint(str(value).split() or [NONE]) for value in values], bool)[codes_]


def _by_codes(keys: pd.DataFrame) -> pd.DataFrame:
    """What the reason says, refined by the first remark that qualifies it."""
    carc = codes.table("carc").set_index("carc")
    base = pd.DataFrame(
        {
            name: keys["carc"].map(carc[name]).fillna("")
            for name in ["class", "category", "owner", "route", "recoverable", "fix"]
        }
    )
    unknown = ~keys["carc"].isin(carc.index)
    base.loc[unknown, ["class", "category", "owner", "route", "recoverable", "fix"]] = [
        "denial",
        "other",
        "biller",
        "ask_payer",
        "partly",
        "Ask the payer why.",
    ]
    base["refuses"] = np.where(unknown, "yes", keys["carc"].map(carc["denial"]).fillna("yes"))
    base["leaf"], base["situation"], base["decided_by"] = "", "", ""
    remark = _remarks(keys, base["category"])
    refined = remark.notna()
    rarc, habits = codes.table("rarc").set_index("rarc"), category_habits().set_index("category")
    for name in ["category", "owner", "fix"]:
        base.loc[refined, name] = remark[refined].map(rarc[name])
    other = refined & base["category"].ne(keys["carc"].map(carc["category"]))
    for name in ["route", "recoverable"]:
        base.loc[other, name] = base.loc[other, "category"].map(habits[name]).fillna("")
    return base


def _remarks(keys: pd.DataFrame, category: pd.Series) -> pd.Series:
    """The remark that refines each reason, if any."""
    of_remark = codes.table("rarc").set_index("rarc")["category"].to_dict()
    refines = _refinements()
    chosen = {}
    for carc, told, rarcs in set(zip(keys["carc"], category, keys["rarcs"], strict=True)):
        telling = sorted((r for r in rarcs.split() if of_remark.get(r)), key=lambda r: r == "MA130")
        chosen[carc, told, rarcs] = next((r for r in telling if refines(carc, told, of_remark[r])), None)
    return pd.Series(
        [chosen[key] for key in zip(keys["carc"], category, keys["rarcs"], strict=True)], keys.index, dtype=object
    )


def _refinements() -> Callable[[str, str, str], bool]:
    by_carc, by_category = {}, {}
    for row in codes.table("remark_refinements").itertuples():
        for name in row.carc.split():
            by_carc[name] = set(row.remark_categories.split())
        if row.category:
            by_category[row.category] = set(row.remark_categories.split())

    def refines(carc: str, category: str, of_remark: str) -> bool:
        allowed = by_carc.get(carc) or by_category.get(category) or set()
        return "any" in allowed or of_remark in allowed or of_remark == category

    return refines


def category_habits() -> pd.DataFrame:
    """Per denial category the stage, owner, ... that most of its codes have."""
    carc = codes.table("carc")
    columns = ["stage", "owner", "preventable", "recoverable", "route", "fix"]
    usual = carc[carc["denial"] == "yes"].groupby("category")[columns].agg(lambda values: values.mode()[0])
    usual.loc["take_back"] = [
        "admin",
        "payer contracting",
        "partly",
        "partly",
        "appeal",
        "Dispute the take-back within its window.",
    ]
    return usual.reset_index()


def families(procedures: list[str]) -> pd.DataFrame:
    """Each procedure code with the families of `reference/procedure_families.csv` that it belongs to, between spaces.

    >>> families(["A0428", "99213", "XYZ"])["families"].tolist()
    ['ambulance ambulance_scheduled ambulance_ground', 'visit', '']
    """
    patterns = [
        (row.procedure_family, re.compile(row.pattern)) for row in codes.table("procedure_families").itertuples()
    ]
    told = [" ".join(name for name, pattern in patterns if pattern.fullmatch(code)) for code in procedures]
    return pd.DataFrame(
        {"procedure": pd.Series(procedures, dtype="string"), "families": pd.Series(told, dtype="string")}
    )


def telling_remarks(own: pd.DataFrame | None = None) -> set[str]:
    """Remarks that can decide what an answer means: those that name a cause, and those that a row asks for."""
    rarc = codes.table("rarc")
    asked = {code for cell in rows(own)["rarc"] for code in cell.split()} - {NONE}
    return asked | set(rarc.loc[rarc["category"] != "", "rarc"])


def as_page() -> str:
    """The rows as a page for a reader, grouped by who does the work; `docs/situations.md` is this text."""
    table = codes.table("situations")
    table["whose"] = table["owner"].replace("", "whoever the reason names").replace("none", "nobody")
    said = ["# What a payer's answer means", "",
            "Printed from `rcm_analysis/reference/situations.csv` by `situations.as_page()`. The most specific row that fits an answer counts, column by",
            "column; under them lie the tables of reasons and remarks, over them a practice's own `situations.csv`. `rcm explain CLAIM` names the",
            "row that counted.", ""]  # fmt: skip
    for whose, group in table.groupby("whose", sort=True):
        said += [
            f"## {whose.capitalize()}",
            "",
            "| when | category | route | write-off reason | what to do, and why |",
            "|---|---|---|---|---|",
        ]
        said += [_as_line(row) for row in group.to_dict("records")] + [""]
    return "\n".join(said)


def _as_line(row: dict[str, str]) -> str:
    names = {"payer_class": "payer", "group_code": "group", "carc": "reason", "rarc": "remark", "procedure_family": "procedure",
             "place": "place", "told": "denied as or routed to", "fact": "known"}  # fmt: skip
    when = "; ".join(f"{word} {row[name].replace(' ', ', ')}" for name, word in names.items() if row[name])
    does = " ".join(filter(None, (row["fix"], f"({row['why']}; {row['source']})")))
    plain = {name: row[name].replace("_", " ") for name in ("category", "route", "leaf", "root")}
    kind = {"unnecessary": "avoidable"}.get(plain["root"], plain["root"])
    ends = f"{plain['leaf']} ({kind})" if row["leaf"] else ""
    return f"| {when.replace('_', ' ')} | {plain['category']} | {plain['route']} | {ends} | {does} |"


def prepare(con: duckdb.DuckDBPyConnection, own: pd.DataFrame | None) -> None:
    """Puts what the steps ask for on the connection: families of the practice's procedures and the remarks that tell something."""
    found = con.execute(
        "SELECT DISTINCT procedure FROM remittance_lines WHERE procedure IS NOT NULL ORDER BY procedure"
    ).fetchall()
    _table(con, "families_of_procedures", families([code for (code,) in found]))
    _table(con, "telling_remarks", pd.DataFrame({"rarc": sorted(telling_remarks(own))}, dtype="string"))
    _table(con, "category_habits", category_habits())
    every = rows(own)
    named = every.assign(whose=np.where(every["ours"], "ours", "the practice's own"))[
        ["situation", "whose", "why", "source"]
    ]
    _table(con, "situation_rows", named.drop_duplicates("situation", keep="last").astype("string"))


def resolve(con: duckdb.DuckDBPyConnection, own: pd.DataFrame | None) -> None:
    """Makes `reasons` of `reason_keys`: what each combination of the practice's answers means."""
    keys = con.execute(f"SELECT {', '.join(KEYS)} FROM reason_keys ORDER BY ALL").df().fillna("").astype(str)
    told = (
        resolved(keys, own)
        if len(keys)
        else pd.DataFrame(columns=[*DECIDES, "class", "refuses", "situation", "decided_by"])
    )
    _table(con, "reasons", pd.concat([keys, told], axis=1).astype("string"))


def _table(con: duckdb.DuckDBPyConnection, name: str, frame: pd.DataFrame) -> None:
    con.register(f"{name}_frame", frame)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {name}_frame")
    con.unregister(f"{name}_frame")
