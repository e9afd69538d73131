//! Rows of numbers as text: read from files and standard input, and written.

use crate::words::quoted;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use anyhow::{Context, bail};

use super::points::NumberWriter;

/// Whether a path names text rather than a `.npy` file: standard input (`-`), .csv and .txt.
pub(super) fn is_text(path: &Path) -> bool {
    let is_one_of = |extension: &std::ffi::OsStr| {
        ["csv", "txt"]
            .iter()
            .any(|text| extension.eq_ignore_ascii_case(text))
    };
    path == Path::new("-") || path.extension().is_some_and(is_one_of)
}

/// The rows of a text: `W` numbers a line, with commas or spaces between them. Empty lines, those that begin with `#` and a heading are
/// passed over.
///
/// # Errors
/// Names the line that is something else; `what` begins the sentence that says what it should be.
pub(super) fn text_rows<const W: usize>(path: &Path, what: &str) -> anyhow::Result<Vec<[f64; W]>> {
    let standard_input = path == Path::new("-");
    let name = match standard_input {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    };
    let cannot_read = || format!("cannot read {name}");
    let lines: Box<dyn BufRead> = match standard_input {
        true => Box::new(io::stdin().lock()),
        false => Box::new(BufReader::new(File::open(path).with_context(cannot_read)?)),
    };
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line.with_context(cannot_read)?;
        let words = line.split(|c: char| c == ',' || c == ';' || c.is_whitespace());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        if words.first().is_none_or(|word| word.starts_with('#')) {
            continue;
        }
        let numbers: Vec<f64> = words.iter().filter_map(|word| word.parse().ok()).collect();
        match <[f64; W]>::try_from(numbers) {
            Ok(row) if words.len() == W => rows.push(row),
            Err(numbers) if numbers.is_empty() && rows.is_empty() => (), // a heading
            _ => bail!(
                "{name}: line {number} is '{}': {what} {W} numbers a line",
                quoted(line.trim())
            ),
        }
    }
    Ok(rows)
}

/// Where rows of float64 go: a `.npy` file, or text with a heading.
pub(super) enum RowWriter<'a> {
    Npy(NumberWriter<'a, f64>),
    Text {
        file: &'a mut dyn Write,
        columns: usize,
    },
}

impl<'a> RowWriter<'a> {
    /// Begins `rows` rows of the named columns.
    pub(super) fn begin(
        file: &'a mut dyn Write,
        text: bool,
        rows: u64,
        columns: &[&str],
    ) -> io::Result<Self> {
        if text {
            writeln!(file, "{}", columns.join(","))?;
            let columns = columns.len();
            return Ok(RowWriter::Text { file, columns });
        }
        let npy = NumberWriter::begin(file, rows, columns.len() as u64)?;
        Ok(RowWriter::Npy(npy))
    }

    /// Appends whole rows.
    pub(super) fn extend(&mut self, numbers: &[f64]) -> io::Result<()> {
        match self {
            RowWriter::Npy(npy) => npy.extend(numbers),
            RowWriter::Text { file, columns } => {
                for row in numbers.chunks(*columns) {
                    let words: Vec<String> = row.iter().map(f64::to_string).collect();
                    writeln!(file, "{}", words.join(","))?;
                }
                Ok(())
            }
        }
    }

    /// Checks that all is written.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            RowWriter::Npy(npy) => npy.finish(),
            RowWriter::Text { file, .. } => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_people_write_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        std::fs::write(&path, "x,y,z\n1, 2,3\n\n# far\n4 5\t6.5\n").unwrap();
        let rows = text_rows::<3>(&path, "points are").unwrap();
        assert_eq!(rows, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]]);
        for wrong in ["1,2\n", "1,2,3,4\n", "1,2,3\nx,y,z\n", "1,2,three\n"] {
            std::fs::write(&path, wrong).unwrap();
            let error = text_rows::<3>(&path, "points are").unwrap_err().to_string();
            assert!(error.contains("points are 3 numbers a line"), "{error}");
        }
    }
}
