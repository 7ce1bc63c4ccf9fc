-- What the application changed, on its way to the CRM.
--
-- An application that writes with its own SQL appends an edit in the transaction that writes the row:
--
--     insert into sync_local_changes (connection_id, entity, external_id, operation, fields, user_id, at)
--     values ('acme', 'opportunity', '006A', 'update', '{"stage": {"from": "Open", "to": "Won"}}', 'ann',
--             '2026-03-01T12:00:00.000000Z');
--
-- `operation` is create, update or delete. `fields` are the fields from what to what, by the names of the audit
-- (custom fields are `custom.<name>`, links are the parent's external id under the link's name); of a create from null,
-- of a delete to null. A record that the CRM does not have yet has an external id of `local:` and a UUID. `at` has six
-- decimals and ends with Z, like every instant here.
create table sync_local_changes (
    -- The order of edits. Never used twice: a write whose answer was lost names its edits by it.
    seq           integer primary key autoincrement,
    tenant_id     text    not null default '',
    connection_id text    not null,
    entity        text    not null,
    external_id   text    not null,
    operation     text    not null check (operation in ('create', 'update', 'delete')),
    fields        text    not null default '{}' check (json_valid(fields)),
    user_id       text    not null default 'system',
    at            text    not null
) strict;
create index sync_local_changes_record on sync_local_changes (tenant_id, connection_id, entity, external_id, seq);

-- How the sending of a record's edits stands. No row: never tried. `intent` is a write whose outcome is not known; it is
-- committed before the CRM is called.
create table sync_writebacks (
    tenant_id       text    not null default '',
    connection_id   text    not null,
    entity          text    not null,
    external_id     text    not null,
    intent          text,
    seen            integer not null,
    attempts        integer not null,
    next_attempt_at text    not null,
    error_class     text,
    error           text,
    primary key (tenant_id, connection_id, entity, external_id)
) strict, without rowid;

-- What records that were made here are called in the CRM.
create table sync_adoptions (
    tenant_id     text not null default '',
    connection_id text not null,
    placeholder   text not null,
    external_id   text not null,
    primary key (tenant_id, connection_id, placeholder)
) strict, without rowid;

-- Questions for a person. `field` is '' when it is about the record as a whole; values are JSON.
create table sync_conflicts (
    id            text not null primary key,
    tenant_id     text not null default '',
    connection_id text not null,
    entity        text not null,
    external_id   text not null,
    field         text not null default '',
    kind          text not null,
    base          text not null,
    local         text not null,
    remote        text not null,
    opened_at     text not null,
    choice        text,
    decided_by    text,
    decided_at    text,
    closed_at     text
) strict;
create unique index sync_conflicts_open
    on sync_conflicts (tenant_id, connection_id, entity, external_id, field) where closed_at is null;

-- Hashes of what the CRM will hold once a write of ours is through, to tell its echo.
create table sync_fingerprints (
    tenant_id     text not null default '',
    connection_id text not null,
    entity        text not null,
    external_id   text not null,
    hash          text not null,
    until         text not null,
    primary key (tenant_id, connection_id, entity, external_id)
) strict, without rowid;
create index sync_fingerprints_until on sync_fingerprints (until);
