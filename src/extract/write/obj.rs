//! Wavefront OBJ.

use crate::extract::Surface;
use std::io::{self, Write};

/// Writes positions with as many digits as bring back the same `f64`, then normals, then triangles.
pub(super) fn write(surface: &Surface, to: &mut dyn Write) -> io::Result<()> {
    writeln!(
        to,
        "# Overfit: {} vertices, {} triangles",
        surface.positions.len(),
        surface.triangles.len()
    )?;
    for [x, y, z] in &surface.positions {
        writeln!(to, "v {x} {y} {z}")?;
    }
    for [x, y, z] in surface.normals.iter().flatten() {
        writeln!(to, "vn {x} {y} {z}")?;
    }
    for triangle in &surface.triangles {
        // OBJ counts from 1.
        let [a, b, c] = triangle.map(|v| u64::from(v) + 1);
        match surface.normals {
            Some(_) => writeln!(to, "f {a}//{a} {b}//{b} {c}//{c}")?,
            None => writeln!(to, "f {a} {b} {c}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::closed_forms::tetrahedron;

    #[test]
    fn gives_back_every_bit_of_a_position() {
        let mut surface = tetrahedron(1e9);
        surface.positions[1][0] = 0.1 + 0.2;
        let mut bytes = Vec::new();
        write(&surface, &mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let read: Vec<[f64; 3]> = text
            .lines()
            .filter_map(|line| line.strip_prefix("v "))
            .map(|line| {
                let numbers: Vec<f64> = line.split(' ').map(|n| n.parse().unwrap()).collect();
                numbers.try_into().unwrap()
            })
            .collect();
        assert_eq!(read, surface.positions);
        assert_eq!(
            text.lines().filter(|line| line.starts_with("vn ")).count(),
            4
        );
        assert!(text.ends_with("f 2//2 3//3 4//4\n"));
    }
}
