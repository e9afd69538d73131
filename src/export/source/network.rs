//! The network as source code: loops over constant arrays.

use super::language::Kind;
use super::writer::{Writer, literal};
use crate::calculus::Algebra;
use crate::field::Model;
use crate::network::activation::{ActivationFunction, WithActivation};
use crate::network::encoding::formula::{FeatureFormula, Formula, WithFormula};
use crate::network::encoding::{GridLevel, Parts, PositionEncoding, coefficient};
use crate::network::{Activation, LayerSize};

/// Features side by side in whole lanes: which feature a place has, and none where lanes are filled up.
struct Layout {
    places: Vec<Option<usize>>,
    /// First place of the features of each formula.
    formulas: Vec<usize>,
}

impl Layout {
    fn of(parts: &Parts, lanes: usize) -> Layout {
        let mut places: Vec<Option<usize>> = (0..parts.interpolated()).map(Some).collect();
        let fill = |places: &mut Vec<Option<usize>>| {
            places.resize(places.len().next_multiple_of(lanes), None);
        };
        fill(&mut places);
        let mut next = parts.interpolated();
        let formulas = FeatureFormula::ALL.map(|formula| {
            let first = places.len();
            let rows = parts.rows(formula).len();
            places.extend((next..next + rows).map(Some));
            next += rows;
            fill(&mut places);
            first
        });
        Layout {
            places,
            formulas: formulas.to_vec(),
        }
    }

    /// The units of a hidden layer.
    fn units(count: usize, lanes: usize) -> Vec<Option<usize>> {
        let mut places: Vec<Option<usize>> = (0..count).map(Some).collect();
        places.resize(count.next_multiple_of(lanes), None);
        places
    }
}

/// The constant arrays of the network.
pub(super) fn write_constants(writer: &mut Writer, model: &Model) {
    let (language, parts) = (writer.language, model.architecture.encoding.parts());
    let (lanes, layout) = (language.lanes(), Layout::of(&parts, language.lanes()));
    let specs = model.architecture.tensors();
    let tensor = |name: &str| {
        let spec = specs.iter().find(|spec| spec.name == name);
        &model.parameters[spec.expect("every layer has its tensors").range()]
    };
    if !parts.levels.is_empty() {
        let table: Vec<String> = tensor("encoding.grid")
            .iter()
            .copied()
            .map(literal)
            .collect();
        writer.constants(Kind::Scalar, "sdf_table", &table);
        let taps = parts.interpolation.taps();
        // What vertex s weighs at place t of a cell: at s, by powers of t.
        let shares: Vec<String> = (0..taps * taps)
            .map(|i| literal(coefficient(taps, i / taps, i % taps)))
            .collect();
        writer.constants(Kind::Scalar, "sdf_shares", &shares);
    }
    for formula in FeatureFormula::ALL {
        let mut constants = Vec::new();
        for rows in parts.rows(formula).chunks(lanes) {
            for constant in 0..4 {
                let of_row = |lane: usize| rows.get(lane).map_or(0.0, |row| row[constant]);
                constants.push(lanes_of(
                    writer,
                    &(0..lanes).map(of_row).collect::<Vec<f32>>(),
                ));
            }
        }
        writer.constants(Kind::Lanes, &rows_name(formula), &constants);
    }
    let encoded = layout.places;
    let mut inputs = encoded.clone();
    let layers = model.architecture.layers();
    let last = layers.len() - 1;
    for (index, layer) in layers.iter().enumerate() {
        let weights = tensor(&format!("mlp.{index}.weight"));
        let bias = tensor(&format!("mlp.{index}.bias"));
        let outputs = Layout::units(layer.outputs, lanes);
        let weight = |output: Option<usize>, input: Option<usize>| match (output, input) {
            (Some(output), Some(input)) => weights[output * layer.inputs + input],
            _ => 0.0,
        };
        if index == last {
            let row: Vec<f32> = inputs.iter().map(|&input| weight(Some(0), input)).collect();
            let row: Vec<String> = row.chunks(lanes).map(|row| lanes_of(writer, row)).collect();
            writer.constants(Kind::Lanes, &format!("sdf_w{index}"), &row);
            continue;
        }
        let mut blocks = Vec::new();
        for outputs in outputs.chunks(lanes) {
            for inputs in inputs.chunks(lanes) {
                let columns = inputs.iter().flat_map(|&input| {
                    outputs
                        .iter()
                        .map(move |&output| literal(weight(output, input)))
                });
                blocks.push(columns.collect::<Vec<String>>());
            }
        }
        let name = language.type_name(Kind::Block);
        let blocks: Vec<String> = (blocks.iter())
            .map(|block| match lanes {
                1 => block[0].clone(),
                _ => format!("{name}({})", block.join(",")),
            })
            .collect();
        writer.constants(Kind::Block, &format!("sdf_w{index}"), &blocks);
        let bias: Vec<f32> = outputs
            .iter()
            .map(|unit| unit.map_or(0.0, |unit| bias[unit]))
            .collect();
        let bias: Vec<String> = bias
            .chunks(lanes)
            .map(|bias| lanes_of(writer, bias))
            .collect();
        writer.constants(Kind::Lanes, &format!("sdf_b{index}"), &bias);
        inputs = outputs;
        if model.architecture.mlp.skips_to(index + 1) {
            let encoded = encoded.iter();
            inputs.extend(encoded.map(|place| place.map(|input| layer.outputs + input)));
        }
    }
}

/// The network's value at the coordinates `x`, `y` and `z`: the name of the result.
pub(super) fn write_value(writer: &mut Writer, model: &Model) -> String {
    let language = writer.language;
    let lanes = language.lanes();
    let parts = model.architecture.encoding.parts();
    let layout = Layout::of(&parts, lanes);
    let line = language.array(Kind::Lanes, "h", layout.places.len() / lanes);
    writer.line(&line);
    write_tables(writer, &parts);
    for (formula, first) in FeatureFormula::ALL.into_iter().zip(&layout.formulas) {
        write_formula(writer, &parts, formula, first / lanes);
    }
    let encoded = ("h".to_owned(), layout.places.len() / lanes);
    let mut from = vec![encoded.clone()];
    let activation = model.architecture.mlp.activation;
    let layers = model.architecture.layers();
    let hidden = layers.len() - 1;
    for (index, layer) in layers[..hidden].iter().enumerate() {
        let to = format!("h{index}");
        write_layer(writer, activation, index, layer, &from, &to);
        from = vec![(to, layer.outputs.div_ceil(lanes))];
        if model.architecture.mlp.skips_to(index + 1) {
            from.push(encoded.clone());
        }
    }
    let (from, inputs) = from.swap_remove(0);
    let bias = model.parameters.last().expect("the last layer has a bias");
    let line = language.variable(Kind::Scalar, "f", &literal(*bias));
    writer.line(&line);
    writer.line(&language.loop_to("i", inputs));
    let product = language.dot(&format!("sdf_w{hidden}[i]"), &format!("{from}[i]"));
    writer.line(&format!("f += {product};"));
    writer.line("}");
    "f".to_owned()
}

fn write_layer(
    writer: &mut Writer,
    activation: Activation,
    index: usize,
    layer: &LayerSize,
    from: &[(String, usize)],
    to: &str,
) {
    let language = writer.language;
    let outputs = layer.outputs.div_ceil(language.lanes());
    writer.line(&language.array(Kind::Lanes, to, outputs));
    writer.line(&language.loop_to("i", outputs));
    writer.line(&language.variable(Kind::Lanes, "sum", &format!("sdf_b{index}[i]")));
    let inputs: usize = from.iter().map(|(_, count)| count).sum();
    let mut first = 0;
    for (name, count) in from {
        writer.line(&language.loop_to("j", *count));
        let place = match first {
            0 => format!("i * {inputs} + j"),
            first => format!("i * {inputs} + {first} + j"),
        };
        writer.line(&format!("sum += sdf_w{index}[{place}] * {name}[j];"));
        writer.line("}");
        first += count;
    }
    let result = activation.visit(Activated {
        writer,
        omega: activation.omega(index),
    });
    writer.line(&format!("{to}[i] = {result};"));
    writer.line("}");
}

struct Activated<'a> {
    writer: &'a mut Writer,
    omega: f32,
}

impl WithActivation for Activated<'_> {
    type Output = String;

    fn with<F: ActivationFunction>(self, function: &F) -> String {
        let code = &mut self.writer.numbers(Kind::Lanes);
        let omega = code.constant(self.omega.into());
        function.apply(code, &"sum".to_owned(), &omega)
    }
}

fn rows_name(formula: FeatureFormula) -> String {
    format!("sdf_rows{}", formula as usize)
}

/// The features of a formula, in a loop over their constants.
fn write_formula(writer: &mut Writer, parts: &Parts, formula: FeatureFormula, first: usize) {
    let language = writer.language;
    let rows = parts.rows(formula).len().div_ceil(language.lanes());
    if rows == 0 {
        return;
    }
    writer.line(&language.loop_to("i", rows));
    let feature = formula.visit(Feature {
        writer,
        rows: rows_name(formula),
    });
    writer.line(&format!("h[{first} + i] = {feature};"));
    writer.line("}");
}

struct Feature<'a> {
    writer: &'a mut Writer,
    rows: String,
}

impl WithFormula for Feature<'_> {
    type Output = String;

    fn with<F: Formula>(self) -> String {
        let language = self.writer.language;
        let lanes = language.type_name(Kind::Lanes);
        let position = ["x", "y", "z"].map(|coordinate| match language.lanes() {
            1 => coordinate.to_owned(),
            _ => format!("{lanes}({coordinate})"),
        });
        let constants = [0, 1, 2, 3].map(|constant| format!("{}[i * 4 + {constant}]", self.rows));
        F::at(&mut self.writer.numbers(Kind::Lanes), &position, &constants)
    }
}

/// The features of the tables: each a sum over the corners of a cell.
fn write_tables(writer: &mut Writer, parts: &Parts) {
    let (language, taps) = (writer.language, parts.interpolation.taps());
    for place in 0..parts.interpolated() {
        let line = format!("{} = 0.;", language.lane("h", place));
        writer.line(&line);
    }
    for (index, level) in parts.levels.iter().enumerate() {
        writer.line("{");
        let resolution = f64::from(level.resolution);
        for coordinate in ["x", "y", "z"] {
            let [place, cell, share] = ["g", "c", "t"].map(|name| format!("{name}{coordinate}"));
            let half = literal((0.5 * resolution) as f32);
            let value = format!("({coordinate} + 1.) * {half}");
            writer.line(&language.value(Kind::Scalar, &place, &value));
            let last = literal((resolution - 1.0) as f32);
            let value = format!("max(min(floor({place}), {last}), 0.)");
            writer.line(&language.value(Kind::Scalar, &cell, &value));
            writer.line(&language.value(Kind::Scalar, &share, &format!("{place} - {cell}")));
        }
        writer.line(&language.loop_to("k", taps.pow(3)));
        for (axis, coordinate) in ["x", "y", "z"].into_iter().enumerate() {
            let step = format!("(k / {}) % {taps}", taps.pow(axis as u32));
            let (name, share) = (format!("s{coordinate}"), format!("t{coordinate}"));
            writer.line(&language.value(Kind::Whole, &name, &step));
            let number = |power: usize| format!("sdf_shares[{name} * {taps} + {power}]");
            let powers = (0..taps - 1).rev();
            let weight = powers.fold(number(taps - 1), |higher, power| {
                format!("{} + {share} * ({higher})", number(power))
            });
            writer.line(&language.value(Kind::Scalar, &format!("w{coordinate}"), &weight));
            let vertex = format!("{} + {name}", language.to_whole(&format!("c{coordinate}")));
            writer.line(&language.value(Kind::Whole, &format!("v{coordinate}"), &vertex));
        }
        let entry = entry(level);
        writer.line(&language.value(Kind::Whole, "e", &entry));
        writer.line(&language.value(Kind::Scalar, "w", "wx * wy * wz"));
        for feature in 0..parts.features {
            let place = language.lane("h", index * parts.features + feature);
            let features = parts.features;
            writer.line(&format!(
                "{place} += w * sdf_table[e * {features} + {feature}];"
            ));
        }
        writer.line("}");
        writer.line("}");
    }
}

/// The entry of a vertex, in whole numbers of 32 bits that wrap around.
fn entry(level: &GridLevel) -> String {
    let [x, y, z] = level.strides.map(|stride| stride as i32);
    let products =
        [("vx", x), ("vy", y), ("vz", z)].map(|(v, stride)| format!("({v} * ({stride}))"));
    match level.dense {
        true => format!("{} + {}", level.offset, products.join(" + ")),
        false => format!(
            "{} + (({}) & {})",
            level.offset,
            products.join(" ^ "),
            level.entries - 1
        ),
    }
}

/// Numbers as one value.
fn lanes_of(writer: &Writer, numbers: &[f32]) -> String {
    let literals: Vec<String> = numbers.iter().copied().map(literal).collect();
    match writer.language.lanes() {
        1 => literals[0].clone(),
        _ => format!(
            "{}({})",
            writer.language.type_name(Kind::Lanes),
            literals.join(",")
        ),
    }
}
