//! The level set through a point, from the field's derivatives there.
//!
//! Everything here divides by the length of the gradient: where that is 0 there is no normal, and the results are no numbers.

use super::Local;
use crate::calculus::Algebra;

/// `a · b`
pub(super) fn dot<A: Algebra>(a: &mut A, u: &[A::Number; 3], v: &[A::Number; 3]) -> A::Number {
    let products: [A::Number; 3] = std::array::from_fn(|k| a.mul(&u[k], &v[k]));
    let [x, y, z] = products;
    let sum = a.add(&x, &y);
    a.add(&sum, &z)
}

/// `p u + q v`
pub(super) fn combined<A: Algebra>(
    a: &mut A,
    p: &A::Number,
    u: &[A::Number; 3],
    q: &A::Number,
    v: &[A::Number; 3],
) -> [A::Number; 3] {
    std::array::from_fn(|k| {
        let (pu, qv) = (a.mul(p, &u[k]), a.mul(q, &v[k]));
        a.add(&pu, &qv)
    })
}

/// `∇f / |∇f|`
pub(super) fn unit_normal<A: Algebra>(a: &mut A, local: &Local<A::Number>) -> [A::Number; 3] {
    let square = dot(a, &local.gradient, &local.gradient);
    let length = a.sqrt(&square);
    std::array::from_fn(|k| a.div(&local.gradient[k], &length))
}

/// `H v`
fn hessian_times<A: Algebra>(
    a: &mut A,
    [xx, xy, xz, yy, yz, zz]: &[A::Number; 6],
    v: &[A::Number; 3],
) -> [A::Number; 3] {
    let rows = [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]];
    rows.map(|row| {
        let row = row.map(Clone::clone);
        dot(a, &row, v)
    })
}

/// `(|∇f|² Δf - ∇fᵀ H ∇f) / (2 |∇f|³)`
pub(super) fn mean_curvature<A: Algebra>(a: &mut A, local: &Local<A::Number>) -> A::Number {
    let g = &local.gradient;
    let square = dot(a, g, g);
    let [xx, _, _, yy, _, zz] = &local.hessian;
    let trace = a.add(xx, yy);
    let trace = a.add(&trace, zz);
    let bent = hessian_times(a, &local.hessian, g);
    let along = dot(a, g, &bent);
    let all = a.mul(&square, &trace);
    let across = a.sub(&all, &along);
    let length = a.sqrt(&square);
    let cube = a.mul(&square, &length);
    let two = a.constant(2.0);
    let below = a.mul(&two, &cube);
    a.div(&across, &below)
}

/// `∇fᵀ adj(H) ∇f / |∇f|⁴`
pub(super) fn gaussian_curvature<A: Algebra>(a: &mut A, local: &Local<A::Number>) -> A::Number {
    let [xx, xy, xz, yy, yz, zz] = &local.hessian;
    let minor = |a: &mut A, p: &A::Number, q: &A::Number, r: &A::Number, s: &A::Number| {
        let (ps, qr) = (a.mul(p, s), a.mul(q, r));
        a.sub(&ps, &qr)
    };
    let adjugate = [
        minor(a, yy, yz, yz, zz),
        minor(a, xz, xy, zz, yz),
        minor(a, xy, xz, yy, yz),
        minor(a, xx, xz, xz, zz),
        minor(a, xz, xx, yz, xy),
        minor(a, xx, xy, xy, yy),
    ];
    let g = &local.gradient;
    let turned = hessian_times(a, &adjugate, g);
    let above = dot(a, g, &turned);
    let square = dot(a, g, g);
    let below = a.mul(&square, &square);
    a.div(&above, &below)
}

/// The curvature of a level set in every tangent direction: in a frame of two tangents `u` and `v` the symmetric matrix
/// `[[mean + half_difference, shear], [shear, mean - half_difference]]`.
pub(super) struct InTangentPlane<N> {
    /// Unit vectors at right angles to each other, right-handed together with the normal.
    pub tangents: [[N; 3]; 2],
    /// The mean curvature.
    pub mean: N,
    /// Half of what the curvature along `u` is more than that along `v`.
    pub half_difference: N,
    /// How the normal turns towards `v` on the way along `u`.
    pub shear: N,
}

impl<N: Clone> InTangentPlane<N> {
    /// Of the level set through a point.
    pub(super) fn of<A: Algebra<Number = N>>(a: &mut A, local: &Local<N>) -> Self {
        let normal = unit_normal(a, local);
        let tangents = tangents(a, &normal);
        let square = dot(a, &local.gradient, &local.gradient);
        let length = a.sqrt(&square);
        let [u, v] = &tangents;
        let bent = [u, v].map(|t| hessian_times(a, &local.hessian, t));
        let parts = [(u, 0), (u, 1), (v, 1)].map(|(t, of)| {
            let part = dot(a, t, &bent[of]);
            a.div(&part, &length)
        });
        let [uu, uv, vv] = parts;
        let half = a.constant(0.5);
        let (sum, difference) = (a.add(&uu, &vv), a.sub(&uu, &vv));
        InTangentPlane {
            mean: a.mul(&half, &sum),
            half_difference: a.mul(&half, &difference),
            shear: uv,
            tangents,
        }
    }

    /// By how much the principal curvatures differ from their mean.
    pub(super) fn radius<A: Algebra<Number = N>>(&self, a: &mut A) -> N {
        let difference = a.mul(&self.half_difference, &self.half_difference);
        let shear = a.mul(&self.shear, &self.shear);
        let square = a.add(&difference, &shear);
        a.sqrt(&square)
    }
}

/// Two unit vectors at right angles to a third and to each other (Duff et al. 2017, "Building an orthonormal basis, revisited").
fn tangents<A: Algebra>(a: &mut A, [x, y, z]: &[A::Number; 3]) -> [[A::Number; 3]; 2] {
    let (zero, one, minus_one) = (a.constant(0.0), a.constant(1.0), a.constant(-1.0));
    let sign = a.select_greater(&zero, z, &minus_one, &one);
    let sum = a.add(&sign, z);
    let p = a.div(&minus_one, &sum);
    let xy = a.mul(x, y);
    let q = a.mul(&xy, &p);
    let (px, py) = (a.mul(&p, x), a.mul(&p, y));
    let (pxx, pyy) = (a.mul(&px, x), a.mul(&py, y));
    let signed = a.mul(&sign, &pxx);
    let u = [a.add(&one, &signed), a.mul(&sign, &q), {
        let turned = a.mul(&sign, x);
        a.negate(&turned)
    }];
    let v = [q, a.add(&sign, &pyy), a.negate(y)];
    [u, v]
}
