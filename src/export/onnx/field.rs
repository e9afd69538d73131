//! The field at whole batches of points, written once for values and derivatives.

use half::f16;

use super::tensors::TensorAlgebra;
use crate::calculus::Algebra;
use crate::export::MOST_TRIANGLES;
use crate::export::formulas::{self, Vector};
use crate::field::{
    Degree, Lattice, Model, OuterSurface, SHELL, SIDE, SparseSpline, SplineLevel, box_with_slack,
    weights, whole_bricks,
};
use crate::network::activation::{ActivationFunction, WithActivation};
use crate::network::encoding::formula::{FeatureFormula, Formula, WithFormula};
use crate::network::encoding::{GridLevel, Interpolation, Parts, PositionEncoding, share_of};

/// The triangles that distances beyond the frame are taken from; `None` where there are none or too many.
pub(super) fn outer_triangles(model: &Model) -> Option<Vec<[u32; 3]>> {
    let triangles = model.outer.as_ref().map(OuterSurface::triangles);
    triangles.filter(|triangles| triangles.len() <= MOST_TRIANGLES)
}

/// The field at points of the unit frame and beyond, three columns `[N, 1]`, in the unit of the frame.
pub(super) fn value<A: TensorAlgebra>(a: &mut A, model: &Model, point: &Vector<A>) -> A::Number {
    let nearest = [0, 1, 2].map(|axis| formulas::clamped(a, &point[axis], -1.0, 1.0));
    let mut within = network(a, model, &nearest);
    if let Some(spline) = &model.spline {
        let known = spline_value(a, spline, &nearest);
        within = a.add(&within, &known);
    }
    let bounds = box_with_slack(&model.frame.apply_to_bounds(&model.bounds));
    let within = formulas::raised(a, &within, &nearest, &bounds);
    match (&model.outer, outer_triangles(model)) {
        (Some(outer), Some(triangles)) => {
            let depth = formulas::depth(a, point);
            let share = formulas::outer_share(a, &depth, SHELL.into());
            // That the share changes is left out of the gradient, as `Extended` does.
            let share = a.still(&share);
            let beyond = outer_distance(a, outer, &triangles, point);
            formulas::led_over(a, &share, &within, &beyond)
        }
        _ => {
            let away = formulas::distance(a, point, &nearest);
            a.add(&within, &away)
        }
    }
}

/// The distance to the nearest of all triangles. Only the nearest one is differentiated.
fn outer_distance<A: TensorAlgebra>(
    a: &mut A,
    outer: &OuterSurface,
    triangles: &[[u32; 3]],
    point: &Vector<A>,
) -> A::Number {
    let count = triangles.len();
    let column = |corner: usize, axis: usize| -> Vec<f32> {
        let foot = |triangle: &[u32; 3]| outer.nearest[triangle[corner] as usize][axis];
        triangles.iter().map(foot).collect()
    };
    let still = [0, 1, 2].map(|axis| a.still(&point[axis]));
    let all =
        [0, 1, 2].map(|corner| [0, 1, 2].map(|axis| a.tensor(&[1, count], &column(corner, axis))));
    let squares = formulas::triangle_square(a, &still, &all);
    let nearest = a.place_of_least(&squares);
    let its = [0, 1, 2].map(|corner| {
        [0, 1, 2].map(|axis| {
            let table = a.tensor(&[count], &column(corner, axis));
            a.at(&table, &nearest)
        })
    });
    let square = formulas::triangle_square(a, point, &its);
    formulas::root(a, &square)
}

fn network<A: TensorAlgebra>(a: &mut A, model: &Model, point: &Vector<A>) -> A::Number {
    let specs = model.architecture.tensors();
    let tensor = |name: &str| {
        let spec = specs.iter().find(|spec| spec.name == name);
        let range = spec.expect("every layer has its tensors").range();
        &model.parameters[range]
    };
    let parts = model.architecture.encoding.parts();
    let table = match parts.levels.is_empty() {
        true => &[],
        false => tensor("encoding.grid"),
    };
    let encoded = features(a, &parts, table, point);
    let mut inputs = encoded.clone();
    let activation = model.architecture.mlp.activation;
    let layers = model.architecture.layers();
    for (index, layer) in layers.iter().enumerate() {
        let rows = tensor(&format!("mlp.{index}.weight"));
        let bias = tensor(&format!("mlp.{index}.bias"));
        let mut sum = a.tensor(&[1, layer.outputs], bias);
        let mut first = 0;
        for (input, width) in &inputs {
            // Transposed, as `x W` needs it.
            let columns = (first..first + width).flat_map(|column| {
                (0..layer.outputs).map(move |row| rows[row * layer.inputs + column])
            });
            let columns: Vec<f32> = columns.collect();
            let weights = a.tensor(&[*width, layer.outputs], &columns);
            let product = a.linear(input, &weights);
            sum = a.add(&product, &sum);
            first += width;
        }
        if index + 1 < layers.len() {
            let omega = activation.omega(index);
            sum = activation.visit(Activated {
                a,
                sum: &sum,
                omega,
            });
        }
        inputs = vec![(sum, layer.outputs)];
        if model.architecture.mlp.skips_to(index + 1) {
            inputs.extend(encoded.iter().cloned());
        }
    }
    inputs.swap_remove(0).0
}

struct Activated<'a, A: Algebra> {
    a: &'a mut A,
    sum: &'a A::Number,
    omega: f32,
}

impl<A: Algebra> WithActivation for Activated<'_, A> {
    type Output = A::Number;

    fn with<F: ActivationFunction>(self, function: &F) -> A::Number {
        let omega = self.a.constant(self.omega.into());
        function.apply(self.a, self.sum, &omega)
    }
}

/// What goes into the first layer, in pieces of some features each.
fn features<A: TensorAlgebra>(
    a: &mut A,
    parts: &Parts,
    table: &[f32],
    point: &Vector<A>,
) -> Vec<(A::Number, usize)> {
    let mut features = Vec::new();
    for level in &parts.levels {
        let range = level.offset as usize * parts.features..level.end() * parts.features;
        let shape = [level.entries as usize, parts.features];
        let entries = a.tensor(&shape, &table[range]);
        let feature = interpolated(a, level, parts.interpolation, &entries, point);
        features.push((feature, parts.features));
    }
    for formula in FeatureFormula::ALL {
        let rows = parts.rows(formula);
        if rows.is_empty() {
            continue;
        }
        let constants = [0, 1, 2, 3].map(|constant| {
            let column: Vec<f32> = rows.iter().map(|row| row[constant]).collect();
            a.tensor(&[1, rows.len()], &column)
        });
        let feature = formula.visit(Feature {
            a,
            point,
            constants,
        });
        features.push((feature, rows.len()));
    }
    features
}

struct Feature<'a, A: Algebra> {
    a: &'a mut A,
    point: &'a Vector<A>,
    constants: [A::Number; 4],
}

impl<A: Algebra> WithFormula for Feature<'_, A> {
    type Output = A::Number;

    fn with<F: Formula>(self) -> A::Number {
        F::at(self.a, self.point, &self.constants)
    }
}

/// The features of a grid at points: those of the corners of a cell, weighted.
fn interpolated<A: TensorAlgebra>(
    a: &mut A,
    level: &GridLevel,
    interpolation: Interpolation,
    entries: &A::Number,
    point: &Vector<A>,
) -> A::Number {
    let taps = interpolation.taps();
    let axes = [0, 1, 2].map(|axis| {
        let (place, cell) =
            place_and_cell(a, &point[axis], level.resolution, 0.0, level.resolution - 1);
        let within = a.sub(&place, &cell);
        let shares: Vec<A::Number> = (0..taps)
            .map(|tap| share_of(a, interpolation, tap, &within))
            .collect();
        (a.whole_of(&cell), shares)
    });
    let mut sum: Option<A::Number> = None;
    for corner in 0..taps.pow(3) {
        let sides = [corner % taps, corner / taps % taps, corner / (taps * taps)];
        let [x, y, z] = [0, 1, 2].map(|axis| &axes[axis].1[sides[axis]]);
        let weight = a.mul(x, y);
        let weight = a.mul(&weight, z);
        let products = [0, 1, 2].map(|axis| {
            let vertex = a.whole_shifted(&axes[axis].0, sides[axis] as i64);
            a.whole_times(&vertex, level.strides[axis].into())
        });
        let [x, y, z] = products;
        let entry = match level.dense {
            true => {
                let plane = a.whole_sum(&x, &y);
                a.whole_sum(&plane, &z)
            }
            false => {
                let plane = a.exclusive_or(&x, &y);
                let mixed = a.exclusive_or(&plane, &z);
                let [_, rest] = a.quotient_and_rest(&mixed, level.entries.into());
                rest
            }
        };
        let row = a.row(&entry);
        let features = a.at(entries, &row);
        let part = a.mul(&weight, &features);
        sum = Some(match sum {
            Some(sum) => a.add(&sum, &part),
            None => part,
        });
    }
    sum.expect("a cell has corners")
}

/// A coordinate in cells, and the whole number below it and `offset`, from 0 to `last`.
fn place_and_cell<A: TensorAlgebra>(
    a: &mut A,
    coordinate: &A::Number,
    cells: u32,
    offset: f64,
    last: u32,
) -> (A::Number, A::Number) {
    let (one, half) = (a.constant(1.0), a.constant(0.5 * f64::from(cells)));
    let from_border = a.add(coordinate, &one);
    let place = a.mul(&from_border, &half);
    let offset = a.constant(offset);
    let shifted = a.add(&place, &offset);
    let cell = a.floor(&shifted);
    let cell = formulas::clamped(a, &cell, 0.0, last.into());
    (place, cell)
}

fn spline_value<A: TensorAlgebra>(
    a: &mut A,
    spline: &SparseSpline,
    point: &Vector<A>,
) -> A::Number {
    let levels = spline.levels.iter();
    let values: Vec<A::Number> = levels
        .map(|level| level_value(a, spline.degree, level, point))
        .collect();
    let zero = a.constant(0.0);
    values.iter().fold(zero, |sum, value| a.add(&sum, value))
}

/// One level: nodes along the three axes, their coefficients `[N, W, W, W]` with x last, and an axis after the other summed up.
fn level_value<A: TensorAlgebra>(
    a: &mut A,
    degree: Degree,
    level: &SplineLevel,
    point: &Vector<A>,
) -> A::Number {
    // See `window`: node i has the place i + 1, so the first node has the number of the one in the middle for its place.
    let (offset, last) = match degree {
        Degree::Quadratic => (0.5, level.cells),
        Degree::Cubic => (0.0, level.cells - 1),
    };
    let axes = [0, 1, 2].map(|axis| {
        let (place, cell) = place_and_cell(a, &point[axis], level.cells, offset, last);
        let t = a.sub(&place, &cell);
        let weights = weights(a, degree, &t);
        let first = a.whole_of(&cell);
        let nodes = a.run_from(&first, weights.len());
        let [brick, rest] = a.quotient_and_rest(&nodes, SIDE.into());
        let weights = a.side_by_side(&weights);
        // x is the last of four dimensions.
        (weights, a.along(&brick, 3 - axis), a.along(&rest, 3 - axis))
    });
    let lattice = Lattice::new(level.cells);
    let number = strided(a, [&axes[0].1, &axes[1].1, &axes[2].1], lattice.side.into());
    let bit = strided(a, [&axes[0].2, &axes[1].2, &axes[2].2], SIDE.into());
    let (table, bricks) = whole_bricks(level);
    let table: Vec<i32> = table.iter().map(|&index| index as i32).collect();
    let table = a.whole_table(&table);
    let brick = a.whole_at(&table, &number);
    let first = a.whole_times(&brick, i64::from(SIDE).pow(3));
    let place = a.whole_sum(&first, &bit);
    let coefficients = coefficients(a, bricks.as_flattened());
    let mut sum = a.at(&coefficients, &place);
    for (axis, rank) in [(0, 4), (1, 3), (2, 2)] {
        sum = a.contracted(&sum, &axes[axis].0, rank);
    }
    sum
}

/// `x + stride (y + stride z)`
fn strided<A: TensorAlgebra>(a: &mut A, [x, y, z]: [&A::Whole; 3], stride: i64) -> A::Whole {
    let plane = a.whole_times(z, stride);
    let plane = a.whole_sum(y, &plane);
    let row = a.whole_times(&plane, stride);
    a.whole_sum(x, &row)
}

/// In half precision where that is exact.
fn coefficients<A: TensorAlgebra>(a: &mut A, numbers: &[f32]) -> A::Number {
    let halves: Vec<f16> = numbers
        .iter()
        .map(|&number| f16::from_f32(number))
        .collect();
    match halves
        .iter()
        .zip(numbers)
        .all(|(half, &number)| half.to_f32() == number)
    {
        true => a.half_tensor(&[numbers.len()], &halves),
        false => a.tensor(&[numbers.len()], numbers),
    }
}
