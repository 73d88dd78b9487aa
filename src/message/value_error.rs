//! [`ValueError`]: why a value could not be read as a type, told so that the reader can mend it.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::ValueRef;
use crate::quote::{Quoted, debug_like_display};

/// A value is missing, has another type than wanted, or does not fit.
///
/// As text it names action, field, what was wanted and what was found:
///
/// ```
/// use hexapod::msg;
///
/// let error = msg!("move", path: [(1, 2), (3, 400)])
///     .view(|msg| msg.get::<Vec<(u8, u8)>>("path").unwrap_err());
/// assert_eq!(
///     error.to_string(),
///     r#"field "path[1][1]" of action "move" should be an integer in 0..=255, but is 400"#,
/// );
/// ```
pub struct ValueError(Box<Inner>);

struct Inner {
    action: Option<String>,
    /// From the message down to the value, as it is written in the text: `path[3].x`.
    path: Option<String>,
    fault: Fault,
}

impl Inner {
    fn lies_at(&mut self, place: &str) {
        self.path = Some(match &self.path {
            None => place.to_owned(),
            Some(path) if path.starts_with('[') => format!("{place}{path}"),
            Some(path) => format!("{place}.{path}"),
        });
    }
}

enum Fault {
    Wanted { wanted: Cow<'static, str>, found: String },
    Missing { present: Vec<String> },
    Other(String),
}

impl ValueError {
    /// Something else was wanted than what was found.
    ///
    /// `wanted` completes the sentence "field … should be …": "an integer", "a known colour".
    #[cold]
    pub fn wanted(wanted: impl Into<Cow<'static, str>>, found: ValueRef<'_>) -> Self {
        let found = match found {
            ValueRef::Str(text) => format!("the text {}", Quoted(text)),
            ValueRef::Array(items) => format!("an array of {}", items.len()),
            ValueRef::Map(pairs) => format!("a map of {}", pairs.len()),
            ValueRef::F32(_) | ValueRef::F64(_) => format!("the float {found}"),
            other => other.to_string(),
        };
        Self::of(Fault::Wanted { wanted: wanted.into(), found })
    }

    /// Any other fault, in words that complete the sentence "field … …": "is not a known colour".
    pub fn new(fault: impl fmt::Display) -> Self {
        Self::of(Fault::Other(fault.to_string()))
    }

    /// A field that is not there, among those that are.
    pub(crate) fn missing<'k>(present: impl Iterator<Item = &'k str>) -> Self {
        let present = present.filter(|key| *key != super::ACTION).take(8);
        Self::of(Fault::Missing { present: present.map(|key| Quoted(key).to_string()).collect() })
    }

    fn of(fault: Fault) -> Self {
        Self(Box::new(Inner { action: None, path: None, fault }))
    }

    /// Says that the fault lies under this key of a map or message.
    #[must_use]
    pub fn at_key(mut self, key: &str) -> Self {
        self.0.lies_at(key);
        self
    }

    /// Says that the fault lies in this element of an array.
    #[must_use]
    pub fn at_index(mut self, index: usize) -> Self {
        self.0.lies_at(&format!("[{index}]"));
        self
    }

    pub(crate) fn of_action(mut self, action: &str) -> Self {
        self.0.action = Some(action.to_owned());
        self
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.path {
            None => f.write_str("the value")?,
            Some(path) => write!(f, "field {}", Quoted(path))?,
        }
        if let Some(action) = &self.0.action {
            write!(f, " of action {}", Quoted(action))?;
        }
        match &self.0.fault {
            Fault::Wanted { wanted, found } => write!(f, " should be {wanted}, but is {found}"),
            Fault::Missing { present } if present.is_empty() => f.write_str(" is missing"),
            Fault::Missing { present } => {
                write!(f, " is missing (there is {})", present.join(", "))
            }
            Fault::Other(fault) => write!(f, " {fault}"),
        }
    }
}

debug_like_display!(ValueError);

impl Error for ValueError {}
