//! The contract of a store: every rule is a function over any store, and every store of ours runs them all.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accepting;
mod accounting;
mod alike;
mod announcing;
mod bench;
mod clock;
mod committing;
mod joining;
mod keeping;
mod letters;
mod random;
mod reading;
mod simulated;
mod sqlite;

/// Makes a test of each rule for one bench. A rule that no store runs is dead code, and does not build.
macro_rules! tests_of {
    ($bench:ty, $($file:ident :: { $($rule:ident),* $(,)? }),* $(,)?) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                crate::$file::$rule::<$bench>().await;
            }
        )*)*
    };
}

/// All rules, for one bench.
macro_rules! contract {
    ($bench:ty) => {
        tests_of! { $bench,
            accepting::{
                same_task_twice_is_one_task,
                what_was_accepted_is_known,
                same_id_with_another_body_is_a_conflict,
                a_record_returns_what_was_accepted,
                the_queue_is_in_order_of_acceptance,
                a_timer_waits_for_its_moment,
                a_start_precedes_its_commit,
                recovery_takes_the_lease,
                deadlines_are_found,
                the_list_leaves_out_pages,
                nothing_is_lost_at_the_end_of_the_process,
            },
            committing::{
                a_commit_stores_everything,
                a_refused_commit_leaves_nothing,
                a_stale_commit_is_refused,
                known_facts_change_no_version,
                the_same_cause_makes_nothing_twice,
                an_impossible_commit_is_invalid,
                a_bad_commit_fails_alone,
                counts_tell_how_tasks_ended,
            },
            joining::{
                a_parent_joins_its_children,
                children_that_end_at_once_join_once,
                a_wait_for_nothing_is_over_at_once,
                a_repeated_wait_changes_nothing,
                a_join_survives_the_end_of_the_process,
                cancelling_ends_the_tree,
                cancelling_reaches_every_depth,
                cancelling_needs_a_task_and_its_outcome,
                a_known_task_is_nobodys_new_child,
            },
            announcing::{
                lanes_are_in_commit_order,
                a_repeat_says_which_attempt_it_is,
                the_undelivered_are_told,
            },
            letters::{
                a_task_that_could_not_be_worked_on_leaves_a_letter,
                an_undeliverable_announcement_leaves_a_letter,
                a_letter_is_stored_and_told_once,
                a_letter_ends_once,
                an_announcement_is_announced_again_once,
                the_letter_of_a_replay_goes_on_counting,
                ten_thousand_letters_are_read_by_pages,
            },
            reading::{
                a_fact_is_stored_once,
                reading_is_as_of_a_moment,
                far_moments_come_back,
                spans_cover_everyone_once,
                arrival_order_does_not_matter,
                names_follow_the_facts,
                names_of_one_moment_are_told_apart_by_their_ids,
                spans_know_what_was_told_late,
            },
            keeping::{conversations_expire, facts_are_counted, all_announcements_are_told},
            accounting::{the_account_holds_at_every_instant},
        }
    };
}

mod on_sqlite {
    contract! { crate::sqlite::SqliteBench }
}

mod on_simulated {
    contract! { crate::simulated::SimBench }
}
