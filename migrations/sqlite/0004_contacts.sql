-- Contacts, as synced from CRMs. `*_external_id` is a link as the CRM sent it, `*_id` the row it is bound to.
create table contacts (
    id text primary key,
    tenant_id text not null default '',
    connection_id text not null,
    external_id text not null,
    provider text not null,
    remote_version integer,
    name text,
    first_name text,
    last_name text,
    email text,
    phone text,
    mobile_phone text,
    title text,
    department text,
    lead_source text,
    birthdate text,
    opted_out_of_email integer,
    mailing_city text,
    mailing_country text,
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
create index contacts_account on contacts (account_id);
create index contacts_owner on contacts (owner_id);
