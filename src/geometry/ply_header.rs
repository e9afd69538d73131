//! The header of a PLY file: its elements and their properties.

use super::read::Failure;
use super::text::{Lines, Wrong, shortened, starts_with_word, whole, words};

/// How the data are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Text,
    LittleEndian,
    BigEndian,
}

/// A kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
    /// Only in text, where nobody needs to know it to skip it.
    Unknown,
}

impl Scalar {
    fn named(name: &[u8]) -> Scalar {
        const NAMES: [(&str, Scalar); 21] = [
            ("char", Scalar::I8),
            ("int8", Scalar::I8),
            ("uchar", Scalar::U8),
            ("uint8", Scalar::U8),
            ("short", Scalar::I16),
            ("int16", Scalar::I16),
            ("ushort", Scalar::U16),
            ("uint16", Scalar::U16),
            ("int", Scalar::I32),
            ("int32", Scalar::I32),
            ("uint", Scalar::U32),
            ("uint32", Scalar::U32),
            ("int64", Scalar::I64),
            ("longlong", Scalar::I64),
            ("uint64", Scalar::U64),
            ("ulonglong", Scalar::U64),
            ("float", Scalar::F32),
            ("float32", Scalar::F32),
            ("double", Scalar::F64),
            ("float64", Scalar::F64),
            ("bool", Scalar::U8),
        ];
        let known = NAMES
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
        known.map_or(Scalar::Unknown, |(_, scalar)| *scalar)
    }

    /// Bytes in binary data.
    pub fn size(self) -> usize {
        match self {
            Scalar::I8 | Scalar::U8 => 1,
            Scalar::I16 | Scalar::U16 => 2,
            Scalar::I32 | Scalar::U32 | Scalar::F32 => 4,
            Scalar::I64 | Scalar::U64 | Scalar::F64 => 8,
            Scalar::Unknown => 0,
        }
    }

    /// The number in the first bytes of `bytes`.
    pub fn read(self, bytes: &[u8], big_endian: bool) -> f64 {
        let mut number = [0; 8];
        let size = self.size();
        number[..size].copy_from_slice(&bytes[..size]);
        if big_endian {
            number[..size].reverse();
        }
        let [a, b, c, d, ..] = number;
        match self {
            Scalar::I8 => (a as i8).into(),
            Scalar::U8 => a.into(),
            Scalar::I16 => i16::from_le_bytes([a, b]).into(),
            Scalar::U16 => u16::from_le_bytes([a, b]).into(),
            Scalar::I32 => i32::from_le_bytes([a, b, c, d]).into(),
            Scalar::U32 => u32::from_le_bytes([a, b, c, d]).into(),
            Scalar::F32 => f32::from_le_bytes([a, b, c, d]).into(),
            Scalar::I64 => i64::from_le_bytes(number) as f64,
            Scalar::U64 => u64::from_le_bytes(number) as f64,
            Scalar::F64 => f64::from_le_bytes(number),
            Scalar::Unknown => f64::NAN,
        }
    }
}

/// A property of an element: a number, or a list of numbers behind their count.
#[derive(Clone, Debug)]
pub(super) struct Property {
    pub name: String,
    /// The kind of the count, for a list.
    pub count: Option<Scalar>,
    pub scalar: Scalar,
}

impl Property {
    /// Whether it has a type that no number of a known size has.
    fn is_unknown(&self) -> bool {
        self.scalar == Scalar::Unknown || self.count == Some(Scalar::Unknown)
    }
}

/// A kind of record, and how many of it there are.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub name: String,
    pub count: usize,
    pub properties: Vec<Property>,
}

/// What a PLY file says about its data.
#[derive(Debug)]
pub(super) struct Header {
    pub encoding: Encoding,
    pub elements: Vec<Element>,
    /// Where the data begin.
    pub end: usize,
}

impl Header {
    pub fn read(bytes: &[u8]) -> Result<Header, Failure> {
        let mut lines = Lines::new(bytes);
        let mut encoding = None;
        let mut elements: Vec<Element> = Vec::new();
        let mut begun = false;
        loop {
            let offset = lines.at;
            let Some(line) = lines.next() else {
                return Err(Failure::Truncated("the header has no `end_header`".into()));
            };
            let refuse = |what: &str| {
                let what = format!("{what}: `{}`", shortened(line));
                Err(Wrong { offset, what }.in_text(bytes))
            };
            let mut words = words(line);
            let keyword = words.next().unwrap_or(&[]).to_ascii_lowercase();
            let mut next = || words.next().unwrap_or(&[]);
            match &keyword[..] {
                b"ply" if !begun => begun = true,
                b"" | b"comment" | b"obj_info" => {}
                b"format" => {
                    let name = next();
                    encoding = Some(if starts_with_word(name, b"ascii") {
                        Encoding::Text
                    } else if starts_with_word(name, b"binary_little") {
                        Encoding::LittleEndian
                    } else if starts_with_word(name, b"binary_big") {
                        Encoding::BigEndian
                    } else {
                        return refuse(
                            "a format is ascii, binary_little_endian or binary_big_endian",
                        );
                    });
                }
                b"element" => {
                    let name = String::from_utf8_lossy(next()).to_lowercase();
                    let count = whole(next()).and_then(|count| usize::try_from(count).ok());
                    let Some(count) = count else {
                        return refuse("an element needs a name and how many there are");
                    };
                    elements.push(Element {
                        name,
                        count,
                        properties: Vec::new(),
                    });
                }
                b"property" => {
                    let Some(element) = elements.last_mut() else {
                        return refuse("a property stands before the first element");
                    };
                    let kind = next();
                    let is_list = kind.eq_ignore_ascii_case(b"list");
                    let count = is_list.then(|| Scalar::named(next()));
                    let scalar = Scalar::named(if is_list { next() } else { kind });
                    let name = String::from_utf8_lossy(next()).to_lowercase();
                    if name.is_empty() {
                        return refuse("a property needs a type and a name");
                    }
                    let property = Property {
                        name,
                        count,
                        scalar,
                    };
                    if property.is_unknown() && !matches!(encoding, None | Some(Encoding::Text)) {
                        return refuse("a type of number that PLY does not have");
                    }
                    element.properties.push(property);
                }
                b"end_header" => break,
                _ if !begun => return refuse("a PLY file begins with `ply`"),
                _ => return refuse("the header has a line that PLY does not know"),
            }
        }
        let Some(encoding) = encoding else {
            return Err(Failure::Malformed("the header has no line `format`".into()));
        };
        // The format may stand behind the properties.
        let mut properties = elements.iter().flat_map(|element| &element.properties);
        let unknown = properties.find(|property| property.is_unknown());
        if let (Some(property), true) = (unknown, encoding != Encoding::Text) {
            return Err(Failure::Malformed(format!(
                "the property `{}` has a type that PLY does not have",
                property.name
            )));
        }
        // Lines end with CR alone in files of old Macs. The next byte may look like LF and be a number.
        let mut end = lines.at;
        let first_end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let only_cr =
            first_end.is_some_and(|at| bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
        if only_cr && encoding != Encoding::Text && bytes[..end].ends_with(b"\r\n") {
            end -= 1;
        }
        Ok(Header {
            encoding,
            elements,
            end,
        })
    }
}
