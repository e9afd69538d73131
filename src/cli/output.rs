//! Where results go: the last line of standard output, and files.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Serialize;

use super::text_rows::{RowWriter, is_text};

/// Prints one JSON object as a line on standard output.
pub(super) fn print_json(report: &impl Serialize) -> anyhow::Result<()> {
    let line = serde_json::to_string(report).context("the report is no JSON")?;
    print_text(&line)
}

/// Prints text for people, and a line break.
pub(super) fn print_text(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .context("cannot write to standard output")
}

/// Prints what the user should know about a result that there is all the same.
pub(super) fn print_warnings(warnings: &[String]) {
    for warning in warnings {
        // Nobody is left to tell if standard error is closed.
        let _ = writeln!(std::io::stderr(), "overfit: warning: {warning}");
    }
}

/// Checks that a file can be written at `path`, before work whose result it is to hold.
pub(super) fn ensure_writable(path: &Path) -> anyhow::Result<()> {
    ensure!(
        !path.is_dir(),
        "{} is a folder: name a file in it",
        path.display()
    );
    let folder = crate::atomic_file::folder_of(path);
    ensure!(
        folder.is_dir(),
        "cannot write {}: there is no folder {}; make it first",
        path.display(),
        folder.display()
    );
    // The result is written this way too: beside the target, then renamed.
    let probe = tempfile::Builder::new()
        .prefix(".overfit-")
        .tempfile_in(folder);
    probe.with_context(|| {
        format!(
            "cannot write into the folder {}: choose another with -o",
            folder.display()
        )
    })?;
    Ok(())
}

/// Checks that `path` ends in one of `extensions`, upper or lower case, and gives that one.
pub(super) fn ensure_extension(
    path: &Path,
    extensions: &[&'static str],
) -> anyhow::Result<&'static str> {
    let found = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    match extensions.iter().find(|&&extension| extension == found) {
        Some(extension) => Ok(extension),
        None => bail!(
            "{}: the file's name must end in .{}",
            path.display(),
            extensions.join(", .")
        ),
    }
}

/// Writes a file that is whole or not there; `fill` may fail for reasons of its own, which are then the ones reported.
pub(super) fn write_whole(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut failure = None;
    let written = crate::atomic_file::write(path, |file| {
        fill(file).map_err(|error| {
            failure = Some(error);
            std::io::Error::other("not filled")
        })
    });
    match failure {
        Some(error) => Err(error),
        None => written.with_context(|| format!("cannot write {}", path.display())),
    }
}

/// Writes rows of float64 to a `.npy` or text file, or as text to standard output. `next` gives whole rows of the named columns, then
/// nothing; there are `count` of them.
pub(super) fn write_rows(
    path: Option<&Path>,
    count: u64,
    columns: &[&str],
    mut next: impl FnMut() -> anyhow::Result<Option<Vec<f64>>>,
) -> anyhow::Result<()> {
    let name = path.map_or("standard output".to_owned(), |path| {
        path.display().to_string()
    });
    let cannot_write = || format!("cannot write {name}");
    let mut fill = |file: &mut dyn Write| {
        let text = path.is_none_or(is_text);
        let writer = RowWriter::begin(file, text, count, columns);
        let mut writer = writer.with_context(cannot_write)?;
        while let Some(rows) = next()? {
            writer.extend(&rows).with_context(cannot_write)?;
        }
        writer.finish().with_context(cannot_write)
    };
    match path {
        Some(path) => write_whole(path, fill),
        None => fill(&mut std::io::stdout().lock()),
    }
}

/// Size of a file just written.
pub(super) fn file_bytes(path: &Path) -> anyhow::Result<u64> {
    let file =
        std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(file.len())
}

/// `bytes` as people write them, in powers of 1000.
pub(super) fn bytes_in_words(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["bytes", "KB", "MB", "GB", "TB", "PB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 1);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// A count with a prefix for its size: `1.25 M`.
pub(super) fn count_in_words(count: f64) -> String {
    match count {
        count if count >= 1e9 => format!("{:.2} G", count / 1e9),
        count if count >= 1e6 => format!("{:.2} M", count / 1e6),
        count if count >= 1e4 => format!("{:.1} k", count / 1e3),
        count => format!("{count:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_known_before() {
        let folder = tempfile::tempdir().unwrap();
        assert!(ensure_writable(&folder.path().join("new.safetensors")).is_ok());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let is_folder = ensure_writable(folder.path()).unwrap_err().to_string();
        assert!(is_folder.contains("is a folder"), "{is_folder}");
        let missing = ensure_writable(&folder.path().join("a/b.ply"))
            .unwrap_err()
            .to_string();
        assert!(missing.contains("there is no folder"), "{missing}");
    }

    #[test]
    fn a_failed_write_reports_its_own_reason_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.npy");
        let error = write_whole(&path, |_| bail!("row 3 is broken")).unwrap_err();
        assert_eq!(format!("{error:#}"), "row 3 is broken");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn sizes_in_words() {
        assert_eq!(bytes_in_words(512), "512 bytes");
        assert_eq!(bytes_in_words(541_300), "541 KB");
        assert_eq!(bytes_in_words(8_000_000_000), "8.0 GB");
        assert_eq!(count_in_words(1_254_000.0), "1.25 M");
    }
}
