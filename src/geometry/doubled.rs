//! Faces that have the same corners: one face that was written twice, or a wall without thickness.
//!
//! A surface on which faces were doubled, all or some, has every edge closed once each is taken as one. A wall within a body
//! or a fin on it has not: taken as one face it would leave an edge of one face or of three. So what bounds a patch of
//! doubled faces decides.

use rayon::prelude::*;

use super::edges::Edges;
use super::union_find::UnionFind;
use super::validate::smallest_first;

/// What a face is, among those that have its corners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// No other face has its corners, or those that have look the same way and are not needed.
    Single,
    /// Stands for faces that look either way.
    One,
    /// One of the two sides of a wall without thickness: they cancel each other out.
    Wall,
    /// Not needed.
    Dropped,
}

/// The faces that share their corners with others.
pub(super) struct Doubled {
    /// Of every face of the mesh; none for those that are no triangles.
    roles: Vec<Role>,
    sets: Vec<Set>,
}

/// All faces with certain corners, in ascending order: two at least.
struct Set {
    faces: Vec<u32>,
    /// A face that looks the other way than the first.
    opposite: Option<u32>,
}

impl Doubled {
    /// Looks for doubled faces among `triangles`, the vertices of which lie at `place`. `None` if there are none.
    pub fn of(triangles: &[[u32; 3]], place: &[u32], edges: &Edges) -> Option<Doubled> {
        let placed = |face: u32| triangles[face as usize].map(|vertex| place[vertex as usize]);
        let third = |face: u32| placed(face).into_iter().fold(0, |all, corner| all ^ corner);
        // Two faces on one another share three edges, each with others or with nobody.
        let shares_all = edges.iter().any(|(_, sides)| match sides {
            [a, b] => third(a.face()) == third(b.face()),
            [_] => false,
            _ => true,
        });
        if !shares_all {
            return None;
        }
        let mut keyed: Vec<([u32; 3], u32)> = (0..triangles.len() as u32)
            .into_par_iter()
            .map(|face| {
                let mut corners = placed(face);
                corners.sort_unstable();
                (corners, face)
            })
            .filter(|([a, b, c], _)| a != b && b != c)
            .collect();
        keyed.par_sort_unstable();
        let sets: Vec<Set> = keyed
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|same| same.len() > 1)
            .map(|same| {
                let faces: Vec<u32> = same.iter().map(|(_, face)| *face).collect();
                let first = smallest_first(placed(faces[0]));
                let mut others = faces.iter().copied();
                let opposite = others.find(|&face| smallest_first(placed(face)) != first);
                Set { faces, opposite }
            })
            .collect();
        if sets.is_empty() {
            return None;
        }
        let single = keyed.len() > sets.iter().map(|set| set.faces.len()).sum();
        let mut doubled = Doubled {
            roles: vec![Role::Single; triangles.len()],
            sets,
        };
        doubled.decide(edges, single);
        Some(doubled)
    }

    /// What a face is.
    pub fn role(&self, face: u32) -> Role {
        self.roles[face as usize]
    }

    /// Tells which sets are one face and which are walls. `single` tells whether there are other faces.
    fn decide(&mut self, edges: &Edges, single: bool) {
        const NONE: u32 = u32::MAX;
        let mut set_of = vec![NONE; self.roles.len()];
        for (index, set) in (0..).zip(&self.sets) {
            for &face in &set.faces {
                set_of[face as usize] = index;
            }
        }
        // Sets with an edge to themselves are a patch; the other edges are its border, which say what closes them.
        let mut patches = UnionFind::new(self.sets.len());
        let mut votes = Vec::new();
        let mut here = Vec::new();
        for (_, sides) in edges.iter() {
            let all = sides.iter().map(|side| set_of[side.face() as usize]);
            here.clear();
            here.extend(all.filter(|&set| set != NONE));
            let singles = sides.len() - here.len();
            here.sort_unstable();
            here.dedup();
            match *here {
                [set] => votes.push((set, singles)),
                [a, b] if singles == 0 => {
                    patches.join(a, b, false);
                }
                _ => {}
            }
        }
        let mut tallies = vec![Tally::default(); self.sets.len()];
        for (set, singles) in votes {
            let opposite = self.sets[set as usize].opposite.is_some();
            let tally = &mut tallies[patches.find(set).0 as usize];
            match singles {
                // A free edge: only where there is more than doubled faces may it be that of a wall, which came as one.
                0 if opposite && single => tally.wall += 1,
                0 => tally.one += 1,
                _ if singles % 2 == 1 => tally.one += 1,
                _ => tally.wall += 1,
            }
        }
        for (index, set) in (0..).zip(&self.sets) {
            let Tally { one, wall } = tallies[patches.find(index).0 as usize];
            let as_it_came = set.opposite.is_none();
            let is_one = one > wall || one == wall && (one == 0 || as_it_came);
            for &face in &set.faces {
                self.roles[face as usize] = Role::Dropped;
            }
            if is_one {
                self.roles[set.faces[0] as usize] = match set.opposite {
                    Some(_) => Role::One,
                    None => Role::Single,
                };
            } else {
                self.roles[set.faces[0] as usize] = Role::Wall;
                self.roles[set.second() as usize] = Role::Wall;
            }
        }
    }

    /// Brings the faces in line with what is to be `turned`: of those that stand for several, one that looks the right way
    /// already is better than one that has to be turned, and of a wall both sides must not look the same way.
    pub fn settle(&mut self, turned: &mut [bool]) {
        for set in &self.sets {
            let first = set.faces[0] as usize;
            match (self.roles[first], set.opposite) {
                (Role::One, Some(opposite)) if turned[first] => {
                    turned[first] = false;
                    self.roles[first] = Role::Dropped;
                    self.roles[opposite as usize] = Role::One;
                }
                (Role::Wall, None) => turned[set.second() as usize] = true,
                _ => {}
            }
        }
    }
}

/// What the edges around a patch of doubled faces are in favour of.
#[derive(Clone, Copy, Default)]
struct Tally {
    one: u32,
    wall: u32,
}

impl Set {
    /// The other side of a wall.
    fn second(&self) -> u32 {
        self.opposite.unwrap_or(self.faces[1])
    }
}
