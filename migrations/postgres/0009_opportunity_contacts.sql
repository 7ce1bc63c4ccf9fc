-- Opportunity contacts, as synced from CRMs. `*_external_id` is a link as the CRM sent it, `*_id` the row it is bound to.
create table opportunity_contacts (
    id uuid primary key,
    tenant_id text not null default '',
    connection_id text not null,
    external_id text not null,
    provider text not null,
    remote_version bigint,
    role text,
    is_primary boolean,
    opportunity_external_id text,
    opportunity_id uuid references opportunities (id) on delete set null,
    contact_external_id text,
    contact_id uuid references contacts (id) on delete set null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    unique (tenant_id, connection_id, external_id)
);
create index opportunity_contacts_opportunity on opportunity_contacts (opportunity_id);
create index opportunity_contacts_contact on opportunity_contacts (contact_id);
