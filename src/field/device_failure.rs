//! What becomes of a device that fails in the middle of work: out of memory, lost, reset.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::device::{Device, DeviceError};

/// Runs work on a device.
///
/// Burn's operations return no error: a driver that fails makes them panic. Here such a panic gets a [`DeviceError`] as its
/// payload, which names the device; [`device_failure`] gives it to whoever catches the panic.
pub(super) fn on_device<T>(device: Device, work: impl FnOnce() -> T) -> T {
    // The processor has no driver: what panics there is a bug, and is reported as one.
    if device == Device::Cpu {
        return work();
    }
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let reason = driver_message(&*panic, "its driver gives no reason");
        resume_unwind(Box::new(DeviceError::Stopped { device, reason }))
    })
}

/// The device's failure that a caught panic was raised with.
///
/// # Errors
/// Gives the panic back if it is another one.
pub fn device_failure(panic: Box<dyn Any + Send>) -> Result<DeviceError, Box<dyn Any + Send>> {
    panic.downcast().map(|error| *error)
}

/// What a driver said when it panicked, or `otherwise` if that was about the program's own insides.
pub(super) fn driver_message(panic: &(dyn Any + Send), otherwise: &str) -> String {
    let message = panic_message(panic);
    // A driver's thread that ended leaves its callers with failed channels, which they unwrap.
    if message.starts_with("called `") {
        otherwise.to_owned()
    } else {
        message
    }
}

/// The text that a panic was raised with.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    // Drivers add a backtrace: the first line says it.
    let line = text.and_then(|text| text.lines().next());
    line.unwrap_or("no reason given").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panic_of(device: Device) -> Box<dyn Any + Send> {
        let work = || on_device(device, || panic!("out of memory\n   0: somewhere"));
        catch_unwind(work).unwrap_err()
    }

    #[test]
    fn a_failing_device_is_named_and_the_processor_offered() {
        let error = device_failure(panic_of(Device::Vulkan(1))).unwrap();
        let expected = "device vulkan:1 stopped: out of memory. Use --device cpu, or try again";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_driver_that_only_hangs_up_is_not_quoted() {
        let hang_up = || {
            let (_, receiver) = std::sync::mpsc::channel::<()>();
            on_device(Device::Cuda(0), || receiver.recv().unwrap());
        };
        let error = device_failure(catch_unwind(hang_up).unwrap_err()).unwrap();
        assert!(
            error.to_string().contains("its driver gives no reason"),
            "{error}"
        );
    }

    #[test]
    fn a_panic_on_the_processor_stays_one() {
        let panic = device_failure(panic_of(Device::Cpu)).unwrap_err();
        assert_eq!(panic_message(&*panic), "out of memory");
    }
}
