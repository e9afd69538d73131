//! PLY, binary little endian.

use crate::extract::Surface;
use std::io::{self, Write};

/// Whether positions are written as `double`, because `float` would be too coarse (far from the origin).
pub(super) fn needs_double(surface: &Surface) -> bool {
    !surface.fits_f32([0.0; 3])
}

/// Writes positions as `float` or `double`, normals as `float`, triangles as lists of `uint`.
pub(super) fn write(surface: &Surface, to: &mut dyn Write) -> io::Result<()> {
    let double = needs_double(surface);
    let scalar = if double { "double" } else { "float" };
    write!(
        to,
        "ply\nformat binary_little_endian 1.0\ncomment Overfit\nelement vertex {}\n",
        surface.positions.len()
    )?;
    for axis in ["x", "y", "z"] {
        writeln!(to, "property {scalar} {axis}")?;
    }
    if surface.normals.is_some() {
        to.write_all(b"property float nx\nproperty float ny\nproperty float nz\n")?;
    }
    write!(
        to,
        "element face {}\nproperty list uchar uint vertex_indices\nend_header\n",
        surface.triangles.len()
    )?;
    for (vertex, position) in surface.positions.iter().enumerate() {
        for &x in position {
            match double {
                true => to.write_all(&x.to_le_bytes())?,
                false => to.write_all(&(x as f32).to_le_bytes())?,
            }
        }
        if let Some(normals) = &surface.normals {
            for x in normals[vertex] {
                to.write_all(&x.to_le_bytes())?;
            }
        }
    }
    for triangle in &surface.triangles {
        to.write_all(&[3])?;
        for vertex in triangle {
            to.write_all(&vertex.to_le_bytes())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::closed_forms::tetrahedron;

    fn written(surface: &Surface) -> (String, Vec<u8>) {
        let mut bytes = Vec::new();
        write(surface, &mut bytes).unwrap();
        let end = bytes
            .windows(11)
            .position(|w| w == b"end_header\n")
            .unwrap()
            + 11;
        (
            String::from_utf8(bytes[..end].to_vec()).unwrap(),
            bytes[end..].to_vec(),
        )
    }

    #[test]
    fn body_has_the_length_that_the_header_says() {
        let mut surface = tetrahedron(0.0);
        let (header, body) = written(&surface);
        assert!(
            header.contains("element vertex 4\nproperty float x\n")
                && header.contains("property float nz\n")
        );
        assert_eq!(body.len(), 4 * (12 + 12) + 4 * 13);
        assert_eq!(
            body[body.len() - 13..],
            [3, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]
        );
        surface.normals = None;
        assert_eq!(written(&surface).1.len(), 4 * 12 + 4 * 13);
    }

    #[test]
    fn keeps_doubles_far_from_the_origin() {
        let surface = tetrahedron(1e9 + 0.125);
        let (header, body) = written(&surface);
        assert!(header.contains("property double x\n"));
        assert_eq!(
            f64::from_le_bytes(body[..8].try_into().unwrap()),
            1e9 + 0.125
        );
    }
}
