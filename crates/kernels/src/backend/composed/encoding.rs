//! Encodings by tensor operations: tables and formulas side by side.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::LayerInput;
use super::formulas::Formulas;
use super::tables::Tables;
use crate::network::TensorSpec;
use crate::network::encoding::{Encoding, PositionEncoding};

/// Points on their way through an encoding.
pub(super) struct Encoded<B: Backend> {
    tables: Option<Tables<B>>,
    formulas: Option<Formulas<B>>,
}

impl<B: Backend> Encoded<B> {
    /// `points` is `[N, 3]`; with `tangents` the features' derivatives by the axes are worked out, too.
    pub(super) fn new(encoding: &Encoding, points: &Tensor<B, 2>, tangents: bool) -> Self {
        let parts = encoding.parts();
        let tables = !parts.levels.is_empty();
        Self {
            tables: tables.then(|| Tables::new(&parts, points, tangents)),
            formulas: Formulas::new(&parts, points, tangents),
        }
    }

    /// Whether the first of the network's tensors is a table.
    pub(super) fn has_tables(&self) -> bool {
        self.tables.is_some()
    }

    /// All features of the points. `table` is `[entries, features]`.
    pub(super) fn features(&self, table: Option<Tensor<B, 2>>) -> LayerInput<B> {
        let of_tables = self.tables.as_ref().zip(table);
        let of_tables = of_tables.map(|(tables, table)| tables.features(&table));
        let of_formulas = self.formulas.as_ref().map(Formulas::features);
        match (of_tables, of_formulas) {
            (Some(first), Some(second)) => first.beside(second),
            (Some(features), None) | (None, Some(features)) => features,
            (None, None) => unreachable!("an encoding has features"),
        }
    }

    /// The gradient by the table, if there is one, given the gradients by features and tangents.
    pub(super) fn backward(
        &self,
        by_features: Tensor<B, 2>,
        by_tangents: Option<Tensor<B, 2>>,
        table: &TensorSpec,
    ) -> Option<Tensor<B, 2>> {
        let tables = self.tables.as_ref()?;
        Some(tables.backward(by_features, by_tangents, table))
    }
}
