//! A graph that grows, and the algebra that writes it.

use std::collections::HashMap;

use super::messages::{
    ATTRIBUTE_INT, AttributeProto, DOUBLE, FLOAT, FLOAT16, INT32, INT64, NodeProto, TensorProto,
};
use super::tensors::TensorAlgebra;
use crate::calculus::Algebra;

/// Operators in the order in which they are computed. What is written twice is there once: the derivatives by the three coordinates
/// share all values.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<NodeProto>,
    pub(super) tensors: Vec<TensorProto>,
    /// The outcomes of operators.
    known: HashMap<Operation, String>,
    /// A small tensor by its contents.
    known_tensors: HashMap<(i32, Vec<i64>, Vec<u8>), String>,
}

/// An operator with its inputs and attributes.
type Operation = (String, Vec<String>, Vec<(&'static str, i64)>);

impl Graph {
    /// The outcome of an operator.
    pub(super) fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[(&'static str, i64)],
    ) -> String {
        let inputs: Vec<String> = inputs.iter().map(|&input| input.to_owned()).collect();
        let key = (operator.to_owned(), inputs.clone(), attributes.to_vec());
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let name = format!("v{}", self.nodes.len());
        let attribute = attributes.iter().map(|&(name, value)| AttributeProto {
            name: name.to_owned(),
            i: value,
            r#type: ATTRIBUTE_INT,
        });
        self.nodes.push(NodeProto {
            input: inputs,
            output: vec![name.clone()],
            op_type: operator.to_owned(),
            attribute: attribute.collect(),
        });
        self.known.insert(key, name.clone());
        name
    }

    /// A constant tensor by its little-endian bytes.
    fn constant_tensor(&mut self, data_type: i32, dims: Vec<i64>, raw_data: Vec<u8>) -> String {
        let key = (data_type, dims, raw_data);
        if let Some(known) = self.known_tensors.get(&key) {
            return known.clone();
        }
        let name = format!("c{}", self.tensors.len());
        self.tensors.push(TensorProto {
            dims: key.1.clone(),
            data_type,
            name: name.clone(),
            raw_data: key.2.clone(),
        });
        self.known_tensors.insert(key, name.clone());
        name
    }

    pub(super) fn doubles(&mut self, shape: &[usize], numbers: &[f64]) -> String {
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant_tensor(DOUBLE, sizes(shape), bytes)
    }

    pub(super) fn wholes(&mut self, shape: &[usize], numbers: &[i64]) -> String {
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant_tensor(INT64, sizes(shape), bytes)
    }

    /// As 32 bits in the file, as 64 in the graph.
    fn short_wholes(&mut self, shape: &[usize], numbers: &[i32]) -> String {
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        let tensor = self.constant_tensor(INT32, sizes(shape), bytes);
        self.cast(&tensor, INT64)
    }

    pub(super) fn cast(&mut self, value: &str, data_type: i32) -> String {
        self.node("Cast", &[value], &[("to", data_type.into())])
    }

    fn whole(&mut self, value: i64) -> String {
        self.wholes(&[], &[value])
    }
}

fn sizes(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&size| size as i64).collect()
}

impl Algebra for Graph {
    type Number = String;

    fn constant(&mut self, value: f64) -> String {
        self.tensor(&[], &[value as f32])
    }

    fn add(&mut self, a: &String, b: &String) -> String {
        self.node("Add", &[a, b], &[])
    }

    fn sub(&mut self, a: &String, b: &String) -> String {
        self.node("Sub", &[a, b], &[])
    }

    fn mul(&mut self, a: &String, b: &String) -> String {
        self.node("Mul", &[a, b], &[])
    }

    fn div(&mut self, a: &String, b: &String) -> String {
        self.node("Div", &[a, b], &[])
    }

    fn exp(&mut self, x: &String) -> String {
        self.node("Exp", &[x], &[])
    }

    fn ln(&mut self, x: &String) -> String {
        self.node("Log", &[x], &[])
    }

    fn sqrt(&mut self, x: &String) -> String {
        self.node("Sqrt", &[x], &[])
    }

    fn sin(&mut self, x: &String) -> String {
        self.node("Sin", &[x], &[])
    }

    fn cos(&mut self, x: &String) -> String {
        self.node("Cos", &[x], &[])
    }

    fn round(&mut self, x: &String) -> String {
        self.node("Round", &[x], &[])
    }

    fn select_greater(&mut self, a: &String, b: &String, yes: &String, no: &String) -> String {
        let greater = self.node("Greater", &[a, b], &[]);
        self.node("Where", &[&greater, yes, no], &[])
    }

    fn max(&mut self, a: &String, b: &String) -> String {
        self.node("Max", &[a, b], &[])
    }

    fn negate(&mut self, x: &String) -> String {
        self.node("Neg", &[x], &[])
    }

    fn abs(&mut self, x: &String) -> String {
        self.node("Abs", &[x], &[])
    }
}

impl TensorAlgebra for Graph {
    type Whole = String;

    fn tensor(&mut self, shape: &[usize], numbers: &[f32]) -> String {
        let bytes = bytemuck::cast_slice(numbers).to_vec();
        self.constant_tensor(FLOAT, sizes(shape), bytes)
    }

    fn half_tensor(&mut self, shape: &[usize], numbers: &[half::f16]) -> String {
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        let tensor = self.constant_tensor(FLOAT16, sizes(shape), bytes);
        self.cast(&tensor, FLOAT)
    }

    fn still(&mut self, x: &String) -> String {
        x.clone()
    }

    fn floor(&mut self, x: &String) -> String {
        self.node("Floor", &[x], &[])
    }

    fn linear(&mut self, x: &String, weights: &String) -> String {
        self.node("MatMul", &[x, weights], &[])
    }

    fn side_by_side(&mut self, columns: &[String]) -> String {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        self.node("Concat", &columns, &[("axis", 1)])
    }

    fn contracted(&mut self, x: &String, weights: &String, rank: usize) -> String {
        let middle: Vec<i64> = (1..rank as i64 - 1).collect();
        let aligned = match middle.is_empty() {
            true => weights.clone(),
            false => {
                let axes = self.wholes(&[middle.len()], &middle);
                self.node("Unsqueeze", &[weights, &axes], &[])
            }
        };
        let product = self.mul(x, &aligned);
        let last = self.wholes(&[1], &[-1]);
        // A column stays one.
        let keep = i64::from(rank == 2);
        self.node("ReduceSum", &[&product, &last], &[("keepdims", keep)])
    }

    fn whole_of(&mut self, x: &String) -> String {
        self.cast(x, INT64)
    }

    fn whole_sum(&mut self, a: &String, b: &String) -> String {
        self.add(a, b)
    }

    fn whole_shifted(&mut self, x: &String, by: i64) -> String {
        match by {
            0 => x.clone(),
            _ => {
                let by = self.whole(by);
                self.add(x, &by)
            }
        }
    }

    fn whole_times(&mut self, x: &String, factor: i64) -> String {
        match factor {
            1 => x.clone(),
            _ => {
                let factor = self.whole(factor);
                self.mul(x, &factor)
            }
        }
    }

    fn exclusive_or(&mut self, a: &String, b: &String) -> String {
        self.node("BitwiseXor", &[a, b], &[])
    }

    fn quotient_and_rest(&mut self, x: &String, by: i64) -> [String; 2] {
        let by = self.whole(by);
        [
            self.node("Div", &[x, &by], &[]),
            self.node("Mod", &[x, &by], &[]),
        ]
    }

    fn run_from(&mut self, first: &String, length: usize) -> String {
        let steps: Vec<i64> = (0..length as i64).collect();
        let steps = self.wholes(&[1, length], &steps);
        self.add(first, &steps)
    }

    fn along(&mut self, x: &String, axis: usize) -> String {
        let others: Vec<i64> = (1..=3).filter(|&a| a != axis as i64).collect();
        let axes = self.wholes(&[2], &others);
        self.node("Unsqueeze", &[x, &axes], &[])
    }

    fn whole_table(&mut self, numbers: &[i32]) -> String {
        self.short_wholes(&[numbers.len()], numbers)
    }

    fn whole_at(&mut self, table: &String, places: &String) -> String {
        self.node("Gather", &[table, places], &[("axis", 0)])
    }

    fn at(&mut self, table: &String, places: &String) -> String {
        self.node("Gather", &[table, places], &[("axis", 0)])
    }

    fn row(&mut self, x: &String) -> String {
        let axes = self.wholes(&[1], &[1]);
        self.node("Squeeze", &[x, &axes], &[])
    }

    fn place_of_least(&mut self, x: &String) -> String {
        self.node("ArgMin", &[x], &[("axis", 1), ("keepdims", 1)])
    }
}
