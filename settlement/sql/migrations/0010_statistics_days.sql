-- How long a deal or a registration took, and the licence kind of registrations: everything is counted anew from the histories.
ALTER TABLE statistics_fact ADD COLUMN days integer;
DELETE FROM statistics_fact;
DELETE FROM history_cursor WHERE consumer = 'statistics';
INSERT INTO history_pending AS p (consumer, stream)
SELECT 'statistics', s.stream FROM (
    SELECT DISTINCT 'deal/' || deal AS stream FROM deal_event
    UNION SELECT DISTINCT stream FROM registry_event WHERE stream LIKE 'registration/%'
) s ON CONFLICT (consumer, stream) DO UPDATE SET touched = (p.touched + 1) % 1000000;
