//! The transposed sum of winding numbers.

use std::f32::consts::PI;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::groups::{Groups, LANES, Places, inverse_cube};
use super::tree::PointTree;
use super::vector::{minus, plus};
use crate::instruction_set::instruction_set;

/// The transposed sum: what pulls at each point along the lines to all others, by how much these are charged.
#[derive(Debug)]
pub(super) struct Charges {
    charges: Vec<f32>,
    expansions: Vec<ChargeExpansion>,
}

#[derive(Clone, Copy, Debug, Default)]
struct ChargeExpansion {
    charge: f32,
    first: [f32; 3],
}

impl Charges {
    /// Charges at the points of the tree, in its order.
    pub fn new(tree: &PointTree, groups: &Groups, charges: Vec<f32>) -> Charges {
        let mut expansions = vec![ChargeExpansion::default(); tree.nodes.len()];
        for index in (0..tree.nodes.len()).rev() {
            let center = groups.groups[index].center;
            let mut sum = ChargeExpansion::default();
            let node = &tree.nodes[index];
            let mut add = |from: [f32; 3], charge: f32, first: [f32; 3]| {
                let moved = plus(first, charge, minus(from, center));
                sum.charge += charge;
                sum.first = plus(sum.first, 1.0, moved);
            };
            if node.second == 0 {
                for at in node.range() {
                    add(tree.points[at], charges[at], [0.0; 3]);
                }
            } else {
                for child in [index + 1, node.second as usize] {
                    let ChargeExpansion { charge, first } = expansions[child];
                    add(groups.groups[child].center, charge, first);
                }
            }
            expansions[index] = sum;
        }
        Charges {
            charges,
            expansions,
        }
    }

    /// The sum at each point of the tree: as a linear map, the transpose of what dipoles at the points make of the winding
    /// numbers there.
    pub fn pulls(&self, tree: &PointTree, groups: &Groups, out: &mut [[f32; 3]]) {
        let arch = instruction_set();
        let chunks = out.par_chunks_mut(LANES).enumerate();
        chunks.for_each_init(Vec::new, |pending, (chunk, out)| {
            let range = chunk * LANES..chunk * LANES + out.len();
            arch.dispatch(ChargeSum {
                charges: self,
                tree,
                groups,
                places: Places::new(&tree.points[range.clone()], Some(&groups.balls[range])),
                out,
                pending,
            });
        });
    }
}

struct ChargeSum<'a> {
    charges: &'a Charges,
    tree: &'a PointTree,
    groups: &'a Groups,
    places: Places,
    out: &'a mut [[f32; 3]],
    pending: &'a mut Vec<u32>,
}

impl WithSimd for ChargeSum<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let ChargeSum {
            charges,
            tree,
            groups,
            places,
            out,
            pending,
        } = self;
        let [px, py, pz] = &places.at;
        let (mut far_sum, mut near_sum) = ([[0.0; LANES]; 3], [[0.0; LANES]; 3]);
        let far = |index: usize| {
            let [x0, y0, z0] = groups.groups[index].center;
            let ChargeExpansion { charge, first } = &charges.expansions[index];
            for lane in 0..LANES {
                let (x, y, z) = (px[lane] - x0, py[lane] - y0, pz[lane] - z0);
                let inverse = 1.0 / (x * x + y * y + z * z);
                let cube = inverse * inverse.sqrt();
                let bent = charge + 3.0 * inverse * (first[0] * x + first[1] * y + first[2] * z);
                far_sum[0][lane] += cube * (bent * x - first[0]);
                far_sum[1][lane] += cube * (bent * y - first[1]);
                far_sum[2][lane] += cube * (bent * z - first[2]);
            }
        };
        let near = |at: usize| {
            let ([x0, y0, z0], charge) = (tree.points[at], charges.charges[at]);
            for lane in 0..LANES {
                let (x, y, z) = (px[lane] - x0, py[lane] - y0, pz[lane] - z0);
                let pull = charge * inverse_cube(x * x + y * y + z * z, places.balls[lane]);
                near_sum[0][lane] += pull * x;
                near_sum[1][lane] += pull * y;
                near_sum[2][lane] += pull * z;
            }
        };
        groups.walk(tree, &places, pending, far, near);
        for (lane, out) in out.iter_mut().enumerate() {
            *out = std::array::from_fn(|k| (far_sum[k][lane] + near_sum[k][lane]) / (4.0 * PI));
        }
    }
}
