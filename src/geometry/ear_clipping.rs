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
mod tests;
