//! Which SIMD instructions the kernels use: the widest that the processor has, or what `OVERFIT_SIMD` names.

use std::sync::OnceLock;

use pulp::Arch;

/// Name of the environment variable that selects the instruction set; for tests and for comparing speeds.
pub const VARIABLE: &str = "OVERFIT_SIMD";

/// An instruction set that was asked for and cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{VARIABLE} is '{name}': use auto or one that this processor has: {available}")]
pub struct UnknownInstructionSet {
    name: String,
    available: String,
}

/// The instruction set of this process: read from the environment once, then the same for good.
///
/// A name that cannot be used counts as `auto` here; programs check it with [`check`] when they start.
pub fn instruction_set() -> Arch {
    static CHOSEN: OnceLock<Arch> = OnceLock::new();
    *CHOSEN.get_or_init(|| choose(&asked()).unwrap_or_default())
}

/// Whether the environment names an instruction set that can be used.
///
/// # Errors
/// Names those that can.
pub fn check() -> Result<(), UnknownInstructionSet> {
    choose(&asked()).map(|_| ())
}

/// Names of the instruction sets that this processor has, the widest first.
pub fn available() -> Vec<&'static str> {
    known().into_iter().map(|(name, _)| name).collect()
}

/// Every instruction set that this processor has, the widest first.
pub fn all() -> Vec<Arch> {
    known().into_iter().map(|(_, arch)| arch).collect()
}

fn asked() -> String {
    std::env::var(VARIABLE).unwrap_or_default()
}

fn choose(name: &str) -> Result<Arch, UnknownInstructionSet> {
    if name.is_empty() || name == "auto" {
        return Ok(Arch::new());
    }
    let found = known().into_iter().find(|(known, _)| *known == name);
    found
        .map(|(_, arch)| arch)
        .ok_or_else(|| UnknownInstructionSet {
            name: name.to_owned(),
            available: available().join(", "),
        })
}

fn known() -> Vec<(&'static str, Arch)> {
    let mut known = Vec::new();
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        known.extend(pulp::x86::V4::try_new().map(|simd| ("avx512", Arch::V4(simd))));
        known.extend(pulp::x86::V3::try_new().map(|simd| ("avx2", Arch::V3(simd))));
    }
    #[cfg(target_arch = "aarch64")]
    known.extend(pulp::aarch64::Neon::try_new().map(|simd| ("neon", Arch::Neon(simd))));
    known.push(("scalar", Arch::Scalar));
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_available_name_is_taken_and_others_are_explained() {
        for name in available() {
            assert!(choose(name).is_ok(), "{name}");
        }
        assert!(matches!(choose("scalar"), Ok(Arch::Scalar)));
        assert!(choose("auto").is_ok() && choose("").is_ok());
        let message = choose("mmx").unwrap_err().to_string();
        assert!(message.contains("OVERFIT_SIMD is 'mmx'") && message.contains("scalar"));
    }
}
