-- One row per adjustment code or word of the practice's own system
-- code  leaf           root         postings  amount    confidence
-- CO45  contractual    necessary    1200      84000.00  0.98
-- X7    timely_filing  unnecessary  31        9300.00   0.91
-- SB    small_balance  necessary    12        60.00     0.60
--
-- What each adjustment code of the practice mostly means, by dollars, and how far that can be trusted. Postings of one code
-- err together, so that few of them tell less than each by itself says; what a payer refused for its data alone may have
-- another name in the office, and a code after refusals of every reason may be for late claims as for missed appeals.
-- Held against the truth of worlds a-short, a-null, c, c-short, c-hard and three demos with codes made opaque: of the
-- dollars told at .9 and more, contractual ones apart, 99 in 100 are right, and at least 97 in each.
WITH told AS (
    SELECT coalesce(nullif(code, ''), reason, '') AS code, told_leaf AS leaf, evidence,
        count(*) AS postings, sum(amount) AS amount, sum(abs(amount)) AS size,
        sum(abs(amount) * CAST(confidence AS DOUBLE)) AS sure
    FROM posting_classes WHERE kind IN ('adjustment', 'write_off') AND amount <> 0 GROUP BY 1, 2, 3),
leaves AS (
    SELECT code, leaf, max_by(evidence, (size, evidence)) AS evidence, sum(postings) AS postings, sum(amount) AS amount,
        sum(size) AS size, sum(sure) AS sure
    FROM told GROUP BY code, leaf),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY code ORDER BY size DESC, leaf) AS place,
        sum(postings) OVER (PARTITION BY code) AS all_postings, sum(amount) OVER (PARTITION BY code) AS all_amount,
        sum(size) OVER (PARTITION BY code) AS all_size
    FROM leaves)
SELECT r.code, r.leaf, w.root, CAST(r.all_postings AS INTEGER) AS postings, -r.all_amount AS amount, r.evidence,
    round(CASE WHEN r.evidence IN ('words', 'confirmed') THEN 1.0
        WHEN list_contains(getvariable('generic_leaves'), r.leaf) THEN getvariable('generic_trust')
        ELSE r.all_postings / (r.all_postings + getvariable('doubt_of_codes')) END
        * CAST(r.sure AS DOUBLE) / CAST(r.all_size AS DOUBLE), 3) AS confidence, r.evidence = 'confirmed' AS confirmed
FROM ranked r JOIN write_off_leaves w ON w.leaf = r.leaf
WHERE r.place = 1
