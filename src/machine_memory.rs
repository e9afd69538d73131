//! How much memory this process may take.

use std::fs;
use std::path::{Path, PathBuf};

/// What is taken for the machine's memory where the system does not tell it as Linux does.
const UNKNOWN: u64 = 16_000_000_000;

/// Bytes that this process may take at most: the machine's memory, or less where a container (control groups, version 1 and 2) or
/// `ulimit -v` allows no more.
pub(crate) fn machine_memory() -> u64 {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let limits = [
        read(Path::new("/proc/meminfo")).and_then(|text| total(&text)),
        read(Path::new("/proc/self/limits")).and_then(|text| address_space(&text)),
    ];
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let groups = group_files(&groups);
    let groups = groups.filter_map(|path| read(&path)?.trim().parse().ok());
    let least = limits.into_iter().flatten().chain(groups).min();
    least.unwrap_or(UNKNOWN)
}

/// The machine's memory by `/proc/meminfo`.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes << 10)
}

/// The address space that a process may have, by `/proc/self/limits`; `None` if it is unlimited.
fn address_space(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The files that may hold limits of the groups in `/proc/self/cgroup`: every group is within those above it. Version 2 writes `max` where there is no
/// limit, version 1 a number beyond all memory.
fn group_files(groups: &str) -> impl Iterator<Item = PathBuf> {
    let of_line = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            names if names.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let group = path.trim_start_matches('/').to_owned();
        let above: Vec<PathBuf> = Path::new(&group)
            .ancestors()
            .map(|group| Path::new(root).join(group).join(file))
            .collect();
        Some(above)
    };
    let files: Vec<PathBuf> = groups.lines().filter_map(of_line).flatten().collect();
    files.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_is_read_from_what_linux_says() {
        assert_eq!(
            total("MemFree: 1 kB\nMemTotal:       24 kB\n"),
            Some(24 << 10)
        );
        let limits = |soft: &str| {
            format!(
                "Limit   Soft Limit   Hard Limit   Units\nMax address space   {soft}   unlimited   bytes\n"
            )
        };
        assert_eq!(address_space(&limits("4096000")), Some(4_096_000));
        assert_eq!(address_space(&limits("unlimited")), None);
        let files = |groups| -> Vec<String> {
            let paths = group_files(groups).map(|path| path.display().to_string());
            paths.collect()
        };
        assert_eq!(
            files("0::/a/b\n"),
            [
                "/sys/fs/cgroup/a/b/memory.max",
                "/sys/fs/cgroup/a/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
        assert_eq!(
            files("5:cpu:/x\n4:memory,hugetlb:/\n"),
            ["/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        );
        assert!(machine_memory() > 1 << 20);
    }
}
