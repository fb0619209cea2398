-- A deal may go on while its file waits to be made: then the file of the newer state is made instead. The digest of the pages is kept
-- beside that of the archive, so that a paper can be compared after the archive was tidied away.
ALTER TABLE evidence_file DROP CONSTRAINT evidence_file_state_check;
ALTER TABLE evidence_file ADD CONSTRAINT evidence_file_state_check
    CHECK (state IN ('waiting', 'making', 'ready', 'failed', 'superseded'));
ALTER TABLE evidence_file ADD COLUMN instead text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE evidence_file ADD COLUMN document_sha256 text COLLATE "C" NOT NULL DEFAULT '';
