//! Names of the places where a field can run.

use crate::words::quoted;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Where fields are trained and evaluated. Written `cpu`, `cuda:0`, `vulkan:0`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub enum Device {
    /// The processor, on all threads of the rayon pool.
    #[default]
    Cpu,
    /// The CUDA device of this index.
    Cuda(usize),
    /// The Vulkan device of this index, through wgpu.
    Vulkan(usize),
}

/// What a user asks for: a device, or `auto`, the best one there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A graphics card if there is one, else the processor.
    #[default]
    Auto,
    /// This one and no other.
    Named(Device),
}

/// A device that cannot be named or used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DeviceError {
    /// The text is no device.
    #[error("unknown device '{}': use auto, cpu, cuda:0 or vulkan:0", quoted(.0))]
    Unknown(String),
    /// This build has no code for it.
    #[error(
        "device {device} needs a build with `--features {feature}`; this one has: {built}. Use --device cpu"
    )]
    NotBuilt {
        /// The device asked for.
        device: Device,
        /// The cargo feature that it needs.
        feature: &'static str,
        /// The device families of this build.
        built: String,
    },
    /// The device is missing or failed to start.
    #[error("device {device} cannot be used: {reason}. Use --device cpu")]
    Unusable {
        /// The device asked for.
        device: Device,
        /// What its driver said.
        reason: String,
    },
    /// The device failed in the middle of work: it is out of memory, or was lost.
    #[error("device {device} stopped: {reason}. Use --device cpu, or try again")]
    Stopped {
        /// The device that was worked on.
        device: Device,
        /// What its driver said.
        reason: String,
    },
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => write!(f, "cpu"),
            Device::Cuda(index) => write!(f, "cuda:{index}"),
            Device::Vulkan(index) => write!(f, "vulkan:{index}"),
        }
    }
}

impl FromStr for Device {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let (family, index) = text.split_once(':').unwrap_or((text, "0"));
        let unknown = || DeviceError::Unknown(text.to_owned());
        let index: usize = index.parse().map_err(|_| unknown())?;
        match family {
            "cpu" if !text.contains(':') => Ok(Device::Cpu),
            "cuda" => Ok(Device::Cuda(index)),
            "vulkan" => Ok(Device::Vulkan(index)),
            _ => Err(unknown()),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        match text {
            "" | "auto" => Ok(DeviceChoice::Auto),
            name => name.parse().map(DeviceChoice::Named),
        }
    }
}

impl From<Device> for String {
    fn from(device: Device) -> String {
        device.to_string()
    }
}

impl TryFrom<String> for Device {
    type Error = DeviceError;

    fn try_from(text: String) -> Result<Self, DeviceError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_nonsense_is_refused() {
        for name in ["cpu", "cuda:0", "cuda:3", "vulkan:1"] {
            assert_eq!(
                name.parse::<Device>().map(|d| d.to_string()),
                Ok(name.to_owned())
            );
        }
        for nonsense in ["gpu", "cpu:0", "cuda:x", "cuda:-1"] {
            assert!(nonsense.parse::<DeviceChoice>().is_err(), "{nonsense}");
        }
        assert_eq!("auto".parse(), Ok(DeviceChoice::Auto));
    }
}
