//! Points as text, one a line: `x y z`, and behind that normals, colours or whatever a scanner measured.

use super::SizeLimit;
use super::read::{Failure, Parsed};
use super::text::{Records, Wrong, float, no_number, shortened, whole, words};
use super::{Mesh, MeshError};

/// Most columns that are looked at for normals; what stands behind is left out.
const COLUMNS: usize = 12;

/// Parses the points of a text. Words are parted by blanks, commas or semicolons; what stands behind `#` or `//` is a comment.
/// A first line of names, and lines that only hold a count, are no points.
///
/// Behind the coordinates, three columns are normals if they are one long nearly everywhere, or (of six columns in all) if one
/// of them is negative anywhere, which colours never are. Everything else is left out, which a note says.
pub(super) fn parse(text: &[u8], limit: &SizeLimit) -> Result<Parsed, Failure> {
    let records = Records::new(text, content);
    // Before room is made: a line is a point at most.
    limit.check(records.count as u64, 0)?;
    let parts = records.read(records.count, read_line);
    let parts = parts.map_err(|wrong: Wrong| wrong.in_text(text))?;
    let mut points = Points::default();
    for part in parts {
        points.join(part);
    }
    if points.positions.is_empty() {
        return Err(MeshError::Empty.into());
    }
    let columns = points.least_columns.min(COLUMNS);
    let (normals, mut notes) = points.normals(columns);
    if let (1, Some(count)) = (points.counts, points.count)
        && count != points.positions.len() as i64
    {
        notes.push(format!(
            "The file says that it holds {count} points, and it holds {}.",
            points.positions.len()
        ));
    }
    Ok(Parsed {
        mesh: Mesh {
            positions: points.positions,
            triangles: Vec::new(),
        },
        normals,
        notes,
        ..Parsed::default()
    })
}

/// What a line says before a comment.
fn content(line: &[u8]) -> &[u8] {
    let comment = |pair: &[u8]| pair[0] == b'#' || pair == b"//";
    let end = line.windows(2).position(comment);
    let line = &line[..end.unwrap_or(line.len())];
    line.strip_suffix(b"#").unwrap_or(line).trim_ascii()
}

/// What is read from a part of a text.
#[derive(Default)]
struct Points {
    positions: Vec<[f64; 3]>,
    /// What stands behind the coordinates, [`COLUMNS`] less three a point at most.
    rest: Vec<f64>,
    /// Where each point's numbers end in `rest`.
    ends: Vec<usize>,
    /// Columns that every point has, coordinates included.
    least_columns: usize,
    /// Lines of one whole number, and the last one.
    counts: usize,
    count: Option<i64>,
}

/// Reads a line: a point, how many there are, or, at the beginning, names of columns.
fn read_line(number: usize, line: &[u8], points: &mut Points) -> Result<(), String> {
    let mut words = line_words(line);
    let mut position = [0.0; 3];
    for (axis, coordinate) in position.iter_mut().enumerate() {
        let Some(word) = words.next() else {
            let first = line_words(line).next().unwrap_or(&[]);
            if let (1, Some(count)) = (axis, whole(first)) {
                points.counts += 1;
                points.count = Some(count);
                return Ok(());
            }
            return Err(format!(
                "a point needs three numbers: `{}`",
                shortened(line)
            ));
        };
        match float(word) {
            Some(number) => *coordinate = number,
            None if number == 0 && line_words(line).all(|word| float(word).is_none()) => {
                return Ok(());
            }
            None => {
                return Err(format!(
                    "a point needs three numbers, and {}",
                    no_number(word)
                ));
            }
        }
    }
    points.positions.push(position);
    let before = points.rest.len();
    let numbers = words.map_while(float).take(COLUMNS - 3);
    points.rest.extend(numbers);
    points.ends.push(points.rest.len());
    let columns = 3 + points.rest.len() - before;
    points.least_columns = match points.positions.len() {
        1 => columns,
        _ => points.least_columns.min(columns),
    };
    Ok(())
}

/// The words of a line. A comma parts them where nothing else does, or where it stands at the end of a word; elsewhere it is
/// part of a number that is not written as we read them.
fn line_words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parted = line.iter().any(|&byte| byte <= b' ' || byte == b';');
    let part = move |byte: &u8| *byte == b';' || (!parted && *byte == b',');
    line.split(part).flat_map(words).filter_map(|word| {
        let word = word.strip_prefix(b",").unwrap_or(word);
        let word = word.strip_suffix(b",").unwrap_or(word);
        Some(word).filter(|word| !word.is_empty())
    })
}

impl Points {
    fn join(&mut self, other: Points) {
        if !other.positions.is_empty() {
            self.least_columns = match self.positions.len() {
                0 => other.least_columns,
                _ => self.least_columns.min(other.least_columns),
            };
        }
        let before = self.rest.len();
        self.positions.extend(other.positions);
        self.rest.extend(other.rest);
        self.ends.extend(other.ends.iter().map(|end| before + end));
        self.counts += other.counts;
        self.count = other.count.or(self.count);
    }

    /// Three numbers of each point from column `first` on, coordinates included.
    fn triples(&self, first: usize) -> impl Iterator<Item = [f64; 3]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let starts = starts.take(self.positions.len());
        starts.map(move |start| std::array::from_fn(|k| self.rest[start + first - 3 + k]))
    }

    /// The normals, none if there are none, and what is to be said. Every point has `columns` numbers or more.
    fn normals(&self, columns: usize) -> (Vec<[f64; 3]>, Vec<String>) {
        let more = self.ends.len() * (columns - 3) < self.rest.len();
        let negative = |first: usize| self.triples(first).flatten().any(|x| x < 0.0);
        let last = columns.saturating_sub(3);
        let first = (3..=last).find(|&first| nearly_all_one_long(self.triples(first)));
        let first = first.or((columns == 6 && negative(3)).then_some(3));
        let used = first.map_or(3, |_| 6);
        let mut notes = Vec::new();
        if columns > used || more {
            let behind = match first {
                Some(_) => "besides coordinates and normals",
                None => "behind the coordinates",
            };
            notes.push(format!(
                "The numbers {behind} (colours, intensities) were left out."
            ));
        }
        let normals = first.map(|first| self.triples(first).collect());
        (normals.unwrap_or_default(), notes)
    }
}

/// Whether these are directions: nine in ten that are not zero are one long, to the digits that programs write.
fn nearly_all_one_long(rows: impl Iterator<Item = [f64; 3]>) -> bool {
    const TOLERANCE: f64 = 0.02;
    let (mut long, mut all) = (0_u64, 0_u64);
    for row in rows {
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        all += u64::from(length != 0.0);
        long += u64::from((length - 1.0).abs() < TOLERANCE);
    }
    all > 0 && long * 10 >= all * 9
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::geometry::{MeshFormat, PointCloud, parse_points_for_test};

    /// Files of points as programs write them.
    pub const ODDITIES: [&str; 6] = [
        "0 0 0\n1 0 0\n0 1 0\n0 0 1\n1 1 0\n1 0 1\n0 1 1\n1 1 1\n2 0 0\n0 2 0\n0 0 2\n",
        "# x y z nx ny nz\n0 0 1 0 0 1\n0 0 -1 0 0 -1\n1 0 0 1 0 0\n-1 0 0 -1 0 0\n0 1 0 0 1 0\n0 -1 0 0 -1 0\n\
         .6 .8 0 .6 .8 0\n.6 0 .8 .6 0 .8\n-.6 .8 0 -.6 .8 0\n0 .6 .8 0 .6 .8\n",
        "11\n0 0 0 -5 9 8 7\n1 0 0 -5 9 8 7\n0 1 0 -5 9 8 7\n0 0 1 -5 9 8 7\n1 1 0 -5 9 8 7\n1 0 1 -5 9 8 7\n\
         0 1 1 -5 9 8 7\n1 1 1 -5 9 8 7\n2 0 0 -5 9 8 7\n0 2 0 -5 9 8 7\n0 0 2 -5 9 8 7\n",
        "x,y,z\n0,0,0\n1,0,0\n0,1,0\n0,0,1\n1,1,0\n1,0,1\n0,1,1\n1,1,1\n2,0,0\n0,2,0\n0,0,2\n",
        "//X Y Z R G B\n0 0 0 255 0 1\n1 0 0 255 0 1\n0 1 0 2 3 1\n0 0 1 2 5 0\n1 1 0 2 5 0\n1 0 1 2 5 0\n0 1 1 2 5 0\n\
         1 1 1 2 5 0\n2 0 0 2 5 0\n0 2 0 2 5 0\n0 0 2 2 5 0\n",
        "0; 0; 0\r1; 0; 0\r0; 1; 0\r0; 0; 1\r1; 1; 0\r1; 0; 1\r0; 1; 1\r1; 1; 1\r2; 0; 0\r0; 2; 0\r0; 0; 2\r",
    ];

    fn read(text: &str) -> (PointCloud, Vec<String>) {
        parse_points_for_test(text.as_bytes(), MeshFormat::Xyz).unwrap()
    }

    fn refused(text: &str) -> String {
        let error = parse_points_for_test(text.as_bytes(), MeshFormat::Xyz);
        error.unwrap_err().to_string()
    }

    #[test]
    fn all_ways_to_write_the_same_points_are_read_alike() {
        let expected = read(ODDITIES[0]);
        assert_eq!(expected.0.positions.len(), 11);
        assert_eq!(expected.0.positions[3], [0.0, 0.0, 1.0]);
        assert!(expected.0.normals.is_none() && expected.1.is_empty());
        for (number, colours) in [(2, true), (3, false), (4, true), (5, false)] {
            let (cloud, notes) = read(ODDITIES[number]);
            assert_eq!(cloud, expected.0, "{number}");
            assert_eq!(notes.len(), usize::from(colours), "{number}: {notes:?}");
        }
        assert!(read(ODDITIES[2]).1[0].contains("behind the coordinates"));
    }

    #[test]
    fn normals_are_told_from_colours_and_found_behind_them() {
        let (cloud, notes) = read(ODDITIES[1]);
        assert_eq!(cloud.normals.as_ref(), Some(&cloud.positions));
        assert_eq!(notes, [] as [&str; 0]);
        let line = |row: &[f64; 3]| {
            let [x, y, z] = row;
            format!("{x} {y} {z} 255 128 0 {x} {y} {z}\n")
        };
        let text: String = cloud.positions.iter().map(line).collect();
        let (coloured, notes) = read(&text);
        assert_eq!(coloured, cloud);
        assert!(
            notes[0].contains("besides coordinates and normals"),
            "{notes:?}"
        );
        // Not one long, but negative: no colours.
        let long = |row: &[f64; 3]| {
            let [x, y, z] = row;
            format!("{x} {y} {z} {} {} {}\n", 7.0 * x, 7.0 * y, 7.0 * z)
        };
        let text: String = cloud.positions.iter().map(long).collect();
        assert_eq!(read(&text).0, cloud);
    }

    #[test]
    fn wrong_counts_and_wrong_lines_are_told() {
        let text = ODDITIES[0];
        let (_, notes) = read(&format!("12\n{text}"));
        assert_eq!(
            notes,
            ["The file says that it holds 12 points, and it holds 11."]
        );
        let cases = [
            ("0 0 0\n1 0\n", "line 2: a point needs three numbers: `1 0`"),
            (
                "0 0 0\n1 0 C\n",
                "line 2: a point needs three numbers, and `C` is not",
            ),
            (
                "0 0 0\n1,5 2,5 3\n",
                "line 2: a point needs three numbers, and `1,5` has a comma",
            ),
            ("Dear Sir or Madam\nno 1 2\n", "line 2"),
            ("# nothing\n", "the mesh is empty"),
        ];
        for (text, words) in cases {
            let message = refused(text);
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn points_are_held_to_the_limit_before_room_is_made() {
        let limit = SizeLimit { bytes: 10 * 24 };
        let message = format!("{:?}", parse(ODDITIES[0].as_bytes(), &limit).unwrap_err());
        assert!(message.contains("OverLimit"), "{message}");
    }
}
