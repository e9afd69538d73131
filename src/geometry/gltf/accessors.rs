//! The numbers of a glTF: its accessors, plain, quantised or sparse.
//!
//! Nothing that a file claims is believed before it is checked: an accessor without bytes behind it has room made for it
//! only within the limit, and one with bytes only where they are.

use super::buffers::{Buffers, ViewBytes};
use super::check_room;
use super::document::{Accessor, Document, Whole};
use crate::geometry::SizeLimit;
use crate::geometry::read::Failure;

/// A file's numbers.
pub(super) struct Accessors<'a> {
    pub document: &'a Document<'a>,
    pub buffers: &'a Buffers<'a>,
    pub limit: &'a SizeLimit,
}

/// Items of equal length, so many bytes apart.
struct Items<'a> {
    bytes: &'a [u8],
    stride: usize,
    count: usize,
}

/// How one number is stored.
#[derive(Clone, Copy, PartialEq)]
enum Component {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
}

impl Accessors<'_> {
    /// How many items an accessor has, all of which are there.
    pub fn count(&self, index: usize) -> Result<usize, Failure> {
        let accessor = self.document.accessors.get(index)?;
        self.plain(index, accessor)?;
        Ok(accessor.count.index())
    }

    /// What the integers of an accessor are divided by: their largest, if they are normalised.
    pub fn one(&self, index: usize) -> Result<f64, Failure> {
        let accessor = self.document.accessors.get(index)?;
        let normalized = accessor.normalized.unwrap_or(false);
        Ok(component(index, accessor)?.one(normalized))
    }

    /// Vectors of `N` numbers; normalised integers become what they stand for.
    pub fn vectors<const N: usize>(&self, index: usize) -> Result<Vec<[f64; N]>, Failure> {
        self.read(index, |items, component, normalized| {
            read_vectors(items, component, normalized)
        })
    }

    /// Vertex indices.
    pub fn indices(&self, index: usize) -> Result<Vec<u32>, Failure> {
        let component = Component::of(self.document.accessors.get(index)?.component_type);
        if !component.is_some_and(|component| component.counts()) {
            let words = "indices must be unsigned integers";
            return Err(Failure::Malformed(words.into()).at(place(index)));
        }
        self.read(index, |items, component, _| read_indices(items, component))
    }

    /// Reads the items of an accessor by `read`, and puts the sparse ones in their places.
    fn read<T: Copy + Numbers>(
        &self,
        index: usize,
        read: impl Fn(&Items, Component, bool) -> Vec<T>,
    ) -> Result<Vec<T>, Failure> {
        let accessor = self.document.accessors.get(index)?;
        if numbers_of(&accessor.kind) != Some(T::COUNT) {
            return Err(Failure::Malformed(format!(
                "its items are {}, but must have {} numbers",
                shown(&accessor.kind),
                T::COUNT
            ))
            .at(place(index)));
        }
        let component = component(index, accessor)?;
        let normalized = accessor.normalized.unwrap_or(false);
        let mut items = match self.plain(index, accessor)? {
            Some(items) => read(&items, component, normalized),
            None => vec![T::ZERO; accessor.count.index()],
        };
        if let Some(sparse) = &accessor.sparse {
            let failed = |failure: Failure| failure.at("sparse").at(place(index));
            let count = sparse.count.index();
            let kind = Component::of(sparse.indices.component_type);
            let Some(kind) = kind.filter(|kind| kind.counts()) else {
                let words = "indices must be unsigned integers";
                return Err(failed(Failure::Malformed(words.into())));
            };
            let part = |view: Whole, offset: Option<Whole>, size: usize| {
                let bytes = self.buffers.view(view.index())?.bytes;
                // Items lie close together here, whatever the view says.
                let view = ViewBytes {
                    bytes,
                    stride: None,
                };
                slice(view, offset, count, size)
            };
            let places = &sparse.indices;
            let places =
                part(places.buffer_view, places.byte_offset, kind.size()).map_err(failed)?;
            let values = &sparse.values;
            let size = component.size() * T::COUNT;
            let values = part(values.buffer_view, values.byte_offset, size).map_err(failed)?;
            let values = read(&values, component, normalized);
            for (at, value) in read_indices(&places, kind).into_iter().zip(values) {
                let length = items.len();
                *items.get_mut(at as usize).ok_or_else(|| {
                    let words = format!("item {at} does not exist: there are {length}");
                    failed(Failure::Malformed(words))
                })? = value;
            }
        }
        Ok(items)
    }

    /// The items in the accessor's buffer view; `None` without one: then they are zeros.
    fn plain(&self, index: usize, accessor: &Accessor) -> Result<Option<Items<'_>>, Failure> {
        let numbers = numbers_of(&accessor.kind).ok_or_else(|| {
            let words = format!("its type {} is unknown", shown(&accessor.kind));
            Failure::Malformed(words).at(place(index))
        })?;
        let size = component(index, accessor)?.size() * numbers;
        let count = accessor.count.index();
        match accessor.buffer_view {
            Some(view) => {
                let view = self.buffers.view(view.index())?;
                let items = slice(view, accessor.byte_offset, count, size);
                items.map(Some).map_err(|failure| failure.at(place(index)))
            }
            None => {
                let room = (count as u64).saturating_mul((numbers * size_of::<f64>()) as u64);
                let what = || format!("accessor {index} has {count} items, and no bytes for them");
                check_room(self.limit, room, what)?;
                Ok(None)
            }
        }
    }
}

/// An item that an accessor can hold.
trait Numbers {
    /// How many numbers it has.
    const COUNT: usize;
    /// What it is where no bytes say so.
    const ZERO: Self;
}

impl<const N: usize> Numbers for [f64; N] {
    const COUNT: usize = N;
    const ZERO: Self = [0.0; N];
}

impl Numbers for u32 {
    const COUNT: usize = 1;
    const ZERO: Self = 0;
}

impl Component {
    fn of(code: Whole) -> Option<Component> {
        Some(match code.index() {
            5120 => Component::I8,
            5121 => Component::U8,
            5122 => Component::I16,
            5123 => Component::U16,
            // Of drafts of later versions, as 5130.
            5124 => Component::I32,
            5125 => Component::U32,
            5126 => Component::F32,
            5130 => Component::F64,
            _ => return None,
        })
    }

    fn size(self) -> usize {
        match self {
            Component::I8 | Component::U8 => 1,
            Component::I16 | Component::U16 => 2,
            Component::I32 | Component::U32 | Component::F32 => 4,
            Component::F64 => 8,
        }
    }

    /// What stands for 1: the largest integer where they are normalised.
    fn one(self, normalized: bool) -> f64 {
        match self {
            _ if !normalized => 1.0,
            Component::I8 => i8::MAX.into(),
            Component::U8 => u8::MAX.into(),
            Component::I16 => i16::MAX.into(),
            Component::U16 => u16::MAX.into(),
            Component::I32 => i32::MAX.into(),
            Component::U32 => u32::MAX.into(),
            Component::F32 | Component::F64 => 1.0,
        }
    }

    fn counts(self) -> bool {
        matches!(self, Component::U8 | Component::U16 | Component::U32)
    }
}

fn place(index: usize) -> String {
    format!("accessor {index}")
}

fn component(index: usize, accessor: &Accessor) -> Result<Component, Failure> {
    Component::of(accessor.component_type).ok_or_else(|| {
        let code = accessor.component_type.index();
        Failure::Malformed(format!("its component type {code} is unknown")).at(place(index))
    })
}

fn numbers_of(kind: &str) -> Option<usize> {
    Some(match kind {
        "SCALAR" => 1,
        "VEC2" => 2,
        "VEC3" => 3,
        "VEC4" => 4,
        "MAT4" => 16,
        _ => return None,
    })
}

/// As much of a type's name as a message has room for.
fn shown(kind: &str) -> String {
    kind.chars().take(20).collect()
}

/// `count` items of `size` bytes from `offset` on.
fn slice(
    view: ViewBytes,
    offset: Option<Whole>,
    count: usize,
    size: usize,
) -> Result<Items, Failure> {
    let ViewBytes { bytes, stride } = view;
    let stride = stride.unwrap_or(size);
    if stride < size {
        return Err(Failure::Malformed(format!(
            "its items of {size} bytes lie {stride} bytes apart"
        )));
    }
    let offset = offset.map_or(0, Whole::index);
    // Behind the last item no padding is needed.
    let needed = match count {
        0 => Some(0),
        _ => (count - 1)
            .checked_mul(stride)
            .and_then(|before| before.checked_add(size)),
    };
    let there = bytes.get(offset..).unwrap_or_default();
    match needed.and_then(|needed| there.get(..needed)) {
        Some(bytes) => Ok(Items {
            bytes,
            stride,
            count,
        }),
        None => Err(Failure::Truncated(format!(
            "it reaches beyond its buffer: {count} items from byte {offset} on do not fit into {} bytes",
            bytes.len()
        ))),
    }
}

fn read_vectors<const N: usize>(
    items: &Items,
    component: Component,
    normalized: bool,
) -> Vec<[f64; N]> {
    let one = component.one(normalized);
    // The lowest integer of a kind has no positive twin: it means the same as the next.
    let signed = |x: f64| if normalized { (x / one).max(-1.0) } else { x };
    match component {
        Component::F32 => convert(items, |b| f32::from_le_bytes(b).into()),
        Component::F64 => convert(items, f64::from_le_bytes),
        Component::U8 => convert(items, |[b]| f64::from(b) / one),
        Component::U16 => convert(items, |b| f64::from(u16::from_le_bytes(b)) / one),
        Component::U32 => convert(items, |b| f64::from(u32::from_le_bytes(b)) / one),
        Component::I8 => convert(items, |b| signed(i8::from_le_bytes(b).into())),
        Component::I16 => convert(items, |b| signed(i16::from_le_bytes(b).into())),
        Component::I32 => convert(items, |b| signed(i32::from_le_bytes(b).into())),
    }
}

fn convert<const N: usize, const B: usize>(
    items: &Items,
    number: impl Fn([u8; B]) -> f64,
) -> Vec<[f64; N]> {
    each(items, |item| {
        let (numbers, _) = item.as_chunks::<B>();
        std::array::from_fn(|i| number(numbers[i]))
    })
}

fn read_indices(items: &Items, component: Component) -> Vec<u32> {
    match component {
        Component::U8 => each(items, |b| b[0].into()),
        Component::U16 => each(items, |b| u16::from_le_bytes([b[0], b[1]]).into()),
        _ => each(items, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])),
    }
}

fn each<T>(items: &Items, read: impl Fn(&[u8]) -> T) -> Vec<T> {
    // The bytes end with the last item.
    items
        .bytes
        .chunks(items.stride)
        .take(items.count)
        .map(read)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_become_what_they_stand_for() {
        let bytes = [0x80, 0x81, 0x7f, 0xff];
        let items = Items {
            bytes: &bytes,
            stride: 1,
            count: 4,
        };
        let read = |component, normalized| read_vectors::<1>(&items, component, normalized);
        assert_eq!(
            read(Component::I8, false),
            [[-128.0], [-127.0], [127.0], [-1.0]]
        );
        assert_eq!(
            read(Component::I8, true),
            [[-1.0], [-1.0], [1.0], [-1.0 / 127.0]]
        );
        assert_eq!(read(Component::U8, true)[3], [1.0]);
        let wide = Items {
            bytes: &bytes,
            stride: 2,
            count: 2,
        };
        assert_eq!(
            read_vectors::<1>(&wide, Component::U16, true)[1],
            [f64::from(0xff7f) / 65535.0]
        );
        assert_eq!(
            read_vectors::<1>(&wide, Component::I16, false)[0],
            [f64::from(-32384)]
        );
    }

    #[test]
    fn items_lie_within_their_bytes() {
        let view = |stride| ViewBytes {
            bytes: &[0; 10],
            stride,
        };
        let fits = |stride, offset, count, size| {
            slice(
                view(stride),
                serde_json::from_str(offset).unwrap(),
                count,
                size,
            )
            .is_ok()
        };
        assert!(fits(None, "0", 5, 2) && fits(Some(4), "0", 3, 2) && fits(None, "10", 0, 4));
        assert!(!fits(None, "0", 6, 2) && !fits(Some(4), "1", 3, 2) && !fits(Some(1), "0", 1, 2));
        assert!(!fits(None, "11", 1, 1) && !fits(Some(usize::MAX), "0", 3, 1));
        assert!(fits(None, "11", 0, 1));
    }
}
