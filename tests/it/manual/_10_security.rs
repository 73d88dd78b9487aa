//! Security: every limit that bounds an attack is on the page, with its default.

use std::collections::BTreeSet;

use super::_06_limits::{figure, limits};
use super::{page, rows};

#[test]
fn every_limit_bounds_something_and_has_its_default() {
    let fields = limits();
    let page = page("_10_security.rs");
    let mut named = BTreeSet::new();
    for row in [rows(&page, "attack"), rows(&page, "mistake")].concat() {
        let [_, _, bound, default] = &row[..] else { panic!("{row:?}") };
        if bound.is_empty() {
            assert_eq!(default, "");
            continue;
        }
        let bound = (bound.trim_matches('`').to_owned(), figure(default));
        assert!(fields.contains(&bound), "{bound:?} is none of {fields:?}");
        named.insert(bound.0);
    }
    let missing: Vec<_> = fields.iter().filter(|(name, _)| !named.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?} is not on the page");
}
