//! Formulas over numbers that compute, differentiate, or write code.

mod algebra;
mod folded;
mod jet;
mod plain;

pub use algebra::Algebra;
pub use folded::{Folded, MaybeKnown};
pub use jet::{Dual, Jet};
pub use plain::Plain;
