//! The bounding volume hierarchy as data: wide nodes and full leaves, one array per coordinate.

use super::facets::Facets;

/// Children of a node, triangles of a leaf and points of a group. Sixteen `f32` are one AVX-512 register, two of AVX2, or
/// four of NEON.
pub(super) const WIDTH: usize = 16;

/// One number for each child, triangle or point.
pub(super) type Lanes = [f32; WIDTH];

/// The hierarchy over the triangles of one mesh in the unit frame. The root is node 0.
#[derive(Clone, Debug)]
pub(super) struct Bvh {
    pub nodes: Vec<Node>,
    pub leaves: Vec<Leaf>,
    /// The leaves once more, as the search for the closest triangle wants them.
    pub facets: Vec<Facets>,
    /// The box around everything.
    pub lo: [f32; 3],
    pub hi: [f32; 3],
}

/// The boxes of up to [`WIDTH`] children. Unused lanes have an inverted box, which nothing can reach.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Node {
    pub lo: [Lanes; 3],
    pub hi: [Lanes; 3],
    pub children: [Child; WIDTH],
    /// The box around all children.
    pub around: Block,
}

/// A box that may be turned: where each of three orthonormal axes reaches from and to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub axes: [[f32; 3]; 3],
    pub lo: [f32; 3],
    pub hi: [f32; 3],
}

/// A node or a leaf as one number: the index, and in the lowest bit whether it is a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Child(u32);

/// Where a child leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Node(usize),
    Leaf(usize),
}

/// Up to [`WIDTH`] triangles. Unused lanes are points at [`NOWHERE`]: no query reaches them, so none needs a count.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Leaf {
    /// `corners[c][axis]`.
    pub corners: [[Lanes; 3]; 3],
    /// Index of each triangle in the mesh.
    pub triangles: [u32; WIDTH],
}

/// Coordinate of unused lanes, in units of the frame: farther than any point that is searched from, and with a third
/// power that is still finite.
pub(super) const NOWHERE: f32 = 1e12;

impl Child {
    /// Any child of an unused lane.
    pub const NONE: Child = Child(0);

    pub fn new(target: Target) -> Child {
        // Every node and leaf holds at least one triangle, of which there are fewer than 2^31.
        match target {
            Target::Node(index) => Child((index as u32) << 1),
            Target::Leaf(index) => Child((index as u32) << 1 | 1),
        }
    }

    pub fn target(self) -> Target {
        let index = (self.0 >> 1) as usize;
        if self.0 & 1 == 1 {
            Target::Leaf(index)
        } else {
            Target::Node(index)
        }
    }
}

impl Node {
    pub fn empty() -> Node {
        Node {
            lo: [[f32::INFINITY; WIDTH]; 3],
            hi: [[f32::NEG_INFINITY; WIDTH]; 3],
            children: [Child::NONE; WIDTH],
            around: Block::EMPTY,
        }
    }
}

impl Block {
    /// Straight, and holding nothing.
    pub const EMPTY: Block = Block {
        axes: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        lo: [f32::INFINITY; 3],
        hi: [f32::NEG_INFINITY; 3],
    };
}

impl Leaf {
    pub fn empty() -> Leaf {
        Leaf {
            corners: [[[NOWHERE; WIDTH]; 3]; 3],
            triangles: [u32::MAX; WIDTH],
        }
    }

    /// Corner `c` of the triangle in `lane`.
    pub fn corner(&self, c: usize, lane: usize) -> [f32; 3] {
        self.corners[c].map(|axis| axis[lane])
    }

    /// The three corners of the triangle in `lane`.
    pub fn triangle(&self, lane: usize) -> [[f32; 3]; 3] {
        [
            self.corner(0, lane),
            self.corner(1, lane),
            self.corner(2, lane),
        ]
    }
}

/// A triangle by its leaf and its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub leaf: u32,
    pub lane: u32,
}

impl Slot {
    /// The slot as one number.
    #[inline(always)]
    pub fn number(self) -> u32 {
        self.leaf * WIDTH as u32 + self.lane
    }

    /// The slot that has this number.
    #[inline(always)]
    pub fn from_number(number: u32) -> Slot {
        Slot {
            leaf: number / WIDTH as u32,
            lane: number % WIDTH as u32,
        }
    }
}

impl Bvh {
    /// Index in the mesh of the triangle in `slot`.
    pub fn triangle_index(&self, slot: Slot) -> u32 {
        self.leaves[slot.leaf as usize].triangles[slot.lane as usize]
    }

    /// Corners of the triangle in `slot`.
    pub fn corners(&self, slot: Slot) -> [[f32; 3]; 3] {
        self.leaves[slot.leaf as usize].triangle(slot.lane as usize)
    }
}
