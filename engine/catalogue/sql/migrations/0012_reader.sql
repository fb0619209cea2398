-- What everybody sees on the pages, for the role that may look into the database (docs/adr/0018).
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_reader') THEN
        GRANT SELECT ON hall_lot, board_entry TO ortoo_reader;
    END IF;
END $$;
