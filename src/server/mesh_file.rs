//! A mesh as a file of the daemon's own: to the last bit, and quickly.

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};

use crate::geometry::Mesh;

const POSITIONS: &str = "positions";
const TRIANGLES: &str = "triangles";

/// The file's bytes: tensors `positions` `[V, 3] f64` and `triangles` `[F, 3] u32`.
pub(super) fn to_bytes(mesh: &Mesh) -> Vec<u8> {
    let (vertices, faces) = (mesh.positions.len(), mesh.triangles.len());
    let positions = bytemuck::cast_slice(&mesh.positions);
    let triangles = bytemuck::cast_slice(&mesh.triangles);
    let tensors = [
        (
            POSITIONS,
            TensorView::new(Dtype::F64, vec![vertices, 3], positions),
        ),
        (
            TRIANGLES,
            TensorView::new(Dtype::U32, vec![faces, 3], triangles),
        ),
    ];
    let tensors =
        tensors.map(|(name, view)| (name, view.expect("the bytes are those of the shape")));
    serialize(tensors, None).expect("names are unique and sizes match")
}

/// Reads a file's bytes.
///
/// # Errors
/// Says what is wrong with bytes that [`to_bytes`] did not write.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<Mesh, String> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let data = |name: &str, dtype: Dtype| {
        let tensor = tensors.tensor(name).map_err(|error| error.to_string())?;
        match (tensor.dtype() == dtype, tensor.shape()) {
            (true, [_, 3]) => Ok(tensor.data()),
            _ => Err(format!("tensor '{name}' is damaged")),
        }
    };
    let mesh = Mesh {
        positions: bytemuck::pod_collect_to_vec(data(POSITIONS, Dtype::F64)?),
        triangles: bytemuck::pod_collect_to_vec(data(TRIANGLES, Dtype::U32)?),
    };
    let finite = mesh.positions.as_flattened().iter().all(|x| x.is_finite());
    let mut corners = mesh.triangles.as_flattened().iter();
    let in_range = corners.all(|&corner| (corner as usize) < mesh.positions.len());
    match finite && in_range && !mesh.triangles.is_empty() {
        true => Ok(mesh),
        false => Err("it is damaged".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;

    #[test]
    fn a_mesh_comes_back_to_the_last_bit_and_damage_is_found() {
        let mesh = shapes::icosphere(1, 1.0 / 3.0).translated([1e6, 0.1, -7.0]);
        let bytes = to_bytes(&mesh);
        assert_eq!(from_bytes(&bytes), Ok(mesh.clone()));
        for length in 0..bytes.len() {
            assert!(from_bytes(&bytes[..length]).is_err());
        }
        let mut wild = mesh.clone();
        wild.triangles[3][1] = 5000;
        assert!(from_bytes(&to_bytes(&wild)).is_err());
        let mut nowhere = mesh;
        nowhere.positions[0][0] = f64::NAN;
        assert!(from_bytes(&to_bytes(&nowhere)).is_err());
    }
}
