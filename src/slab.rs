//! A slab: values in numbered slots, found again by a key that is never reused.
//!
//! ```text
//! slots  [ A #1 ][ free ][ C #3 ][ D #9 ]      a key is (serial, slot)
//!           └──────────────┴───────┴──> order of insertion, as a linked list
//! ```
//!
//! A slot is filled again after a removal, but under a new serial, so a stale key finds nothing
//! instead of somebody else. Look-up, insertion, removal and the step to the next value all take
//! constant time; iteration is in order of insertion, whatever was removed in between.
//!
//! It grows by an eighth, so no more than that is ever waste, and does not shrink: the slots of a
//! crowd that has left are kept for the next one.

use std::num::NonZeroU64;

/// Names one value of one [`Slab`] for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// Counts insertions from 1; the first field, so that keys sort by age.
    pub(crate) serial: NonZeroU64,
    pub(crate) slot: u32,
}

/// The end of the linked list, and of the free list.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: u32,
    first: u32,
    last: u32,
    len: usize,
    /// That of the next insertion.
    serial: NonZeroU64,
}

#[derive(Debug)]
struct Slot<T> {
    value: Option<T>,
    serial: NonZeroU64,
    /// The neighbours in order of insertion; `after` links the free list while the slot is free.
    before: u32,
    after: u32,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        let serial = NonZeroU64::MIN;
        Self { slots: Vec::new(), free: NONE, first: NONE, last: NONE, len: 0, serial }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of slots, full and free: slots below it can be asked for with [`Slab::at`].
    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// The value in a slot, whichever it is, with its key.
    pub(crate) fn at(&mut self, slot: usize) -> Option<(Key, &mut T)> {
        let entry = self.slots.get_mut(slot)?;
        let key = Key { serial: entry.serial, slot: slot as u32 };
        entry.value.as_mut().map(|value| (key, value))
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let slot = self.slots.get(key.slot as usize)?;
        if slot.serial == key.serial { slot.value.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.serial == key.serial { slot.value.as_mut() } else { None }
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        let serial = self.serial;
        self.serial = serial.saturating_add(1);
        let entry = Slot { value: Some(value), serial, before: self.last, after: NONE };
        let slot = if self.free == NONE {
            assert!(self.slots.len() < NONE as usize, "a slab holds fewer than 2^32 values");
            if self.slots.len() == self.slots.capacity() {
                self.slots.reserve_exact(self.slots.len() / 8 + 8);
            }
            self.slots.push(entry);
            (self.slots.len() - 1) as u32
        } else {
            let slot = self.free;
            self.free = self.slots[slot as usize].after;
            self.slots[slot as usize] = entry;
            slot
        };
        match self.last {
            NONE => self.first = slot,
            last => self.slots[last as usize].after = slot,
        }
        self.last = slot;
        self.len += 1;
        Key { serial, slot }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.serial != key.serial {
            return None;
        }
        let value = slot.value.take()?;
        let (before, after) = (slot.before, slot.after);
        slot.after = self.free;
        self.free = key.slot;
        match before {
            NONE => self.first = after,
            before => self.slots[before as usize].after = after,
        }
        match after {
            NONE => self.last = before,
            after => self.slots[after as usize].before = before,
        }
        self.len -= 1;
        Some(value)
    }

    /// The oldest value's key.
    pub(crate) fn first(&self) -> Option<Key> {
        self.key(self.first)
    }

    /// The key of the value that was inserted next after this one; `None` at the end, and for a
    /// key whose value is gone.
    pub(crate) fn next(&self, key: Key) -> Option<Key> {
        self.get(key)?;
        self.key(self.slots[key.slot as usize].after)
    }

    /// All values, oldest first.
    pub(crate) fn iter(&self) -> Iter<'_, T> {
        Iter { slab: self, next: self.first() }
    }

    fn key(&self, slot: u32) -> Option<Key> {
        let entry = self.slots.get(slot as usize)?;
        Some(Key { serial: entry.serial, slot })
    }
}

#[derive(Debug)]
pub(crate) struct Iter<'a, T> {
    slab: &'a Slab<T>,
    next: Option<Key>,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = (Key, &'a T);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.next?;
        self.next = self.slab.next(key);
        self.slab.get(key).map(|value| (key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_stale_key_finds_nothing_after_its_slot_was_filled_again() {
        let mut slab = Slab::new();
        let old = slab.insert('a');
        assert_eq!(slab.remove(old), Some('a'));
        let new = slab.insert('b');
        assert_eq!(new.slot, old.slot);
        assert_eq!(slab.get(old), None);
        assert_eq!(slab.remove(old), None);
        assert_eq!(slab.get(new), Some(&'b'));
    }

    proptest! {
        /// Against a plain list of (key, value): same content, same order, stale keys dead.
        #[test]
        fn behaves_like_a_list(
            script in prop::collection::vec((any::<bool>(), any::<usize>()), 0..200)
        ) {
            let mut slab = Slab::new();
            let mut model: Vec<(Key, usize)> = Vec::new();
            let mut dead = Vec::new();
            for (insert, n) in script {
                if insert || model.is_empty() {
                    model.push((slab.insert(n), n));
                } else {
                    let (key, value) = model.remove(n % model.len());
                    prop_assert_eq!(slab.remove(key), Some(value));
                    dead.push(key);
                }
                prop_assert_eq!(slab.len(), model.len());
                let seen: Vec<_> = slab.iter().map(|(key, value)| (key, *value)).collect();
                prop_assert_eq!(&seen, &model);
                prop_assert!(dead.iter().all(|key| slab.get(*key).is_none()));
                let filled = (0..slab.slots()).filter(|slot| slab.at(*slot).is_some()).count();
                prop_assert_eq!(filled, model.len());
            }
        }
    }
}
