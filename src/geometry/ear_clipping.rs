//! Cutting polygons of any shape into triangles by clipping ears.
//!
//! An ear is a corner whose triangle with its two neighbours holds nothing else of the polygon; every polygon has one
//! (Meisters 1975, "Polygons Have Ears"). Every corner is used and every side is the side of one triangle, also where corners
//! lie on one line or at one place, as they do where a hole is joined to the outline by a bridge that is walked twice: so
//! faces that share sides stay watertight.
//!
//! Only a corner that is not convex can be in the way of an ear (its triangle would hold one). Those lie in a tree, and a
//! corner that is no ear is asked again only when the corner in its way is gone. Of neighbours every second one is clipped
//! before the rest is looked at, so that triangles double their length in each round instead of becoming slivers.

use std::collections::VecDeque;

use super::corner_tree::{CornerTree, turn};

/// Cuts a counter-clockwise polygon into triangles, two fewer than it has corners, given by the numbers of their corners.
///
/// A polygon that crosses itself has no right answer: it gives as many triangles all the same. Returns how many boxes and
/// corners were looked at on the way: the work, which grows a little faster than the number of corners.
pub(super) fn clip_ears(places: &[[f64; 2]], emit: &mut dyn FnMut([usize; 3])) -> u64 {
    let count = places.len();
    if count < 3 {
        return 0;
    }
    let around = |i: usize| [(i + count - 1) % count, i, (i + 1) % count];
    let is_convex = |&i: &usize| {
        let [a, b, c] = around(i).map(|corner| places[corner]);
        turn(a, b, c) > 0.0
    };
    let mut clipper = Clipper {
        places,
        previous: (0..count).map(|i| around(i)[0]).collect(),
        next: (0..count).map(|i| around(i)[2]).collect(),
        version: vec![0; count],
        not_convex: CornerTree::over(places, (0..count).filter(|i| !is_convex(i)).collect()),
        waiting: vec![NOBODY; count],
        waiters: Vec::new(),
        convex: VecDeque::new(),
        straight: Vec::new(),
        folded: Vec::new(),
    };
    for corner in 0..count {
        clipper.sort_in(corner);
    }
    let mut any = 0;
    for _ in 3..count {
        let corner = clipper.next_corner().unwrap_or(any);
        let [before, _, after] = clipper.around(corner);
        emit([before, corner, after]);
        clipper.clip(corner);
        if any == corner {
            any = after;
        }
    }
    emit(clipper.around(any));
    clipper.not_convex.looked_at
}

/// What is left of a polygon.
struct Clipper<'a> {
    places: &'a [[f64; 2]],
    previous: Vec<usize>,
    next: Vec<usize>,
    /// Grows when a corner gets another neighbour and when it is clipped: what was noted of it before holds no more.
    version: Vec<u32>,
    not_convex: CornerTree<'a>,
    /// For each corner the last one in `waiters` that it is in the way of, or [`NOBODY`].
    waiting: Vec<usize>,
    /// Corners that something is in the way of, and which of them waits for the same one.
    waiters: Vec<(Noted, usize)>,
    /// Convex corners that may be ears.
    convex: VecDeque<Noted>,
    /// Corners on the line between their neighbours or beyond: their triangles have no area.
    straight: Vec<Noted>,
    /// The same, where two of the three lie at one place.
    folded: Vec<Noted>,
}

/// A corner and the version that it had.
type Noted = (usize, u32);

const NOBODY: usize = usize::MAX;

impl Clipper<'_> {
    /// A corner with its neighbours.
    fn around(&self, corner: usize) -> [usize; 3] {
        [self.previous[corner], corner, self.next[corner]]
    }

    fn triangle(&self, corner: usize) -> [[f64; 2]; 3] {
        self.around(corner).map(|corner| self.places[corner])
    }

    /// Notes what a corner can be, which is new or has got another neighbour.
    fn sort_in(&mut self, corner: usize) {
        let [a, b, c] = self.triangle(corner);
        let noted = (corner, self.version[corner]);
        let turn = turn(a, b, c);
        if turn > 0.0 {
            self.make_way(corner);
            self.convex.push_back(noted);
        } else if a == b || b == c || c == a {
            self.folded.push(noted);
        } else if turn == 0.0 {
            self.straight.push(noted);
        }
    }

    /// The corner to clip next: nothing is lost with a triangle that has no extent, then come ears, then what lies on a line.
    /// `None` where the polygon crosses itself.
    fn next_corner(&mut self) -> Option<usize> {
        while let Some((corner, version)) = self.folded.pop() {
            if self.version[corner] == version {
                return Some(corner);
            }
        }
        while let Some(noted @ (corner, version)) = self.convex.pop_front() {
            if self.version[corner] != version {
                continue;
            }
            match self.in_the_way_of(corner) {
                None => return Some(corner),
                Some(other) => {
                    self.waiters.push((noted, self.waiting[other]));
                    self.waiting[other] = self.waiters.len() - 1;
                }
            }
        }
        while let Some((corner, version)) = self.straight.pop() {
            if self.version[corner] == version {
                return Some(corner);
            }
        }
        None
    }

    /// A corner that keeps a convex one from being an ear.
    fn in_the_way_of(&mut self, corner: usize) -> Option<usize> {
        let around = self.around(corner);
        let triangle = self.triangle(corner);
        let [a, b, c] = triangle;
        let (places, previous, next) = (self.places, &self.previous, &self.next);
        self.not_convex.find_in(triangle, |other| {
            if around.contains(&other) || places[other] == a || places[other] == c {
                // What leads from a neighbour's place into the triangle must end in it, or lie on its border.
                return false;
            }
            places[other] != b || {
                let enters = |p: [f64; 2]| turn(a, b, p) > 0.0 && turn(b, c, p) > 0.0;
                enters(places[previous[other]]) || enters(places[next[other]])
            }
        })
    }

    /// Takes a corner out of the polygon.
    fn clip(&mut self, corner: usize) {
        let [before, _, after] = self.around(corner);
        self.next[before] = after;
        self.previous[after] = before;
        for changed in [before, corner, after] {
            self.version[changed] += 1;
        }
        self.make_way(corner);
        self.sort_in(before);
        self.sort_in(after);
    }

    /// A corner is in nobody's way any more: those that waited for it may be ears now.
    fn make_way(&mut self, corner: usize) {
        if !self.not_convex.remove(corner) {
            return;
        }
        let mut waiter = std::mem::replace(&mut self.waiting[corner], NOBODY);
        while waiter != NOBODY {
            let (noted, further) = self.waiters[waiter];
            self.convex.push_back(noted);
            waiter = further;
        }
    }
}

#[cfg(test)]
mod tests {
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
}
