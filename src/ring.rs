//! A byte ring: bytes go in at the tail and come out at the head, and nothing moves in between.
//!
//! ```text
//! storage   g h i . . . . . a b c d e f        head at `a`, 9 bytes
//! slices    [a b c d e f] [g h i]              at most two pieces
//! ```
//!
//! A ring owns no memory while it has never held a byte, and is a pointer then: most peers have
//! nothing to say most of the time. It grows by doubling, as bytes arrive and never because of what
//! a header claims, and hands its storage back to a [`Pool`] when it is empty.
//!
//! It knows nothing of frames and never blocks; how much may go in is its owner's business.

/// The smallest storage that is allocated: most unfinished frames fit.
const SMALLEST: usize = 128;

#[derive(Debug, Default)]
pub(crate) struct Ring(Option<Box<Storage>>);

#[derive(Debug)]
struct Storage {
    /// A power of two long.
    cells: Vec<u8>,
    head: usize,
    len: usize,
}

impl Ring {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |storage| storage.len)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes it can hold without growing.
    fn capacity(&self) -> usize {
        self.0.as_ref().map_or(0, |storage| storage.cells.len())
    }

    /// The bytes, oldest first, in two pieces of which the second may be empty.
    pub(crate) fn slices(&self) -> (&[u8], &[u8]) {
        self.range(0, self.len())
    }

    /// `len` bytes from `start` on, counted from the head, in two pieces.
    ///
    /// # Panics
    ///
    /// If the range is not within the ring.
    pub(crate) fn range(&self, start: usize, len: usize) -> (&[u8], &[u8]) {
        match &self.0 {
            Some(storage) => storage.range(start, len),
            None => {
                assert!((start, len) == (0, 0), "a range within the ring");
                (&[], &[])
            }
        }
    }

    /// Appends bytes; grows if there is no room. The pool may have storage to grow into.
    pub(crate) fn push(&mut self, bytes: &[u8], pool: &mut Pool) {
        self.push_all([bytes], pool);
    }

    /// Appends pieces one after the other, with one look at the room.
    #[inline]
    pub(crate) fn push_all<const N: usize>(&mut self, pieces: [&[u8]; N], pool: &mut Pool) {
        let needed = self.len() + pieces.iter().map(|piece| piece.len()).sum::<usize>();
        if needed > self.capacity() {
            self.grow(needed, pool);
        }
        if let Some(storage) = &mut self.0 {
            pieces.iter().filter(|piece| !piece.is_empty()).for_each(|piece| storage.push(piece));
        }
    }

    /// Forgets the oldest `count` bytes.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    pub(crate) fn consume(&mut self, count: usize) {
        assert!(count <= self.len(), "no more than the ring holds");
        if let Some(storage) = &mut self.0 {
            storage.consume(count);
        }
    }

    /// Gives the storage back; the ring is empty afterwards.
    pub(crate) fn release(&mut self, pool: &mut Pool) {
        pool.give(std::mem::take(self));
    }

    fn grow(&mut self, needed: usize, pool: &mut Pool) {
        let mut larger = pool.take(needed);
        let (first, second) = self.slices();
        larger.push(first);
        larger.push(second);
        pool.give(std::mem::replace(self, Self(Some(larger))));
    }
}

impl Storage {
    fn range(&self, start: usize, len: usize) -> (&[u8], &[u8]) {
        assert!(start <= self.len && len <= self.len - start, "a range within the ring");
        let capacity = self.cells.len();
        let from = (self.head + start) & (capacity - 1);
        let first = len.min(capacity - from);
        (&self.cells[from..from + first], &self.cells[..len - first])
    }

    /// Appends bytes for which there is room.
    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        let tail = (self.head + self.len) & (self.cells.len() - 1);
        self.len += bytes.len();
        match self.cells[tail..].get_mut(..bytes.len()) {
            Some(room) => room.copy_from_slice(bytes),
            None => self.wrap(tail, bytes),
        }
    }

    /// Writes bytes at the tail and, as far as there is no room, at the start.
    #[cold]
    fn wrap(&mut self, tail: usize, bytes: &[u8]) {
        let (now, later) = bytes.split_at(self.cells.len() - tail);
        self.cells[tail..].copy_from_slice(now);
        self.cells[..later.len()].copy_from_slice(later);
    }

    fn consume(&mut self, count: usize) {
        self.len -= count;
        // An empty ring starts over, so that what comes next lies in one piece.
        self.head = if self.len == 0 { 0 } else { (self.head + count) & (self.cells.len() - 1) };
    }
}

/// Storage that rings have handed back, kept for the next ones up to a bound.
#[derive(Debug)]
pub(crate) struct Pool {
    /// By their size: the smallest, twice as large, four times as large, …
    spare: Vec<Vec<Ring>>,
    bytes: usize,
    max_bytes: usize,
}

impl Pool {
    /// A pool that keeps at most this many bytes of unused storage.
    pub(crate) const fn new(max_bytes: usize) -> Self {
        Self { spare: Vec::new(), bytes: 0, max_bytes }
    }

    /// Empty storage for at least `needed` bytes.
    fn take(&mut self, needed: usize) -> Box<Storage> {
        let size = needed.next_power_of_two().max(SMALLEST);
        // A much larger one would be wasted on a small need. Of the others the largest need not
        // grow soon, and the newest is the warmest.
        let near = self.spare.iter_mut().skip(doublings(size)).take(4).rev();
        if let Some(Ring(Some(storage))) = near.filter_map(Vec::pop).next() {
            self.bytes -= storage.cells.len();
            return storage;
        }
        Box::new(Storage { cells: vec![0; size], head: 0, len: 0 })
    }

    fn give(&mut self, mut ring: Ring) {
        let Some(storage) = &mut ring.0 else { return };
        let size = storage.cells.len();
        if self.bytes + size > self.max_bytes {
            return;
        }
        (storage.head, storage.len) = (0, 0);
        self.bytes += size;
        let at = doublings(size);
        if self.spare.len() <= at {
            self.spare.resize_with(at + 1, Vec::new);
        }
        self.spare[at].push(ring);
    }
}

/// How often the smallest size doubles to make this one.
fn doublings(size: usize) -> usize {
    (size / SMALLEST).trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// The ring's storage as text, so that wrapping is seen by eye: `.` is a free byte.
    fn picture(ring: &Ring) -> String {
        let capacity = ring.capacity();
        let mut cells = vec!['.'; capacity];
        let head = ring.0.as_ref().map_or(0, |storage| storage.head);
        let (first, second) = ring.slices();
        for (at, byte) in first.iter().chain(second).enumerate() {
            cells[(head + at) % capacity] = char::from(*byte);
        }
        cells.into_iter().collect()
    }

    /// A ring with this storage, its head anywhere.
    fn ring(capacity: usize, head: usize, content: &[u8]) -> Ring {
        let mut storage = Storage { cells: vec![0; capacity], head, len: 0 };
        storage.push(content);
        Ring(Some(Box::new(storage)))
    }

    #[test]
    fn wraps_around() {
        let mut pool = Pool::new(0);
        let mut ring = ring(16, 10, b"abcdef");
        assert_eq!(picture(&ring), "..........abcdef");
        ring.push(b"ghi", &mut pool);
        assert_eq!(picture(&ring), "ghi.......abcdef");
        assert_eq!(ring.slices(), (&b"abcdef"[..], &b"ghi"[..]));
        ring.consume(4);
        assert_eq!(picture(&ring), "ghi...........ef");
        ring.push(b"jklmnopqrst", &mut pool);
        assert_eq!(picture(&ring), "ghijklmnopqrstef");
        ring.push(b"!", &mut pool);
        assert!(picture(&ring).starts_with("efghijklmnopqrst!..."));
    }

    /// Case 11 of `tests/ATTACKS.md`, against the simplest model there is: every start and end of
    /// it, every number of bytes that goes, and every number that comes, within the capacity and
    /// beyond.
    #[test]
    fn case_11_every_capacity_head_and_length_up_to_64() {
        let content: Vec<u8> = (0..65).collect();
        let same = |ring: &Ring, expected: &[u8]| {
            let (first, second) = ring.slices();
            assert!(first.iter().chain(second).eq(expected) && ring.len() == expected.len());
        };
        let (mut states, mut none) = (0, Pool::new(0));
        for capacity in [1, 2, 4, 8, 16, 32, 64] {
            for head in 0..capacity {
                for len in 0..=capacity {
                    states += 1;
                    let bytes = &content[..len];
                    let whole = ring(capacity, head, bytes);
                    same(&whole, bytes);
                    for start in 0..=len {
                        for (at, count) in
                            [(0, start), (start, len - start), (start / 2, start / 2)]
                        {
                            let (first, second) = whole.range(at, count);
                            assert!(first.iter().chain(second).eq(&bytes[at..at + count]));
                        }
                        let mut rest = ring(capacity, head, bytes);
                        rest.consume(start);
                        same(&rest, &bytes[start..]);
                        rest.push(b"+", &mut none);
                        same(&rest, &[&bytes[start..], b"+"].concat());
                    }
                    for more in 0..=capacity - len + 1 {
                        let mut grown = ring(capacity, head, bytes);
                        grown.push(&content[..more], &mut none);
                        same(&grown, &[bytes, &content[..more]].concat());
                    }
                }
            }
        }
        assert_eq!(states, (0..7).map(|log| (1 << log) * ((1 << log) + 1)).sum::<usize>());
    }

    #[test]
    fn owns_nothing_until_it_holds_a_byte_and_after_release() {
        let mut pool = Pool::new(1024);
        let mut ring = Ring::new();
        ring.push(b"", &mut pool);
        assert_eq!(ring.capacity(), 0);
        ring.push(b"x", &mut pool);
        assert_eq!(ring.capacity(), SMALLEST);
        ring.release(&mut pool);
        assert_eq!((ring.capacity(), ring.len(), pool.bytes), (0, 0, SMALLEST));
    }

    #[test]
    fn the_pool_reuses_and_is_bounded() {
        let mut pool = Pool::new(2 * SMALLEST);
        let mut rings: Vec<Ring> = (0..3).map(|_| Ring::new()).collect();
        rings.iter_mut().for_each(|ring| ring.push(b"x", &mut pool));
        rings.iter_mut().for_each(|ring| ring.release(&mut pool));
        assert_eq!((pool.spare[0].len(), pool.bytes), (2, 2 * SMALLEST));
        rings[0].push(b"y", &mut pool);
        assert_eq!((pool.spare[0].len(), pool.bytes), (1, SMALLEST));
    }

    #[test]
    fn growth_follows_the_bytes() {
        let (mut pool, mut ring) = (Pool::new(0), Ring::new());
        let mut model = VecDeque::<u8>::new();
        for round in 0..2000_usize {
            let bytes: Vec<u8> = (0..round % 97).map(|n| (n ^ round) as u8).collect();
            ring.push(&bytes, &mut pool);
            model.extend(&bytes);
            let gone = (round * 7 % 90).min(model.len());
            ring.consume(gone);
            model.drain(..gone);
            let (first, second) = ring.slices();
            assert!(first.iter().chain(second).eq(model.iter()));
            assert!(ring.capacity() <= (model.len() + 200).next_power_of_two() * 2 + 20_000);
        }
    }
}
