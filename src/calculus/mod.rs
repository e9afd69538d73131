//! Formulas over numbers that compute, differentiate, or write code.

mod algebra;
mod folded;
mod jet;
mod plain;

pub(crate) use algebra::Algebra;
pub(crate) use folded::{Folded, MaybeKnown};
pub(crate) use jet::{Dual, Jet};
pub(crate) use plain::Plain;
