"""Denied claims as they stood on a day: what became of them, and what was known of them on that day and no later.

`cases(con)` says what became of each claim with a refused or taken-back line; a claim that is still open has no outcome:

    claim_number  denied_on   outcome      settled_on  basis
    A1            2026-03-02  written_off  2026-06-30  posted
    A2            2026-03-02  paid         2026-04-11  posted
    A3            2026-09-14  None         NaT         None

`features(con, moments)` gives a row for each (claim_number, known_on) with what the practice knew on that day. Every
column is joined on dates up to `known_on`, so that the same row comes out of a store that never saw later files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from rcm_analysis.store.view import View

# Given up for reasons other than the payer's refusal; the denial itself did not end there
NOT_OF_A_DENIAL = (
    "contractual",
    "regulatory",
    "charity",
    "small_balance",
    "prompt_pay",
    "courtesy",
    "capitation",
    "bad_debt",
    "bad_debt_uninsured",
    "uncollectible_by_law",
    "subscription",
    "dry_run",
    "state_rate_cap",
)
CENTS_OF_A_TRANSFER = "0.50"  # a transfer that moves the refused amount to the patient, up to rounding
MATURE_DAYS = (
    180  # a cohort's outcomes enter the history only this long after its denials, or quick payments would lead
)
RECENT_DAYS, USUAL_DAYS = 30, 180
PRIOR_CASES = 10.0  # a history rate is drawn to the practice's rate as if by this many further cases
FAR_DAYS = 400  # no clock runs longer

CATEGORIES = ("payer_name", "payer_class", "payer_order", "location", "rendering_npi", "place_of_service", "category",
              "group_code", "carc", "rarc", "procedure", "procedure_family")  # fmt: skip
NUMBERS = ("refused_usd", "charge_usd", "refused_share", "paid_share", "lines_refused", "days_to_submit", "days_to_decide",
           "days_since_service", "age_days", "days_since_denial", "denials_so_far", "sent_again", "awaiting_answer",
           "correction_days_left", "appeal_days_left", "denials_rising", "history_payer_category", "history_carc",
           "history_location_category", "history_provider")  # fmt: skip
CODES = "codes"
# Kept for the eye, not learned from: they grow with the practice's history and so tell young cases, of which only quick
# payments are known, from old ones; a model that is weighted for censoring would learn that.
TELL_THE_TIME = (
    "denials_rising",
    "history_payer_category",
    "history_carc",
    "history_location_category",
    "history_provider",
)
# Each fact is learned from once: remarks are among the codes, a procedure is in its family. Said twice, with hundreds of
# rare values, they drown the rest.
SAID_ELSEWHERE = ("rarc", "procedure")
ALL = (
    *(name for name in CATEGORIES if name not in SAID_ELSEWHERE),
    *(name for name in NUMBERS if name not in TELL_THE_TIME),
    CODES,
)

_CASES = f"""
    WITH lost AS (
        SELECT w.claim_number, max(w.posted_on) AS on_day, min(w.basis) AS basis FROM write_offs w JOIN claims c USING (claim_number)
        WHERE w.leaf NOT IN {NOT_OF_A_DENIAL} AND w.amount > 0 AND w.posted_on >= c.first_decided_on GROUP BY w.claim_number),
    moved AS (
        SELECT c.claim_number, max(l.known_on) AS on_day FROM claims c JOIN posting_classes l USING (claim_number)
        JOIN (SELECT claim_number, sum(denied_amount) AS refused FROM troubled_lines WHERE NOT is_partial
              GROUP BY claim_number, decided_on QUALIFY row_number() OVER (PARTITION BY claim_number ORDER BY decided_on DESC) = 1)
            USING (claim_number)
        WHERE l.kind = 'transfer' AND l.known_on >= c.last_denied_on
        GROUP BY c.claim_number, refused, c.group_code, c.patient_share
        HAVING abs(sum(l.amount)) >= refused + CASE WHEN c.group_code = 'PR' THEN 0 ELSE c.patient_share END - {CENTS_OF_A_TRANSFER}),
    lines AS (
        SELECT claim_number, bool_or(outcome IN ('open', 'open_past_window')) AS is_open, bool_or(outcome = 'recovered') AS is_recovered,
            max(outcome_on) AS settled_on FROM denied_line_outcomes GROUP BY claim_number),
    refused AS (SELECT claim_number, min(decided_on) AS denied_on FROM troubled_lines WHERE NOT is_partial GROUP BY claim_number)
    SELECT c.claim_number, r.denied_on,
        CASE WHEN m.on_day IS NULL AND x.is_open THEN NULL WHEN w.on_day IS NOT NULL THEN 'written_off' WHEN x.is_recovered THEN 'paid'
            ELSE 'patient' END AS outcome,
        CASE WHEN m.on_day IS NULL AND x.is_open THEN NULL WHEN w.on_day IS NOT NULL THEN w.on_day
            ELSE greatest(coalesce(x.settled_on, m.on_day, c.last_decided_on), r.denied_on) END AS settled_on,
        CASE WHEN w.on_day IS NOT NULL THEN w.basis WHEN NOT x.is_open OR c.in_ledger THEN 'posted' END AS basis
    FROM refused r JOIN claims c USING (claim_number) JOIN lines x USING (claim_number)
    LEFT JOIN lost w USING (claim_number) LEFT JOIN moved m USING (claim_number)
    WHERE c.state NOT IN ('voided', 'pending', 'forwarded') ORDER BY r.denied_on, c.claim_number
"""

# The denial that stands on the day: the latest decision that refused, its costliest line
_KNOWN = """
    WITH seen AS (
        SELECT m.claim_number, m.known_on, r.*, min(r.decided_on) OVER (PARTITION BY m.claim_number, m.known_on) AS first_denied_on, max(r.decided_on) OVER (PARTITION BY m.claim_number, m.known_on) AS latest
        FROM moments m JOIN (SELECT * EXCLUDE (claim_number), claim_number AS number FROM troubled_lines) r
            ON r.number = m.claim_number AND r.decided_on <= m.known_on),
    standing AS (
        SELECT claim_number, known_on, sum(denied_amount) FILTER (WHERE decided_on = latest) AS refused,
            count(*) FILTER (WHERE decided_on = latest) AS lines_refused, count(DISTINCT decided_on) AS denials_so_far,
            max(latest) AS last_denied_on, min(first_denied_on) AS first_denied_on, max_by(category, weight) AS category,
            max_by(coalesce(owner, ''), weight) AS owner, max_by(coalesce(route, ''), weight) AS route, max_by(coalesce(fix, ''), weight) AS fix, max_by(coalesce(group_code, ''), weight) AS group_code,
            max_by(coalesce(carc, ''), weight) AS carc, max_by(coalesce(rarc, ''), weight) AS rarc,
            max_by(coalesce(procedure, ''), weight) AS procedure, bool_or(unprocessable AND decided_on = latest) AS unprocessable,
            coalesce(string_agg(DISTINCT carc, ' ' ORDER BY carc), '') || ' ' || coalesce(string_agg(DISTINCT rarcs, ' ' ORDER BY rarcs), '') AS codes
        FROM (SELECT *, (decided_on = latest, NOT is_partial, coalesce(carc, '') <> '193', denied_amount, -line_number) AS weight FROM seen)
        GROUP BY claim_number, known_on),
    paid AS (
        SELECT m.claim_number, m.known_on, sum(d.paid) AS paid, max(d.known_on) AS last_decided_on
        FROM moments m JOIN (SELECT claim_number AS number, known_on AS day, paid, known_on FROM decisions) d
            ON d.number = m.claim_number AND d.day <= m.known_on GROUP BY ALL),
    sent AS (
        SELECT m.claim_number, m.known_on, min(s.day) AS submitted_on, max(s.day) AS last_submitted_on, count(*) AS times,
            min_by(s.location, (s.day, coalesce(s.location, ''))) AS location
        FROM moments m JOIN (SELECT claim_number AS number, known_on AS day, location FROM submissions) s
            ON s.number = m.claim_number AND s.day <= m.known_on GROUP BY ALL),
    clocks AS (
        SELECT s.claim_number, s.known_on, max_by(p.days, (p.confirmed, -p.days)) FILTER (WHERE p.clock = 'corrected_claim') AS correct,
            max_by(p.days, (p.confirmed, -p.days)) FILTER (WHERE p.clock = 'appeal_level_1') AS appeal,
            max_by(p.days, (p.confirmed, -p.days)) FILTER (WHERE p.clock = 'initial_filing') AS filing,
            max(p.years) FILTER (WHERE p.clock = 'initial_filing') AS usual_years,
            bool_or(p.confirmed) FILTER (WHERE p.clock = 'initial_filing') AS filing_confirmed
        FROM standing s JOIN first_decisions f ON f.claim_number = s.claim_number
        JOIN decisions d ON d.remittance_id = f.remittance_id
        LEFT JOIN filing_indicators i ON i.filing_code = d.filing_code
        JOIN payer_deadlines p ON p.payer_class = coalesce(i.payer_class, 'other') AND p.payer_name = coalesce(d.payer_name, '')
            AND CASE WHEN p.clock = 'initial_filing' THEN d.service_date ELSE s.last_denied_on END BETWEEN p.valid_from AND p.valid_to
        GROUP BY s.claim_number, s.known_on)
    SELECT s.claim_number, s.known_on, s.first_denied_on AS denied_on, s.last_denied_on, s.owner, s.route, s.fix, d.payer_name, d.payer_id, d.payer_order,
        coalesce(i.payer_class, 'other') AS payer_class, t.location, d.rendering_npi, d.place_of_service, s.category, s.group_code,
        s.carc, s.rarc, s.procedure, left(s.procedure, 3) AS procedure_family, s.codes, s.unprocessable,
        CAST(s.refused AS DOUBLE) AS refused_usd, CAST(d.charge AS DOUBLE) AS charge_usd,
        CAST(s.refused AS DOUBLE) / nullif(CAST(d.charge AS DOUBLE), 0) AS refused_share,
        CAST(p.paid AS DOUBLE) / nullif(CAST(d.charge AS DOUBLE), 0) AS paid_share, s.lines_refused, s.denials_so_far,
        t.submitted_on - d.service_date AS days_to_submit, f.first_decided_on - t.submitted_on AS days_to_decide,
        f.first_decided_on - d.service_date AS days_since_service, s.known_on - s.first_denied_on AS age_days,
        s.known_on - s.last_denied_on AS days_since_denial,
        coalesce(t.times, 1) - 1 AS sent_again, CAST(coalesce(t.last_submitted_on > p.last_decided_on, false) AS INTEGER) AS awaiting_answer,
        CASE WHEN s.unprocessable THEN CASE WHEN c.usual_years IS NULL OR c.filing_confirmed THEN d.service_date + c.filing
                ELSE make_date(year(d.service_date) + c.usual_years, month(d.service_date),
                    CASE WHEN month(d.service_date) = 2 THEN least(day(d.service_date), 28) ELSE day(d.service_date) END) END
            ELSE s.last_denied_on + c.correct END AS correct_by,
        CASE WHEN s.unprocessable OR s.route IN ('new_claim', 'exception_request', 'none', 'write_off') THEN NULL ELSE s.last_denied_on + c.appeal END AS appeal_by
    FROM standing s JOIN first_decisions f ON f.claim_number = s.claim_number
    JOIN decisions d ON d.remittance_id = f.remittance_id
    LEFT JOIN paid p ON p.claim_number = s.claim_number AND p.known_on = s.known_on
    LEFT JOIN sent t ON t.claim_number = s.claim_number AND t.known_on = s.known_on
    LEFT JOIN filing_indicators i ON i.filing_code = d.filing_code
    LEFT JOIN clocks c ON c.claim_number = s.claim_number AND c.known_on = s.known_on
    ORDER BY s.known_on, s.claim_number
"""


def cases(view: View) -> pd.DataFrame:
    """What became of each claim with a refused or taken-back line, from a connection on which `claims.derive` has run.

    written_off: a write-off that the denial explains was posted. paid: a line was paid after all. patient: what was
    refused was moved to the patient. Open while one of its lines is.
    """
    found = view.execute(_CASES).df()
    for day in ("denied_on", "settled_on"):
        found[day] = pd.to_datetime(found[day]).astype("datetime64[ns]")
    return found


def features(view: View, moments: pd.DataFrame) -> pd.DataFrame:
    """What was known of each claim on each day: columns `ALL`, the two clocks as dates, and the keys of `moments`.

    `moments` has claim_number and known_on; a claim that nobody had refused by then gives no row.
    """
    view.register("moments_frame", moments[["claim_number", "known_on"]])
    view.execute(
        "CREATE OR REPLACE TEMP TABLE moments AS SELECT claim_number, CAST(known_on AS DATE) AS known_on FROM moments_frame"
    )
    view.unregister("moments_frame")
    found = view.execute(_KNOWN).df()
    for day in ("known_on", "denied_on", "last_denied_on", "correct_by", "appeal_by"):
        found[day] = pd.to_datetime(found[day]).astype("datetime64[ns]")
    found["correction_days_left"] = (found["correct_by"] - found["known_on"]).dt.days.clip(-FAR_DAYS, FAR_DAYS)
    found["appeal_days_left"] = (found["appeal_by"] - found["known_on"]).dt.days.clip(-FAR_DAYS, FAR_DAYS)
    found[CODES] = found[CODES].str.split().map(lambda codes: tuple(sorted(set(codes))))
    found[list(CATEGORIES)] = (
        found[list(CATEGORIES)]
        .astype(object)
        .where(found[list(CATEGORIES)].notna() & (found[list(CATEGORIES)] != ""), "none")
    )
    past = cases(view)
    places = _standing_at_denial(view, past)
    found["denials_rising"] = _rising(places, found, "location")
    return found.assign(**_histories(places, found))


def _standing_at_denial(view: View, past: pd.DataFrame) -> pd.DataFrame:
    """Each past case with the keys that history is kept by, as its first denial showed them."""
    keys = view.execute("""
        SELECT claim_number, category, carc, payer_name, rendering_npi, location FROM (
            SELECT r.claim_number, r.category, coalesce(r.carc, 'none') AS carc, d.payer_name, d.rendering_npi, s.location,
                row_number() OVER (PARTITION BY r.claim_number
                    ORDER BY r.decided_on, r.denied_amount DESC, r.remittance_id, r.line_number) AS place
            FROM troubled_lines r JOIN decisions d USING (remittance_id)
            LEFT JOIN submission_summary s ON s.claim_number = r.claim_number)
        WHERE place = 1
    """).df()
    joined = past.merge(keys, on="claim_number", how="left", validate="one_to_one")
    names = ["category", "carc", "payer_name", "rendering_npi", "location"]
    joined[names] = joined[names].astype(object).where(joined[names].notna(), "none")
    return joined


def _rising(past: pd.DataFrame, found: pd.DataFrame, key: str) -> np.ndarray:
    """Denials of the same place in the last 30 days over its usual 30 days: a backlog, whatever the place's size.

    A ratio, because counts grow with the practice and a model would take growth for a cause.
    """
    ratio = np.ones(len(found))
    days = {name: np.sort(group.to_numpy()) for name, group in past.groupby(key)["denied_on"]}
    until = found["known_on"].to_numpy()
    for name, rows in found.groupby(key).indices.items():
        dates = days.get(name, np.array([], "datetime64[ns]"))
        now, month, half = (
            np.searchsorted(dates, until[rows] - np.timedelta64(back, "D"), "right")
            for back in (0, RECENT_DAYS, USUAL_DAYS)
        )
        ratio[rows] = (now - month + PRIOR_CASES) / ((now - half) * RECENT_DAYS / USUAL_DAYS + PRIOR_CASES)
    return ratio


def _histories(past: pd.DataFrame, found: pd.DataFrame) -> dict[str, np.ndarray]:
    """How far the write-off rate of mature cases lay above the practice's own by the day, by several keys, shrunken.

    The difference, because the practice's rate itself moves as its first cases settle.
    """
    done = past.dropna(subset=["settled_on"])
    day = np.maximum(done["settled_on"], done["denied_on"] + pd.Timedelta(days=MATURE_DAYS))
    done = done.assign(day=day, lost=(done["outcome"] == "written_off").astype(float)).sort_values("day", kind="stable")
    every = _known_rate(done.assign(key="all"), found.assign(key="all"), np.full(len(found), 0.5))
    keys = {"history_payer_category": ["payer_name", "category"], "history_carc": ["carc"],
            "history_location_category": ["location", "category"], "history_provider": ["rendering_npi"]}  # fmt: skip
    return {name: _known_rate(_keyed(done, key), _keyed(found, key), every) - every for name, key in keys.items()}


def _keyed(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    texts = [frame[name].astype(str) for name in columns]
    return frame.assign(key=texts[0] if len(texts) == 1 else texts[0] + "|" + texts[1])


def _known_rate(done: pd.DataFrame, found: pd.DataFrame, toward: np.ndarray) -> np.ndarray:
    """(losses so far + PRIOR_CASES * toward) / (cases so far + PRIOR_CASES), per key, strictly before the day."""
    rates = np.array(toward, dtype=float)
    groups = {name: (g["day"].to_numpy(), np.r_[0.0, g["lost"].cumsum()]) for name, g in done.groupby("key")}
    days = found["known_on"].to_numpy()
    for name, rows in found.groupby("key").indices.items():
        if name in groups:
            known, losses = groups[name]
            seen = np.searchsorted(known, days[rows], "left")
            rates[rows] = (losses[seen] + PRIOR_CASES * rates[rows]) / (seen + PRIOR_CASES)
    return rates
