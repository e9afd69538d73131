//! Stanford PLY in text and in binary of either byte order.

use super::SizeLimit;
use super::ply_header::{Element, Encoding, Header, Property, Scalar};
use super::read::{Failure, Parsed, left_out};
use super::text::{
    Records, Words, Wrong, float, no_number, shortened, starts_with_word, whole, words,
};
use super::triangulate::PolygonMesh;

/// Parses the vertices, faces and triangle strips of a PLY file, and the vertices' normals if there is nothing but them. All other elements and properties are skipped, whatever
/// they hold.
pub(super) fn parse(bytes: &[u8], limit: &SizeLimit) -> Result<Parsed, Failure> {
    let header = Header::read(bytes)?;
    let has = |name: &str, element: &Element| element.name == name && element.count > 0;
    let mut elements = header.elements.iter();
    let bare = !elements.any(|element| has("face", element) || has("tristrips", element));
    let plans = header
        .elements
        .iter()
        .map(|element| Plan::of(element, bare));
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
    let (shapes, normals, notes) = if text {
        read_text(bytes, header.end, &plans)?
    } else {
        read_binary(bytes, &header, &plans)?
    };
    let parsed = Parsed::from_polygons(shapes, limit, notes)?;
    Ok(Parsed { normals, ..parsed })
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
    /// A coordinate of a point's normal.
    Normal(usize, Scalar),
    /// A list; whether it names the corners of a face.
    List {
        count: Scalar,
        item: Scalar,
        corners: bool,
    },
}

impl Plan {
    /// `bare` says that there are no faces, and normals are wanted.
    fn of(element: &Element, bare: bool) -> Result<Plan, Failure> {
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
        let number = |name: &str| {
            let mut numbers = properties.iter().filter(|p| p.count.is_none());
            numbers.any(|property| property.name == name)
        };
        let normals = bare && kind == Kind::Vertex && NORMAL.into_iter().all(number);
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
                (None, name) if normals && NORMAL.contains(&name) => {
                    let axis = usize::from(name.as_bytes()[1] - b'x');
                    Step::Normal(axis, property.scalar)
                }
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

/// The coordinates of a normal.
const NORMAL: [&str; 3] = ["nx", "ny", "nz"];

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
    normals: Vec<[f64; 3]>,
    /// The record that is read now.
    position: [f64; 3],
    normal: Option<[f64; 3]>,
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
                Step::Normal(axis, _) => {
                    let word = next()?;
                    self.normal.get_or_insert_default()[axis] = float(word).ok_or_else(|| {
                        let name = NORMAL[axis];
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
                Step::Normal(axis, scalar) => {
                    let number = scalar.read(take(scalar.size())?, big_endian);
                    self.normal.get_or_insert_default()[axis] = number;
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
            Kind::Vertex => {
                self.mesh.positions.push(self.position);
                self.normals.extend(self.normal);
            }
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

/// Faces, normals and notes.
type Read = (PolygonMesh, Vec<[f64; 3]>, Vec<String>);

/// Reads text: each record is a line, or words are taken as they come where that does not work out.
fn read_text(bytes: &[u8], start: usize, plans: &[Plan]) -> Result<Read, Failure> {
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
                let mut parts = parts;
                let normals = parts
                    .iter_mut()
                    .map(|part| std::mem::take(&mut part.normals));
                let normals = normals.collect::<Vec<_>>().concat();
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
                return Ok((mesh, normals, notes.into_iter().flatten().collect()));
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
        (Ok(false), _) => Ok((shapes.mesh, shapes.normals, Vec::new())),
        (Ok(true), None) => {
            let note = "What stands behind the last element of the PLY file was left out.";
            Ok((shapes.mesh, shapes.normals, vec![note.into()]))
        }
        (Err(failure), None) => Err(failure),
        // What is wrong is told of the usual layout.
        (_, Some(Wrong { offset, what })) => {
            let offset = start + offset;
            Err(Wrong { offset, what }.in_text(bytes))
        }
    }
}

fn read_binary(bytes: &[u8], header: &Header, plans: &[Plan]) -> Result<Read, Failure> {
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
    Ok((shapes.mesh, shapes.normals, note.into_iter().collect()))
}

#[cfg(test)]
pub(super) mod tests;
