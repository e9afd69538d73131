//! A small field as source code of one function `sdf`, for shaders and renderers: one writer, and a language's few differences.

mod language;
mod network;
mod writer;

use super::formulas;
use super::{ExportError, ExportFormat, MOST_SOURCE_NUMBERS, MOST_TRIANGLES};
use crate::calculus::Algebra;
use crate::field::{Model, OuterSurface, SHELL, box_with_slack};
use crate::words::length_in_words;
use language::Kind;
pub(crate) use language::Language;
use writer::{Writer, literal};

/// The source of `sdf`.
///
/// # Errors
/// Fields with a spline or too many numbers are refused.
pub(super) fn written(
    model: &Model,
    language: Language,
    format: ExportFormat,
) -> Result<String, ExportError> {
    if let Some(spline) = &model.spline {
        let coefficients = spline.coefficient_count();
        return Err(ExportError::Spline {
            format,
            coefficients,
        });
    }
    let too_large = |what, count, most| ExportError::TooLarge {
        format,
        what,
        count,
        most,
    };
    let count = model.parameters.len();
    if count > MOST_SOURCE_NUMBERS {
        return Err(too_large("parameters", count, MOST_SOURCE_NUMBERS));
    }
    let triangles = model
        .outer
        .as_ref()
        .map_or(Vec::new(), OuterSurface::triangles);
    if triangles.len() > MOST_TRIANGLES {
        let what = "triangles of its outer surface (--set outer=coarse makes few)";
        return Err(too_large(what, triangles.len(), MOST_TRIANGLES));
    }
    let mut writer = Writer::new(language);
    write_header(&mut writer, model);
    // OSL has no constants beyond functions.
    let local = language == Language::Osl;
    if !local {
        network::write_constants(&mut writer, model);
        write_outer_constants(&mut writer, model, &triangles);
    }
    writer.line("");
    writer.line(&language.function("sdf_within"));
    if local {
        network::write_constants(&mut writer, model);
    }
    let value = network::write_value(&mut writer, model);
    let point = ["x", "y", "z"].map(str::to_owned);
    let bounds = box_with_slack(&model.frame.apply_to_bounds(&model.bounds));
    let value = formulas::raised(&mut writer.numbers(Kind::Scalar), &value, &point, &bounds);
    writer.line(&format!("return {value};"));
    writer.line("}");
    if !triangles.is_empty() {
        writer.line("");
        writer.line(&language.function("sdf_outer"));
        if local {
            write_outer_constants(&mut writer, model, &triangles);
        }
        write_outer_distance(&mut writer, triangles.len());
        writer.line("}");
    }
    writer.line("");
    write_entry(&mut writer, model, !triangles.is_empty());
    if language == Language::Osl {
        writer.line("");
        writer.line("shader overfit_sdf(point position = P, output float value = 0.0) {");
        writer.line("value = sdf(position);");
        writer.line("}");
    }
    Ok(writer.into_text())
}

/// What the user should know of the source of a model.
pub(super) fn warnings(model: &Model) -> Vec<String> {
    let mut warnings = Vec::new();
    let size = model.bounds.longest_side();
    let far = (0..3).any(|axis| model.bounds.center()[axis].abs() > 1000.0 * size);
    if far {
        warnings.push("The mesh lies far from the origin: single precision, in which shaders compute, loses digits there. Fit it about the origin.".to_owned());
    }
    if model.outer.is_none() {
        warnings.push(WITHOUT_OUTER.to_owned());
    }
    warnings
}

/// Said of models of older versions.
const WITHOUT_OUTER: &str = "The model has no outer surface: beyond the frame, which is 1/0.9 of the longest side wide, distances are up to a third too large.";

fn write_header(writer: &mut Writer, model: &Model) {
    let name: String = model
        .training
        .name
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    let (min, max) = (model.bounds.min, model.bounds.max);
    let lines = [
        format!("The signed distance to '{name}': float sdf(point), negative inside, in the mesh's own units."),
        format!("Network: {}. Written by Overfit {}.", model.architecture, crate::VERSION),
        format!("The mesh lies between [{}] and [{}].", joined(min), joined(max)),
        "In single precision, with sines as exact as the compiler's for angles of some hundreds.".to_owned(),
        match &model.outer {
            Some(_) => "Beyond the mesh it is the distance to a coarse surface around it: it is defined everywhere.".to_owned(),
            None => WITHOUT_OUTER.to_owned(),
        },
    ];
    for line in lines {
        writer.line(&format!("// {line}"));
    }
}

fn joined(numbers: [f64; 3]) -> String {
    numbers
        .map(|x| match x < 0.0 {
            true => format!("-{}", length_in_words(-x)),
            false => length_in_words(x),
        })
        .join(", ")
}

/// The function itself: into the unit frame, over the border, and back.
fn write_entry(writer: &mut Writer, model: &Model, has_outer: bool) {
    let language = writer.language;
    let frame = &model.frame;
    writer.line(language.entry());
    let code = &mut writer.numbers(Kind::Scalar);
    let scale = code.constant(frame.scale);
    let point = [0, 1, 2].map(|axis| {
        let center = code.constant(frame.center[axis]);
        let from_center = code.sub(&language.coordinate(axis).to_owned(), &center);
        code.mul(&from_center, &scale)
    });
    if has_outer {
        let depth = formulas::depth(code, &point);
        let arguments = point.join(", ");
        let to_own = literal((1.0 / frame.scale) as f32);
        writer.line(&format!("if ({depth} <= 0.) {{"));
        writer.line(&format!("return sdf_outer({arguments}) * {to_own};"));
        writer.line("}");
        let inner = format!("sdf_within({arguments})");
        writer.line(&language.value(Kind::Scalar, "inner", &inner));
        writer.line(&format!("if ({depth} >= {}) {{", literal(SHELL)));
        writer.line(&format!("return inner * {to_own};"));
        writer.line("}");
        let outer = format!("sdf_outer({arguments})");
        writer.line(&language.value(Kind::Scalar, "outer", &outer));
        let code = &mut writer.numbers(Kind::Scalar);
        let share = formulas::outer_share(code, &depth, SHELL.into());
        let value = formulas::led_over(code, &share, &"inner".to_owned(), &"outer".to_owned());
        writer.line(&format!("return {value} * {to_own};"));
    } else {
        let nearest = [0, 1, 2].map(|axis| formulas::clamped(code, &point[axis], -1.0, 1.0));
        let away = formulas::distance(code, &point, &nearest);
        let to_own = literal((1.0 / frame.scale) as f32);
        let inner = nearest.join(", ");
        writer.line(&format!(
            "return (sdf_within({inner}) + {away}) * {to_own};"
        ));
    }
    writer.line("}");
}

fn write_outer_constants(writer: &mut Writer, model: &Model, triangles: &[[u32; 3]]) {
    let Some(outer) = &model.outer else {
        return;
    };
    let feet: Vec<String> = outer
        .nearest
        .as_flattened()
        .iter()
        .copied()
        .map(literal)
        .collect();
    writer.constants(Kind::Scalar, "sdf_feet", &feet);
    let corners: Vec<String> = triangles
        .as_flattened()
        .iter()
        .map(u32::to_string)
        .collect();
    writer.constants(Kind::Whole, "sdf_triangles", &corners);
}

fn write_outer_distance(writer: &mut Writer, triangles: usize) {
    let language = writer.language;
    writer.line(&language.variable(Kind::Scalar, "least", "1e30"));
    writer.line(&language.loop_to("i", triangles));
    let corners = [0, 1, 2].map(|corner| {
        let index = format!("3 * sdf_triangles[i * 3 + {corner}]");
        let name = format!("c{corner}");
        writer.line(&language.value(Kind::Whole, &name, &index));
        [0, 1, 2].map(|axis| format!("sdf_feet[{name} + {axis}]"))
    });
    let point = ["x", "y", "z"].map(str::to_owned);
    let square = formulas::triangle_square(&mut writer.numbers(Kind::Scalar), &point, &corners);
    writer.line(&format!("least = min(least, {square});"));
    writer.line("}");
    writer.line("return sqrt(least);");
}

#[cfg(test)]
mod tests;
