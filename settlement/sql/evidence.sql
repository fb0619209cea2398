-- name: deposits_of
-- Deposits of some subjects with the digest of their last event.
SELECT id, party, subject, digest FROM deposit WHERE subject = ANY($1::text[]) ORDER BY id LIMIT $2;

-- name: deposit_events
SELECT seq, type, at_us, actor, body, digest FROM deposit_event WHERE deposit = $1 ORDER BY seq;

-- name: entries_about
-- Whole entries of some subjects, or with a line about one of these deposits.
SELECT e.number, e.entry_key, e.fact, e.at_us, e.subject, e.note, e.digest,
    l.account, l.party, l.deposit, l.deal, l.reference, l.amount_fen
FROM ledger_entry e JOIN ledger_line l ON l.entry = e.number
WHERE e.number IN (
    SELECT number FROM ledger_entry WHERE subject = ANY($1::text[])
    UNION SELECT entry FROM ledger_line WHERE deposit = ANY($2::text[])
)
ORDER BY e.number, l.line LIMIT $3;
