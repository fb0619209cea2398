-- The sandbox bank's own books, SQLite. Amounts in fen, instants in microseconds. The legs of every entry sum to zero.
CREATE TABLE IF NOT EXISTS account (
    number TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('market', 'customer', 'outside')),
    closed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS virtual (
    number TEXT PRIMARY KEY,
    label TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bank_ref TEXT NOT NULL UNIQUE,
    at_us INTEGER NOT NULL,
    virtual TEXT NOT NULL,
    purpose TEXT NOT NULL,
    order_id TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS leg (
    entry INTEGER NOT NULL REFERENCES entry (id),
    account TEXT NOT NULL REFERENCES account (number),
    amount_fen INTEGER NOT NULL,
    PRIMARY KEY (entry, account)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS leg_account ON leg (account, entry);
CREATE TABLE IF NOT EXISTS payout (
    order_id TEXT PRIMARY KEY,
    digest BLOB NOT NULL,
    wish TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('accepted', 'settled', 'failed')),
    reason TEXT NOT NULL DEFAULT '',
    bank_ref TEXT NOT NULL DEFAULT '',
    booked_at_us INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS callback (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL,
    body BLOB NOT NULL,
    due_us INTEGER NOT NULL,
    copies INTEGER NOT NULL DEFAULT 1,
    attempts INTEGER NOT NULL DEFAULT 0,
    answer INTEGER,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'held', 'delivered', 'lost', 'given_up'))
);
CREATE INDEX IF NOT EXISTS callback_waiting ON callback (state, due_us);
CREATE TABLE IF NOT EXISTS setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
