//! Compiles `proto/` into Rust with protox, so that no `protoc` is needed on the machine.

use std::path::PathBuf;

use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(
        ["mesh", "fit", "model", "combine", "query", "server"]
            .map(|file| format!("overfit/v1/{file}.proto")),
        ["proto"],
    )?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    // The reflection service serves this file.
    std::fs::write(out.join("overfit.descriptors"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}
