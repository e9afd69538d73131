//! A field that is a part of an expression.

use std::sync::Arc;

use crate::field::{Shape, SharedField};

/// A field that an expression names as a model.
#[derive(Clone)]
pub struct Part {
    /// The field in its unit frame, defined everywhere.
    pub field: SharedField,
    /// What is known of its shape.
    pub shape: Arc<Shape>,
}
