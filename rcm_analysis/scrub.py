"""Claims checked before submission: an 837 file read, learned rules and static edits applied, a finding per row.

    claim_number  severity  rule_id          finding                                     evidence                p_denial
    A1            hold      R3fa9c1          Hold for an authorization number: payer …   24 of 26 such claims …  0.92
    A2            warn      filing-deadline  The filing limit is near: send this first.  6 days left …

A claim with a finding of severity `hold` is held; the rest are clean. Nothing of the patient is in a finding.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from rcm_analysis import (
    before_submission,
    claim_files,
    claims,
    envelopes,
    prevention,
    rule_search,
    rule_words,
    static_edits,
    submissions,
    x12,
)
from rcm_analysis.errors import RcmError
from rcm_analysis.pages import csv_text
from rcm_analysis.store import Practice

if TYPE_CHECKING:
    import duckdb

COLUMNS = ("claim_number", "severity", "rule_id", "finding", "evidence", "p_denial", "line_number", "owner", "fix")
SEVERITIES = ("hold", "warn", "info")
SUFFIXES = (".csv", ".json")
VERSION = 1  # of the rules kept beside a practice's batches; raise it when they are learned in another way

Score = Callable[[pd.DataFrame], np.ndarray]


class ScrubError(RcmError):
    """The file can't be checked."""

    code = 2


@dataclass(frozen=True)
class Offered:
    """The claims of one 837 file: tables as ingested, what only segments tell, remarks, and the number of CLMs."""

    data: bytes
    claims: pa.Table
    lines: pa.Table
    facts: pd.DataFrame
    remarks: list[str]


def read(data: bytes, key: bytes) -> Offered:
    """The claims of an 837 file. Raises ScrubError where there is none; a claim cut off at the end is a remark."""
    data = x12.plain(data)
    file_id = hashlib.sha256(data).hexdigest()
    held: dict[str, list[pa.Table]] = {"submissions": [], "submission_lines": []}
    facts, remarks = [], []
    parts = envelopes.parts(0, data, x12.interchanges(data))
    for group in envelopes.gather(parts):
        piece = envelopes.Piece(group)
        tables, notes = submissions.read(piece, [file_id], envelopes.file_keys([file_id]), key)
        for name, table in tables.items():
            held[name].append(table)
        facts.append(static_edits.segment_facts(piece))
        remarks += [f"{note.place}: {note.reason}" for note in notes]
    if not any(len(table) for table in held["submissions"]):
        raise ScrubError("there is no 837 claim in this file")
    tables = {name: pa.concat_tables(parts) for name, parts in held.items()}
    return Offered(data, tables["submissions"], tables["submission_lines"], pd.concat(facts), remarks)


def scrub(
    con: duckdb.DuckDBPyConnection, offered: Offered, rules: pd.DataFrame, *,
    score: Score | None = None, hold_above: float | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Findings, holds first; `con` from `claims.open_practice`, `rules` from `prevention.learn_rules`.

    `score` takes the columns of `before_submission.to_send` and gives a probability of denial for each line; claims
    at or above `hold_above` (share 0-1) are held. Without a score, `p_denial` is the precision of the best rule.
    """
    rows = before_submission.to_send(con, offered.claims, offered.lines)
    rows["p_denial"] = np.nan if score is None else np.asarray(score(rows), float)
    parts = [_edits(offered), _of_rules(rows, rules), _sent_before(con, rows), _of_score(rows, hold_above)]
    findings = pd.concat([part for part in parts if len(part)] or [pd.DataFrame(columns=["submission_id", *COLUMNS])])
    likely = rows.groupby("submission_id")["p_denial"].max()
    if score is None:
        best = findings["rule_id"].map(rules.set_index("rule_id")["precision"] if len(rules) else {})
        likely = best.groupby(findings["submission_id"]).max()
    findings["p_denial"] = findings["submission_id"].map(likely).astype(float).round(4)
    order = findings["severity"].map({name: i for i, name in enumerate(SEVERITIES)})
    findings = findings.assign(_order=order).sort_values(
        ["_order", "claim_number", "line_number", "rule_id"], kind="stable"
    )
    return findings.reindex(columns=["submission_id", *COLUMNS]).reset_index(drop=True)


def _edits(offered: Offered) -> pd.DataFrame:
    table = offered.claims.to_pandas().merge(
        offered.facts.drop(columns="source"), on="segment", how="left", validate="1:1"
    )
    table, lines = _dated(table), _dated(offered.lines.to_pandas())
    return static_edits.find(table, lines).assign(owner="biller", fix="Correct the claim in the billing system.")


def _dated(table: pd.DataFrame) -> pd.DataFrame:
    days = [name for name in ("known_on", "service_date", "service_date_last") if name in table]
    return table.assign(**{name: pd.to_datetime(table[name]) for name in days})


def _of_rules(rows: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    found = []
    for rule in (rule_words.described(rules) if len(rules) else rules).itertuples():
        hit = rows[rule_search.matches(rule_search.from_json(rule.terms), rows)].drop_duplicates("submission_id")
        found.append(pd.DataFrame({
            "submission_id": hit["submission_id"], "claim_number": hit["claim_number"], "line_number": hit["line_number"], "severity": "hold",
            "rule_id": rule.rule_id, "finding": rule.sentence.split(";")[0] + ".", "evidence": rule_words.evidence(rule), "owner": rule.owner,
            "fix": rule.fix}))  # fmt: skip
    return pd.concat(found) if found else pd.DataFrame()


def _sent_before(con: duckdb.DuckDBPyConnection, rows: pd.DataFrame) -> pd.DataFrame:
    """The claim, or a line of it, was sent before and not rejected."""
    first = rows[rows["frequency"].fillna("1").eq("1")]
    again = con.execute("""
        SELECT n.submission_id, strftime(max(s.known_on), '%Y-%m-%d') AS before FROM new_claims n
        JOIN submissions s ON s.claim_number = n.claim_number AND s.payer_name = n.payer_name AND s.known_on <= n.known_on
            AND s.payer_order IS NOT DISTINCT FROM n.payer_order AND s.file_id <> n.file_id
        WHERE n.frequency = '1' AND NOT EXISTS (SELECT 1 FROM acknowledgments a WHERE a.claim_number = n.claim_number
            AND a.rejected AND a.known_on >= s.known_on)
        GROUP BY 1
    """).df().set_index("submission_id")["before"]  # fmt: skip
    ids = first["submission_id"].isin(again.index)
    claims_ = first[ids].drop_duplicates("submission_id")
    lines = first[~ids & first["duplicate"].eq("yes")].drop_duplicates("submission_id")
    fix = "Look up the first claim; send a correction as frequency 7 with the payer's claim number."
    parts = (
        (claims_, "warn", "sent-before", "This claim was sent before and is not known to be rejected.",
         [f"sent on {again[i]}" for i in claims_["submission_id"]]),
        (lines, "warn", "billed-before", "The same service of this patient was billed under another claim number.", "in the practice's store"),
    )  # fmt: skip
    return pd.concat([
        part[["submission_id", "claim_number", "line_number"]].assign(severity=severity, rule_id=name, finding=finding, evidence=evidence,
                                                                     owner="biller", fix=fix)
        for part, severity, name, finding, evidence in parts])  # fmt: skip


def _of_score(rows: pd.DataFrame, hold_above: float | None) -> pd.DataFrame:
    if hold_above is None or rows["p_denial"].isna().all():
        return pd.DataFrame()
    top = rows.sort_values("p_denial", ascending=False).drop_duplicates("submission_id")
    top = top[top["p_denial"] >= hold_above]
    return top[["submission_id", "claim_number", "line_number"]].assign(
        severity="hold", rule_id="score", finding="Likely to be denied; no rule says why.", owner="biller",
        evidence=[f"probability {p:.0%}, held from {hold_above:.0%} on" for p in top["p_denial"]], fix="Have a second person look at it.")  # fmt: skip


def held(findings: pd.DataFrame) -> set[int]:
    """Submission ids of the claims held."""
    return set(findings.loc[findings["severity"].eq("hold"), "submission_id"])


def divide(offered: Offered, findings: pd.DataFrame) -> tuple[bytes, bytes]:
    """The file as two: clean claims, held claims; either may be empty. Claims that could not be read are held."""
    ids = offered.claims["submission_id"].to_numpy()
    clean = ~np.isin(ids, list(held(findings)))
    numbers = set(offered.claims["segment"].to_numpy()[clean].tolist())
    others = set(offered.facts["segment"].tolist()) - numbers
    return claim_files.divide(offered.data, numbers), claim_files.divide(offered.data, others)


def text_of(findings: pd.DataFrame, suffix: str) -> str:
    """The findings as CSV or JSON (a list of objects)."""
    table = findings[list(COLUMNS)]
    if suffix == ".csv":
        return csv_text(table)
    return json.dumps(json.loads(table.to_json(orient="records")), indent=1, ensure_ascii=False) + "\n"


# --- rules kept beside the batches they were learned from ----------------------------------------------------------


def rules_of(con: duckdb.DuckDBPyConnection, practice: Practice, *, as_of: date) -> pd.DataFrame:
    """The practice's rules as of the day: those kept since they were last learned from the same batches, else learned now."""
    path = practice.folder / "rules" / f"{(practice.batches() or ['none'])[-1]}-{as_of.isoformat()}-{VERSION}.parquet"
    if path.exists():
        return pd.read_parquet(path)
    table = before_submission.sent(con, as_of=as_of)
    rules = prevention.learn_rules(table, outcome="outcome", date="sent_on", features=before_submission.FEATURES, case="submission_id",
                                   amount="denied_amount")  # fmt: skip
    path.parent.mkdir(mode=0o700, exist_ok=True)
    new = path.with_name(f".{path.name}-{os.getpid()}")
    rules.to_parquet(new)
    new.replace(path)
    return rules


@dataclass(frozen=True)
class Checked:
    """A file's findings and what is needed to divide it."""

    path: Path
    offered: Offered
    findings: pd.DataFrame

    @property
    def holds(self) -> int:
        return len(held(self.findings))


def check(
    paths: list[Path],
    *,
    store: Path,
    practice: str,
    as_of: date,
    score: Score | None = None,
    hold_above: float | None = None,
) -> list[Checked]:
    """Every file checked against the practice as known on the day."""
    place = Practice(store, practice)
    con = claims.open_practice(store, practice, as_of=as_of)
    rules = rules_of(con, place, as_of=as_of)
    key = place.key()
    checked = []
    for path in paths:
        offered = read(path.read_bytes(), key)
        checked.append(Checked(path, offered, scrub(con, offered, rules, score=score, hold_above=hold_above)))
    return checked
