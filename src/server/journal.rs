//! What outlives a daemon of its fits: a folder each, with the fit as clients see it and, until it has ended, its mesh and a checkpoint.
//!
//! A daemon that is killed, or whose machine loses power, finds them when it starts again: fits that have ended are still listed, those that
//! waited wait again, and those that ran go on. What the disk does not take is said in the log and does no more harm.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use prost::Message;

use super::fit::has_ended;
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

/// A fit of an earlier daemon.
pub(super) struct Entry {
    /// The fit as it was written last.
    pub(super) fit: proto::Fit,
    /// What there is to go on with; `None` for a fit that has ended.
    pub(super) work: Option<Work>,
}

/// What a fit goes on with.
pub(super) enum Work {
    /// Its mesh, and the state that it had reached.
    Ready {
        mesh: Mesh,
        checkpoint: Option<Box<Checkpoint>>,
    },
    /// Why it cannot, in words.
    Lost(String),
}

impl Journal {
    /// Opens the folder and reads what an earlier daemon left, in the order in which it was asked for. What is not
    /// a fit is left alone and said.
    ///
    /// # Errors
    /// Fails if the folder cannot be listed.
    pub(super) fn open(folder: PathBuf) -> io::Result<(Journal, Vec<Entry>)> {
        let journal = Journal { folder };
        let mut entries = Vec::new();
        for file in fs::read_dir(&journal.folder)? {
            let path = file?.path();
            let id = path.file_name().and_then(|name| name.to_str());
            let Some(id) = id.filter(|id| is_id(id)) else {
                continue;
            };
            match journal.read(id) {
                Ok(Some(entry)) => entries.push(entry),
                // Half a fit of a daemon that was killed before it answered.
                Ok(None) => journal.forget(id),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "not taken as a fit");
                }
            }
        }
        let asked = |entry: &Entry| {
            let time = entry.fit.create_time.unwrap_or_default();
            (time.seconds, time.nanos, entry.fit.name.clone())
        };
        entries.sort_by_key(asked);
        Ok((journal, entries))
    }

    /// Writes down a fit that is asked for. When this returns it outlives a power cut.
    ///
    /// # Errors
    /// What the file system says; nothing is left then.
    pub(super) fn begin(&self, fit: &proto::Fit, mesh: &Mesh) -> io::Result<()> {
        let id = id_of(fit);
        let folder = self.folder.join(id);
        let written = fs::create_dir(&folder)
            .and_then(|()| write(&folder.join(MESH), &mesh_file::to_bytes(mesh)))
            // Last: a folder without it is no fit.
            .and_then(|()| write(&folder.join(FIT), &fit.encode_to_vec()))
            .and_then(|()| atomic_file::sync_folder(&self.folder));
        if written.is_err() {
            self.forget(id);
        }
        written
    }

    /// Counts a start of a fit.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn count_start(&self, id: &str) -> io::Result<()> {
        let folder = self.folder.join(id);
        let starts = starts_in(&folder) + 1;
        write(&folder.join(STARTS), starts.to_string().as_bytes())
    }

    /// Writes down how far a fit is.
    ///
    /// # Errors
    /// What the file system says; the checkpoint before is then still there.
    pub(super) fn checkpoint(&self, id: &str, checkpoint: &Checkpoint) -> io::Result<()> {
        let folder = self.folder.join(id);
        write(&folder.join(CHECKPOINT), &checkpoint.to_bytes())?;
        match fs::remove_file(folder.join(STARTS)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
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

    /// Forgets a fit.
    pub(super) fn forget(&self, id: &str) {
        match fs::remove_dir_all(self.folder.join(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(id, %error, "a fit cannot be forgotten");
            }
            _ => {}
        }
    }

    /// A fit; `None` if it was never whole.
    fn read(&self, id: &str) -> io::Result<Option<Entry>> {
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
        let work = (!has_ended(&fit)).then(|| work_in(&folder));
        Ok(Some(Entry { fit, work }))
    }
}

/// What is in the folder of a fit that has not ended.
fn work_in(folder: &Path) -> Work {
    if starts_in(folder) >= MOST_STARTS {
        return Work::Lost(format!(
            "the daemon was ended {MOST_STARTS} times while this fit ran, before it got anywhere: most likely it needs more memory than there is"
        ));
    }
    let mesh = fs::read(folder.join(MESH)).map_err(|error| error.to_string());
    let mesh = match mesh.and_then(|bytes| mesh_file::from_bytes(&bytes)) {
        Ok(mesh) => mesh,
        Err(error) => return Work::Lost(format!("its mesh cannot be read again: {error}")),
    };
    let checkpoint = fs::read(folder.join(CHECKPOINT)).ok();
    let checkpoint = checkpoint.and_then(|bytes| {
        let read = Checkpoint::from_bytes(&bytes);
        // Then it begins anew.
        read.inspect_err(|error| tracing::warn!(%error, "a checkpoint is lost"))
            .ok()
    });
    let checkpoint = checkpoint.map(Box::new);
    Work::Ready { mesh, checkpoint }
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
            journal.begin(fit, &mesh).unwrap();
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

        let (journal, entries) = Journal::open(folder.path().to_owned()).unwrap();
        let fits: Vec<_> = entries.iter().map(|entry| entry.fit.clone()).collect();
        assert_eq!(fits, [early.clone(), over.clone(), late]);
        assert!(entries[1].work.is_none());
        let Some(Work::Ready { mesh: found, .. }) = &entries[0].work else {
            panic!("it can go on");
        };
        assert_eq!(*found, mesh);
        assert!(!half.exists() && journal.folder.join("README").exists());
        journal.forget(id_of(&over));
        assert_eq!(Journal::open(folder.path().to_owned()).unwrap().1.len(), 2);
    }

    #[test]
    fn a_fit_that_ends_the_daemon_again_and_again_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(folder.path().to_owned()).unwrap();
        let fit = asked(1);
        journal.begin(&fit, &shapes::icosphere(1, 1.0)).unwrap();
        let can_go_on = || {
            let (_, mut entries) = Journal::open(folder.path().to_owned()).unwrap();
            matches!(entries.remove(0).work, Some(Work::Ready { .. }))
        };
        for _ in 0..MOST_STARTS {
            assert!(can_go_on());
            journal.count_start(id_of(&fit)).unwrap();
        }
        assert!(!can_go_on());
    }

    #[test]
    fn damage_is_said_and_never_panics() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(folder.path().to_owned()).unwrap();
        let [fit, other] = [1, 2].map(asked);
        for fit in [&fit, &other] {
            journal.begin(fit, &shapes::icosphere(1, 1.0)).unwrap();
        }
        let file = |fit: &proto::Fit, name: &str| folder.path().join(id_of(fit)).join(name);
        fs::write(file(&fit, MESH), "no mesh").unwrap();
        fs::write(file(&fit, CHECKPOINT), "no checkpoint").unwrap();
        fs::write(file(&other, FIT), [0xff; 20]).unwrap();
        let (_, entries) = Journal::open(folder.path().to_owned()).unwrap();
        assert_eq!(entries.len(), 1);
        let Some(Work::Lost(words)) = &entries[0].work else {
            panic!("its mesh is lost");
        };
        assert!(words.contains("mesh"), "{words}");
    }
}
