//! Messages, services and clients of `overfit.v1`, generated from `proto/overfit/v1` at build time.

// The documentation stands in the .proto files; what the generator adds around it has none.
#![allow(missing_docs, clippy::all)]

tonic::include_proto!("overfit.v1");

/// The compiled .proto files, as the reflection service shows them.
pub(super) const DESCRIPTORS: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/overfit.descriptors"));
