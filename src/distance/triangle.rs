//! The distance from a point to a triangle.

/// Squared distance from `point` to the triangle with these corners and this unit normal, which is zero or anything for
/// triangles without an area.
///
/// The closest point of a triangle lies on one of its edges, or inside if the point stands over the inside. All cases
/// are computed and one is selected: without branches the compiler handles several points at once.
#[inline(always)]
pub(super) fn squared_distance([a, b, c]: [[f32; 3]; 3], normal: [f32; 3], point: [f32; 3]) -> f32 {
    let [from_a, from_b, from_c] = [sub(point, a), sub(point, b), sub(point, c)];
    let [ab, bc, ca] = [sub(b, a), sub(c, b), sub(a, c)];

    let to_ab = squared_distance_to_edge(from_a, ab);
    let to_bc = squared_distance_to_edge(from_b, bc);
    let to_ca = squared_distance_to_edge(from_c, ca);
    let to_edges = smaller(to_ab, smaller(to_bc, to_ca));

    let height = dot(normal, from_a);
    let inside = (dot(normal, cross(bc, ca)) > 0.0)
        & (dot(normal, cross(ab, from_a)) > 0.0)
        & (dot(normal, cross(bc, from_b)) > 0.0)
        & (dot(normal, cross(ca, from_c)) > 0.0);
    if inside { height * height } else { to_edges }
}

#[inline(always)]
fn squared_distance_to_edge(from_start: [f32; 3], edge: [f32; 3]) -> f32 {
    // An edge of no length has t = 0 whatever it is divided by.
    let length = dot(edge, edge);
    let t = dot(from_start, edge) / larger(length, f32::MIN_POSITIVE);
    let t = smaller(larger(t, 0.0), 1.0);
    let rest: [f32; 3] = [
        from_start[0] - t * edge[0],
        from_start[1] - t * edge[1],
        from_start[2] - t * edge[2],
    ];
    dot(rest, rest)
}

/// The point of a triangle that is closest to `point`, in `f64`.
pub(crate) fn closest_point(corners: [[f32; 3]; 3], point: [f32; 3]) -> [f64; 3] {
    let corners = corners.map(|corner| corner.map(f64::from));
    weighted(corners, closest_weights(corners, point.map(f64::from)))
}

/// The point of a triangle with these weights of its corners.
pub(super) fn weighted(corners: [[f64; 3]; 3], weights: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| {
        (0..3)
            .map(|corner| weights[corner] * corners[corner][i])
            .sum()
    })
}

/// The point of a triangle that is closest to `point`, as weights of the corners, which sum to 1 and are not negative.
pub(super) fn closest_weights(corners: [[f64; 3]; 3], point: [f64; 3]) -> [f64; 3] {
    let sub = |p: [f64; 3], q: [f64; 3]| -> [f64; 3] { std::array::from_fn(|i| p[i] - q[i]) };
    let dot = |p: [f64; 3], q: [f64; 3]| p[0] * q[0] + p[1] * q[1] + p[2] * q[2];
    let cross = |p: [f64; 3], q: [f64; 3]| {
        [
            p[1] * q[2] - p[2] * q[1],
            p[2] * q[0] - p[0] * q[2],
            p[0] * q[1] - p[1] * q[0],
        ]
    };
    let squared_distance = |weights: [f64; 3]| {
        let away = sub(point, weighted(corners, weights));
        dot(away, away)
    };
    let on_side = |from: usize| {
        let to = (from + 1) % 3;
        let edge = sub(corners[to], corners[from]);
        let t = dot(sub(point, corners[from]), edge) / dot(edge, edge).max(f64::MIN_POSITIVE);
        let mut weights = [0.0; 3];
        weights[to] = t.clamp(0.0, 1.0);
        weights[from] = 1.0 - weights[to];
        weights
    };
    let nearer = |p: [f64; 3], q: [f64; 3]| {
        if squared_distance(q) < squared_distance(p) {
            q
        } else {
            p
        }
    };
    let nearest = nearer(nearer(on_side(0), on_side(1)), on_side(2));
    let [a, b, c] = corners;
    let normal = cross(sub(b, a), sub(c, a));
    // What the foot of the perpendicular makes of the triangle, each part over against its corner.
    let parts = [(b, c), (c, a), (a, b)]
        .map(|(from, to)| dot(normal, cross(sub(to, from), sub(point, from))));
    if parts.iter().all(|&part| part > 0.0) {
        let whole: f64 = parts.iter().sum();
        // In a needle rounding can move it farther away than a side is.
        nearer(nearest, parts.map(|part| part / whole))
    } else {
        nearest
    }
}

// `f32::min` and `max` have rules about NaN that take three instructions; these are one each.
#[inline(always)]
pub(super) fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[inline(always)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
pub(crate) fn sub(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

#[inline(always)]
pub(crate) fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[inline(always)]
pub(crate) fn cross(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}
