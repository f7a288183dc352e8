"""What is known of a denial, as sparse 0/1 columns: codes, sets of codes, numbers in bins, words of a text.

carc  rarcs      procedure  charge        carc=16  rarcs=N382  rarcs=MA61  family=office visit  charge=100-200
16    N382 MA61  99213      120.00   ->   1        1           1           1                    1
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rcm_analysis.reference import codes

if TYPE_CHECKING:
    from scipy.sparse import csc_matrix, csr_matrix

    from rcm_analysis.store.view import View

KINDS = ("code", "set", "number", "text")
MISSING = "none"
NUMBER_BINS = 6  # quantile bins; enough to show "late" or "expensive" without cutting the data thin
MAX_TEXT_SHARE, MIN_TEXT_ROWS = 0.5, 5  # words in more than half or in a handful of the texts tell nothing apart
# Codes that name a cause of their own within a wider category: the insurer of an accident or of the work owes
OWN_REASONS = {"19": "liability", "20": "liability", "21": "liability"}
FEW, FEW_SHARE = 8, 0.002  # denials, and share of all, from which a cause stands by itself
SLOW_MONTHS, LONG_HISTORY = 3, 12
CATCH_ALL = ("claim_data", MISSING)  # "lacks information", and no code at all: what was wrong is not told
# What a claim shows before anybody answers it, by which a denial without a reason is told from others
SHOWN = ("procedure", "modifiers", "diagnoses", "place_of_service", "prior_authorization", "whole_claim", "frequency")
SURE = 0.8  # chance from which the cause of like claims is taken; and share of right ones where the cause is known
MOST_LEARNED, FOLDS = 20_000, 4
SILENT_SHARE = 0.02  # of all denials; fewer are not worth the learning
UPHELD = ("193",)  # "original payment decision is being maintained": the reason is that of the denial before
FAMILIES = ((1999, "anesthesia"), (36399, "surgery"), (36419, "venipuncture"), (69999, "surgery"), (79999, "imaging"),
            (89999, "laboratory"), (90459, "medicine"), (90759, "vaccine"), (92999, "medicine"), (93999, "cardiology"),
            (96359, "medicine"), (96549, "infusion and injection"), (96999, "medicine"), (97999, "therapy"),
            (99199, "medicine"), (99499, "office and hospital visits"))  # fmt: skip
LETTERS = {"A": "supplies and ambulance", "B": "nutrition", "C": "outpatient devices", "D": "dental", "E": "equipment", "G": "Medicare services",
           "H": "behavioral health", "J": "drugs", "K": "equipment", "L": "orthotics", "P": "laboratory", "Q": "drugs and supplies",
           "R": "portable imaging", "S": "private payer services", "T": "Medicaid services", "V": "vision and hearing"}  # fmt: skip


@dataclass(frozen=True)
class Feature:
    """One feature of every row: `columns[j]` is the value that column j of the sparse 0/1 `matrix` stands for."""

    name: str
    kind: str
    columns: tuple[str, ...]
    matrix: csr_matrix

    @cached_property
    def first(self) -> np.ndarray:
        """The column of each row, the first of several; the first of all where a row has none."""
        if self._one_each:
            return self.matrix.indices
        return np.asarray(self.matrix.argmax(1)).ravel()

    @cached_property
    def _one_each(self) -> bool:
        return bool((np.diff(self.matrix.indptr) == 1).all())

    @cached_property
    def _by_column(self) -> csc_matrix:
        return self.matrix.tocsc()

    @cached_property
    def _places(self) -> dict[str, int]:
        return {value: place for place, value in enumerate(self.columns)}

    def has(self, value: str) -> np.ndarray:
        """Which rows have the value. Raises KeyError for one that none has."""
        columns, place = self._by_column, self._places[value]
        there = np.zeros(columns.shape[0], bool)
        there[columns.indices[columns.indptr[place] : columns.indptr[place + 1]]] = True
        return there

    def counts(self, rows: np.ndarray) -> np.ndarray:
        """How many of these rows have each value."""
        seen = self.matrix.indices[rows] if self._one_each else self.matrix[rows].indices
        return np.bincount(seen, minlength=len(self.columns)).astype(float)


def service_family(procedure: Any) -> str:
    """The section of CPT or HCPCS level II that a procedure code belongs to.

    >>> [service_family(code) for code in ("70551", "99213", "A0429", "J1100", None)]
    ['imaging', 'office and hospital visits', 'ambulance', 'drugs', 'none']
    """
    text = "" if pd.isna(procedure) else str(procedure).strip().upper()
    if not text:
        return MISSING
    digits = re.match(r"\d{4,5}", text)
    if digits:
        number = int(digits[0])
        return next((family for last, family in FAMILIES if number <= last), "medicine")
    if re.match(r"A0[0-9]{3}", text):
        return "ambulance"
    return LETTERS.get(text[0], "other services")


def reason_category(carc: Any, rarcs: Any) -> str:
    """The category of a denial: that of its first remark that has one, else that of its reason code.

    Remarks say what was wrong; the reason code is often only "lacks information" or "not covered".

    >>> reason_category("50", "N706"), reason_category("197", None)
    ('documentation', 'authorization')
    """
    remarks, reasons = _categories("rarc"), _categories("carc")
    told = [remarks[word] for word in ("" if pd.isna(rarcs) else str(rarcs)).split() if remarks.get(word)]
    code = "" if pd.isna(carc) else str(carc)
    return OWN_REASONS.get(code) or (told[0] if told else reasons.get(code) or MISSING)


def named_field(carc: Any, rarcs: Any) -> str:
    """The field of the claim that the first remark that names one names, else the reason code; empty where none does.

    Alerts inform and name nothing.

    >>> named_field("16", "MA130 N286"), named_field("197", None), named_field("50", "N115")
    ('referring provider', 'authorization', '')
    """
    fields = _fields()
    told = [fields[word] for word in ("" if pd.isna(rarcs) else str(rarcs)).split() if word in fields]
    return told[0] if told else fields.get("" if pd.isna(carc) else str(carc), "")


@cache
def _fields() -> dict[str, str]:
    rows = codes.table("named_fields")
    return dict(zip(rows["code"], rows["field"], strict=True))


@cache
def _categories(table: str) -> dict[str, str]:
    rows = codes.table(table)
    return dict(zip(rows[table], rows["category"], strict=True))


def denial_features(view: View) -> pd.DataFrame:
    """One row per denied line with what was known at the denial, from a connection on which `claims.derive` has run.

    Lines that were paid in part are left out. Days and dollars are numbers; `whole_claim` tells refusals of the whole
    claim from those of single lines.
    """
    return view.execute("""
        WITH first AS (
            SELECT claim_number, min_by(diagnoses, place) AS diagnoses, min_by(age, place) AS age, min_by(lines, place) AS lines,
                min_by(coalesce(frequency, '1'), place) AS frequency, min_by(prior_authorization IS NOT NULL, place) AS authorized,
                min_by(place_of_service, place) AS place_of_service
            FROM (SELECT *, row_number() OVER (PARTITION BY claim_number ORDER BY known_on, submission_id) AS place FROM submissions)
            GROUP BY claim_number)
        SELECT d.*, CAST(s.age AS DOUBLE) AS age, s.place_of_service, s.frequency, s.diagnoses,
            CASE WHEN s.authorized THEN 'yes' WHEN NOT s.authorized THEN 'no' END AS prior_authorization,
            date_diff('day', d.service_date, d.submitted_on) AS days_to_submit,
            date_diff('day', d.submitted_on, d.decided_on) AS days_to_decision,
            CASE WHEN s.lines <= 1 THEN 'one line' WHEN count(*) OVER (PARTITION BY d.claim_number, d.decided_on) >= s.lines
                THEN 'whole claim' ELSE 'some lines' END AS whole_claim,
            c.paid > 0 AND c.state IN ('paid', 'partially_paid', 'patient') AS recovered,
            strftime(d.decided_on, '%Y-%m') AS month, coalesce(c.patient_key, d.claim_number) AS patient
        FROM denials d JOIN claims c USING (claim_number) LEFT JOIN first s USING (claim_number)
        WHERE NOT d.is_partial
        ORDER BY d.claim_number, d.decided_on, d.line_number, d.carc, d.denied_amount
    """).df()


def decided_services(view: View) -> pd.DataFrame:
    """Procedure and service family of each decided line, denied or not: what is usual, before anything is denied."""
    lines = view.execute("SELECT procedure FROM decided_lines WHERE procedure IS NOT NULL ORDER BY procedure").df()
    known = {code: service_family(code) for code in lines["procedure"].unique()}
    return lines.assign(family=lines["procedure"].map(known))


def decided_by_month(view: View) -> pd.Series:
    """Claims first decided in each month; without the first months of a long history, in which slow answers are missing."""
    table = view.execute("SELECT strftime(first_decided_on, '%Y-%m') AS month, count(*) AS claims FROM claims "
                         "WHERE first_decided_on IS NOT NULL GROUP BY 1 ORDER BY 1").df()  # fmt: skip
    if not len(table):
        return pd.Series(dtype=float)
    whole = pd.period_range(table["month"].min(), table["month"].max(), freq="M").astype(str)
    counts = table.set_index("month")["claims"].reindex(whole, fill_value=0).astype(float)
    return counts.iloc[SLOW_MONTHS:] if len(counts) >= LONG_HISTORY else counts


def last_months(denials: pd.DataFrame, *, as_of: date, months: int) -> pd.DataFrame:
    """Denials decided in the last so many calendar months, that of `as_of` included."""
    first = pd.Period(as_of, freq="M") - (months - 1)
    return denials[denials["month"] >= str(first)].reset_index(drop=True)


def prepared(denials: pd.DataFrame, features: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """The table with the cause (as `reason`), service family and diagnosis chapters added where their codes are features."""
    table, names = denials.reset_index(drop=True).copy(), list(dict.fromkeys(features))
    missing = [name for name in names if name not in table]
    if missing:
        raise KeyError(f"the table has no column {', '.join(missing)}")
    if "carc" in names:
        remarks = (
            table["rarcs"]
            if "rarcs" in names
            else table["rarc"]
            if "rarc" in names
            else pd.Series(None, table.index, dtype=object)
        )
        pairs = pd.DataFrame({"carc": table["carc"], "rarcs": remarks}).astype(object)
        reasons = _mapped(pairs)
        if "category" in table:  # told from a listing's words where it has no code
            told = table["category"].where(table["carc"].isna())
            reasons = reasons.where(reasons.ne(MISSING) | told.isna(), told)
        causes = _causes(pairs, reasons, table.get("leaf"))
        gathered = _gathered(_upheld(table, causes), _upheld(table, reasons))
        table["reason"] = likened(table, gathered, _silent(pairs, gathered), names)
        names = ["reason", *[name for name in names if name not in ("reason", "category")]]
    if "procedure" in names and "family" not in names:
        known = {code: service_family(code) for code in table["procedure"].unique()}
        table["family"] = table["procedure"].map(known).fillna(MISSING)
        names.append("family")
    if "diagnoses" in names:
        chapters = {
            text: " ".join(sorted({code[:1] for code in str(text).split()}))
            for text in table["diagnoses"].dropna().unique()
        }
        table["diagnosis_chapters"] = table["diagnoses"].map(chapters)
        names[names.index("diagnoses")] = "diagnosis_chapters"
    return table, names


def _mapped(pairs: pd.DataFrame) -> pd.Series:
    filled = _as_text(pairs)
    distinct = filled.drop_duplicates()
    known = distinct.assign(reason=[reason_category(*pair) for pair in distinct.itertuples(index=False)])
    return filled.merge(known, on=["carc", "rarcs"], how="left", validate="m:1")["reason"]


def _as_text(pairs: pd.DataFrame) -> pd.DataFrame:
    filled = pairs.fillna("")
    return filled.assign(rarcs=filled["rarcs"].map(lambda v: " ".join(v) if isinstance(v, (list, tuple, set)) else v))


def _causes(pairs: pd.DataFrame, reasons: pd.Series, leaves: pd.Series | None) -> pd.Series:
    """What went wrong: the field that the codes name, else the category; and what would be written off for it, where told.

    carc  rarcs  reason            leaf        cause
    16    N286   claim_data        claim_data  referring provider/claim_data
    B9           coordination_...  hospice     coordination_of_benefits/hospice
    """
    filled = _as_text(pairs)
    distinct = filled.drop_duplicates()
    known = distinct.assign(field=[named_field(*pair) for pair in distinct.itertuples(index=False)])
    fields = filled.merge(known, on=["carc", "rarcs"], how="left", validate="m:1")["field"]
    heads = fields.where(fields.ne(""), reasons).astype(object)  # without a denial pandas takes no text for numbers
    if leaves is None:
        return heads
    told = leaves.notna() & heads.ne(MISSING)
    return heads.where(~told, heads + "/" + leaves.astype(object).where(told, "").astype(str))


def _gathered(causes: pd.Series, reasons: pd.Series) -> pd.Series:
    """Small causes put together with the largest that has the same field, else with the largest of the same category."""
    counts = causes.value_counts()
    large = set(counts.index[counts >= max(FEW, FEW_SHARE * len(causes))])
    into: dict[str, str] = {}
    heads = {cause.split("/")[0]: cause for cause in reversed(counts.index) if cause in large}
    by_reason = causes[causes.isin(large)].groupby(reasons).agg(lambda some: some.value_counts().index[0])
    for cause, reason in (
        pd.DataFrame({"c": causes, "r": reasons})[~causes.isin(large)].drop_duplicates().itertuples(index=False)
    ):
        into.setdefault(cause, heads.get(cause.split("/")[0]) or by_reason.get(reason) or reason)
    return causes.replace(into)


def _silent(pairs: pd.DataFrame, causes: pd.Series) -> pd.Series:
    """Denials whose code says that something lacks and whose remarks say nothing."""
    filled, remarks = _as_text(pairs), _categories("rarc")
    told = {text: any(remarks.get(word) for word in text.split()) for text in filled["rarcs"].unique()}
    coded = filled["carc"].ne("") & ~filled["carc"].isin(UPHELD)
    return coded & ~filled["rarcs"].map(told).astype(bool) & _catches_all(causes)


def _catches_all(causes: pd.Series) -> pd.Series:
    """Whether each cause is one of those that say nothing; of some dozen causes each is looked at once."""
    those = [cause for cause in causes.unique() if isinstance(cause, str) and cause.split("/")[0] in CATCH_ALL]
    return causes.isin(those)


def likened(table: pd.DataFrame, causes: pd.Series, silent: pd.Series, names: Sequence[str]) -> pd.Series:
    """The causes; where the payer is silent that of like claims, where the other payers leave next to no doubt.

    It is taken only where it is right of payers that it was not learned from: else what a claim shows tells no cause here.

    procedure  modifiers  payer  cause                         cause
    99213                 ATLAS  modifier/coding_modifier      the same
    99213                 BEST   claim_data/claim_data     ->  modifier/coding_modifier
    """
    counts = causes.value_counts()
    known = ~_catches_all(causes) & causes.map(counts).ge(max(FEW, FEW_SHARE * len(causes)))
    shown = [name for name in SHOWN if name in names and name in table]
    if "at_first_decision" in table:  # a later denial may be of how the first was answered, as a duplicate is
        known &= table["at_first_decision"].eq(True)
    if (
        silent.sum() < max(FEW, SILENT_SHARE * len(causes))
        or not shown
        or "payer_name" not in table
        or causes[known].nunique() < 2
    ):
        return causes
    cells = table[shown].astype(object).fillna("").astype(str)
    if "diagnoses" in cells:
        cells = cells.assign(diagnoses=cells["diagnoses"].str[:1])  # the chapter of the first
    if "procedure" in cells:
        cells = cells.assign(family=cells["procedure"].map({c: service_family(c) for c in cells["procedure"].unique()}))
    payers = table["payer_name"].astype(object).fillna("").astype(str)
    order = {payer: place for place, payer in enumerate(payers[known].value_counts().index)}
    fold = payers.map(order).fillna(0).astype(int) % FOLDS
    right = sure = 0
    for number in range(FOLDS):
        asked = known & fold.eq(number)
        cause, chance = _like(cells, causes, known & ~asked, asked)
        firm = chance >= SURE
        right, sure = right + int((cause[firm] == causes[asked][firm]).sum()), sure + int(firm.sum())
    if not sure or right < SURE * sure:
        return causes
    cause, chance = _like(cells, causes, known, silent)
    return causes.where(~silent, cause.where(chance >= SURE, causes[silent]).reindex(causes.index))


def _like(cells: pd.DataFrame, causes: pd.Series, learned: pd.Series, asked: pd.Series) -> tuple[pd.Series, pd.Series]:
    """The likeliest cause of the denials asked, and its chance, from those learned (multinomial logistic regression)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import OneHotEncoder

    seen = np.flatnonzero(learned)
    seen = seen[:: -(-len(seen) // MOST_LEARNED) or 1]
    nothing = pd.Series(0.0, causes.index[asked])
    if causes.iloc[seen].nunique() < 2 or not asked.any():
        return nothing.astype(str), nothing
    alike = cells.iloc[seen].assign(cause=causes.iloc[seen].astype(str)).value_counts(sort=False).reset_index(name="n")
    coded = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=FEW).fit(cells.iloc[seen])
    model = LogisticRegression(max_iter=100, tol=1e-3).fit(
        coded.transform(alike[list(cells)]), alike["cause"], alike["n"]
    )
    chances = model.predict_proba(coded.transform(cells[asked]))
    best = chances.argmax(1)
    return pd.Series(model.classes_[best], nothing.index), pd.Series(chances.max(1), nothing.index)


def _upheld(table: pd.DataFrame, reasons: pd.Series) -> pd.Series:
    """The reasons, where a denial only says that an earlier one stands that of the earlier one (of the line, else claim).

    claim  line  decided_on  carc  reason
    A1     1     2026-01-10  27    eligibility
    A1     1     2026-03-02  193   none -> eligibility
    """
    upheld = table["carc"].isin(UPHELD) & reasons.eq(MISSING)
    if not {"claim_number", "line_number", "decided_on"} <= set(table) or not upheld.any():
        return reasons
    order = table["decided_on"].sort_values(kind="stable").index
    told = reasons.where(reasons.ne(MISSING)).loc[order]
    claims, lines = (table.loc[order, name] for name in ("claim_number", "line_number"))
    before = told.groupby([claims, lines], dropna=False).ffill().fillna(told.groupby(claims).ffill())
    return reasons.where(~upheld, before.reindex(reasons.index).fillna(MISSING))


def kind_of(column: pd.Series) -> str:
    """Whether the values are a code, a set of codes (separated by spaces, or a list), a number or a text."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return "number"
    known = column.dropna()
    if len(known) and isinstance(known.iloc[0], (list, tuple, set)):
        return "set"
    distinct = pd.Series(known.astype(str).unique(), dtype=object)
    spaced = distinct[distinct.str.contains(" ", regex=False)]
    if not len(spaced):
        return "code"
    if spaced.str.fullmatch(r"[A-Z0-9.]{1,7}( [A-Z0-9.]{1,7})*").all() and spaced.str.contains(r"\d").mean() > 0.8:
        return "set"
    return "text" if len(distinct) > 200 and distinct.str.split().str.len().mean() >= 4 else "code"


def encode(table: pd.DataFrame, names: Sequence[str], kinds: dict[str, str] | None = None) -> list[Feature]:
    """Each feature as sparse columns. `kinds` overrides what `kind_of` infers. Raises ValueError for an unknown kind."""
    kinds = kinds or {}
    wrong = sorted(set(kinds.values()) - set(KINDS))
    if wrong:
        raise ValueError(f"a feature is one of {', '.join(KINDS)}, not {', '.join(wrong)}")
    return [_encoded(table[name], name, kinds.get(name) or kind_of(table[name])) for name in names]


def _encoded(column: pd.Series, name: str, kind: str) -> Feature:
    """The tokens of each distinct value are found once, then spread to the rows."""
    from scipy.sparse import csr_matrix

    if kind == "number":
        column, kind_read = _binned(column), "code"
    else:
        kind_read = kind
        if kind == "set":
            column = column.map(lambda v: " ".join(sorted(map(str, v))) if isinstance(v, (list, tuple, set)) else v)
    places, distinct = pd.factorize(column.astype(object).where(column.notna(), MISSING).astype(str), sort=True)
    tokens = [_tokens(value, kind_read) for value in distinct]
    if kind == "text":
        tokens = _telling(tokens, np.bincount(places, minlength=len(distinct)))
    words = sorted({word for found in tokens for word in found})
    place = {word: j for j, word in enumerate(words)}
    pattern = csr_matrix((np.ones(sum(map(len, tokens)), np.float32), [place[w] for found in tokens for w in found],
                          np.cumsum([0, *map(len, tokens)])), shape=(len(distinct), len(words)))  # fmt: skip
    return Feature(name, kind, tuple(words), pattern[places])


def _tokens(value: str, kind: str) -> list[str]:
    if kind == "code":
        return [value]
    if kind == "set":
        return sorted(set(value.split())) or [MISSING]
    return [] if value == MISSING else sorted(set(re.findall(r"[a-z]{3,}", value.lower())))


def _telling(tokens: list[list[str]], rows: np.ndarray) -> list[list[str]]:
    counts: dict[str, int] = {}
    for found, n in zip(tokens, rows, strict=True):
        for word in found:
            counts[word] = counts.get(word, 0) + int(n)
    most = MAX_TEXT_SHARE * rows.sum()
    return [[word for word in found if MIN_TEXT_ROWS <= counts[word] <= most] for found in tokens]


def _binned(column: pd.Series) -> pd.Series:
    numbers = column.astype(float)
    if numbers.nunique() <= NUMBER_BINS:
        return numbers.map(lambda v: None if pd.isna(v) else f"{v:g}")
    edges = np.unique(np.nanquantile(numbers, np.linspace(0, 1, NUMBER_BINS + 1)))
    labels = [f"{a:g} to {b:g}" for a, b in pairwise(edges)]
    return pd.cut(numbers, edges, labels=labels, include_lowest=True).astype(object)
