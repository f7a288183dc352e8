-- What by_hand.py holds against the package: claims, denials, write-offs and measures of one practice, written straight
-- in DuckDB by somebody who knows its files: 835, 837, 277CA and one ledger, claims under one number each.

CREATE TEMP TABLE paid AS
WITH marked AS (
    SELECT *, hash(payer_id, check_number, claim_number, payer_claim_number, status_code, charge, paid) AS mark FROM remittances),
alike AS (
    SELECT *, row_number() OVER (PARTITION BY file_id, mark ORDER BY segment) AS nth FROM marked
    WHERE mark IN (SELECT mark FROM marked GROUP BY mark HAVING count(*) > 1)),
repeated AS (
    SELECT remittance_id FROM alike QUALIFY row_number() OVER (PARTITION BY mark, nth ORDER BY remittance_id) > 1)
SELECT r.remittance_id, r.claim_number, r.known_on, r.payer_id, r.payer_name, r.filing_code, r.rendering_npi,
    r.place_of_service, r.service_date, r.patient_key, r.charge, r.paid, r.lines, s.payer_order,
    s.counts_as_decision = 'yes' AS counts
FROM remittances r ANTI JOIN repeated USING (remittance_id) LEFT JOIN claim_status_codes s USING (status_code);

CREATE TEMP TABLE adjusted AS
SELECT a.remittance_id, a.line_number, a.group_code, a.carc, a.amount, coalesce(c.class, 'denial') AS class,
    coalesce(c.category, 'other') AS category, coalesce(c.denial = 'yes', true) OR a.carc = '193' AS refuses
FROM adjustments a SEMI JOIN paid USING (remittance_id) LEFT JOIN carc c USING (carc)
WHERE a.amount <> 0;

CREATE TEMP TABLE amounts AS
SELECT remittance_id, line_number,
    sum(CASE WHEN refuses AND amount > 0 THEN amount ELSE 0 END) AS refused,
    sum(CASE WHEN class = 'patient_share' THEN amount ELSE 0 END) AS patient_share,
    sum(CASE WHEN class IN ('contract', 'regulatory', 'incentive') AND group_code <> 'PR' THEN amount ELSE 0 END) AS contractual
FROM adjusted GROUP BY ALL;

CREATE TEMP TABLE firsts AS
SELECT claim_number, remittance_id, known_on AS first_decided_on,
    last_value(remittance_id) OVER whole AS last_remittance_id, last_value(known_on) OVER whole AS last_decided_on
FROM paid WHERE counts
WINDOW whole AS (PARTITION BY claim_number ORDER BY known_on, remittance_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
QUALIFY row_number() OVER (PARTITION BY claim_number ORDER BY known_on, remittance_id) = 1;

CREATE TEMP TABLE lines AS
SELECT d.remittance_id, d.claim_number, l.line_number, l.procedure, l.modifiers, l.line_control, l.charge, l.paid, l.allowed
FROM paid d JOIN remittance_lines l USING (remittance_id) WHERE d.counts
UNION ALL
SELECT d.remittance_id, d.claim_number, 0, NULL, NULL, NULL, CASE WHEN d.lines = 0 THEN d.charge ELSE a.refused END, d.paid, NULL
FROM paid d LEFT JOIN amounts a ON a.remittance_id = d.remittance_id AND a.line_number = 0
WHERE d.counts AND (d.lines = 0 OR a.refused > 0);

CREATE TEMP TABLE refused AS
WITH driving AS (
    SELECT remittance_id, line_number, group_code, carc, class, category
    FROM adjusted LEFT JOIN precedence USING (category) WHERE refuses AND amount > 0
    QUALIFY row_number() OVER (PARTITION BY remittance_id, line_number ORDER BY carc = '193', amount DESC, rank, carc) = 1),
remarked AS (
    SELECT m.remittance_id, m.line_number, string_agg(DISTINCT m.rarc, ' ' ORDER BY m.rarc) AS rarcs,
        arg_min(m.rarc, (CASE WHEN coalesce(r.category, '') = '' THEN 1000000 ELSE 0 END) + m.segment) AS rarc,
        arg_min(r.category, (CASE WHEN coalesce(r.category, '') = '' THEN 1000000 ELSE 0 END) + m.segment) AS category,
        bool_or(m.rarc = 'MA130') AS unprocessable
    FROM remarks m LEFT JOIN rarc r USING (rarc) SEMI JOIN driving d ON d.remittance_id = m.remittance_id GROUP BY ALL)
SELECT l.claim_number, l.remittance_id, l.line_number, d.known_on AS decided_on, d.payer_id, d.payer_name, d.payer_order,
    l.procedure, l.modifiers, d.rendering_npi, l.charge,
    coalesce(l.line_control, l.procedure, CAST(l.line_number AS VARCHAR)) AS line_key, a.refused AS denied_amount,
    g.group_code, g.carc, g.class, coalesce(m.rarc, n.rarc) AS rarc, coalesce(m.rarcs, n.rarcs) AS rarcs,
    CASE WHEN g.carc IN ('16', '96', 'A1', '125', '129', '226', '227', '252') AND coalesce(m.category, n.category, '') <> ''
        THEN coalesce(m.category, n.category) ELSE g.category END AS category,
    coalesce(m.unprocessable, false) OR coalesce(n.unprocessable, false) AS unprocessable,
    NOT (l.paid <= 0 AND a.refused > a.patient_share) AS is_partial,
    l.remittance_id = f.remittance_id AS in_first, l.remittance_id = f.last_remittance_id AS in_last
FROM lines l
JOIN driving g USING (remittance_id, line_number)
JOIN amounts a USING (remittance_id, line_number)
JOIN paid d USING (remittance_id)
JOIN firsts f ON f.claim_number = l.claim_number
LEFT JOIN remarked m ON m.remittance_id = l.remittance_id AND m.line_number = l.line_number
LEFT JOIN remarked n ON n.remittance_id = l.remittance_id AND n.line_number = 0
WHERE l.charge > 0 AND a.refused > 0;

CREATE TEMP TABLE sent AS
WITH again AS (SELECT claim_number FROM submissions GROUP BY claim_number HAVING count(*) > 1)
SELECT claim_number, 1 AS submissions, known_on AS submitted_on, known_on AS last_submitted_on, payer_id, payer_name, payer_order,
    filing_code, billing_npi, rendering_npi, location, place_of_service, service_date, charge, patient_key
FROM submissions ANTI JOIN again USING (claim_number)
UNION ALL
SELECT claim_number, count(*), min(known_on), max(known_on), arg_min(payer_id, place), arg_min(payer_name, place),
    arg_min(payer_order, place), arg_min(filing_code, place), arg_min(billing_npi, place), arg_min(rendering_npi, place),
    arg_min(location, place), arg_min(place_of_service, place), arg_min(service_date, place), arg_min(charge, place),
    arg_min(patient_key, place)
FROM (SELECT *, row_number() OVER (PARTITION BY claim_number ORDER BY known_on, coalesce(payer_order, 'P'), submission_id) AS place
      FROM submissions SEMI JOIN again USING (claim_number))
GROUP BY claim_number;

CREATE TEMP TABLE acknowledged AS
WITH rounds AS (
    SELECT a.claim_number, a.known_on, max(s.known_on) AS sent_on
    FROM acknowledgments a JOIN submissions s ON s.claim_number = a.claim_number AND s.known_on <= a.known_on GROUP BY ALL)
SELECT claim_number, bool_or(rejected) AS ever_rejected, count(*) AS statuses,
    arg_max(rejected, place) AS last_rejected, max(CASE WHEN rejected THEN known_on END) AS last_rejected_on
FROM (SELECT a.*, row_number() OVER (PARTITION BY a.claim_number
          ORDER BY r.sent_on NULLS FIRST, a.source = 'payer', a.known_on, a.segment) AS place
      FROM acknowledgments a LEFT JOIN rounds r USING (claim_number, known_on))
GROUP BY claim_number;

CREATE TEMP TABLE decided AS
SELECT d.claim_number, sum(d.paid) AS paid, sum(CASE WHEN d.remittance_id = f.remittance_id THEN d.paid END) AS paid_first,
    sum(CASE WHEN d.payer_id IS NOT DISTINCT FROM o.payer_id AND d.remittance_id <> f.remittance_id THEN d.paid ELSE 0 END) AS paid_later,
    max(CASE WHEN d.counts THEN coalesce(d.charge, 0) END) AS charge,
    any_value(o.payer_id) AS payer_id, any_value(o.payer_name) AS payer_name, any_value(o.payer_order) AS payer_order,
    any_value(o.filing_code) AS filing_code, any_value(o.rendering_npi) AS rendering_npi,
    min(d.service_date) AS service_date, min(d.place_of_service) AS place_of_service, min(d.patient_key) AS patient_key
FROM paid d LEFT JOIN firsts f USING (claim_number) LEFT JOIN paid o ON o.remittance_id = f.remittance_id
GROUP BY d.claim_number;

CREATE TEMP TABLE shares AS
WITH latest AS (
    SELECT remittance_id, claim_number, coalesce(payer_order, 'P') AS payer_order FROM paid WHERE counts
    QUALIFY row_number() OVER (PARTITION BY claim_number, coalesce(payer_order, 'P') ORDER BY known_on DESC, remittance_id DESC) = 1),
per_payer AS (
    SELECT l.claim_number, l.payer_order, sum(a.patient_share) AS patient_share
    FROM latest l JOIN amounts a USING (remittance_id) GROUP BY ALL),
allowed AS (
    SELECT l.claim_number, sum(r.allowed) AS allowed
    FROM latest l JOIN remittance_lines r USING (remittance_id) WHERE l.payer_order = 'P' GROUP BY ALL),
cut AS (
    SELECT claim_number, sum(contractual) AS contractual FROM (
        SELECT d.claim_number, coalesce(d.payer_order, 'P') AS payer_order, a.line_number, max(a.contractual) AS contractual
        FROM paid d JOIN amounts a USING (remittance_id) WHERE d.counts GROUP BY ALL)
    GROUP BY claim_number)
SELECT p.claim_number, max(a.allowed) AS allowed,
    arg_min(p.patient_share, CASE p.payer_order WHEN 'T' THEN 0 WHEN 'S' THEN 1 ELSE 2 END) AS patient_share,
    max(c.contractual) AS contractual
FROM per_payer p LEFT JOIN allowed a USING (claim_number) LEFT JOIN cut c USING (claim_number)
GROUP BY p.claim_number;

CREATE TEMP TABLE denied AS
SELECT claim_number, bool_or(NOT is_partial AND in_first) AS initially_denied,
    sum(CASE WHEN NOT is_partial AND in_first THEN charge ELSE 0 END) AS denied_amount,
    bool_or(NOT is_partial) AS ever_denied, bool_or(NOT is_partial AND in_last) AS denied_now,
    bool_and(unprocessable) FILTER (WHERE NOT is_partial AND in_first) AS unprocessable,
    bool_and(unprocessable) FILTER (WHERE NOT is_partial AND in_last) AS unprocessable_now,
    arg_max(category, weight) AS category, arg_max(group_code, weight) AS group_code, arg_max(carc, weight) AS carc,
    nullif(arg_max(coalesce(rarc, ''), weight), '') AS rarc, arg_max(category, last_weight) AS last_category,
    arg_max(procedure, last_weight) AS last_procedure, max(decided_on) AS last_denied_on
FROM (SELECT *, row_number() OVER (PARTITION BY claim_number ORDER BY is_partial DESC, decided_on DESC, denied_amount,
          remittance_id DESC, line_number DESC) AS weight,
        row_number() OVER (PARTITION BY claim_number ORDER BY is_partial DESC, carc = '193' DESC, decided_on, denied_amount,
          remittance_id DESC, line_number DESC) AS last_weight
      FROM refused)
GROUP BY claim_number;

CREATE TEMP TABLE posted AS
SELECT l.claim_number, l.known_on, l.kind, l.amount, l.code, l.reason, l.row, l.posted_by, l.payer_name, l.service_date, l.location,
    r.leaf AS told_leaf
FROM ledger l LEFT JOIN posting_reasons r ON r.code = coalesce(l.code, '') AND r.reason = coalesce(l.reason, '');

CREATE TEMP TABLE balances AS
SELECT claim_number, sum(CASE WHEN kind = 'charge' THEN amount ELSE 0 END) AS charge,
    sum(CASE WHEN kind = 'transfer' THEN 0 ELSE amount END) AS balance,
    -sum(CASE WHEN kind = 'payment' AND posted_by = 'insurance' THEN amount ELSE 0 END) AS insurance_paid,
    max(known_on) AS last_posted_on, min(service_date) AS service_date, min(location) AS location,
    arg_min(payer_name, (payer_name = 'PATIENT', row, payer_name)) AS payer_name,
    -sum(CASE WHEN kind IN ('adjustment', 'write_off') AND told_leaf = 'contractual' THEN amount ELSE 0 END) AS contractual
FROM posted GROUP BY claim_number;

CREATE TEMP TABLE payers AS
SELECT ledger_name, arg_max(payer_name, (claims, payer_name)) AS payer_name, arg_max(payer_id, (claims, payer_name)) AS payer_id
FROM (SELECT b.payer_name AS ledger_name, s.payer_name, s.payer_id, count(*) AS claims
      FROM balances b JOIN sent s USING (claim_number) WHERE b.payer_name IS NOT NULL AND s.payer_name IS NOT NULL GROUP BY ALL)
GROUP BY ledger_name;

CREATE TEMP TABLE write_offs AS
WITH given AS (
    SELECT p.claim_number, p.known_on AS posted_on, -p.amount AS amount, p.code, p.reason, p.told_leaf, p.row,
        d.last_category AS remit_category, d.last_procedure,
        CASE WHEN p.told_leaf = 'contractual' AND (d.ever_denied OR (f.claim_number IS NULL AND a.last_rejected AND b.insurance_paid <= 0))
            THEN b.contractual - coalesce(s.contractual, 0) ELSE 0 END AS excess,
        f.claim_number IS NULL AND coalesce(a.last_rejected, false) AND b.insurance_paid <= 0 AS forgotten
    FROM posted p JOIN balances b USING (claim_number) LEFT JOIN denied d USING (claim_number)
    LEFT JOIN shares s USING (claim_number) LEFT JOIN firsts f USING (claim_number) LEFT JOIN acknowledged a USING (claim_number)
    WHERE p.kind IN ('adjustment', 'write_off') AND p.amount <> 0),
judged AS (
    SELECT *, amount > 0 AND coalesce(sum(amount) OVER (PARTITION BY claim_number ORDER BY posted_on DESC, row DESC
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) < excess - 0.50 AS mismatch
    FROM given WHERE excess > 1.00
    UNION ALL SELECT *, false FROM given WHERE NOT excess > 1.00),
leaved AS (
    SELECT j.*, CASE WHEN forgotten AND (mismatch OR told_leaf = 'unclassified') THEN 'rejected_not_resubmitted'
        WHEN mismatch OR (told_leaf = 'unclassified' AND remit_category IS NOT NULL) THEN
            CASE WHEN remit_category = 'medical_necessity' AND last_procedure LIKE 'A04%' THEN 'ems_medical_necessity'
                ELSE coalesce(k.leaf, 'administrative') END
        ELSE told_leaf END AS final_leaf
    FROM judged j LEFT JOIN category_leaves k ON k.category = remit_category)
SELECT claim_number, posted_on, amount, code, reason, final_leaf AS leaf, w.root, 'posted' AS basis, remit_category, mismatch
FROM leaved JOIN write_off_leaves w ON w.leaf = final_leaf;

CREATE TEMP TABLE given_up AS
SELECT claim_number, sum(amount) AS written_off, arg_max(leaf, (amount, leaf)) AS leaf, arg_max(root, (amount, leaf)) AS root,
    sum(amount) FILTER (WHERE root = 'unnecessary' AND leaf <> 'bad_debt') AS lost
FROM write_offs WHERE leaf NOT IN ('contractual', 'regulatory') GROUP BY claim_number;

CREATE TEMP TABLE claims AS
WITH numbers AS (
    SELECT claim_number FROM sent UNION SELECT claim_number FROM decided UNION SELECT claim_number FROM balances
    UNION SELECT claim_number FROM acknowledged),
joined AS (
    SELECT n.claim_number, coalesce(s.payer_id, d.payer_id, k.payer_id) AS payer_id,
        coalesce(s.payer_name, d.payer_name, k.payer_name, l.payer_name) AS payer_name,
        coalesce(s.payer_order, d.payer_order, 'P') AS payer_order, coalesce(i.payer_class, 'other') AS payer_class,
        s.billing_npi, coalesce(s.rendering_npi, d.rendering_npi) AS rendering_npi, coalesce(s.location, l.location) AS location,
        coalesce(s.place_of_service, d.place_of_service) AS place_of_service,
        coalesce(s.service_date, d.service_date, l.service_date) AS service_date, coalesce(s.patient_key, d.patient_key) AS patient_key,
        s.submitted_on, f.first_decided_on, f.last_decided_on, s.last_submitted_on, coalesce(s.charge, d.charge, l.charge) AS charge,
        c.allowed, coalesce(d.paid, l.insurance_paid, 0.00) AS paid,
        coalesce(d.paid_later > 0 OR (d.paid_first = 0 AND d.paid > 0), false) AS paid_after_first,
        coalesce(c.patient_share, 0.00) AS patient_share, coalesce(a.ever_rejected, false) AS rejected, a.last_rejected,
        a.last_rejected_on, a.statuses, coalesce(x.initially_denied, false) AS initially_denied,
        coalesce(x.ever_denied, false) AS ever_denied, coalesce(x.denied_now, false) AS denied_now,
        coalesce(x.denied_amount, 0.00) AS denied_amount, x.last_denied_on, CASE WHEN x.ever_denied THEN x.category END AS category,
        CASE WHEN x.ever_denied THEN x.group_code END AS group_code, CASE WHEN x.ever_denied THEN x.carc END AS carc,
        CASE WHEN x.ever_denied THEN x.rarc END AS rarc, coalesce(s.submissions, 0) AS submissions,
        l.claim_number IS NOT NULL AS in_ledger, l.insurance_paid, l.last_posted_on,
        coalesce(w.written_off, 0.00) AS written_off, w.leaf AS write_off_leaf, w.root AS write_off_root, coalesce(w.lost, 0.00) AS lost,
        x.last_category, x.unprocessable, x.unprocessable_now,
        coalesce(l.balance, greatest(coalesce(s.charge, d.charge, l.charge, 0) - coalesce(d.paid, 0) - coalesce(c.patient_share, 0), 0)) AS owed
    FROM numbers n LEFT JOIN sent s USING (claim_number) LEFT JOIN decided d USING (claim_number) LEFT JOIN firsts f USING (claim_number)
    LEFT JOIN acknowledged a USING (claim_number) LEFT JOIN denied x USING (claim_number) LEFT JOIN shares c USING (claim_number)
    LEFT JOIN balances l USING (claim_number) LEFT JOIN given_up w USING (claim_number)
    LEFT JOIN payers k ON k.ledger_name = l.payer_name
    LEFT JOIN filing_indicators i ON i.filing_code = coalesce(s.filing_code, d.filing_code)),
clocks AS (
    SELECT payer_name, payer_class, clock, arg_max(CAST(days AS INTEGER), payer_pattern <> '') AS days
    FROM (SELECT DISTINCT coalesce(payer_name, '') AS payer_name FROM joined)
    JOIN deadlines ON payer_pattern = '' OR regexp_matches(lower(payer_name), payer_pattern) GROUP BY ALL),
windows AS (
    SELECT payer_class, payer_name, max(days) AS days FROM clocks WHERE clock IN ('corrected_claim', 'appeal_level_1') GROUP BY ALL),
limits AS (SELECT payer_class, payer_name, days FROM clocks WHERE clock = 'initial_filing'),
stated AS (
    SELECT j.*, j.service_date + m.days AS filing_deadline, CASE
        WHEN first_decided_on IS NULL AND coalesce(insurance_paid, 0) <= 0 AND submissions + coalesce(statuses, 0) > 0 THEN
            CASE WHEN coalesce(last_rejected, false) AND coalesce(last_submitted_on <= last_rejected_on, true) THEN 'rejected'
                WHEN written_off > 0 AND owed <= 0 THEN 'written_off' WHEN rejected THEN 'resubmitted'
                WHEN statuses > 0 THEN 'accepted' ELSE 'submitted' END
        WHEN first_decided_on IS NULL AND coalesce(insurance_paid, 0) <= 0 THEN
            CASE WHEN written_off > 0 AND owed <= 0 THEN 'written_off' ELSE 'patient' END
        WHEN lost > 0 AND owed <= 0 THEN 'written_off'
        WHEN denied_now AND (owed > 0 OR NOT in_ledger) THEN
            CASE WHEN last_submitted_on > last_decided_on THEN 'resubmitted' WHEN paid > 0 THEN 'partially_paid'
                WHEN date_diff('day', last_denied_on, DATE '2026-10-31') > w.days THEN 'open_past_window' ELSE 'denied_open' END
        WHEN paid > 0 AND denied_now THEN 'partially_paid' WHEN paid > 0 THEN 'paid' ELSE 'patient' END AS state
    FROM joined j LEFT JOIN windows w ON w.payer_class = j.payer_class AND w.payer_name = coalesce(j.payer_name, '')
    LEFT JOIN limits m ON m.payer_class = j.payer_class AND m.payer_name = coalesce(j.payer_name, ''))
SELECT claim_number, payer_id, payer_name, payer_order, payer_class, billing_npi, rendering_npi, location, place_of_service,
    service_date, submitted_on, first_decided_on, charge, allowed, paid, patient_share, rejected, initially_denied, denied_amount,
    category, group_code, carc, rarc, CAST(submissions AS INTEGER) AS submissions, state,
    CASE WHEN state NOT IN ('submitted', 'accepted', 'resubmitted', 'denied_open', 'open_past_window', 'rejected') AND owed <= 0
        THEN greatest(coalesce(last_decided_on, DATE '1900-01-01'), coalesce(last_posted_on, DATE '1900-01-01')) END AS closed_on,
    owed AS open_balance, written_off, write_off_leaf, write_off_root, paid_after_first, patient_key, ever_denied, last_denied_on,
    last_decided_on, statuses > 0 AS acknowledged, in_ledger, coalesce(unprocessable, false) AS unprocessable,
    coalesce(unprocessable_now, false) AS unprocessable_now, filing_deadline, last_submitted_on, last_category
FROM stated;

CREATE TEMP TABLE denials AS
SELECT r.claim_number, r.line_number, r.decided_on, r.payer_id, r.payer_name, r.procedure, r.modifiers,
    coalesce(r.rendering_npi, c.rendering_npi) AS rendering_npi, c.location, r.charge, r.denied_amount, r.group_code, r.carc, r.rarc,
    r.rarcs, r.category, r.class, t.stage, t.owner, t.preventable, t.recoverable, t.fix,
    row_number() OVER (PARTITION BY r.claim_number, r.line_key
        ORDER BY r.is_partial, r.decided_on, r.remittance_id, r.line_number) = 1 AS is_first,
    r.in_first AS at_first_decision, r.is_partial, r.unprocessable, r.payer_order, c.service_date, c.submitted_on
FROM refused r JOIN claims c USING (claim_number) LEFT JOIN carc t ON t.carc = r.carc;

CREATE TEMP TABLE by_decision AS
WITH fine AS (
    SELECT strftime(first_decided_on, '%Y-%m') AS month, coalesce(payer_name, 'unknown') AS payer_name,
        coalesce(location, 'unknown') AS location, coalesce(rendering_npi, 'unknown') AS rendering_npi,
        count(*) AS decided, count(*) FILTER (WHERE initially_denied) AS denied, sum(denied_amount) AS denied_amount,
        sum(charge) AS charge, count(*) FILTER (WHERE ever_denied AND state IN ('written_off', 'open_past_window')) AS lost,
        count(*) FILTER (WHERE initially_denied AND NOT unprocessable
            AND state NOT IN ('submitted', 'accepted', 'resubmitted', 'denied_open', 'rejected')) AS settled,
        count(*) FILTER (WHERE initially_denied AND NOT unprocessable AND paid_after_first
            AND state NOT IN ('submitted', 'accepted', 'resubmitted', 'denied_open', 'rejected')) AS overturned
    FROM claims WHERE first_decided_on IS NOT NULL GROUP BY ALL)
SELECT month, CASE WHEN payer_name IS NOT NULL THEN 'payer_name' WHEN location IS NOT NULL THEN 'location'
        WHEN rendering_npi IS NOT NULL THEN 'rendering_npi' ELSE 'all' END AS dimension,
    coalesce(payer_name, location, rendering_npi, 'all') AS segment, sum(decided) AS decided, sum(denied) AS denied,
    sum(denied_amount) AS denied_amount, sum(charge) AS charge, sum(lost) AS lost, sum(settled) AS settled, sum(overturned) AS overturned
FROM fine GROUP BY GROUPING SETS ((month), (month, payer_name), (month, location), (month, rendering_npi));

CREATE TEMP TABLE by_submission AS
WITH fine AS (
    SELECT strftime(submitted_on, '%Y-%m') AS month, coalesce(payer_name, 'unknown') AS payer_name,
        coalesce(location, 'unknown') AS location, coalesce(rendering_npi, 'unknown') AS rendering_npi,
        count(first_decided_on) AS decided, count(*) FILTER (WHERE initially_denied) AS denied, sum(denied_amount) AS denied_amount,
        sum(CASE WHEN first_decided_on IS NOT NULL THEN charge ELSE 0 END) AS charge,
        count(*) FILTER (WHERE rejected) AS rejected, count(*) FILTER (WHERE acknowledged) AS acknowledged
    FROM claims WHERE submitted_on IS NOT NULL GROUP BY ALL)
SELECT month, CASE WHEN payer_name IS NOT NULL THEN 'payer_name' WHEN location IS NOT NULL THEN 'location'
        WHEN rendering_npi IS NOT NULL THEN 'rendering_npi' ELSE 'all' END AS dimension,
    coalesce(payer_name, location, rendering_npi, 'all') AS segment, sum(decided) AS decided, sum(denied) AS denied,
    sum(denied_amount) AS denied_amount, sum(charge) AS charge, sum(rejected) AS rejected, sum(acknowledged) AS acknowledged
FROM fine GROUP BY GROUPING SETS ((month), (month, payer_name), (month, location), (month, rendering_npi));

CREATE TEMP TABLE by_service AS
WITH fine AS (
    SELECT strftime(service_date, '%Y-%m') AS month, coalesce(payer_name, 'unknown') AS payer_name,
        coalesce(location, 'unknown') AS location, coalesce(rendering_npi, 'unknown') AS rendering_npi,
        count(first_decided_on) AS decided, count(*) FILTER (WHERE initially_denied) AS denied, sum(denied_amount) AS denied_amount,
        sum(CASE WHEN first_decided_on IS NOT NULL THEN charge ELSE 0 END) AS charge,
        count(*) FILTER (WHERE ever_denied AND state IN ('written_off', 'open_past_window')) AS lost
    FROM claims WHERE service_date IS NOT NULL GROUP BY ALL)
SELECT month, CASE WHEN payer_name IS NOT NULL THEN 'payer_name' WHEN location IS NOT NULL THEN 'location'
        WHEN rendering_npi IS NOT NULL THEN 'rendering_npi' ELSE 'all' END AS dimension,
    coalesce(payer_name, location, rendering_npi, 'all') AS segment, sum(decided) AS decided, sum(denied) AS denied,
    sum(denied_amount) AS denied_amount, sum(charge) AS charge, sum(lost) AS lost
FROM fine GROUP BY GROUPING SETS ((month), (month, payer_name), (month, location), (month, rendering_npi));

CREATE TEMP TABLE by_line AS
WITH fine AS (
    SELECT strftime(c.first_decided_on, '%Y-%m') AS month, coalesce(c.payer_name, 'unknown') AS payer_name,
        coalesce(c.location, 'unknown') AS location, coalesce(c.rendering_npi, 'unknown') AS rendering_npi,
        count(*) AS lines, count(*) FILTER (WHERE NOT r.is_partial) AS denied
    FROM lines l JOIN firsts f USING (remittance_id) JOIN claims c ON c.claim_number = f.claim_number
    LEFT JOIN refused r ON r.remittance_id = l.remittance_id AND r.line_number = l.line_number GROUP BY ALL)
SELECT month, CASE WHEN payer_name IS NOT NULL THEN 'payer_name' WHEN location IS NOT NULL THEN 'location'
        WHEN rendering_npi IS NOT NULL THEN 'rendering_npi' ELSE 'all' END AS dimension,
    coalesce(payer_name, location, rendering_npi, 'all') AS segment, sum(lines) AS lines, sum(denied) AS denied
FROM fine GROUP BY GROUPING SETS ((month), (month, payer_name), (month, location), (month, rendering_npi));

CREATE TEMP TABLE by_write_off AS
WITH fine AS (
    SELECT strftime(w.posted_on, '%Y-%m') AS month, w.root, w.leaf, coalesce(c.payer_name, 'unknown') AS payer_name,
        coalesce(c.location, 'unknown') AS location, sum(w.amount) AS amount,
        sum(CASE WHEN w.root = 'unnecessary' THEN w.amount ELSE 0 END) AS avoidable,
        sum(CASE WHEN w.leaf NOT IN ('contractual', 'regulatory') THEN w.amount ELSE 0 END) AS judged
    FROM write_offs w JOIN claims c USING (claim_number) GROUP BY ALL)
SELECT month, CASE WHEN root IS NOT NULL THEN 'root' WHEN leaf IS NOT NULL THEN 'leaf' WHEN payer_name IS NOT NULL THEN 'payer_name'
        WHEN location IS NOT NULL THEN 'location' ELSE 'all' END AS dimension,
    coalesce(root, leaf, payer_name, location, 'all') AS segment, sum(amount) AS amount, sum(avoidable) AS avoidable, sum(judged) AS judged
FROM fine GROUP BY GROUPING SETS ((month), (month, root), (month, leaf), (month, payer_name), (month, location));

CREATE TEMP TABLE by_posting AS
WITH net AS (
    SELECT strftime(known_on, '%Y-%m') AS month, sum(CASE WHEN kind IN ('payment', 'refund') THEN -amount ELSE 0 END) AS collected,
        sum(CASE WHEN kind = 'charge' OR (kind IN ('adjustment', 'write_off') AND told_leaf IN ('contractual', 'regulatory'))
            THEN amount ELSE 0 END) AS net
    FROM posted GROUP BY ALL),
lost AS (
    SELECT strftime(posted_on, '%Y-%m') AS month, sum(amount) AS lost FROM write_offs
    WHERE root = 'unnecessary' AND leaf <> 'bad_debt' GROUP BY ALL)
SELECT month, 'all' AS dimension, 'all' AS segment, collected, net, coalesce(lost, 0) AS lost
FROM net LEFT JOIN lost USING (month);

CREATE TEMP TABLE days_to_submit AS
SELECT month, CASE WHEN payer_name IS NOT NULL THEN 'payer_name' WHEN location IS NOT NULL THEN 'location'
        WHEN rendering_npi IS NOT NULL THEN 'rendering_npi' ELSE 'all' END AS dimension,
    coalesce(payer_name, location, rendering_npi, 'all') AS segment, count(days) AS denominator, median(days) AS value,
    quantile_cont(days, 0.25) AS lower, quantile_cont(days, 0.75) AS upper
FROM (SELECT strftime(submitted_on, '%Y-%m') AS month, coalesce(payer_name, 'unknown') AS payer_name,
          coalesce(location, 'unknown') AS location, coalesce(rendering_npi, 'unknown') AS rendering_npi,
          date_diff('day', service_date, submitted_on) AS days FROM claims WHERE submitted_on IS NOT NULL)
GROUP BY GROUPING SETS ((month), (month, payer_name), (month, location), (month, rendering_npi));

CREATE TEMP TABLE days_to_decision AS
SELECT month, CASE WHEN payer_name IS NOT NULL THEN 'payer_name' WHEN location IS NOT NULL THEN 'location'
        WHEN rendering_npi IS NOT NULL THEN 'rendering_npi' ELSE 'all' END AS dimension,
    coalesce(payer_name, location, rendering_npi, 'all') AS segment, count(days) AS denominator, median(days) AS value,
    quantile_cont(days, 0.25) AS lower, quantile_cont(days, 0.75) AS upper
FROM (SELECT strftime(first_decided_on, '%Y-%m') AS month, coalesce(payer_name, 'unknown') AS payer_name,
          coalesce(location, 'unknown') AS location, coalesce(rendering_npi, 'unknown') AS rendering_npi,
          date_diff('day', submitted_on, first_decided_on) AS days FROM claims WHERE first_decided_on IS NOT NULL)
GROUP BY GROUPING SETS ((month), (month, payer_name), (month, location), (month, rendering_npi));

CREATE TEMP TABLE days_to_resolution AS
SELECT month, CASE WHEN payer_name IS NOT NULL THEN 'payer_name' WHEN location IS NOT NULL THEN 'location'
        WHEN rendering_npi IS NOT NULL THEN 'rendering_npi' ELSE 'all' END AS dimension,
    coalesce(payer_name, location, rendering_npi, 'all') AS segment, count(days) AS denominator, median(days) AS value,
    quantile_cont(days, 0.25) AS lower, quantile_cont(days, 0.75) AS upper
FROM (SELECT strftime(first_decided_on, '%Y-%m') AS month, coalesce(payer_name, 'unknown') AS payer_name,
          coalesce(location, 'unknown') AS location, coalesce(rendering_npi, 'unknown') AS rendering_npi,
          date_diff('day', first_decided_on, closed_on) AS days FROM claims WHERE initially_denied AND first_decided_on IS NOT NULL)
GROUP BY GROUPING SETS ((month), (month, payer_name), (month, location), (month, rendering_npi));
