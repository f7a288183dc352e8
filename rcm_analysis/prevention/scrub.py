"""Claims checked before submission: an 837 file read, learned rules and static edits applied, a finding per row.

    claim_number  severity  rule_id          finding                                     evidence                p_denial  expected_loss_usd
    A1            hold      R3fa9c1          Hold for an authorization number: payer …   24 of 26 such claims …  .71       241.40
    A2            warn      filing-deadline  The filing limit is near: send this first.  6 days left …           .06       3.60
    A2            info      score            Chance of a denial 6%, usually 14%.         5% to 7% of claims …    .06       3.60

A claim with a finding of severity `hold` is held; the rest are clean. Nothing of the patient is in a finding.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from rcm_analysis.claims import derive
from rcm_analysis.edi import claim_837, divide_837, envelopes, x12
from rcm_analysis.errors import FailedError, RcmError
from rcm_analysis.intake import sources
from rcm_analysis.prevention import cache, edits, features, holds, search, wording
from rcm_analysis.prevention import rules as prevention_rules
from rcm_analysis.prevention.chance import Chances
from rcm_analysis.prevention.holds import Places
from rcm_analysis.store import folders
from rcm_analysis.store.practice import Practice
from rcm_analysis.store.rows import file_keys
from rcm_analysis.words import csv_text

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

COLUMNS = ("claim_number", "severity", "rule_id", "finding", "evidence", "p_denial", "expected_loss_usd", "line_number", "owner",
           "fix")  # fmt: skip
SEVERITIES = ("hold", "warn", "info")
SUFFIXES = (".csv", ".json")
SCORE_ID = "score"
REASONED_CLAIMS = 300  # holds whose reasons are looked for; nobody reads on


class ScrubError(RcmError):
    """The file can't be checked."""

    code = 2


@dataclass(frozen=True)
class Offered:
    """The claims of one 837 file: its text in UTF-8, tables as ingested, what only segments tell, and remarks."""

    data: bytes
    claims: pa.Table
    lines: pa.Table
    facts: pd.DataFrame
    remarks: list[str]

    @property
    def ids(self) -> np.ndarray:
        """The submission ids of its claims."""
        return self.claims["submission_id"].to_numpy()


def read(data: bytes, key: bytes) -> Offered:
    """The claims of an 837 file given as its bytes, which may be compressed and in any encoding that `ingest` reads.

    Raises ScrubError where there is none, or where the bytes hold several files.
    """
    with tempfile.TemporaryDirectory() as folder:
        texts = list(sources.texts_of(data, spill=Path(folder)))
    if len(texts) > 1:
        raise ScrubError("the archive holds several files; check them by their paths")
    return read_text(texts[0], key)


def read_text(text: sources.Text, key: bytes) -> Offered:
    """The claims of an opened 837 file; a claim cut off at the end is a remark.

    Raises ScrubError that names the file where it could not be opened or holds no claim.
    """
    if text.problem:
        raise ScrubError(f"{text.path.name}: {'; '.join(text.problem)}")
    data = text.data
    file_id = hashlib.sha256(data).hexdigest()
    held: dict[str, list[pa.Table]] = {"submissions": [], "submission_lines": []}
    facts, remarks = [], []
    parts = envelopes.parts(0, data, x12.interchanges(data))
    for group in envelopes.gather(parts):
        piece = envelopes.Piece(group)
        tables, notes = claim_837.read(piece, [file_id], file_keys([file_id]), key)
        for name, table in tables.items():
            held[name].append(table)
        facts.append(edits.segment_facts(piece))
        remarks += [f"{note.place}: {note.reason}" for note in notes]
    if not any(len(table) for table in held["submissions"]):
        raise ScrubError(f"{text.path.name}: there is no 837 claim in this file")
    tables = {name: pa.concat_tables(parts) for name, parts in held.items()}
    return Offered(data, tables["submissions"], tables["submission_lines"], pd.concat(facts), remarks)


def scrub(view: View, files: Sequence[Offered], rules: pd.DataFrame, *, chances: Chances | None = None, places: Places | None = None) -> pd.DataFrame:  # fmt: skip
    """Findings on the claims of all files, holds first; `con` from `claims.open_practice`, `rules` from `prevention.learn_rules`.

    With `chances` every claim has a row `score`; without, `p_denial` is the precision of the best rule it matches. With
    `places`, rules and chances hold at most so many claims: those where a look saves most cash (`holds`);
    a claim that an edit holds takes a place first, and what matches a rule and has no place is warned of.
    """
    claims_, lines = (pa.concat_tables(getattr(file, name) for file in files) for name in ("claims", "lines"))
    rows = features.to_send(view, claims_, lines)
    told = _told(rows, rules, chances)
    terms = view.execute("SELECT payer, payer_class, valid_from, valid_to, filing_days FROM contracts").df()
    parts = [_edits(files, terms), _of_rules(rows, rules), _sent_before(view, rows), _of_score(told)]
    findings = pd.concat([part for part in parts if len(part)] or [pd.DataFrame(columns=["submission_id", *COLUMNS])])
    if places is not None:
        findings = _in_places(findings, rows, told, chances, learned_ids={SCORE_ID, *rules["rule_id"]}, places=places)
    likely = told["p_denial"].fillna(told["rule_precision"].where(told["rule_precision"] > 0))
    findings = findings.assign(p_denial=findings["submission_id"].map(likely).astype(float).round(4),
                               expected_loss_usd=findings["submission_id"].map(told["expected_loss_usd"]).astype(float).round(2))  # fmt: skip
    order = findings["severity"].map({name: i for i, name in enumerate(SEVERITIES)})
    findings = findings.assign(_order=order).sort_values(
        ["_order", "claim_number", "line_number", "rule_id"], kind="stable"
    )
    return findings.reindex(columns=["submission_id", *COLUMNS]).reset_index(drop=True)


def _told(rows: pd.DataFrame, rules: pd.DataFrame, chances: Chances | None) -> pd.DataFrame:
    """A row per submission: what `chance` and rules say of it together (missing without chances), and its best rule's precision (else 0)."""
    told = rows.groupby("submission_id").agg(
        claim_number=("claim_number", "first"), charge_usd=("claim_charge", "first")
    )
    scored = chances(rows).set_index("submission_id") if chances else pd.DataFrame(index=told.index)
    names = ["p_denial", "lower", "upper", "lift", "p_loss", "expected_loss_usd", "cash_usd", "mend_share"]
    told = told.join(scored.reindex(columns=names).astype(float))
    told = told.assign(rule_precision=prevention_rules.best_precision(rules, rows, case="submission_id"))
    return _with_rules(told) if chances else told


def _with_rules(told: pd.DataFrame) -> pd.DataFrame:
    """One score: a rule that a claim matches raises its chance to the rule's precision, and its losses with it."""
    one = holds.one_chance(told["p_denial"], told["rule_precision"])
    times = (one / told["p_denial"].where(told["p_denial"] > 0)).fillna(1.0)
    losses = {name: told[name] * times for name in ("lift", "p_loss", "expected_loss_usd")}
    return told.assign(p_denial=one, upper=told["upper"].clip(lower=one), **losses)


def _edits(files: Sequence[Offered], terms: pd.DataFrame = edits.NO_TERMS) -> pd.DataFrame:
    table = pd.concat([file.claims.to_pandas().assign(file=i) for i, file in enumerate(files)], ignore_index=True)
    facts = pd.concat([file.facts.drop(columns="source").assign(file=i) for i, file in enumerate(files)])
    table = _dated(table.merge(facts, on=["file", "segment"], how="left", validate="1:1").drop(columns="file"))
    lines = _dated(pd.concat([file.lines.to_pandas() for file in files], ignore_index=True))
    return edits.find(table, lines, terms).assign(owner="biller", fix="Correct the claim in the billing system.")


def _dated(table: pd.DataFrame) -> pd.DataFrame:
    days = [name for name in ("known_on", "service_date", "service_date_last") if name in table]
    return table.assign(**{name: pd.to_datetime(table[name]) for name in days})


def _of_rules(rows: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    found = []
    for rule in (wording.described(rules) if len(rules) else rules).itertuples():
        hit = rows[search.matches(search.from_json(rule.terms), rows)].drop_duplicates("submission_id")
        found.append(pd.DataFrame({
            "submission_id": hit["submission_id"], "claim_number": hit["claim_number"], "line_number": hit["line_number"], "severity": "hold",
            "rule_id": rule.rule_id, "finding": rule.sentence.split(";")[0] + ".", "evidence": wording.evidence(rule), "owner": rule.owner,
            "fix": rule.fix}))  # fmt: skip
    return pd.concat(found) if found else pd.DataFrame()


def _sent_before(view: View, rows: pd.DataFrame) -> pd.DataFrame:
    """The claim, or a line of it, was sent before and not rejected."""
    first = rows[rows["frequency"].fillna("1").eq("1")]
    again = view.execute("""
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


def _of_score(told: pd.DataFrame) -> pd.DataFrame:
    """A row for each claim with a chance: that beside the practice's, and what was seen of claims with like chances."""
    told = told[told["p_denial"].notna()]
    usual = told["p_denial"] / told["lift"]
    return pd.DataFrame({
        "submission_id": told.index, "claim_number": told["claim_number"].to_numpy(), "line_number": 0, "severity": "info", "rule_id": SCORE_ID,
        "finding": [f"Chance of a denial {p:.0%}, usually {u:.0%}." for p, u in zip(told["p_denial"], usual, strict=True)],
        "evidence": [f"{low:.0%} to {high:.0%} of claims with like chances were refused" for low, high in zip(told["lower"], told["upper"], strict=True)],
        "owner": "biller", "fix": ""})  # fmt: skip


def _in_places(findings, rows: pd.DataFrame, told: pd.DataFrame, chances: Chances | None, *, learned_ids: set[str],
               places: Places) -> pd.DataFrame:  # fmt: skip
    """The findings with at most so many claims held by rules and chances; those that an edit holds take places first."""
    by_us = findings["rule_id"].isin(learned_ids)
    sure = set(findings.loc[findings["severity"].eq("hold") & ~by_us, "submission_id"])
    worth = holds.worth_usd(
        told["p_denial"], lift=told["lift"], rule_precision=told["rule_precision"], charge_usd=told["charge_usd"],
        cash_usd=told["cash_usd"], mend_share=told["mend_share"],
    )  # fmt: skip
    taken = holds.first(worth.where(~worth.index.isin(sure), 0.0), places.among(len(told)) - len(sure))
    inside = findings["submission_id"].isin(taken.index[taken])
    out = by_us & ~inside & findings["severity"].eq("hold")
    no_rule = taken & told["rule_precision"].eq(0)
    alone = findings["rule_id"].eq(SCORE_ID) & findings["submission_id"].isin(told.index[no_rule])
    findings = findings.assign(severity=findings["severity"].mask(out, "warn").mask(alone, "hold"))
    return _with_reasons(findings, alone, rows, chances) if alone.any() else findings


def _with_reasons(findings: pd.DataFrame, alone: pd.Series, rows: pd.DataFrame, chances: Chances) -> pd.DataFrame:
    """What moves the chance, beside the evidence of claims held for their chance alone, the likeliest first."""
    ids = findings.loc[alone, "submission_id"].unique()[:REASONED_CLAIMS]
    why = dict(chances.reasons(rows[rows["submission_id"].isin(ids)]))
    told = [f"{evidence}; {why[i]}" if i in why else evidence for evidence, i in
            zip(findings.loc[alone, "evidence"], findings.loc[alone, "submission_id"], strict=True)]  # fmt: skip
    findings = findings.reset_index(drop=True)
    at = np.flatnonzero(alone.to_numpy())
    findings.loc[at, "evidence"] = told
    findings.loc[at, "fix"] = "No rule says why: have a second person look at what raises the chance."
    return findings


def held(findings: pd.DataFrame) -> set[int]:
    """Submission ids of the claims held."""
    return set(findings.loc[findings["severity"].eq("hold"), "submission_id"])


def worth_a_look(findings: pd.DataFrame) -> pd.DataFrame:
    """The findings without the chances of claims that nothing is said of otherwise."""
    return findings[findings["severity"].ne("info") | findings["rule_id"].ne(SCORE_ID)]


def expected(findings: pd.DataFrame) -> str:
    """What the claims are expected to lose, as the end of a line; empty without chances."""
    claims_ = findings.drop_duplicates("submission_id")
    if claims_["expected_loss_usd"].isna().all():
        return ""
    held_ = claims_.loc[claims_["submission_id"].isin(held(findings)), "expected_loss_usd"].sum()
    return f"; expected loss ${claims_['expected_loss_usd'].sum():,.0f}, ${held_:,.0f} of it in the held"


def divide(offered: Offered, findings: pd.DataFrame) -> tuple[bytes, bytes]:
    """The file as two: clean claims, held claims; either may be empty. Claims that could not be read are held."""
    clean = ~np.isin(offered.ids, list(held(findings)))
    numbers = set(offered.claims["segment"].to_numpy()[clean].tolist())
    others = set(divide_837.claim_segments(offered.data)) - numbers
    return divide_837.divide(offered.data, numbers), divide_837.divide(offered.data, others)


def text_of(findings: pd.DataFrame, suffix: str) -> str:
    """The findings as CSV or JSON (a list of objects)."""
    table = findings[list(COLUMNS)]
    if suffix == ".csv":
        return csv_text(table)
    return json.dumps(json.loads(table.to_json(orient="records")), indent=1, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Checked:
    """A file's findings and what is needed to divide it."""

    path: Path
    offered: Offered
    findings: pd.DataFrame

    @property
    def claims(self) -> int:
        """All in the file, those that could not be read among them."""
        return len(divide_837.claim_segments(self.offered.data))

    @property
    def holds(self) -> int:
        """Claims held, those that could not be read among them."""
        return len(held(self.findings)) + self.claims - len(self.offered.claims)


def check(
    paths: list[Path], *, store: Path, practice: str, as_of: date, places: Places | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Checked]:  # fmt: skip
    """Every file checked against the practice as known on the day; `places` are those of all files together.

    The files of an archive are checked one by one, under their own names. `progress` is told what is learned first, and
    of which day the rules are where that is not the day asked for.
    """
    if not paths:
        return []
    place = Practice(store, practice)
    con = derive.open_practice(store, practice, as_of=as_of)
    known = cache.of_practice(con, progress=progress)
    if progress and known.day != con.as_of:
        progress(f"rules and chances are those learned from what was known on {known.day}")
    texts = list(sources.open_837(paths, spill=place.folder))
    files = [read_text(text, place.key()) for text in texts]
    distinct = {file.data: file for file in files}  # copies have the same submission ids, and so share their findings
    findings = scrub(con, list(distinct.values()), known.rules, chances=known.chances, places=places)
    return [
        Checked(text.path, file, findings[findings["submission_id"].isin(file.ids)].reset_index(drop=True))
        for text, file in zip(texts, files, strict=True)
    ]


def annotate(checked: Sequence[Checked], folder: Path) -> list[list[Path]]:
    """Writes clean and held claims of every file into the folder; gives the paths written, a list for each file.

        a/today.837, b/today.837    ->    today.clean.837, today.held.837, today-2.clean.837

    Nothing is written before every claim is known to be in one of the two; each file appears whole, and what an earlier
    run left under these names goes. Raises FailedError where a claim is missing or the disk is full.
    """
    taken = [file.path for file in checked]
    places, contents = [], {}
    for file in checked:
        parts = divide(file.offered, file.findings)
        _claims_are_all_there(file, parts)
        places.append(_free_places(folder, file.path.stem, [*taken, *contents]))
        contents |= dict(zip(places[-1], parts, strict=True))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folders.write(contents)
    except OSError as error:
        raise FailedError(f"the checked claims could not be written ({error.strerror or error}); send none of them: "
                          "mend that, and give the same command again") from error  # fmt: skip
    return [[path for path in both if contents[path]] for both in places]


def _claims_are_all_there(file: Checked, parts: Sequence[bytes]) -> None:
    """In = clean + held, claim by claim."""
    there, divided = (
        Counter(claim for data in datas for claim in divide_837.claim_segments(data).values())
        for datas in ([file.offered.data], parts)
    )
    if there != divided:
        raise FailedError(f"{file.path.name} holds {there.total():,} claims and its two parts {divided.total():,}; "
                          "nothing was written: are the segments of this 837 in order?")  # fmt: skip


def _free_places(folder: Path, stem: str, taken: Collection[Path]) -> tuple[Path, Path]:
    """Where the clean and the held claims go, so that nothing taken is overwritten, on no file system."""
    used = {str(path.resolve()).casefold() for path in taken}
    for number in count(1):
        name = stem if number == 1 else f"{stem}-{number}"
        both = folder / f"{name}.clean.837", folder / f"{name}.held.837"
        if not any(str(path.resolve()).casefold() in used for path in both):
            return both
