//! Where the daemon listens, where it keeps its models, and what it refuses.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::extract::DEFAULT_MEMORY_LIMIT;
use crate::geometry::SizeLimit;
use crate::machine_memory::machine_memory;
use crate::render::MOST_PIXELS;

/// Everything that decides how the daemon runs. Start from [`Default`].
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where to listen; port 0 takes any that is free. Another address than the machine's own (loopback) needs `tls` and
    /// `token`.
    pub listen: SocketAddr,
    /// Folder of the models and of the file by which clients find the daemon; `None` takes
    /// [`default_data_dir`](super::default_data_dir). Made if it is missing.
    pub data_dir: Option<PathBuf>,
    /// The word that every call must carry; `None` makes a new one at every start. Clients on this machine find it in the
    /// data folder either way.
    pub token: Option<String>,
    /// Encrypts the connections.
    pub tls: Option<TlsFiles>,
    /// Where monitors find figures (`/metrics`, Prometheus' text format), `/livez` and `/readyz`: plain HTTP, with no token; `None` for nowhere.
    pub metrics: Option<SocketAddr>,
    /// What is refused beyond.
    pub limits: Limits,
    /// How long clients may keep it waiting.
    pub times: Times,
    /// How long open calls may take to end, and running fits to put down their state, once the daemon is asked to stop.
    pub shutdown_grace: Duration,
    /// Time between two checkpoints of a fit that runs: so much of it is lost at most where the daemon is killed. Writing one takes some
    /// hundredths of a second.
    pub checkpoint_interval: Duration,
    /// Time between two tries to write a model that could not be written.
    pub save_interval: Duration,
    /// The daemon ends by itself once no connection was open and no fit waited or ran for so long; `None` never.
    pub exit_when_idle: Option<Duration>,
}

/// The two files of an encrypted server, both PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, followed by those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How long the daemon waits: for clients that say nothing, for memory, and for a fit to end. All are generous: a program may be busy with something
/// else for minutes.
#[derive(Clone, Debug)]
pub struct Times {
    /// From a connection to the first byte on it, and for an encrypted one's handshake.
    pub first_byte: Duration,
    /// Between two questions whether whoever is at the other end of a silent connection is still there.
    pub keepalive: Duration,
    /// For the answer to that; then the connection is closed.
    pub answer: Duration,
    /// Between two messages of an upload.
    pub upload_pause: Duration,
    /// For room in the memory that clients share; then a call is refused.
    pub memory: Duration,
    /// For one fit. Then its training is ended, and its best state kept.
    pub fit: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(10),
            keepalive: Duration::from_secs(60),
            answer: Duration::from_secs(300),
            upload_pause: Duration::from_secs(120),
            memory: Duration::from_secs(30),
            fit: Duration::from_secs(24 * 3600),
        }
    }
}

/// What the daemon refuses beyond. Clients read most of them by `GetServerInfo`.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Memory for everything that clients make the daemon hold, together, in bytes: messages, meshes, results that are not read yet, loaded
    /// models, and what is made of them meanwhile. Fits take theirs beside it.
    pub max_memory_bytes: u64,
    /// Largest message that is taken, in bytes: a unary call, or one message of a stream.
    pub max_message_bytes: usize,
    /// Largest mesh upload, in bytes.
    pub max_mesh_bytes: u64,
    /// Memory of one mesh once it is read from its upload, in bytes.
    pub max_decoded_mesh_bytes: u64,
    /// Largest model import, in bytes.
    pub max_model_bytes: u64,
    /// Fits that run at once. Each uses all processors by itself.
    pub max_running_fits: u32,
    /// Fits that wait at once.
    pub max_queued_fits: u32,
    /// Points in one evaluation or projection request, rays in one raycast.
    pub max_points: u64,
    /// Memory of one extraction, about, in bytes.
    pub max_extract_bytes: u64,
    /// Extractions and pictures that are made at once; more wait.
    pub max_running_extractions: u32,
    /// Pixels of a picture.
    pub max_pixels: u64,
    /// Combinations that are kept at once.
    pub max_combinations: u32,
    /// Connections that are open at once; more are closed as they come.
    pub max_connections: u32,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            data_dir: None,
            token: None,
            tls: None,
            metrics: None,
            limits: Limits::default(),
            times: Times::default(),
            shutdown_grace: Duration::from_secs(3),
            checkpoint_interval: Duration::from_secs(5),
            save_interval: Duration::from_secs(5),
            exit_when_idle: None,
        }
    }
}

impl Default for Limits {
    /// Half of the memory that this process may take.
    fn default() -> Self {
        Self::within(machine_memory() / 2)
    }
}

impl Limits {
    /// Memory of one extraction, about, in bytes.
    pub(super) fn extract_bytes(&self) -> u64 {
        self.max_extract_bytes.min(self.max_memory_bytes / 8 * 7)
    }

    /// The limits of a daemon whose clients make it hold `memory` bytes at most.
    pub fn within(memory: u64) -> Self {
        Self {
            max_memory_bytes: memory,
            max_message_bytes: 16 << 20,
            max_mesh_bytes: 1 << 30,
            // Half of it is for what is kept, and reading takes several times as much.
            max_decoded_mesh_bytes: SizeLimit::default().bytes.min(memory / 8),
            max_model_bytes: 1 << 30,
            max_running_fits: 1,
            max_queued_fits: 32,
            // With gradients the answer takes 16 bytes a point: a message, still.
            max_points: 1_000_000,
            max_extract_bytes: DEFAULT_MEMORY_LIMIT.min(memory / 2),
            max_running_extractions: 2,
            max_pixels: MOST_PIXELS,
            max_combinations: 1000,
            // A process may have 1024 files open on most systems: the rest is for what is read and saved.
            max_connections: 512,
        }
    }
}
