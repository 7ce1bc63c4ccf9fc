-- What is known of the custom fields of each connection and entity. The first table tells that anything is known
-- at all, be it that there are none; its row is what transactions wait for that change the same fields.

create table sync_field_catalogs (
    tenant_id     text    not null default '',
    connection_id text    not null,
    entity        text    not null,
    -- False while the fields were only held.
    known         boolean not null,
    primary key (tenant_id, connection_id, entity)
);

create table sync_known_fields (
    tenant_id        text        not null default '',
    connection_id    text        not null,
    entity           text        not null,
    -- As the provider spells it, and ordered by its bytes.
    name             text        collate "C" not null,
    label            text,
    remote_type      text        not null,
    kind             text        not null,
    calculated       boolean     not null,
    contract         text        not null,
    standing         text        not null,
    first_seen_at    timestamptz not null,
    last_seen_at     timestamptz not null,
    gone_at          timestamptz,
    retyped_from     text,
    retyped_kind     text,
    retyped_at       timestamptz,
    -- Null while none is called for, as everything that follows.
    backfill         text,
    backfill_at      timestamptz,
    backfill_run     uuid,
    backfill_found   bigint,
    backfill_updated bigint,
    primary key (tenant_id, connection_id, entity, name)
);
