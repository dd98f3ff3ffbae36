-- AUTOINCREMENT: the number of a ticket is never given twice.
CREATE TABLE tickets (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    title      TEXT NOT NULL,
    body       TEXT NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('open', 'pending', 'closed')),
    priority   TEXT NOT NULL CHECK (priority IN ('low', 'medium', 'high')),
    labels     TEXT NOT NULL CHECK (json_valid(labels)),
    assignee   TEXT,
    version    INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    closed_by  TEXT,
    resolution TEXT,
    CHECK ((status = 'closed') = (closed_by IS NOT NULL))
) STRICT;

CREATE TABLE ticket_comments (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket     INTEGER NOT NULL REFERENCES tickets (number),
    author     TEXT NOT NULL,
    body       TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX ticket_comments_by_ticket ON ticket_comments (ticket, id);

CREATE TABLE ticket_events (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket  INTEGER NOT NULL REFERENCES tickets (number),
    kind    TEXT NOT NULL CHECK (kind IN ('opened', 'updated', 'commented', 'closed')),
    actor   TEXT NOT NULL,
    at      TEXT NOT NULL,
    changed TEXT NOT NULL CHECK (json_valid(changed))
) STRICT;
CREATE INDEX ticket_events_by_ticket ON ticket_events (ticket, id);

-- One line per write that came with an idempotency key, committed together with what it wrote.
CREATE TABLE ticket_writes (
    key        TEXT PRIMARY KEY,
    arguments  TEXT NOT NULL,
    result     TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ticket_writes_by_age ON ticket_writes (created_at);

-- The text itself stays in its table; triggers keep the indexes, so that no write can forget them.
CREATE VIRTUAL TABLE ticket_text USING fts5(
    title, body, content='tickets', content_rowid='number', tokenize='unicode61 remove_diacritics 0'
);
CREATE TRIGGER ticket_text_insert AFTER INSERT ON tickets BEGIN
    INSERT INTO ticket_text (rowid, title, body) VALUES (new.number, new.title, new.body);
END;
CREATE TRIGGER ticket_text_update AFTER UPDATE OF title, body ON tickets BEGIN
    INSERT INTO ticket_text (ticket_text, rowid, title, body)
        VALUES ('delete', old.number, old.title, old.body);
    INSERT INTO ticket_text (rowid, title, body) VALUES (new.number, new.title, new.body);
END;

CREATE VIRTUAL TABLE comment_text USING fts5(
    body, content='ticket_comments', content_rowid='id', tokenize='unicode61 remove_diacritics 0'
);
CREATE TRIGGER comment_text_insert AFTER INSERT ON ticket_comments BEGIN
    INSERT INTO comment_text (rowid, body) VALUES (new.id, new.body);
END;
