"""What payers decided, claim by claim and line by line: SQL steps run by `claims`, from facts to summaries of each claim.

Denial is told from amounts together with group, CARC and RARC, never from CLP02.

    remittance_id  line_number  refused  patient_share  contractual  carc
    7              1            200.00   0.00           50.00        197      paid nothing: denied
    8              1            0.00     250.00         0.00         NULL     the deductible: not denied
"""

from __future__ import annotations

# Generic CARCs, whose remark code says what was wrong (DOMAIN.md 4.4)
REFINED_BY_REMARK = "('16', '96', 'A1', '125', '129', '226', '227', '252')"
UNPROCESSABLE = "'MA130'"  # a rejection delivered by remittance: no appeal, send a new claim (DOMAIN.md 5.2)
PAYMENT_KEY = "payer_id, check_number, claim_number, payer_claim_number, status_code, charge, paid"
UPHELD = "'193'"  # an appeal lost: what it carries remains denied (DOMAIN.md 4.3)

STEPS: tuple[tuple[str, str], ...] = (
    # The same claim payment in two files (sent again, or cut off and sent whole) counts once; payments that are alike
    # within one file are different ones. Few are alike at all, so that only those are put in order.
    ("decisions", """
        WITH marked AS (SELECT *, hash(PAYMENT_KEY) AS mark FROM remittances),
        numbered AS (
            SELECT *, row_number() OVER (PARTITION BY file_id, PAYMENT_KEY ORDER BY segment) AS occurrence FROM marked
            WHERE mark IN (SELECT mark FROM marked GROUP BY mark HAVING count(*) > 1)),
        placed AS (
            SELECT remittance_id, row_number() OVER (PARTITION BY PAYMENT_KEY, occurrence ORDER BY remittance_id) AS place
            FROM numbered),
        repeated AS (SELECT remittance_id FROM placed WHERE place > 1)
        SELECT r.* REPLACE (coalesce(k.claim_number, r.claim_number) AS claim_number), r.claim_number AS own_number,
            s.payer_order, s.counts_as_decision = 'yes' AS counts, r.status_code = '22' AS reversal
        FROM remittances r ANTI JOIN repeated USING (remittance_id)
        LEFT JOIN claim_links k ON k.own_number = r.claim_number
        LEFT JOIN claim_status_codes s USING (status_code)
    """),
    ("classified_adjustments", """
        SELECT a.remittance_id, a.line_number, a.group_code, a.carc, a.amount, a.position,
            coalesce(c.class, 'denial') AS class,
            coalesce(c.category, 'other') AS category,
            coalesce(c.denial = 'yes', true) OR a.carc = UPHELD AS refuses
        FROM adjustments a JOIN decisions d USING (remittance_id) LEFT JOIN carc c USING (carc)
        WHERE a.amount <> 0
    """),
    ("line_remarks", """
        SELECT m.remittance_id, m.line_number,
            min_by(m.rarc, (CASE WHEN coalesce(r.category, '') = '' THEN 1000000 ELSE 0 END) + m.segment) AS rarc,
            min_by(r.category, (CASE WHEN coalesce(r.category, '') = '' THEN 1000000 ELSE 0 END) + m.segment) AS category,
            string_agg(DISTINCT m.rarc, ' ' ORDER BY m.rarc) AS rarcs,
            bool_or(m.rarc = UNPROCESSABLE) AS unprocessable
        FROM remarks m JOIN decisions d USING (remittance_id) LEFT JOIN rarc r USING (rarc)
        GROUP BY m.remittance_id, m.line_number
    """),
    # What refuses and what the patient owes, per line; line 0 is the claim itself
    ("line_amounts", """
        SELECT remittance_id, line_number,
            sum(CASE WHEN refuses AND amount > 0 THEN amount ELSE 0 END) AS refused,
            sum(CASE WHEN class = 'patient_share' THEN amount ELSE 0 END) AS patient_share,
            sum(CASE WHEN class IN ('contract', 'regulatory', 'incentive') AND group_code <> 'PR'
                THEN amount ELSE 0 END) AS contractual,
            sum(CASE WHEN class = 'prior_payer' THEN amount ELSE 0 END) AS prior_payer
        FROM classified_adjustments GROUP BY remittance_id, line_number
    """),
    ("driving", """
        SELECT remittance_id, line_number, group_code, carc, class, category FROM (
            SELECT a.*, row_number() OVER (
                PARTITION BY a.remittance_id, a.line_number
                ORDER BY a.carc = UPHELD, a.amount DESC, p.rank, a.carc) AS place
            FROM classified_adjustments a LEFT JOIN precedence p USING (category)
            WHERE a.refuses AND a.amount > 0)
        WHERE place = 1
    """),
    # One row per service line of a decision; a claim without lines, or refused as a whole, is its line 0
    ("decided_lines", """
        SELECT d.remittance_id, l.line_number, l.procedure, l.modifiers, l.line_control, l.service_date,
            l.charge, l.paid, l.allowed
        FROM decisions d JOIN remittance_lines l USING (remittance_id)
        WHERE d.counts
        UNION ALL
        SELECT d.remittance_id, 0, NULL, NULL, NULL, d.service_date,
            CASE WHEN d.lines = 0 THEN d.charge ELSE a.refused END, d.paid, NULL
        FROM decisions d LEFT JOIN line_amounts a ON a.remittance_id = d.remittance_id AND a.line_number = 0
        WHERE d.counts AND (d.lines = 0 OR a.refused > 0)
    """),
    # Charge and payment of each line, and of the claim itself as line 0; a line that is decided again is known by its key
    ("keyed_lines", """
        SELECT l.remittance_id, l.line_number, l.charge, l.paid, l.allowed,
            coalesce(l.line_control, l.procedure || coalesce(l.modifiers, ''), CAST(l.line_number AS VARCHAR)) AS line_key
        FROM remittance_lines l JOIN decisions d ON d.remittance_id = l.remittance_id
        UNION ALL SELECT remittance_id, 0, charge, paid, NULL, '' FROM decisions
    """),
    # Words of a listing tell the category where it gives no code, or one that says nothing by itself
    ("listed_reasons", """
        SELECT d.remittance_id, d.line_number, d.reason_text, k.category
        FROM denial_reasons d LEFT JOIN word_categories k USING (reason_text)
    """),
    # Denied: nothing paid, and refusals outweigh what the patient owes. Partial: refusals beside a payment.
    ("refused_lines", """
        SELECT d.claim_number, d.remittance_id, l.line_number, d.known_on AS decided_on, d.payer_id, d.payer_name,
            d.payer_order, l.procedure, l.modifiers, d.rendering_npi, l.charge,
            coalesce(l.line_control, l.procedure, CAST(l.line_number AS VARCHAR)) AS line_key,
            a.refused AS denied_amount, g.group_code, g.carc, g.class,
            coalesce(m.rarc, n.rarc) AS rarc, coalesce(m.rarcs, n.rarcs) AS rarcs,
            CASE WHEN g.carc IN REFINED_BY_REMARK
                    AND coalesce(m.category, n.category, '') <> '' THEN coalesce(m.category, n.category)
                WHEN g.carc IS NULL OR g.carc IN REFINED_BY_REMARK THEN coalesce(w.category, g.category)
                ELSE g.category END AS category, w.reason_text,
            coalesce(m.unprocessable, false) OR coalesce(n.unprocessable, false) AS unprocessable,
            NOT (l.paid <= 0 AND a.refused > a.patient_share) AS is_partial
        FROM decided_lines l
        JOIN decisions d USING (remittance_id)
        JOIN line_amounts a ON a.remittance_id = l.remittance_id AND a.line_number = l.line_number
        JOIN driving g ON g.remittance_id = l.remittance_id AND g.line_number = l.line_number
        LEFT JOIN line_remarks m ON m.remittance_id = l.remittance_id AND m.line_number = l.line_number
        LEFT JOIN line_remarks n ON n.remittance_id = l.remittance_id AND n.line_number = 0
        LEFT JOIN listed_reasons w ON w.remittance_id = l.remittance_id AND w.line_number = l.line_number
        WHERE l.charge > 0 AND a.refused > 0
    """),
    # Most claims are sent once, and are what was sent; of the others each column is the first that was told
    ("submission_summary", """
        WITH sent AS (
            SELECT t.* REPLACE (coalesce(k.claim_number, t.claim_number) AS claim_number) FROM submissions t
            LEFT JOIN claim_links k ON k.own_number = t.claim_number),
        again AS (SELECT claim_number FROM sent GROUP BY claim_number HAVING count(*) > 1),
        placed AS (
            SELECT s.*, row_number() OVER (
                PARTITION BY claim_number ORDER BY known_on, coalesce(payer_order, 'P'), submission_id) AS place
            FROM sent s JOIN again USING (claim_number))
        SELECT claim_number, CAST(1 AS BIGINT) AS submissions, known_on AS submitted_on, known_on AS last_submitted_on,
            payer_id, payer_name, payer_order, filing_code, billing_npi, rendering_npi, location, place_of_service,
            service_date, charge, patient_key
        FROM sent ANTI JOIN again USING (claim_number)
        UNION ALL
        SELECT claim_number, count(*), min(known_on), max(known_on),
            min_by(payer_id, place), min_by(payer_name, place), min_by(payer_order, place), min_by(filing_code, place),
            min_by(billing_npi, place), min_by(rendering_npi, place), min_by(location, place),
            min_by(place_of_service, place), min_by(service_date, place), min_by(charge, place),
            min_by(patient_key, place)
        FROM placed GROUP BY claim_number
    """),
    ("first_decisions", """
        SELECT claim_number, min_by(remittance_id, place) AS remittance_id, min(known_on) AS first_decided_on,
            max(known_on) AS last_decided_on, max_by(remittance_id, place) AS last_remittance_id
        FROM (SELECT *, row_number() OVER (PARTITION BY claim_number ORDER BY known_on, remittance_id) AS place
              FROM decisions WHERE counts)
        GROUP BY claim_number
    """),
    # A claim that the payer split comes back in parts under numbers of their own; together they are one decision when
    # their charges add up to what was submitted.
    ("decision_parts", """
        WITH running AS (
            SELECT d.claim_number, d.remittance_id, d.payer_claim_number, d.charge, s.charge AS submitted,
                sum(d.charge) OVER earlier AS so_far, count(*) OVER earlier AS place
            FROM decisions d JOIN first_decisions f USING (claim_number) JOIN submission_summary s USING (claim_number)
            JOIN decisions o ON o.remittance_id = f.remittance_id AND o.payer_id IS NOT DISTINCT FROM d.payer_id
            WHERE d.counts AND d.charge < s.charge
            WINDOW earlier AS (PARTITION BY d.claim_number ORDER BY d.known_on, d.remittance_id)),
        whole AS (
            SELECT claim_number, min(place) AS parts FROM running WHERE so_far = submitted GROUP BY claim_number),
        parts AS (
            SELECT claim_number, list(remittance_id) AS ids FROM running JOIN whole USING (claim_number) WHERE place <= parts
            GROUP BY claim_number HAVING count(DISTINCT payer_claim_number) = count(*))
        SELECT d.claim_number, d.remittance_id, coalesce(list_contains(p.ids, d.remittance_id), false) AS is_part,
            d.remittance_id = f.remittance_id
                OR (is_part AND list_contains(p.ids, f.remittance_id)) AS in_first,
            d.remittance_id = f.last_remittance_id
                OR (is_part AND list_contains(p.ids, f.last_remittance_id)) AS in_last
        FROM decisions d JOIN first_decisions f USING (claim_number) LEFT JOIN parts p USING (claim_number)
    """),
    # Statuses of claims, and of whole files or providers whose claims were turned away without being named
    ("claim_statuses", """
        WITH unnamed AS (
            SELECT b.known_on, b.segment, s.claim_number, b.source, b.source_name, b.category, b.status_code, s.charge
            FROM batch_acknowledgments b JOIN submissions s ON s.batch_number = b.batch_number
                AND s.known_on <= b.known_on AND (b.level = 'file' OR s.billing_npi = b.provider_npi)
            LEFT JOIN acknowledgments a ON a.file_id = b.file_id AND a.claim_number = s.claim_number
            WHERE b.rejected AND a.claim_number IS NULL),
        every AS (
            SELECT known_on, segment, claim_number, source, source_name, category, status_code, charge, payer_claim_number,
                rejected FROM acknowledgments
            UNION ALL
            SELECT known_on, segment, claim_number, source, source_name, category, status_code, charge, NULL, true
            FROM unnamed)
        SELECT e.* EXCLUDE (claim_number), coalesce(k.claim_number, e.claim_number) AS claim_number,
            e.claim_number AS own_number
        FROM every e LEFT JOIN claim_links k ON k.own_number = e.claim_number
    """),
    # Of each submission the payer's last status counts, the clearinghouse's where the payer said nothing
    ("acknowledgment_summary", """
        WITH rounds AS (
            SELECT a.claim_number, a.known_on, max(s.known_on) AS sent_on
            FROM claim_statuses a JOIN (
                SELECT coalesce(k.claim_number, t.claim_number) AS claim_number, t.known_on FROM submissions t
                LEFT JOIN claim_links k ON k.own_number = t.claim_number) s
                ON s.claim_number = a.claim_number AND s.known_on <= a.known_on
            GROUP BY a.claim_number, a.known_on)
        SELECT claim_number, bool_or(rejected) AS ever_rejected, count(*) AS statuses,
            max_by(rejected, place) AS last_rejected, max(known_on) AS last_acknowledged_on,
            max(CASE WHEN rejected THEN known_on END) AS last_rejected_on
        FROM (SELECT a.*, row_number() OVER (PARTITION BY a.claim_number
                  ORDER BY r.sent_on NULLS FIRST, a.source = 'payer', a.known_on, a.segment) AS place
              FROM claim_statuses a LEFT JOIN rounds r ON r.claim_number = a.claim_number AND r.known_on = a.known_on)
        GROUP BY claim_number
    """),
    ("decision_summary", """
        SELECT d.claim_number, sum(d.paid) AS paid,
            sum(CASE WHEN t.in_first THEN d.paid END) AS paid_first,
            sum(CASE WHEN d.payer_id IS NOT DISTINCT FROM o.payer_id AND NOT t.in_first THEN d.paid ELSE 0 END) AS paid_later,
            max(CASE WHEN d.counts THEN coalesce(d.charge, 0) END) AS charge,
            min_by(d.payer_id, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS payer_id,
            min_by(d.payer_name, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS payer_name,
            min_by(d.payer_order, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS payer_order,
            min_by(d.filing_code, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS filing_code,
            min_by(d.rendering_npi, d.remittance_id) FILTER (WHERE d.remittance_id = f.remittance_id) AS rendering_npi,
            min(d.service_date) AS service_date, min(d.place_of_service) AS place_of_service,
            min(d.patient_key) AS patient_key
        FROM decisions d LEFT JOIN first_decisions f USING (claim_number)
        LEFT JOIN decisions o ON o.remittance_id = f.remittance_id
        LEFT JOIN decision_parts t ON t.remittance_id = d.remittance_id
        GROUP BY d.claim_number
    """),
    # Patient share and allowed as the latest decision of each line left them: a decision of a part of the lines leaves
    # the others as they were, and one that only refuses a copy leaves all. Contractual cuts by line, the largest of its
    # decisions, since a line denied and sent again is cut once.
    ("standing_lines", """
        WITH copies AS (
            SELECT remittance_id FROM classified_adjustments WHERE refuses AND amount > 0
            GROUP BY remittance_id HAVING bool_and(category = 'duplicate')),
        ordered AS (
            SELECT d.claim_number, d.remittance_id, coalesce(d.payer_order, 'P') AS payer_order, d.charge,
                coalesce(t.is_part AND t.in_last, false) AS last_part,
                row_number() OVER counted AS place, max(d.charge) OVER later AS later_charge, count(*) OVER later AS followers
            FROM decisions d LEFT JOIN copies c USING (remittance_id)
            LEFT JOIN decision_parts t ON t.remittance_id = d.remittance_id
            WHERE d.counts
            WINDOW counted AS (PARTITION BY d.claim_number, coalesce(d.payer_order, 'P')
                    ORDER BY c.remittance_id IS NULL OR d.paid > 0, d.known_on, d.remittance_id),
                later AS (PARTITION BY d.claim_number, coalesce(d.payer_order, 'P')
                    ORDER BY c.remittance_id IS NULL OR d.paid > 0, d.known_on, d.remittance_id
                    ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)),
        standing AS (SELECT * FROM ordered WHERE followers = 0 OR last_part OR later_charge < charge),
        lines AS (
            SELECT s.claim_number, s.payer_order, s.remittance_id, s.place, s.last_part, l.line_number, l.allowed, l.line_key
            FROM standing s JOIN keyed_lines l ON l.remittance_id = s.remittance_id),
        latest AS (
            SELECT *, max(CASE WHEN last_part THEN 0 ELSE place END) OVER (PARTITION BY claim_number, payer_order, line_key) AS last_place
            FROM lines)
        SELECT claim_number, payer_order, remittance_id, line_number, allowed FROM latest WHERE last_part OR place = last_place
    """),
    ("current_amounts", """
        WITH per_payer AS (
            SELECT l.claim_number, l.payer_order, sum(coalesce(a.patient_share, 0)) AS patient_share,
                sum(coalesce(a.prior_payer, 0)) AS prior_payer
            FROM standing_lines l LEFT JOIN line_amounts a ON a.remittance_id = l.remittance_id AND a.line_number = l.line_number
            GROUP BY l.claim_number, l.payer_order),
        allowed AS (
            SELECT claim_number, sum(allowed) AS allowed FROM standing_lines WHERE payer_order = 'P' GROUP BY claim_number),
        -- a "contract cut" of the whole charge with nothing paid is a refusal without a reason: it leaves the line open
        cuts AS (
            SELECT d.claim_number, coalesce(d.payer_order, 'P') AS payer_order, l.line_key, t.remittance_id AS part,
                max(a.contractual) AS contractual,
                max(CASE WHEN a.contractual >= l.charge AND l.paid <= 0 THEN 0 ELSE a.contractual END) AS agreed
            FROM decisions d JOIN line_amounts a USING (remittance_id)
            LEFT JOIN (SELECT remittance_id FROM decision_parts WHERE is_part) t ON t.remittance_id = d.remittance_id
            JOIN keyed_lines l ON l.remittance_id = a.remittance_id AND l.line_number = a.line_number
            WHERE d.counts GROUP BY 1, 2, 3, 4),
        cut AS (
            SELECT claim_number, sum(contractual) AS contractual, sum(agreed) AS agreed FROM cuts GROUP BY claim_number),
        -- what a later payer calls settled by an earlier one, beyond what the earlier one's own decisions tell
        settled_before AS (
            SELECT claim_number, max(prior_payer - told) AS settled FROM (
                SELECT o.claim_number, o.payer_order, o.prior_payer,
                    sum(CASE WHEN e.payer_order < o.payer_order THEN e.amount ELSE 0 END) AS told
                FROM (SELECT * FROM per_payer WHERE prior_payer > 0) o
                LEFT JOIN (
                    SELECT claim_number, coalesce(payer_order, 'P') AS payer_order, paid AS amount FROM decisions
                    UNION ALL SELECT claim_number, payer_order, agreed FROM cuts) e ON e.claim_number = o.claim_number
                GROUP BY 1, 2, 3)
            GROUP BY claim_number)
        SELECT p.claim_number, max(a.allowed) AS allowed,
            min_by(p.patient_share, CASE p.payer_order WHEN 'T' THEN 0 WHEN 'S' THEN 1 ELSE 2 END) AS patient_share,
            max(g.contractual) AS contractual, max(g.agreed) + greatest(coalesce(max(b.settled), 0), 0) AS settled
        FROM per_payer p LEFT JOIN allowed a USING (claim_number) LEFT JOIN cut g USING (claim_number)
        LEFT JOIN settled_before b USING (claim_number)
        GROUP BY p.claim_number
    """),
    ("denial_summary", """
        SELECT r.claim_number,
            bool_or(NOT r.is_partial AND t.in_first) AS initially_denied,
            sum(CASE WHEN NOT r.is_partial AND t.in_first THEN r.charge ELSE 0 END) AS denied_amount,
            bool_or(NOT r.is_partial) AS ever_denied,
            bool_or(NOT r.is_partial AND t.in_last) AS denied_now,
            bool_and(r.unprocessable) FILTER (WHERE NOT r.is_partial AND t.in_first) AS unprocessable,
            bool_and(r.unprocessable) FILTER (WHERE NOT r.is_partial AND t.in_last) AS unprocessable_now,
            arg_max(r.category, r.weight) AS category, arg_max(r.group_code, r.weight) AS group_code,
            arg_max(r.carc, r.weight) AS carc, nullif(arg_max(coalesce(r.rarc, ''), r.weight), '') AS rarc,
            arg_max(r.category, r.last_weight) AS last_category,
            arg_max(r.procedure, r.last_weight) AS last_procedure,
            max(r.decided_on) AS last_denied_on
        FROM (SELECT x.*,
                row_number() OVER (PARTITION BY claim_number ORDER BY x.is_partial DESC, x.decided_on DESC, x.denied_amount,
                    x.remittance_id DESC, x.line_number DESC) AS weight,
                row_number() OVER (PARTITION BY claim_number ORDER BY x.is_partial DESC, x.carc = UPHELD DESC, x.decided_on,
                    x.denied_amount, x.remittance_id DESC, x.line_number DESC) AS last_weight
              FROM refused_lines x) r
        JOIN decision_parts t USING (remittance_id)
        GROUP BY r.claim_number
    """),
)  # fmt: skip
