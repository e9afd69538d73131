//! Any quantities of a model at any points, in the mesh's own units.

use super::LoadedModel;
use super::ball::means_over_balls;
use super::far::Place;
use super::hessian::{NotTwiceDifferentiable, ensure_twice_differentiable, unit_hessians};
use super::quantity::{Local, Order, Quantity};
use crate::field::Shape;
use crate::geometry::vector::minus;
use crate::words::length_in_words;

/// Radius of the balls over which second derivatives of piecewise smooth fields are averaged where no other is asked for, as a share
/// of the longest side of the mesh.
const SMOOTHING: f64 = 0.02;

/// A gradient shorter than this is none: there is no normal, and no curvature.
const FLAT: f64 = 1e-6;

/// A question that cannot be asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EvaluationError {
    /// The radius is no length of the shape.
    #[error(
        "smoothing is {radius}: it must be a radius from 0 to {most}, the longest side of the mesh"
    )]
    Smoothing {
        /// What was asked for.
        radius: f64,
        /// The longest side of the mesh.
        most: f64,
    },
    /// Farther away than `f32` can say.
    #[error(
        "the point {point:?} is farther from the shape than single precision can say (3.4e38): leave it out"
    )]
    TooFar {
        /// The point, own units.
        point: [f64; 3],
    },
    /// The field has no value there.
    #[error("the model's value at {point:?} is not finite: its file is damaged, fit it again")]
    NotFinite {
        /// The point, own units.
        point: [f64; 3],
    },
    /// Unsmoothed second derivatives of a field that has none.
    #[error(transparent)]
    NotTwiceDifferentiable(#[from] NotTwiceDifferentiable),
}

/// What is asked of a model at points, and how second derivatives are taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    quantities: Vec<Quantity>,
    /// The highest derivative that is needed.
    order: Order,
    /// Radius of the balls over which second derivatives are averaged, own units; 0 for those at the points.
    smoothing: f64,
    /// Whether nobody asked for that.
    automatic: bool,
}

/// A quantity at points.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Which.
    pub quantity: Quantity,
    /// Its numbers, `[N, width]`, in own units.
    pub numbers: Vec<f32>,
}

/// The quantities of a model at points `[N, 3]`, in their order. Second derivatives are taken as [`Evaluation::new`] says where no
/// smoothing is set.
pub fn evaluate(loaded: &LoadedModel, points: &[[f64; 3]], quantities: &[Quantity]) -> Vec<Column> {
    let evaluation = Evaluation::new(loaded.shape(), quantities, None);
    evaluation
        .expect("only a smoothing can be refused")
        .at(loaded, points)
}

impl Evaluation {
    /// Prepares a question about a field.
    ///
    /// Quantities of second derivatives are those at the points where the field has such everywhere. Where it is put together from
    /// pieces they are those of the field's mean over a ball: with a radius of `smoothing` (own units), or else of 2 % of the mesh's
    /// longest side, as [`warnings`](Self::warnings) says. A smoothing of 0 takes them at the points or not at all. Values and
    /// gradients are never smoothed.
    ///
    /// # Errors
    /// A smoothing that is no length of the shape, or of 0 where the field has no second derivatives.
    pub fn new(
        shape: &Shape,
        quantities: &[Quantity],
        smoothing: Option<f64>,
    ) -> Result<Evaluation, EvaluationError> {
        let most = shape.bounds.longest_side();
        if let Some(radius) = smoothing
            && !(0.0..=most).contains(&radius)
        {
            return Err(EvaluationError::Smoothing { radius, most });
        }
        let orders = quantities.iter().map(|quantity| quantity.order());
        let order = orders.max().unwrap_or(Order::Value);
        let smooth = ensure_twice_differentiable(shape);
        let radius = match (order, smoothing) {
            (Order::Hessian, Some(0.0)) => smooth.map(|()| 0.0)?,
            (Order::Hessian, Some(radius)) => radius,
            (Order::Hessian, None) if smooth.is_err() => SMOOTHING * most,
            _ => 0.0,
        };
        Ok(Evaluation {
            quantities: quantities.to_vec(),
            order,
            smoothing: radius,
            automatic: smoothing.is_none(),
        })
    }

    /// Radius of the balls over which second derivatives are averaged, in own units; 0 for those at the points themselves.
    pub fn smoothing(&self) -> f64 {
        self.smoothing
    }

    /// Numbers at each point, of all quantities.
    pub fn width(&self) -> usize {
        self.quantities
            .iter()
            .map(|quantity| quantity.width())
            .sum()
    }

    /// What a user should know of the answer, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.automatic && self.smoothing > 0.0 {
            let names = self
                .quantities
                .iter()
                .filter(|q| q.order() == Order::Hessian);
            let names: Vec<&str> = names.map(|q| q.name()).collect();
            warnings.push(format!(
                "This field is smooth only piece by piece: {} is that of its mean over balls of radius {}. Set another smoothing, or fit with the preset smooth for curvature at the points themselves.",
                names.join(", "),
                length_in_words(self.smoothing)
            ));
        }
        warnings
    }

    /// The quantities at points `[N, 3]`, as [`at`](Self::at), with finite values.
    ///
    /// # Errors
    /// A point whose distance `f32` has no number for, or at which the field has no finite value.
    pub fn finite_at(
        &self,
        loaded: &LoadedModel,
        points: &[[f64; 3]],
    ) -> Result<Vec<Column>, EvaluationError> {
        let columns = self.at(loaded, points);
        let values = columns
            .iter()
            .filter(|c| c.quantity.order() == Order::Value);
        let wrong = values.flat_map(|c| c.numbers.iter().position(|x| !x.is_finite()));
        let Some(&point) = wrong.min().and_then(|index| points.get(index)) else {
            return Ok(columns);
        };
        let shape = loaded.shape();
        let way = minus(point, shape.bounds.center()).map(|x| x.abs());
        let far = way.into_iter().fold(0.0, f64::max) > 0.5 * f64::from(f32::MAX);
        Err(match far {
            true => EvaluationError::TooFar { point },
            false => EvaluationError::NotFinite { point },
        })
    }

    /// The same as rows, `[N, width]`: at each point the numbers of all quantities, in their order.
    ///
    /// # Errors
    /// As [`finite_at`](Self::finite_at).
    pub fn rows(
        &self,
        loaded: &LoadedModel,
        points: &[[f64; 3]],
    ) -> Result<Vec<f32>, EvaluationError> {
        let columns = self.finite_at(loaded, points)?;
        let mut rows = Vec::with_capacity(points.len() * self.width());
        for index in 0..points.len() {
            for column in &columns {
                let width = column.quantity.width();
                rows.extend_from_slice(&column.numbers[index * width..(index + 1) * width]);
            }
        }
        Ok(rows)
    }

    /// The quantities at points `[N, 3]`.
    pub fn at(&self, loaded: &LoadedModel, points: &[[f64; 3]]) -> Vec<Column> {
        let frame = &loaded.shape().frame;
        let (unit, factors) = Place::all(points, frame);
        let field = loaded.unit_field();
        let mut values = vec![0.0; unit.len()];
        let mut gradients = Vec::new();
        if self.order == Order::Value {
            field.values(&unit, &mut values);
        } else {
            gradients = vec![[0.0; 3]; unit.len()];
            field.values_and_gradients(&unit, &mut values, &mut gradients);
        }
        let radius = (self.smoothing * frame.scale) as f32;
        let (mut means, mut seconds) = (Vec::new(), Vec::new());
        if self.order == Order::Hessian && radius > 0.0 {
            (means, seconds) = means_over_balls(field, &unit, radius);
        } else if self.order == Order::Hessian {
            let found = unit_hessians(field, &unit).into_iter();
            seconds = found.map(|hessian| hessian.map(f64::from)).collect();
        }
        let mut columns: Vec<Column> = self
            .quantities
            .iter()
            .map(|&quantity| column(quantity, &unit))
            .collect();
        let mut numbers = Vec::new();
        for (index, &value) in values.iter().enumerate() {
            let gradient = gradients.get(index).map(|gradient| gradient.map(f64::from));
            let gradient = without_rounding(gradient.unwrap_or_default());
            let local = Local {
                value: f64::from(value) * factors[index],
                gradient,
                hessian: seconds.get(index).copied().unwrap_or_default(),
            };
            let smoothed = Local {
                gradient: means
                    .get(index)
                    .map_or(gradient, |&mean| without_rounding(mean)),
                ..local.clone()
            };
            for column in &mut columns {
                let quantity = column.quantity;
                let local = match quantity.order() {
                    Order::Hessian => &smoothed,
                    _ => &local,
                };
                numbers.clear();
                quantity.extend(&mut numbers, local);
                let to_own = frame.scale.powi(-quantity.length_power());
                let own = numbers.iter().map(|x| (x * to_own) as f32);
                column.numbers.extend(own);
            }
        }
        columns
    }
}

fn column(quantity: Quantity, points: &[[f32; 3]]) -> Column {
    Column {
        quantity,
        numbers: Vec::with_capacity(points.len() * quantity.width()),
    }
}

/// A gradient, exactly 0 where it is too short to point anywhere.
fn without_rounding(gradient: [f64; 3]) -> [f64; 3] {
    let square: f64 = gradient.iter().map(|x| x * x).sum();
    match square < FLAT * FLAT {
        true => [0.0; 3],
        false => gradient,
    }
}
