//! What a monitor asks: figures in Prometheus' text format, and whether the daemon lives and serves. On a port of its own, with no token.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tonic::Code;

use super::connection::Admission;
use super::fits::Fits;
use super::memory::{Memory, MemoryUse};
use super::models::Models;
use super::proto::FitState;

/// Calls that are told apart; paths that no service has are one more.
const METHODS: usize = 64;
/// gRPC's codes, 0 to 16.
const CODES: usize = 17;

/// What is counted as it happens.
#[derive(Debug, Default)]
pub(super) struct Counters {
    requests: Mutex<BTreeMap<String, u64>>,
    refusals: [AtomicU64; CODES],
    stopping: AtomicBool,
}

impl Counters {
    /// A call came in.
    pub(super) fn request(&self, path: &str) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        // Anybody may ask for any path: no room is made for each.
        let method = path.strip_prefix("/overfit.v1.").filter(|method| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '/';
            method.chars().all(plain)
                && (requests.len() < METHODS || requests.contains_key(*method))
        });
        *requests
            .entry(method.unwrap_or("other").to_owned())
            .or_default() += 1;
    }

    /// A call was refused before its answer began.
    pub(super) fn refusal(&self, code: Code) {
        if let Some(count) = self.refusals.get(code as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// From now on nothing new is taken.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

/// What the figures are taken from.
#[derive(Clone)]
pub(super) struct Metrics {
    pub(super) counters: Arc<Counters>,
    pub(super) admission: Admission,
    pub(super) fits: Arc<Fits>,
    pub(super) models: Arc<Models>,
    pub(super) memory: Memory,
}

impl Metrics {
    /// Answers `/metrics`, `/livez` and `/readyz` for as long as it is polled.
    pub(super) async fn serve(self, listener: TcpListener) {
        let router = Router::new()
            .route(
                "/metrics",
                get(async |State(metrics): State<Metrics>| metrics.text()),
            )
            .route("/livez", get(async || "lives\n"))
            .route(
                "/readyz",
                get(async |State(metrics): State<Metrics>| {
                    match metrics.counters.stopping.load(Ordering::Relaxed) {
                        false => (StatusCode::OK, "serves\n"),
                        true => (StatusCode::SERVICE_UNAVAILABLE, "stops\n"),
                    }
                }),
            )
            .with_state(self);
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(%error, "metrics are not served any more");
        }
    }

    /// All figures, in the text format 0.0.4.
    fn text(&self) -> String {
        let mut text = Text::default();
        text.family("overfit_info", "gauge", "The program.");
        text.sample("overfit_info", &[("version", crate::VERSION)], 1);
        text.family("overfit_requests_total", "counter", "Calls that came in.");
        let requests = self.counters.requests.lock();
        for (method, count) in requests.unwrap_or_else(PoisonError::into_inner).iter() {
            text.sample("overfit_requests_total", &[("method", method)], *count);
        }
        let words = "Calls that were refused before their answer began.";
        text.family("overfit_refusals_total", "counter", words);
        for (code, count) in self.counters.refusals.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                let code = format!("{:?}", Code::from_i32(code as i32));
                text.sample("overfit_refusals_total", &[("code", &code)], count);
            }
        }
        text.one(
            "overfit_connections",
            "Open connections.",
            self.admission.open(),
        );
        text.family("overfit_fits", "gauge", "Fits that are known, by state.");
        let states = self.fits.states();
        for state in [
            FitState::Queued,
            FitState::Running,
            FitState::Succeeded,
            FitState::Failed,
            FitState::Cancelled,
        ] {
            let count = states.iter().filter(|&&one| one == state).count();
            let name = state.as_str_name().trim_start_matches("FIT_STATE_");
            let name = name.to_ascii_lowercase();
            text.sample("overfit_fits", &[("state", &name)], count as u64);
        }
        let unsaved = self.models.unsaved().len() as u64;
        text.one(
            "overfit_models",
            "Models that are kept.",
            self.models.count(),
        );
        text.one(
            "overfit_models_unsaved",
            "Of these, not on disk yet.",
            unsaved,
        );
        let MemoryUse {
            limit,
            held,
            kept,
            waiting,
        } = self.memory.in_use();
        let words = "Memory that clients make the daemon hold.";
        text.one("overfit_memory_bytes", words, held);
        text.one("overfit_memory_bytes_limit", "The most it may be.", limit);
        text.one("overfit_mesh_bytes", "Of it, meshes.", kept);
        let words = "Calls that wait for memory.";
        text.one("overfit_memory_waiting", words, waiting);
        if let Some(bytes) = resident_bytes() {
            text.one("process_resident_memory_bytes", "Resident memory.", bytes);
        }
        text.0
    }
}

/// Takes the port for metrics.
///
/// # Errors
/// The port is taken, or the address is not this machine's.
pub(super) async fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Prometheus' text format, as it grows.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, words: &str) {
        let _ = writeln!(self.0, "# HELP {name} {words}\n# TYPE {name} {kind}");
    }

    /// Labels are names of ours: nothing in them needs an escape.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(key, value)| format!("{key}=\"{value}\""))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn one(&mut self, name: &str, words: &str, value: u64) {
        self.family(name, "gauge", words);
        self.sample(name, &[], value);
    }
}

/// The process's resident memory, where the system tells it as Linux does.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_offers_takes_no_room() {
        let counters = Counters::default();
        counters.request("/overfit.v1.FitService/CreateFit");
        counters.request("/overfit.v1.FitService/CreateFit");
        counters.request("/overfit.v1.\"}\n");
        for number in 0..1000 {
            counters.request(&format!("/overfit.v1.No/{number}"));
            counters.request(&format!("/other/{number}"));
        }
        let requests = counters.requests.lock().unwrap();
        assert_eq!(requests["FitService/CreateFit"], 2);
        assert!(requests.len() <= METHODS + 1);
        assert_eq!(requests.values().sum::<u64>(), 2003);
    }
}
