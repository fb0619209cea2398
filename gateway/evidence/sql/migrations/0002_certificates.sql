-- Certificates of publicity (公示证明): one for each certification on record; its paper is made once and kept for ever.
CREATE TABLE certificate (
    number text COLLATE "C" PRIMARY KEY,
    notice text COLLATE "C" NOT NULL,
    seq bigint NOT NULL, -- place of the certification in the notice's record
    certified_at_us bigint NOT NULL,
    statement bytea, -- what it says, signed, canonical JSON: gateway/evidence/certificates.py
    pdf bytea,
    sha256 text COLLATE "C" NOT NULL DEFAULT '', -- of the PDF
    made_at_us bigint,
    attempts integer NOT NULL DEFAULT 0,
    next_at_us bigint NOT NULL DEFAULT 0,
    UNIQUE (notice, seq)
);
CREATE INDEX certificate_unmade ON certificate (next_at_us) WHERE pdf IS NULL;
CREATE FUNCTION certificate_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.pdf IS NOT NULL THEN
        RAISE EXCEPTION 'certificates are kept as they were made';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER certificate_kept BEFORE UPDATE OR DELETE ON certificate FOR EACH ROW EXECUTE FUNCTION certificate_keep();
CREATE TRIGGER certificate_no_truncate BEFORE TRUNCATE ON certificate FOR EACH STATEMENT EXECUTE FUNCTION certificate_keep();
