//! Formulas over numbers that compute, differentiate, or write code.

mod algebra;
mod folded;
mod jet;
#[cfg(test)]
mod plain;

pub(crate) use algebra::Algebra;
pub(crate) use folded::{Folded, MaybeKnown};
pub(crate) use jet::{Dual, Jet};
#[cfg(test)]
pub(crate) use plain::Plain;
