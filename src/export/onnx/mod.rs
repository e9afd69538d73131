//! A model as an ONNX graph: points in own units in, signed distances and gradients out.
//!
//! The graph is written by the formulas that also compute the field, over tensors, and its derivatives by a [`Jet`] over the same: nothing
//! is differentiated by hand.

mod field;
mod graph;
mod messages;
mod tensors;

use prost::Message;

use super::Exported;
use crate::calculus::{Algebra, Dual, Jet};
use crate::field::Model;
use crate::words::length_in_words;
use graph::Graph;
use messages::{
    DOUBLE, FLOAT, GraphProto, IR_VERSION, ModelProto, NodeProto, OPERATORS, OperatorSetIdProto,
    StringStringEntryProto, floats,
};

/// The graph as a file.
pub(super) fn written(model: &Model) -> Exported {
    let mut graph = Graph::default();
    let point = unit_points(&mut graph, model);
    let one = graph.constant(1.0);
    let [along_x, along_y, along_z] = [0, 1, 2].map(|axis| {
        let along = [0, 1, 2].map(|other| match other == axis {
            // The frame scales distances and positions alike: gradients are those in own units.
            true => Dual::moving(point[other].clone(), one.clone()),
            false => Dual::fixed(point[other].clone()),
        });
        field::value(&mut Jet(&mut graph), model, &along)
    });
    // The values of all three are the same operators.
    let distance = own_distance(&mut graph, model, &along_x.value);
    let slopes = [along_x, along_y, along_z].map(|along| {
        let slope = along.slope;
        slope.expect("a field depends on all coordinates")
    });
    let gradient = graph.node(
        "Concat",
        &[&slopes[0], &slopes[1], &slopes[2]],
        &[("axis", 1)],
    );
    let outputs = [
        (
            distance,
            floats(
                "distance",
                &[None],
                "Signed distances, negative inside, in the mesh's own units.",
            ),
        ),
        (
            gradient,
            floats(
                "gradient",
                &[None, Some(3)],
                "Their derivatives by position.",
            ),
        ),
    ];
    for (from, output) in &outputs {
        graph.nodes.push(NodeProto {
            input: vec![from.clone()],
            output: vec![output.name.clone()],
            op_type: "Identity".to_owned(),
            attribute: Vec::new(),
        });
    }
    let warnings = warnings(model);
    let file = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "overfit".to_owned(),
        producer_version: crate::VERSION.to_owned(),
        doc_string: format!("The signed distance to {}.", model.training.name),
        graph: Some(GraphProto {
            node: graph.nodes,
            name: "sdf".to_owned(),
            initializer: graph.tensors,
            input: vec![floats(
                "points",
                &[None, Some(3)],
                "Points in the mesh's own units.",
            )],
            output: outputs.map(|(_, output)| output).to_vec(),
        }),
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: OPERATORS,
        }],
        metadata_props: metadata(model, &warnings),
    };
    Exported {
        bytes: file.encode_to_vec(),
        warnings,
    }
}

/// The coordinates in the unit frame, three columns: in double precision up to there, as far from the origin as the mesh may lie.
fn unit_points(graph: &mut Graph, model: &Model) -> [String; 3] {
    let frame = &model.frame;
    let own = graph.cast("points", DOUBLE);
    let center = graph.doubles(&[3], &frame.center);
    let scale = graph.doubles(&[], &[frame.scale]);
    let from_center = graph.node("Sub", &[&own, &center], &[]);
    let unit = graph.node("Mul", &[&from_center, &scale], &[]);
    let unit = graph.cast(&unit, FLOAT);
    [0, 1, 2].map(|axis| {
        let axis = graph.wholes(&[1], &[axis]);
        graph.node("Gather", &[&unit, &axis], &[("axis", 1)])
    })
}

/// A column in the unit of the frame as `[N]` in own units.
fn own_distance(graph: &mut Graph, model: &Model, value: &str) -> String {
    let scale = graph.doubles(&[], &[model.frame.scale]);
    let value = graph.cast(value, DOUBLE);
    let own = graph.node("Div", &[&value, &scale], &[]);
    let own = graph.cast(&own, FLOAT);
    let axes = graph.wholes(&[1], &[1]);
    graph.node("Squeeze", &[&own, &axes], &[])
}

/// What the user should know of the graph.
fn warnings(model: &Model) -> Vec<String> {
    let side = model.bounds.longest_side() / 0.9;
    let cube = format!(
        "the cube of side {} about the mesh's centre",
        length_in_words(side)
    );
    let further = "beyond it distances are up to a third too large.";
    match (&model.outer, field::outer_triangles(model)) {
        (Some(_), Some(_)) => Vec::new(),
        (Some(_), None) => vec![format!(
            "The model's outer surface is too fine for a graph (--set outer=coarse makes one that is not): in the outermost sixteenth of {cube} the distance is left to network and spline, {further}"
        )],
        (None, _) => vec![format!(
            "The model has no outer surface: in {cube} the distance is the model's, {further}"
        )],
    }
}

fn metadata(model: &Model, warnings: &[String]) -> Vec<StringStringEntryProto> {
    let [min, max] = [model.bounds.min, model.bounds.max].map(|corner| format!("{corner:?}"));
    let entries = [
        ("name", model.training.name.clone()),
        ("field", model.to_string()),
        ("bounds_min", min),
        ("bounds_max", max),
        ("warnings", warnings.join(" ")),
    ];
    let entry = |(key, value): (&str, String)| StringStringEntryProto {
        key: key.to_owned(),
        value,
    };
    entries.map(entry).to_vec()
}

#[cfg(test)]
mod tests;
