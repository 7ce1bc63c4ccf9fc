-- Projects, as synced from CRMs. `*_external_id` is a link as the CRM sent it, `*_id` the row it is bound to.
create table projects (
    id uuid primary key,
    tenant_id text not null default '',
    connection_id text not null,
    external_id text not null,
    provider text not null,
    remote_version bigint,
    name text,
    status text,
    budget numeric,
    start_date date,
    code text,
    opportunity_external_id text,
    opportunity_id uuid references opportunities (id) on delete set null,
    account_external_id text,
    account_id uuid references accounts (id) on delete set null,
    owner_external_id text,
    owner_id uuid references users (id) on delete set null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    unique (tenant_id, connection_id, external_id)
);
create index projects_opportunity on projects (opportunity_id);
create index projects_account on projects (account_id);
create index projects_owner on projects (owner_id);
create trigger projects_custom_values after delete on projects
    referencing old table as removed for each statement execute function sync_remove_custom_values();
