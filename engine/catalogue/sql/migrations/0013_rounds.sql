-- Which lot was put up before: the lot page links a round to the next.
ALTER TABLE hall_lot ADD COLUMN previous_lot text COLLATE "C";
CREATE INDEX hall_rounds ON hall_lot (previous_lot) WHERE previous_lot IS NOT NULL;
