-- What is known of the custom fields of each connection and entity. The first table tells that anything is known
-- at all, be it that there are none.

create table sync_field_catalogs (
    tenant_id     text not null default '',
    connection_id text not null,
    entity        text not null,
    primary key (tenant_id, connection_id, entity)
) strict, without rowid;

create table sync_known_fields (
    tenant_id        text    not null default '',
    connection_id    text    not null,
    entity           text    not null,
    -- As the provider spells it.
    name             text    not null,
    label            text,
    remote_type      text    not null,
    kind             text    not null,
    calculated       integer not null,
    contract         text    not null,
    standing         text    not null,
    first_seen_at    text    not null,
    last_seen_at     text    not null,
    gone_at          text,
    retyped_from     text,
    retyped_kind     text,
    retyped_at       text,
    -- Null while none is called for, as everything that follows.
    backfill         text,
    backfill_at      text,
    backfill_run     text,
    backfill_found   integer,
    backfill_updated integer,
    primary key (tenant_id, connection_id, entity, name)
) strict, without rowid;
