-- Which standby commits wait for (docs/adr/0021). It travels to the standby itself, which therefore knows whether it has every
-- acknowledged event when it is to be promoted; the server's own setting does not travel.
CREATE TABLE required_standby (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    name text NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
);
