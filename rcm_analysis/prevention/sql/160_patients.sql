SELECT patient_key, min(served_on) AS first_served_on,
    min(served_on) >= (SELECT min(served_on) FROM line_facts) + getvariable('known_patient_days') AS seen_whole
FROM line_facts WHERE patient_key IS NOT NULL GROUP BY 1
