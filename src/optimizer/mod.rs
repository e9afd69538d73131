//! How parameters move against a gradient.

mod update;

pub use update::{Adam, Lion, Update, UpdateError};
pub(crate) use update::{CONSTANTS, MOMENTS, Rule, UpdateRule, WithRule};
