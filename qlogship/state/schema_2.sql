-- Version 2. A ledger belongs to a destination; copies that may have arrived are counted.

-- One row per generation: what is shipped to one destination since it was begun, or cleared.
CREATE TABLE generation (
    number    INTEGER PRIMARY KEY,
    url       TEXT,                         -- where it is uploaded to (shipping/destination.py);
    account   TEXT,                         -- both NULL: not known, version 1 did not write it down
    begun_at  REAL,                         -- NULL: nothing was shipped yet
    cleared   INTEGER NOT NULL DEFAULT 0,   -- it began with a clear that was acknowledged
    first_seq INTEGER NOT NULL DEFAULT 1,   -- records before it are not shipped in this generation,
    since     INTEGER,                      -- nor are those older than this; NULL: all are
    late_calls INTEGER NOT NULL DEFAULT 0   -- sent before the clear that it began with, so late that
                                            -- they may have been stored after it
);
INSERT INTO generation (number, begun_at, cleared)
    SELECT upload.generation, min(upload.prepared_at),
        EXISTS (SELECT 1 FROM resync WHERE resync.generation = upload.generation
                AND resync.cleared_at IS NOT NULL)
    FROM upload GROUP BY upload.generation;
INSERT OR IGNORE INTO generation (number, begun_at, cleared)
    SELECT generation, NULL,
        EXISTS (SELECT 1 FROM resync WHERE resync.generation = shipping.generation
                AND resync.cleared_at IS NOT NULL)
    FROM shipping;

-- Of which destination a resync was asked; NULL: version 1 did not write it down.
ALTER TABLE resync ADD COLUMN url TEXT;
ALTER TABLE resync ADD COLUMN account TEXT;

-- As in version 1, but for the last three columns, of which open_sends takes the place of
-- possible_duplicate. The table is made anew: older SQLite cannot drop a column.
CREATE TABLE upload_2 (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    generation         INTEGER NOT NULL,
    state              TEXT    NOT NULL CHECK (state IN
        ('prepared', 'accepted', 'unknown', 'rejected', 'split', 'dropped')),
    lines              INTEGER NOT NULL,
    calls              INTEGER NOT NULL,
    reported_calls     INTEGER,
    bytes              INTEGER NOT NULL,
    attempts           INTEGER NOT NULL DEFAULT 0,
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
    parent             INTEGER REFERENCES upload (id),  -- the upload it was a part of
    open_sends         INTEGER NOT NULL DEFAULT 0,      -- attempts that may have been stored, and
                                                        -- of which no answer tells; of the parent, too
    again              INTEGER,             -- its calls that one of this generation that was
                                            -- accepted before carried, too; NULL: not counted
    vouched            INTEGER NOT NULL DEFAULT 0,      -- a person said that it is there once
    erased             INTEGER NOT NULL DEFAULT 0       -- its records that were masked after it
                                            -- was sent; sha256 is of what they are now
);
INSERT INTO upload_2 (id, generation, state, lines, calls, reported_calls, bytes, attempts,
        http_status, first_time, last_time, prepared_at, answered_at, not_before, sha256, runs,
        detail, answer, parent, open_sends)
    SELECT id, generation, state, lines, calls, reported_calls, bytes, attempts,
        http_status, first_time, last_time, prepared_at, answered_at, not_before, sha256, runs,
        detail, answer, parent,
        max(possible_duplicate, (SELECT count(*) FROM attempt WHERE attempt.upload = upload.id
            AND (attempt.verdict IS NULL OR attempt.verdict = 'unknown')))
    FROM upload;
DROP TABLE upload;
ALTER TABLE upload_2 RENAME TO upload;
CREATE INDEX upload_parts ON upload (parent) WHERE parent IS NOT NULL;
CREATE INDEX upload_erased ON upload (generation) WHERE erased > 0;
CREATE INDEX upload_uncounted ON upload (generation, answered_at, id)
    WHERE state = 'accepted' AND again IS NULL;
CREATE INDEX upload_figures ON upload
    (generation, state, calls, reported_calls, lines, open_sends, again, vouched);
-- A version before sent on what no answer told of; that ends (shipping/delivery.py).
UPDATE upload SET state = 'unknown', not_before = NULL
    WHERE state = 'prepared' AND open_sends >= 3;

-- Bytes of a stream that were masked in the archive, which its files still have. What is known
-- of a stream (head, tail) is masked there, too.
CREATE TABLE stream_erased (
    stream INTEGER PRIMARY KEY,
    start  TEXT    NOT NULL,                -- the parts of what the index stream_start has of it
    erased TEXT    NOT NULL                 -- first and last offset of each part, ascending, JSON
);

-- What was erased on request, and how much; never what. While a row has no scrubbed_at, the
-- file may still hold it where nothing is stored any more (state/scrub.py).
CREATE TABLE erasure (
    id          INTEGER PRIMARY KEY,
    erased_at   REAL    NOT NULL,
    records     INTEGER NOT NULL,
    uploads     INTEGER NOT NULL,           -- that carried them and were sent before
    scrubbed_at REAL
);

-- Attempts ever begun; state/sent_mark.py has the number once more, outside of the database.
ALTER TABLE shipping ADD COLUMN sends INTEGER NOT NULL DEFAULT 0;

-- What answers have taught that leave open what was stored; an acceptance unlearns it.
ALTER TABLE shipping ADD COLUMN open_outcomes INTEGER NOT NULL DEFAULT 0;  -- since then
ALTER TABLE shipping ADD COLUMN small_bytes INTEGER;    -- the size of a body that takes no longer
                                                        -- than the dashboard has; NULL: any
ALTER TABLE shipping ADD COLUMN small_taken INTEGER NOT NULL DEFAULT 0;    -- accepted at that size

-- What is known of each chunk, apart from its text, so that sums need not read that.
-- (In the table chunk the same stands beside the text, and is not looked at any more.)
CREATE TABLE chunk_facts (
    first_seq  INTEGER PRIMARY KEY,
    lines      INTEGER NOT NULL,
    calls      INTEGER,                     -- callids that entered a queue for the first time;
                                            -- NULL while they were not counted
    bytes      INTEGER NOT NULL,            -- of the text
    torn       INTEGER NOT NULL,            -- records whose newline is ours
    first_time INTEGER,
    last_time  INTEGER,
    packed     INTEGER NOT NULL,
    digest     BLOB                         -- of the text and its place (archive/chunks.py); NULL:
                                            -- packed by version 1, and zstd has a checksum of it
);
INSERT INTO chunk_facts
    SELECT first_seq, lines, calls, bytes, torn, first_time, last_time, packed,
        CASE WHEN packed THEN NULL ELSE digest_of(first_seq, data) END
    FROM chunk;
DROP INDEX chunk_uncounted;
CREATE INDEX chunk_uncounted ON chunk_facts (first_seq) WHERE calls IS NULL;

-- Chunks that have left the archive on purpose (archive/retention.py): their text is gone, their
-- row in chunk_facts stays. All their records are older than before.
CREATE TABLE retired (
    first_seq  INTEGER PRIMARY KEY,
    before     INTEGER NOT NULL,
    generation INTEGER NOT NULL,            -- the one in which the dashboard accepted them
    left_at    REAL    NOT NULL
);

-- Chunks that were found to be damaged, and which of their records were passed over when they
-- should have been shipped. A row goes when an import brings the text back.
CREATE TABLE damage (
    first_seq   INTEGER PRIMARY KEY,
    last_seq    INTEGER NOT NULL,
    noticed_at  REAL    NOT NULL,
    passed_over TEXT    NOT NULL DEFAULT '[]'  -- runs, JSON
);

-- A file is found among the streams by how it begins, or by what file it is, and the records of
-- a stream by their number: there may be very many of them.
CREATE INDEX stream_start ON stream (substr(head, 1, 64), offset);
CREATE INDEX stream_file ON stream (device, inode);
CREATE INDEX origin_stream ON origin (stream, first_seq);

-- Rotated files that have been read to their end, whatever their names are by now.
CREATE TABLE sighting_2 (
    device   INTEGER NOT NULL,
    inode    INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    PRIMARY KEY (device, inode)
) WITHOUT ROWID;
INSERT OR REPLACE INTO sighting_2 SELECT device, inode, size, mtime_ns FROM sighting;
DROP TABLE sighting;
ALTER TABLE sighting_2 RENAME TO sighting;

-- Each row of the other tables once more, but for those of chunk (state/copies.py).
CREATE TABLE copy (
    name     TEXT    NOT NULL,              -- of the table
    key                 NOT NULL,           -- its primary key
    facts    TEXT    NOT NULL,              -- its values
    checksum INTEGER NOT NULL,              -- CRC-32 of that
    PRIMARY KEY (name, key)
) WITHOUT ROWID;
