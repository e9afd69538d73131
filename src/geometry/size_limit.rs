//! What a file may become: a bound on the memory of the mesh that is read from it.

use super::MeshError;

/// Most memory that a mesh may take once it is read.
///
/// A small file can stand for a large mesh (instances, repeated primitives, compressed geometry): a reader asks here
/// before it makes room, not after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeLimit {
    /// Bytes of positions and triangles together.
    pub bytes: u64,
}

impl Default for SizeLimit {
    /// 4 GB: about 170 million triangles, far more than a fit gains from.
    fn default() -> Self {
        Self {
            bytes: 4_000_000_000,
        }
    }
}

/// Bytes of a vertex: three `f64`.
const VERTEX: u64 = 24;
/// Bytes of a triangle: three `u32`.
const TRIANGLE: u64 = 12;

/// Reading a mesh and looking at it takes so many times its own bytes: what a format repeats, tables of places, edges and pairs. Measured: 1.7 to
/// 3.5.
const WORKING: u64 = 4;

impl SizeLimit {
    /// The limit that a mesh of so many vertices and triangles just meets.
    pub fn of(vertices: u64, triangles: u64) -> SizeLimit {
        let bytes =
            (vertices.saturating_mul(VERTEX)).saturating_add(triangles.saturating_mul(TRIANGLE));
        SizeLimit { bytes }
    }

    /// Bytes that reading and checking a mesh of this size takes for a while, about, itself within.
    pub fn working_bytes(&self) -> u64 {
        self.bytes.saturating_mul(WORKING)
    }

    /// Whether a mesh of so many vertices and triangles is within the limit.
    ///
    /// # Errors
    /// [`MeshError::OverLimit`], which names both sizes and what to do.
    pub fn check(&self, vertices: u64, triangles: u64) -> Result<(), MeshError> {
        let SizeLimit { bytes } = SizeLimit::of(vertices, triangles);
        if bytes <= self.bytes {
            return Ok(());
        }
        Err(MeshError::OverLimit {
            vertices,
            triangles,
            bytes,
            limit: self.bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_is_refused_by_its_size() {
        let limit = SizeLimit { bytes: 3 * 24 + 12 };
        assert_eq!(limit.check(3, 1), Ok(()));
        let message = limit.check(3, 2).unwrap_err().to_string();
        assert!(
            message.contains("96 bytes") && message.contains("84"),
            "{message}"
        );
        assert!(limit.check(u64::MAX, u64::MAX).is_err());
    }
}
