-- All state of one qlogship, version 1. Times are epoch seconds.

-- The cursor: a stream is one run of text that Asterisk wrote (source/streams.py).
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

-- Streams that were imported, or that share records with one that was: those with the
-- same number are one piece, of which the order is known (archive/timeline.py). Every other
-- stream is a piece by itself. Of an imported one, all up to its offset is archived, though
-- perhaps as records of other streams.
CREATE TABLE piece (
    stream   INTEGER PRIMARY KEY REFERENCES stream (id),
    piece    INTEGER NOT NULL,
    imported INTEGER NOT NULL
);

-- The order of time, in which a resync ships and `export` writes: runs of seq, by rank.
-- Only what was imported stands elsewhere than where it was archived. The last run is
-- open: last_seq is NULL, and records from the queue_log go on extending it. A record in
-- none of them is a fragment, of which an import brought the whole.
CREATE TABLE span (
    rank      INTEGER PRIMARY KEY,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER
);
INSERT INTO span VALUES (1, 1, NULL);

-- The ledger: one row per upload, decided before a byte is sent.
CREATE TABLE upload (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    generation         INTEGER NOT NULL,
    state              TEXT    NOT NULL CHECK (state IN
        ('prepared', 'accepted', 'unknown', 'rejected', 'split', 'dropped')),
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
    runs               BLOB    NOT NULL,    -- which records (archive/runs.py, encode_runs)
    detail             TEXT,
    answer             TEXT,                -- the raw answer, capped
    parent             INTEGER REFERENCES upload (id)   -- the upload it was a part of
);
CREATE INDEX upload_parts ON upload (parent) WHERE parent IS NOT NULL;
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
    ahead      TEXT    NOT NULL,            -- runs to be taken before the frontier, JSON, in order
    frontier   INTEGER NOT NULL,            -- every other record before it is in an upload or held
    held       BLOB    NOT NULL,            -- runs that were taken and are in no upload yet
    held_calls INTEGER NOT NULL,
    held_lines INTEGER NOT NULL,
    clock      INTEGER,                     -- the records' own time where it stands
    odd        INTEGER NOT NULL,            -- lines taken in that are no record
    max_bytes  INTEGER,                     -- the size of a body that was learnt from a 413
    history    TEXT,                        -- the source.history that was applied at the first start
    learnt_at  INTEGER,                     -- the batch.max_bytes that max_bytes was learnt under
    suspects   TEXT    NOT NULL DEFAULT '[]', -- uploads refused since one was accepted: ids, JSON
    accused    TEXT    NOT NULL DEFAULT '[]'  -- refused before one was accepted, to be sent again
);
INSERT INTO shipping VALUES (1, 1, '[]', 1, x'', 0, 0, NULL, 0, NULL, NULL, NULL, '[]', '[]');

-- One row per resync; at most one is not over. States: asked, checking, clearing, shipping,
-- then done or refused.
CREATE TABLE resync (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    state          TEXT    NOT NULL CHECK (state IN
        ('asked', 'checking', 'clearing', 'shipping', 'done', 'refused')),
    reason         TEXT    NOT NULL CHECK (reason IN ('asked', 'unknown')),
    accepted_loss  TEXT    NOT NULL DEFAULT '[]',  -- ids of uploads whose loss was accepted, JSON
    asked_at       REAL    NOT NULL,
    clears         INTEGER NOT NULL DEFAULT 0,     -- how often a clear was sent
    given_up       TEXT    NOT NULL DEFAULT '[]',  -- their records that were lost: runs, JSON
    cleared_at     REAL,                           -- when the last one was acknowledged
    restarts       INTEGER NOT NULL DEFAULT 0,     -- clears that became necessary again
    generation     INTEGER,                        -- the one that it ships
    lines          INTEGER NOT NULL DEFAULT 0,     -- records to be shipped
    bytes          INTEGER NOT NULL DEFAULT 0,
    ended_at       REAL,
    detail         TEXT
);
CREATE UNIQUE INDEX resync_open ON resync (1) WHERE ended_at IS NULL;

-- A command asks the service to let go of the state directory for a moment.
CREATE TABLE handover (
    pid      INTEGER PRIMARY KEY,
    asked_at REAL NOT NULL
);

-- What is wrong now; a row goes when the cause does.
CREATE TABLE trouble (
    kind    TEXT PRIMARY KEY,
    since   REAL NOT NULL,
    message TEXT NOT NULL,
    hint    TEXT NOT NULL
) WITHOUT ROWID;
