//! The picture of a mesh's results: how good fits are, against time and against bytes.

use std::io;
use std::ops::Range;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{range, ticks};
use super::marks::{
    Area, COLOURS, Drawn, FONT, LINE, Mark, Sample, TEXT, dashed, draw_mark, draw_sample,
    shortened, text, wrapped,
};
use super::quality::{COSTS, Cost, GRADIENT, NEAR, OVERLAP, Quality, SIGN};
use super::series::{Legend, Series, Told, series};
use super::{Row, VolumeKind};

const GRID: RGBColor = RGBColor(225, 225, 225);

/// Sizes in pixels: the whole is as wide as two panels.
const PANEL: (u32, u32) = (LINE / 2, 290);
const HEAD: u32 = 44;
const LEGEND_LINE: u32 = 22;
/// Room right of a panel, where the names of volumes may stand.
const NAMES: u32 = 100;

/// Rows of a mesh, sorted for drawing.
struct Content<'a> {
    legend: Legend,
    series: Vec<Series<'a>>,
    /// By kind, each from coarse to fine.
    volumes: Vec<(VolumeKind, Vec<Row<'a>>)>,
}

/// The picture of a mesh's rows as SVG; `None` if they have nothing to show. `varied` are the names of the settings that vary.
///
/// # Errors
/// What the drawing itself says.
pub(super) fn picture(
    mesh: &str,
    varied: &[String],
    rows: &[Row<'_>],
) -> io::Result<Option<String>> {
    let done = rows.iter().filter(|row| row.figures.error.is_empty());
    let (fits, others): (Vec<Row<'_>>, Vec<Row<'_>>) = done.partition(|row| row.is_fit());
    let (legend, series) = series(varied, &fits);
    let volumes = VolumeKind::ALL.into_iter().filter_map(|kind| {
        let is_of_kind = |row: &&Row<'_>| row.field.split(' ').next() == Some(kind.name());
        let mut rows: Vec<Row<'_>> = others.iter().filter(is_of_kind).copied().collect();
        rows.sort_by_key(|row| row.figures.bytes);
        (!rows.is_empty()).then_some((kind, rows))
    });
    let content = Content {
        legend,
        series,
        volumes: volumes.collect(),
    };
    let shows = |quality: &Quality| content.qualities(quality).next().is_some();
    let third = match shows(&OVERLAP) {
        true => OVERLAP,
        false => SIGN,
    };
    let qualities: Vec<Quality> = [NEAR, GRADIENT, third].into_iter().filter(shows).collect();
    if qualities.is_empty() {
        return Ok(None);
    }
    let lines = content.legend_lines();
    let size = (
        2 * PANEL.0,
        HEAD + qualities.len() as u32 * PANEL.1 + (lines.len() as u32 + 1) * LEGEND_LINE,
    );
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let drawn = content.draw(&root, mesh, &qualities, &lines);
        drawn
            .and_then(|()| root.present())
            .map_err(io::Error::other)?;
    }
    Ok(Some(svg))
}

impl<'a> Content<'a> {
    fn rows(&self) -> impl Iterator<Item = &Row<'a>> {
        let fits = self.series.iter().flat_map(|series| &series.rows);
        fits.chain(self.volumes.iter().flat_map(|(_, rows)| rows))
    }

    /// A quality's values in all rows.
    fn qualities(&self, quality: &Quality) -> impl Iterator<Item = f64> {
        let values = self.rows().filter_map(move |row| quality.at(row));
        values.collect::<Vec<f64>>().into_iter()
    }

    fn draw(
        &self,
        root: &Area<'_>,
        mesh: &str,
        qualities: &[Quality],
        lines: &[Vec<Sample>],
    ) -> Drawn {
        root.fill(&WHITE)?;
        let title = text(FONT + 6, TEXT, HPos::Left, VPos::Center);
        root.draw_text(mesh, &title, (16, HEAD as i32 / 2))?;
        let note = text(FONT, TEXT, HPos::Right, VPos::Center);
        let right = 2 * PANEL.0 as i32 - 16;
        root.draw_text("the lower, the better", &note, (right, HEAD as i32 / 2))?;
        for (row, quality) in qualities.iter().enumerate() {
            for (column, cost) in COSTS.iter().enumerate() {
                let left = column as u32 * PANEL.0;
                let top = HEAD + row as u32 * PANEL.1;
                let panel = root.clone().shrink((left, top), PANEL);
                self.draw_panel(root, &panel, quality, cost)?;
            }
        }
        let top = (HEAD + qualities.len() as u32 * PANEL.1 + LEGEND_LINE) as i32;
        for (line, samples) in lines.iter().enumerate() {
            let (mut left, middle) = (16, top + line as i32 * LEGEND_LINE as i32);
            for sample in samples {
                draw_sample(root, sample, (left, middle))?;
                left += sample.width() as i32;
            }
        }
        Ok(())
    }

    fn draw_panel(
        &self,
        root: &Area<'_>,
        panel: &Area<'_>,
        quality: &Quality,
        cost: &Cost,
    ) -> Drawn {
        let fits = self.series.iter().flat_map(|series| &series.rows);
        let volumes = self.volumes.iter().flat_map(|(_, rows)| rows);
        let costs: Vec<f64> = match cost.of_volumes {
            true => fits.chain(volumes).filter_map(|row| cost.at(row)).collect(),
            false => fits.filter_map(|row| cost.at(row)).collect(),
        };
        let (across, up) = (range(costs.into_iter()), range(self.qualities(quality)));
        let mut chart = ChartBuilder::on(panel)
            .margin_top(8)
            .margin_left(12)
            .margin_right(if cost.of_volumes { 32 } else { NAMES })
            .x_label_area_size(46)
            .y_label_area_size(78)
            .build_cartesian_2d(
                across.clone().log_scale().with_key_points(ticks(&across)),
                up.clone().log_scale().with_key_points(ticks(&up)),
            )?;
        let labels = text(FONT, TEXT, HPos::Left, VPos::Center);
        chart
            .configure_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(TEXT)
            .label_style(("sans-serif", FONT, &TEXT))
            .axis_desc_style(("sans-serif", FONT, &TEXT))
            .x_desc(cost.name)
            .y_desc(quality.name)
            .x_label_formatter(&|x| (cost.tick)(*x))
            .y_label_formatter(&|y| (quality.tick)(*y))
            .draw()?;
        let mut names: Vec<(i32, String)> = Vec::new();
        for (kind, rows) in &self.volumes {
            let points = rows.iter().filter_map(|row| {
                let at = (cost.at(row)?, quality.at(row)?);
                Some((row.field, at))
            });
            let points: Vec<(&str, (f64, f64))> = points.collect();
            if cost.of_volumes {
                let line = points.iter().map(|(_, at)| *at);
                chart.draw_series(dashed(line.collect(), *kind))?;
                for (name, at) in points {
                    let (x, y) = chart.backend_coord(&at);
                    root.draw(&Circle::new((x, y), 3, TEXT.stroke_width(1)))?;
                    let cells = name.rsplit(' ').next().unwrap_or(name);
                    let above = text(FONT - 2, TEXT, HPos::Center, VPos::Bottom);
                    root.draw_text(cells, &above, (x, y - 8))?;
                }
            } else {
                for (name, (_, y)) in points {
                    let line = vec![(across.start, y), (across.end, y)];
                    chart.draw_series(dashed(line, *kind))?;
                    let (_, height) = chart.backend_coord(&(across.end, y));
                    names.push((height, name.to_owned()));
                }
            }
        }
        let top = chart.backend_coord(&(across.end, up.end));
        let bottom = chart.backend_coord(&(across.end, up.start)).1;
        spread(&mut names, FONT as i32, top.1..bottom);
        for (height, name) in names {
            root.draw_text(&name, &labels, (top.0 + 6, height))?;
        }
        for series in &self.series {
            let points = series.rows.iter();
            let points = points.filter_map(|row| Some((cost.at(row)?, quality.at(row)?)));
            let mut points: Vec<(f64, f64)> = points.collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
            let colour = COLOURS[series.colour % COLOURS.len()];
            if series.connected {
                let line = LineSeries::new(points.clone(), colour.stroke_width(2));
                chart.draw_series(line)?;
            }
            for point in points {
                draw_mark(root, series.shape, chart.backend_coord(&point), colour)?;
            }
        }
        Ok(())
    }

    /// The legend, in lines that are no wider than the picture.
    fn legend_lines(&self) -> Vec<Vec<Sample>> {
        let mut samples: Vec<Vec<Sample>> = Vec::new();
        let head = |words: String| Sample {
            mark: Mark::None,
            words,
        };
        let told = |told: &Told, mark: &dyn Fn(usize) -> Mark| {
            let values = told.values.iter().enumerate();
            let values = values.map(|(index, words)| Sample {
                mark: mark(index),
                words: shortened(words),
            });
            let name = head(format!("{}:", shortened(&told.name)));
            std::iter::once(name).chain(values).collect::<Vec<Sample>>()
        };
        match &self.legend.coloured {
            Some(coloured) => samples.push(told(coloured, &|index| {
                Mark::Shape(0, COLOURS[index % COLOURS.len()])
            })),
            None if !self.series.is_empty() => samples.push(vec![Sample {
                mark: Mark::Shape(0, COLOURS[0]),
                words: "fits".to_owned(),
            }]),
            None => {}
        }
        if let Some(shaped) = &self.legend.shaped {
            samples.push(told(shaped, &|index| Mark::Shape(index, TEXT)));
        }
        if !self.legend.followed.is_empty() {
            let names = self.legend.followed.join(", ");
            samples.push(vec![head(format!("lines follow {names}"))]);
        }
        let volumes = self.volumes.iter().map(|(kind, _)| Sample {
            mark: Mark::Line(*kind),
            words: match kind {
                VolumeKind::Dense => "exact values, dense grid (16 bits), by cells",
                VolumeKind::NarrowBand => {
                    "exact values, narrow-band VDB (16 bits, zipped), by cells"
                }
            }
            .to_owned(),
        });
        samples.push(volumes.collect());
        samples.into_iter().flat_map(wrapped).collect()
    }
}

/// Moves names apart that would stand on each other, within a range of heights.
fn spread(names: &mut [(i32, String)], gap: i32, within: Range<i32>) {
    names.sort();
    let mut free = within.start;
    for (height, _) in names.iter_mut() {
        *height = (*height).max(free);
        free = *height + gap;
    }
    let mut free = within.end;
    for (height, _) in names.iter_mut().rev() {
        *height = (*height).min(free);
        free = *height - gap;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Figures;

    fn figures(seconds: f64, bytes: usize, error: f64) -> Figures {
        Figures {
            seconds: Some(seconds),
            bytes: Some(bytes),
            near_mae: Some(error),
            sign_agreement: Some(1.0 - error),
            gradient_degrees: Some(1e4 * error),
            ..Figures::default()
        }
    }

    /// The numbers of an attribute of each tag of a kind.
    fn numbers(svg: &str, tag: &str, attribute: &str) -> Vec<f64> {
        let tags = svg.lines().filter(|line| line.starts_with(tag));
        let value = |line: &str| {
            let (_, rest) = line.split_once(&format!(" {attribute}=\""))?;
            rest.split('"').next()?.parse().ok()
        };
        tags.filter_map(value).collect()
    }

    #[test]
    fn a_picture_has_each_fit_in_its_place() {
        let values = [["l1", "1"], ["l1", "10"], ["l2", "1"], ["l2", "10"]];
        let values = values.map(|row| row.map(str::to_owned).to_vec());
        let found = [
            figures(1.0, 1000, 1e-3),
            figures(10.0, 1000, 1e-4),
            figures(1.0, 2000, 5e-4),
            figures(10.0, 2000, 5e-5),
        ];
        let fits = values.iter().zip(&found).map(|(values, figures)| Row {
            field: "fit",
            values,
            figures,
        });
        let none = [String::new(), String::new()];
        let volumes = [figures(0.1, 500, 2e-3), figures(0.1, 4000, 5e-4)];
        let volumes = ["dense 8", "dense 16"].iter().zip(&volumes);
        let volumes = volumes.map(|(field, figures)| Row {
            field,
            values: &none,
            figures,
        });
        let broken = Figures::failed(&"no");
        let failed = Row {
            field: "fit",
            values: &values[0],
            figures: &broken,
        };
        let rows: Vec<Row<'_>> = fits.chain(volumes).chain([failed]).collect();
        let varied = ["loss", "budget.seconds"].map(str::to_owned);
        let svg = picture("a & b.obj", &varied, &rows).unwrap().unwrap();
        assert!(svg.contains("a &amp; b.obj"), "{svg}");
        for words in [
            "loss:",
            "l2",
            "dense 16",
            "1 KB",
            "1e-3",
            "wrong sign",
            "lines follow",
        ] {
            assert!(svg.contains(words), "{words}: {svg}");
        }
        // Four fits and, against bytes, two volumes in each of three rows; two samples of the legend.
        let across = numbers(&svg, "<circle", "cx");
        assert_eq!(across.len(), 3 * (4 + 4 + 2) + 2);
        let up = numbers(&svg, "<circle", "cy");
        // Of the first panel: a line a loss, from short to long budgets and from top to bottom.
        assert!(across[0] < across[1] && up[0] < up[1]);
        assert_eq!((across[0], across[1]), (across[2], across[3]));
        assert!(up[2] > up[0] && up[3] > up[1]);
        assert_eq!(
            numbers(&svg, "<polyline", "stroke-width")
                .iter()
                .filter(|w| **w == 2.0)
                .count(),
            12
        );
    }

    #[test]
    fn without_a_figure_there_is_no_picture_and_one_is_enough() {
        assert_eq!(picture("a", &[], &[]).unwrap(), None);
        let broken = Figures::failed(&"no");
        let row = |figures| Row {
            field: "fit",
            values: &[],
            figures,
        };
        assert_eq!(picture("a", &[], &[row(&broken)]).unwrap(), None);
        // What is exact has a place on a logarithmic axis, too.
        let exact = figures(1.0, 1000, 0.0);
        let svg = picture("a", &[], &[row(&exact)]).unwrap().unwrap();
        assert!(svg.contains("fits") && !svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn names_keep_apart() {
        let mut names = [(50, "b"), (49, "a"), (99, "c")].map(|(y, name)| (y, name.to_owned()));
        spread(&mut names, 10, 0..100);
        assert_eq!(names.map(|(height, _)| height), [49, 59, 99]);
        let mut low = [95, 96, 97].map(|y| (y, String::new()));
        spread(&mut low, 10, 0..100);
        assert_eq!(low.map(|(height, _)| height), [80, 90, 100]);
    }
}
