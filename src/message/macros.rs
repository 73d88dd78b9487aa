//! [`msg!`](crate::msg): a message in one line.

/// Makes a message: an action, then fields.
///
/// ```
/// use hexapod::msg;
///
/// let (name, hp) = ("ann", 10);
/// let message = msg!("joined", who: name, hp: hp, at: (1.5, 2.0), tags: ["red"]);
/// assert_eq!(
///     message.to_string(),
///     r#"{"action": "joined", "who": "ann", "hp": 10, "at": [1.5, 2.0], "tags": ["red"]}"#,
/// );
/// ```
///
/// A key is a word, keywords included, a text in quotes, a number, or an expression in parentheses.
/// A value is anything that implements [`IntoValue`](crate::IntoValue); it is only borrowed.
///
/// ```
/// # use hexapod::msg;
/// let key = String::from("score");
/// msg!("all", type: "x", "two words": 1, 7: true, (key): 5);
/// ```
///
/// The key `action` is the message's own, and an error:
///
/// ```compile_fail
/// # use hexapod::msg;
/// msg!("joined", action: 1);
/// ```
///
/// ```compile_fail
/// # use hexapod::msg;
/// msg!("joined", "action": 1);
/// ```
#[macro_export]
macro_rules! msg {
    ($action:expr $(, $key:tt : $value:expr)* $(,)?) => {{
        #[allow(unused_mut)]
        let mut message =
            $crate::Outgoing::with_fields($action, 0 $(+ $crate::__one!($key))*);
        $(message.field($crate::__key!($key), &$value);)*
        message
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __one {
    ($key:tt) => {
        1
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __key {
    (action) => {
        ::core::compile_error!("the key `action` is the message's own: it is the first argument")
    };
    ("action") => {
        ::core::compile_error!("the key \"action\" is the message's own: it is the first argument")
    };
    (($key:expr)) => {
        &$key
    };
    ($key:literal) => {
        &$key
    };
    ($key:tt) => {
        $crate::__key_text(::core::stringify!($key))
    };
}

/// The key that a word in `msg!` stands for: `r#type` is `type`.
#[doc(hidden)]
#[inline]
pub fn key_text(word: &'static str) -> &'static str {
    word.strip_prefix("r#").unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use crate::{Outgoing, Value};

    #[test]
    fn keys_of_every_kind() {
        let key = String::from("from an expression");
        let message = msg!(
            "test",
            plain: 1,
            type: 2,
            r#match: 3,
            "two words": 4,
            5: 5,
            (key): 6,
            (&key[..4]): 7,
        );
        assert_eq!(
            message.to_string(),
            "{\"action\": \"test\", \"plain\": 1, \"type\": 2, \"match\": 3, \
             \"two words\": 4, 5: 5, \"from an expression\": 6, \"from\": 7}"
        );
    }

    #[test]
    fn many_fields_take_a_longer_head() {
        let mut grown = Outgoing::new("many");
        for n in 0..70_000_u32 {
            if [14, 15, 16, 65_534, 65_535].contains(&n) {
                assert_eq!(grown.action(), "many");
            }
            grown.field(&n, &n);
        }
        let Value::Map(pairs) = Value::from(grown.clone()) else { panic!() };
        assert_eq!(pairs.len(), 70_001);
        assert_eq!(pairs[70_000], (69_999.into(), 69_999.into()));
        assert_eq!(Outgoing::from_value(&Value::Map(pairs)), Ok(grown));
    }
}
