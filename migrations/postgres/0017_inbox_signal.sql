-- Tells of notices that were staged, so that who applies them in another process need not ask again and again.

create function sync_tell_staged() returns trigger language plpgsql set search_path from current as $$
begin
    -- Whose they are and where; one notification for each subscription of a transaction.
    perform pg_notify('sync_inbox', staged.subscription_id || ' ' || tg_table_schema)
    from (select distinct subscription_id from added) as staged;
    return null;
end
$$;

create trigger sync_webhook_inbox_tell after insert on sync_webhook_inbox
    referencing new table as added for each statement execute function sync_tell_staged();
