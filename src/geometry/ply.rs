//! Stanford PLY in text and in binary of either byte order.

use super::SizeLimit;
use super::ply_header::{Element, Encoding, Header, Property, Scalar};
use super::read::{Failure, Parsed, left_out};
use super::text::{
    Records, Words, Wrong, float, no_number, shortened, starts_with_word, whole, words,
};
use super::triangulate::PolygonMesh;

/// Parses the vertices, faces and triangle strips of a PLY file. All other elements and properties are skipped, whatever
/// they hold.
pub(super) fn parse(bytes: &[u8], limit: &SizeLimit) -> Result<Parsed, Failure> {
    let header = Header::read(bytes)?;
    let plans = header.elements.iter().map(Plan::of);
    let plans: Vec<Plan> = plans.collect::<Result<_, _>>()?;
    let count = |kind| -> usize {
        let of_kind = plans.iter().filter(|plan| plan.kind == kind);
        of_kind.fold(0, |sum, plan| sum.saturating_add(plan.count))
    };
    let (vertices, faces) = (count(Kind::Vertex), count(Kind::Face));
    if header
        .elements
        .iter()
        .filter(|element| element.name == "vertex")
        .count()
        > 1
    {
        return Err(Failure::Malformed(
            "the header has two elements `vertex`".into(),
        ));
    }
    let text = header.encoding == Encoding::Text;
    check_counts(&plans, text, bytes.len() - header.end)?;
    limit.check(vertices as u64, faces as u64)?;
    let grid = header
        .elements
        .iter()
        .any(|element| element.name == "range_grid");
    if grid && faces == 0 && count(Kind::Strips) == 0 {
        return Err(Failure::Unsupported(
            "it holds a range grid, which is a picture of distances and no surface: mesh it first"
                .into(),
        ));
    }
    let (shapes, notes) = if text {
        read_text(bytes, header.end, &plans)?
    } else {
        read_binary(bytes, &header, &plans)?
    };
    Parsed::from_polygons(shapes, limit, notes)
}

/// What an element is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Vertex,
    Face,
    Strips,
    Other,
}

/// How a record of an element is read, step by step.
#[derive(Debug)]
struct Plan {
    name: String,
    kind: Kind,
    count: usize,
    steps: Vec<Step>,
    /// Words of a text, and bytes of binary data, that a record has at least.
    least: [usize; 2],
}

/// A step through a record.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Numbers that nobody needs.
    Skip { words: usize, bytes: usize },
    /// A coordinate.
    Axis(usize, Scalar),
    /// A list; whether it names the corners of a face.
    List {
        count: Scalar,
        item: Scalar,
        corners: bool,
    },
}

impl Plan {
    fn of(element: &Element) -> Result<Plan, Failure> {
        let Element {
            name,
            count,
            properties,
        } = element;
        let kind = match &name[..] {
            "vertex" => Kind::Vertex,
            "face" => Kind::Face,
            "tristrips" => Kind::Strips,
            _ => Kind::Other,
        };
        if *count > 0 {
            check_properties(kind, name, properties)?;
        }
        let mut steps = Vec::new();
        for property in properties {
            let step = match (property.count, &property.name[..]) {
                (Some(count), name) => Step::List {
                    count,
                    item: property.scalar,
                    corners: matches!(kind, Kind::Face | Kind::Strips) && is_corner_list(name),
                },
                (None, "x") if kind == Kind::Vertex => Step::Axis(0, property.scalar),
                (None, "y") if kind == Kind::Vertex => Step::Axis(1, property.scalar),
                (None, "z") if kind == Kind::Vertex => Step::Axis(2, property.scalar),
                _ => Step::Skip {
                    words: 1,
                    bytes: property.scalar.size(),
                },
            };
            match (steps.last_mut(), step) {
                (Some(Step::Skip { words, bytes }), Step::Skip { bytes: more, .. }) => {
                    *words += 1;
                    *bytes += more;
                }
                _ => steps.push(step),
            }
        }
        let bytes = properties
            .iter()
            .map(|p| p.count.unwrap_or(p.scalar).size());
        Ok(Plan {
            name: name.clone(),
            kind,
            count: *count,
            steps,
            least: [properties.len(), bytes.sum()],
        })
    }
}

fn is_corner_list(name: &str) -> bool {
    matches!(name, "vertex_indices" | "vertex_index")
}

/// Refuses elements that lack what makes them vertices or faces.
fn check_properties(kind: Kind, element: &str, properties: &[Property]) -> Result<(), Failure> {
    let find = |name: &str| properties.iter().find(|property| property.name == name);
    let refuse = |what: String| Err(Failure::Malformed(what));
    if properties.is_empty() {
        return refuse(format!("the element `{element}` has no properties"));
    }
    match kind {
        Kind::Vertex => {
            for axis in ["x", "y", "z"] {
                match find(axis) {
                    None => return refuse(format!("the vertices have no property `{axis}`")),
                    Some(property) if property.count.is_some() => {
                        return refuse(format!("the property `{axis}` of the vertices is a list"));
                    }
                    Some(_) => {}
                }
            }
        }
        Kind::Face | Kind::Strips => {
            let corners =
                |property: &Property| property.count.is_some() && is_corner_list(&property.name);
            if !properties.iter().any(corners) {
                let names: Vec<&str> = properties
                    .iter()
                    .map(|property| &property.name[..])
                    .collect();
                return refuse(format!(
                    "the element `{element}` has no property `vertex_indices`, a list of corners, only `{}`",
                    shortened(names.join("`, `").as_bytes())
                ));
            }
        }
        Kind::Other => {}
    }
    Ok(())
}

/// Refuses a header that promises more than the rest of the file can hold: elements would be made without end.
fn check_counts(plans: &[Plan], text: bool, available: usize) -> Result<(), Failure> {
    let needed = plans.iter().fold(0_usize, |sum, plan| {
        let [words, bytes] = plan.least;
        // A word takes one letter and one separator.
        let least = if text { 2 * words } else { bytes };
        sum.saturating_add(plan.count.saturating_mul(least))
    });
    // The last line of a text may lack its separator.
    if needed > available.saturating_add(usize::from(text)) {
        return Err(Failure::Truncated(format!(
            "the header promises at least {needed} bytes of data, but only {available} follow"
        )));
    }
    Ok(())
}

/// Why a record cannot be read.
enum Stop {
    /// The data end within it.
    End,
    Wrong(String),
}

/// What is read from a part of the data.
#[derive(Default)]
struct Shapes {
    mesh: PolygonMesh,
    /// The record that is read now.
    position: [f64; 3],
    corners: Vec<i64>,
    /// Lines that go on behind their last property.
    long_lines: u64,
}

impl Shapes {
    fn read_words<'a>(
        &mut self,
        plan: &Plan,
        words: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Stop> {
        self.corners.clear();
        let mut next = || words.next().ok_or(Stop::End);
        for step in &plan.steps {
            match *step {
                Step::Skip { words, .. } => {
                    for _ in 0..words {
                        next()?;
                    }
                }
                Step::Axis(axis, _) => {
                    let word = next()?;
                    self.position[axis] = float(word).ok_or_else(|| {
                        let name = ["x", "y", "z"][axis];
                        Stop::Wrong(format!("{}, and `{name}` needs one", no_number(word)))
                    })?;
                }
                Step::List { corners, .. } => {
                    let word = next()?;
                    let count = whole(word).filter(|&count| count >= 0).ok_or_else(|| {
                        let word = shortened(word);
                        Stop::Wrong(format!(
                            "the length of a list should stand here, not `{word}`"
                        ))
                    })?;
                    for _ in 0..count {
                        let word = next()?;
                        if corners {
                            self.corners.push(whole(word).ok_or_else(|| {
                                let word = shortened(word);
                                Stop::Wrong(format!(
                                    "the number of a vertex should stand here, not `{word}`"
                                ))
                            })?);
                        }
                    }
                }
            }
        }
        self.end_record(plan.kind);
        Ok(())
    }

    fn read_bytes(&mut self, plan: &Plan, data: &mut &[u8], big_endian: bool) -> Result<(), Stop> {
        self.corners.clear();
        let mut take = |bytes: usize| {
            let (taken, rest) = data.split_at_checked(bytes).ok_or(Stop::End)?;
            *data = rest;
            Ok(taken)
        };
        for step in &plan.steps {
            match *step {
                Step::Skip { bytes, .. } => drop(take(bytes)?),
                Step::Axis(axis, scalar) => {
                    self.position[axis] = scalar.read(take(scalar.size())?, big_endian);
                }
                Step::List {
                    count,
                    item,
                    corners,
                } => {
                    let said = count.read(take(count.size())?, big_endian);
                    let length = index(said).and_then(|length| usize::try_from(length).ok());
                    let length = length
                        .ok_or_else(|| Stop::Wrong(format!("a list has the length {said}")))?;
                    let items = take(length.saturating_mul(item.size()))?;
                    if corners {
                        for bytes in items.chunks_exact(item.size()) {
                            let corner = item.read(bytes, big_endian);
                            self.corners.push(index(corner).ok_or_else(|| {
                                Stop::Wrong(format!(
                                    "the number of a vertex should stand here, not {corner}"
                                ))
                            })?);
                        }
                    }
                }
            }
        }
        self.end_record(plan.kind);
        Ok(())
    }

    fn end_record(&mut self, kind: Kind) {
        match kind {
            Kind::Vertex => self.mesh.positions.push(self.position),
            Kind::Face => self.mesh.push_face(self.corners.iter().copied()),
            Kind::Strips => {
                for strip in self.corners.split(|&corner| corner < 0) {
                    push_strip(&mut self.mesh, strip);
                }
            }
            Kind::Other => {}
        }
    }
}

/// A triangle for each three neighbours, every other one turned. Those with a corner twice only join the strip.
fn push_strip(mesh: &mut PolygonMesh, strip: &[i64]) {
    for (number, corners) in strip.windows(3).enumerate() {
        let (a, b, c) = match number % 2 {
            0 => (corners[0], corners[1], corners[2]),
            _ => (corners[1], corners[0], corners[2]),
        };
        if a != b && b != c && c != a {
            mesh.push_face([a, b, c].into_iter());
        }
    }
}

/// A whole number that any kind of number may hold.
fn index(number: f64) -> Option<i64> {
    // Behind it not every whole number is an f64.
    const LARGEST: f64 = 9e15;
    (number.fract() == 0.0 && number.abs() < LARGEST).then_some(number as i64)
}

/// What a line says, unless it is a comment.
fn content(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    let is_comment = match line.first() {
        Some(b'c' | b'C') => starts_with_word(line, b"comment"),
        Some(b'o' | b'O') => starts_with_word(line, b"obj_info"),
        first => first == Some(&b'#'),
    };
    if is_comment { &[] } else { line }
}

/// Reads text: each record is a line, or words are taken as they come where that does not work out.
fn read_text(
    bytes: &[u8],
    start: usize,
    plans: &[Plan],
) -> Result<(PolygonMesh, Vec<String>), Failure> {
    let body = &bytes[start..];
    // Where the records of each element end.
    let ends = plans.iter().scan(0_usize, |end, plan| {
        *end = end.saturating_add(plan.count);
        Some(*end)
    });
    let ends: Vec<usize> = ends.collect();
    let total = ends.last().copied().unwrap_or(0);
    let records = Records::new(body, content);
    let mut refused = None;
    if records.count >= total {
        let parts = records.read(total, |number, line, shapes: &mut Shapes| {
            let plan = &plans[ends.partition_point(|&end| end <= number)];
            let mut words = words(line);
            shapes
                .read_words(plan, &mut words)
                .map_err(|stop| match stop {
                    Stop::End => {
                        format!("the {} has fewer numbers than the header says", plan.name)
                    }
                    Stop::Wrong(what) => what,
                })?;
            shapes.long_lines += u64::from(words.next().is_some());
            Ok(())
        });
        match parts {
            Ok(parts) => {
                let long_lines = parts.iter().map(|part| part.long_lines).sum();
                let mesh = PolygonMesh::joined(parts.into_iter().map(|part| part.mesh));
                let notes = [
                    left_out(
                        long_lines,
                        "end of a line that has more numbers than the header of the PLY file says",
                        "ends of lines that have more numbers than the header of the PLY file says",
                    ),
                    left_out(
                        (records.count - total) as u64,
                        "line behind the last element of the PLY file",
                        "lines behind the last element of the PLY file",
                    ),
                ];
                return Ok((mesh, notes.into_iter().flatten().collect()));
            }
            Err(wrong) => refused = Some(wrong),
        }
    }
    let mut shapes = Shapes::default();
    let mut words = Words {
        text: body,
        at: 0,
        comment: None,
    };
    let mut read_all = || {
        for plan in plans {
            for number in 0..plan.count {
                words.ends_line();
                let offset = start + words.at;
                shapes
                    .read_words(plan, &mut words)
                    .map_err(|stop| match stop {
                        Stop::End => Failure::Truncated(format!(
                            "it ends within {} {number} of {}",
                            plan.name, plan.count
                        )),
                        Stop::Wrong(what) => Wrong { offset, what }.in_text(bytes),
                    })?;
            }
        }
        Ok(words.next().is_some())
    };
    match (read_all(), refused) {
        (Ok(false), _) => Ok((shapes.mesh, Vec::new())),
        (Ok(true), None) => {
            let note = "What stands behind the last element of the PLY file was left out.";
            Ok((shapes.mesh, vec![note.into()]))
        }
        (Err(failure), None) => Err(failure),
        // What is wrong is told of the usual layout.
        (_, Some(Wrong { offset, what })) => {
            let offset = start + offset;
            Err(Wrong { offset, what }.in_text(bytes))
        }
    }
}

fn read_binary(
    bytes: &[u8],
    header: &Header,
    plans: &[Plan],
) -> Result<(PolygonMesh, Vec<String>), Failure> {
    let big_endian = header.encoding == Encoding::BigEndian;
    let mut data = &bytes[header.end..];
    let mut shapes = Shapes::default();
    for plan in plans {
        if plan.kind == Kind::Vertex {
            shapes.mesh.positions.reserve(plan.count);
        }
        for number in 0..plan.count {
            let read = shapes.read_bytes(plan, &mut data, big_endian);
            read.map_err(|stop| match stop {
                Stop::End => Failure::Truncated(format!(
                    "it ends within {} {number} of {}",
                    plan.name, plan.count
                )),
                Stop::Wrong(what) => Failure::Malformed(format!("{} {number}: {what}", plan.name)),
            })?;
        }
    }
    let note = left_out(
        data.len() as u64,
        "byte behind the last element of the PLY file",
        "bytes behind the last element of the PLY file",
    );
    Ok((shapes.mesh, note.into_iter().collect()))
}

#[cfg(test)]
pub(super) mod tests {
    use crate::geometry::{LoadedMesh, MeshFormat, ReadError, parse_mesh};

    pub const ASCII: &str = "ply\nformat ascii 1.0\ncomment by hand\nelement vertex 4\nproperty double x\nproperty double y\n\
        property double z\nproperty uchar red\nelement face 2\nproperty list uchar int vertex_index\nend_header\n\
        0 0 0 255\n1 0 0 255\n1 1 0 0\n0 1e0 0.5 7\n4 0 1 2 3\n3 0 2 3\n";

    /// The same shape in `f32`, with another element before the faces and a property after their list.
    pub fn binary(big_endian: bool) -> Vec<u8> {
        let order = if big_endian { "big" } else { "little" };
        let mut bytes = format!(
            "ply\nformat binary_{order}_endian 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n\
            element edge 1\nproperty int vertex1\nproperty int vertex2\n\
            element face 2\nproperty list uchar uint vertex_indices\nproperty short group\nend_header\n"
        )
        .into_bytes();
        let mut put = |number: [u8; 4]| {
            let swapped = number.into_iter().rev();
            bytes.extend(if big_endian {
                swapped.collect::<Vec<_>>()
            } else {
                number.to_vec()
            });
        };
        for x in [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.5] {
            put(f32::to_le_bytes(x));
        }
        put(0_u32.to_le_bytes());
        put(1_u32.to_le_bytes());
        for face in [&[0_u32, 1, 2, 3][..], &[0, 2, 3]] {
            bytes.push(face.len() as u8);
            for corner in face {
                let corner = corner.to_le_bytes();
                bytes.extend(if big_endian {
                    corner.into_iter().rev().collect::<Vec<_>>()
                } else {
                    corner.to_vec()
                });
            }
            bytes.extend([0, 0]);
        }
        bytes
    }

    const HEADER: &str = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n\
        element face 4\nproperty list uchar int vertex_indices\nend_header\n";
    const VERTICES: &str = "0 0 0\n1 0 0\n0 1 0\n0 0 1\n";
    const FACES: &str = "3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n";

    /// A tetrahedron in text, in many hands.
    pub fn oddities() -> Vec<String> {
        let plain = [HEADER, VERTICES, FACES].concat();
        let with = |property: &str, values: [&str; 4]| {
            let header = HEADER.replace("float z\n", &format!("float z\nproperty {property}\n"));
            let lines = VERTICES.lines().zip(values);
            let vertices: String = lines
                .map(|(line, value)| format!("{line} {value}\n"))
                .collect();
            [&header, &vertices, FACES].concat()
        };
        vec![
            plain.clone(),
            plain.replace('\n', "\r"),
            plain.replace('\n', "\r\n\r\n"),
            format!("\u{feff}{plain}"),
            plain.to_uppercase(),
            with("float quality", ["nan", "inf", "-nan(ind)", "1.#QNAN"]),
            with("int quality", ["0.5", "-1e9", "word", "99999999999999999999"]),
            with("string name", ["a", "b", "-", "%"]),
            with("list uchar float weights", ["0", "1 nan", "2 1 2", "3 x y z"]),
            with("list int int list", ["1 7", "0", "0", "0"]),
            plain.replace("end_header", "comment x\nobj_info y z\n\nelement other 0\nproperty nothing a\ncomment\nend_header  "),
            plain.replace(FACES, "\n\n3 0 2 1\ncomment between\n\n3 0 1 3\n3 0 3 2\n3 1 2 3"),
            plain.replace(VERTICES, "0 0 0 1 0 0\n0 1 0 0 0 1\n"),
            plain.replace("3 0 3 2", "3\n0 3\n2"),
            plain.replace("3 1 2 3", "3 1 2.0 3\nand more\n1 2 3"),
            plain.replace("3 0 3 2", "3 0 3 2 7 7"),
            [&HEADER.replace("element face 4", "element edge 2\nproperty int a\nelement face 4"), VERTICES, "7 \nx\n", FACES].concat(),
            ["ply\nformat ascii 1.0\nelement face 4\nproperty list int8 float64 VERTEX_INDEX\nelement vertex 4\nproperty double Z\n\
              property int16 x\nproperty uint y\nend_header\n", FACES, "0 0 0\n0 1 0\n0 0 1\n1e0 0 0"].concat(),
            [&HEADER.replace("face 4", "tristrips 1"), VERTICES, "14 0 2 1 3 -1 0 3 2 2 -1 -1 0 1 3\n"].concat(),
            [&HEADER.replace("face 4", "tristrips 3"), VERTICES, "4 0 2 1 3\n4 3 2 0 0\n3 0 1 3\n"].concat(),
            [&HEADER.replace("vertex 4", "vertex 5"), VERTICES, "nan nan inf\n", FACES].concat(),
        ]
    }

    /// The same tetrahedron in binary, with numbers of each kind.
    pub fn odd_binaries() -> Vec<Vec<u8>> {
        let kinds = [
            ("char", 1),
            ("uchar", 1),
            ("int8", 1),
            ("uint8", 1),
            ("short", 2),
            ("ushort", 2),
            ("int16", 2),
            ("uint16", 2),
            ("int", 4),
            ("uint", 4),
            ("int32", 4),
            ("uint32", 4),
            ("int64", 8),
            ("uint64", 8),
            ("float", 0),
            ("float32", 0),
            ("double", -8),
            ("float64", -8_i32),
        ];
        let mut files = Vec::new();
        for big in [false, true] {
            for (kind, size) in kinds {
                let number = |value: u8| -> Vec<u8> {
                    let mut bytes = match size {
                        0 => f32::from(value).to_le_bytes().to_vec(),
                        -8 => f64::from(value).to_le_bytes().to_vec(),
                        _ => i64::from(value).to_le_bytes()[..size as usize].to_vec(),
                    };
                    if big {
                        bytes.reverse();
                    }
                    bytes
                };
                let order = if big {
                    "BINARY_BIG_ENDIAN"
                } else {
                    "binary_little_endian"
                };
                // With lines that end in CR before data that begin with LF.
                let mut bytes = format!(
                    "ply\rformat {order} 1.0\relement skipped 1\rproperty uchar a\rproperty list uchar {kind} b\relement vertex 4\r\
                     property list uchar short c\rproperty {kind} x\rproperty {kind} y\rproperty {kind} z\rproperty float quality\r\
                     element face 4\rproperty list {kind} {kind} vertex_indices\rproperty uchar flags\rend_header\r"
                )
                .into_bytes();
                bytes.extend([10, 1]);
                bytes.extend(number(7));
                for line in VERTICES.lines() {
                    bytes.push(0);
                    let numbers = line.split(' ').map(|word| word.parse().unwrap());
                    bytes.extend(numbers.flat_map(number));
                    bytes.extend(f32::NAN.to_le_bytes());
                }
                for line in FACES.lines() {
                    bytes.extend(
                        line.split(' ')
                            .flat_map(|word| number(word.parse().unwrap())),
                    );
                    bytes.push(255);
                }
                files.push(bytes);
            }
        }
        let longer = [&files[0][..], b"more"].concat();
        files.push(longer);
        files
    }

    #[test]
    fn files_in_many_hands_are_the_same_mesh() {
        let expected = read(oddities()[0].as_bytes()).unwrap().mesh;
        let corners = |mesh: &crate::geometry::Mesh| {
            let faces = mesh.triangles.iter();
            let mut faces: Vec<_> = faces
                .map(|&face| super::super::validate::smallest_first(face))
                .collect();
            faces.sort_unstable();
            faces
        };
        let texts = oddities().into_iter().map(String::into_bytes);
        for bytes in texts.chain(odd_binaries()) {
            let words = String::from_utf8_lossy(&bytes);
            let loaded = read(&bytes).unwrap_or_else(|error| panic!("{error}: {words}"));
            assert_eq!(loaded.mesh.positions, expected.positions, "{words}");
            assert_eq!(corners(&loaded.mesh), corners(&expected), "{words}");
        }
    }

    #[test]
    fn what_is_left_out_is_said() {
        let notes = |bytes: &[u8]| read(bytes).unwrap().cleanup.notes.join(" ");
        let texts = oddities();
        assert_eq!(notes(texts[0].as_bytes()), "");
        assert!(notes(texts[14].as_bytes()).starts_with("2 lines behind the last element"));
        assert!(notes(texts[15].as_bytes()).starts_with("1 end of a line that has more numbers"));
        assert!(notes(texts[20].as_bytes()).starts_with("1 vertex without a finite place"));
        assert!(
            notes(odd_binaries().last().unwrap()).starts_with("4 bytes behind the last element")
        );
    }

    #[test]
    fn faces_of_no_corners_take_no_memory_and_are_counted() {
        let count = 1_000_000;
        let header = HEADER.replace("ascii", "binary_little_endian");
        let header = header.replace("face 4", &format!("face {}", count + 1));
        let mut bytes = header.into_bytes();
        bytes.extend(
            [
                0.0_f32, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0,
            ]
            .iter()
            .flat_map(|x| x.to_le_bytes()),
        );
        bytes.extend(vec![0; count]);
        bytes.extend([3, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
        let parsed = super::parse(&bytes, &crate::geometry::SizeLimit::default()).unwrap();
        assert_eq!(parsed.mesh.triangles, [[0, 1, 2]]);
        assert!(parsed.mesh.triangles.capacity() < 8);
        assert_eq!(
            parsed.notes,
            ["1000000 faces of fewer than three corners were left out."]
        );
    }

    fn read(bytes: &[u8]) -> Result<LoadedMesh, ReadError> {
        parse_mesh(bytes, MeshFormat::Ply, "a.ply")
    }

    #[test]
    fn text_and_both_byte_orders_give_the_same_mesh() {
        let text = read(ASCII.as_bytes()).unwrap();
        assert_eq!(text.mesh.positions[3], [0.0, 1.0, 0.5]);
        assert_eq!(text.mesh.triangles, [[0, 1, 2], [0, 2, 3]]);
        assert_eq!(
            (
                text.cleanup.polygons_triangulated,
                text.cleanup.duplicate_triangles
            ),
            (1, 1)
        );
        assert_eq!(read(&binary(false)).unwrap(), text);
        assert_eq!(read(&binary(true)).unwrap(), text);
    }

    #[test]
    fn a_cut_file_is_called_cut() {
        let whole = binary(false);
        let cut = read(&whole[..whole.len() - 9]).unwrap_err();
        assert!(matches!(cut, ReadError::Truncated { .. }), "{cut}");
        let text = ASCII.trim_end().rsplit_once('\n').unwrap().0;
        assert!(matches!(
            read(text.as_bytes()),
            Err(ReadError::Truncated { .. })
        ));
    }

    #[test]
    fn counts_beyond_the_file_are_refused_before_anything_is_made() {
        let many = ASCII.replace("vertex 4", "vertex 9999999999999");
        assert!(matches!(
            read(many.as_bytes()),
            Err(ReadError::Truncated { .. })
        ));
        let nothing = ASCII.replace(
            "element face",
            "element nothing 9999999999999\nelement face",
        );
        let message = read(nothing.as_bytes()).unwrap_err().to_string();
        assert!(message.contains("`nothing` has no properties"), "{message}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let cases = [
            (
                ASCII.replace("double z", "double height"),
                "no property `z`",
            ),
            (
                ASCII.replace("vertex_index", "corners"),
                "no property `vertex_indices`",
            ),
            (
                ASCII.replace("4 0 1 2 3", "4 0 1 2 -3"),
                "face 0 names vertex -3",
            ),
            (ASCII.replace("3 0 2 3", "3 0 2 4"), "face 1 names vertex 4"),
            (
                ASCII.replace("0 1e0 0.5", "0 nan 0.5"),
                "vertex 3 (counted from 0) is at [0.0, NaN, 0.5]",
            ),
            (
                ASCII.replace("0 1e0 0.5", "0 zero 0.5"),
                "line 15: `zero` is not a number, and `y` needs one",
            ),
            (
                ASCII.replace("0 1e0 0.5", "0 1,5 0.5"),
                "line 15: `1,5` has a comma",
            ),
            (
                ASCII.replace("4 0 1 2 3", "4 0 1 2.5 3"),
                "line 16: the number of a vertex",
            ),
            (
                ASCII.replace("4 0 1 2 3", "-4 0 1 2 3"),
                "line 16: the length of a list",
            ),
            (
                ASCII.replace("1 1 0 0", "1 1 0"),
                "line 14: the vertex has fewer numbers",
            ),
            (ASCII.replace("ascii", "hex"), "line 2: a format is"),
            (
                ASCII.replace("vertex 4", "vertex -4"),
                "line 4: an element needs",
            ),
            (
                ASCII.replace("comment", "commend"),
                "line 3: the header has a line",
            ),
            (
                ASCII.replace("list uchar int vertex_index", "int vertex_index"),
                "a list of corners, only `vertex_index`",
            ),
            (
                ASCII.replace("property double x", "property list uchar double x"),
                "`x` of the vertices is a list",
            ),
            (
                ASCII.replace("element face 2", "element range_grid 2"),
                "range grid",
            ),
            (
                ASCII
                    .replace("ascii", "binary_little_endian")
                    .replace("uchar red", "colour red"),
                "line 8: a type of number that PLY does not have",
            ),
        ];
        for (text, words) in cases {
            let message = read(text.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
        let cloud = ASCII.split("element face").next().unwrap().to_owned()
            + "end_header\n0 0 0 1\n1 0 0 1\n1 1 0 1\n0 1 0 1\n";
        let message = read(cloud.as_bytes()).unwrap_err().to_string();
        assert!(message.contains("point cloud"), "{message}");
    }
}
