//! The field as one operation in Burn's autodiff graph, for whoever builds losses of their own out of tensors.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::{Tensor, TensorPrimitive};

use super::FieldBackend;
use crate::network::Architecture;

/// Both outputs of [`FieldBackend::field`] are differentiable by the parameters, the gradient by position included. Points
/// are constants of the graph: ask for the gradient output instead of differentiating by them.
impl<B: FieldBackend, C: CheckpointStrategy> FieldBackend for Autodiff<B, C> {
    type Workspace = ();

    fn field(
        architecture: &Architecture,
        parameters: Tensor<Self, 1>,
        points: Tensor<Self, 2>,
        gradient: bool,
    ) -> Tensor<Self, 2> {
        let points = points.inner();
        let output = |parameters: &Tensor<B, 1>| {
            B::field(architecture, parameters.clone(), points.clone(), gradient)
                .into_primitive()
                .tensor()
        };
        let inner = parameters.clone().inner();
        let tracked = parameters.into_primitive().tensor();
        let primitive = match FieldOp
            .prepare::<C>([tracked.node.clone()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let output = output(&inner);
                prep.finish((architecture.clone(), inner, points), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(output(&inner)),
        };
        Tensor::from_primitive(TensorPrimitive::Float(primitive))
    }
}

#[derive(Debug)]
struct FieldOp;

impl<B: FieldBackend> Backward<B, 1> for FieldOp {
    type State = (Architecture, Tensor<B, 1>, Tensor<B, 2>);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let cotangent = TensorPrimitive::Float(gradients.consume::<B>(&ops.node));
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            let (architecture, parameters, points) = ops.state;
            let cotangent = Tensor::from_primitive(cotangent);
            let gradient = B::field_backward(&architecture, parameters, points, cotangent);
            gradients.register::<B>(parent.id, gradient.into_primitive().tensor());
        }
    }
}
