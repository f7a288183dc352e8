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

from rcm_analysis.errors import RcmError
from rcm_analysis.reference import codes

if TYPE_CHECKING:
    import duckdb

# Reasons for which a patient's share is written off
PATIENT_LEAVES = "('charity', 'small_balance', 'prompt_pay', 'courtesy', 'bad_debt')"
MISMATCH_USD = "1.00"  # smaller differences between ledger and remittance are rounding

# Where a denial ends when it is given up, by category of the remittance
LEAF_OF_CATEGORY = {
    "eligibility": "eligibility", "coordination_of_benefits": "cob", "authorization": "authorization",
    "claim_data": "registration", "credentialing": "credentialing", "coding": "coding_modifier",
    "bundling": "bundled_by_rule", "medical_necessity": "medical_necessity", "documentation": "documentation",
    "timely_filing": "timely_filing", "duplicate": "true_duplicate", "non_covered": "noncovered_no_notice",
    "benefit_maximum": "noncovered_no_notice", "network": "administrative", "ambulance": "ems_medical_necessity",
    "liability": "wrong_payer", "other": "administrative",
}  # fmt: skip

# Leaves that say why a denial came about, beside those of LEAF_OF_CATEGORY
CATEGORY_OF_LEAF = {
    "appeal_deadline": "timely_filing", "bundling_not_fought": "bundling", "duplicate_rebill": "duplicate",
    "ems_signature": "ambulance", "ems_pcs": "ambulance", "ems_origin_destination": "ambulance",
    "ems_mileage": "ambulance", "ems_level_of_service": "ambulance", "benefit_limit_noticed": "benefit_maximum",
    **{leaf: category for category, leaf in reversed(LEAF_OF_CATEGORY.items()) if leaf != "administrative"},
}  # fmt: skip

STEPS: tuple[tuple[str, str], ...] = (
    ("posting_classes", """
        SELECT coalesce(k.claim_number, l.claim_number) AS claim_number, l.known_on, l.row, l.kind, l.posted_by, l.amount, l.code,
            l.reason, l.payer_name, l.location, l.service_date, r.leaf AS told_leaf
        FROM ledger l
        LEFT JOIN claim_links k ON k.own_number = l.claim_number
        LEFT JOIN posting_reasons r ON r.code = coalesce(l.code, '') AND r.reason = coalesce(l.reason, '')
    """),
    ("ledger_summary", """
        SELECT claim_number,
            sum(CASE WHEN kind = 'charge' THEN amount ELSE 0 END) AS charge,
            sum(CASE WHEN kind = 'transfer' THEN 0 ELSE amount END) AS balance,
            -sum(CASE WHEN kind = 'payment' AND posted_by = 'insurance' THEN amount ELSE 0 END) AS insurance_paid,
            -sum(CASE WHEN kind = 'payment' AND coalesce(posted_by, '') <> 'insurance' THEN amount ELSE 0 END) AS patient_paid,
            sum(CASE WHEN kind = 'transfer' THEN amount ELSE 0 END) AS transferred,
            max(known_on) AS last_posted_on, min(service_date) AS service_date, min(location) AS location,
            min_by(payer_name, (payer_name = 'PATIENT', row, payer_name)) AS payer_name,
            -sum(CASE WHEN kind IN ('adjustment', 'write_off') AND told_leaf = 'contractual' THEN amount ELSE 0 END) AS contractual
        FROM posting_classes GROUP BY claim_number
    """),
    # The practice's name of a payer -> the name in the EDI, by the claims that both name
    ("payer_links", """
        SELECT ledger_name, max_by(payer_name, (claims, payer_name)) AS payer_name, max_by(payer_id, (claims, payer_name)) AS payer_id FROM (
            SELECT l.payer_name AS ledger_name, s.payer_name, s.payer_id, count(*) AS claims
            FROM ledger_summary l JOIN submission_summary s USING (claim_number)
            WHERE l.payer_name IS NOT NULL AND s.payer_name IS NOT NULL GROUP BY 1, 2, 3)
        GROUP BY ledger_name
    """),
    # Postings as write-offs. What was posted as contractual beyond what the payers cut by contract, on a claim with a
    # denial, is a denial written off under another name: the latest such postings, up to the excess.
    ("posted_write_offs", """
        WITH posted AS (
            SELECT p.claim_number, p.known_on AS posted_on, -p.amount AS amount, p.code, p.reason, p.told_leaf, p.row,
                d.last_category AS remit_category, d.last_procedure,
                CASE WHEN p.told_leaf = 'contractual' AND (d.ever_denied AND (e.claim_number IS NOT NULL OR l.insurance_paid <= 0) OR (f.claim_number IS NULL AND a.last_rejected
                        AND l.insurance_paid <= 0))
                    THEN l.contractual - coalesce(c.contractual, 0) ELSE 0 END AS excess,
                f.claim_number IS NULL AND coalesce(a.last_rejected, false) AND l.insurance_paid <= 0 AS forgotten
            FROM posting_classes p
            JOIN ledger_summary l USING (claim_number)
            LEFT JOIN denial_summary d USING (claim_number)
            -- a listing tells no contract cut: there the ledger's own is believed once the claim was paid
            LEFT JOIN (SELECT DISTINCT claim_number FROM decisions WHERE payment_id IS NOT NULL
                AND claim_number IN (SELECT claim_number FROM denial_summary WHERE ever_denied)) e USING (claim_number)
            LEFT JOIN current_amounts c USING (claim_number)
            LEFT JOIN first_decisions f USING (claim_number)
            LEFT JOIN acknowledgment_summary a USING (claim_number)
            WHERE p.kind IN ('adjustment', 'write_off') AND p.amount <> 0),
        later AS (
            SELECT *, coalesce(sum(amount) OVER (PARTITION BY claim_number
                ORDER BY posted_on DESC, row DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS later
            FROM posted WHERE excess > MISMATCH_USD),  -- contractual ones alone, and all of their claim
        judged AS (
            SELECT * EXCLUDE (later), amount > 0 AND later < excess - 0.50 AS mismatch FROM later
            UNION ALL
            SELECT *, false AS mismatch FROM posted WHERE NOT excess > MISMATCH_USD),
        leaved AS (
            SELECT *, CASE
                WHEN forgotten AND (mismatch OR told_leaf = 'unclassified') THEN 'rejected_not_resubmitted'
                WHEN mismatch OR (told_leaf = 'unclassified' AND remit_category IS NOT NULL) THEN
                    CASE WHEN remit_category = 'medical_necessity' AND last_procedure LIKE 'A04%' THEN 'ems_medical_necessity'
                        ELSE coalesce(k.leaf, 'administrative') END
                ELSE told_leaf END AS final_leaf
            FROM judged LEFT JOIN category_leaves k ON k.category = remit_category)
        SELECT claim_number, posted_on, amount, code, reason, final_leaf AS leaf, w.root,
            'posted' AS basis, remit_category, mismatch
        FROM leaved JOIN write_off_leaves w ON w.leaf = final_leaf
    """),
    ("posted_summary", """
        SELECT claim_number,
            sum(amount) AS written_off, max_by(leaf, (amount, leaf)) AS leaf, max_by(root, (amount, leaf)) AS root,
            sum(amount) FILTER (WHERE root = 'unnecessary' AND leaf <> 'bad_debt') AS lost,
            sum(CASE WHEN leaf IN PATIENT_LEAVES THEN 0 ELSE amount END) AS given_up,
            sum(CASE WHEN leaf IN PATIENT_LEAVES THEN amount ELSE 0 END) AS given_up_of_patient
        FROM posted_write_offs WHERE leaf NOT IN ('contractual', 'regulatory') GROUP BY claim_number
    """),
)  # fmt: skip


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
            raise PhrasesError(f"{path.name} has no column {error}; it needs words and leaf") from None
        except (ValueError, OSError) as error:
            raise PhrasesError(f"{path.name} can't be used: {error}") from None
        frames.append(phrases)
    return pd.concat(frames, ignore_index=True) if frames else None


class PhrasesError(RcmError):
    """A user's table of write-off words that can't be used; the message says why."""


def reasons_of(con: duckdb.DuckDBPyConnection, extra: pd.DataFrame | None) -> pd.DataFrame:
    """Each distinct code and reason of the ledger's adjustments with the leaf that its words tell."""
    rows = con.execute(
        "SELECT coalesce(code, '') AS code, coalesce(reason, '') AS reason FROM ledger "
        "WHERE kind IN ('adjustment', 'write_off') GROUP BY 1, 2"
    ).fetchall()
    pairs = [(code, reason) for code, reason in rows]
    leaves = codes.classify_reasons(pairs, user_phrases=extra)
    found = [(code, reason, leaf) for (code, reason), (leaf, _) in zip(pairs, leaves, strict=True)]
    return pd.DataFrame(found, columns=["code", "reason", "leaf"], dtype=str)


def categories_of_words(con: duckdb.DuckDBPyConnection, extra: pd.DataFrame | None) -> pd.DataFrame:
    """Each distinct reason text of denial listings with the denial category that its words tell, if any."""
    found = con.execute("SELECT DISTINCT reason_text FROM denial_reasons").fetchall()
    leaves = codes.classify_reasons([("", text) for (text,) in found], user_phrases=extra)
    rows = [(text, CATEGORY_OF_LEAF.get(leaf)) for (text,), (leaf, _) in zip(found, leaves, strict=True)]
    return pd.DataFrame(rows, columns=["reason_text", "category"], dtype="string")
