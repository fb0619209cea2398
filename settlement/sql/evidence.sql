-- name: deposits_of
-- Deposits of some subjects with the digest of their last event.
SELECT id, party, digest FROM deposit WHERE subject = ANY($1::text[]) ORDER BY id LIMIT $2;

-- name: deals_of
-- Deals that events of some streams struck.
SELECT id, seller, parties, digest FROM deal WHERE stream = ANY($1::text[]) ORDER BY id LIMIT $2;

-- name: contracts_of
SELECT id, seller, buyer, digest FROM contract WHERE deal = ANY($1::text[]) ORDER BY id LIMIT $2;

-- name: registrations_of
SELECT id, applicant, digest FROM registration WHERE deal = ANY($1::text[]) ORDER BY id LIMIT $2;

-- name: deposit_events
SELECT seq, type, at_us, actor, body, digest FROM deposit_event WHERE deposit = $1 ORDER BY seq;

-- name: deal_events
SELECT seq, type, at_us, actor, body, digest FROM deal_event WHERE deal = $1 ORDER BY seq;

-- name: registry_events
SELECT seq, type, at_us, actor, body, digest FROM registry_event WHERE stream = $1 ORDER BY seq;

-- name: deal_documents
-- What both sides read and signed.
SELECT deal, kind, digest, at_us, body FROM deal_document WHERE deal = ANY($1::text[]) ORDER BY deal, at_us, digest LIMIT $2;

-- name: registration_documents
SELECT registration, kind, revision, digest, at_us FROM registration_document WHERE registration = ANY($1::text[])
ORDER BY registration, kind, revision LIMIT $2;

-- name: entries_about
-- Whole entries of some subjects, or with a line about one of these deposits or deals.
SELECT e.number, e.entry_key, e.fact, e.at_us, e.subject, e.note, e.digest,
    l.account, l.party, l.deposit, l.deal, l.reference, l.amount_fen
FROM ledger_entry e JOIN ledger_line l ON l.entry = e.number
WHERE e.number IN (
    SELECT number FROM ledger_entry WHERE subject = ANY($1::text[])
    UNION SELECT entry FROM ledger_line WHERE deposit = ANY($2::text[])
    UNION SELECT entry FROM ledger_line WHERE deal = ANY($3::text[])
)
ORDER BY e.number, l.line LIMIT $4;
