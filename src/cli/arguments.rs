//! Arguments that several subcommands share, and how their values are read.

use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::CancelToken;
use crate::distance::SignPolicy;
use crate::extract::Resolution;
use crate::field::DeviceChoice;
use crate::geometry::{LoadedMesh, SizeLimit};
use crate::loss::{Loss, UnknownTerm};
use crate::machine_memory::machine_memory;
use crate::query::Quantity;
use crate::reconstruct::{self, LoadError, ReconstructSettings};
use crate::train::{Preset, PresetChoice};

/// How fine a grid is and what it may take.
#[derive(Args)]
pub(super) struct GridArguments {
    /// Cells along the longest side of the mesh [default: 256, or more where walls or bodies are thinner than two such cells]
    #[arg(long, value_name = "N", conflicts_with = "voxel_size")]
    resolution: Option<u32>,

    /// Edge of a cell, in the mesh's own units
    #[arg(long, value_name = "X", value_parser = finite, allow_negative_numbers = true)]
    voxel_size: Option<f64>,

    /// Most bytes that the result may take, such as 500MB or 16GB
    #[arg(long, value_name = "SIZE", value_parser = byte_count, default_value = "8GB")]
    pub(super) memory_limit: u64,
}

impl GridArguments {
    /// What was asked for, if anything was.
    pub(super) fn resolution(&self) -> Option<Resolution> {
        let cells = self.resolution.map(Resolution::Cells);
        self.voxel_size.map(Resolution::VoxelSize).or(cells)
    }
}

/// What a mesh may take that is read from a file.
#[derive(Args)]
pub(super) struct MeshArguments {
    /// Most bytes that a mesh may take once it is read, such as 500MB or 16GB [default: 4GB, or a fifth of this machine's memory where that is less]
    #[arg(long, value_name = "SIZE", value_parser = byte_count)]
    mesh_limit: Option<u64>,

    /// Where the file holds points and no faces: how far noise is smoothed away, in distances between points
    #[arg(long, value_name = "X", value_parser = finite, default_value_t = ReconstructSettings::default().smoothing)]
    smoothing: f64,
}

impl MeshArguments {
    /// Reads a mesh file, or puts a surface through the points of one that has no faces.
    ///
    /// # Errors
    /// Names the file, and the option that allows more where the mesh is too large.
    pub(super) fn read(&self, path: &Path, cancel: &CancelToken) -> anyhow::Result<LoadedMesh> {
        // Reading takes several times as much.
        let usual = SizeLimit::default().bytes.min(machine_memory() / 5);
        let bytes = self.mesh_limit.unwrap_or(usual);
        let limit = SizeLimit { bytes };
        let settings = ReconstructSettings {
            smoothing: self.smoothing,
            memory_limit: bytes,
        };
        let loaded = reconstruct::load(path, &limit, &settings, cancel);
        loaded.map_err(|error| match error {
            LoadError::Read(error) if error.bytes_beyond_limit().is_some() => {
                anyhow!("{error} by --mesh-limit")
            }
            error => error.into(),
        })
    }
}

/// Where a network runs.
#[derive(Args)]
pub(super) struct DeviceArguments {
    /// Where to compute: auto, cpu, cuda:0 or vulkan:0; auto fits on a graphics card if there is one, and queries on the processor
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(super) device: DeviceChoice,
}

/// A number that is neither NaN nor infinite.
pub(super) fn finite(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err("it must be a finite number".to_owned()),
    }
}

/// Bytes, with an optional unit in powers of 1000.
pub(super) fn byte_count(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let factor = match text[digits.len()..].trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1.0,
        "K" | "KB" => 1e3,
        "M" | "MB" => 1e6,
        "G" | "GB" => 1e9,
        "T" | "TB" => 1e12,
        _ => return Err("use B, KB, MB, GB or TB".to_owned()),
    };
    match digits.parse::<f64>() {
        Ok(number) if number > 0.0 && number * factor < 9e18 => Ok((number * factor) as u64),
        _ => Err("it must be a size such as 500MB or 16GB".to_owned()),
    }
}

/// A time in seconds, longer than none.
pub(super) fn waiting_time(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "it must be a positive number of seconds".to_owned())
}

/// The name of a preset; clap lists the names in help and errors.
pub(super) fn preset() -> impl TypedValueParser<Value = Preset> {
    PossibleValuesParser::new(Preset::ALL.map(Preset::name)).try_map(|name| name.parse::<Preset>())
}

/// The name of a preset, or the word for the choice by the mesh.
pub(super) fn preset_choice() -> impl TypedValueParser<Value = PresetChoice> {
    PossibleValuesParser::new(PresetChoice::names()).try_map(|name| name.parse::<PresetChoice>())
}

/// The name of a sign policy.
pub(super) fn sign() -> impl TypedValueParser<Value = SignPolicy> {
    PossibleValuesParser::new(["auto", "winding", "parity", "none"])
        .try_map(|name| name.parse::<SignPolicy>())
}

/// The name of a quantity.
pub(super) fn quantity() -> impl TypedValueParser<Value = Quantity> {
    PossibleValuesParser::new(Quantity::ALL.map(Quantity::name))
        .try_map(|name| name.parse::<Quantity>())
}

/// The terms of a loss.
pub(super) fn loss(terms: &str) -> Result<Loss, UnknownTerm> {
    terms.parse()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::DEFAULT_MEMORY_LIMIT;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        assert_eq!(byte_count("8GB"), Ok(DEFAULT_MEMORY_LIMIT));
        assert_eq!(byte_count("4GB"), Ok(SizeLimit::default().bytes));
        assert_eq!(byte_count("1.5 mb"), Ok(1_500_000));
        assert_eq!(byte_count("100"), Ok(100));
        for nonsense in ["", "GB", "-1", "8XB", "nan", "1e30"] {
            assert!(byte_count(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn times_are_positive() {
        assert_eq!(waiting_time("0.5"), Ok(Duration::from_millis(500)));
        for nonsense in ["0", "-1", "nan", "inf", "1e300", "5m", ""] {
            assert!(waiting_time(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn numbers_must_be_finite() {
        assert_eq!(finite("-0.5"), Ok(-0.5));
        for nonsense in ["nan", "inf", "", "1,5"] {
            assert!(finite(nonsense).is_err(), "{nonsense}");
        }
    }
}
