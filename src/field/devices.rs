//! The devices of this machine: which there are, what they are called, and why one cannot be used.

use super::device::{Device, DeviceChoice, DeviceError};
use super::engine::open_engine;

/// A device that this machine may have.
#[derive(Clone, Debug)]
pub struct DeviceReport {
    /// As it is asked for.
    pub device: Device,
    /// For people: what it is called, and its memory where the driver tells.
    pub description: String,
    /// Why it cannot be used; `None` if it can.
    pub problem: Option<DeviceError>,
}

/// The devices that can be used; the first is what `auto` takes.
pub fn available_devices() -> Vec<DeviceReport> {
    let mut devices = devices();
    devices.retain(|report| report.problem.is_none());
    devices
}

/// All devices that this build knows of, those first that `auto` would rather take.
///
/// Each is opened, which takes some tenths of a second for a graphics card.
pub fn devices() -> Vec<DeviceReport> {
    let auto = open_engine(DeviceChoice::Auto).map(|engine| engine.device());
    let known = cuda_descriptions().into_iter().chain([
        (Device::Cpu, processor()),
        (Device::Vulkan(0), "Vulkan device 0".to_owned()),
    ]);
    let mut devices: Vec<DeviceReport> = known
        .map(|(device, description)| DeviceReport {
            device,
            description,
            problem: open_engine(DeviceChoice::Named(device)).err(),
        })
        .collect();
    devices.sort_by_key(|report| Ok(report.device) != auto);
    devices
}

fn processor() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    format!("Processor ({threads} threads)")
}

#[cfg(feature = "cuda")]
fn cuda_descriptions() -> Vec<(Device, String)> {
    let cards = crate::backend::cuda_cards::cards().unwrap_or_default();
    let described = cards.into_iter().enumerate();
    let mut described: Vec<(Device, String)> = described
        .map(|(index, card)| (Device::Cuda(index), card))
        .collect();
    if described.is_empty() {
        described.push((Device::Cuda(0), "CUDA device 0".to_owned()));
    }
    described
}

#[cfg(not(feature = "cuda"))]
fn cuda_descriptions() -> Vec<(Device, String)> {
    vec![(Device::Cuda(0), "CUDA device 0".to_owned())]
}
