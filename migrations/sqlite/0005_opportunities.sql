-- Opportunities, as synced from CRMs. `*_external_id` is a link as the CRM sent it, `*_id` the row it is bound to.
create table opportunities (
    id text primary key,
    tenant_id text not null default '',
    connection_id text not null,
    external_id text not null,
    provider text not null,
    remote_version integer,
    name text,
    stage text,
    amount text,
    probability text,
    close_date text,
    closed integer,
    won integer,
    kind text,
    lead_source text,
    next_step text,
    account_external_id text,
    account_id text references accounts (id) on delete set null,
    owner_external_id text,
    owner_id text references users (id) on delete set null,
    custom_fields text not null default '{}',
    created_at text not null,
    updated_at text not null,
    deleted_at text,
    unique (tenant_id, connection_id, external_id)
) strict;
create index opportunities_account on opportunities (account_id);
create index opportunities_owner on opportunities (owner_id);
