//! Tests of `ear_clipping.rs`.

use std::collections::HashMap;
use std::f64::consts::TAU;

use super::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

fn area_of([a, b, c]: [[f64; 2]; 3]) -> f64 {
    ((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) / 2.0
}

/// Area by the shoelace formula.
fn area(outline: &[[f64; 2]]) -> f64 {
    let origin = outline[0];
    (0..outline.len())
        .map(|i| area_of([origin, outline[i], outline[(i + 1) % outline.len()]]))
        .sum()
}

/// Cuts a polygon and checks all that holds of every polygon: the number of triangles, that each side is the side of one
/// triangle, run along in its own direction, and every other edge of two, once in either direction. Gives the triangles
/// and the work.
fn cut(outline: &[[f64; 2]]) -> (Vec<[usize; 3]>, u64) {
    let mut triangles = Vec::new();
    let work = clip_ears(outline, &mut |triangle| triangles.push(triangle));
    let count = outline.len();
    assert_eq!(triangles.len(), count - 2);
    let mut edges: HashMap<(usize, usize), i32> = HashMap::new();
    for [a, b, c] in &triangles {
        for (from, to) in [(*a, *b), (*b, *c), (*c, *a)] {
            *edges.entry((from, to)).or_default() += 1;
        }
    }
    for (&(from, to), &times) in &edges {
        let back = edges.get(&(to, from)).copied().unwrap_or(0);
        let side = i32::from((from + 1) % count == to);
        assert_eq!((times, back), (1, 1 - side), "from {from} to {to}");
    }
    assert!((0..count).all(|i| edges.contains_key(&(i, (i + 1) % count))));
    (triangles, work)
}

/// Cuts a polygon that does not cross itself: nothing is covered twice or from behind. Gives the work.
fn cut_exactly(outline: &[[f64; 2]]) -> u64 {
    let (triangles, work) = cut(outline);
    let mut covered = 0.0;
    for triangle in &triangles {
        let corners = triangle.map(|corner| outline[corner]);
        assert!(turn(corners[0], corners[1], corners[2]) >= 0.0);
        covered += area_of(corners);
    }
    let expected = area(outline);
    assert!(
        (covered - expected).abs() < 1e-12 * expected,
        "{covered} of {expected}"
    );
    work
}

fn circle(count: usize, radius: impl Fn(usize) -> f64) -> Vec<[f64; 2]> {
    (0..count)
        .map(|i| {
            let (sin, cos) = (TAU * i as f64 / count as f64).sin_cos();
            [radius(i) * cos, radius(i) * sin]
        })
        .collect()
}

/// A band of the width 0.5 wound around the origin.
fn spiral(count: usize, turns: f64) -> Vec<[f64; 2]> {
    let half = count / 2;
    let arm = |i: usize, offset: f64| {
        let angle = TAU * turns * i as f64 / (half - 1) as f64;
        let radius = 1.0 + angle / TAU + offset;
        [radius * angle.cos(), radius * angle.sin()]
    };
    let outer = (0..half).map(|i| arm(i, 0.5));
    outer.chain((0..half).rev().map(|i| arm(i, 0.0))).collect()
}

fn comb(teeth: usize) -> Vec<[f64; 2]> {
    let mut outline = vec![[0.0, 0.0], [2.0 * teeth as f64, 0.0]];
    for tooth in (0..teeth).rev() {
        outline.push([2.0 * tooth as f64 + 1.5, 3.0]);
        outline.push([2.0 * tooth as f64, 1.0]);
    }
    outline
}

#[test]
fn spirals_stars_and_combs_are_covered_once() {
    cut_exactly(&spiral(400, 7.0));
    cut_exactly(&circle(51, |i| if i % 2 == 0 { 1.0 } else { 0.02 }));
    cut_exactly(&comb(40));
    let mut upside_down = comb(40);
    for point in &mut upside_down {
        *point = [-point[0], -point[1]];
    }
    cut_exactly(&upside_down);
}

#[test]
fn the_work_of_large_polygons_grows_little_faster_than_they_do() {
    const COUNT: usize = 100_000;
    let mut rng = Pcg64Mcg::seed_from_u64(5);
    let noise: Vec<f64> = (0..COUNT).map(|_| rng.random_range(0.9..1.1)).collect();
    let shapes = [
        circle(COUNT, |_| 1.0),
        circle(COUNT, |i| 1.0 + 1e-6 * noise[i]),
        circle(COUNT, |i| noise[i]),
        spiral(COUNT, 3.0),
        spiral(COUNT, 300.0),
        comb(COUNT / 2),
    ];
    for (number, outline) in shapes.iter().enumerate() {
        let work = cut_exactly(outline);
        let per_corner = work as f64 / COUNT as f64;
        assert!(
            per_corner < 20.0 * (COUNT as f64).log2(),
            "{number}: {per_corner}"
        );
    }
}

/// Joins a hole to an outline by a bridge between two of their corners that is walked there and back.
fn bridged(outline: &[[f64; 2]], at: usize, hole: &[[f64; 2]], from: usize) -> Vec<[f64; 2]> {
    let mut joined = outline[..=at].to_vec();
    joined.extend(hole[from..].iter().chain(&hole[..=from]).rev());
    joined.extend(&outline[at..]);
    joined
}

#[test]
fn holes_are_joined_by_bridges() {
    let square = [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]];
    let hole = [[1.0, 1.0], [3.0, 1.0], [3.0, 3.0], [1.0, 3.0]];
    for at in 0..4 {
        let joined = bridged(&square, at, &hole, at);
        assert_eq!(joined.len(), 10);
        assert_eq!(area(&joined), 12.0);
        cut_exactly(&joined);
    }
    // A plate with a hundred holes, each joined to the one before.
    let mut plate = vec![[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]];
    let mut at = 0;
    for number in 0..100_u32 {
        let middle = [f64::from(number % 10) + 0.5, 9.5 - f64::from(number / 10)];
        let ring = circle(12, |_| 0.3);
        let ring: Vec<[f64; 2]> = ring
            .iter()
            .map(|p| [p[0] + middle[0], p[1] + middle[1]])
            .collect();
        // Rows are joined to the left edge, from above to below, each hole to the one on its left.
        if number % 10 == 0 {
            plate.push([0.0, middle[1]]);
            at = plate.len() - 1;
        }
        plate = bridged(&plate, at, &ring, 6);
        // Walked clockwise from its corner 6: six corners later comes its corner 0, on the right.
        at += 1 + 6;
    }
    let holes = 100.0 * area(&circle(12, |_| 0.3));
    assert!((area(&plate) - (100.0 - holes)).abs() < 1e-9);
    cut_exactly(&plate);
}

#[test]
fn holes_that_touch_the_outline_leave_no_ear_across_them() {
    // The hole has a corner in common with the outline, is joined to it elsewhere, and reaches beyond the diagonal.
    let outline = [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]];
    let hole = [[0.0, 0.0], [3.5, 3.0], [3.0, 3.5]];
    let joined = bridged(&outline, 2, &hole, 1);
    assert_eq!(area(&joined), 16.0 - area(&hole));
    cut_exactly(&joined);
}

#[test]
fn corners_on_a_line_and_at_one_place_are_kept() {
    // A square with eight corners on each side.
    let mut outline = Vec::new();
    for [x, y, u, v] in [
        [0.0, 0.0, 1.0, 0.0],
        [8.0, 0.0, 0.0, 1.0],
        [8.0, 8.0, -1.0, 0.0],
        [0.0, 8.0, 0.0, -1.0],
    ] {
        outline.extend((0..8).map(|i| [x + u * f64::from(i), y + v * f64::from(i)]));
    }
    let (triangles, _) = cut(&outline);
    let flat = triangles.iter().filter(|triangle| {
        let [a, b, c] = triangle.map(|corner| outline[corner]);
        turn(a, b, c) == 0.0
    });
    assert_eq!(flat.count(), 0);
    cut_exactly(&outline);
    // Every corner twice.
    let doubled: Vec<[f64; 2]> = outline.iter().flat_map(|&p| [p, p]).collect();
    cut_exactly(&doubled);
    // A square with a whisker out of one corner and one into its inside.
    let whiskers = [
        [0.0, 0.0],
        [2.0, 0.0],
        [3.0, 0.0],
        [2.0, 0.0],
        [2.0, 2.0],
        [1.0, 1.0],
        [2.0, 2.0],
        [0.0, 2.0],
    ];
    cut_exactly(&whiskers);
}

#[test]
fn what_crosses_itself_or_is_no_polygon_gives_its_triangles() {
    cut(&circle(5, |_| 1.0)
        .iter()
        .cycle()
        .step_by(2)
        .take(5)
        .copied()
        .collect::<Vec<_>>());
    cut(&[[1.0, 1.0]; 7]);
    cut(&[
        [0.0, 0.0],
        [f64::NAN, 1.0],
        [2.0, f64::INFINITY],
        [1.0, 1.0],
        [0.5, 0.0],
    ]);
    let mut rng = Pcg64Mcg::seed_from_u64(11);
    for count in [4, 5, 6, 9, 50, 3000] {
        let outline: Vec<[f64; 2]> = (0..count)
            .map(|_| [0, 1].map(|_| f64::from(rng.random_range(0..9_i32))))
            .collect();
        cut(&outline);
    }
}

#[test]
fn the_last_bit_of_a_coordinate_decides() {
    // Corners on a slanted line but for rounding, either side of it.
    let mut outline: Vec<[f64; 2]> = (0..300)
        .map(|i| {
            let along = f64::from(i) / 299.0;
            [3.0 * along + 0.1, 7.0 * along + 0.3]
        })
        .collect();
    outline.extend([[-5.0, 7.3], [-5.0, 0.3]]);
    cut_exactly(&outline);
}
