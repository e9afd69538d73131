//! The features of a tile that are formulas of the position: neighbouring features are computed at a time.

use pulp::{NullaryFnOnce, Simd};

use super::matrix::Matrix;
use super::points::{GROUP, Points};
use super::vectors::Vectors;
use crate::network::encoding::Parts;
use crate::network::encoding::formula::{
    FeatureFormula, Formula, WithFormula, feature_and_change, slopes,
};

/// The features of an encoding that are formulas.
pub(super) struct Formulas(Vec<Columns>);

/// Neighbouring features of one formula.
struct Columns {
    formula: FeatureFormula,
    /// The first feature's column.
    first: usize,
    /// Number of features.
    count: usize,
    /// Constants of each feature, filled up with zeros to whole groups.
    constants: [Vec<f32>; 4],
}

impl Formulas {
    pub(super) fn new(parts: &Parts) -> Self {
        let mut first = parts.interpolated();
        let mut all = Vec::new();
        for formula in FeatureFormula::ALL {
            let rows = parts.rows(formula);
            if rows.is_empty() {
                continue;
            }
            let constants = [0, 1, 2, 3].map(|place| {
                let mut constants: Vec<f32> = rows.iter().map(|row| row[place]).collect();
                constants.resize(rows.len().next_multiple_of(GROUP), 0.0);
                constants
            });
            all.push(Columns {
                formula,
                first,
                count: rows.len(),
                constants,
            });
            first += rows.len();
        }
        Self(all)
    }

    /// Writes the features of each point into their columns, `[N, features]`.
    #[inline(always)]
    pub(super) fn encode<S: Simd>(&self, simd: S, points: &Points, features: &mut Matrix) {
        for columns in &self.0 {
            let encode = Encode {
                simd,
                columns,
                points,
                features,
            };
            simd.vectorize(Pass(columns.formula, encode));
        }
    }

    /// Writes the features of each point, then their derivatives along its direction, `[N, features]` each.
    #[inline(always)]
    pub(super) fn encode_along<S: Simd>(
        &self,
        simd: S,
        points: &Points,
        directions: &Points,
        encoded: &mut [Matrix; 2],
    ) {
        for columns in &self.0 {
            let encode = EncodeAlong {
                simd,
                columns,
                points,
                directions,
                encoded,
            };
            simd.vectorize(Pass(columns.formula, encode));
        }
    }

    /// Adds the gradient by position of each point, given the gradient by the features, `[N, features]`.
    #[inline(always)]
    pub(super) fn add_position_gradient<S: Simd>(
        &self,
        simd: S,
        points: &Points,
        by_features: &Matrix,
        gradients: &mut [[f32; 3]],
    ) {
        for columns in &self.0 {
            let pull = Pull {
                simd,
                columns,
                points,
                by_features,
                gradients,
            };
            simd.vectorize(Pass(columns.formula, pull));
        }
    }
}

impl Columns {
    /// Starts of groups of features, and how many each has.
    #[inline(always)]
    fn groups(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let count = self.count;
        (0..count)
            .step_by(GROUP)
            .map(move |start| (start, GROUP.min(count - start)))
    }

    /// The constants of a vector of features, the first of which is `start`.
    #[inline(always)]
    fn constants<S: Simd>(&self, start: usize) -> [S::f32s; 4] {
        let vector = start / S::F32_LANES;
        [
            S::as_simd_f32s(&self.constants[0]).0[vector],
            S::as_simd_f32s(&self.constants[1]).0[vector],
            S::as_simd_f32s(&self.constants[2]).0[vector],
            S::as_simd_f32s(&self.constants[3]).0[vector],
        ]
    }
}

/// A function of its own in the instruction set that was dispatched to, as activations are.
struct Pass<V>(FeatureFormula, V);

impl<V: WithFormula> NullaryFnOnce for Pass<V> {
    type Output = V::Output;

    #[inline(always)]
    fn call(self) -> V::Output {
        self.0.visit(self.1)
    }
}

struct Encode<'a, S> {
    simd: S,
    columns: &'a Columns,
    points: &'a Points,
    features: &'a mut Matrix,
}

impl<S: Simd> WithFormula for Encode<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with<F: Formula>(self) {
        let Self {
            simd,
            columns,
            points,
            features,
        } = self;
        let mut vectors = Vectors(simd);
        let mut group = [0.0; GROUP];
        for (row, point) in points.iter().enumerate() {
            let position = splat(simd, point);
            for (start, count) in columns.groups() {
                let (results, _) = S::as_mut_simd_f32s(&mut group);
                for (vector, result) in results.iter_mut().enumerate() {
                    let constants = columns.constants::<S>(start + vector * S::F32_LANES);
                    *result = F::at(&mut vectors, &position, &constants);
                }
                put(features, row, columns.first + start, &group[..count]);
            }
        }
    }
}

struct EncodeAlong<'a, S> {
    simd: S,
    columns: &'a Columns,
    points: &'a Points,
    directions: &'a Points,
    encoded: &'a mut [Matrix; 2],
}

impl<S: Simd> WithFormula for EncodeAlong<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with<F: Formula>(self) {
        let Self {
            simd,
            columns,
            points,
            directions,
            encoded: [features, changes],
        } = self;
        let mut vectors = Vectors(simd);
        let mut groups = [[0.0; GROUP]; 2];
        for (row, (point, direction)) in points.iter().zip(directions.iter()).enumerate() {
            let (position, direction) = (splat(simd, point), splat(simd, direction));
            for (start, count) in columns.groups() {
                let [values, along] = &mut groups;
                let (values, _) = S::as_mut_simd_f32s(values);
                let (along, _) = S::as_mut_simd_f32s(along);
                for (vector, (value, along)) in values.iter_mut().zip(along).enumerate() {
                    let constants = columns.constants::<S>(start + vector * S::F32_LANES);
                    (*value, *along) =
                        feature_and_change::<_, F>(&mut vectors, &position, &direction, &constants);
                }
                put(features, row, columns.first + start, &groups[0][..count]);
                put(changes, row, columns.first + start, &groups[1][..count]);
            }
        }
    }
}

struct Pull<'a, S> {
    simd: S,
    columns: &'a Columns,
    points: &'a Points,
    by_features: &'a Matrix,
    gradients: &'a mut [[f32; 3]],
}

impl<S: Simd> WithFormula for Pull<'_, S> {
    type Output = ();

    #[inline(always)]
    fn with<F: Formula>(self) {
        let Self {
            simd,
            columns,
            points,
            by_features,
            gradients,
        } = self;
        let mut vectors = Vectors(simd);
        for (row, (point, gradient)) in points.iter().zip(gradients).enumerate() {
            let position = splat(simd, point);
            let mut sums = [simd.splat_f32s(0.0); 3];
            for (start, count) in columns.groups() {
                let mut upstream = [0.0; GROUP];
                for (index, by_feature) in upstream[..count].iter_mut().enumerate() {
                    let place = by_features.place(row, columns.first + start + index);
                    *by_feature = by_features.elements()[place];
                }
                let (upstream, _) = S::as_simd_f32s(&upstream);
                for (vector, &upstream) in upstream.iter().enumerate() {
                    let constants = columns.constants::<S>(start + vector * S::F32_LANES);
                    let slopes = slopes::<_, F>(&mut vectors, &position, &constants);
                    for (sum, slope) in sums.iter_mut().zip(slopes) {
                        *sum = simd.mul_add_e_f32s(upstream, slope, *sum);
                    }
                }
            }
            for (component, sum) in gradient.iter_mut().zip(sums) {
                *component += simd.reduce_sum_f32s(sum);
            }
        }
    }
}

/// A position in every lane.
#[inline(always)]
fn splat<S: Simd>(simd: S, [x, y, z]: [f32; 3]) -> [S::f32s; 3] {
    [simd.splat_f32s(x), simd.splat_f32s(y), simd.splat_f32s(z)]
}

/// Writes neighbours in a row.
#[inline(always)]
fn put(matrix: &mut Matrix, row: usize, column: usize, numbers: &[f32]) {
    for (index, &number) in numbers.iter().enumerate() {
        let place = matrix.place(row, column + index);
        matrix.elements_mut()[place] = number;
    }
}
