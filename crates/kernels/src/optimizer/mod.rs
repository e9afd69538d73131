//! How parameters move against a gradient, and how the rate of that changes over a budget.

mod muon;
mod schedule;
mod settings;
mod update;

pub use muon::Muon;
pub use schedule::Schedule;
pub use settings::{Optimizer, OptimizerError, UpdateStep};
pub use update::{Adam, Lion, Update};
pub use update::{CONSTANTS, MOMENTS, Rule, UpdateRule, WithRule};
