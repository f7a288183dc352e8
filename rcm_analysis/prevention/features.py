"""What was known of each service line before its claim was sent, and, where it is decided, how the first decision ended.

`sent(con, as_of=...)` gives the table that rules and scores learn from; `to_send(con, claims, lines)` gives the same
columns for claims that are not sent yet. Both run the same SQL, so that a rule reads at the desk what it read when it
was learned. History looks back only: earlier submissions, and decisions dated before the submission.

    claim_number  line_number  sent_on     payer_name  procedure  modifiers  authorization  days_since_service  outcome
    A1            1            2026-03-02  UNISON      70553      []         no             4                   authorization
    A2            1            2026-03-02  UNISON      70553      []         yes            9                   NULL
    A3            1            2026-03-02  ACME        99213      ['25']     no             2                   rejection
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

if TYPE_CHECKING:
    import pyarrow as pa

    from rcm_analysis.store.view import View

WAIT_SHARE = 0.9  # the youngest submissions are left out until this share of claims is usually decided
MAX_WAIT_DAYS = 90
RECENT_DAYS = 90  # "recently" for a provider's or a procedure's denials
PATIENT_DAYS = 365  # an earlier denial of a patient says something for about a plan year
KNOWN_PATIENT_DAYS = 180  # a patient is called new only when the files reach back this far before the service
CREDENTIALING_SHARE = 0.2  # of a provider's recent decisions at a payer: more than a slip, less than a wall
REJECTION = "rejection"

# What rules may speak of: things that a biller can look up on the claim or in the practice's own system.
FEATURES = (
    "authorization", "referral", "duplicate", "truncated_diagnosis", "provider_denied_for_credentialing", "payer_name",
    "filing_code", "procedure", "procedure_family", "modifiers", "with_procedures", "units", "days_since_service",
    "new_patient", "other_payer", "patient_denied_for", "days_since_same_procedure", "same_procedure_in_year", "location",
    "place_of_service", "payer_order", "frequency", "origin", "destination", "diagnoses", "diagnosis_chapters",
    "rendering_npi", "age", "sex",
)  # fmt: skip
# A score may use more: rates that move from month to month and make no readable condition.
SCORE_FEATURES = (
    *FEATURES,
    "charge",
    "lines",
    "provider_credentialing_share",
    "procedure_denied_share",
    "location_denied_share",
)

# Text that few values fill: kept as categories, a million lines take 0.15 GB instead of half a GB
_REPEATED = ("payer_name", "filing_code", "payer_order", "procedure", "procedure_family", "place_of_service", "location",
             "rendering_npi", "truncated_diagnosis", "authorization", "referral", "frequency", "sex", "new_patient", "duplicate",
             "other_payer", "patient_denied_for", "origin", "destination", "provider_denied_for_credentialing", "outcome")  # fmt: skip
LINES_AT_ONCE = 250_000  # joined in one go; a practice of 100,000 claims is read in one
_SETS = ("modifiers", "with_procedures", "diagnoses", "diagnosis_chapters")

_CLAIM = ("submission_id, claim_number, known_on AS sent_on, payer_name, coalesce(payer_order, 'P') AS payer_order, "
          "filing_code, place_of_service, frequency, prior_authorization, referral, rendering_npi, location, patient_key, "
          "age, sex, diagnoses, lines, charge, service_date")  # fmt: skip
_LINE = ("submission_id, line_number, procedure, coalesce(modifiers, '') AS modifiers, charge, units, place_of_service, "
         "diagnosis_pointers, service_date, line_control")  # fmt: skip

STEPS: tuple[tuple[str, str], ...] = (
    ("sent_claims", f"""
        SELECT {_CLAIM}, false AS is_new FROM submissions WHERE submission_id NOT IN (SELECT submission_id FROM new_claims)
        UNION ALL SELECT {_CLAIM}, true FROM new_claims
    """),
    ("sent_lines", f"""
        SELECT {_LINE} FROM submission_lines WHERE submission_id NOT IN (SELECT submission_id FROM new_claims)
        UNION ALL SELECT {_LINE} FROM new_lines
    """),
    # A code that begins a longer one in use is a heading of ICD-10, never a diagnosis: M54 beside M5450
    ("truncated_codes", """
        SELECT code FROM (
            SELECT code, lead(code) OVER (ORDER BY code) AS following FROM (
                SELECT DISTINCT unnest(string_split(diagnoses, ' ')) AS code FROM sent_claims))
        WHERE starts_with(following, code)
    """),
    ("line_facts", """
        SELECT l.submission_id, l.line_number, c.claim_number, c.sent_on, c.is_new, c.payer_name, c.payer_order,
            c.filing_code, c.rendering_npi, c.location, c.frequency, c.age, c.sex, c.lines, c.patient_key, l.line_control,
            CAST(c.charge AS DOUBLE) AS claim_charge, CAST(l.charge AS DOUBLE) AS charge, CAST(l.units AS DOUBLE) AS units,
            coalesce(l.place_of_service, c.place_of_service) AS place_of_service,
            l.procedure, left(l.procedure, 3) AS procedure_family, l.modifiers AS modifier_text,
            list_filter(string_split(l.modifiers, ' '), lambda m: m <> '') AS modifiers,
            CASE WHEN c.prior_authorization IS NULL THEN 'no' ELSE 'yes' END AS authorization,
            CASE WHEN c.referral IS NULL THEN 'no' ELSE 'yes' END AS referral,
            coalesce(l.service_date, c.service_date) AS served_on,
            date_diff('day', coalesce(l.service_date, c.service_date), c.sent_on) AS days_since_service,
            list_filter(list_transform(string_split(coalesce(l.diagnosis_pointers, '1'), ' '),
                lambda p: string_split(c.diagnoses, ' ')[TRY_CAST(p AS INTEGER)]), lambda d: d IS NOT NULL) AS diagnoses,
            CASE WHEN l.procedure LIKE 'A0%' THEN
                regexp_extract(l.modifiers, '\\b([DEGHIJNPRSX])([DEGHIJNPRSX])\\b', 1) END AS origin,
            CASE WHEN l.procedure LIKE 'A0%' THEN
                regexp_extract(l.modifiers, '\\b([DEGHIJNPRSX])([DEGHIJNPRSX])\\b', 2) END AS destination
        FROM sent_lines l JOIN sent_claims c USING (submission_id)
    """),
    ("claim_procedures", """
        SELECT submission_id, list(DISTINCT procedure ORDER BY procedure) AS procedures FROM line_facts GROUP BY 1
    """),
    # One row per service a patient had, however often it was billed, with what came before it
    ("services", """
        SELECT patient_key, procedure, served_on,
            date_diff('day', lag(served_on) OVER w, served_on) AS days_since_same_procedure,
            count(*) OVER (w RANGE BETWEEN INTERVAL 365 DAYS PRECEDING AND INTERVAL 1 DAY PRECEDING) AS same_procedure_in_year
        FROM (SELECT DISTINCT patient_key, procedure, served_on FROM line_facts WHERE patient_key IS NOT NULL)
        WINDOW w AS (PARTITION BY patient_key, procedure ORDER BY served_on)
    """),
    ("patients", """
        SELECT patient_key, min(served_on) AS first_served_on,
            min(served_on) >= (SELECT min(served_on) FROM line_facts) + INTERVAL KNOWN_PATIENT_DAYS DAYS AS seen_whole
        FROM line_facts WHERE patient_key IS NOT NULL GROUP BY 1
    """),
    ("first_billed", """
        SELECT submission_id, line_number, first_value(claim_number) OVER (
            PARTITION BY patient_key, procedure, modifier_text, served_on ORDER BY sent_on, submission_id) AS first_claim
        FROM line_facts WHERE patient_key IS NOT NULL
    """),
    ("payers_before", """
        SELECT submission_id, min(payer_name) OVER w AS low, max(payer_name) OVER w AS high
        FROM sent_claims WHERE patient_key IS NOT NULL
        WINDOW w AS (PARTITION BY patient_key ORDER BY sent_on, submission_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    """),
    ("patient_denials", """
        SELECT s.patient_key, r.payer_name, r.decided_on, min(r.category) AS category
        FROM refused_lines r JOIN submission_summary s USING (claim_number)
        WHERE NOT r.is_partial AND s.patient_key IS NOT NULL GROUP BY 1, 2, 3
    """),
    ("decided_facts", """
        SELECT f.submission_id, f.line_number, f.payer_name, f.rendering_npi, f.procedure, f.location, d.first_decided_on
            AS decided_on, CASE WHEN r.category IS NOT NULL THEN 1 ELSE 0 END AS denied,
            CASE WHEN r.category = 'credentialing' THEN 1 ELSE 0 END AS credentialing
        FROM line_facts f JOIN first_decisions d USING (claim_number)
        LEFT JOIN (SELECT remittance_id, procedure, min(category) AS category FROM refused_lines WHERE NOT is_partial
            GROUP BY 1, 2) r ON r.remittance_id = d.remittance_id AND (r.procedure = f.procedure OR r.procedure IS NULL)
        WHERE f.sent_on <= d.first_decided_on AND NOT f.is_new
    """),
)  # fmt: skip

# The share of recent decisions about these lines that were denials, as it was known the day before sending
_RECENT_SHARE = """
    WITH daily AS (
        SELECT {keys}, decided_on, count(*) AS n, sum({what}) AS k FROM decided_facts GROUP BY {keys}, decided_on),
    summed AS (
        SELECT {keys}, decided_on, sum(n) OVER w AS n, sum(k) OVER w AS k FROM daily
        WINDOW w AS (PARTITION BY {keys} ORDER BY decided_on)),
    asked AS (SELECT DISTINCT {keys}, sent_on, sent_on - INTERVAL {days} DAYS AS since FROM line_facts WHERE {wanted}),
    last AS (SELECT a.*, s.n, s.k FROM asked a ASOF LEFT JOIN summed s ON {on} AND a.sent_on > s.decided_on),
    both_ends AS (SELECT a.*, s.n AS n0, s.k AS k0 FROM last a ASOF LEFT JOIN summed s ON {on} AND a.since > s.decided_on)
    SELECT {keys}, sent_on,
        CASE WHEN n - coalesce(n0, 0) >= 3 THEN (k - coalesce(k0, 0)) / (n - coalesce(n0, 0)) END AS {name}
    FROM both_ends
"""
_SHARES = (
    ("provider_credentialing_share", ("rendering_npi", "payer_name"), "credentialing"),
    ("procedure_denied_share", ("payer_name", "procedure"), "denied"),
    ("location_denied_share", ("location",), "denied"),
)

_FEATURE_ROWS = """
    SELECT f.submission_id, f.claim_number, f.line_number, f.sent_on, f.served_on, f.claim_charge,
        f.payer_name, f.filing_code, f.payer_order, f.procedure, f.procedure_family,
        array_to_string(f.modifiers, ' ') AS modifiers,
        array_to_string(list_filter(p.procedures, lambda x: x <> f.procedure), ' ') AS with_procedures, f.units, f.charge, f.lines, f.place_of_service,
        f.location, f.rendering_npi, array_to_string(f.diagnoses, ' ') AS diagnoses,
        array_to_string(list_sort(list_distinct(list_transform(f.diagnoses, lambda d: left(d, 3)))), ' ') AS diagnosis_chapters,
        CASE WHEN list_has_any(f.diagnoses, (SELECT list(code) FROM truncated_codes)) THEN 'yes' ELSE 'no' END
            AS truncated_diagnosis,
        f.authorization, f.referral, f.frequency, f.days_since_service, f.age, f.sex,
        CASE WHEN t.first_served_on < f.served_on THEN 'no' WHEN t.seen_whole THEN 'yes' END AS new_patient,
        CASE WHEN b.first_claim <> f.claim_number THEN 'yes' ELSE 'no' END AS duplicate,
        v.days_since_same_procedure, v.same_procedure_in_year,
        CASE WHEN q.low <> f.payer_name OR q.high <> f.payer_name THEN 'yes' ELSE 'no' END AS other_payer,
        CASE WHEN date_diff('day', e.decided_on, f.sent_on) <= PATIENT_DAYS THEN e.category END AS patient_denied_for,
        nullif(f.origin, '') AS origin, nullif(f.destination, '') AS destination,
        CASE WHEN s1.provider_credentialing_share >= CREDENTIALING_SHARE THEN 'yes' ELSE 'no' END
            AS provider_denied_for_credentialing,
        s1.provider_credentialing_share, s2.procedure_denied_share, s3.location_denied_share
    FROM line_facts f
    JOIN claim_procedures p USING (submission_id)
    LEFT JOIN patients t USING (patient_key)
    LEFT JOIN services v ON v.patient_key = f.patient_key AND v.procedure = f.procedure AND v.served_on = f.served_on
    LEFT JOIN first_billed b ON b.submission_id = f.submission_id AND b.line_number = f.line_number
    LEFT JOIN payers_before q ON q.submission_id = f.submission_id
    LEFT JOIN provider_credentialing_share s1 ON s1.rendering_npi = f.rendering_npi AND s1.payer_name = f.payer_name
        AND s1.sent_on = f.sent_on
    LEFT JOIN procedure_denied_share s2 ON s2.payer_name = f.payer_name AND s2.procedure = f.procedure
        AND s2.sent_on = f.sent_on
    LEFT JOIN location_denied_share s3 ON s3.location = f.location AND s3.sent_on = f.sent_on
    ASOF LEFT JOIN patient_denials e ON e.patient_key = f.patient_key AND e.payer_name = f.payer_name
        AND f.sent_on > e.decided_on
    WHERE {wanted}
"""

# What answers a submission sent before the first decision: a rejection that came before it was sent again, else the
# first decision.
_ANSWERS = """
    WITH before_decision AS (
        SELECT s.submission_id, s.claim_number, s.known_on, f.remittance_id, f.first_decided_on,
            lead(s.known_on) OVER (PARTITION BY s.claim_number ORDER BY s.known_on, s.submission_id) AS next_on
        FROM submissions s LEFT JOIN first_decisions f USING (claim_number)
        WHERE f.first_decided_on IS NULL OR s.known_on <= f.first_decided_on),
    rejected AS (
        SELECT s.submission_id, min(a.known_on) AS rejected_on
        FROM before_decision s JOIN acknowledgments a ON a.claim_number = s.claim_number AND a.rejected
            AND a.known_on >= s.known_on AND (s.next_on IS NULL OR a.known_on <= s.next_on)
        GROUP BY 1)
    SELECT s.submission_id, s.remittance_id, r.rejected_on,
        coalesce(r.rejected_on, CASE WHEN s.next_on IS NULL OR s.next_on > s.first_decided_on THEN s.first_decided_on END)
            AS answered_on
    FROM before_decision s LEFT JOIN rejected r USING (submission_id)
"""

# The refusal of a line in the first decision, found by the practice's line number, else by procedure; a claim refused
# as a whole refuses every line.
_OUTCOMES = """
    WITH refused AS (
        SELECT a.submission_id, r.line_number, r.line_key, r.procedure, r.category
        FROM answers a JOIN refused_lines r USING (remittance_id) WHERE a.rejected_on IS NULL AND NOT r.is_partial),
    matched AS (
        SELECT f.submission_id, f.line_number, min_by(r.category, r.line_number) AS category
        FROM line_facts f JOIN refused r ON r.submission_id = f.submission_id AND (r.line_number = 0
            OR r.line_key = f.line_control OR (r.procedure = f.procedure AND r.line_key IS NOT DISTINCT FROM r.procedure))
        GROUP BY 1, 2)
    SELECT f.submission_id, f.line_number, a.answered_on,
        CASE WHEN a.rejected_on IS NOT NULL THEN 'rejection' ELSE m.category END AS outcome,
        CASE WHEN a.rejected_on IS NULL AND m.category IS NOT NULL THEN f.charge ELSE 0 END AS denied_amount
    FROM line_facts f JOIN answers a USING (submission_id) LEFT JOIN matched m USING (submission_id, line_number)
    WHERE a.answered_on IS NOT NULL
"""


def sent(view: View, *, since: date | None = None) -> pd.DataFrame:
    """Service lines of answered submissions, with what was known before and the outcome: a denial category, `rejection`,
    or missing for a line that was not denied. `since` leaves out those sent earlier; they still count as history.

    Submissions so young that many of their like are undecided are left out whole: the ones that are decided already
    are not like the rest. `con` is from `claims.open_practice` at the same `as_of`.
    """
    _derive(view, None, None, wanted="NOT f.is_new")
    view.execute(f"CREATE OR REPLACE TEMP TABLE answers AS {_ANSWERS}")
    view.execute(f"CREATE OR REPLACE TEMP TABLE outcomes AS {_OUTCOMES}")
    parts = []
    for first, last in _stretches(view, since or date.min):
        rows = _FEATURE_ROWS.format(wanted=f"NOT f.is_new AND f.sent_on BETWEEN DATE '{first}' AND DATE '{last}'")
        part = _read(view, f"""
            SELECT f.*, o.* EXCLUDE (submission_id, line_number) FROM ({rows}) f
            JOIN outcomes o ON o.submission_id = f.submission_id AND o.line_number = f.line_number
            ORDER BY f.sent_on, f.submission_id, f.line_number""")  # fmt: skip
        parts.append(part.astype(dict.fromkeys(_REPEATED, "category")))
    return as_known(_together(parts), as_of=view.as_of)


def _stretches(view: View, since: date) -> list[tuple[date, date]]:
    """First and last days of sending that hold some lines each: joined at once, millions would take memory many times over."""
    found = view.execute(f"""
        SELECT CAST(min(sent_on) AS DATE), CAST(max(sent_on) AS DATE) FROM (
            SELECT sent_on, sum(count(*)) OVER (ORDER BY sent_on) // {LINES_AT_ONCE} AS stretch
            FROM line_facts WHERE NOT is_new AND sent_on >= DATE '{since}' GROUP BY sent_on)
        GROUP BY stretch ORDER BY 1
    """).fetchall()
    return found or [(since, since)]


def as_known(table: pd.DataFrame, *, as_of: date) -> pd.DataFrame:
    """The rows of `sent` that could be learned from on an earlier day: answered by then, and not the youngest."""
    answered = table["answered_on"] <= pd.Timestamp(as_of)
    until = as_of - timedelta(days=_wait_days(table.loc[answered, ["answered_on", "sent_on", "outcome"]]))
    return table[answered & (table["sent_on"] <= pd.Timestamp(until))].reset_index(drop=True)


def to_send(view: View, claims: pa.Table, lines: pa.Table) -> pd.DataFrame:
    """The same columns, outcome and amount left out, for claims read from files (`submissions`, `submission_lines`)."""
    _derive(view, claims, lines, wanted="f.is_new")
    return _read(view, f"{_FEATURE_ROWS.format(wanted='f.is_new')} ORDER BY f.submission_id, f.line_number")


def _wait_days(table: pd.DataFrame) -> int:
    took = (table["answered_on"] - table["sent_on"]).dt.days[table["outcome"] != REJECTION]
    return int(min(took.quantile(WAIT_SHARE), MAX_WAIT_DAYS)) if len(took) else MAX_WAIT_DAYS


def _derive(view: View, claims: pa.Table | None, lines: pa.Table | None, *, wanted: str) -> None:
    for name, source, rows in (("new_claims", "submissions", claims), ("new_lines", "submission_lines", lines)):
        if rows is not None:
            view.register("offered", rows)
        chosen = "offered" if rows is not None else f"{source} WHERE false"
        view.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {chosen}")
    for name, sql in STEPS:
        view.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {_filled(sql)}")
    for name, keys, what in _SHARES:
        on = " AND ".join(f"a.{key} = s.{key}" for key in keys)
        sql = _RECENT_SHARE.format(keys=", ".join(keys), what=what, on=on, name=name, days=RECENT_DAYS,
                                   wanted=wanted.removeprefix("f.").replace("NOT f.", "NOT "))  # fmt: skip
        view.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")


def _together(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The parts one after the other, their categories united in the order of the alphabet."""
    rest = pd.concat([part.drop(columns=list(_REPEATED)) for part in parts], ignore_index=True)
    united = {name: union_categoricals([part[name] for part in parts], sort_categories=True) for name in _REPEATED}
    return rest.assign(**united)[list(parts[0])]


def _read(view: View, sql: str) -> pd.DataFrame:
    """The rows, their sets as tuples that rows of the same set share: a million lines hold some thousand different ones."""
    rows = view.execute(_filled(sql)).df()
    for name in _SETS:
        places, texts = pd.factorize(rows[name])
        sets = np.fromiter((*(tuple(text.split()) for text in texts), ()), object, len(texts) + 1)
        rows[name] = sets[places]
    empty = [name for name in rows if rows[name].dtype == object and name not in _SETS]  # text that every row lacks
    return rows.astype(dict.fromkeys(empty, "str"))


def _filled(sql: str) -> str:
    sql = sql.replace("CREDENTIALING_SHARE", str(CREDENTIALING_SHARE))
    return sql.replace("KNOWN_PATIENT_DAYS", str(KNOWN_PATIENT_DAYS)).replace("PATIENT_DAYS", str(PATIENT_DAYS))
