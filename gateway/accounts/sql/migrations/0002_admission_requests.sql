-- Who asked to be admitted to a lot with approved admission, until an operator answers by admitting (the journal) or refusing.
CREATE TABLE admission_request (
    lot text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL REFERENCES account,
    asked_at_us bigint NOT NULL,
    PRIMARY KEY (lot, account)
);
