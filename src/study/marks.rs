//! The marks, words and colours of pictures.

use std::io;

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::VolumeKind;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub(super) type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

/// Colours that the colour-blind can tell apart, too (Okabe and Ito 2008); the black among them is for volumes.
pub(super) const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(148, 124, 20),
];

pub(super) const TEXT: RGBColor = RGBColor(40, 40, 40);

/// How many shapes there are.
pub(super) const SHAPES: usize = 5;

/// The longest line of words, in pixels.
pub(super) const LINE: u32 = 1120;
/// Size of text, as plotters counts it.
pub(super) const FONT: u32 = 16;
/// Of one letter, about.
const LETTER: u32 = 7;

/// A mark of the legend, with its words.
pub(super) struct Sample {
    pub(super) mark: Mark,
    pub(super) words: String,
}

#[derive(Clone, Copy)]
pub(super) enum Mark {
    None,
    Shape(usize, RGBColor),
    Line(VolumeKind),
}

impl Sample {
    pub(super) fn width(&self) -> u32 {
        let mark = match self.mark {
            Mark::None => 0,
            Mark::Shape(..) => 16,
            Mark::Line(_) => 44,
        };
        mark + LETTER * self.words.chars().count() as u32 + 18
    }
}

/// Words that are no longer than a line.
pub(super) fn shortened(words: &str) -> String {
    let most = (LINE / 2 / LETTER) as usize;
    match words.chars().count() > most {
        true => words.chars().take(most - 1).chain(['…']).collect(),
        false => words.to_owned(),
    }
}

/// Samples in lines that are no wider than the picture.
pub(super) fn wrapped(samples: Vec<Sample>) -> Vec<Vec<Sample>> {
    let mut lines: Vec<Vec<Sample>> = Vec::new();
    let mut width = u32::MAX;
    for sample in samples {
        width = width.saturating_add(sample.width());
        if width > LINE - 32 {
            width = sample.width();
            lines.push(Vec::new());
        }
        lines.last_mut().expect("one was pushed").push(sample);
    }
    lines
}

/// Dashes for dense volumes, dots for narrow bands.
pub(super) fn dashed(
    points: Vec<(f64, f64)>,
    kind: VolumeKind,
) -> DashedLineSeries<std::vec::IntoIter<(f64, f64)>, i32> {
    let (dash, gap) = dashes(kind);
    DashedLineSeries::new(points, dash, gap, TEXT.stroke_width(1))
}

pub(super) fn dashes(kind: VolumeKind) -> (i32, i32) {
    match kind {
        VolumeKind::Dense => (10, 6),
        VolumeKind::NarrowBand => (2, 5),
    }
}

pub(super) fn text(size: u32, colour: RGBColor, across: HPos, up: VPos) -> TextStyle<'static> {
    TextStyle {
        color: colour.to_backend_color(),
        ..TextStyle::from(("sans-serif", size).into_font()).pos(Pos::new(across, up))
    }
}

pub(super) fn draw_sample(root: &Area<'_>, sample: &Sample, (left, middle): (i32, i32)) -> Drawn {
    let words = text(FONT, TEXT, HPos::Left, VPos::Center);
    let indent = match sample.mark {
        Mark::None => 0,
        Mark::Shape(shape, colour) => {
            draw_mark(root, shape, (left + 6, middle), colour)?;
            16
        }
        Mark::Line(kind) => {
            let (dash, gap) = dashes(kind);
            let ends = [(left, middle), (left + 36, middle)];
            let line = DashedPathElement::new(ends, dash, gap, TEXT.stroke_width(1));
            root.draw(&line)?;
            44
        }
    };
    root.draw_text(&sample.words, &words, (left + indent, middle))
}

/// A mark of the shape with this number.
pub(super) fn draw_mark(
    root: &Area<'_>,
    shape: usize,
    (x, y): (i32, i32),
    colour: RGBColor,
) -> Drawn {
    let polygon = |corners: &[(i32, i32)]| {
        let corners: Vec<(i32, i32)> = corners.iter().map(|(a, b)| (x + a, y + b)).collect();
        root.draw(&Polygon::new(corners, colour.filled()))
    };
    match shape % SHAPES {
        0 => root.draw(&Circle::new((x, y), 4, colour.filled())),
        1 => polygon(&[(-4, -4), (4, -4), (4, 4), (-4, 4)]),
        2 => polygon(&[(0, -5), (5, 4), (-5, 4)]),
        3 => polygon(&[(0, -6), (5, 0), (0, 6), (-5, 0)]),
        _ => {
            for ends in [
                [(x - 4, y - 4), (x + 4, y + 4)],
                [(x - 4, y + 4), (x + 4, y - 4)],
            ] {
                root.draw(&PathElement::new(ends, colour.stroke_width(2)))?;
            }
            Ok(())
        }
    }
}
