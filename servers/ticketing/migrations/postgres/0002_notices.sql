-- Tells the other replicas of every event, when it is committed and not before: which replica wrote it (as its connections
-- say, see store/postgres.rs), what happened, and the number of the ticket. Nothing of the ticket itself.
CREATE FUNCTION tell_of_ticket_event() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_notify(
        'mcp_ticketing',
        coalesce(nullif(current_setting('mcp.replica', true), ''), '-') || ' ' || NEW.kind || ' ' || NEW.ticket
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER ticket_events_are_told
    AFTER INSERT ON ticket_events
    FOR EACH ROW EXECUTE FUNCTION tell_of_ticket_event();
