//! What stands between a network and a field in own units, over any algebra: the box of the shape, and the way beyond the unit frame.

use crate::calculus::Algebra;

/// Below this a square is taken for 0: no division by it overflows.
const TINY: f64 = 1e-30;

/// Three numbers of an algebra.
pub(super) type Vector<A> = [<A as Algebra>::Number; 3];

/// `x`, kept between two numbers. Where it is one of them it has the derivatives of `x`.
pub(super) fn clamped<A: Algebra>(a: &mut A, x: &A::Number, low: f64, high: f64) -> A::Number {
    let (low, high) = (a.constant(low), a.constant(high));
    let above = a.max(&low, x);
    a.select_greater(&above, &high, &high, &above)
}

/// The smaller one; where they are equal it has the derivatives of `x`.
pub(super) fn least<A: Algebra>(a: &mut A, x: &A::Number, y: &A::Number) -> A::Number {
    a.select_greater(x, y, y, x)
}

pub(super) fn difference<A: Algebra>(a: &mut A, x: &Vector<A>, y: &Vector<A>) -> Vector<A> {
    [
        a.sub(&x[0], &y[0]),
        a.sub(&x[1], &y[1]),
        a.sub(&x[2], &y[2]),
    ]
}

pub(super) fn dot<A: Algebra>(a: &mut A, x: &Vector<A>, y: &Vector<A>) -> A::Number {
    let products = [
        a.mul(&x[0], &y[0]),
        a.mul(&x[1], &y[1]),
        a.mul(&x[2], &y[2]),
    ];
    let sum = a.add(&products[0], &products[1]);
    a.add(&sum, &products[2])
}

fn cross<A: Algebra>(a: &mut A, x: &Vector<A>, y: &Vector<A>) -> Vector<A> {
    [1, 2, 0].map(|next| {
        let last = (next + 1) % 3;
        let forward = a.mul(&x[next], &y[last]);
        let backward = a.mul(&x[last], &y[next]);
        a.sub(&forward, &backward)
    })
}

/// `√x`, and 0 without a slope where `x` is 0.
pub(super) fn root<A: Algebra>(a: &mut A, square: &A::Number) -> A::Number {
    let (zero, tiny) = (a.constant(0.0), a.constant(TINY));
    let above = a.max(square, &tiny);
    let root = a.sqrt(&above);
    a.select_greater(square, &tiny, &root, &zero)
}

/// The distance between two points.
pub(super) fn distance<A: Algebra>(a: &mut A, x: &Vector<A>, y: &Vector<A>) -> A::Number {
    let way = difference(a, x, y);
    let square = dot(a, &way, &way);
    root(a, &square)
}

/// `value`, raised to the distance to a box where `point` is outside of it: see [`BoundedBelow`](crate::field::BoundedBelow).
pub(super) fn raised<A: Algebra>(
    a: &mut A,
    value: &A::Number,
    point: &Vector<A>,
    [min, max]: &[[f32; 3]; 2],
) -> A::Number {
    let nearest = [0, 1, 2].map(|axis| {
        let (low, high) = (f64::from(min[axis]), f64::from(max[axis]));
        clamped(a, &point[axis], low, high)
    });
    let away = distance(a, point, &nearest);
    let zero = a.constant(0.0);
    let raised = a.max(&away, value);
    a.select_greater(&away, &zero, &raised, value)
}

/// How deep a point lies below the border of `[-1, 1]³`.
pub(super) fn depth<A: Algebra>(a: &mut A, point: &Vector<A>) -> A::Number {
    let [x, y, z] = [0, 1, 2].map(|axis| a.abs(&point[axis]));
    let most = a.max(&x, &y);
    let most = a.max(&most, &z);
    let one = a.constant(1.0);
    a.sub(&one, &most)
}

/// The share that the outer surface has in the value at a depth: all of it beyond the border, none where [`Extended`](crate::field::Extended)
/// leaves the field alone.
pub(super) fn outer_share<A: Algebra>(a: &mut A, depth: &A::Number, shell: f64) -> A::Number {
    let (one, per_depth) = (a.constant(1.0), a.constant(1.0 / shell));
    let inner = a.mul(depth, &per_depth);
    let share = a.sub(&one, &inner);
    clamped(a, &share, 0.0, 1.0)
}

/// From `inner` at a share of 0 to `outer` at 1, exactly.
pub(super) fn led_over<A: Algebra>(
    a: &mut A,
    share: &A::Number,
    inner: &A::Number,
    outer: &A::Number,
) -> A::Number {
    let one = a.constant(1.0);
    let rest = a.sub(&one, share);
    let inner = a.mul(&rest, inner);
    let outer = a.mul(share, outer);
    a.add(&inner, &outer)
}

/// The square of the distance to a triangle, which may be a line or a point: that to its plane above it, else to the nearest side (Quilez,
/// "Triangle - distance 3D").
pub(super) fn triangle_square<A: Algebra>(
    a: &mut A,
    point: &Vector<A>,
    corners: &[Vector<A>; 3],
) -> A::Number {
    let sides = [0, 1, 2].map(|from| difference(a, &corners[(from + 1) % 3], &corners[from]));
    let ways = [0, 1, 2].map(|from| difference(a, point, &corners[from]));
    let normal = cross(a, &sides[0], &sides[2]);
    let [first, second, third] = [0, 1, 2].map(|side| {
        let inwards = cross(a, &sides[side], &normal);
        dot(a, &inwards, &ways[side])
    });
    let inside = least(a, &first, &second);
    let inside = least(a, &inside, &third);
    let [first, second, third] = [0, 1, 2].map(|side| side_square(a, &ways[side], &sides[side]));
    let to_sides = least(a, &first, &second);
    let to_sides = least(a, &to_sides, &third);
    let height = dot(a, &normal, &ways[0]);
    let height = a.mul(&height, &height);
    let length = dot(a, &normal, &normal);
    let to_plane = a.div(&height, &length);
    let zero = a.constant(0.0);
    a.select_greater(&inside, &zero, &to_plane, &to_sides)
}

/// The square of the distance to a side, the way from whose beginning is `way`.
fn side_square<A: Algebra>(a: &mut A, way: &Vector<A>, side: &Vector<A>) -> A::Number {
    let along = dot(a, way, side);
    let length = dot(a, side, side);
    let tiny = a.constant(TINY);
    let length = a.max(&length, &tiny);
    let share = a.div(&along, &length);
    let share = clamped(a, &share, 0.0, 1.0);
    let to_foot = [0, 1, 2].map(|axis| a.mul(&share, &side[axis]));
    let rest = difference(a, way, &to_foot);
    dot(a, &rest, &rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calculus::{Dual, Jet, Plain};
    use crate::distance::closest_point;

    #[test]
    fn triangles_are_as_far_away_as_their_closest_points() {
        let triangles = [
            [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            [[0.3, -0.2, 0.5], [-0.6, 0.1, 0.4], [0.2, 0.7, -0.9]],
            // A line, and a point.
            [[0.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.5, 0.25, 0.0]],
            [[0.2, 0.3, 0.4]; 3],
        ];
        for corners in triangles {
            for index in 0..1000 {
                let place = [7, 11, 13].map(|step| f64::from(index * step % 101) / 25.0 - 2.0);
                let square = triangle_square(&mut Plain, &place, &corners);
                let single = corners.map(|corner| corner.map(|x| x as f32));
                let nearest = closest_point(single, place.map(|x| x as f32));
                let exact: f64 = (0..3)
                    .map(|axis| (place[axis] - nearest[axis]).powi(2))
                    .sum();
                assert!(
                    (square.sqrt() - exact.sqrt()).abs() < 1e-6,
                    "{corners:?} {place:?}"
                );
            }
        }
    }

    #[test]
    fn a_field_is_raised_outside_of_the_box_alone_and_so_is_its_slope() {
        let bounds = [[-0.5; 3], [0.5; 3]];
        let at = |x: f64, value: f64| {
            let mut plain = Plain;
            let a = &mut Jet(&mut plain);
            let point = [Dual::moving(x, 1.0), Dual::fixed(0.0), Dual::fixed(0.0)];
            let raised = raised(a, &Dual::moving(value, 7.0), &point, &bounds);
            (raised.value, raised.slope)
        };
        assert_eq!(at(0.4, -1.0), (-1.0, Some(7.0)));
        assert_eq!(at(0.5, -1.0), (-1.0, Some(7.0)));
        assert_eq!(at(-0.75, -1.0), (0.25, Some(-1.0)));
        assert_eq!(at(0.75, 2.0), (2.0, Some(7.0)));
    }
}
