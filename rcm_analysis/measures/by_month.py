"""The tables behind the first three notebooks: can the data be trusted, what is denied, what is given up.

Every function takes a connection on which `claims.derive` has run and gives a small pandas table; money becomes a
float here, at the border, after exact sums.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rcm_analysis.measures.measures import MEASURES
from rcm_analysis.months import window
from rcm_analysis.stats import wilson

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

RECOVERED, OPEN, LOST, PATIENT = "recovered", "still open", "lost", "moved to the patient"
SURE = 2.5758  # standard errors: steady practices are told a change between two months once in a hundred reports
MEDIAN_SQUARE = 0.4549  # of a standard normal value
FEW_STEPS, UNKNOWN_SPREAD = (
    6,
    2.0,
)  # with fewer steps between months their spread is taken for twice that of lone claims


def by_month(table: pd.DataFrame, name: str, *, as_of: date, months: int) -> pd.DataFrame:
    """A measure of the whole practice by decision month: from the first month with a case to the last whole month.

    A month without a case has numerator and denominator 0 and no value; there is at least one row.
    """
    first, last = (f"{day:%Y-%m}" for day in window(as_of, months))
    rows = table[(table["measure"] == name) & (table["dimension"] == "all") & (table["basis"] == "decision_month")]
    rows = rows[rows["month"].between(first, last)].set_index("month")
    begin = rows.index.min() if len(rows) else last
    whole = pd.period_range(begin, last, freq="M").astype(str)
    rows = rows.reindex(whole).rename_axis("month").reset_index()
    rows[["numerator", "denominator"]] = rows[["numerator", "denominator"]].fillna(0)
    return rows.assign(measure=name, complete=rows["complete"].fillna(True).astype(bool))


def beyond_chance(rate: pd.DataFrame, *, months: int = 1, last: int = -1) -> bool:
    """Whether the rate of month `last` differs from that `months` before it by more than chance; `rate` as from `by_month`.

    Claims of one patient are denied together, so that months spread wider than lone claims would: how much wider is the
    median of the squared steps between the other months (overdispersion; McCullagh and Nelder 1989, 4.5), at least 1.

    month    numerator  denominator
    2026-08  80         800
    2026-09  84         790
    2026-10  160        810          -> True
    """
    k, n = rate["numerator"].to_numpy(float), rate["denominator"].to_numpy(float)
    here, then = len(k) + last, len(k) + last - months
    if then < 0 or min(n[here], n[then]) <= 0:
        return False
    steps = _steps(k, n, np.arange(len(k) - 1), np.arange(1, len(k)))
    others = steps[np.isfinite(steps) & (np.arange(1, len(k)) != here)]
    spread = max(1.0, float(np.median(others**2)) / MEDIAN_SQUARE) if len(others) >= FEW_STEPS else UNKNOWN_SPREAD
    step = _steps(k, n, np.array([then]), np.array([here]))[0]
    return bool(abs(step) > SURE * np.sqrt(spread))


def _steps(k: np.ndarray, n: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Differences of rates in standard errors of lone claims; missing where a month has no claim."""
    with np.errstate(divide="ignore", invalid="ignore"):
        both = (k[before] + k[after] + 0.5) / (n[before] + n[after] + 1)
        error = np.sqrt(both * (1 - both) * (1 / n[before] + 1 / n[after]))
        return np.asarray((k[after] / n[after] - k[before] / n[before]) / error)


def measures_of_month(table: pd.DataFrame, *, month: str) -> pd.DataFrame:
    """Every measure of the whole practice in its latest complete month up to `month`, a row per measure and basis.

    Columns measure, basis, month, value, lower, upper, cases (the denominator where it counts cases), unit.
    """
    known = {m.name: m for m in MEASURES}
    rows = table[(table["dimension"] == "all") & table["complete"] & (table["month"] <= month)]
    rows = rows.sort_values("month").groupby(["measure", "basis"], as_index=False).last()
    counted = rows["measure"].map(lambda name: known[name].counts or known[name].unit == "days")
    return rows.assign(
        label=rows["measure"].map(lambda name: known[name].label), unit=rows["measure"].map(lambda name: known[name].unit),
        cases=rows["denominator"].where(counted),
    )  # fmt: skip


def over_months(view: View, table: pd.DataFrame, *, months: int) -> pd.Series:
    """The measures of a table as from `measures.measure` over the last `months` whole months together, by name.

    net_collection_rate       .953
    denial_write_off_share    .021
    """
    first, last = (f"{day:%Y-%m}" for day in view.window(months))
    rows = table[table["month"].between(first, last) & (table["dimension"] == "all")]
    sums = rows.groupby("measure")[["numerator", "denominator"]].sum().reindex([m.name for m in MEASURES])
    return sums["numerator"] / sums["denominator"]


def _between(column: str, view: View, months: int | None) -> str:
    first, last = view.window(months)
    return f"{column} BETWEEN DATE '{first}' AND DATE '{last}'"


def _frame(view: View, sql: str, money: tuple[str, ...] = ()) -> pd.DataFrame:
    table = view.execute(sql).df()
    return table.astype(dict.fromkeys(money, float))


# --- can the data be trusted ---------------------------------------------------------------------------------------


def files_by_kind(view: View) -> pd.DataFrame:
    """kind, status, files, claims, charge, paid, first and last date, one row per kind and status."""
    return _frame(view, "SELECT kind, status, count(*) AS files, sum(claims) AS claims, sum(charge) AS charge, sum(paid) AS paid, "
                  "min(first_known_on) AS first_day, max(last_known_on) AS last_day FROM files GROUP BY kind, status "
                  "ORDER BY status, kind", ("charge", "paid"))  # fmt: skip


def balance(view: View) -> pd.DataFrame:
    """level (line, claim, transaction), rule, items, balanced, share, difference in USD.

    Of 835 files; a listing leaves out too much to balance.
    """
    levels = (
        ("service line", "charge − adjustments = payment", "SELECT coalesce(charge, 0) - adjusted - coalesce(paid, 0) AS d FROM remittance_lines JOIN (SELECT remittance_id FROM remittances WHERE payment_id IS NOT NULL) USING (remittance_id)"),
        ("claim", "charge − adjustments = payment", "SELECT coalesce(charge, 0) - adjusted - coalesce(paid, 0) AS d FROM remittances WHERE payment_id IS NOT NULL"),
        ("transaction", "payments − provider adjustments = check", "SELECT claims_paid - provider_adjusted - coalesce(paid, 0) AS d FROM payments"),
    )  # fmt: skip
    parts = [
        f"SELECT {i} AS place, '{level}' AS level, '{rule}' AS rule, count(*) AS items, "
        f"count(*) FILTER (WHERE d = 0) AS balanced, coalesce(sum(abs(d)), 0) AS difference FROM ({sql})"
        for i, (level, rule, sql) in enumerate(levels)
    ]
    table = _frame(view, " UNION ALL ".join(parts) + " ORDER BY place", ("difference",)).drop(columns="place")
    return table.assign(share=table["balanced"] / table["items"].where(table["items"] > 0))


def unbalanced(view: View) -> pd.DataFrame:
    """Lines, claims and transactions that do not balance, largest difference first; USD.

    level        claim_number  line_number  charge  adjusted  paid   difference
    service line A1            2            150.00  30.00     80.00  40.00
    transaction  CHECK7                     830.00  10.00     800.00 20.00
    """
    levels = (
        "SELECT 'service line' AS level, r.claim_number, l.line_number, r.payer_name, r.known_on, l.charge, l.adjusted, l.paid, "
        "r.file_id, r.segment FROM remittance_lines l JOIN remittances r USING (remittance_id) WHERE r.payment_id IS NOT NULL",
        "SELECT 'claim', claim_number, NULL, payer_name, known_on, charge, adjusted, paid, file_id, segment FROM remittances "
        "WHERE payment_id IS NOT NULL",
        "SELECT 'transaction', check_number, NULL, payer_name, known_on, claims_paid, provider_adjusted, paid, file_id, segment FROM payments",
    )  # fmt: skip
    return _frame(view, "SELECT u.* EXCLUDE (file_id, segment), coalesce(charge, 0) - adjusted - coalesce(u.paid, 0) AS difference, "
                  f"f.name AS file, u.segment FROM ({' UNION ALL '.join(levels)}) u "
                  "LEFT JOIN (SELECT file_id, any_value(name) AS name FROM files GROUP BY 1) f USING (file_id) "
                  "WHERE difference <> 0 ORDER BY abs(difference) DESC, level, claim_number, line_number",
                  ("charge", "adjusted", "paid", "difference"))  # fmt: skip


def provider_adjustments(view: View) -> pd.DataFrame:
    """PLB by payer and reason: payer_name, reason_code, items, amount in USD (positive lowers the check), days."""
    return _frame(view, "SELECT t.payer_name, p.reason_code, count(*) AS items, sum(p.amount) AS amount, min(p.known_on) AS first_day, "
                  "max(p.known_on) AS last_day FROM provider_adjustments p JOIN payments t USING (payment_id) GROUP BY ALL "
                  "ORDER BY abs(sum(p.amount)) DESC, payer_name, reason_code", ("amount",))  # fmt: skip


def possible_links(view: View) -> pd.DataFrame:
    """Claims that may belong together and were not joined: reason, both numbers, reference, day, charge in USD."""
    return _frame(
        view, "SELECT * FROM possible_links ORDER BY reason, charge DESC, claim_number, other_number", ("charge",)
    )


def coverage(view: View, *, months: int | None = None) -> pd.DataFrame:
    """payer_name, month, week (its Monday), decisions: how many claim payments came in, to see gaps."""
    return _frame(view, "SELECT payer_name, strftime(known_on, '%Y-%m') AS month, date_trunc('week', known_on)::DATE AS week, "
                  f"count(*) AS decisions FROM decisions WHERE {_between('known_on', view, months)} GROUP BY ALL ORDER BY ALL")  # fmt: skip


def missing_remittances(view: View) -> pd.DataFrame:
    """Insurers' payments in the ledger that no remittance tells, most dollars first.

    payer_name   month    kind          claims  payments  amount     told
    ACME HEALTH  2026-03  gap           36      38        41,200.00  112    other months of the payer are there
    ACME HEALTH  2025-12  before_first  90      96        80,110.00  0      before its first remittance
    """
    return _frame(view, "SELECT * FROM missing_remittances ORDER BY amount DESC, payer_name, month", ("amount",))


def matching(view: View) -> pd.DataFrame:
    """What does not match between claims, acknowledgments, remittances and ledger: what, claims, charge, meaning."""
    old = f"c.submitted_on <= DATE '{view.as_of}' - INTERVAL 60 DAY"
    rows = (
        ("submitted, no remit after 60 days", f"c.submitted_on IS NOT NULL AND c.first_decided_on IS NULL AND {old} AND c.state <> 'rejected'",
         "remit missing or on paper, or the payer never answered"),
        ("submitted, never acknowledged after 60 days", f"c.submitted_on IS NOT NULL AND NOT coalesce(c.acknowledged, false) AND {old}",
         "277CA files missing, or the claim never arrived"),
        ("rejected, not resent, with or without a balance", "c.state = 'rejected'", "the filing deadline is near"),
        ("remits of claims never seen", "c.submitted_on IS NULL AND c.first_decided_on IS NOT NULL", "837 files missing, or another system billed"),
        ("in EDI, not in the ledger", "NOT c.in_ledger AND (c.submitted_on IS NOT NULL OR c.first_decided_on IS NOT NULL)", "ledger export incomplete"),
        ("in the ledger only", "c.in_ledger AND c.submitted_on IS NULL AND c.first_decided_on IS NULL", "self-pay, paper, or EDI files missing"),
    )  # fmt: skip
    parts = [f"SELECT {i} AS place, '{what}' AS what, count(*) AS claims, coalesce(sum(charge), 0) AS charge, '{why}' AS meaning "
             f"FROM claims c WHERE {where}" for i, (what, where, why) in enumerate(rows)]  # fmt: skip
    return _frame(view, " UNION ALL ".join(parts) + " ORDER BY place", ("charge",)).drop(columns="place")


def repeated_payments(view: View) -> int:
    """Claim payments that came twice in different files and are counted once."""
    return int(
        view.execute("SELECT (SELECT count(*) FROM remittances) - (SELECT count(*) FROM decisions)").fetchall()[0][0]
    )


def decisions_told(view: View, *, months: int | None = None) -> pd.DataFrame:
    """Claims decided and denied at first by who tells it: an 835, or only exports (listings, a ledger's payments).

    told_by    decided  denied
    exports    120      120      a listing of denials alone: what was paid is not known
    835        1,400    160
    """
    return _frame(view, f"""
        SELECT CASE WHEN electronic > 0 THEN '835' ELSE 'exports' END AS told_by, count(*) AS decided,
            count(*) FILTER (WHERE initially_denied) AS denied
        FROM claims JOIN (SELECT claim_number, count(payment_id) AS electronic FROM decisions WHERE counts GROUP BY claim_number) USING (claim_number)
        WHERE {_between("first_decided_on", view, months)} GROUP BY 1 ORDER BY 1""")  # fmt: skip


def unknown_codes(view: View, *, months: int | None = None) -> pd.DataFrame:
    """Reason and remark codes that our tables do not hold, by code: uses, share of all uses of its kind, and dollars.

    kind  code  uses  share  amount
    CARC  999   12    .0004  1,080.00    refused, for want of a better word
    RARC  N999  40    .0100  3,310.00    adjustments of the lines that carry it
    """
    window = _between("d.known_on", view, months)
    return _frame(view, f"""
        WITH carcs AS (
            SELECT 'CARC' AS kind, a.carc AS code, c.carc IS NULL AS unknown, a.amount FROM adjustments a
            JOIN decisions d USING (remittance_id) LEFT JOIN carc c ON c.carc = a.carc WHERE {window}),
        cut AS (SELECT remittance_id, line_number, sum(amount) AS amount FROM adjustments GROUP BY 1, 2),
        rarcs AS (
            SELECT 'RARC' AS kind, m.rarc AS code, r.rarc IS NULL AS unknown, coalesce(x.amount, 0) AS amount FROM remarks m
            JOIN decisions d USING (remittance_id) LEFT JOIN rarc r ON r.rarc = m.rarc
            LEFT JOIN cut x ON x.remittance_id = m.remittance_id AND x.line_number = m.line_number WHERE {window}),
        every AS (SELECT * FROM carcs UNION ALL SELECT * FROM rarcs),
        totals AS (SELECT kind, count(*) AS uses FROM every GROUP BY kind)
        SELECT kind, code, count(*) AS uses, count(*) * 1.0 / any_value(t.uses) AS share, sum(amount) AS amount
        FROM every JOIN totals t USING (kind) WHERE unknown GROUP BY kind, code ORDER BY amount DESC, kind, code""", ("amount", "share"))  # fmt: skip


def rejects(view: View) -> pd.DataFrame:
    """Files, claims, rows and values not accepted, with place, reason and advice."""
    return _frame(view, "SELECT name, level, place, reason, advice FROM rejects ORDER BY name, place, reason")


# --- what is denied ------------------------------------------------------------------------------------------------


def denied_by(view: View, dimension: str, *, months: int | None = None) -> pd.DataFrame:
    """Initial denials by a column of `claims`: decided, denied, rate, lower, upper, denied_amount, share of denials."""
    table = _frame(view, f"SELECT coalesce({dimension}, 'not named') AS segment, count(*) AS decided, "
                   "count(*) FILTER (WHERE initially_denied) AS denied, sum(denied_amount) AS denied_amount "
                   f"FROM claims WHERE {_between('first_decided_on', view, months)} GROUP BY 1", ("denied_amount",))  # fmt: skip
    lower, upper = wilson(table["denied"], table["decided"])
    table = table.assign(rate=table["denied"] / table["decided"], lower=lower, upper=upper,
                         share=table["denied"] / max(table["denied"].sum(), 1))  # fmt: skip
    return table.sort_values(["denied", "segment"], ascending=[False, True], ignore_index=True)


def denial_reasons(view: View, *, months: int | None = None) -> pd.DataFrame:
    """First denials by category: claims, denied_amount, expected_cash, share, top code, owner and fix of the most frequent code."""
    table = _frame(view, "WITH told AS (SELECT c.category, c.carc, c.denied_amount, t.expected_cash, t.owner, t.fix, t.preventable "
                   "FROM claims c LEFT JOIN (SELECT claim_number, sum(expected_cash) AS expected_cash, max_by(owner, (denied_amount, line_number)) AS owner, "
                   "max_by(fix, (denied_amount, line_number)) AS fix, max_by(preventable, (denied_amount, line_number)) AS preventable "
                   f"FROM denials WHERE at_first_decision AND NOT is_partial GROUP BY claim_number) t USING (claim_number) WHERE c.initially_denied AND {_between('c.first_decided_on', view, months)}) "
                   "SELECT category, count(*) AS claims, sum(denied_amount) AS denied_amount, sum(expected_cash) AS expected_cash, "
                   f"{commonest('carc', 'category')}, {commonest('owner', 'category')}, {commonest('fix', 'category')}, "
                   "sum(CASE WHEN preventable = 'yes' THEN 1 ELSE 0 END) AS preventable FROM told GROUP BY category", ("denied_amount", "expected_cash"))  # fmt: skip
    table = table.assign(share=table["claims"] / max(table["claims"].sum(), 1))
    return table.sort_values(["claims", "category"], ascending=[False, True], ignore_index=True)


def payer_by_category(view: View, *, months: int | None = None) -> pd.DataFrame:
    """payer_name, category, denied: initial denials for the heat map."""
    return _frame(view, "SELECT payer_name, category, count(*) AS denied FROM claims WHERE initially_denied AND "
                  f"{_between('first_decided_on', view, months)} GROUP BY ALL ORDER BY ALL")  # fmt: skip


def waterfall(view: View, *, months: int | None = None) -> pd.DataFrame:
    """Where initially denied charges went: outcome, claims, amount, expected_cash; the outcomes add up to what was denied.

    Each line refused in the first decision has one outcome: paid after all, moved to the patient, given up by the
    practice's own posting, or still open. A claim counts once under each outcome of its lines.
    """
    outcome = (f"CASE WHEN d.outcome IN ('recovered', 'partly_recovered') THEN '{RECOVERED}' WHEN d.outcome = 'patient' THEN '{PATIENT}' "
               f"WHEN d.outcome = 'lost' THEN '{LOST}' ELSE '{OPEN}' END")  # fmt: skip
    table = _frame(view, f"SELECT {outcome} AS outcome, count(DISTINCT claim_number) AS claims, sum(d.denied_amount) AS amount, sum(d.expected_cash) AS expected_cash "
                   "FROM denials d JOIN claims c USING (claim_number) WHERE d.at_first_decision AND NOT d.is_partial "
                   f"AND {_between('c.first_decided_on', view, months)} GROUP BY 1", ("amount", "expected_cash"))  # fmt: skip
    table = table.set_index("outcome").reindex([RECOVERED, PATIENT, OPEN, LOST], fill_value=0).reset_index()
    return table.assign(share=table["amount"] / max(table["amount"].sum(), 0.01))


def still_open(view: View) -> dict[str, float]:
    """Open denials as of the day, whenever they were denied: claims, amount refused and open, expected_cash, both in USD.

    The worklist holds the same claims with the same cash.
    """
    table = _frame(view, "SELECT count(*) AS claims, coalesce(sum(at_stake), 0) AS amount, sum(expected_cash) AS expected_cash FROM open_denials",
                   ("amount", "expected_cash"))  # fmt: skip
    return {name: float(value) for name, value in table.iloc[0].items()}


def largest_open(view: View) -> pd.DataFrame:
    """Open denied claims by expected cash, then by balance: what to work first where no risk model tells."""
    return _frame(view, "SELECT claim_number, payer_name, category, carc, rarc, last_denied_on, o.expected_cash, claims.open_balance, state "
                  "FROM claims LEFT JOIN open_denials o USING (claim_number) "
                  "WHERE state IN ('denied_open', 'open_past_window', 'unpaid_no_reason', 'taken_back', 'appealed', 'resubmitted') "
                  "ORDER BY o.expected_cash DESC NULLS LAST, claims.open_balance DESC, claim_number",
                  ("expected_cash", "open_balance"))  # fmt: skip


def rejected_claims(view: View) -> pd.DataFrame:
    """Rejected and never accepted or sent again: open balance in USD and days to the filing deadline, nearest first."""
    return _frame(view, "SELECT r.*, c.written_off FROM rejected_claims r JOIN claims c USING (claim_number) "
                  "ORDER BY r.open_balance <= 0, r.days_left < 0, r.days_left, r.open_balance DESC, r.claim_number",
                  ("charge", "open_balance", "written_off", "expected_allowed"))  # fmt: skip


def commonest(column: str, by: str) -> str:
    """A column of `told` as its commonest value within each `by`; of equally common ones the last in the alphabet, since
    `mode` takes whichever thread came first."""
    counted = f"SELECT {by} AS part, {column} AS one, count(*) AS n FROM told WHERE {column} IS NOT NULL GROUP BY 1, 2"
    return f"max((SELECT max_by(one, (n, one)) FROM ({counted}) WHERE part = told.{by})) AS {column}"  # all rows say the same


# --- what is given up ----------------------------------------------------------------------------------------------


def write_offs_by_leaf(view: View, *, months: int | None = None) -> pd.DataFrame:
    """root, leaf, label, postings, claims, amount, expected_allowed, share of all, owner, fix; contractual and regulatory included."""
    table = _frame(view, "WITH told AS (SELECT w.*, f.label, w.root || ' ' || w.leaf AS place FROM write_offs w JOIN write_off_leaves f USING (leaf) "
                   f"WHERE {_between('posted_on', view, months)}) SELECT root, leaf, label, count(*) AS postings, count(DISTINCT claim_number) AS claims, "
                   f"sum(amount) AS amount, sum(expected_allowed) AS expected_allowed, {commonest('owner', 'place')}, {commonest('fix', 'place')} "
                   "FROM told GROUP BY root, leaf, label, place",
                   ("amount", "expected_allowed"))  # fmt: skip
    return table.assign(share=table["amount"] / max(table["amount"].sum(), 0.01)).sort_values(
        ["amount", "leaf"], ascending=[False, True], ignore_index=True
    )


def write_offs_by_month(view: View, *, months: int | None = None) -> pd.DataFrame:
    """month, root, amount without contractual and regulatory allowances."""
    return _frame(view, "SELECT strftime(posted_on, '%Y-%m') AS month, root, sum(amount) AS amount FROM write_offs "
                  f"WHERE leaf NOT IN ('contractual', 'regulatory') AND {_between('posted_on', view, months)} "
                  "GROUP BY ALL ORDER BY ALL", ("amount",))  # fmt: skip


def write_offs_by_payer(view: View, *, months: int | None = None) -> pd.DataFrame:
    """payer_name, unnecessary, other and the share unnecessary, without contractual and regulatory allowances."""
    table = _frame(view, "SELECT coalesce(c.payer_name, 'not named') AS payer_name, "
                   "coalesce(sum(w.amount) FILTER (WHERE w.root = 'unnecessary'), 0) AS unnecessary, "
                   "coalesce(sum(w.amount) FILTER (WHERE w.root <> 'unnecessary'), 0) AS other "
                   "FROM write_offs w JOIN claims c USING (claim_number) WHERE w.leaf NOT IN ('contractual', 'regulatory') "
                   f"AND {_between('w.posted_on', view, months)} GROUP BY 1", ("unnecessary", "other"))  # fmt: skip
    table = table.assign(share=table["unnecessary"] / (table["unnecessary"] + table["other"]).where(lambda t: t != 0))
    return table.sort_values(["unnecessary", "payer_name"], ascending=[False, True], ignore_index=True)


def mismatches(view: View, *, months: int | None = None) -> pd.DataFrame:
    """Denials that the ledger posted as contractual: claim, date, amount, the practice's words, the remittance's category."""
    return _frame(view, "SELECT w.claim_number, c.payer_name, w.posted_on, w.amount, w.expected_allowed, w.code, w.reason, w.remit_category, w.leaf "
                  f"FROM write_offs w JOIN claims c USING (claim_number) WHERE w.mismatch AND {_between('w.posted_on', view, months)} "
                  "ORDER BY w.amount DESC, w.claim_number", ("amount", "expected_allowed"))  # fmt: skip


def words_not_understood(view: View, *, months: int | None = None) -> pd.DataFrame:
    """The practice's write-off words that tell no leaf: code, reason, postings, amount, and what of it stays unclassified.

    The rest was counted under the reason that the denial tells.
    """
    return _frame(view, f"""
        SELECT w.code, w.reason, count(*) AS postings, sum(w.amount) AS amount,
            coalesce(sum(w.amount) FILTER (WHERE w.leaf = 'unclassified'), 0) AS unclassified
        FROM write_offs w
        JOIN (SELECT DISTINCT coalesce(code, '') AS code, coalesce(reason, '') AS reason FROM posting_classes
              WHERE told_leaf = 'unclassified') r ON r.code = coalesce(w.code, '') AND r.reason = coalesce(w.reason, '')
        WHERE w.basis = 'posted' AND {_between('w.posted_on', view, months)}
        GROUP BY 1, 2 ORDER BY unclassified DESC, amount DESC, code, reason""", ("amount", "unclassified"))  # fmt: skip


def guessed(view: View, *, months: int | None = None) -> pd.Series:
    """Dollars of write-offs beyond contract and law whose leaf is told from evidence and not confirmed, by root.

    necessary      1,204.00
    unnecessary    8,310.50
    payer              0.00
    """
    table = _frame(view, "SELECT root, sum(amount) AS amount FROM write_offs WHERE told_by = 'evidence' AND leaf NOT IN ('contractual', 'regulatory') "
                   f"AND {_between('posted_on', view, months)} GROUP BY root", ("amount",))  # fmt: skip
    return table.set_index("root")["amount"].reindex(["necessary", "unnecessary", "payer"], fill_value=0.0)


def codes_from_evidence(view: View, *, months: int | None = None) -> pd.DataFrame:
    """Codes of the ledger that the practice's words do not tell and nobody confirmed, most dollars first.

    `shown` are their dollars beyond contract and law in the months.

    code  leaf           root         postings  amount    shown     evidence                       confidence
    X7    timely_filing  unnecessary  31        9,300.00  4,100.00  the claim was denied before    .91
    Q2    contractual    necessary    900       80,100.00 0.00      equals the contractual cut...  .99
    """
    return _frame(view, f"""
        SELECT c.code, c.leaf, f.label, c.root, c.postings, c.amount, coalesce(w.amount, 0) AS shown, c.evidence, c.confidence
        FROM ledger_codes c JOIN write_off_leaves f USING (leaf)
        LEFT JOIN (SELECT coalesce(nullif(code, ''), reason, '') AS code, sum(amount) AS amount FROM write_offs
            WHERE told_by = 'evidence' AND leaf NOT IN ('contractual', 'regulatory') AND {_between("posted_on", view, months)} GROUP BY 1) w USING (code)
        WHERE c.evidence NOT IN ('words', 'confirmed') OR coalesce(w.amount, 0) <> 0
        ORDER BY shown DESC, c.amount DESC, c.code""", ("amount", "shown"))  # fmt: skip
