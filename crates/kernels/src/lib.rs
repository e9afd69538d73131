//! Networks that are fields, f: R³ → R, and what runs and trains them on each device. The crate `overfit` makes them copies of shapes.
//!
//! Imports run one way: [`calculus`] → [`network`], [`loss`], [`optimizer`] → [`backend`]. A formula (an activation, an encoding, a loss, an
//! update) is written once over [`calculus::Algebra`], in a file of its own; each backend computes and differentiates it from there.

pub mod backend;
pub mod calculus;
pub mod instruction_set;
pub mod loss;
pub mod network;
pub mod optimizer;
pub mod setting;
pub mod user_folder;
