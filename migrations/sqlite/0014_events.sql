-- Delivery of events: who receives them, and what each has not received yet.

-- Events of the application have no run and no changed fields but a payload; `external_id` is '' where an event is
-- about no record. Nothing delivered events before, so nothing is lost with `published_at`.
create table sync_outbox_next (
    id              text    not null unique,
    -- The order of publishing.
    position        integer primary key autoincrement,
    tenant_id       text    not null default '',
    connection_id   text    not null default '',
    entity          text    not null default '',
    lane            text    not null default 'change',
    subscription_id text,
    kind            text    not null,
    external_id     text    not null,
    local_id        text,
    operation       text,
    changed_fields  text,
    payload         text,
    run_id          text,
    source          text    not null,
    at              text    not null
) strict;

insert into sync_outbox_next (id, position, tenant_id, subscription_id, kind, external_id, local_id, operation,
    changed_fields, run_id, source, at)
select id, position, tenant_id, subscription_id, kind, external_id, local_id, operation, changed_fields, run_id,
    source, at from sync_outbox order by position;
drop table sync_outbox;
alter table sync_outbox_next rename to sync_outbox;
create index sync_outbox_at on sync_outbox (at);

-- Who receives events, in which lanes. Consumers belong to the installation and hear of all tenants: there is no
-- tenant here. One process claims at a time, so that `shard` is always 0.
create table sync_consumers (
    consumer      text    not null,
    lane          text    not null,
    shard         integer not null,
    registered_at text    not null,
    primary key (consumer, lane, shard)
) strict, without rowid;

-- What was not received yet. A row goes once it was acknowledged.
create table sync_deliveries (
    consumer      text    not null,
    lane          text    not null,
    shard         integer not null,
    -- Of the event in the outbox.
    position      integer not null,
    -- Events with the same value are delivered in their order: the record they are about.
    record        text    not null,
    tenant_id     text    not null default '',
    connection_id text    not null default '',
    -- ready: may be claimed. claimed: being delivered, until due_at. retry: failed, again at due_at. held: behind
    -- one that failed. parked: failed for good, holds up its record. passed: failed for good, holds up nothing.
    state         text    not null default 'ready',
    attempts      integer not null default 0,
    -- How often a claim of it ended with nobody settling it.
    lapsed        integer not null default 0,
    claim         text,
    due_at        text,
    error         text,
    primary key (position, consumer)
) strict, without rowid;

create index sync_deliveries_ready on sync_deliveries (consumer, lane, position) where state = 'ready';
-- SQLite sees less of what a condition implies than PostgreSQL does: these two are wider than there.
create index sync_deliveries_timed on sync_deliveries (consumer, lane, due_at) where due_at is not null;
create index sync_deliveries_before on sync_deliveries (consumer, lane, record, position);

-- A delivery of each event to each consumer of its lane, in the transaction that publishes it.
create trigger sync_outbox_fan_out after insert on sync_outbox begin
    insert into sync_deliveries (consumer, lane, shard, position, record, tenant_id, connection_id)
    select c.consumer, new.lane, c.shard, new.position,
        case new.external_id
            when '' then new.id
            else new.tenant_id || char(31) || new.connection_id || char(31) || new.entity || char(31) || new.external_id
        end,
        new.tenant_id, new.connection_id
    from sync_consumers c where c.lane = new.lane;
end;
