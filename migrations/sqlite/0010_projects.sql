-- Projects, as synced from CRMs. `*_external_id` is a link as the CRM sent it, `*_id` the row it is bound to.
create table projects (
    id text primary key,
    tenant_id text not null default '',
    connection_id text not null,
    external_id text not null,
    provider text not null,
    remote_version integer,
    name text,
    status text,
    budget text,
    start_date text,
    code text,
    opportunity_external_id text,
    opportunity_id text references opportunities (id) on delete set null,
    account_external_id text,
    account_id text references accounts (id) on delete set null,
    owner_external_id text,
    owner_id text references users (id) on delete set null,
    created_at text not null,
    updated_at text not null,
    deleted_at text,
    unique (tenant_id, connection_id, external_id)
) strict;
create index projects_opportunity on projects (opportunity_id);
create index projects_account on projects (account_id);
create index projects_owner on projects (owner_id);
create trigger projects_custom_values after delete on projects
    begin delete from custom_field_values where row_id = old.id; end;
