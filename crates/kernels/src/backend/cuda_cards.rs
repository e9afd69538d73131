//! What the CUDA driver says of its cards, and what is missing where one cannot be used.

use std::panic::catch_unwind;

use cudarc::driver::result;

/// The names of the cards and what is known of the driver: compiled kernels are good for these.
pub fn cards_and_driver() -> String {
    let driver = std::fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    format!("{:?} {driver}", cards().unwrap_or_default())
}

/// The cards' names, in the driver's order.
///
/// # Errors
/// Says what is wrong with the driver.
pub fn cards() -> Result<Vec<String>, String> {
    let named = || -> Result<Vec<String>, result::DriverError> {
        result::init()?;
        let count = result::device::get_count()?;
        (0..count)
            .map(|index| result::device::get_name(result::device::get(index)?))
            .collect()
    };
    match catch_unwind(named) {
        Ok(Ok(cards)) if cards.is_empty() => Err("NVIDIA's driver sees no card".to_owned()),
        Ok(Ok(cards)) => Ok(cards),
        Ok(Err(error)) => Err(format!("NVIDIA's driver does not start: {error}")),
        // The crate panics where it finds no library.
        Err(_) => {
            Err("NVIDIA's driver is not installed: its library libcuda is not there".to_owned())
        }
    }
}

/// What card `index` lacks on this machine, if that can be told.
pub fn missing(index: usize) -> Option<String> {
    let cards = match cards() {
        Ok(cards) => cards,
        Err(reason) => return Some(reason),
    };
    if index >= cards.len() {
        return Some(match &cards[..] {
            [card] => format!("there is one card, cuda:0 ({card})"),
            cards => format!("the last card is cuda:{}", cards.len() - 1),
        });
    }
    if catch_unwind(|| cudarc::nvrtc::compile_ptx("")).is_err() {
        return Some(
            "CUDA's run-time compiler is not there (libnvrtc): install the CUDA toolkit, or nvidia-cuda-nvrtc \
             by pip, and name the library's folder in LD_LIBRARY_PATH"
                .to_owned(),
        );
    }
    let toolkit = cubecl::cuda::install::cuda_path();
    let headers = toolkit.map(|path| path.join("include/cuda_runtime.h"));
    if !headers.is_some_and(|headers| headers.exists()) {
        return Some(
            "CUDA's headers are not there: install the CUDA toolkit, or nvidia-cuda-runtime and nvidia-cuda-crt \
             by pip, and name the folder that holds include/cuda_runtime.h in CUDA_PATH"
                .to_owned(),
        );
    }
    None
}
