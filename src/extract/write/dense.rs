//! Dense grids of numbers as files that other programs open: NumPy arrays and NRRD volumes.

use std::io::{self, Write};

use npyz::WriterBuilder;

use crate::extract::Grid;

/// File formats for dense grids of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenseFormat {
    /// NumPy: `[X, Y, Z]` or `[X, Y, Z, C]` in C order. It has no room for origin and voxel size.
    Npy,
    /// NRRD (teem, "Nearly Raw Raster Data", version 5), as 3D Slicer, ITK and pynrrd read it: `x` fastest, placed in own units.
    Nrrd,
}

impl DenseFormat {
    /// The sample, `[x, y, z]`, that comes as number `index` in a file of this format.
    pub fn sample(self, dims: [u32; 3], index: u64) -> [u32; 3] {
        let [x, y, z] = dims.map(u64::from);
        let [x, y, z] = match self {
            DenseFormat::Npy => [index / (y * z), index / z % y, index % z],
            DenseFormat::Nrrd => [index % x, index / x % y, index / (x * y)],
        };
        [x as u32, y as u32, z as u32]
    }
}

/// A dense file on its way: samples in the order of [`DenseFormat::sample`], each with all of its numbers.
pub enum DenseWriter<'a> {
    /// A NumPy array.
    Npy(npyz::NpyWriter<f32, &'a mut dyn Write>),
    /// A volume for 3D Slicer and others.
    Nrrd(&'a mut dyn Write),
}

impl<'a> DenseWriter<'a> {
    /// Begins a file of float32, with as many numbers a sample as there are `columns`, which are their names.
    ///
    /// # Errors
    /// What `file` returns.
    pub fn begin(
        format: DenseFormat,
        grid: &Grid,
        columns: &[String],
        file: &'a mut dyn Write,
    ) -> io::Result<Self> {
        match format {
            DenseFormat::Npy => {
                let mut shape = grid.dims.map(u64::from).to_vec();
                shape.extend((columns.len() > 1).then_some(columns.len() as u64));
                let options = npyz::WriteOptions::new().default_dtype().shape(&shape);
                Ok(DenseWriter::Npy(options.writer(file).begin_nd()?))
            }
            DenseFormat::Nrrd => {
                file.write_all(nrrd_header(grid, columns).as_bytes())?;
                Ok(DenseWriter::Nrrd(file))
            }
        }
    }

    /// Appends numbers.
    ///
    /// # Errors
    /// What the file returns.
    pub fn extend(&mut self, numbers: &[f32]) -> io::Result<()> {
        match self {
            DenseWriter::Npy(npy) => npy.extend(numbers.iter().copied()),
            DenseWriter::Nrrd(file) => {
                let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
                file.write_all(&bytes.collect::<Vec<u8>>())
            }
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// What the file returns, or too few numbers for a NumPy array.
    pub fn finish(self) -> io::Result<()> {
        match self {
            DenseWriter::Npy(npy) => npy.finish(),
            DenseWriter::Nrrd(_) => Ok(()),
        }
    }
}

/// Up to the empty line behind which the numbers lie.
fn nrrd_header(grid: &Grid, columns: &[String]) -> String {
    let ([x, y, z], [ox, oy, oz], step) = (grid.dims, grid.origin, grid.voxel_size);
    let directions = format!("({step},0,0) (0,{step},0) (0,0,{step})");
    let domains = "domain domain domain";
    let axes = match columns.len() {
        1 => format!(
            "dimension: 3\nspace dimension: 3\nsizes: {x} {y} {z}\nspace directions: {directions}\nkinds: {domains}\n"
        ),
        count => format!(
            "dimension: 4\nspace dimension: 3\nsizes: {count} {x} {y} {z}\nspace directions: none {directions}\nkinds: list {domains}\n"
        ),
    };
    format!(
        "NRRD0005\ntype: float\n{axes}space origin: ({ox},{oy},{oz})\nendian: little\nencoding: raw\ncolumns:={}\n\n",
        columns.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid {
        origin: [1.0, -2.5, 1e-7],
        voxel_size: 0.25,
        dims: [2, 3, 4],
        resolution: 4.0,
    };

    /// The file whose numbers are `100 x + 10 y + z` and, for a second column, their negatives.
    fn file(format: DenseFormat, columns: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let columns: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
        let mut writer = DenseWriter::begin(format, &GRID, &columns, &mut bytes).unwrap();
        for index in 0..GRID.samples() {
            let [x, y, z] = format.sample(GRID.dims, index);
            let number = (100 * x + 10 * y + z) as f32;
            writer.extend(&[number, -number][..columns.len()]).unwrap();
        }
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn numpy_has_z_fastest_and_columns_last() {
        let bytes = file(DenseFormat::Npy, &["a", "b"]);
        let npy = npyz::NpyFile::new(&bytes[..]).unwrap();
        assert_eq!(npy.shape(), &[2, 3, 4, 2]);
        let numbers: Vec<f32> = npy.into_vec().unwrap();
        assert_eq!(numbers[..4], [0.0, 0.0, 1.0, -1.0]);
        assert_eq!(numbers[2 * (3 * 4 + 4 + 2)], 112.0);
        let one = file(DenseFormat::Npy, &["a"]);
        assert_eq!(npyz::NpyFile::new(&one[..]).unwrap().shape(), &[2, 3, 4]);
    }

    #[test]
    fn nrrd_has_x_fastest_and_says_where_it_lies() {
        let bytes = file(DenseFormat::Nrrd, &["a", "b"]);
        let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap() + 2;
        let header = std::str::from_utf8(&bytes[..end]).unwrap();
        for line in [
            "NRRD0005",
            "sizes: 2 2 3 4",
            "space directions: none (0.25,0,0) (0,0.25,0) (0,0,0.25)",
            "space origin: (1,-2.5,0.0000001)",
            "columns:=a,b",
        ] {
            assert!(header.lines().any(|found| found == line), "{header}");
        }
        let numbers = bytes[end..].as_chunks().0;
        let numbers: Vec<f32> = numbers
            .iter()
            .map(|four| f32::from_le_bytes(*four))
            .collect();
        assert_eq!(numbers.len(), 2 * 24);
        // The second sample is the next along x.
        assert_eq!(numbers[..4], [0.0, 0.0, 100.0, -100.0]);
        assert_eq!(numbers[2 * (1 + 2 * (1 + 3 * 2))], 112.0);
        let one = file(DenseFormat::Nrrd, &["a"]);
        assert!(String::from_utf8_lossy(&one).contains("\nsizes: 2 3 4\n"));
    }
}
