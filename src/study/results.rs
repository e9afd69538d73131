//! What came of a study's fits: a table in a folder, a row a fit, which a study that was ended goes on with.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::picture::picture;
use super::{Entry, MeshStudy, Study};
use crate::atomic_file;
use crate::field::{Metrics, Model};

/// The figures of a fit, or of a volume beside it; none where it failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Of training alone; of a volume, of making it.
    pub seconds: Option<f64>,
    /// Training steps.
    pub steps: Option<u64>,
    /// Samples seen.
    pub samples: Option<u64>,
    /// Numbers that the field is made of.
    pub parameters: Option<usize>,
    /// Of the model file; of a volume, of what it keeps.
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
        let figures = Figures {
            seconds: Some(training.seconds),
            steps: Some(training.steps),
            samples: Some(training.samples),
            parameters: Some(model.parameter_count()),
            bytes: Some(model.to_bytes().len()),
            device: training.device.clone(),
            ..Figures::default()
        };
        match &training.metrics {
            Some(metrics) => figures.with_metrics(metrics),
            None => figures,
        }
    }

    /// With those of the evaluation protocol.
    pub(super) fn with_metrics(self, metrics: &Metrics) -> Figures {
        Figures {
            near_mae: Some(metrics.near_mae),
            sign_agreement: Some(metrics.sign_agreement),
            uniform_mae: Some(metrics.uniform_mae),
            iou: metrics.iou,
            gradient_degrees: metrics.gradient_degrees,
            gradient_degrees_mean: metrics.gradient_degrees_mean,
            gradient_length_error: metrics.gradient_length_error,
            ..self
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

/// A row of a mesh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'a> {
    /// What it is about: `fit`, or the name of a volume.
    pub field: &'a str,
    /// The value of each setting that varies; empty where it is no fit.
    pub values: &'a [String],
    /// What came of it.
    pub figures: &'a Figures,
}

impl Row<'_> {
    /// Whether it is about a fit.
    pub fn is_fit(&self) -> bool {
        self.field == FIT
    }
}

/// What the table calls a fit.
const FIT: &str = "fit";

/// The results of a study in a folder.
#[derive(Debug)]
pub struct Results {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    /// Mesh, field and values of what has a row.
    done: HashSet<Vec<String>>,
    /// The same, with figures.
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
                read(&text, &header, study.varied.len() + 2).map_err(table)?
            }
        };
        let file = OpenOptions::new().append(true).open(&path);
        let file = file.map_err(io(&path))?;
        file.set_len(text.len() as u64).map_err(io(&path))?;
        Ok(Results {
            folder: folder.to_owned(),
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

    /// Whether something has its row.
    pub fn has(&self, study: &Study, mesh: &MeshStudy, entry: Entry<'_>) -> bool {
        self.done.contains(&key(study, mesh, entry))
    }

    /// Adds a row, which is on the disk when this returns.
    ///
    /// # Errors
    /// If the table cannot be written.
    pub fn add(
        &mut self,
        study: &Study,
        mesh: &MeshStudy,
        entry: Entry<'_>,
        figures: Figures,
    ) -> Result<(), ResultsError> {
        let key = key(study, mesh, entry);
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

    /// The rows of a mesh, the least near error first.
    pub fn ranked<'a>(&'a self, mesh: &MeshStudy) -> Vec<Row<'a>> {
        let rows = self.rows.iter().filter(|(key, _)| key[0] == mesh.name);
        let row = |(key, figures): &'a (Vec<String>, Figures)| Row {
            field: &key[1],
            values: &key[2..],
            figures,
        };
        let mut rows: Vec<Row<'_>> = rows.map(row).collect();
        let error = |row: &Row<'_>| row.figures.near_mae.unwrap_or(f64::INFINITY);
        rows.sort_by(|a, b| error(a).total_cmp(&error(b)));
        rows
    }

    /// Draws a picture a mesh into the study's folder. A mesh without a single figure has none.
    ///
    /// # Errors
    /// If a picture cannot be written.
    pub fn draw(&self, study: &Study) -> Result<Vec<PathBuf>, ResultsError> {
        let mut pictures: Vec<PathBuf> = Vec::new();
        for mesh in &study.meshes {
            let stem = mesh.path.file_stem().unwrap_or_default();
            let stem = stem.to_string_lossy();
            let numbered = (2..).map(|number| format!("{stem}-{number}.svg"));
            let mut names = std::iter::once(format!("{stem}.svg")).chain(numbered);
            // Meshes of two folders may have one name.
            let path = names
                .find_map(|name| {
                    let path = self.folder.join(name);
                    (!pictures.contains(&path)).then_some(path)
                })
                .expect("some number is free");
            let io = |source| ResultsError::Io {
                path: path.clone(),
                source,
            };
            let name = mesh.path.file_name().unwrap_or_default().to_string_lossy();
            let drawn = picture(&name, &study.varied, &self.ranked(mesh));
            if let Some(svg) = drawn.map_err(io)? {
                atomic_file::write(&path, |file| file.write_all(svg.as_bytes())).map_err(io)?;
                pictures.push(path);
            }
        }
        Ok(pictures)
    }
}

/// What a row is found by.
fn key(study: &Study, mesh: &MeshStudy, entry: Entry<'_>) -> Vec<String> {
    let (field, values) = match entry {
        Entry::Fit(fit) => (FIT.to_owned(), fit.values.clone()),
        Entry::Volume(volume) => (volume.to_string(), vec![String::new(); study.varied.len()]),
    };
    let names = [mesh.name.clone(), field].into_iter();
    names.chain(values).collect()
}

/// The names of the columns.
fn header(study: &Study) -> Vec<String> {
    let names = ["mesh", "field"].map(str::to_owned).into_iter();
    let figures = Figures::NAMES.iter().map(|&name| name.to_owned());
    names
        .chain(study.varied.iter().cloned())
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

    const TEXT: &str = "meshes = ['a.obj', 'b, c.obj']\ngrid.loss = ['l1', 'l1,gradient=0.5']\n\
        beside.dense = [8]";

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
        let [other, mesh] = &study.meshes[..] else {
            panic!("there are two meshes");
        };
        let entries: Vec<Entry<'_>> = mesh.entries().collect();
        let [volume, first, second] = entries[..] else {
            panic!("there are a volume and two losses");
        };
        let mut results = Results::open(folder.path(), &study).unwrap();
        assert!(!results.has(&study, mesh, first));
        results.add(&study, mesh, first, figures(0.25)).unwrap();
        let failed = Figures::failed(&"it said:\n\"no\", twice");
        results.add(&study, mesh, second, failed).unwrap();
        results.add(&study, mesh, volume, figures(0.125)).unwrap();
        let path = results.path().to_owned();
        drop(results);
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{whole}a.obj,fit,l1,3.2")).unwrap();

        let mut results = Results::open(folder.path(), &study).unwrap();
        assert!([volume, first, second].map(|e| results.has(&study, mesh, e)) == [true; 3]);
        assert!(!results.has(&study, other, first));
        let [best, fit, failed] = results.ranked(mesh)[..] else {
            panic!("there are three rows");
        };
        assert_eq!((best.field, best.is_fit()), ("dense 8", false));
        assert_eq!(
            (best.values, best.figures),
            (&[String::new()][..], &figures(0.125))
        );
        assert_eq!((fit.is_fit(), fit.figures), (true, &figures(0.25)));
        assert_eq!(failed.values, ["l1,gradient=0.5"]);
        assert_eq!(failed.figures.error, "it said: \"no\", twice");
        results.add(&study, other, first, figures(0.5)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with(&whole) && text.lines().count() == 5,
            "{text}"
        );
        assert!(text.starts_with("mesh,field,loss,seconds,steps,"), "{text}");
    }

    #[test]
    fn each_mesh_has_a_picture_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let study = study("meshes = ['a.obj', 'other/a.obj', 'b.obj']");
        let mut results = Results::open(folder.path(), &study).unwrap();
        for (mesh, error) in study.meshes.iter().zip([0.25, 0.5]) {
            let fit = mesh.entries().next().unwrap();
            results.add(&study, mesh, fit, figures(error)).unwrap();
        }
        let pictures = results.draw(&study).unwrap();
        let expected = ["a.svg", "a-2.svg"].map(|name| folder.path().join(name));
        assert_eq!(pictures, expected);
        for path in &pictures {
            let svg = fs::read_to_string(path).unwrap();
            assert!(svg.starts_with("<svg") && svg.contains("a.obj"), "{svg}");
        }
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
