//! What came of a study's fits: a table in a folder, a row a fit, which a study that was ended goes on with.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Study, StudyFit};
use crate::atomic_file;
use crate::field::{Metrics, Model};

/// The figures of a fit; none where it failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Of training alone.
    pub seconds: Option<f64>,
    /// Training steps.
    pub steps: Option<u64>,
    /// Samples seen.
    pub samples: Option<u64>,
    /// Numbers that the field is made of.
    pub parameters: Option<usize>,
    /// Of the model file.
    pub bytes: Option<usize>,
    /// Mean error near the surface, longest side 1.
    pub near_mae: Option<f64>,
    /// Share of points near the surface on the right side.
    pub sign_agreement: Option<f64>,
    /// Mean error in the bounding box, longest side 1.
    pub uniform_mae: Option<f64>,
    /// Intersection over union of the insides.
    pub iou: Option<f64>,
    /// Angle of the gradient to the exact one, the median, in degrees.
    pub gradient_degrees: Option<f64>,
    /// The same, the mean.
    pub gradient_degrees_mean: Option<f64>,
    /// Mean of | |gradient| - 1 |.
    pub gradient_length_error: Option<f64>,
    /// Where it was trained.
    pub device: String,
    /// Why it failed; empty where it did not.
    pub error: String,
}

impl Figures {
    /// Their names, in the order of the table.
    pub const NAMES: [&str; 14] = [
        "seconds",
        "steps",
        "samples",
        "parameters",
        "bytes",
        "near_mae",
        "sign_agreement",
        "uniform_mae",
        "iou",
        "gradient_degrees",
        "gradient_degrees_mean",
        "gradient_length_error",
        "device",
        "error",
    ];

    /// Those of a model.
    pub fn of(model: &Model) -> Figures {
        let training = &model.training;
        let metrics = training.metrics;
        let figure = |figure: fn(Metrics) -> Option<f64>| metrics.and_then(figure);
        Figures {
            seconds: Some(training.seconds),
            steps: Some(training.steps),
            samples: Some(training.samples),
            parameters: Some(model.parameter_count()),
            bytes: Some(model.to_bytes().len()),
            near_mae: figure(|m| Some(m.near_mae)),
            sign_agreement: figure(|m| Some(m.sign_agreement)),
            uniform_mae: figure(|m| Some(m.uniform_mae)),
            iou: figure(|m| m.iou),
            gradient_degrees: figure(|m| m.gradient_degrees),
            gradient_degrees_mean: figure(|m| m.gradient_degrees_mean),
            gradient_length_error: figure(|m| m.gradient_length_error),
            device: training.device.clone(),
            error: String::new(),
        }
    }

    /// Those of a fit that failed.
    pub fn failed(error: &dyn std::fmt::Display) -> Figures {
        Figures {
            error: error.to_string(),
            ..Figures::default()
        }
    }
}

/// The results of a study in a folder.
#[derive(Debug)]
pub struct Results {
    path: PathBuf,
    file: File,
    /// Mesh and values of the fits that have a row.
    done: HashSet<Vec<String>>,
    /// Mesh, values and figures.
    rows: Vec<(Vec<String>, Figures)>,
}

/// Results that cannot be kept.
#[derive(Debug, Error)]
pub enum ResultsError {
    /// The folder is another study's.
    #[error(
        "{} belongs to another study, which is in {} there: name another folder",
        folder.display(),
        STUDY
    )]
    Another {
        /// The folder.
        folder: PathBuf,
    },
    /// The table is not the one that this study wrote.
    #[error("{} is no table of this study: {reason}. Move it away to begin anew", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The folder cannot be read or written.
    #[error("cannot keep results in {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The study itself, in its folder.
const STUDY: &str = "study.toml";

/// The table, in the study's folder.
const TABLE: &str = "results.csv";

impl Results {
    /// Opens a study's folder, or makes it. Rows that are there are kept, and one that a kill cut short is dropped.
    ///
    /// # Errors
    /// If the folder belongs to another study, or cannot be written.
    pub fn open(folder: &Path, study: &Study) -> Result<Results, ResultsError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| ResultsError::Io { path, source }
        };
        fs::create_dir_all(folder).map_err(io(folder))?;
        let kept = folder.join(STUDY);
        match fs::read_to_string(&kept) {
            Ok(text) if text == study.text => {}
            Ok(_) => {
                let folder = folder.to_owned();
                return Err(ResultsError::Another { folder });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                atomic_file::write(&kept, |file| file.write_all(study.text.as_bytes()))
                    .map_err(io(&kept))?;
            }
            Err(error) => return Err(io(&kept)(error)),
        }
        let path = folder.join(TABLE);
        let mut text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.map_err(io(&path))?,
        };
        let header = header(study);
        let rows = match whole_rows(&text) {
            0 => {
                text = line(&header);
                atomic_file::write(&path, |file| file.write_all(text.as_bytes()))
                    .map_err(io(&path))?;
                Vec::new()
            }
            whole => {
                text.truncate(whole);
                let table = |reason: String| ResultsError::Table {
                    path: path.clone(),
                    reason,
                };
                read(&text, &header, study.varied.len() + 1).map_err(table)?
            }
        };
        let file = OpenOptions::new().append(true).open(&path);
        let file = file.map_err(io(&path))?;
        file.set_len(text.len() as u64).map_err(io(&path))?;
        Ok(Results {
            done: rows.iter().map(|(key, _)| key.clone()).collect(),
            path,
            file,
            rows,
        })
    }

    /// The table's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a fit has its row.
    pub fn has(&self, mesh: &str, fit: &StudyFit) -> bool {
        self.done.contains(&key(mesh, fit))
    }

    /// Adds a fit's row, which is on the disk when this returns.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub fn add(
        &mut self,
        mesh: &str,
        fit: &StudyFit,
        figures: Figures,
    ) -> Result<(), ResultsError> {
        let key = key(mesh, fit);
        let mut cells = key.clone();
        cells.extend(cells_of(&figures));
        let written = self.file.write_all(line(&cells).as_bytes());
        let written = written.and_then(|()| self.file.sync_data());
        written.map_err(|source| ResultsError::Io {
            path: self.path.clone(),
            source,
        })?;
        self.done.insert(key.clone());
        self.rows.push((key, figures));
        Ok(())
    }

    /// The rows of a mesh: values and figures, the least near error first.
    pub fn ranked(&self, mesh: &str) -> Vec<(&[String], &Figures)> {
        let rows = self.rows.iter().filter(|(key, _)| key[0] == mesh);
        let mut rows: Vec<_> = rows.map(|(key, figures)| (&key[1..], figures)).collect();
        let error = |figures: &Figures| figures.near_mae.unwrap_or(f64::INFINITY);
        rows.sort_by(|(_, a), (_, b)| error(a).total_cmp(&error(b)));
        rows
    }
}

/// What a row is found by.
fn key(mesh: &str, fit: &StudyFit) -> Vec<String> {
    let mesh = std::iter::once(mesh.to_owned());
    mesh.chain(fit.values.iter().cloned()).collect()
}

/// The names of the columns.
fn header(study: &Study) -> Vec<String> {
    let mesh = std::iter::once("mesh".to_owned());
    let figures = Figures::NAMES.iter().map(|&name| name.to_owned());
    mesh.chain(study.varied.iter().cloned())
        .chain(figures)
        .collect()
}

/// A row's figures, in the order of the header.
fn cells_of(figures: &Figures) -> Vec<String> {
    let figures = serde_json::json!(figures);
    let cell = |name: &&str| match &figures[*name] {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        number => number.to_string(),
    };
    Figures::NAMES.iter().map(cell).collect()
}

/// Bytes of the rows that are there as wholes.
fn whole_rows(text: &str) -> usize {
    text.rfind('\n').map_or(0, |end| end + 1)
}

/// A line of the table.
fn line(cells: &[String]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // A message of several lines would be several lines of the table.
    let cells = cells.iter().map(|cell| cell.replace(['\n', '\r'], " "));
    writer.write_record(cells).expect("memory takes every row");
    let bytes = writer.into_inner().expect("memory takes every row");
    String::from_utf8(bytes).expect("made of text")
}

/// The rows of a table: its first `keys` cells, and the figures.
fn read(text: &str, header: &[String], keys: usize) -> Result<Vec<(Vec<String>, Figures)>, String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let found = reader.headers().map_err(|error| error.to_string())?;
    if found.iter().ne(header) {
        return Err("its columns are others".to_owned());
    }
    let figures_header = csv::StringRecord::from(header[keys..].to_vec());
    let rows = reader.records().map(|record| {
        let record = record?;
        let key = record.iter().take(keys).map(str::to_owned).collect();
        let figures: csv::StringRecord = record.iter().skip(keys).collect();
        Ok((key, figures.deserialize(Some(&figures_header))?))
    });
    rows.collect::<Result<_, csv::Error>>()
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study(text: &str) -> Study {
        Study::from_toml(text, Path::new("")).unwrap()
    }

    const TEXT: &str = "meshes = ['a.obj', 'b, c.obj']\ngrid.loss = ['l1', 'l1,gradient=0.5']";

    fn figures(near_mae: f64) -> Figures {
        Figures {
            near_mae: Some(near_mae),
            bytes: Some(1000),
            device: "cpu".to_owned(),
            ..Figures::default()
        }
    }

    #[test]
    fn a_study_goes_on_where_it_was_ended_even_in_the_middle_of_a_row() {
        let folder = tempfile::tempdir().unwrap();
        let study = study(TEXT);
        let [first, second] = &study.meshes[1].fits[..] else {
            panic!("there are two losses");
        };
        let mesh = study.meshes[1].name.as_str();
        let mut results = Results::open(folder.path(), &study).unwrap();
        assert!(!results.has(mesh, first));
        results.add(mesh, first, figures(0.25)).unwrap();
        let failed = Figures::failed(&"it said:\n\"no\", twice");
        results.add(mesh, second, failed).unwrap();
        let path = results.path().to_owned();
        drop(results);
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{whole}a.obj,l1,3.2")).unwrap();

        let mut results = Results::open(folder.path(), &study).unwrap();
        assert!(results.has(mesh, first) && results.has(mesh, second));
        assert!(!results.has("a.obj", &study.meshes[0].fits[0]));
        let ranked = results.ranked(mesh);
        assert_eq!(ranked[0].1, &figures(0.25));
        assert_eq!(ranked[1].0, ["l1,gradient=0.5"]);
        assert_eq!(ranked[1].1.error, "it said: \"no\", twice");
        results
            .add("a.obj", &study.meshes[0].fits[0], figures(0.5))
            .unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with(&whole) && text.lines().count() == 4,
            "{text}"
        );
        assert!(text.starts_with("mesh,loss,seconds,steps,"), "{text}");
    }

    #[test]
    fn every_figure_has_its_column() {
        let figures = serde_json::json!(Figures::default());
        let mut names = Figures::NAMES;
        names.sort_unstable();
        assert!(figures.as_object().unwrap().keys().eq(names));
    }

    #[test]
    fn a_folder_keeps_one_study() {
        let folder = tempfile::tempdir().unwrap();
        Results::open(folder.path(), &study(TEXT)).unwrap();
        let other = study("meshes = ['a.obj']");
        let error = Results::open(folder.path(), &other).unwrap_err();
        assert!(error.to_string().contains("another study"), "{error}");
        fs::write(folder.path().join(TABLE), "mesh,near_mae\na.obj,3\n").unwrap();
        let error = Results::open(folder.path(), &study(TEXT)).unwrap_err();
        assert!(error.to_string().contains("columns"), "{error}");
    }
}
