-- What ties parties together and is on record anyway. Values leave the database only to become digests.
-- name: networks
-- From which networks the logins of each party began sessions, newest first.
SELECT a.network AS value, c.party, min(a.at_us) AS first_at_us, max(a.at_us) AS last_at_us
FROM audit_entry a JOIN account c ON c.id = a.subject
WHERE a.act = 'session.begun' AND a.result = 'done' AND a.at_us > $1 AND a.network NOT IN ('', 'unknown')
GROUP BY a.network, c.party ORDER BY max(a.at_us) DESC LIMIT $2;

-- name: persons
-- Whom a party named to be called.
SELECT phone AS value, id AS party, registered_at_us AS first_at_us, registered_at_us AS last_at_us FROM party
WHERE phone <> '' AND NOT demonstration ORDER BY id LIMIT $1;

-- name: banks
SELECT number AS value, party, since_us AS first_at_us, since_us AS last_at_us FROM party_bank_account ORDER BY party LIMIT $1;

-- name: accounts
-- One login that acts for several: as an agent for each principal, and for its own party.
SELECT g.agent AS value, g.principal AS party, g.confirmed_at_us AS first_at_us, g.confirmed_at_us AS last_at_us
FROM party_agency g WHERE g.confirmed_at_us IS NOT NULL ORDER BY g.agent, g.principal LIMIT $1;
