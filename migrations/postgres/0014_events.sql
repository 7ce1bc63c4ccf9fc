-- Delivery of events: who receives them, and what each has not received yet.

-- Events of the application have no run and no changed fields but a payload; `external_id` is '' where an event is
-- about no record.
alter table sync_outbox
    add column lane          text not null default 'change',
    add column connection_id text not null default '',
    add column entity        text not null default '',
    add column payload       json,
    alter column subscription_id drop not null,
    alter column local_id        drop not null,
    alter column operation       drop not null,
    alter column changed_fields  drop not null,
    alter column run_id          drop not null;

drop index sync_outbox_waiting;
-- Nothing delivered events before, so nothing is lost with it.
alter table sync_outbox drop column published_at;
create unique index sync_outbox_position on sync_outbox (position);
create index sync_outbox_at on sync_outbox (at);

-- Who receives events, in which lanes: 16 rows each, by which the records are shared out among those who claim at
-- the same time. Consumers belong to the installation and hear of all tenants: there is no tenant here.
create table sync_consumers (
    consumer      text        not null,
    lane          text        not null,
    shard         integer     not null,
    registered_at timestamptz not null,
    primary key (consumer, lane, shard)
);

-- What was not received yet. A row goes once it was acknowledged.
create table sync_deliveries (
    consumer      text        not null,
    lane          text        not null,
    shard         integer     not null,
    -- Of the event in the outbox.
    position      bigint      not null,
    -- Events with the same value are delivered in their order: a hash of the record they are about.
    record        bigint      not null,
    tenant_id     text        not null default '',
    connection_id text        not null default '',
    -- ready: may be claimed. claimed: being delivered, until due_at. retry: failed, again at due_at. held: behind
    -- one that failed. parked: failed for good, holds up its record. passed: failed for good, holds up nothing.
    state         text        not null default 'ready',
    attempts      integer     not null default 0,
    -- How often a claim of it ended with nobody settling it.
    lapsed        integer     not null default 0,
    claim         uuid,
    due_at        timestamptz,
    error         text,
    primary key (position, consumer)
);

create index sync_deliveries_ready on sync_deliveries (consumer, lane, shard, position) where state = 'ready';
create index sync_deliveries_timed on sync_deliveries (consumer, lane, shard, due_at) where state in ('claimed', 'retry');
create index sync_deliveries_before on sync_deliveries (consumer, lane, record, position)
    where state in ('claimed', 'retry', 'held', 'parked');

-- A delivery of each event to each consumer of its lane, in the transaction that publishes it.
create function sync_fan_out() returns trigger language plpgsql set search_path from current as $$
begin
    -- A registration waits for this lock: it finds what was published before it, and the others find it.
    lock table sync_consumers in row share mode;
    insert into sync_deliveries (consumer, lane, shard, position, record, tenant_id, connection_id)
    select c.consumer, e.lane, c.shard, e.position, e.record, e.tenant_id, e.connection_id
    from (
        select position, lane, tenant_id, connection_id, hashtextextended(
            -- An event that is about no record has a value of its own.
            case external_id
                when '' then id::text
                else tenant_id || chr(31) || connection_id || chr(31) || entity || chr(31) || external_id
            end, 0) as record
        from added
    ) as e
    join sync_consumers c on c.lane = e.lane and c.shard = (e.record & 15);
    if found then
        perform pg_notify('sync_outbox', tg_table_schema);
    end if;
    return null;
end
$$;

create trigger sync_outbox_fan_out after insert on sync_outbox
    referencing new table as added for each statement execute function sync_fan_out();
