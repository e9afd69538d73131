//! Unions, intersections and differences of two values, sharp or smooth.

/// How two fields become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blend {
    /// `min(f, g)`
    Union,
    /// `max(f, g)`
    Intersection,
    /// `max(f, -g)`
    Difference,
}

impl Blend {
    /// The value, and how much each field's gradient counts in its gradient.
    ///
    /// Smooth ones are Quílez's quadratic polynomial minimum ("Smooth minimum", 2013): with `h = max(k - |a - b|, 0) / k` it is
    /// `min(a, b) - k h² / 4`, and its derivative by the greater of the two is `h / 2`, by the lesser `1 - h / 2`. So it differs from the
    /// sharp one only where the two are less than `k` apart, by `k / 4` at most, and is no steeper than its parts.
    pub fn of(self, a: f64, b: f64, smooth: f64) -> (f64, [f64; 2]) {
        match self {
            Blend::Union => least(a, b, smooth),
            Blend::Intersection => {
                let (value, weights) = least(-a, -b, smooth);
                (-value, weights)
            }
            Blend::Difference => {
                let (value, [of_a, of_b]) = least(-a, b, smooth);
                (-value, [of_a, -of_b])
            }
        }
    }
}

/// The smooth minimum, and its derivatives by both.
fn least(a: f64, b: f64, smooth: f64) -> (f64, [f64; 2]) {
    let apart = (a - b).abs();
    let share = match smooth > apart {
        true => (smooth - apart) / smooth,
        false => 0.0,
    };
    let value = a.min(b) - 0.25 * smooth * share * share;
    let weights = [1.0 - 0.5 * share, 0.5 * share];
    match a <= b {
        true => (value, weights),
        false => (value, [weights[1], weights[0]]),
    }
}
