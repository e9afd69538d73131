//! The three coordinates as they are.

use serde::{Deserialize, Serialize};

use super::formula::FeatureFormula;
use super::{Parts, PositionEncoding};

/// The three coordinates as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Identity {}

impl PositionEncoding for Identity {
    fn parts(&self) -> Parts {
        let axis = |axis: usize| std::array::from_fn(|place| f32::from(u8::from(place == axis)));
        Parts::formula(FeatureFormula::Linear, (0..3).map(axis).collect())
    }

    fn words(&self) -> String {
        String::new()
    }
}
