//! What outlives a daemon of its fits: a folder each, with the fit as clients see it and, until it has ended, its mesh and a checkpoint.
//!
//! A daemon that is stopped or killed, or whose machine loses power, finds them when it starts again: fits that have ended are still listed, those
//! that waited wait again, and those that ran go on. What the disk does not take is said in the log and does no more harm.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use prost::Message;

use super::mesh_file;
use super::proto;
use super::resource_name::{Collection, is_id};
use crate::atomic_file;
use crate::geometry::Mesh;
use crate::train::Checkpoint;

/// Files of a fit's folder.
const FIT: &str = "fit.pb";
const MESH: &str = "mesh.safetensors";
const CHECKPOINT: &str = "checkpoint.safetensors";
/// How often the fit was begun since its last checkpoint, as text.
const STARTS: &str = "starts";

/// A fit that ended the daemon so often is not begun again.
const MOST_STARTS: u32 = 3;

/// The folder of all fits.
pub(super) struct Journal {
    folder: PathBuf,
}

/// What a fit goes on with.
pub(super) struct Work {
    /// Its mesh; `None` for an expression, whose surface is extracted again.
    pub(super) mesh: Option<Mesh>,
    /// The state that it had reached.
    pub(super) checkpoint: Option<Checkpoint>,
}

impl Journal {
    /// Opens the folder and reads what an earlier daemon left, in the order in which it was asked for. What is not
    /// a fit is left alone and said.
    ///
    /// # Errors
    /// Fails if the folder cannot be listed.
    pub(super) fn open(folder: PathBuf) -> io::Result<(Journal, Vec<proto::Fit>)> {
        let journal = Journal { folder };
        let mut fits = Vec::new();
        for file in fs::read_dir(&journal.folder)? {
            let path = file?.path();
            let id = path.file_name().and_then(|name| name.to_str());
            let Some(id) = id.filter(|id| is_id(id)) else {
                continue;
            };
            match journal.read(id) {
                Ok(Some(fit)) => fits.push(fit),
                // Half a fit of a daemon that was killed before it answered.
                Ok(None) => journal.forget(id),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "not taken as a fit");
                }
            }
        }
        let asked = |fit: &proto::Fit| {
            let time = fit.create_time.unwrap_or_default();
            (time.seconds, time.nanos, fit.name.clone())
        };
        fits.sort_by_key(asked);
        Ok((journal, fits))
    }

    /// Writes down a fit that is asked for. When this returns it outlives a power cut.
    ///
    /// # Errors
    /// What the file system says; nothing is left then.
    pub(super) fn begin(&self, fit: &proto::Fit, mesh: Option<&Mesh>) -> io::Result<()> {
        let id = id_of(fit);
        let folder = self.folder.join(id);
        let written = fs::create_dir(&folder)
            .and_then(|()| match mesh {
                Some(mesh) => write(&folder.join(MESH), &mesh_file::to_bytes(mesh)),
                None => Ok(()),
            })
            // Last: a folder without it is no fit.
            .and_then(|()| write(&folder.join(FIT), &fit.encode_to_vec()))
            .and_then(|()| atomic_file::sync_folder(&self.folder));
        if written.is_err() {
            self.forget(id);
        }
        written
    }

    /// What a fit that has not ended goes on with. It may take much memory, so it is read when the fit's turn comes.
    ///
    /// # Errors
    /// Says why it cannot go on.
    pub(super) fn work(&self, id: &str) -> Result<Work, String> {
        let folder = self.folder.join(id);
        if starts_in(&folder) >= MOST_STARTS {
            return Err(format!(
                "that has happened {MOST_STARTS} times before it got anywhere: most likely it needs more memory than there is"
            ));
        }
        let mesh = match fs::read(folder.join(MESH)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
            Ok(bytes) => mesh_file::from_bytes(&bytes).map(Some),
        };
        let mesh = mesh.map_err(|error| format!("its mesh cannot be read again ({error})"))?;
        let checkpoint = fs::read(folder.join(CHECKPOINT)).ok();
        let checkpoint = checkpoint.and_then(|bytes| {
            let read = Checkpoint::from_bytes(&bytes);
            // Then it begins anew.
            read.inspect_err(|error| tracing::warn!(id, %error, "a checkpoint is lost"))
                .ok()
        });
        Ok(Work { mesh, checkpoint })
    }

    /// Counts a start of a fit.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn count_start(&self, id: &str) -> io::Result<()> {
        let folder = self.folder.join(id);
        if !folder.exists() {
            return Ok(());
        }
        let starts = starts_in(&folder) + 1;
        write(&folder.join(STARTS), starts.to_string().as_bytes())
    }

    /// Writes down how far a fit is.
    ///
    /// # Errors
    /// What the file system says; the checkpoint before is then still there.
    pub(super) fn checkpoint(&self, id: &str, checkpoint: &Checkpoint) -> io::Result<()> {
        let folder = self.folder.join(id);
        if !folder.exists() {
            return Ok(());
        }
        write(&folder.join(CHECKPOINT), &checkpoint.to_bytes())?;
        remove_if_there(&folder.join(STARTS))
    }

    /// Leaves a fit to the next daemon; `false` if it was never written down. It did not end the daemon: its start does not count.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn leave(&self, id: &str) -> io::Result<bool> {
        let folder = self.folder.join(id);
        if !folder.join(FIT).exists() {
            return Ok(false);
        }
        remove_if_there(&folder.join(STARTS))?;
        Ok(true)
    }

    /// Writes down how a fit ended; what it would go on with goes.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn end(&self, fit: &proto::Fit) -> io::Result<()> {
        let folder = self.folder.join(id_of(fit));
        if !folder.exists() {
            // It could not be written down when it was asked for.
            return Ok(());
        }
        write(&folder.join(FIT), &fit.encode_to_vec())?;
        for name in [MESH, CHECKPOINT, STARTS] {
            // What stays takes room, and is not looked at.
            let _ = fs::remove_file(folder.join(name));
        }
        Ok(())
    }

    /// Forgets a fit for good: after a power cut it is not back.
    pub(super) fn forget(&self, id: &str) {
        let removed = match fs::remove_dir_all(self.folder.join(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            removed => removed.and_then(|()| atomic_file::sync_folder(&self.folder)),
        };
        if let Err(error) = removed {
            tracing::warn!(id, %error, "a fit cannot be forgotten");
        }
    }

    /// A fit as it was written last; `None` if it was never whole.
    fn read(&self, id: &str) -> io::Result<Option<proto::Fit>> {
        let folder = self.folder.join(id);
        let bytes = match fs::read(folder.join(FIT)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        let damaged = |words: String| io::Error::new(io::ErrorKind::InvalidData, words);
        let fit = proto::Fit::decode(&*bytes).map_err(|error| damaged(error.to_string()))?;
        if id_of(&fit) != id {
            return Err(damaged(format!("it says that it is '{}'", fit.name)));
        }
        for file in fs::read_dir(&folder)? {
            let file = file?;
            // Of a daemon that was killed while it wrote.
            if atomic_file::is_temporary(&file.file_name()) {
                fs::remove_file(file.path())?;
            }
        }
        Ok(Some(fit))
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn starts_in(folder: &Path) -> u32 {
    let text = fs::read_to_string(folder.join(STARTS)).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

fn id_of(fit: &proto::Fit) -> &str {
    Collection::Fits.id(&fit.name, "name").unwrap_or_default()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    atomic_file::write(path, |file| file.write_all(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::shapes;
    use crate::server::proto::FitState;
    use crate::server::resource_name::new_id;

    fn asked(seconds: i64) -> proto::Fit {
        proto::Fit {
            name: Collection::Fits.name(&new_id()),
            state: FitState::Queued.into(),
            create_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
            ..Default::default()
        }
    }

    #[test]
    fn fits_are_found_again_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let mesh = shapes::icosphere(1, 1.0);
        let (journal, none) = Journal::open(folder.path().to_owned()).unwrap();
        assert!(none.is_empty());
        let [late, early, over] = [30, 10, 20].map(asked);
        for fit in [&late, &early, &over] {
            journal.begin(fit, Some(&mesh)).unwrap();
        }
        let over = proto::Fit {
            state: FitState::Succeeded.into(),
            ..over
        };
        journal.end(&over).unwrap();
        // Half a fit, and what is none.
        let half = journal.folder.join(new_id());
        fs::create_dir(&half).unwrap();
        fs::write(half.join(MESH), "half").unwrap();
        fs::write(journal.folder.join("README"), "mine").unwrap();

        let temporary = journal.folder.join(id_of(&early)).join(".overfit-x");
        fs::write(&temporary, "half").unwrap();

        let (journal, fits) = Journal::open(folder.path().to_owned()).unwrap();
        assert_eq!(fits, [early.clone(), over.clone(), late]);
        assert_eq!(journal.work(id_of(&early)).unwrap().mesh, Some(mesh));
        assert_eq!(journal.work(id_of(&over)).unwrap().mesh, None);
        assert!(!temporary.exists());
        assert!(!half.exists() && journal.folder.join("README").exists());
        journal.forget(id_of(&over));
        assert_eq!(Journal::open(folder.path().to_owned()).unwrap().1.len(), 2);
    }

    #[test]
    fn a_fit_that_ends_the_daemon_again_and_again_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(folder.path().to_owned()).unwrap();
        let fit = asked(1);
        journal
            .begin(&fit, Some(&shapes::icosphere(1, 1.0)))
            .unwrap();
        let id = id_of(&fit);
        // A daemon that was stopped was not ended by its fit.
        journal.count_start(id).unwrap();
        assert!(journal.leave(id).unwrap());
        for _ in 0..MOST_STARTS {
            assert!(journal.work(id).is_ok());
            journal.count_start(id).unwrap();
        }
        let words = journal.work(id).err().unwrap();
        assert!(words.contains("memory"), "{words}");
    }

    #[test]
    fn damage_is_said_and_never_panics() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(folder.path().to_owned()).unwrap();
        let [fit, other] = [1, 2].map(asked);
        for fit in [&fit, &other] {
            journal
                .begin(fit, Some(&shapes::icosphere(1, 1.0)))
                .unwrap();
        }
        let file = |fit: &proto::Fit, name: &str| folder.path().join(id_of(fit)).join(name);
        fs::write(file(&fit, MESH), "no mesh").unwrap();
        fs::write(file(&fit, CHECKPOINT), "no checkpoint").unwrap();
        fs::write(file(&other, FIT), [0xff; 20]).unwrap();
        let (journal, fits) = Journal::open(folder.path().to_owned()).unwrap();
        assert_eq!(fits, std::slice::from_ref(&fit));
        let words = journal.work(id_of(&fit)).err().unwrap();
        assert!(words.contains("mesh"), "{words}");
    }
}
