-- name: insert_entry
INSERT INTO ledger_entry (entry_key, fact, at_us, subject, note, lines, digest) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT ON CONSTRAINT ledger_entry_key DO NOTHING RETURNING number;

-- name: entry_digest
SELECT digest FROM ledger_entry WHERE entry_key = $1;

-- name: insert_lines
-- In the order of the sub-accounts, which is the order of their locks.
INSERT INTO ledger_line (entry, line, account, party, deposit, deal, reference, amount_fen)
SELECT $1, line, account, party, deposit, deal, reference, amount_fen
FROM unnest($2::smallint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[])
    AS given (line, account, party, deposit, deal, reference, amount_fen)
ORDER BY line;

-- name: balance
-- What stands on the sub-accounts that match, debit positive, at an instant; NULL matches every value.
SELECT coalesce(sum(l.amount_fen), 0)::bigint FROM ledger_line l JOIN ledger_entry e ON e.number = l.entry
WHERE l.account = $1 AND ($2::text IS NULL OR l.party = $2) AND ($3::text IS NULL OR l.deposit = $3)
    AND ($4::text IS NULL OR l.deal = $4) AND ($5::text IS NULL OR l.reference = $5) AND e.at_us <= $6;

-- name: trial_balance
SELECT a.account, a.code,
    coalesce(sum(l.amount_fen) FILTER (WHERE l.amount_fen > 0), 0)::bigint AS debit_fen,
    coalesce(-sum(l.amount_fen) FILTER (WHERE l.amount_fen < 0), 0)::bigint AS credit_fen
FROM ledger_account a
LEFT JOIN (ledger_line l JOIN ledger_entry e ON e.number = l.entry AND e.at_us <= $1) ON l.account = a.account
GROUP BY a.account, a.code ORDER BY a.code;

-- name: statement
-- Lines of a party or a deposit after a place, oldest first, each with the running total of its account.
SELECT * FROM (
    SELECT e.number, l.line, e.at_us, e.fact, e.subject, e.note, l.account, l.party, l.deposit, l.deal, l.reference, l.amount_fen,
        sum(l.amount_fen) OVER (PARTITION BY l.account ORDER BY e.number, l.line)::bigint AS running_fen
    FROM ledger_line l JOIN ledger_entry e ON e.number = l.entry
    WHERE ($1 = '' OR l.party = $1) AND ($2 = '' OR l.deposit = $2) AND ($1 <> '' OR $2 <> '')
) lines WHERE (number, line) > ($3, $4) ORDER BY number, line LIMIT $5;

-- name: unsound_entries
SELECT e.number, e.entry_key, count(l.line) AS counted, e.lines, coalesce(sum(l.amount_fen), 0)::bigint AS total
FROM ledger_entry e LEFT JOIN ledger_line l ON l.entry = e.number
GROUP BY e.number HAVING count(l.line) < 2 OR count(l.line) <> e.lines OR coalesce(sum(l.amount_fen), 0) <> 0
ORDER BY e.number LIMIT 100;

-- name: wrong_balances
-- Kept balances that are not the sum of their lines, or sums that have no kept balance.
SELECT account, party, deposit, deal, reference, kept, total FROM (
    SELECT a.account, l.party, l.deposit, l.deal, l.reference, sum(l.amount_fen)::bigint * a.side AS total
    FROM ledger_line l JOIN ledger_account a USING (account) WHERE a.floored
    GROUP BY a.account, a.side, l.party, l.deposit, l.deal, l.reference
) summed FULL JOIN (
    SELECT account, party, deposit, deal, reference, balance_fen AS kept FROM ledger_balance
) balances USING (account, party, deposit, deal, reference)
WHERE kept IS DISTINCT FROM total LIMIT 100;

-- name: read_entries
SELECT e.number, e.entry_key, e.fact, e.subject, e.note, e.digest, l.account, l.party, l.deposit, l.deal, l.reference, l.amount_fen
FROM ledger_entry e JOIN ledger_line l ON l.entry = e.number
WHERE e.number > $1 AND e.number <= $1 + $2 ORDER BY e.number, l.line;

-- name: last_entry
SELECT coalesce(max(number), 0) FROM ledger_entry;
