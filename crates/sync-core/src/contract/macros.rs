//! One test per case. A test keeps the lists complete.

/// The suites of every store port and the outbox, for one [`StoreFixture`](crate::contract::StoreFixture).
#[macro_export]
macro_rules! store_contract {
    ($fixture:ty) => {
        $crate::__contract_suite!($fixture, unit_of_work, Single, unit_of_work: [
            committed_writes_are_seen,
            rolled_back_writes_are_gone,
            dropped_transaction_is_rolled_back,
            open_transaction_is_not_seen,
            savepoint_undoes_what_came_after,
            released_savepoint_keeps_its_writes,
            savepoints_nest,
            many_savepoints_in_a_row,
            usable_after_a_failed_call,
        ]);
        $crate::__contract_suite!($fixture, subscriptions, Single, subscriptions: [
            added_subscription_comes_back,
            unknown_subscription_is_nothing,
            same_key_is_one_subscription,
            each_part_of_the_key_counts,
            simultaneous_adds_agree,
            listed_oldest_first,
            pausing_is_kept,
            pausing_an_unknown_one_is_an_error,
        ]);
        $crate::__contract_suite!($fixture, cursors, Single, cursors: [
            none_before_the_first,
            position_comes_back,
            putting_twice_changes_nothing,
            rolled_back_position_is_gone,
            position_goes_with_its_savepoint,
            nothing_else_touches_the_position,
            positions_are_apart,
            unknown_subscription_is_an_error,
        ]);
        $crate::__contract_suite!($fixture, recorder, Single, recorder: [
            opened_run_is_running,
            closed_run_reads_as_closed,
            items_come_with_their_transaction,
            items_go_with_their_savepoint,
            taken_number_fails_its_call_only,
            items_come_back_whole,
            thousands_of_items_at_once,
            odd_text_in_items_is_no_error,
            odd_text_in_changed_fields_is_no_error,
            batch_is_accepted_once,
            rolled_back_batch_comes_again,
            batches_are_per_run,
            ended_run_stays_as_it_ended,
            stale_run_is_fenced,
            stale_runs_are_closed,
        ]);
        $crate::__contract_suite!($fixture, audit, Single, audit: [
            runs_are_newest_first,
            runs_are_of_the_subscription,
            items_are_paged,
            history_has_applied_changes_only,
            history_is_oldest_first_across_runs,
            history_is_of_the_connection_and_entity,
            history_folds_to_the_exact_state,
            long_history_is_whole,
        ]);
        $crate::__contract_suite!($fixture, dead_letters, Single, dead_letters: [
            letters_come_back_whole,
            letter_and_position_go_together,
            letters_go_with_their_savepoint,
            parking_again_replaces,
            closed_letter_does_not_block_a_new_one,
            letters_are_per_subscription,
            open_letters_are_found_by_record,
            due_letters_are_oldest_first,
            closed_letters_are_gone,
            listed_by_each_filter,
            made_due_by_each_filter,
            thousands_of_letters_at_once,
            odd_text_is_kept_in_payloads,
        ]);
        $crate::__contract_suite!($fixture, leases, Single, leases: [
            free_lease_is_granted,
            held_lease_is_refused,
            same_holder_is_refused_too,
            one_of_two_gets_it,
            rolled_back_lease_is_free,
            leases_are_per_subscription,
            expired_lease_is_taken_over,
            released_lease_is_free,
            stale_release_does_nothing,
            renewal_prolongs,
            late_renewal_without_a_rival_succeeds,
            stale_renewal_is_fenced,
            released_lease_is_fenced,
            open_renewal_keeps_rivals_out,
        ]);
        $crate::__contract_suite!($fixture, emitter, Single, emitter: [
            committed_events_come_out,
            rolled_back_events_stay_in,
            events_go_with_their_savepoint,
            order_of_changes_is_kept,
            large_batches_keep_their_order,
        ]);
        $crate::__contract_suite!($fixture, field_catalog, Single, field_catalog: [
            nothing_is_known_at_first,
            saving_none_is_a_beginning,
            saved_fields_come_back_whole,
            saving_again_replaces,
            fields_are_of_the_connection_and_entity,
            rolled_back_fields_are_gone,
            fields_go_with_their_savepoint,
            holders_take_turns,
            hundreds_of_fields_at_once,
            odd_text_in_labels_is_no_error,
        ]);
        $crate::__contract_suite!($fixture, tenancy, Multi, tenancy: [
            writing_without_tenant_is_refused,
            same_key_of_two_tenants_is_two_subscriptions,
            subscriptions_are_apart,
            positions_are_apart,
            audit_is_apart,
            runs_are_apart,
            letters_are_apart,
            fields_are_apart,
            tenant_gets_its_own_rows,
        ]);
    };
}

/// The suite of erasing a tenant, for one [`StoreFixture`](crate::contract::StoreFixture).
#[macro_export]
macro_rules! eraser_contract {
    ($fixture:ty) => {
        $crate::__contract_suite!($fixture, eraser, Multi, eraser: [
            erased_tenant_is_gone_and_others_stay,
            counted_rows_are_those_erased,
            erasing_goes_on_in_bounded_steps,
        ]);
    };
}

/// The suites of connected accounts, for one [`ConnectionFixture`](crate::contract::ConnectionFixture).
#[macro_export]
macro_rules! connection_contract {
    ($fixture:ty) => {
        $crate::__contract_suite!($fixture, connections, Single, connections: [
            unknown_connection_is_nothing,
            announced_connection_is_pending,
            announcing_leaves_a_connection_alone,
            grant_comes_back_whole,
            grant_replaces_the_former_one,
            rolled_back_grant_is_gone,
            grant_goes_with_its_savepoint,
            listed_by_id,
            walked_in_pages,
            found_by_account,
            revoked_connection_has_no_secrets,
            forgotten_connection_is_gone,
            only_the_dead_are_revived,
            sealing_anew_keeps_the_generation,
            outdated_sealing_is_left_out,
            hundreds_are_sealed_at_once,
            newer_grants_of_the_same_user_are_counted,
            own_grants_count_as_well,
            grant_written_anew_is_not_counted,
        ]);
        $crate::__contract_suite!($fixture, connections_of_tenants, Multi, connections: [
            tenants_have_their_own_connections,
            connecting_without_tenant_is_refused,
        ]);
        $crate::__contract_suite!($fixture, refreshes, Single, refreshes: [
            free_refresh_is_granted,
            refresh_of_nothing_is_an_error,
            held_refresh_is_refused,
            one_of_many_may_refresh,
            refreshed_secrets_are_kept,
            saving_gives_the_right_up,
            expired_right_is_taken_over,
            stale_holder_is_fenced,
            saving_twice_is_fenced,
            new_grant_fences_a_refresh,
            ended_grant_is_dead,
            unresolved_exchange_is_told,
            release_without_doubt_tells_nothing,
            stale_release_does_nothing,
        ]);
        $crate::__contract_suite!($fixture, authorisations, Single, authorisations: [
            begun_authorisation_comes_back_whole,
            taken_authorisation_is_used,
            one_of_many_takes_it,
            unknown_state_is_unknown,
            same_state_twice_is_refused,
            ended_authorisations_are_cleared,
        ]);
        $crate::__contract_suite!($fixture, authorisations_of_tenants, Multi, authorisations: [
            other_tenants_authorisation_is_unknown,
        ]);
    };
}

/// The suite of the inbox of webhooks, for one [`StoreFixture`](crate::contract::StoreFixture) whose store has one.
#[macro_export]
macro_rules! webhook_inbox_contract {
    ($fixture:ty) => {
        $crate::__contract_suite!($fixture, inbox, Single, inbox: [
            nothing_waits_at_first,
            staged_notices_come_back_in_order,
            repeat_is_staged_once,
            same_key_elsewhere_is_another_notice,
            simultaneous_repeats_are_one,
            rolled_back_notices_are_gone,
            settling_goes_with_its_transaction,
            backlog_is_counted,
            purge_removes_what_was_settled_before,
            thousands_of_notices_at_once,
            listener_is_told_of_staging,
        ]);
        $crate::__contract_suite!($fixture, inbox_tenancy, Multi, inbox: [
            notices_are_apart,
            staging_without_tenant_is_refused,
        ]);
    };
}

/// The suites of table sinks and their listing, for one [`SinkFixture`](crate::contract::SinkFixture).
#[macro_export]
macro_rules! sink_contract {
    ($fixture:ty) => {
        $crate::__contract_suite!($fixture, sink, Single, sink: [
            one_answer_per_id_in_order,
            deleted_row_is_found,
            deleting_twice_is_no_error,
            writing_over_a_deleted_row_restores_it,
            local_ids_are_those_given,
            another_writers_id_is_kept,
            update_replaces_every_field,
            second_write_changes_nothing,
            versions_move_alone,
            thousands_of_rows_at_once,
            statements_do_not_grow_with_the_batch,
            connections_are_apart,
            nul_in_a_field_names_the_record,
            overlong_text_names_the_record,
            neighbours_of_a_failed_record_are_written,
            rolled_back_rows_are_gone,
        ]);
        $crate::__contract_suite!($fixture, sink_of_tenants, Multi, sink: [
            tenants_are_apart,
            writing_without_tenant_is_refused,
        ]);
        $crate::__contract_suite!($fixture, values, Single, values: [
            filled_record_comes_back,
            empty_record_comes_back,
            decimals_are_exact,
            numbers_and_instants_keep_their_extremes,
            text_is_kept,
            structured_values_are_kept,
            custom_fields_are_kept,
            custom_decimals_are_exact,
        ]);
        $crate::__contract_suite!($fixture, links, Single, links: [
            present_parent_is_bound,
            late_parent_is_bound,
            rolled_back_parent_binds_when_it_comes_again,
            parent_of_the_same_batch_is_bound,
            late_parent_in_the_same_table_is_bound,
            changed_link_follows,
            outdated_wait_binds_nothing,
            removed_link_is_removed,
            parents_of_other_connections_are_not_bound,
            restored_child_is_bound,
            thousands_of_late_parents_are_bound,
            missing_required_parent_names_the_record,
        ]);
        $crate::__contract_suite!($fixture, links_of_tenants, Multi, links: [
            parents_of_other_tenants_are_not_bound,
        ]);
        $crate::__contract_suite!($fixture, merges, Single, merges: [
            links_move_to_the_survivor,
            late_survivor_gets_the_links,
            late_child_goes_to_the_survivor,
            waiting_child_goes_to_the_survivor,
            chains_lead_to_their_end,
            merging_again_moves_the_own_links,
            circles_are_refused,
            restored_record_gets_its_links_back,
            restored_survivor_gets_its_chain_back,
            links_within_a_table_move,
            survivor_is_parent_enough,
            merges_are_of_their_connection,
            rolled_back_merge_moved_nothing,
            statements_do_not_grow_with_the_merges,
            merge_is_one_audit_entry,
            circle_is_parked,
        ]);
        $crate::__contract_suite!($fixture, merges_of_tenants, Multi, merges: [
            merges_are_of_their_tenant,
        ]);
        $crate::__contract_suite!($fixture, replay, Single, replay: [
            audit_folds_to_the_row,
        ]);
        $crate::__contract_suite!($fixture, listing, Single, listing: [
            live_rows_are_paged,
            deleted_rows_are_not_listed,
            other_connections_are_not_listed,
        ]);
        $crate::__contract_suite!($fixture, listing_of_tenants, Multi, listing: [
            other_tenants_are_not_listed,
        ]);
    };
}

/// The suites of edits that wait for the CRM and of questions for a person, and stories of both sides being edited, for
/// one [`SinkFixture`](crate::contract::SinkFixture).
#[macro_export]
macro_rules! writeback_contract {
    ($fixture:ty) => {
        $crate::__contract_suite!($fixture, local_changes, Single, local_changes: [
            edits_come_back_whole,
            rolled_back_edits_are_gone,
            due_records_come_with_all_their_edits,
            settling_leaves_other_edits,
            standings_come_back_whole,
            adopted_records_keep_what_waits,
            waiting_changes_are_of_the_connection_and_entity,
            asking_again_replaces,
            closed_questions_are_gone,
        ]);
        $crate::__contract_suite!($fixture, local_changes_of_tenants, Multi, local_changes: [
            waiting_changes_are_of_the_tenant,
        ]);
        $crate::__contract_suite!($fixture, adoption, Single, adoption: [
            adopted_row_keeps_everything_else,
            taken_id_is_left_alone,
        ]);
        $crate::__contract_suite!($fixture, convergence, Single, convergence: [
            edits_converge_with_keys,
            edits_converge_without_keys,
        ]);
    };
}

/// What only tables have whose custom fields are definitions and values, for one
/// [`SinkFixture`](crate::contract::SinkFixture), usually [`Eav`](crate::contract::Eav).
#[macro_export]
macro_rules! eav_contract {
    ($fixture:ty) => {
        $crate::__contract_suite!($fixture, eav, Single, eav: [
            values_keep_their_kind,
            removed_fields_are_gone,
            deleted_row_keeps_its_custom_fields,
            definitions_are_of_their_connection,
            row_that_was_there_gets_the_custom_fields,
            switched_table_reads_as_before,
            noop_projects_what_never_was,
            projecting_anew_is_cheap,
        ]);
    };
}

/// The suite of the outbox and its delivery, for one [`OutboxFixture`](crate::contract::outbox::OutboxFixture).
#[macro_export]
macro_rules! outbox_contract {
    ($fixture:ty) => {
        $crate::__contract_suite!($fixture, outbox, Single, outbox: [
            committed_events_reach_every_consumer,
            applied_changes_are_events,
            new_consumer_starts_where_it_wants,
            record_is_not_overtaken,
            records_are_told_apart,
            claim_takes_a_record_in_order,
            ended_claim_is_claimed_again,
            released_events_are_free,
            rolled_back_claim_is_free,
            simultaneous_claims_share,
            consumers_and_lanes_are_apart,
            failed_event_comes_again,
            parked_event_waits_for_its_replay,
            later_events_may_pass,
            long_tail_of_a_parked_event_is_passed_by,
            only_received_events_are_purged,
            queues_tell_the_lag,
            listener_is_told_of_commits,
        ]);
        $crate::__contract_suite!($fixture, outbox_of_tenants, Multi, outbox: [
            events_keep_their_tenant,
        ]);
    };
}

/// The suite of change sources, for one [`SourceFixture`](crate::contract::SourceFixture).
#[macro_export]
macro_rules! source_contract {
    ($fixture:ty) => {
        $crate::__source_suite!(
            $fixture,
            [
                nothing_is_an_empty_stream,
                everything_comes_first,
                end_is_the_end,
                resuming_anywhere_loses_nothing,
                later_changes_come_next,
                versions_grow,
                deletions_come,
                unreadable_record_is_a_change,
                disturbances_are_not_seen,
                stream_ends_though_changes_go_on,
                dropped_stream_can_be_read_again,
            ]
        );
    };
}

/// The suite of sources of custom fields, for one [`CustomFieldFixture`](crate::contract::CustomFieldFixture).
#[macro_export]
macro_rules! custom_field_contract {
    ($fixture:ty) => {
        $crate::__custom_field_suite!(
            $fixture,
            [
                field_is_listed_while_it_is_there,
                broken_description_is_an_error,
                values_of_the_named_fields_come,
                empty_fields_are_an_empty_stream,
                removed_field_holds_up_no_other,
                disturbances_are_not_seen,
            ]
        );
    };
}

/// The suite of writers, for one [`WriterFixture`](crate::contract::WriterFixture).
#[macro_export]
macro_rules! writer_contract {
    ($fixture:ty) => {
        $crate::__writer_suite!(
            $fixture,
            [
                nothing_is_nothing,
                answers_stand_where_their_writes_do,
                created_is_told_from_changed,
                refused_record_holds_up_no_other,
                create_again_finds_the_record,
                made_records_are_found_by_key,
                update_again_changes_nothing,
                archive_again_is_no_error,
                fields_not_named_stay,
                custom_fields_are_written_one_by_one,
                null_clears,
                stale_record_is_not_written_over,
                present_version_is_written_over,
                gone_record_is_told,
                lost_answer_is_unknown,
                any_text_arrives_as_it_is,
                other_fields_are_never_sent,
            ]
        );
    };
}

/// The suite of fingerprint stores, for one [`LoopbackFixture`](crate::contract::LoopbackFixture).
#[macro_export]
macro_rules! loopback_contract {
    ($fixture:ty) => {
        $crate::__loopback_suite!(
            $fixture,
            [
                own_write_is_an_echo,
                other_form_of_our_write_is_an_echo,
                difference_in_any_field_is_no_echo,
                each_change_gets_its_answer,
                nothing_asked_is_nothing_answered,
                tenants_connections_entities_and_records_are_apart,
                every_subscription_of_a_connection_knows,
                deletion_is_no_echo,
                partial_record_is_no_echo,
                unreadable_and_left_out_records_are_no_echoes,
                echo_may_come_again,
                last_write_counts,
                return_to_our_write_is_no_echo,
                return_to_our_write_within_a_call_is_no_echo,
                other_records_changes_forget_nothing,
                echo_is_known_for_its_time,
                late_echo_is_no_echo,
                thousands_of_changes_cost_a_few_requests,
            ]
        );
    };
}

/// One module of tests on stores.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_suite {
    ($fixture:ty, $name:ident, $tenancy:ident, $suite:ident: [$($case:ident,)*]) => {
        mod $name {
            use super::*;

            $(
                #[tokio::test]
                async fn $case() {
                    let tenancy = $crate::contract::Tenancy::$tenancy;
                    $crate::contract::run(tenancy, $crate::contract::$suite::$case::<$fixture>).await;
                }
            )*
        }
    };
}

/// The module of tests on a source.
#[doc(hidden)]
#[macro_export]
macro_rules! __source_suite {
    ($fixture:ty, [$($case:ident,)*]) => {
        mod source {
            use super::*;

            $(
                #[tokio::test]
                async fn $case() {
                    $crate::contract::run_source($crate::contract::source::$case::<$fixture>).await;
                }
            )*
        }
    };
}

/// The module of tests on a writer.
#[doc(hidden)]
#[macro_export]
macro_rules! __writer_suite {
    ($fixture:ty, [$($case:ident,)*]) => {
        mod writer {
            use super::*;

            $(
                #[tokio::test]
                async fn $case() {
                    $crate::contract::run_writer($crate::contract::writer::$case::<$fixture>).await;
                }
            )*
        }
    };
}

/// The module of tests on a source of custom fields.
#[doc(hidden)]
#[macro_export]
macro_rules! __custom_field_suite {
    ($fixture:ty, [$($case:ident,)*]) => {
        mod custom_fields {
            use super::*;

            $(
                #[tokio::test]
                async fn $case() {
                    $crate::contract::run_custom_fields($crate::contract::custom_fields::$case::<$fixture>).await;
                }
            )*
        }
    };
}

/// The module of tests on a fingerprint store.
#[doc(hidden)]
#[macro_export]
macro_rules! __loopback_suite {
    ($fixture:ty, [$($case:ident,)*]) => {
        mod loopback {
            use super::*;

            $(
                #[tokio::test]
                async fn $case() {
                    $crate::contract::run_loopback($crate::contract::loopback::$case::<$fixture>).await;
                }
            )*
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_listed() {
        let lists = include_str!("macros.rs");
        let suites = [
            include_str!("adoption.rs"),
            include_str!("audit.rs"),
            include_str!("authorisations.rs"),
            include_str!("connections.rs"),
            include_str!("convergence.rs"),
            include_str!("cursors.rs"),
            include_str!("custom_fields.rs"),
            include_str!("dead_letters.rs"),
            include_str!("eav.rs"),
            include_str!("emitter.rs"),
            include_str!("field_catalog.rs"),
            include_str!("inbox.rs"),
            include_str!("leases.rs"),
            include_str!("links.rs"),
            include_str!("listing.rs"),
            include_str!("local_changes.rs"),
            include_str!("loopback.rs"),
            include_str!("merges.rs"),
            include_str!("outbox.rs"),
            include_str!("recorder.rs"),
            include_str!("refreshes.rs"),
            include_str!("replay.rs"),
            include_str!("sink.rs"),
            include_str!("source.rs"),
            include_str!("subscriptions.rs"),
            include_str!("tenancy.rs"),
            include_str!("unit_of_work.rs"),
            include_str!("values.rs"),
        ];
        let listed: Vec<&str> = lists.lines().filter_map(|line| line.trim().strip_suffix(',')).collect();
        let case = |line: &'static str| line.strip_prefix("pub async fn ")?.split('<').next();
        for name in suites.iter().flat_map(|suite| suite.lines()).filter_map(case) {
            let times = |name: &str| listed.iter().filter(|listed| **listed == name).count();
            let defined = |name: &str| {
                suites.iter().flat_map(|s| s.lines()).filter_map(case).filter(|n| *n == name).count()
            };
            assert_eq!(times(name), defined(name), "{name}");
        }
    }
}
