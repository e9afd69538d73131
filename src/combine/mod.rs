//! The algebra of fields: models and plain solids put together by expressions, which are fields like any other.
//!
//! An [`Expression`] is data: it is written in a [recipe](read_recipe), sent to the daemon, kept. [`Combined`] is what it means: a
//! field that asks its parts when it is asked, with bounds in which nothing of its surface is cut off. docs/combine.md has the formulas.

mod blend;
mod builder;
mod combined;
mod error;
mod expression;
mod extent;
mod node;
mod part;
mod placement;
mod quality;
mod recipe;
mod solid;
#[cfg(test)]
mod tests;

pub use combined::Combined;
pub use error::{CombineError, RecipeError};
pub use expression::{
    Expression, MOST_DEPTH, MOST_MODELS, MOST_NODES, Morph, Offset, Operands, Shell, Transform,
};
pub use part::Part;
pub use quality::Quality;
pub use recipe::{is_recipe, parse_recipe, read_recipe, recipe_text};
pub use solid::{Capsule, Cuboid, Cylinder, HalfSpace, Sphere, Torus};
