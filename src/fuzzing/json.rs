//! The body of the target `json`: one payload, against the tree that serde_json makes of it.
//!
//! The input is the payload, nothing else.

use serde_json::Value as Tree;

use crate::codec::{Codec, Json, check_codec};
use crate::limits::{DEEPEST, Limits};
use crate::message::{Encoder, ValueRef};

pub(super) fn run(data: &[u8]) {
    check_codec(&Json, data);
    let limits = Limits { depth: DEEPEST, elements: usize::MAX };
    let mut out = Encoder::writing_to(Vec::new());
    let read = Json.decode(data, limits, &mut out);
    let tree = serde_json::from_slice::<Tree>(data);
    assert_eq!(read.is_ok(), tree.is_ok(), "{read:?}, {tree:?}");
    let Ok(tree) = tree else { return };
    assert_eq!(out.one_value(), Ok(()));
    let canonical = out.into_buffer();
    let view = ValueRef::at(&canonical, 0).expect("one value");
    assert!(same(view, &tree), "{view:?}, {tree:?}");
    let mut text = Vec::new();
    Json.encode(view, &mut text).expect("what was read can be written");
    assert_eq!(serde_json::from_slice::<Tree>(&text).ok(), Some(tree), "written by ourselves");
    assert!(!text.contains(&0), "no byte of a terminator");
}

/// Whether a view is the tree, where of equal keys the last one counts.
fn same(view: ValueRef<'_>, tree: &Tree) -> bool {
    match (view, tree) {
        (ValueRef::Nil, Tree::Null) => true,
        (ValueRef::Bool(a), Tree::Bool(b)) => a == *b,
        (ValueRef::Int(int), Tree::Number(number)) => {
            let unsigned = || number.as_u64().map(i128::from);
            number.as_i64().map(i128::from).or_else(unsigned) == Some(int)
        }
        (ValueRef::F64(float), Tree::Number(number)) => {
            number.is_f64() && number.as_f64().map(f64::to_bits) == Some(float.to_bits())
        }
        (ValueRef::Str(a), Tree::String(b)) => a == b,
        (ValueRef::Array(items), Tree::Array(tree)) => {
            items.len() == tree.len() && items.iter().zip(tree).all(|(a, b)| same(a, b))
        }
        (ValueRef::Map(pairs), Tree::Object(tree)) => {
            pairs.len() >= tree.len()
                && pairs.iter().all(|(key, _)| key.as_str().is_some_and(|it| tree.contains_key(it)))
                && tree.iter().all(|(k, v)| pairs.get(k).is_some_and(|value| same(value, v)))
        }
        _ => false,
    }
}
