-- Consumers of the histories of deals and registrations: an event marks its history, in its own transaction, for each consumer; the
-- consumer takes the mark away, reads what is new and moves its cursor in one transaction. Nothing is lost, nothing counts twice.
CREATE TABLE history_pending (
    consumer text COLLATE "C" NOT NULL,
    stream text COLLATE "C" NOT NULL,
    touched integer NOT NULL DEFAULT 1, -- written again by each event: its row is locked until the writer commits, so no consumer takes the mark away before
    PRIMARY KEY (consumer, stream)
);
CREATE TABLE history_cursor (
    consumer text COLLATE "C" NOT NULL,
    stream text COLLATE "C" NOT NULL,
    seq integer NOT NULL,
    PRIMARY KEY (consumer, stream)
);
CREATE FUNCTION history_mark_deal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO history_pending AS p (consumer, stream) VALUES ('credit', 'deal/' || NEW.deal), ('statistics', 'deal/' || NEW.deal)
    ON CONFLICT (consumer, stream) DO UPDATE SET touched = (p.touched + 1) % 1000000;
    RETURN NULL;
END $$;
CREATE TRIGGER deal_event_mark AFTER INSERT ON deal_event FOR EACH ROW EXECUTE FUNCTION history_mark_deal();
CREATE FUNCTION history_mark_registration() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO history_pending AS p (consumer, stream) VALUES ('credit', NEW.stream), ('statistics', NEW.stream)
    ON CONFLICT (consumer, stream) DO UPDATE SET touched = (p.touched + 1) % 1000000;
    RETURN NULL;
END $$;
CREATE TRIGGER registry_event_mark AFTER INSERT ON registry_event
    FOR EACH ROW WHEN (NEW.stream LIKE 'registration/%') EXECUTE FUNCTION history_mark_registration();
INSERT INTO history_pending (consumer, stream)
SELECT c.name, s.stream FROM (VALUES ('credit'), ('statistics')) c(name), (
    SELECT DISTINCT 'deal/' || deal AS stream FROM deal_event
    UNION SELECT DISTINCT stream FROM registry_event WHERE stream LIKE 'registration/%'
) s;

-- What counts, one row for each event that changes a figure: sums of rows up to an instant are the figures at that instant.
CREATE TABLE statistics_fact (
    stream text COLLATE "C" NOT NULL,
    seq integer NOT NULL,
    measure text COLLATE "C" NOT NULL CHECK (measure IN ('deal', 'registration', 'received')),
    at_us bigint NOT NULL,
    year smallint NOT NULL, -- the period that it counts for: of the deal or of the registration
    quarter smallint NOT NULL CHECK (quarter BETWEEN 1 AND 4),
    month smallint NOT NULL CHECK (month BETWEEN 1 AND 12),
    count smallint NOT NULL,
    total_fen bigint NOT NULL,
    technical_fen bigint NOT NULL,
    seller text COLLATE "C" NOT NULL,
    buyer text COLLATE "C" NOT NULL,
    way text COLLATE "C" NOT NULL,
    mode text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    field text COLLATE "C" NOT NULL,
    industry text COLLATE "C" NOT NULL,
    ipr text COLLATE "C" NOT NULL,
    plan text COLLATE "C" NOT NULL,
    objective text COLLATE "C" NOT NULL,
    seller_region text COLLATE "C" NOT NULL,
    buyer_region text COLLATE "C" NOT NULL,
    seller_nature text COLLATE "C" NOT NULL,
    buyer_nature text COLLATE "C" NOT NULL,
    band text COLLATE "C" NOT NULL,
    PRIMARY KEY (stream, seq)
);
CREATE INDEX statistics_period ON statistics_fact (measure, year, quarter) INCLUDE (at_us, count, total_fen, technical_fen);
CREATE INDEX statistics_seller ON statistics_fact (seller, year);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON history_pending, history_cursor, statistics_fact TO ortoo_writer;
    END IF;
END $$;
