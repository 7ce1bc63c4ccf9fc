-- Tenants, kept apart below the queries. Each table gets a policy here, which does nothing until row-level security is
-- switched on: `hexsync_tell_apart` does that, and only where tenants are told apart. Without them no statement costs
-- more than before.
--
-- A transaction says whose rows it is for by two settings that end with it:
--   hexsync.tenant          the tenant; unset or empty: of nobody, so that no row is seen or written
--   hexsync.across_tenants  `on` for work on everybody's rows: routing, draining, listing

-- Gives a table its policy; where tenants are told apart already, switches it on. For a table with `tenant_id`, of
-- this schema or of an application: select hexsync_isolate('invoices');
create function hexsync_isolate(target regclass, role name default 'hexsync_app') returns void
language plpgsql set search_path from current as $$
begin
    if not exists (select from pg_policy where polrelid = target and polname = 'hexsync_tenant') then
        -- Each setting is read once per statement, not once per row.
        execute format(
            'create policy hexsync_tenant on %s using ('
            'tenant_id = (select nullif(current_setting(''hexsync.tenant'', true), '''')) '
            'or (select current_setting(''hexsync.across_tenants'', true)) = ''on'')', target);
    end if;
    if (select relforcerowsecurity from pg_class where oid = 'sync_subscriptions'::regclass) then
        perform hexsync_enforce(target, role);
    end if;
end
$$;

-- Switches a table's policy on, for its owner too, and lets the role use the table.
create function hexsync_enforce(target regclass, role name) returns void
language plpgsql set search_path from current as $$
declare
    counter text;
begin
    if exists (select from pg_class where oid = target and not (relrowsecurity and relforcerowsecurity)) then
        execute format('alter table %s enable row level security, force row level security', target);
    end if;
    if not exists (select from pg_roles where rolname = role) then
        return;
    end if;
    if not has_table_privilege(role, target, 'select')
        or not has_table_privilege(role, target, 'insert')
        or not has_table_privilege(role, target, 'update')
        or not has_table_privilege(role, target, 'delete')
    then
        execute format('grant select, insert, update, delete on %s to %I', target, role);
    end if;
    for counter in
        select d.objid::regclass::text from pg_depend d join pg_class c on c.oid = d.objid and c.relkind = 'S'
        where d.refobjid = target and d.classid = 'pg_class'::regclass and d.deptype = 'a'
    loop
        execute format('grant usage on sequence %s to %I', counter, role);
    end loop;
end
$$;

-- Switches on every policy of this schema. With a role, transactions step down to it, so that a login which passes
-- row-level security (a superuser, one with BYPASSRLS) is bound as well; it is made where it is missing. Without one
-- the login itself has to be bound. May be called again, e.g. after a table was added.
create function hexsync_tell_apart(role name) returns void
language plpgsql set search_path from current as $$
declare
    target regclass;
    can text := case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end;
begin
    -- Several processes may migrate at once; roles and grants are the whole server's.
    perform pg_advisory_xact_lock(hashtext('hexsync_tell_apart'));
    if role is not null then
        if not exists (select from pg_roles where rolname = role) then
            begin
                execute format('create role %I nologin nosuperuser nobypassrls nocreatedb nocreaterole', role);
            exception when duplicate_object or unique_violation then
                null; -- from another database, at the same moment
            end;
        end if;
        if exists (select from pg_roles where rolname = role and (rolsuper or rolbypassrls)) then
            raise exception 'the role % passes row-level security', role using errcode = 'insufficient_privilege';
        end if;
        if not pg_has_role(current_user, role, can) then
            execute format('grant %I to %I', role, current_user);
        end if;
        if not has_schema_privilege(role, current_schema(), 'usage') then
            execute format('grant usage on schema %I to %I', current_schema(), role);
        end if;
    end if;
    for target in
        select p.polrelid from pg_policy p join pg_class c on c.oid = p.polrelid
        where p.polname = 'hexsync_tenant' and c.relnamespace = current_schema()::regnamespace
        order by c.relname
    loop
        perform hexsync_enforce(target, role);
    end loop;
end
$$;

-- Confines the transaction to a tenant's rows; null: to nobody's.
create function hexsync_confine(tenant text) returns void
language plpgsql set search_path from current as $$
begin
    if not row_security_active('sync_subscriptions') then
        raise exception 'row-level security does not bind %', current_user using errcode = 'HX001';
    end if;
    perform set_config('hexsync.across_tenants', 'off', true), set_config('hexsync.tenant', coalesce(tenant, ''), true);
end
$$;

-- Opens the transaction to the rows of all tenants.
create function hexsync_across_tenants() returns void
language plpgsql set search_path from current as $$
begin
    perform set_config('hexsync.across_tenants', 'on', true), set_config('hexsync.tenant', '', true);
end
$$;

do $$
declare
    target regclass;
begin
    -- The program's own tables. An application's are its own business.
    for target in
        select c.oid from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
        where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
        and (c.relname like 'sync\_%' or c.relname in ('accounts', 'contacts', 'custom_field_definitions',
            'opportunities', 'opportunity_contacts', 'projects', 'users'))
        order by c.relname
    loop
        perform hexsync_isolate(target);
    end loop;
    -- Consumers are the installation's: everybody's events look for them, and only work across tenants changes them.
    if to_regclass('sync_consumers') is not null then
        create policy hexsync_tenant on sync_consumers for select using (true);
        create policy hexsync_installation on sync_consumers
            using ((select current_setting('hexsync.across_tenants', true)) = 'on');
    end if;
end
$$;

-- Values have no tenant of their own: they are whose their definition is.
create policy hexsync_tenant on custom_field_values
    using (exists (select from custom_field_definitions d where d.id = definition_id)
        or (select current_setting('hexsync.across_tenants', true)) = 'on');
-- By the time it runs, the definitions that tell whose the values are have gone; so for that one statement it sees
-- everybody's. (A setting of the function itself is a superuser's to make.)
create or replace function sync_remove_custom_field() returns trigger language plpgsql set search_path from current as $$
declare
    before text := coalesce(current_setting('hexsync.across_tenants', true), '');
begin
    perform set_config('hexsync.across_tenants', 'on', true);
    delete from custom_field_values where definition_id in (select id from removed);
    perform set_config('hexsync.across_tenants', before, true);
    return null;
end
$$;
