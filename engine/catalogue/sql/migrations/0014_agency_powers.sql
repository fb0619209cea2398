-- What an agent may do for his principal on a subject (民法典 art. 165: an authorisation states matter and powers); so far: apply and bid.
ALTER TABLE party_agency ADD COLUMN powers text[] NOT NULL DEFAULT '{trade}'
    CHECK (cardinality(powers) > 0 AND powers <@ ARRAY['trade', 'sign', 'perform']);
