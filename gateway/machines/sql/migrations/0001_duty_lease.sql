-- Which gateway does what only one may do at a time. Judged by this server's clock alone.
CREATE TABLE duty_lease (
    name text PRIMARY KEY,
    holder text NOT NULL,
    until timestamptz NOT NULL
);
