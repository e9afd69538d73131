//! Where the user's own folders are, as each system has it.

use std::path::PathBuf;

/// A kind of folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserFolder {
    /// What is to be kept: `$XDG_DATA_HOME` or `~/.local/share`, `~/Library/Application Support`, `%LOCALAPPDATA%`.
    Data,
    // Only kernels of graphics cards are kept so.
    #[cfg_attr(not(any(feature = "cuda", feature = "wgpu")), allow(dead_code))]
    /// What can be made anew: `$XDG_CACHE_HOME` or `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`.
    Cache,
}

impl UserFolder {
    /// The folder for this program in it, out of the environment's variables; `None` if they name no home.
    pub fn path(self, variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
        let (mac, xdg, otherwise) = match self {
            UserFolder::Data => (
                "Library/Application Support",
                "XDG_DATA_HOME",
                ".local/share",
            ),
            UserFolder::Cache => ("Library/Caches", "XDG_CACHE_HOME", ".cache"),
        };
        let folder = if cfg!(windows) {
            variable("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            variable("HOME").map(|home| home.join(mac))
        } else {
            // The XDG specification tells to ignore relative paths.
            let xdg = variable(xdg).filter(|path| path.is_absolute());
            xdg.or_else(|| variable("HOME").map(|home| home.join(otherwise)))
        };
        folder.map(|folder| folder.join("overfit"))
    }
}

/// A variable of this process's environment that is not empty.
pub fn path_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
