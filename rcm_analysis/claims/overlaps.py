"""Exports overlap: last month's ledger and this month's hold the same postings. Each fact counts once.

    file  claim_number  known_on    kind      amount         counted
    1     A1            2026-01-05  payment   -20.00         yes
    1     A1            2026-01-05  payment   -20.00         yes, a second copay: rows of one file are different
    2     A1            2026-01-05  payment   -20.00         no, file 2 repeats the first of file 1

Sheets of a workbook overlap as files do. Where an 837 or 835 tells of a claim, it outranks the listings. Tables take
the place of the facts' views.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rcm_analysis.store import schema

if TYPE_CHECKING:
    import duckdb


def _columns(table: str, of: str, **instead: str) -> str:
    """The table's columns in order, some computed; `* REPLACE` would put those last on Spark, and a union mix them up."""
    return ", ".join(f"{instead.get(c.name, f'{of}.{c.name}')} AS {c.name}" for c in schema.TABLES[table].columns)


def _sheet(row: str) -> str:
    """The place of a row's sheet in its workbook."""
    return f"floor(({row} - 1) / {schema.SHEET_ROWS}.0)"


# The reason is left out: which of its words may stay depends on the other rows of its file
_POSTING = "claim_number, known_on, kind, amount, coalesce(procedure, ''), coalesce(service_date, known_on)"

LEDGER = f"""
    WITH numbered AS (
        SELECT *, row_number() OVER (PARTITION BY file_id, {_sheet("row")}, {_POSTING} ORDER BY row) AS occurrence FROM ledger),
    ranked AS (
        SELECT *, row_number() OVER (PARTITION BY {_POSTING}, occurrence
            ORDER BY length(coalesce(reason, '')) DESC, file_id, row) AS place FROM numbered)
    SELECT {_columns("ledger", "r")} FROM ranked r WHERE place = 1
"""

SUBMISSIONS = f"""
    WITH electronic AS (SELECT DISTINCT claim_number FROM submissions WHERE kind <> 'listing'),
    listed AS (
        SELECT s.*, row_number() OVER (PARTITION BY s.claim_number, s.known_on, s.payer_id
            ORDER BY s.charge DESC, s.submission_id) AS place
        FROM submissions s ANTI JOIN electronic USING (claim_number) WHERE s.kind = 'listing')
    SELECT {_columns("submissions", "s")} FROM submissions s WHERE s.kind <> 'listing'
    UNION ALL
    SELECT {_columns("submissions", "l")} FROM listed l WHERE l.place = 1
"""

# Two listings may tell of one decision: the one with the cuts stays, with the payment that either tells. A listing that
# tells neither payment nor denial is outranked by any that does. Insurance payments of the ledger are decisions where a
# practice has no 835 at all and its listings tell of no payment.
REMITTANCES = f"""
    WITH electronic AS (SELECT DISTINCT claim_number FROM remittances WHERE payment_id IS NOT NULL),
    listed AS (
        SELECT r.*, row_number() OVER (PARTITION BY r.file_id, {_sheet("r.segment")}, r.claim_number, r.known_on
            ORDER BY r.segment) AS occurrence
        FROM remittances r ANTI JOIN electronic USING (claim_number) WHERE r.payment_id IS NULL),
    ranked AS (
        SELECT l.*, max(paid) OVER (PARTITION BY claim_number, known_on, occurrence) AS most_paid,
            row_number() OVER (PARTITION BY claim_number, known_on, occurrence
                ORDER BY adjusted DESC, charge DESC, remittance_id) AS place
        FROM listed l),
    once AS (
        SELECT r.*, max(most_paid + adjusted) OVER (PARTITION BY claim_number) AS most_told,
            sum(most_paid) OVER (PARTITION BY claim_number) AS paid_in_listings,
            row_number() OVER (PARTITION BY claim_number, known_on ORDER BY occurrence) AS of_day
        FROM ranked r WHERE place = 1),
    told AS (SELECT * FROM once WHERE most_paid <> 0 OR adjusted <> 0 OR most_told = 0),
    known AS (SELECT DISTINCT claim_number FROM told WHERE paid_in_listings <> 0),
    posted AS (
        SELECT l.claim_number, l.known_on, -sum(l.amount) AS paid, min(l.payer_name) AS payer_name
        FROM ledger l ANTI JOIN known USING (claim_number)
        WHERE l.kind = 'payment' AND l.posted_by = 'insurance' AND (SELECT count(*) FROM electronic) = 0
        GROUP BY l.claim_number, l.known_on HAVING sum(l.amount) < 0),
    charged AS (
        SELECT claim_number, sum(amount) AS charge, min(service_date) AS service_date FROM ledger
        WHERE kind = 'charge' GROUP BY claim_number),
    alone AS (
        SELECT p.*, c.charge, c.service_date, -row_number() OVER (ORDER BY p.claim_number, p.known_on) AS id
        FROM posted p ANTI JOIN told t ON t.claim_number = p.claim_number AND t.known_on = p.known_on
        LEFT JOIN charged c ON c.claim_number = p.claim_number),
    nothing AS (SELECT * FROM remittances WHERE false)
    SELECT {_columns("remittances", "r")} FROM remittances r WHERE r.payment_id IS NOT NULL
    UNION ALL
    SELECT {_columns("remittances", "t", paid="CAST(t.most_paid + CASE WHEN t.of_day = 1 THEN coalesce(p.paid, 0) ELSE 0 END AS DECIMAL(14, 2))")}
    FROM told t LEFT JOIN posted p ON p.claim_number = t.claim_number AND p.known_on = t.known_on
    UNION ALL
    SELECT {
    _columns(
        "remittances", "n", claim_number="a.claim_number", known_on="a.known_on", remittance_id="CAST(a.id AS BIGINT)",
        payer_name="a.payer_name", payer_id="a.payer_name", check_number="CAST(a.known_on AS VARCHAR)", status_code="'1'",
        charge="CAST(a.charge AS DECIMAL(14, 2))", paid="CAST(a.paid AS DECIMAL(14, 2))", lines="0",
        patient_share="CAST(0 AS DECIMAL(14, 2))", adjusted="CAST(0 AS DECIMAL(14, 2))", service_date="a.service_date",
    )
}
    FROM alone a LEFT JOIN nothing n ON n.claim_number = a.claim_number
"""  # fmt: skip


def count_once(con: duckdb.DuckDBPyConnection) -> None:
    """Puts tables without repetitions in the place of `ledger`, `submissions` and `remittances`, where exports overlap.

    Practices without listings, and with one ledger on one sheet, keep the views they have.
    """
    if _first(con, f"SELECT count(*) FROM (SELECT DISTINCT file_id, {_sheet('row')} FROM ledger) AS exports") > 1:
        con.execute(f"CREATE TEMP TABLE ledger AS {LEDGER}")
    if _first(con, "SELECT count(*) FROM submissions WHERE kind = 'listing'"):
        con.execute(f"CREATE TEMP TABLE submissions AS {SUBMISSIONS}")
    if _first(con, "SELECT count(*) FROM remittances WHERE payment_id IS NULL"):
        con.execute(f"CREATE TEMP TABLE remittances AS {REMITTANCES}")


def _first(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    return con.execute(sql).fetchall()[0][0]
