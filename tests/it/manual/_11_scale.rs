//! Page 11: the figures that do not depend on a machine.

use hexapod::Config;

use super::{page, rows};

/// The numbers in a text, in order.
fn numbers(text: &str) -> Vec<usize> {
    let digits = text.split(|letter: char| !letter.is_ascii_digit());
    digits.filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn what_an_idle_peer_costs_adds_up() {
    let page = page("_11_scale.rs");
    let begun = page.find("An idle peer in detail").expect("the detail");
    let detail = &page[begun..];
    let (parts, rest) = detail.split_once("That makes ").expect("the sum");
    let sum = numbers(rest)[0];
    assert_eq!(numbers(parts).iter().sum::<usize>(), sum);
    let row = rows(&page, "of whom").swap_remove(0);
    let measured = numbers(&row[1])[0];
    // What it costs at most is held by `alloc.rs`; a table has room for an eighth more.
    assert!((sum..=sum + sum / 8).contains(&measured), "{measured}");
}

#[test]
fn the_defaults_it_names_are_those_of_the_configuration() {
    let (page, config) = (page("_11_scale.rs"), Config::new());
    let places = page.split("**Places**").nth(1).expect("places");
    assert_eq!(numbers(places)[..2], [config.max_peers, config.max_peers_per_address]);
}

#[test]
fn a_core_is_full_where_the_table_says() {
    let page = page("_11_scale.rs");
    let text = page.split_whitespace().collect::<Vec<_>>().join(" ");
    // The last row, per peer, goes into the pumps of a second.
    let last = rows(&page, "peers, idle").pop().expect("a row");
    let peers: usize = last[0].replace(',', "").parse().expect("a number");
    let share: f64 = last[2].trim_end_matches(" %").parse().expect("a share");
    let full = peers as f64 / share * 100.0;
    let said = text.split("full at about ").nth(1).expect("a claim");
    let said = said.split(' ').next().expect("a number").replace(',', "");
    let said: f64 = said.parse().expect("a number");
    assert!((said / full - 1.0).abs() < 0.2, "{said}, and it is {full}");
}
