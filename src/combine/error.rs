//! What is wrong with an expression or its file.

use std::path::PathBuf;

use thiserror::Error;

/// An expression that is no field.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum CombineError {
    /// A number is out of range.
    #[error("{at}: {name} is {value}: it must be {expected}")]
    Number {
        /// The place in the expression, as `union.of[1].sphere`.
        at: String,
        /// Which number.
        name: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// Numbers that do not go together.
    #[error("{at}: {problem}")]
    Shape {
        /// The place in the expression.
        at: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Too few parts.
    #[error("{at} has {count} of the {least} parts that it needs at least")]
    TooFewParts {
        /// The place in the expression.
        at: String,
        /// How many it has.
        count: usize,
        /// How many it needs.
        least: usize,
    },
    /// Too large.
    #[error(
        "the expression has more than {most} parts and operations: distil some of it into a model of its own"
    )]
    TooManyNodes {
        /// The limit.
        most: usize,
    },
    /// Too many models.
    #[error("the expression has more than {most} models: distil some of them into one")]
    TooManyModels {
        /// The limit.
        most: usize,
    },
    /// Too deep.
    #[error(
        "the expression is more than {most} operations deep: distil some of it into a model of its own"
    )]
    TooDeep {
        /// The limit.
        most: usize,
    },
    /// The surface reaches to infinity.
    #[error(
        "{at} has no bounds: it reaches to infinity. Cut it out of something that has bounds, by an intersection or a difference"
    )]
    Unbounded {
        /// The place in the expression.
        at: String,
    },
    /// Nothing is inside.
    #[error("{at} is empty: {why}")]
    Empty {
        /// The place in the expression.
        at: String,
        /// Why.
        why: String,
    },
}

/// A recipe that cannot be read.
#[derive(Debug, Error)]
pub enum RecipeError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A recipe that is larger than any recipe is.
    #[error("{} has {bytes} bytes: that is no recipe. Recipes are .toml files with an expression; models are .safetensors files", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How large it is.
        bytes: u64,
    },
    /// Its text is no expression.
    #[error("{}: {problem}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// A recipe that is a part of itself.
    #[error("{} refers to itself: {chain}", path.display())]
    Cycle {
        /// The recipe.
        path: PathBuf,
        /// From it back to it.
        chain: String,
    },
    /// The expression is too large.
    #[error("{}: {error}", path.display())]
    Expression {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: CombineError,
    },
}

/// Refuses a number that does not fit.
pub(super) fn number(
    at: &str,
    name: &'static str,
    value: f64,
    fits: bool,
    expected: &'static str,
) -> Result<(), CombineError> {
    match fits {
        true => Ok(()),
        false => Err(CombineError::Number {
            at: at.to_owned(),
            name,
            value,
            expected,
        }),
    }
}
