//! An allocator that gives memory back to the system.
//!
//! The C library on Linux keeps what was freed in arenas, one for each of up to eight threads a processor, and learns from large blocks to keep these,
//! too: after one busy minute a daemon holds several hundred megabytes for ever. How it does that can be said in its environment alone, when a program
//! starts; so the daemon starts itself again with it, as the same process.

/// As the manual page mallopt(3) has them: two arenas, blocks from 1 MB on are the system's own, and of free memory at the end 8 MB are kept.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SETTINGS: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "2"),
    ("MALLOC_MMAP_THRESHOLD_", "1048576"),
    ("MALLOC_TRIM_THRESHOLD_", "8388608"),
];

/// Starts this program again with an allocator that gives memory back, unless one of its settings is made already. Comes back if that is so, or where
/// there is nothing to be set.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn start_again() {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    if SETTINGS
        .iter()
        .any(|(name, _)| std::env::var_os(name).is_some())
    {
        return;
    }
    let mut arguments = std::env::args_os();
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let mut command = Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let error = command.args(arguments).envs(SETTINGS).exec();
    tracing::warn!(%error, "memory that is free is not given back");
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn start_again() {}
