use std::collections::HashSet;

use prost::Message;

use super::messages::ModelProto;
use crate::export::{ExportFormat, export};
use crate::field::{Degree, Model, Refinement, Training, interpolate};
use crate::geometry::{Bounds, Similarity};
use crate::network::{Activation, Architecture, Encoding, HashGrid, Mlp, Silu, initial_parameters};

/// A ball's spline below a network that nobody trained, with a skip connection if the spline is cubic.
fn model(degree: Degree) -> Model {
    let architecture = Architecture {
        encoding: Encoding::HashGrid(HashGrid {
            levels: 2,
            log2_entries: 6,
            ..HashGrid::default()
        }),
        mlp: Mlp {
            hidden_width: 6,
            hidden_layers: 2,
            activation: Activation::Silu(Silu {}),
            skip: u32::from(degree == Degree::Cubic),
        },
    };
    let refinement = Refinement {
        degree,
        coarsest: 5,
        finest: 20,
        ..Refinement::default()
    };
    let length = |p: &[f32; 3]| p.iter().map(|x| x * x).sum::<f32>().sqrt();
    let spline = interpolate(&refinement, |points| {
        Ok::<_, ()>(points.iter().map(|p| length(p) - 0.9).collect())
    });
    Model {
        spline: spline.ok().map(Into::into),
        parameters: initial_parameters(&architecture, 3),
        architecture,
        frame: Similarity {
            center: [1e6, 0.0, 0.0],
            scale: 0.9,
        },
        bounds: Bounds {
            min: [1e6 - 1.0, -1.0, -1.0],
            max: [1e6 + 1.0, 1.0, 1.0],
        },
        outer: None,
        training: Training::default(),
    }
}

#[test]
fn operators_come_in_order_and_derivatives_share_the_values() {
    for degree in [Degree::Quadratic, Degree::Cubic] {
        let exported = export(&model(degree), ExportFormat::Onnx).unwrap();
        assert_eq!(
            exported,
            export(&model(degree), ExportFormat::Onnx).unwrap()
        );
        assert!(exported.warnings[0].contains("a third too large"));
        let file = ModelProto::decode(exported.bytes.as_slice()).unwrap();
        let graph = file.graph.unwrap();
        let inputs = graph.input.iter().map(|input| input.name.clone());
        let tensors = graph.initializer.iter().map(|tensor| tensor.name.clone());
        let mut known: HashSet<String> = inputs.chain(tensors).collect();
        let mut exponentials = 0;
        for node in &graph.node {
            for input in &node.input {
                assert!(known.contains(input), "{input} of {node:?}");
            }
            for output in &node.output {
                assert!(known.insert(output.clone()), "{output} is there twice");
            }
            exponentials += usize::from(node.op_type == "Exp");
        }
        for output in &graph.output {
            assert!(known.contains(&output.name));
        }
        // One for each hidden layer: three derivatives would have as many each.
        assert_eq!(exponentials, 2);
    }
}
