//! The body of the target `msgpack`: one payload, looked at in every way there is.
//!
//! ```text
//! bytes ── Checker ──> good? ── ValueRef ──> view ── to_value ──> tree ── Encoder ──> bytes
//! bytes ── Index ──> Message ── field, get ──> the same view
//! ```
//!
//! The input is the payload, nothing else. What a tree costs is measured where the caller can.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher};

use super::Measure;
use crate::config::Config;
use crate::limits::{DEEPEST, Limits};
use crate::message::{
    FieldKey, Index, Message, MessageError, Outgoing, ReadError, ValueError, ValueRef,
};
use crate::msgpack::{Checker, DecodeError, Reader};
use crate::value::{Timestamp, Value};

/// What `msg!("x", v: …)` writes in front of the value.
const AROUND: &[u8] = b"\x82\xa6action\xa1x\xa1v";

/// How many keys of a message, and elements of a container, are looked up one by one.
const SOME: usize = 24;

pub(super) fn run(data: &[u8], measure: &mut Measure<'_>) {
    // Encoding puts one more map around the value.
    let deep = Limits { depth: DEEPEST - 1, elements: usize::MAX };
    let usual = Config::new().limits();
    let tight = Limits { depth: 3, elements: 12 };
    let checked = [deep, usual, tight].map(|limits| check(data, limits));
    assert_eq!(checked[0].ok(), expected(data), "{:?}", checked[0]);
    for (limits, outcome) in [deep, usual, tight].into_iter().zip(checked) {
        message(data, limits, outcome, measure);
        if let (Ok(found), wide) = (outcome, checked[0]) {
            assert_eq!(Ok(found), wide, "a limit only refuses");
            let (elements, depth) = found;
            assert!(elements <= limits.elements && depth <= limits.depth);
        }
    }
    if let Ok(found) = checked[0] {
        value(data, found, measure);
    }
}

/// What the check has to say of a payload that is good: how many values, how deep.
pub(super) fn expected(data: &[u8]) -> Option<(usize, usize)> {
    let found = reference(data, 0, DEEPEST).filter(|found| found.end == data.len());
    found.map(|found| (found.values, found.depth)).filter(|(_, depth)| *depth < DEEPEST)
}

/// A good value, as a reader finds it that is written straight from the specification. It recurses,
/// so it goes no deeper than what it is compared with: what nests deeper is no good value here.
struct Found {
    end: usize,
    values: usize,
    depth: usize,
}

fn reference(bytes: &[u8], at: usize, levels: usize) -> Option<Found> {
    let number = |at: usize, len: usize| {
        let bytes = bytes.get(at..at + len)?;
        Some(bytes.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte)))
    };
    let marker = *bytes.get(at)?;
    // How long the head is, how long what follows it, and how many values stand behind that.
    let (head, len, inside) = match marker {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => (1, 0, 0),
        0x80..=0x8f => (1, 0, usize::from(marker & 15) * 2),
        0x90..=0x9f => (1, 0, usize::from(marker & 15)),
        0xa0..=0xbf => (1, usize::from(marker & 31), 0),
        0xc1 => return None,
        0xc4 | 0xd9 => (2, number(at + 1, 1)?, 0),
        0xc5 | 0xda => (3, number(at + 1, 2)?, 0),
        0xc6 | 0xdb => (5, number(at + 1, 4)?, 0),
        0xc7 => (3, number(at + 1, 1)?, 0),
        0xc8 => (4, number(at + 1, 2)?, 0),
        0xc9 => (6, number(at + 1, 4)?, 0),
        0xcc | 0xd0 => (1, 1, 0),
        0xcd | 0xd1 => (1, 2, 0),
        0xca | 0xce | 0xd2 => (1, 4, 0),
        0xcb | 0xcf | 0xd3 => (1, 8, 0),
        0xd4..=0xd8 => (2, 1 << (marker - 0xd4), 0),
        0xdc => (3, 0, number(at + 1, 2)?),
        0xdd => (5, 0, number(at + 1, 4)?),
        0xde => (3, 0, number(at + 1, 2)? * 2),
        0xdf => (5, 0, number(at + 1, 4)? * 2),
    };
    let content = bytes.get(at + head..at + head + len)?;
    if matches!(marker, 0xa0..=0xbf | 0xd9..=0xdb) {
        std::str::from_utf8(content).ok()?;
    }
    let is_ext = matches!(marker, 0xc7..=0xc9 | 0xd4..=0xd8);
    if is_ext && bytes[at + head - 1] >= 0x80 && !is_timestamp(bytes[at + head - 1], content) {
        return None;
    }
    let is_container = |marker: u8| matches!(marker, 0x80..=0x9f | 0xdc..=0xdf);
    let is_map = matches!(marker, 0x80..=0x8f | 0xde | 0xdf);
    let mut found = Found { end: at + head + len, values: 1, depth: 0 };
    for value in 0..inside {
        if is_map && value % 2 == 0 && bytes.get(found.end).copied().is_some_and(is_container) {
            return None;
        }
        let next = reference(bytes, found.end, levels.checked_sub(1)?)?;
        found.end = next.end;
        found.values += next.values;
        found.depth = found.depth.max(next.depth);
    }
    found.depth += usize::from(is_container(marker));
    Some(found)
}

/// Whether an extension is a point in time: of less than a second's nanoseconds, in 30 or 32 bits.
fn is_timestamp(kind: u8, content: &[u8]) -> bool {
    let nanoseconds = match content {
        [_, _, _, _] => 0,
        [a, b, c, d, _, _, _, _] => u32::from_be_bytes([*a, *b, *c, *d]) >> 2,
        [a, b, c, d, _, _, _, _, _, _, _, _] => u32::from_be_bytes([*a, *b, *c, *d]),
        _ => u32::MAX,
    };
    kind == 0xff && nanoseconds < 1_000_000_000
}

/// Checks a payload; tells how many values it holds, and how deep they nest.
pub(super) fn check(bytes: &[u8], limits: Limits) -> Result<(usize, usize), DecodeError> {
    let mut checker = Checker::new(limits);
    checker.value(Reader::new(bytes, 0), 0)?.end()?;
    Ok(checker.measure())
}

/// What reading may reserve for a payload.
fn bound(payload: &[u8]) -> usize {
    64 * payload.len() + 4096
}

/// A good value: view, tree and what is written of them are the same.
fn value(data: &[u8], found: (usize, usize), measure: &mut Measure<'_>) {
    let view = ValueRef::at(data, 0).expect("checked bytes hold a value");
    let mut tree = Value::Nil;
    let peak = measure(&mut || tree = view.to_value());
    assert!(peak <= bound(data), "a tree of {} bytes took {peak}", data.len());

    assert!(same(view, &tree), "the view differs from the tree: {view:?}, {tree:?}");
    assert_eq!(size(&tree), found, "as many values as were counted");
    assert_eq!(view.to_string(), tree.to_string());
    read_as_everything(view);

    let encoded = encode(&tree);
    // All that the tree does not know is which arrays are tuples.
    let relayed = encode(&view);
    assert!(tuples(view) || relayed == encoded, "view and tree are written alike");
    let again = ValueRef::at(&relayed, 0).expect("what was written holds a value");
    assert!(same(again, &tree) && tuples(again) == tuples(view), "relayed: {again:?}, {tree:?}");
    assert_eq!(encode(&again), relayed, "and relayed again");
    assert!(encoded.len() <= data.len(), "canonical is shortest");
    if encoded.len() == data.len() {
        // No value was shortened, so all bytes are the same; but an integer above 0 may have come
        // in a signed format of the same length.
        let alike = |(canonical, wire): (&u8, &u8)| {
            canonical == wire || (matches!(wire, 0xd1..=0xd3) && *canonical == wire - 4)
        };
        assert!(encoded.iter().zip(data).all(alike), "{encoded:x?} of {data:x?}");
    }
    let again = check(&encoded, Limits { depth: DEEPEST - 1, elements: usize::MAX });
    assert_eq!(again, Ok(found), "what is written is good");
    let again = ValueRef::at(&encoded, 0).expect("checked bytes hold a value");
    assert!(same(again, &tree), "written and read again: {again:?}, {tree:?}");
    assert_eq!(encode(&again.to_value()), encoded, "and written again");
}

/// A payload as a message, against what its tree says.
fn message(
    data: &[u8],
    limits: Limits,
    checked: Result<(usize, usize), DecodeError>,
    measure: &mut Measure<'_>,
) {
    let mut index = Index::default();
    let peak = measure(&mut || {
        // What comes of it is looked at below.
        let _ = Message::read(data, &mut index, limits);
    });
    assert!(peak <= bound(data), "an index of {} bytes took {peak}", data.len());

    let (message, found) = match (Message::read(data, &mut index, limits), checked) {
        (Err(ReadError::Malformed(error)), checked) => return assert_eq!(checked, Err(error)),
        (_, Err(error)) => panic!("read all the same: {error}"),
        (Err(ReadError::NotAMessage(error)), Ok(_)) => {
            let tree = ValueRef::at(data, 0).map(ValueRef::to_value);
            return assert_eq!(action(&tree.expect("a good value")), Err(error));
        }
        (Ok(message), Ok(found)) => (message, found),
    };
    let tree = message.to_value();
    assert_eq!(action(&tree).as_deref(), Ok(message.action()));
    assert!(same(ValueRef::Map(message.fields()), &tree));
    let Value::Map(pairs) = &tree else { panic!("a message is a map") };

    let some = pairs.iter().take(SOME).chain(pairs.iter().rev().take(SOME));
    for key in some.filter_map(|(key, _)| key.as_str()) {
        let field = message.field(key).expect("a key that is there");
        assert!(tree.get(key).is_some_and(|value| same(field, value)), "field {key:?}");
        assert!(message.fields().get(key).is_some_and(|value| same(value, &tree[key])));
        assert!(message.get::<ValueRef<'_>>(key).is_ok_and(|value| same(value, &tree[key])));
        told(message.get::<Vec<(u8, f32)>>(key));
    }
    let stranger = "no key of a fuzzer's, one hopes";
    if tree.get(stranger).is_none() {
        assert!(message.field(stranger).is_none());
        assert!(matches!(message.get::<Option<u8>>(stranger), Ok(None)));
        told(message.get::<u8>(stranger));
    }
    told(message.read_as::<BTreeMap<String, Value>>());

    // The same message again: as it is, from the tree, and field by field.
    let relayed = Outgoing::from(&message);
    assert_eq!(relayed.to_bytes(), Ok(data));
    assert_eq!((relayed.action(), relayed.measure()), (message.action(), found));
    let from_tree = Outgoing::from_value(&tree).expect("what was read can be written");
    assert_eq!((from_tree.action(), from_tree.measure()), (message.action(), found));
    let mut more = relayed.clone();
    more.field("one more", &message.fields().len());
    let mut index = Index::default();
    let wide = Limits { depth: DEEPEST, elements: usize::MAX };
    let more = more.to_bytes().expect("a field that can be written");
    let more = Message::read(more, &mut index, wide).expect("still a message");
    assert_eq!(more.action(), message.action());
    assert_eq!(more.get::<usize>("one more").ok(), Some(message.fields().len()));
    let all = ValueRef::Map(more.fields()).to_value();
    assert!(matches!(&all, Value::Map(all) if all.len() == pairs.len() + 1));

    if let Some(built) = build(pairs, message.action()) {
        assert_eq!(built.to_bytes(), from_tree.to_bytes());
        assert_eq!((built.action(), built.measure()), (message.action(), found));
    }
}

/// The action that a tree has, or why it is no message.
fn action(tree: &Value) -> Result<String, MessageError> {
    let Value::Map(pairs) = tree else {
        return Err(MessageError::NotAMap { found: kind(tree) });
    };
    let mut actions = pairs.iter().filter(|(key, _)| key.as_str() == Some("action"));
    match (actions.next(), actions.next()) {
        (None, _) => Err(MessageError::NoAction),
        (Some(_), Some(_)) => Err(MessageError::TwoActions),
        (Some((_, Value::Str(action))), None) => Ok(action.clone()),
        (Some((_, other)), None) => Err(MessageError::ActionNotText { found: kind(other) }),
    }
}

/// What a value is called before anybody has looked into its extensions.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Bool(_) => "a bool",
        Value::Int(_) => "an integer",
        Value::F32(_) | Value::F64(_) => "a float",
        Value::Str(_) => "a text",
        Value::Bytes(_) => "bytes",
        Value::Array(_) => "an array",
        Value::Map(_) => "a map",
        Value::Timestamp(_) | Value::Ext(..) => "an extension",
    }
}

/// The message made by adding its fields, where its first key is the action and the others may be
/// added.
fn build(pairs: &[(Value, Value)], action: &str) -> Option<Outgoing> {
    let ((Value::Str(first), _), fields) = pairs.split_first()? else { return None };
    let fits = |key: &Value| matches!(key, Value::Str(_)) || key.as_i64().is_some();
    if first != "action" || !fields.iter().all(|(key, _)| fits(key)) {
        return None;
    }
    fn add(message: &mut Outgoing, key: &(impl FieldKey + ?Sized), value: &Value) {
        message.field(key, value);
    }
    let mut message = Outgoing::new(action);
    for (key, value) in fields {
        match (key.as_str(), key.as_i64()) {
            (Some(key), _) => add(&mut message, key, value),
            (None, Some(key)) => add(&mut message, &key, value),
            (None, None) => return None,
        }
    }
    Some(message)
}

/// A value's canonical bytes.
fn encode(value: &impl crate::message::IntoValue) -> Vec<u8> {
    let mut message = Outgoing::new("x");
    message.field("v", value);
    let bytes = message.to_bytes().expect("what was read can be written");
    bytes.strip_prefix(AROUND).expect("a message of one field").to_vec()
}

/// Whether a view and a tree are the same, bit for bit: a NaN is itself, and 0 is not -0.
fn same(view: ValueRef<'_>, tree: &Value) -> bool {
    match (view, tree) {
        (ValueRef::Nil, Value::Nil) => true,
        (ValueRef::Bool(a), Value::Bool(b)) => a == *b,
        (ValueRef::Int(a), Value::Int(b)) => a == *b,
        (ValueRef::F32(a), Value::F32(b)) => a.to_bits() == b.to_bits(),
        (ValueRef::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits(),
        (ValueRef::Str(a), Value::Str(b)) => a == b,
        (ValueRef::Bytes(a), Value::Bytes(b)) => a == b,
        (ValueRef::Ext(a, bytes), Value::Ext(b, tree)) => a == *b && bytes == tree,
        (ValueRef::Timestamp(a), Value::Timestamp(b)) => a == *b,
        (ValueRef::Array(view), Value::Array(tree)) => {
            let ends = [0, tree.len().saturating_sub(1)];
            assert!(ends.iter().all(|at| view.get(*at).is_some() != tree.is_empty()));
            assert!(view.get(tree.len()).is_none() && view.is_empty() == tree.is_empty());
            view.len() == tree.len() && view.iter().zip(tree).all(|(a, b)| same(a, b))
        }
        (ValueRef::Map(view), Value::Map(tree)) => {
            let mut pairs = view.iter().zip(tree);
            view.len() == tree.len() && pairs.all(|((k, v), (l, w))| same(k, l) && same(v, w))
        }
        _ => false,
    }
}

/// Whether there is a tuple in it.
fn tuples(view: ValueRef<'_>) -> bool {
    match view {
        ValueRef::Array(items) => items.is_tuple() || items.iter().any(tuples),
        ValueRef::Map(pairs) => pairs.iter().any(|(_, value)| tuples(value)),
        _ => false,
    }
}

/// How many values a tree holds, and how deep they nest.
fn size(tree: &Value) -> (usize, usize) {
    let inside = |sizes: &mut dyn Iterator<Item = (usize, usize)>| {
        let (values, depth) = sizes.fold((0, 0), |a, b| (a.0 + b.0, a.1.max(b.1)));
        (values + 1, depth + 1)
    };
    match tree {
        Value::Array(items) => inside(&mut items.iter().map(size)),
        Value::Map(pairs) => inside(&mut pairs.iter().flat_map(|(k, v)| [size(k), size(v)])),
        _ => (1, 0),
    }
}

/// Reads a value as types of all sorts. What comes of it is theirs; it must come.
fn read_as_everything(view: ValueRef<'_>) {
    told(view.get::<bool>());
    told(view.get::<u8>());
    told(view.get::<i64>());
    told(view.get::<u128>());
    told(view.get::<f32>());
    told(view.get::<&str>());
    told(view.get::<&[u8]>());
    told(view.get::<Timestamp>());
    told(view.get::<Option<Box<Vec<u8>>>>());
    told(view.get::<[i16; 3]>());
    told(view.get::<(u8, String, Option<f64>)>());
    told(view.get::<Vec<Vec<Value>>>());
    told(view.get::<Steady<String, Steady<String, i8>>>());
    told(view.get::<BTreeMap<i32, (Value,)>>());
}

/// A table that is the same in each run, so that a fuzzer's seed decides what it tries.
type Steady<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// An error has words for its reader.
fn told<T>(outcome: Result<T, ValueError>) {
    if let Err(error) = outcome {
        assert!(!error.to_string().is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Case 38 of `tests/ATTACKS.md`: every payload of one, two and three bytes is what the
    /// specification says that it is. All 2^24 of three take an optimised build to be quick:
    /// `HEXAPOD_ATTACKS=full`. Without it, the second and third byte go in steps.
    #[test]
    fn case_38_every_payload_of_up_to_three_bytes() {
        let is_full = std::env::var_os("HEXAPOD_ATTACKS").is_some();
        let (second, third) = if is_full { (1, 1) } else { (5, 7) };
        let limits = Limits { depth: DEEPEST, elements: usize::MAX };
        let (mut index, mut good, mut bad) = (Index::default(), 0_u32, 0_u32);
        let mut judge = |payload: &[u8]| {
            let found = reference(payload, 0, DEEPEST).filter(|found| found.end == payload.len());
            let expected = found.map(|found| (found.values, found.depth));
            assert_eq!(check(payload, limits).ok(), expected, "{payload:x?}");
            // None of them is long enough for a message.
            let is_broken = match Message::read(payload, &mut index, limits) {
                Ok(message) => panic!("{payload:x?} is {message}"),
                Err(ReadError::Malformed(_)) => true,
                Err(ReadError::NotAMessage(_)) => false,
            };
            assert_eq!(is_broken, expected.is_none(), "{payload:x?}");
            if is_broken { bad += 1 } else { good += 1 }
        };
        for a in 0..=255 {
            judge(&[a]);
            for b in (0..=255).step_by(second) {
                judge(&[a, b]);
                (0..=255).step_by(third).for_each(|c| judge(&[a, b, c]));
            }
        }
        eprintln!("{good} payloads of up to three bytes are good, {bad} are not");
        assert!(good > 0 && bad > good);
        if is_full {
            assert_eq!(good + bad, (1 << 8) + (1 << 16) + (1 << 24));
        }
    }
}
