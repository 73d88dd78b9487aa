//! [`Tuple`]: an array that Python players see as a tuple.
//!
//! ```text
//! 93 01 02 03          an array of three in its smallest form: a list
//! dc 00 03 01 02 03    the same with a longer head than it needs: a tuple
//! ```
//!
//! Every reader of MessagePack takes the two for the same array, so native peers and repod need no
//! rewriting. Only a dialect that has tuples looks at the difference.

use super::{Encoder, FromValue, IntoValue, ValueError, ValueRef};

/// An array as a tuple, for old clients of PodSixNet that tell tuples from lists.
///
/// It can be around whatever is written as an array: a slice, a `Vec`, a Rust tuple, a type of your
/// own; around anything else it changes nothing. To peers of other dialects it is an array.
///
/// ```
/// use hexapod::{Tuple, msg};
///
/// // PodSixNet sees a list of points, and each point as (x, y).
/// let line = [Tuple((10, 20)), Tuple((11, 20))];
/// let message = msg!("line", points: line);
/// let points: Vec<(i32, i32)> = message.view(|msg| msg.get("points"))?;
/// assert_eq!(points, [(10, 20), (11, 20)]);
/// # Ok::<(), hexapod::ValueError>(())
/// ```
///
/// A value that came as a tuple goes out as one where it is passed on as it is: a relayed message,
/// or a [`ValueRef`] as a field. The tree [`Value`](crate::Value) does not know the difference. Nor
/// does a tuple of more than 65,535 values, which arrives as a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tuple<T>(pub T);

impl<T: IntoValue> IntoValue for Tuple<T> {
    fn encode(&self, out: &mut Encoder) {
        out.widened(&self.0);
    }
}

impl<'v, T: FromValue<'v>> FromValue<'v> for Tuple<T> {
    fn from_value(value: ValueRef<'v>) -> Result<Self, ValueError> {
        T::from_value(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_tuple(value: impl IntoValue) -> bool {
        let message = crate::msg!("x", v: value);
        let is_tuple = |value: ValueRef<'_>| value.get().map(crate::ArrayRef::is_tuple).ok();
        message.view(|msg| msg.field("v").and_then(is_tuple)).expect("an array")
    }

    #[test]
    fn lists_and_tuples_of_every_length_are_told_apart() {
        for len in [0, 1, 15, 16, 31, 32, 65_535] {
            let items = vec![7_i32; len];
            assert!(!is_tuple(&items), "{len}");
            assert!(is_tuple(Tuple(&items)), "{len}");
            assert!(is_tuple(Tuple(Tuple(&items))), "{len}");
        }
        assert!(!is_tuple(Tuple(vec![7_i32; 65_536])), "there is no longer head");
    }

    #[test]
    fn a_tuple_stays_one_where_it_is_passed_on() {
        let message = crate::msg!("x", v: [Tuple((1, [2, 3]))]);
        let again = message.view(|msg| crate::msg!("x", v: msg.field("v").unwrap()));
        assert_eq!(message, again);
        let tree = crate::Value::from(message.clone());
        assert_ne!(crate::Outgoing::from_value(&tree).unwrap(), message);
    }

    #[test]
    fn around_what_is_no_array_it_changes_nothing() {
        assert_eq!(crate::msg!("x", v: Tuple("text")), crate::msg!("x", v: "text"));
        assert_eq!(crate::msg!("x", v: Tuple([1_u8, 2])), crate::msg!("x", v: [1_u8, 2]));
        assert_eq!(crate::msg!("x", v: Tuple(()), w: 1), crate::msg!("x", v: (), w: 1));
    }
}
