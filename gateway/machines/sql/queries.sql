-- name: hold
-- Take the lease if nobody has it, or keep it: true if it is ours for the next $3 seconds.
INSERT INTO duty_lease AS l (name, holder, until) VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (name) DO UPDATE SET holder = $2, until = clock_timestamp() + make_interval(secs => $3)
WHERE l.holder = $2 OR l.until < clock_timestamp()
RETURNING true;

-- name: let_go
DELETE FROM duty_lease WHERE name = $1 AND holder = $2;
