//! What went wrong in the two Python libraries, each fault with the tests that it does not happen
//! here. The faults were reproduced on PodSixNet 0.11.0 (A) and repodnet 0.1.2 (B).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The fault, and the tests. What the old wire itself forces is in the manual, page 9.
const DEFECTS: [(&str, &str, &[&str]); 25] = [
    (
        "A1",
        "a terminator inside of a payload cuts it",
        &[
            "everything_that_podsixnet_can_say_comes_back_as_it_was",
            "a_client_plays_with_a_podsixnet_server",
        ],
    ),
    (
        "A2",
        "no limit on a frame, nor on what waits",
        &[
            "a_frame_without_end_is_cut_off_at_the_limit",
            "a_peer_that_does_not_read_is_cut_off_and_the_others_miss_nothing",
            "a_message_just_below_the_limit_goes_both_ways_and_beyond_it_ends_one_link",
        ],
    ),
    (
        "A3",
        "who has left stays in the list for ever",
        &["a_peer_connects_once_speaks_and_leaves_once", "podsixnet_and_rust_chat"],
    ),
    (
        "A4",
        "few wait to be accepted, one is in a pump, a thousand are at all",
        &[
            "many_connect_and_leave_at_once",
            "no_more_are_accepted_in_a_pump_than_allowed",
            "a_crowd_is_echoed_exactly_once_and_in_order_whoever_is_killed_or_reset_meanwhile",
        ],
    ),
    (
        "A5",
        "floats of 32 bits, bytes as text: forced by the wire, and told",
        &["everything_that_podsixnet_can_say_comes_back_as_it_was"],
    ),
    (
        "A6",
        "messages lost or doubled by the order of pumps",
        &["a_full_queue_of_events_holds_peers_back_and_drops_nothing"],
    ),
    (
        "A7",
        "an error that is not what its page says",
        &[
            "nobody_there_is_a_failure_and_not_a_freeze",
            "every_reason_for_an_end_is_there_with_its_words",
        ],
    ),
    (
        "A8",
        "an error in place of the end",
        &["resets_in_the_middle_of_everything", "a_peer_connects_once_speaks_and_leaves_once"],
    ),
    (
        "A9",
        "words that are taken for events",
        &[
            "everything_that_podsixnet_can_say_comes_back_as_it_was",
            "a_server_that_says_the_words_of_events_fires_none_on_the_client",
        ],
    ),
    ("A10", "one connection in a process", &["two_hundred_of_all_kinds_hear_each_other"]),
    (
        "A11",
        "no IPv6, no time-outs, no heartbeat, no kick (and no secrecy: forced by the wire)",
        &[
            "a_name_is_looked_up_and_ipv6_works_where_it_exists",
            "heartbeats_keep_a_silent_link_and_measure_it",
            "a_kick_arrives_with_its_words",
            "who_is_silent_for_too_long_is_sent_away",
        ],
    ),
    ("A12", "gone with Python 3.12", &["four_real_kinds_are_in_one_chat"]),
    ("B1", "nil stalls the stream", &["values_that_are_no_message_are_left_out"]),
    (
        "B2",
        "a handler's exception makes a zombie",
        &["an_error_of_a_handler_is_told_and_hurts_one_message"],
    ),
    (
        "B3",
        "the word disconnected makes a zombie",
        &["the_greeting_is_repods_and_fires_nothing_twice"],
    ),
    (
        "B4",
        "what is sent before the connection is up is lost",
        &["what_is_sent_before_the_connection_is_up_comes_first_and_in_order"],
    ),
    (
        "B5",
        "connected is told twice",
        &["a_peer_connects_once_speaks_and_leaves_once", "a_client_plays_with_a_python_server"],
    ),
    (
        "B6",
        "no limits, a quadratic buffer, one starves all",
        &[
            "a_frame_that_is_too_long_ends_the_link_with_its_header",
            "a_flood_holds_up_nobody_for_longer_than_a_pump",
            "one_byte_at_a_time_is_as_good_as_all_at_once",
        ],
    ),
    (
        "B7",
        "an error while connecting leaks the peer",
        &["every_set_of_handlers_hears_everything_and_a_panic_in_one_repeats_nothing"],
    ),
    ("B8", "a reset during a write leaves a ghost", &["no_ghosts_after_resets_while_writing"]),
    ("B9", "five milliseconds before anything is sent", &["a_flush_sends_without_a_pump"]),
    (
        "B10",
        "nobody can be kicked",
        &["a_kick_arrives_with_its_words", "a_kick_shows_its_words_in_the_other_terminal"],
    ),
    (
        "B11",
        "errors are told to nobody",
        &["what_cannot_be_sent_is_told_with_peer_action_and_cause"],
    ),
    (
        "B12",
        "what is sent just before a close is lost",
        &["what_is_sent_just_before_a_close_arrives", "a_client_leaves_a_python_server"],
    ),
    ("B13", "handlers run beside the game", &["a_server_may_live_on_a_thread_of_its_own"]),
];

/// The names of all tests of this crate.
fn names(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            names(&path, into);
            continue;
        }
        let source = fs::read_to_string(&path).expect("a source");
        let tests = source.split("#[test]").skip(1);
        let name = |test: &str| Some(test.split_once("fn ")?.1.split_once('(')?.0.to_owned());
        into.extend(tests.filter_map(name));
    }
}

#[test]
fn every_fault_of_old_has_its_test() {
    let mut tests = BTreeSet::new();
    names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"), &mut tests);
    let numbers: Vec<_> = DEFECTS.iter().map(|(number, _, _)| (*number).to_owned()).collect();
    let a = (1..=12).map(|n| format!("A{n}"));
    assert_eq!(numbers, a.chain((1..=13).map(|n| format!("B{n}"))).collect::<Vec<_>>());
    for (number, fault, names) in DEFECTS {
        assert!(!names.is_empty());
        for name in names {
            assert!(tests.contains(*name), "{number}, {fault}: there is no test {name}");
        }
    }
}
