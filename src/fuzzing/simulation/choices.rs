//! Where the simulation takes its decisions from: a seed, or the bytes of a fuzzer.

/// Numbers that look random, and are the same each time.
#[derive(Clone, Debug)]
pub(in crate::fuzzing) struct Choices {
    state: u64,
    /// A fuzzer's bytes, and how many of them are used up. Without them the seed decides.
    script: Option<(Vec<u8>, usize)>,
}

impl Choices {
    pub(in crate::fuzzing) fn seed(seed: u64) -> Self {
        Self { state: seed, script: None }
    }

    pub(in crate::fuzzing) fn script(bytes: &[u8]) -> Self {
        Self { state: 0, script: Some((bytes.to_vec(), 0)) }
    }

    /// Always the first.
    pub(in crate::fuzzing) fn none() -> Self {
        Self::script(&[])
    }

    /// Whether there is nothing left to decide by.
    pub(super) fn are_over(&self) -> bool {
        self.script.as_ref().is_some_and(|(bytes, at)| *at >= bytes.len())
    }

    /// One of so many. The end of a script is zeros.
    pub(in crate::fuzzing) fn below(&mut self, end: usize) -> usize {
        let Some((bytes, at)) = &mut self.script else {
            return (self.next() % end as u64) as usize;
        };
        // Two bytes where one is not enough: that is the most that anybody asks for.
        let mut number = 0;
        for _ in 0..1 + usize::from(end > 0x100) {
            number = number << 8 | usize::from(bytes.get(*at).copied().unwrap_or(0));
            *at += 1;
        }
        number % end
    }

    /// Whether something comes about that does so once in so many times. Never at a script's end.
    pub(in crate::fuzzing) fn once_in(&mut self, many: usize) -> bool {
        self.below(many) == many - 1
    }

    pub(super) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }

    /// A generator of its own, for somebody who is not asked in order.
    pub(super) fn branch(&mut self) -> Self {
        Self::seed(match &self.script {
            Some(_) => self.below(1 << 16) as u64,
            None => self.next(),
        })
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
