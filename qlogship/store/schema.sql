-- All state of one qlogship, version 1. Times are epoch seconds.

-- The cursor: a stream is one run of text that Asterisk wrote (core/rotation.py).
CREATE TABLE stream (
    id      INTEGER PRIMARY KEY,
    head    BLOB    NOT NULL,               -- its first bytes, which tell it from others
    tail    BLOB    NOT NULL,               -- the bytes just before the offset
    offset  INTEGER NOT NULL,               -- bytes archived
    device  INTEGER NOT NULL,
    inode   INTEGER NOT NULL,
    path    TEXT    NOT NULL,               -- where it was met last
    skipped INTEGER NOT NULL DEFAULT 0      -- older than source.history asks for
);

-- Rotated files that have been read to their end, so that they are not opened again.
CREATE TABLE sighting (
    path     TEXT PRIMARY KEY,
    device   INTEGER NOT NULL,
    inode    INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL
) WITHOUT ROWID;

-- The archive. Each record ends in a newline; packed chunks are zstd, the others
-- are the live tail, folded into a packed one when it has grown.
CREATE TABLE chunk (
    first_seq  INTEGER PRIMARY KEY,
    lines      INTEGER NOT NULL,
    calls      INTEGER,                     -- callids that entered a queue for the first time;
                                            -- NULL while they were not counted
    bytes      INTEGER NOT NULL,            -- of the text
    torn       INTEGER NOT NULL,            -- records whose newline is ours
    first_time INTEGER,
    last_time  INTEGER,
    packed     INTEGER NOT NULL,
    data       BLOB    NOT NULL
);
CREATE INDEX chunk_uncounted ON chunk (first_seq) WHERE calls IS NULL;

-- From first_seq on, records come from this stream, starting at this offset.
CREATE TABLE origin (
    first_seq INTEGER PRIMARY KEY,
    stream    INTEGER NOT NULL REFERENCES stream (id),
    offset    INTEGER NOT NULL,
    bytes     INTEGER NOT NULL,            -- of the stream, up to the next origin
    torn      INTEGER NOT NULL             -- the last record's newline is ours
);

-- The ledger: one row per upload, decided before a byte is sent.
CREATE TABLE upload (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    generation         INTEGER NOT NULL,
    state              TEXT    NOT NULL CHECK (state IN ('prepared', 'accepted', 'unknown', 'rejected')),
    lines              INTEGER NOT NULL,
    calls              INTEGER NOT NULL,
    reported_calls     INTEGER,
    bytes              INTEGER NOT NULL,
    attempts           INTEGER NOT NULL DEFAULT 0,
    possible_duplicate INTEGER NOT NULL DEFAULT 0,
    http_status        INTEGER,
    first_time         INTEGER,
    last_time          INTEGER,
    prepared_at        REAL    NOT NULL,
    answered_at        REAL,
    not_before         REAL,                -- when the next attempt is due
    sha256             TEXT    NOT NULL,
    runs               BLOB    NOT NULL,    -- which records (core/batching.py, encode_runs)
    detail             TEXT,
    answer             TEXT                 -- the raw answer, capped
);
CREATE INDEX upload_figures ON upload
    (generation, state, calls, reported_calls, lines, possible_duplicate);

-- A row is committed before an attempt, its outcome after: one without an outcome
-- was cut off by a crash.
CREATE TABLE attempt (
    upload      INTEGER NOT NULL REFERENCES upload (id),
    number      INTEGER NOT NULL,
    sent_at     REAL    NOT NULL,
    answered_at REAL,
    verdict     TEXT,
    http_status INTEGER,
    detail      TEXT,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE INDEX attempt_open ON attempt (upload) WHERE verdict IS NULL;

-- Where shipping stands; one row.
CREATE TABLE shipping (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL,
    frontier   INTEGER NOT NULL,            -- every record before it is in an upload or held
    held       BLOB    NOT NULL,            -- runs before the frontier that are in no upload yet
    held_calls INTEGER NOT NULL,
    held_lines INTEGER NOT NULL,
    clock      INTEGER,                     -- the records' own time at the frontier
    odd        INTEGER NOT NULL,            -- lines before the frontier that are no record
    resync     TEXT    NOT NULL,
    history    TEXT                         -- the source.history that was applied at the first start
);
INSERT INTO shipping VALUES (1, 1, 1, x'', 0, 0, NULL, 0, 'idle', NULL);

-- What is wrong now; a row goes when the cause does.
CREATE TABLE trouble (
    kind    TEXT PRIMARY KEY,
    since   REAL NOT NULL,
    message TEXT NOT NULL,
    hint    TEXT NOT NULL
) WITHOUT ROWID;
