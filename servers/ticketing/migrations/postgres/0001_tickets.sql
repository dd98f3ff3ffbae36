-- The words of a text as SQLite's `unicode61` sees them: no stemming and no stop words, whatever the
-- language, and punctuation parts words, so that `mail@host.example` is found by `host`.
CREATE FUNCTION ticket_words(text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN to_tsvector(
        'simple',
        translate($1, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', '                                ')
    );

CREATE TABLE tickets (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title      text NOT NULL,
    body       text NOT NULL,
    status     text NOT NULL CHECK (status IN ('open', 'pending', 'closed')),
    priority   text NOT NULL CHECK (priority IN ('low', 'medium', 'high')),
    labels     jsonb NOT NULL,
    assignee   text,
    version    bigint NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    closed_by  text,
    resolution text,
    words      tsvector NOT NULL GENERATED ALWAYS AS (ticket_words(title || ' ' || body)) STORED,
    CHECK ((status = 'closed') = (closed_by IS NOT NULL))
);
-- Without a list of pending words a search costs the same at any time.
CREATE INDEX tickets_by_words ON tickets USING gin (words) WITH (fastupdate = off);

CREATE TABLE ticket_comments (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket     bigint NOT NULL REFERENCES tickets (number),
    author     text NOT NULL,
    body       text NOT NULL,
    created_at timestamptz NOT NULL,
    words      tsvector NOT NULL GENERATED ALWAYS AS (ticket_words(body)) STORED
);
CREATE INDEX ticket_comments_by_ticket ON ticket_comments (ticket, id);
CREATE INDEX ticket_comments_by_words ON ticket_comments USING gin (words) WITH (fastupdate = off);

CREATE TABLE ticket_events (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket  bigint NOT NULL REFERENCES tickets (number),
    kind    text NOT NULL CHECK (kind IN ('opened', 'updated', 'commented', 'closed')),
    actor   text NOT NULL,
    at      timestamptz NOT NULL,
    changed jsonb NOT NULL
);
CREATE INDEX ticket_events_by_ticket ON ticket_events (ticket, id);

-- One line per write that came with an idempotency key, committed together with what it wrote.
-- The result is text, not jsonb: it is replayed exactly as it was.
CREATE TABLE ticket_writes (
    key        text PRIMARY KEY,
    arguments  text NOT NULL,
    result     text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX ticket_writes_by_age ON ticket_writes (created_at);
