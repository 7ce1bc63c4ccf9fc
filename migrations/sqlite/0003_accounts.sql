-- Accounts, as synced from CRMs. `*_external_id` is a link as the CRM sent it, `*_id` the row it is bound to.
create table accounts (
    id text primary key,
    tenant_id text not null default '',
    connection_id text not null,
    external_id text not null,
    provider text not null,
    remote_version integer,
    name text,
    kind text,
    industry text,
    annual_revenue text,
    employees integer,
    phone text,
    website text,
    billing_street text,
    billing_city text,
    billing_state text,
    billing_postal_code text,
    billing_country text,
    parent_external_id text,
    parent_id text references accounts (id) on delete set null,
    owner_external_id text,
    owner_id text references users (id) on delete set null,
    custom_fields text not null default '{}',
    created_at text not null,
    updated_at text not null,
    deleted_at text,
    unique (tenant_id, connection_id, external_id)
) strict;
create index accounts_parent on accounts (parent_id);
create index accounts_owner on accounts (owner_id);
