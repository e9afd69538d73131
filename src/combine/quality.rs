//! How far a combined field still is a distance.

use std::fmt;

/// Where a field is the distance to its own surface. It is never more than that: what is put together here is no steeper than its parts.
/// Models count as exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality {
    /// Outside it is the distance.
    pub exact_outside: bool,
    /// Inside it is the distance.
    pub exact_inside: bool,
}

impl Quality {
    /// Of models and solids.
    pub const EXACT: Quality = Quality {
        exact_outside: true,
        exact_inside: true,
    };

    /// Of what is no distance.
    pub(super) const BOUND: Quality = Quality {
        exact_outside: false,
        exact_inside: false,
    };

    /// The quality of what is exact outside (inside) where all of some are.
    pub(super) fn all(parts: impl Iterator<Item = Quality>) -> Quality {
        parts.fold(Quality::EXACT, |all, part| Quality {
            exact_outside: all.exact_outside && part.exact_outside,
            exact_inside: all.exact_inside && part.exact_inside,
        })
    }

    /// The same seen from the other side.
    pub(super) fn turned(self) -> Quality {
        Quality {
            exact_outside: self.exact_inside,
            exact_inside: self.exact_outside,
        }
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.exact_outside, self.exact_inside) {
            (true, true) => "a distance",
            (true, false) => "a distance outside, a lower bound of it inside",
            (false, true) => "a lower bound of the distance outside, a distance inside",
            (false, false) => "a lower bound of the distance",
        })
    }
}
