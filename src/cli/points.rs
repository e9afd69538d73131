//! NumPy files: points and rays in, columns of numbers out, a chunk at a time. Both may be text instead.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use npyz::{AutoSerialize, Deserialize, NpyFile, Order, WriterBuilder};

use super::text_rows::{is_text, text_rows};

/// Rows of numbers of a `.npy` file, float32 or float64 `[N, W]` in C or Fortran order, read as they are needed. Standard input (`-`) and
/// files that end in .csv or .txt are text, a row a line.
pub(super) struct RowFile<const W: usize> {
    path: PathBuf,
    count: u64,
    read: u64,
    rows: Rows<W>,
}

/// Points.
pub(super) type PointFile = RowFile<3>;

/// Rays: origin, then direction.
pub(super) type RayFile = RowFile<6>;

type Rows<const W: usize> = Box<dyn Iterator<Item = io::Result<[f64; W]>>>;

/// Rows in one chunk: enough to fill any device, and a few megabytes.
const CHUNK: usize = 1 << 18;

impl<const W: usize> RowFile<W> {
    /// What a row is.
    const WHAT: &'static str = match W {
        3 => "points are",
        _ => "rays are",
    };

    /// Opens a file and checks its header.
    ///
    /// # Errors
    /// Names the file and says what it is instead.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if is_text(path) {
            let rows = text_rows::<W>(path, Self::WHAT)?;
            return Ok(RowFile {
                path: path.to_owned(),
                count: rows.len() as u64,
                read: 0,
                rows: Box::new(rows.into_iter().map(Ok)),
            });
        }
        let name = path.display();
        let file = open(path).with_context(|| format!("cannot read {name}"))?;
        let header = NpyFile::new(file)
            .with_context(|| format!("{name} is no .npy file: write one with numpy.save"))?
            .header()
            .clone();
        let count = match header.shape() {
            &[count, width] if width == W as u64 => count,
            shape => {
                let shape: Vec<String> = shape.iter().map(u64::to_string).collect();
                bail!(
                    "{name} has the shape [{}]: {} [N, {W}]",
                    shape.join(", "),
                    Self::WHAT
                );
            }
        };
        let kind = header.dtype().descr();
        let rows = match kind.trim_matches('\'') {
            "<f4" | ">f4" => rows::<f32, W>(path, header.order(), count),
            "<f8" | ">f8" => rows::<f64, W>(path, header.order(), count),
            _ => bail!("{name} holds {kind}: {} float32 or float64", Self::WHAT),
        };
        Ok(RowFile {
            path: path.to_owned(),
            count,
            read: 0,
            rows: rows.with_context(|| format!("cannot read {name}"))?,
        })
    }

    /// Number of rows in the whole file.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The next rows; empty after the last one.
    ///
    /// # Errors
    /// A file that is cut off, and numbers that are not finite: both with their row.
    pub(super) fn next_chunk(&mut self) -> anyhow::Result<Vec<[f64; W]>> {
        let wanted = (self.count - self.read).min(CHUNK as u64);
        let mut chunk = Vec::with_capacity(wanted as usize);
        for row in self.read..self.read + wanted {
            let name = self.path.display();
            let numbers = match self.rows.next() {
                Some(Ok(numbers)) => numbers,
                Some(Err(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                    return Err(error).with_context(|| format!("cannot read {name}"));
                }
                _ => bail!("{name} is cut off: row {row} of {} is missing", self.count),
            };
            if numbers.iter().any(|x| !x.is_finite()) {
                bail!(
                    "{name}: row {row} (counted from 0) is {numbers:?}: every coordinate must be a finite number"
                );
            }
            chunk.push(numbers);
        }
        self.read += wanted;
        Ok(chunk)
    }
}

type Input = BufReader<File>;

fn open(path: &Path) -> io::Result<Input> {
    Ok(BufReader::with_capacity(1 << 20, File::open(path)?))
}

/// Every row of a `[count, W]` array as `f64`.
fn rows<T: Deserialize + Into<f64> + 'static, const W: usize>(
    path: &Path,
    order: Order,
    count: u64,
) -> io::Result<Rows<W>>
where
    T::TypeReader: 'static,
{
    let numbers = |start: u64| {
        let file = NpyFile::new(open(path)?)?;
        let mut numbers = file.data::<T>().map_err(io::Error::other)?;
        // A file that is cut off is told from where the missing row is asked for.
        if start > 0 && numbers.total_len() >= start {
            numbers.seek_to(start)?;
        }
        Ok::<_, io::Error>(numbers.map(|number| number.map(Into::into)))
    };
    let ended = || io::Error::from(io::ErrorKind::UnexpectedEof);
    Ok(match order {
        Order::C => {
            let mut flat = numbers(0)?;
            Box::new((0..count).map(move |_| {
                let mut row = [0.0; W];
                for x in &mut row {
                    *x = flat.next().unwrap_or_else(|| Err(ended()))?;
                }
                Ok(row)
            }))
        }
        // One column after the other: one reader each, so that such a file is no more held in memory than another.
        Order::Fortran => {
            let columns = (0..W as u64).map(|column| numbers(column * count));
            let mut columns = columns.collect::<io::Result<Vec<_>>>()?;
            Box::new((0..count).map(move |_| {
                let mut row = [0.0; W];
                for (x, column) in row.iter_mut().zip(&mut columns) {
                    *x = column.next().unwrap_or_else(|| Err(ended()))?;
                }
                Ok(row)
            }))
        }
    })
}

/// Writes a `.npy` file of a known shape, float32 or float64, in C order.
pub(super) struct NumberWriter<'a, T: AutoSerialize + Copy = f32> {
    npy: npyz::NpyWriter<T, &'a mut dyn Write>,
}

impl<'a, T: AutoSerialize + Copy> NumberWriter<'a, T> {
    /// Begins an array `[rows]` if there is one column, else `[rows, columns]`.
    pub(super) fn begin(file: &'a mut dyn Write, rows: u64, columns: u64) -> io::Result<Self> {
        let shape = [rows, columns];
        let npy = npyz::WriteOptions::new()
            .default_dtype()
            .shape(if columns == 1 { &shape[..1] } else { &shape })
            .writer(file)
            .begin_nd()?;
        Ok(NumberWriter { npy })
    }

    /// Appends numbers, row by row.
    pub(super) fn extend(&mut self, numbers: &[T]) -> io::Result<()> {
        self.npy.extend(numbers.iter().copied())
    }

    /// Checks that the array is full.
    pub(super) fn finish(self) -> io::Result<()> {
        self.npy.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write<T: npyz::AutoSerialize + Copy>(
        path: &Path,
        order: Order,
        shape: &[u64],
        numbers: &[T],
    ) {
        let mut npy = npyz::WriteOptions::new()
            .default_dtype()
            .shape(shape)
            .order(order)
            .writer(File::create(path).unwrap())
            .begin_nd()
            .unwrap();
        npy.extend(numbers.iter().copied()).unwrap();
        npy.finish().unwrap();
    }

    #[test]
    fn both_kinds_in_both_orders_give_the_same_points() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.npy");
        let expected = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]];
        let by_row = [1.0, 2.0, 3.0, 4.0, 5.0, 6.5];
        let by_column = [1.0, 4.0, 2.0, 5.0, 3.0, 6.5];
        for (order, numbers) in [(Order::C, by_row), (Order::Fortran, by_column)] {
            write(&path, order, &[2, 3], &numbers);
            assert_eq!(
                PointFile::open(&path).unwrap().next_chunk().unwrap(),
                expected
            );
            write(&path, order, &[2, 3], &numbers.map(|x| x as f32));
            assert_eq!(
                PointFile::open(&path).unwrap().next_chunk().unwrap(),
                expected
            );
        }
    }

    #[test]
    fn more_points_than_a_chunk_come_in_chunks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.npy");
        let count = CHUNK + 5;
        let numbers: Vec<f32> = (0..count * 3).map(|i| i as f32).collect();
        write(&path, Order::C, &[count as u64, 3], &numbers);
        let mut file = PointFile::open(&path).unwrap();
        assert_eq!(file.next_chunk().unwrap().len(), CHUNK);
        assert_eq!(file.next_chunk().unwrap()[0][0], (CHUNK * 3) as f64);
        assert!(file.next_chunk().unwrap().is_empty());
    }

    #[test]
    fn what_are_no_points_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.npy");
        let message = |path: &Path| {
            let outcome = PointFile::open(path).and_then(|mut file| file.next_chunk());
            format!("{:#}", outcome.unwrap_err())
        };
        write(&path, Order::C, &[6], &[0.0f32; 6]);
        assert!(message(&path).contains("shape [6]: points are [N, 3]"));
        write(&path, Order::C, &[2, 3], &[0i32; 6]);
        assert!(message(&path).contains("i4"));
        write(
            &path,
            Order::C,
            &[2, 3],
            &[0.0, 0.0, 0.0, 0.0, f64::NAN, 0.0],
        );
        assert!(message(&path).contains("row 1"));
        for order in [Order::C, Order::Fortran] {
            write(&path, order, &[2, 3], &[0.0f32; 6]);
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
            assert!(
                message(&path).contains("is cut off: row 1 of 2"),
                "{}",
                message(&path)
            );
        }
        std::fs::write(&path, "hello").unwrap();
        assert!(message(&path).contains("is no .npy file"));
        assert!(message(&folder.path().join("none.npy")).contains("cannot read"));
    }
}
