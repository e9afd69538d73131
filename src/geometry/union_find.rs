//! Things that belong together, each on one of two sides.

/// Disjoint sets of the numbers from 0, in which any two members of a set are known to be on the same side or on
/// different ones (union-find with parity).
pub(super) struct UnionFind {
    /// Another member of the set, or itself, and in the last bit whether that one is on the other side.
    links: Vec<u32>,
}

impl UnionFind {
    /// So many numbers, at most 2³¹, each alone.
    pub fn new(count: usize) -> UnionFind {
        UnionFind {
            links: (0..count as u32).map(|index| index << 1).collect(),
        }
    }

    /// The member that stands for the set of `index`, and whether it is on the other side; halves the way to it.
    pub fn find(&mut self, mut index: u32) -> (u32, bool) {
        let mut other_side = 0;
        loop {
            let link = self.links[index as usize];
            if link >> 1 == index {
                return (index, other_side == 1);
            }
            let beyond = self.links[(link >> 1) as usize] ^ (link & 1);
            self.links[index as usize] = beyond;
            other_side ^= beyond & 1;
            index = beyond >> 1;
        }
    }

    /// Puts `a` and `b` into one set, on different sides or not; `false` if they are in one and it says the contrary.
    pub fn join(&mut self, a: u32, b: u32, differ: bool) -> bool {
        let ((a, a_side), (b, b_side)) = (self.find(a), self.find(b));
        let differ = differ ^ a_side ^ b_side;
        if a == b {
            return !differ;
        }
        self.links[a.max(b) as usize] = a.min(b) << 1 | u32::from(differ);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_add_up_along_a_chain_and_round_a_ring() {
        let n = 1001;
        let mut chain = UnionFind::new(n);
        for i in (1..n as u32).rev() {
            assert!(chain.join(i - 1, i, true));
        }
        for i in 0..n as u32 {
            assert_eq!(chain.find(i), (0, i % 2 == 1));
        }
        assert!(chain.join(0, 1000, false));
        assert!(!chain.join(0, 1000, true));
    }
}
