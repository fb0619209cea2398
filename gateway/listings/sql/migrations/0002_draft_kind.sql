-- Drafts of notices are kept as drafts of listings are: the same form that was not lost.
ALTER TABLE listing_draft ADD COLUMN kind text COLLATE "C" NOT NULL DEFAULT 'listing';
CREATE INDEX listing_draft_kind ON listing_draft (party, kind, saved_at_us DESC);
DROP INDEX listing_draft_party;
