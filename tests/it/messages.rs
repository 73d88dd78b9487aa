//! Messages from outside: what `msg!` writes, what `get` accepts, and what either says when a value
//! does not fit. Properties stand beside the examples; their random numbers are always the same.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use hexapod::{
    ArrayRef, Config, EncodeError, Encoder, FromValue, IntoValue, MapRef, MemoryNetwork, Message,
    MessageError, Outgoing, SendError, Server, Timestamp, Value, ValueError, ValueRef, msg,
};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngSeed, TestRunner};

use crate::harness::{Network, Stream, frame};

/// Whether two trees are the same, floats bit for bit: a NaN is itself, and -0.0 is not 0.0.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::F32(a), Value::F32(b)) => a.to_bits() == b.to_bits(),
        (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(&a.0, &b.0) && same(&a.1, &b.1))
        }
        (a, b) => a == b,
    }
}

/// Reads the field `n` as a type, or gives the error's text.
fn read<T: for<'v> FromValue<'v>>(message: &Outgoing) -> Result<T, String> {
    message.view(|msg| msg.get("n").map_err(|error| error.to_string()))
}

/// The text of an error about the field `n`.
fn not(wanted: &str, found: &str) -> String {
    format!("field \"n\" of action \"t\" should be {wanted}, but is {found}")
}

/// Runs a property on the same cases every time.
pub(crate) fn check<T: std::fmt::Debug>(
    cases: impl Strategy<Value = T>,
    property: impl Fn(T) -> Result<(), TestCaseError>,
) {
    let seed = RngSeed::Fixed(0x6865_7861_706f_6421);
    let config = Cases { failure_persistence: None, rng_seed: seed, ..Cases::default() };
    if let Err(failure) = TestRunner::new(config).run(&cases, property) {
        panic!("{failure}");
    }
}

// --- Numbers -------------------------------------------------------------------------------------

/// What the wire can carry.
const WIRE: std::ops::RangeInclusive<i128> = i64::MIN as i128..=u64::MAX as i128;

macro_rules! borders {
    ($($type:ident)*) => {
        $({
            let (min, max) = ($type::MIN as i128, $type::MAX as i128);
            for good in [$type::MIN, $type::MAX, 0, 1, 100] {
                assert_eq!(read::<$type>(&msg!("t", n: good)), Ok(good));
            }
            for beyond in [min - 1, max + 1, *WIRE.start(), *WIRE.end()] {
                if !WIRE.contains(&beyond) || (min..=max).contains(&beyond) {
                    continue;
                }
                let error = not(&format!("an integer in {min}..={max}"), &beyond.to_string());
                assert_eq!(read::<$type>(&msg!("t", n: beyond)), Err(error));
            }
            let error = not(&format!("an integer in {min}..={max}"), "the float 1.0");
            assert_eq!(read::<$type>(&msg!("t", n: 1.0)), Err(error), "a float is no integer");
        })*
    };
}

#[test]
fn integers_are_checked_at_their_borders() {
    borders! { i8 i16 i32 i64 isize u8 u16 u32 u64 usize }
    // And spelled out once, so that a mistake in the macro cannot hide.
    assert_eq!(
        read::<u8>(&msg!("t", n: 256)),
        Err(r#"field "n" of action "t" should be an integer in 0..=255, but is 256"#.to_owned())
    );
    assert_eq!(read::<i8>(&msg!("t", n: -129)), Err(not("an integer in -128..=127", "-129")));
}

#[test]
fn integers_wider_than_the_wire() {
    for good in [*WIRE.start(), -1, 0, *WIRE.end()] {
        assert_eq!(read::<i128>(&msg!("t", n: good)), Ok(good));
    }
    assert_eq!(read::<u128>(&msg!("t", n: u64::MAX)), Ok(u64::MAX.into()));
    let error = not(&format!("an integer in 0..={}", u128::MAX), "-1");
    assert_eq!(read::<u128>(&msg!("t", n: -1)), Err(error));
    for beyond in [i128::MIN, WIRE.start() - 1, WIRE.end() + 1, i128::MAX] {
        let error = EncodeError::IntegerRange { value: beyond };
        assert_eq!(msg!("t", n: beyond).to_bytes(), Err(error));
        let value = Value::Map(vec![("action".into(), "t".into()), (1.into(), Value::Int(beyond))]);
        assert_eq!(Outgoing::from_value(&value), Err(MessageError::NotExpressible(error)));
    }
    // What does not even fit the error is cut.
    let error = EncodeError::IntegerRange { value: i128::MAX };
    assert_eq!(msg!("t", n: u128::MAX).to_bytes(), Err(error));
    assert_eq!(
        EncodeError::IntegerRange { value: 1 << 64 }.to_string(),
        "the integer 18446744073709551616 is not within -2^63 … 2^64 - 1"
    );
}

#[test]
fn an_integer_is_read_exactly_where_it_fits() {
    // Mostly near powers of two, where the borders are.
    let near = (0_u32..=64, -2_i128..=2, any::<bool>()).prop_map(|(bits, off, negative)| {
        let near = (1_i128 << bits) + off;
        (if negative { -near } else { near }).clamp(*WIRE.start(), *WIRE.end())
    });
    check(near, |int| {
        let message = msg!("t", n: int);
        macro_rules! agree {
            ($($type:ident)*) => {
                $(prop_assert_eq!(read::<$type>(&message).ok(), $type::try_from(int).ok());)*
            };
        }
        agree! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize }
        prop_assert_eq!(read::<f64>(&message), Ok(int as f64));
        Ok(())
    });
}

#[test]
fn floats_take_any_number_and_nothing_else() {
    assert_eq!(read::<f64>(&msg!("t", n: 1.5)), Ok(1.5));
    assert_eq!(read::<f64>(&msg!("t", n: 1.5_f32)), Ok(1.5));
    assert_eq!(read::<f64>(&msg!("t", n: -3)), Ok(-3.0));
    assert_eq!(read::<f64>(&msg!("t", n: u64::MAX)), Ok(u64::MAX as f64));
    assert_eq!(read::<f32>(&msg!("t", n: 0.1)), Ok(0.1), "rounded");
    assert_eq!(read::<f32>(&msg!("t", n: 1e300)), Ok(f32::INFINITY), "rounded");
    assert_eq!(read::<f32>(&msg!("t", n: 7)), Ok(7.0));
    for float in [f64::NAN, -0.0, f64::INFINITY, f64::MIN_POSITIVE / 3.0, f64::MAX] {
        let read = read::<f64>(&msg!("t", n: float)).map(f64::to_bits);
        assert_eq!(read, Ok(float.to_bits()));
    }
    for float in [f32::NAN, -0.0, f32::NEG_INFINITY, f32::MIN_POSITIVE / 3.0, f32::MAX] {
        let read = read::<f32>(&msg!("t", n: float)).map(f32::to_bits);
        assert_eq!(read, Ok(float.to_bits()));
    }
    assert_eq!(read::<f64>(&msg!("t", n: "1.5")), Err(not("a number", "the text \"1.5\"")));
    assert_eq!(read::<f32>(&msg!("t", n: true)), Err(not("a number", "true")));
}

// --- Everything else that a field can be ---------------------------------------------------------

#[test]
fn every_kind_of_value_has_a_name_in_errors() {
    let time = Timestamp { seconds: 5, nanoseconds: 6 };
    for (message, found) in [
        (msg!("t", n: ()), "nil"),
        (msg!("t", n: true), "true"),
        (msg!("t", n: -7), "-7"),
        (msg!("t", n: 2.5), "the float 2.5"),
        (msg!("t", n: 2.5_f32), "the float 2.5"),
        (msg!("t", n: f64::NAN), "the float NaN"),
        (msg!("t", n: "a\"b"), r#"the text "a\"b""#),
        (msg!("t", n: [1_u8, 2]), "<2 bytes>"),
        (msg!("t", n: [1, 2, 3]), "an array of 3"),
        (msg!("t", n: BTreeMap::from([(1, 2)])), "a map of 1"),
        (msg!("t", n: time), "<time 5.000000006>"),
        (msg!("t", n: Value::Ext(7, vec![0; 3])), "<ext 7, 3 bytes>"),
    ] {
        for (error, wanted) in [
            (read::<String>(&message).err(), "a text"),
            (read::<bool>(&message).err(), "a bool"),
            (read::<()>(&message).err(), "nil"),
            (read::<Vec<u8>>(&message).err(), "bytes"),
            (read::<Vec<i32>>(&message).err(), "an array"),
            (read::<BTreeMap<i32, i32>>(&message).err(), "a map"),
            (read::<Timestamp>(&message).err(), "a timestamp"),
            (read::<(i32, i32)>(&message).err(), "an array of 2"),
        ] {
            if let Some(error) = error {
                assert_eq!(error, not(wanted, found));
            }
        }
    }
    assert_eq!(read::<(u8,)>(&msg!("t", n: (1, 2))), Err(not("an array of 1", "an array of 2")));
    assert_eq!(read::<[u8; 3]>(&msg!("t", n: [1, 2])), Err(not("an array of 3", "an array of 2")));
    assert_eq!(read::<[u8; 3]>(&msg!("t", n: [1_u8])), Err(not("an array of 3", "<1 bytes>")));
}

#[test]
fn texts_and_bytes_are_borrowed_or_owned() {
    let message = msg!("t", text: "Größe", bytes: [1_u8, 2, 255], char: 'ß', empty: "");
    message.view(|msg| {
        assert_eq!(msg.get::<String>("text").unwrap(), "Größe");
        assert_eq!(msg.get::<&str>("char").unwrap(), "ß");
        assert_eq!(msg.get::<&str>("empty").unwrap(), "");
        assert_eq!(msg.get::<&[u8]>("bytes").unwrap(), [1, 2, 255]);
        assert_eq!(msg.get::<Vec<u8>>("bytes").unwrap(), [1, 2, 255]);
        assert_eq!(msg.get::<[u8; 3]>("bytes").unwrap(), [1, 2, 255]);
        // A slice of the message itself, not a copy.
        let text: &str = msg.get("text").unwrap();
        let within = msg.as_bytes().as_ptr_range();
        assert!(within.contains(&text.as_ptr()));
        assert!(msg.get::<&[u8]>("text").is_err() && msg.get::<&str>("bytes").is_err());
    });
    // What Python writes as a list of numbers may be read as bytes, if they are bytes.
    assert_eq!(read::<Vec<u8>>(&msg!("t", n: [1, 2, 255])), Ok(vec![1, 2, 255]));
    assert_eq!(
        read::<Vec<u8>>(&msg!("t", n: [1, 2, 256])),
        Err("field \"n[2]\" of action \"t\" should be an integer in 0..=255, but is 256".to_owned())
    );
}

#[test]
fn an_option_may_be_nil_or_missing() {
    let message = msg!("t", nil: (), some: 5, none: None::<u8>, text: "x");
    message.view(|msg| {
        for key in ["nil", "none", "missing"] {
            assert_eq!(msg.get::<Option<u8>>(key).unwrap(), None);
        }
        assert_eq!(msg.get::<Option<u8>>("some").unwrap(), Some(5));
        assert_eq!(msg.get::<Option<Option<u8>>>("some").unwrap(), Some(Some(5)));
        assert_eq!(msg.get::<Option<&str>>("text").unwrap(), Some("x"));
        let error = msg.get::<Option<u8>>("text").unwrap_err().to_string();
        assert_eq!(
            error,
            "field \"text\" of action \"t\" should be an integer in 0..=255, but is the text \"x\""
        );
        // Nil is there, so only an option takes it.
        let error = msg.get::<u8>("nil").unwrap_err().to_string();
        assert_eq!(
            error,
            "field \"nil\" of action \"t\" should be an integer in 0..=255, but is nil"
        );
        assert!(msg.get::<Vec<Option<u8>>>("missing").is_err(), "not an option itself");
    });
}

#[test]
fn containers_of_every_kind() {
    let map = HashMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
    let message = msg!("t",
        vec: vec![1, 2, 3],
        slice: &[1.5, 2.5][..],
        deque: VecDeque::from([1, 2]),
        nested: vec![vec![(1, "x")], vec![]],
        tuple: (1, "two", 3.0, true, (), [4_u8], 'c', Some(8)),
        map: &map,
        tree: BTreeMap::from([(1, "one"), (2, "two")]),
        boxed: Box::new(1),
        shared: (Rc::new(2), Arc::new(3)),
        cow: Cow::Borrowed("cow"),
    );
    message.view(|msg| {
        assert_eq!(msg.get::<Vec<u8>>("vec").unwrap(), [1, 2, 3]);
        assert_eq!(msg.get::<[i64; 3]>("vec").unwrap(), [1, 2, 3]);
        assert_eq!(msg.get::<(u8, u16, u32)>("vec").unwrap(), (1, 2, 3));
        assert_eq!(msg.get::<[f32; 2]>("slice").unwrap(), [1.5, 2.5]);
        assert_eq!(msg.get::<(u8, u8)>("deque").unwrap(), (1, 2));
        assert_eq!(msg.get::<Vec<Vec<(u8, &str)>>>("nested").unwrap(), [vec![(1, "x")], vec![]]);
        type Eight<'m> = (u8, &'m str, f32, bool, (), Vec<u8>, String, Option<u8>);
        assert_eq!(
            msg.get::<Eight<'_>>("tuple").unwrap(),
            (1, "two", 3.0, true, (), vec![4], "c".to_owned(), Some(8))
        );
        assert_eq!(msg.get::<HashMap<String, i32>>("map").unwrap(), map);
        assert_eq!(msg.get::<BTreeMap<&str, i32>>("map").unwrap()["b"], 2);
        assert_eq!(msg.get::<BTreeMap<u8, &str>>("tree").unwrap()[&2], "two");
        assert_eq!(msg.get::<Box<u8>>("boxed").unwrap(), Box::new(1));
        assert_eq!(msg.get::<(u8, u8)>("shared").unwrap(), (2, 3));
        assert_eq!(msg.get::<&str>("cow").unwrap(), "cow");
        let array: ArrayRef<'_> = msg.get("vec").unwrap();
        assert_eq!((array.len(), array.get(2), array.get(3)), (3, Some(ValueRef::Int(3)), None));
        let tree: MapRef<'_> = msg.get("tree").unwrap();
        assert_eq!((tree.len(), tree.is_empty(), tree.get("x")), (2, false, None));
    });
}

#[test]
fn what_is_written_is_read_again() {
    let list = prop::collection::vec((any::<i16>(), texts()), 0..9);
    let map = prop::collection::btree_map(texts(), any::<u32>(), 0..9);
    let bytes = prop::collection::vec(any::<u8>(), 0..70);
    let floats = prop::collection::vec(any::<Option<f32>>(), 0..40);
    let fields = (
        (any::<bool>(), any::<i64>(), any::<u64>(), any::<u64>(), texts(), bytes),
        (any::<Option<i32>>(), list, map, any::<[i8; 3]>(), any::<char>(), floats),
    );
    check(fields, |(a, b)| {
        let float = f64::from_bits(a.3);
        let message = msg!("t",
            bool: a.0, int: a.1, uint: a.2, float: float, text: a.4, bytes: a.5,
            option: b.0, list: b.1, map: b.2, array: b.3, char: b.4, floats: b.5,
        );
        message.view(|msg| {
            prop_assert_eq!(msg.get::<bool>("bool").unwrap(), a.0);
            prop_assert_eq!(msg.get::<i64>("int").unwrap(), a.1);
            prop_assert_eq!(msg.get::<u64>("uint").unwrap(), a.2);
            prop_assert_eq!(msg.get::<f64>("float").unwrap().to_bits(), a.3);
            prop_assert_eq!(msg.get::<&str>("text").unwrap(), &a.4);
            prop_assert_eq!(msg.get::<&[u8]>("bytes").unwrap(), &a.5);
            prop_assert_eq!(msg.get::<Option<i32>>("option").unwrap(), b.0);
            prop_assert_eq!(msg.get::<Vec<(i16, String)>>("list").unwrap(), b.1);
            prop_assert_eq!(msg.get::<BTreeMap<String, u32>>("map").unwrap(), b.2);
            prop_assert_eq!(msg.get::<[i8; 3]>("array").unwrap(), b.3);
            prop_assert_eq!(msg.get::<String>("char").unwrap(), b.4.to_string());
            let floats: Vec<Option<f32>> = msg.get("floats").unwrap();
            let bits = |floats: &[Option<f32>]| -> Vec<Option<u32>> {
                floats.iter().map(|float| float.map(f32::to_bits)).collect()
            };
            prop_assert_eq!(bits(&floats), bits(&b.5));
            Ok(())
        })
    });
}

// --- Errors that name the place ------------------------------------------------------------------

/// A type of a game's own: an array on the wire.
#[derive(Debug, PartialEq)]
struct Vec2 {
    x: f32,
    y: f32,
}

impl IntoValue for Vec2 {
    fn encode(&self, out: &mut Encoder) {
        (self.x, self.y).encode(out);
    }
}

impl FromValue<'_> for Vec2 {
    fn from_value(value: ValueRef<'_>) -> Result<Self, ValueError> {
        let (x, y) = value.get()?;
        Ok(Self { x, y })
    }
}

/// Another: a map on the wire, with names.
#[derive(Debug, PartialEq)]
struct Point<T> {
    x: T,
    name: String,
}

impl<T: IntoValue> IntoValue for Point<T> {
    fn encode(&self, out: &mut Encoder) {
        out.map(|map| {
            map.entry("x", &self.x).entry("name", &self.name);
        });
    }
}

/// One field of a map inside a message, with the place in the error.
fn field<'v, T: FromValue<'v>>(map: MapRef<'v>, key: &str) -> Result<T, ValueError> {
    let value = map.get(key).ok_or_else(|| ValueError::new("is missing"));
    value.and_then(T::from_value).map_err(|error| error.at_key(key))
}

impl<'v, T: FromValue<'v>> FromValue<'v> for Point<T> {
    fn from_value(value: ValueRef<'v>) -> Result<Self, ValueError> {
        let map: MapRef<'v> = value.get()?;
        Ok(Self { x: field(map, "x")?, name: field(map, "name")? })
    }
}

fn point<T>(x: T) -> Point<T> {
    Point { x, name: "p".to_owned() }
}

#[test]
fn types_of_a_games_own_are_fields_like_any_other() {
    let message = msg!("t", at: Vec2 { x: 1.0, y: -2.5 }, path: [point(1), point(2)]);
    assert_eq!(
        message.to_string(),
        "{\"action\": \"t\", \"at\": [1.0, -2.5], \
         \"path\": [{\"x\": 1, \"name\": \"p\"}, {\"x\": 2, \"name\": \"p\"}]}"
    );
    message.view(|msg| {
        assert_eq!(msg.get::<Vec2>("at").unwrap(), Vec2 { x: 1.0, y: -2.5 });
        assert_eq!(msg.get::<[Point<u8>; 2]>("path").unwrap(), [point(1), point(2)]);
        let error = msg.get::<Vec<Vec2>>("path").unwrap_err().to_string();
        assert_eq!(
            error,
            "field \"path[0]\" of action \"t\" should be an array of 2, but is a map of 2"
        );
    });
    // A whole message as one type.
    let whole = msg!("t", x: 5, name: "p").view(|msg| msg.read_as::<Point<u8>>());
    assert_eq!(whole.unwrap(), point(5));
    let error = msg!("t", x: 5).view(|msg| msg.read_as::<Point<u8>>()).unwrap_err();
    assert_eq!(error.to_string(), "field \"name\" of action \"t\" is missing");
}

#[test]
fn errors_name_the_place_however_deep() {
    let message = msg!("move",
        path: [point(1), point(2), point(300)],
        grid: [[1, 2], [3, -4]],
        players: BTreeMap::from([("ann", [point(7)]), ("bob", [point(-7)])]),
        scores: BTreeMap::from([(7, "many")]),
    );
    message.view(|msg| {
        fn text<T: std::fmt::Debug>(read: Result<T, ValueError>) -> String {
            read.unwrap_err().to_string()
        }
        let in_u8 = "should be an integer in 0..=255, but is";
        assert_eq!(
            text(msg.get::<Vec<Point<u8>>>("path")),
            format!("field \"path[2].x\" of action \"move\" {in_u8} 300")
        );
        assert_eq!(
            text(msg.get::<[[u8; 2]; 2]>("grid")),
            format!("field \"grid[1][1]\" of action \"move\" {in_u8} -4")
        );
        assert_eq!(
            text(msg.get::<BTreeMap<&str, Vec<Point<u8>>>>("players")),
            format!("field \"players.bob[0].x\" of action \"move\" {in_u8} -7")
        );
        assert_eq!(
            text(msg.get::<HashMap<u8, u8>>("scores")),
            format!("field \"scores.7\" of action \"move\" {in_u8} the text \"many\"")
        );
        assert_eq!(
            text(msg.get::<BTreeMap<u8, u8>>("players")),
            format!("field \"players.ann\" of action \"move\" {in_u8} the text \"ann\"")
        );
    });
    let alone: Result<u8, _> = ValueRef::Str("x").get();
    assert_eq!(
        alone.unwrap_err().to_string(),
        "the value should be an integer in 0..=255, but is the text \"x\""
    );
}

#[test]
fn a_missing_field_lists_what_is_there() {
    let missing =
        |message: Outgoing| message.view(|msg| msg.get::<u8>("z").unwrap_err().to_string());
    assert_eq!(missing(msg!("t")), "field \"z\" of action \"t\" is missing");
    assert_eq!(
        missing(msg!("t", x: 1, 7: 2, "a b": 3)),
        "field \"z\" of action \"t\" is missing (there is \"x\", \"a b\")"
    );
    let mut many = Outgoing::new("t");
    for n in 0..100 {
        many.field(&format!("k{n}"), &n);
    }
    assert_eq!(
        missing(many),
        "field \"z\" of action \"t\" is missing (there is \"k0\", \"k1\", \"k2\", \"k3\", \
         \"k4\", \"k5\", \"k6\", \"k7\")"
    );
}

#[test]
fn of_equal_keys_the_last_counts() {
    let twice = Value::Map(vec![("k".into(), 1.into()), ("k".into(), 2.into())]);
    let message = msg!("t", x: 1, y: 5, x: 2, inner: twice);
    message.view(|msg| {
        assert_eq!(msg.get::<u8>("x").unwrap(), 2);
        assert_eq!(msg.field("x"), Some(ValueRef::Int(2)));
        assert_eq!(msg.fields().get("x"), Some(ValueRef::Int(2)));
        assert_eq!(msg.get::<MapRef<'_>>("inner").unwrap().get("k"), Some(ValueRef::Int(2)));
        assert_eq!(msg.get::<HashMap<&str, u8>>("inner").unwrap(), HashMap::from([("k", 2)]));
        assert_eq!(msg.get::<BTreeMap<&str, u8>>("inner").unwrap(), BTreeMap::from([("k", 2)]));
        assert_eq!(msg.fields().len(), 5, "nothing is taken out of the message itself");
    });
    let value = Value::from(message);
    assert_eq!((&value["x"], &value["inner"]["k"]), (&2.into(), &2.into()));
}

// --- Encoding wrongly ----------------------------------------------------------------------------

/// Encodes itself however the test says.
struct Odd(fn(&mut Encoder));

impl IntoValue for Odd {
    fn encode(&self, out: &mut Encoder) {
        (self.0)(out);
    }
}

#[test]
fn a_type_that_encodes_itself_wrongly_makes_an_error_and_never_broken_bytes() {
    let none = Odd(|_| {});
    let two = Odd(|out| {
        out.nil();
        out.int(5);
    });
    let key = BTreeMap::from([([1, 2], 3)]);
    let map_key = Odd(|out| {
        out.map(|map| {
            map.entry(&BTreeMap::from([(1, 2)]), &1);
        });
    });
    let later = Odd(|out| {
        out.array(|items| {
            items.int(i128::MAX);
            items.nil();
            items.value(&Odd(|_| {}));
        });
    });
    let not_one = |values| EncodeError::NotOneValue { values };
    let beyond = EncodeError::IntegerRange { value: i128::MAX };
    let cases = [
        (msg!("t", n: none), not_one(0)),
        (msg!("t", n: two), not_one(2)),
        (msg!("t", n: [&two]), not_one(2)),
        (msg!("t", n: (1, &none, 2)), not_one(0)),
        (msg!("t", n: BTreeMap::from([(1, &two)])), not_one(2)),
        (msg!("t", n: Some(Box::new(&none))), not_one(0)),
        (msg!("t", n: key), EncodeError::ContainerKey),
        (msg!("t", n: map_key), EncodeError::ContainerKey),
        (msg!("t", n: later), beyond),
        (msg!("t", n: Timestamp { seconds: 0, nanoseconds: 1_000_000_000 }), {
            EncodeError::TimestampRange { nanoseconds: 1_000_000_000 }
        }),
        (msg!("t", ("action"): 1), EncodeError::ActionField),
        (msg!("t", (String::from("action")): "u"), EncodeError::ActionField),
    ];
    let network = Network::Memory(MemoryNetwork::new());
    let (mut server, addr) = network.server::<Vec<String>, ()>(Config::new());
    server.on_error(|log, fault| log.push(fault.to_string()));
    let (mut stream, mut log, mut heard) = (network.stream(addr), Vec::new(), Vec::new());
    server.pump(&mut log);
    let peer = server.peers().next().expect("one peer").id();
    assert!(!stream.read_some(&mut heard).expect("open"));
    heard.clear();
    for (mut message, error) in cases {
        // What comes after an error does not heal it, be it that the map's head grows.
        for n in 0..20 {
            message.field(&n, &n);
        }
        assert_eq!(message.to_bytes(), Err(error));
        assert_eq!(message.to_string(), format!("<no message: {error}>"));
        assert_eq!(message.clone().to_bytes(), Err(error), "nor does copying");
        assert_eq!(message.action(), "t");
        let outcome = server.try_send_to(peer, message.clone());
        assert_eq!(outcome, Err(SendError::NotEncodable(error)));
        server.broadcast(message);
        server.pump(&mut log);
        assert_eq!(log.pop(), Some(format!("did not send \"t\": {error}")));
    }
    assert!(!stream.read_some(&mut heard).expect("open"));
    assert_eq!(heard, b"", "not a byte of any");
    server.try_send_to(peer, msg!("t")).expect("the link is as good as ever");
}

#[test]
fn the_errors_of_encoding_say_what_to_mend() {
    for (error, text) in [
        (
            EncodeError::NotOneValue { values: 2 },
            "a type's IntoValue::encode wrote 2 values where one belongs",
        ),
        (EncodeError::ContainerKey, "the key of a map is an array or a map"),
        (
            EncodeError::ActionField,
            "a field cannot be named \"action\": that is the first argument of msg!",
        ),
        (EncodeError::TooDeep, "arrays and maps nest deeper than 128"),
        (
            EncodeError::TimestampRange { nanoseconds: 2_000_000_000 },
            "a timestamp has at most 999999999 nanoseconds, not 2000000000",
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_bottomless_type_ends_at_the_depth_that_can_be_read() {
    struct Bottomless;
    impl IntoValue for Bottomless {
        fn encode(&self, out: &mut Encoder) {
            out.array(|items| items.value(&Self));
        }
    }
    assert_eq!(msg!("t", n: Bottomless).to_bytes(), Err(EncodeError::TooDeep));
    let nested = |levels: usize| (0..levels).fold(Value::Nil, |inner, _| Value::Array(vec![inner]));
    // The message itself is the first of the 128 levels.
    let deepest = msg!("t", n: nested(127));
    assert!(same(&Value::from(deepest)["n"], &nested(127)));
    assert_eq!(msg!("t", n: nested(128)).to_bytes(), Err(EncodeError::TooDeep));
}

#[test]
fn a_tree_that_is_no_message_says_why() {
    use MessageError::*;
    let action = |value: Value| ("action".into(), value);
    for (value, error, text) in [
        (
            Value::Nil,
            NotAMap { found: "nil" },
            "nil is no message: a message is a map with a text under \"action\"",
        ),
        (
            Value::Array(vec![]),
            NotAMap { found: "an array" },
            "an array is no message: a message is a map with a text under \"action\"",
        ),
        (Value::Map(vec![]), NoAction, "a map without \"action\" is no message"),
        (
            Value::Map(vec![action(Value::Nil)]),
            ActionNotText { found: "nil" },
            "a message's \"action\" is a text, not nil",
        ),
        (
            Value::Map(vec![action("a".into()), action("a".into())]),
            TwoActions,
            "the map has \"action\" more than once",
        ),
        (
            Value::Map(vec![action("a".into()), (Value::Array(vec![]), 1.into())]),
            NotExpressible(EncodeError::ContainerKey),
            "the key of a map is an array or a map",
        ),
    ] {
        assert_eq!(Outgoing::from_value(&value), Err(error));
        assert_eq!(error.to_string(), text);
    }
}

// --- Trees ---------------------------------------------------------------------------------------

/// Texts of all characters; the ones that are hard to get right are as likely as the others.
fn texts() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

/// Values that hold no others.
fn scalars() -> impl Strategy<Value = Value> {
    let wire = prop_oneof![
        any::<i64>().prop_map(i128::from),
        any::<u64>().prop_map(i128::from),
        (-200_i128..700),
        (0_u32..=64, -2_i128..=2)
            .prop_map(|(bits, off)| { ((1_i128 << bits) + off).clamp(*WIRE.start(), *WIRE.end()) }),
    ];
    let time = (any::<i64>(), 0..=35_u32, prop_oneof![Just(0), 0..1_000_000_000_u32]).prop_map(
        |(seconds, bits, nanoseconds)| Timestamp { seconds: seconds >> bits, nanoseconds },
    );
    prop_oneof![
        1 => Just(Value::Nil),
        1 => any::<bool>().prop_map(Value::Bool),
        4 => wire.prop_map(Value::Int),
        1 => any::<u32>().prop_map(|bits| Value::F32(f32::from_bits(bits))),
        1 => any::<u64>().prop_map(|bits| Value::F64(f64::from_bits(bits))),
        2 => texts().prop_map(Value::Str),
        1 => "[a-z]{0,40}".prop_map(Value::Str),
        2 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        1 => time.prop_map(Value::Timestamp),
        2 => (0..=i8::MAX, prop::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(kind, bytes)| Value::Ext(kind, bytes)),
    ]
}

/// Any value that can be sent.
fn trees() -> impl Strategy<Value = Value> {
    scalars().prop_recursive(6, 60, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::Array),
            prop::collection::vec((scalars(), inner), 0..20).prop_map(Value::Map),
        ]
    })
}

/// Messages as trees: an action somewhere among pairs with any other keys.
pub(crate) fn messages() -> impl Strategy<Value = Value> {
    let pairs = prop::collection::vec((scalars(), trees()), 0..5);
    (texts(), pairs, any::<prop::sample::Index>()).prop_map(|(action, pairs, at)| {
        let action_key = Value::from("action");
        let mut pairs: Vec<_> = pairs.into_iter().filter(|(key, _)| *key != action_key).collect();
        pairs.insert(at.index(pairs.len() + 1), (action_key, action.into()));
        Value::Map(pairs)
    })
}

#[test]
fn a_tree_is_the_same_after_the_way_there_and_back() {
    check(messages(), |value| {
        let message = Outgoing::from_value(&value)?;
        prop_assert_eq!(message.action(), value["action"].as_str().expect("a text"));
        let back = message.view(|msg| msg.to_value());
        prop_assert!(same(&back, &value), "{} is not {}", back, value);
        let again = Outgoing::from_value(&back)?;
        prop_assert_eq!(again.to_bytes(), message.to_bytes());
        prop_assert!(same(&Value::from(message), &value), "the other direction");
        Ok(())
    });
}

#[test]
fn a_tree_and_its_borrowed_twin_are_written_alike() {
    check(trees(), |value| {
        let message = msg!("t", n: &value);
        message.view(|msg| {
            let twin = msg.field("n").expect("a field");
            let rewritten = msg!("t", n: twin);
            prop_assert_eq!(&rewritten, &message);
            prop_assert_eq!(twin.to_string(), value.to_string());
            prop_assert!(same(&msg.get::<Value>("n").unwrap(), &value));
            prop_assert!(same(&msg.to_value()["n"], &value));
            prop_assert_eq!(&Outgoing::from(msg), &message);
            Ok(())
        })
    });
}

#[test]
fn an_integer_beyond_the_wire_is_found_wherever_it_is() {
    check((trees(), any::<i128>()), |(tree, int)| {
        if WIRE.contains(&int) {
            return Ok(());
        }
        let hidden = Value::Array(vec![tree, Value::Map(vec![(1.into(), Value::Int(int))])]);
        let value = Value::Map(vec![("action".into(), "t".into()), ("n".into(), hidden)]);
        let error = EncodeError::IntegerRange { value: int };
        prop_assert_eq!(Outgoing::from_value(&value), Err(MessageError::NotExpressible(error)));
        Ok(())
    });
}

#[test]
fn a_good_extension_of_type_minus_one_is_a_timestamp() {
    let time = Timestamp { seconds: 7, nanoseconds: 0 };
    let message = msg!("t", n: Value::Ext(-1, vec![0, 0, 0, 7]));
    assert_eq!(message, msg!("t", n: time));
    assert_eq!(read::<Timestamp>(&message), Ok(time));
}

#[test]
fn extensions_of_types_below_zero_are_not_ours_to_give_out() {
    for (kind, bytes) in [(-1, vec![0; 5]), (-1, vec![255; 8]), (-2, vec![0; 4]), (i8::MIN, vec![])]
    {
        let error = msg!("t", n: Value::Ext(kind, bytes)).to_bytes().map(<[u8]>::to_vec);
        assert_eq!(error, Err(EncodeError::ReservedExt { kind }));
    }
    assert!(msg!("t", n: Value::Ext(0, vec![]), m: Value::Ext(127, vec![1])).to_bytes().is_ok());
}

#[test]
fn a_field_whose_key_is_empty_is_named() {
    let error = msg!("t", "": [1]).view(|msg| msg.get::<Vec<String>>("")).unwrap_err();
    assert!(error.to_string().starts_with("field \"[0]\" of action \"t\" "), "{error}");
    let error = msg!("t", "": 1).view(|msg| msg.get::<String>("")).unwrap_err();
    assert!(error.to_string().starts_with("field \"\" of action \"t\" should be"), "{error}");
}

/// Adding a field moves none of those that are there, unless the map's head grows.
#[test]
fn fields_can_be_added_one_by_one() {
    let mut message = Outgoing::new("t");
    for n in 0..70_000 {
        message.field(&n, &n);
    }
    message.view(|msg| {
        assert_eq!(msg.fields().len(), 70_001);
        let mut pairs = msg.fields().iter().skip(1).enumerate();
        assert!(pairs.all(|(n, (key, value))| {
            (key.as_i64(), value.as_i64()) == (Some(n as i64), Some(n as i64))
        }));
    });
}

#[test]
fn extensions_of_every_type_pass_through() {
    for kind in 0..=i8::MAX {
        for len in [0, 1, 2, 3, 4, 5, 8, 12, 15, 16, 17, 255, 256, 300] {
            let value = Value::Ext(kind, vec![kind as u8; len]);
            assert_eq!(Value::from(msg!("t", n: value))["n"], value);
        }
    }
}

/// How many bytes the smallest form of a value takes: written down from MessagePack's page, with
/// nothing of the library in it.
fn size(value: &Value) -> usize {
    fn head(len: usize, fix: usize, has_8: bool) -> usize {
        match len {
            _ if len < fix => 1,
            0..=0xff if has_8 => 2,
            0..=0xffff => 3,
            _ => 5,
        }
    }
    fn ext(len: usize) -> usize {
        let head = match len {
            1 | 2 | 4 | 8 | 16 => 2,
            0..=0xff => 3,
            0x100..=0xffff => 4,
            _ => 6,
        };
        head + len
    }
    match value {
        Value::Nil | Value::Bool(_) => 1,
        Value::Int(int) => match int {
            -32..=127 => 1,
            -128..=255 => 2,
            -0x8000..=0xffff => 3,
            -0x8000_0000..=0xffff_ffff => 5,
            _ => 9,
        },
        Value::F32(_) => 5,
        Value::F64(_) => 9,
        Value::Str(text) => head(text.len(), 32, true) + text.len(),
        Value::Bytes(bytes) => head(bytes.len(), 0, true) + bytes.len(),
        Value::Array(items) => head(items.len(), 16, false) + items.iter().map(size).sum::<usize>(),
        Value::Map(pairs) => {
            let content: usize = pairs.iter().map(|(key, value)| size(key) + size(value)).sum();
            head(pairs.len(), 16, false) + content
        }
        Value::Timestamp(time) => ext(match (time.seconds, time.nanoseconds) {
            (0..=0xffff_ffff, 0) => 4,
            (0..=0x3_ffff_ffff, _) => 8,
            _ => 12,
        }),
        Value::Ext(_, bytes) => ext(bytes.len()),
    }
}

/// How long the value's bytes are inside of a message.
fn written(value: &Value) -> usize {
    msg!("t", n: value).to_bytes().expect("good").len() - b"\x82\xa6action\xa1t\xa1n".len()
}

#[test]
fn every_value_is_written_in_its_smallest_form() {
    check(trees(), |value| {
        prop_assert_eq!(written(&value), size(&value), "{}", value);
        Ok(())
    });
}

#[test]
fn the_smallest_form_holds_at_every_border() {
    for len in (0..=34).chain([254, 255, 256, 257, 65_534, 65_535, 65_536, 65_537]) {
        for value in [
            Value::Str("x".repeat(len)),
            Value::Bytes(vec![7; len]),
            Value::Ext(5, vec![7; len]),
            Value::Array(vec![Value::Nil; len]),
            Value::Map((0..len).map(|n| (n.into(), Value::Nil)).collect()),
        ] {
            assert_eq!(written(&value), size(&value), "{value}");
            assert!(same(&Value::from(msg!("t", n: value))["n"], &value), "{value}");
        }
    }
    for bits in 0..=64 {
        let power = 1_i128 << bits;
        for int in [power - 1, power, -power - 1, -power] {
            if WIRE.contains(&int) {
                assert_eq!(written(&Value::Int(int)), size(&Value::Int(int)), "{int}");
            }
        }
    }
}

// --- Forms that are longer than they need to be --------------------------------------------------

/// Writes values as MessagePack, each head in any legal form: an encoder that has nothing in common
/// with the library's.
pub(crate) struct Longhand<'c> {
    out: Vec<u8>,
    /// Says which form the next head gets.
    choices: std::iter::Cycle<std::slice::Iter<'c, u8>>,
}

impl<'c> Longhand<'c> {
    pub(crate) fn write(value: &Value, choices: &'c [u8]) -> Vec<u8> {
        let mut longhand = Self { out: Vec::new(), choices: choices.iter().cycle() };
        longhand.value(value);
        longhand.out
    }

    fn one_of(&mut self, mut forms: Vec<Vec<u8>>) {
        let choice = *self.choices.next().expect("endless") as usize;
        let form = forms.swap_remove(choice % forms.len());
        self.out.extend(form);
    }

    /// The head of a text, an array and so on: in the fixed form, or with 1, 2 or 4 bytes of
    /// length.
    fn head(&mut self, len: usize, fix: Option<(usize, u8)>, longer: [Option<u8>; 3]) {
        let mut forms = Vec::new();
        if let Some((_, base)) = fix.filter(|(end, _)| len < *end) {
            forms.push(vec![base | len as u8]);
        }
        for (marker, bytes) in longer.into_iter().zip([1, 2, 4]) {
            if let Some(marker) = marker.filter(|_| (len as u64) < 1 << (8 * bytes)) {
                let len = (len as u32).to_be_bytes();
                forms.push([&[marker], &len[4 - bytes..]].concat());
            }
        }
        self.one_of(forms);
    }

    fn ext(&mut self, kind: i8, bytes: &[u8]) {
        let len = bytes.len();
        let mut forms = vec![
            [&[0xc8], &(len as u16).to_be_bytes()[..]].concat(),
            [&[0xc9], &(len as u32).to_be_bytes()[..]].concat(),
        ];
        if len < 256 {
            forms.push(vec![0xc7, len as u8]);
        }
        if let Some(fixed) = [1, 2, 4, 8, 16].iter().position(|fixed| *fixed == len) {
            forms.push(vec![0xd4 + fixed as u8]);
        }
        self.one_of(forms);
        self.out.push(kind as u8);
        self.out.extend(bytes);
    }

    fn int(&mut self, int: i128) {
        let mut forms = Vec::new();
        if (-32..128).contains(&int) {
            forms.push(vec![int as u8]);
        }
        for (log, bytes) in [1, 2, 4, 8].into_iter().enumerate() {
            let (bits, all) = (8 * bytes as u32, int.to_be_bytes());
            if (0..1 << bits).contains(&int) {
                forms.push([&[0xcc + log as u8], &all[16 - bytes..]].concat());
            }
            if (-(1 << (bits - 1))..1 << (bits - 1)).contains(&int) {
                forms.push([&[0xd0 + log as u8], &all[16 - bytes..]].concat());
            }
        }
        self.one_of(forms);
    }

    fn timestamp(&mut self, time: Timestamp) {
        let (seconds, nanoseconds) = (time.seconds, u64::from(time.nanoseconds));
        let mut forms =
            vec![[&time.nanoseconds.to_be_bytes()[..], &seconds.to_be_bytes()].concat()];
        if (0..1 << 34).contains(&seconds) {
            forms.push((nanoseconds << 34 | seconds as u64).to_be_bytes().to_vec());
        }
        if (0..1 << 32).contains(&seconds) && nanoseconds == 0 {
            forms.push((seconds as u32).to_be_bytes().to_vec());
        }
        let choice = *self.choices.next().expect("endless") as usize;
        let form = forms.swap_remove(choice % forms.len());
        self.ext(-1, &form);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Nil => self.out.push(0xc0),
            Value::Bool(bool) => self.out.push(0xc2 + u8::from(*bool)),
            Value::Int(int) => self.int(*int),
            Value::F32(float) => {
                self.out.push(0xca);
                self.out.extend(float.to_be_bytes());
            }
            Value::F64(float) => {
                self.out.push(0xcb);
                self.out.extend(float.to_be_bytes());
            }
            Value::Str(text) => {
                let longer = [Some(0xd9), Some(0xda), Some(0xdb)];
                self.head(text.len(), Some((32, 0xa0)), longer);
                self.out.extend(text.as_bytes());
            }
            Value::Bytes(bytes) => {
                self.head(bytes.len(), None, [Some(0xc4), Some(0xc5), Some(0xc6)]);
                self.out.extend(bytes);
            }
            Value::Array(items) => {
                self.head(items.len(), Some((16, 0x90)), [None, Some(0xdc), Some(0xdd)]);
                items.iter().for_each(|item| self.value(item));
            }
            Value::Map(pairs) => {
                self.head(pairs.len(), Some((16, 0x80)), [None, Some(0xde), Some(0xdf)]);
                for (key, value) in pairs {
                    self.value(key);
                    self.value(value);
                }
            }
            Value::Timestamp(time) => self.timestamp(*time),
            Value::Ext(kind, bytes) => self.ext(*kind, bytes),
        }
    }
}

/// What a handler has made of a message.
#[derive(Default)]
struct Heard {
    values: Vec<Value>,
    /// The message as it came, with one field more.
    relayed: Vec<Outgoing>,
    ended: Vec<String>,
}

/// A server that hears whatever bytes it is told: the way in for forms that the library never
/// writes.
struct Ear {
    server: Server<Heard>,
    stream: Stream,
    heard: Heard,
    now: Instant,
}

impl Ear {
    fn new() -> Self {
        let network = Network::Memory(MemoryNetwork::new());
        let (mut server, addr) = network.server::<Heard, ()>(Config::new());
        server.on_any(|ctx, msg| {
            ctx.state.values.push(msg.to_value());
            let mut relayed = Outgoing::from(msg);
            assert_eq!(relayed.to_bytes(), Ok(msg.as_bytes()), "byte for byte");
            assert_eq!(relayed.action(), msg.action());
            relayed.field("who", &7);
            ctx.state.relayed.push(relayed);
        });
        server.on_disconnect(|ctx, reason| ctx.state.ended.push(reason.to_string()));
        server.on_error(|heard, fault| heard.ended.push(fault.to_string()));
        let stream = network.stream(addr);
        Self { server, stream, heard: Heard::default(), now: Instant::now() }
    }

    fn hear(&mut self, payload: &[u8]) -> Result<(Value, Outgoing), String> {
        let framed = frame(payload);
        let mut rest = &framed[..];
        while !rest.is_empty() && self.heard.ended.is_empty() {
            let written = self.stream.write_some(rest).expect("open");
            rest = &rest[written..];
            // A clock that stands still: each pump looks at everything.
            self.server.pump_at(self.now, &mut self.heard);
        }
        match (self.heard.values.pop(), self.heard.relayed.pop()) {
            (Some(value), Some(relayed)) => Ok((value, relayed)),
            _ => Err(std::mem::replace(self, Self::new()).heard.ended.concat()),
        }
    }
}

#[test]
fn longer_forms_than_needed_mean_the_same() {
    let ear = RefCell::new(Ear::new());
    let choices = prop::collection::vec(any::<u8>(), 1..50);
    check((messages(), choices), |(value, choices)| {
        let payload = Longhand::write(&value, &choices);
        prop_assert!(payload.len() >= size(&value));
        let (heard, _) = ear.borrow_mut().hear(&payload).map_err(TestCaseError::fail)?;
        prop_assert!(same(&heard, &value), "{} is not {}", heard, value);
        Ok(())
    });
}

#[test]
fn a_relayed_message_takes_a_field_whatever_form_it_came_in() {
    let ear = RefCell::new(Ear::new());
    let choices = prop::collection::vec(any::<u8>(), 1..50);
    check((messages(), choices), |(value, choices)| {
        let payload = Longhand::write(&value, &choices);
        let (_, relayed) = ear.borrow_mut().hear(&payload).map_err(TestCaseError::fail)?;
        let Value::Map(mut pairs) = value else { unreachable!("a message is a map") };
        pairs.push(("who".into(), 7.into()));
        // Through a second server, because a broken message would panic here and not there.
        let bytes = relayed.to_bytes()?.to_vec();
        let (heard, _) = ear.borrow_mut().hear(&bytes).map_err(TestCaseError::fail)?;
        let wanted = Value::Map(pairs);
        prop_assert!(same(&heard, &wanted), "{} is not {}", heard, wanted);
        prop_assert_eq!(relayed.action(), wanted["action"].as_str().expect("a text"));
        Ok(())
    });
}

// --- Reading by eye ------------------------------------------------------------------------------

#[test]
fn messages_read_like_what_they_say() {
    let message = msg!("say", text: "it's \"fine\"", n: -1, f: 2.0, o: None::<u8>, 5: [1_u8]);
    let shown =
        r#"{"action": "say", "text": "it's \"fine\"", "n": -1, "f": 2.0, "o": nil, 5: <1 bytes>}"#;
    assert_eq!(message.to_string(), shown);
    assert_eq!(format!("{message:?}"), format!("Outgoing {shown}"));
    message.view(|msg: &Message<'_>| {
        assert_eq!(msg.to_string(), shown);
        assert_eq!(format!("{msg:?}"), format!("Message {shown}"));
        assert_eq!(msg.to_value().to_string(), shown);
        assert_eq!(ValueRef::Map(msg.fields()).to_string(), shown);
        assert_eq!(msg.field("text").map(ValueRef::kind), Some("a text"));
        let error = msg.get::<u8>("n").unwrap_err();
        assert_eq!(format!("{error:?}"), error.to_string(), "an unwrap reads well");
    });
}

/// Whether a terminal shows the text as it is: no control characters, none that turn text around.
pub(crate) fn is_tame(text: &str) -> bool {
    let turns = |char| {
        let marks = ['\u{200e}', '\u{200f}'];
        let (embeds, isolates) = ('\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}');
        marks.contains(&char) || embeds.contains(&char) || isolates.contains(&char)
    };
    !text.chars().any(|char| char.is_control() || turns(char))
}

#[test]
fn no_text_of_a_peer_reaches_a_log_untamed() {
    let wild = "a\x1b[2J\n\r\0\u{7f}\u{9b}\u{202e}\u{2066}b";
    assert!(!is_tame(wild));
    let message = msg!(wild, (wild): wild, n: wild, map: BTreeMap::from([(wild, wild)]));
    let tame = r#""a\u{1b}[2J\n\r\0\u{7f}\u{9b}\u{202e}\u{2066}b""#;
    assert_eq!(
        message.to_string(),
        format!(
            "{{\"action\": {tame}, {tame}: {tame}, \"n\": {tame}, \"map\": {{{tame}: {tame}}}}}"
        )
    );
    message.view(|msg| {
        for shown in [
            format!("{msg:?}"),
            format!("{:?}", msg.to_value()),
            format!("{:?}", msg.fields()),
            msg.get::<u8>(wild).unwrap_err().to_string(),
            msg.get::<u8>("missing\x07").unwrap_err().to_string(),
            msg.get::<BTreeMap<&str, u8>>("map").unwrap_err().to_string(),
            ValueError::wanted("a colour", ValueRef::Str(wild)).at_key(wild).to_string(),
        ] {
            assert!(is_tame(&shown), "{shown:?}");
        }
    });
    check(messages(), |value| {
        let message = Outgoing::from_value(&value)?;
        let debug = format!("{value:?}");
        prop_assert!(is_tame(&message.to_string()) && is_tame(&debug), "{}", debug);
        Ok(())
    });
}

#[test]
fn what_is_long_is_cut() {
    let long = "x".repeat(100_000);
    let message = msg!("t", (long): long, list: vec![1; 50_000]);
    assert!(message.to_string().len() < 1000);
    message.view(|msg| {
        assert!(msg.get::<u8>(&long).unwrap_err().to_string().len() < 1000);
        let error = msg.get::<u8>("gone").unwrap_err().to_string();
        assert!(error.len() < 1000, "{error}");
    });
}

#[test]
fn the_types_are_no_larger_than_they_look() {
    let sizes = [
        ("Message", size_of::<Message<'_>>(), 40),
        ("Option<Message>", size_of::<Option<Message<'_>>>(), 40),
        ("ValueRef", size_of::<ValueRef<'_>>(), 32),
        ("Value", size_of::<Value>(), 32),
        ("ValueError", size_of::<ValueError>(), 8),
        ("Result<u64, ValueError>", size_of::<Result<u64, ValueError>>(), 16),
        ("Outgoing", size_of::<Outgoing>(), 144),
        ("SendError", size_of::<SendError>(), 56),
    ];
    for (name, size, most) in sizes {
        eprintln!("size of {name}: {size} bytes");
        assert!(size <= most, "{name}: {size} bytes are more than {most}");
    }
    fn is_send<T: Send>() {}
    is_send::<Outgoing>();
    is_send::<Value>();
}
