//! STL, binary.

use crate::extract::Surface;
use std::io::{self, Write};

/// Writes each triangle by itself, its corners rounded to `f32`: STL knows nothing finer.
///
/// # Errors
/// More than 2³²-1 triangles, which the format cannot count, or what `to` returns.
pub(super) fn write(surface: &Surface, to: &mut dyn Write) -> io::Result<()> {
    let count = u32::try_from(surface.triangles.len()).map_err(|_| {
        io::Error::new(
            io::ErrorKind::FileTooLarge,
            "STL holds at most 4294967295 triangles; write .ply instead",
        )
    })?;
    // The header must not begin with "solid": that would announce the text form.
    let mut header = [0u8; 80];
    header[..11].copy_from_slice(b"Overfit STL");
    to.write_all(&header)?;
    to.write_all(&count.to_le_bytes())?;
    for triangle in &surface.triangles {
        let corners = triangle.map(|v| surface.positions[v as usize]);
        let mut record = [0u8; 50];
        let vectors = [facet_normal(corners)]
            .into_iter()
            .chain(corners.map(|p| p.map(|x| x as f32)));
        for (bytes, value) in record.chunks_exact_mut(4).zip(vectors.flatten()) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
        to.write_all(&record)?;
    }
    Ok(())
}

fn facet_normal([p, q, r]: [[f64; 3]; 3]) -> [f32; 3] {
    let u: [f64; 3] = std::array::from_fn(|k| q[k] - p[k]);
    let v: [f64; 3] = std::array::from_fn(|k| r[k] - p[k]);
    let n = [
        u[1] * v[2] - u[2] * v[1],
        u[2] * v[0] - u[0] * v[2],
        u[0] * v[1] - u[1] * v[0],
    ];
    let length = n.iter().map(|x| x * x).sum::<f64>().sqrt();
    match length > 0.0 {
        true => n.map(|x| (x / length) as f32),
        // Readers compute the normal of a triangle without one from its corners.
        false => [0.0; 3],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::closed_forms::tetrahedron;

    #[test]
    fn writes_fifty_bytes_a_triangle_with_its_normal() {
        let mut bytes = Vec::new();
        write(&tetrahedron(2.0), &mut bytes).unwrap();
        assert_eq!(bytes.len(), 84 + 4 * 50);
        assert_eq!(bytes[80..84], 4u32.to_le_bytes());
        let first: Vec<f32> = bytes[84..132]
            .chunks(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        assert_eq!(
            first,
            [0.0, 0.0, -1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 2.0, 3.0, 2.0, 2.0]
        );
    }
}
