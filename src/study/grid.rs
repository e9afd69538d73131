//! What a study tries: every combination of some settings, on every mesh.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;
use toml::{Table, Value};

use super::{ExactVolume, VolumeKind};
use crate::distance::SignPolicy;
use crate::train::{
    Configuration, ConfigurationError, FitSettings, Preset, SettingsError, UnknownPreset,
};

/// Fits to be made, mesh by mesh.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    /// The file's text, by which a study is told from another.
    pub text: String,
    /// Names of the settings that vary.
    pub varied: Vec<String>,
    /// How inside and outside are told apart where it does not vary.
    pub sign: SignPolicy,
    /// One for each mesh.
    pub meshes: Vec<MeshStudy>,
}

/// The fits of one mesh.
#[derive(Clone, Debug, PartialEq)]
pub struct MeshStudy {
    /// The mesh as the study names it.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What needs no network, to compare with.
    pub volumes: Vec<ExactVolume>,
    /// Its fits.
    pub fits: Vec<StudyFit>,
}

/// What has a row in the table of results.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Entry<'a> {
    /// What needs no network.
    Volume(ExactVolume),
    /// A fit.
    Fit(&'a StudyFit),
}

/// One fit.
#[derive(Clone, Debug, PartialEq)]
pub struct StudyFit {
    /// The value of each setting that varies, as TOML has it.
    pub values: Vec<String>,
    /// All settings.
    pub settings: FitSettings,
}

/// A study that cannot be made.
#[derive(Debug, Error, PartialEq)]
pub enum StudyError {
    /// Not the TOML of a study.
    #[error(
        "this is no study: {0}. It has `meshes`, a list of files, and a table `grid` of settings with a list of values each; \
         `preset` and a table `settings` are what all fits start from, a table `beside` has volumes to compare with"
    )]
    Toml(String),
    /// Nothing to fit.
    #[error("the study has no mesh: `meshes` is a list of files")]
    NoMesh,
    /// A setting of the grid has no list of values.
    #[error("grid.{0}: give a list of values, such as [1, 2]")]
    NoList(String),
    /// A volume that nobody could compare with.
    #[error("beside.{0}: {1} cells along the longest side: it must be from 4 to 1024")]
    Cells(&'static str, u32),
    /// The grid is larger than anybody waits for.
    #[error("the study has {0} fits: at most {MOST_FITS} can be told apart")]
    TooMany(usize),
    /// The preset does not exist.
    #[error(transparent)]
    Preset(#[from] UnknownPreset),
    /// A setting cannot be changed like this.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// One combination cannot be trained with.
    #[error("with {0}: {1}")]
    Settings(String, SettingsError),
}

/// Cells of a volume along the longest side.
const CELLS: RangeInclusive<u32> = 4..=1024;

/// Most fits of a study.
const MOST_FITS: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    preset: String,
    meshes: Vec<PathBuf>,
    #[serde(default)]
    settings: Table,
    #[serde(default)]
    grid: Table,
    #[serde(default)]
    beside: Beside,
}

/// Resolutions of volumes.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Beside {
    dense: Vec<u32>,
    vdb: Vec<u32>,
}

impl Beside {
    fn volumes(&self) -> Result<Vec<ExactVolume>, StudyError> {
        let of_kind = |kind| {
            let cells = match kind {
                VolumeKind::Dense => &self.dense,
                VolumeKind::NarrowBand => &self.vdb,
            };
            cells.iter().map(move |&cells| ExactVolume { kind, cells })
        };
        let checked = |volume: ExactVolume| match CELLS.contains(&volume.cells) {
            true => Ok(volume),
            false => Err(StudyError::Cells(volume.kind.name(), volume.cells)),
        };
        let volumes = VolumeKind::ALL.into_iter().flat_map(of_kind);
        volumes.map(checked).collect()
    }
}

impl Study {
    /// Reads a study. Its meshes are found from `folder` on.
    ///
    /// # Errors
    /// [`StudyError`], before anything is trained: every combination of settings is checked.
    pub fn from_toml(text: &str, folder: &Path) -> Result<Study, StudyError> {
        let file: File = toml::from_str(text)
            .map_err(|error| StudyError::Toml(error.to_string().trim_end().replace('\n', " ")))?;
        if file.meshes.is_empty() {
            return Err(StudyError::NoMesh);
        }
        let volumes = file.beside.volumes()?;
        let preset: Preset = file.preset.parse()?;
        let mut settings = preset.settings();
        for (name, value) in leaves(&file.settings, |_| false) {
            settings = Configuration::of(&name, &value.to_string()).applied_to(&settings)?;
        }
        let mut axes = Vec::new();
        for (name, value) in leaves(&file.grid, Value::is_array) {
            match value.as_array() {
                Some(values) if !values.is_empty() => axes.push((name, values.clone())),
                _ => return Err(StudyError::NoList(name)),
            }
        }
        let combinations = (axes.iter())
            .try_fold(file.meshes.len(), |n, (_, values)| {
                n.checked_mul(values.len())
            })
            .unwrap_or(usize::MAX);
        if combinations > MOST_FITS {
            return Err(StudyError::TooMany(combinations));
        }
        let sign = settings.sign;
        let mut fits = vec![StudyFit {
            values: Vec::new(),
            settings,
        }];
        for (name, values) in &axes {
            fits = with_each(&fits, name, values)?;
        }
        let varied: Vec<String> = axes.into_iter().map(|(name, _)| name).collect();
        for fit in &fits {
            let named = |error| StudyError::Settings(named(&varied, &fit.values), error);
            fit.settings.validate().map_err(named)?;
        }
        let meshes = file.meshes.iter().map(|path| MeshStudy {
            name: path.display().to_string(),
            path: folder.join(path),
            volumes: volumes.clone(),
            fits: fits.clone(),
        });
        Ok(Study {
            text: text.to_owned(),
            varied,
            sign,
            meshes: meshes.collect(),
        })
    }

    /// How many rows its table has.
    pub fn rows(&self) -> usize {
        self.meshes.iter().map(|mesh| mesh.entries().count()).sum()
    }

    /// A fit by the settings that vary, a volume by its kind and resolution.
    pub fn named(&self, entry: Entry<'_>) -> String {
        match entry {
            Entry::Volume(volume) => volume.to_string(),
            Entry::Fit(fit) => named(&self.varied, &fit.values),
        }
    }
}

impl MeshStudy {
    /// What has a row, in the order in which rows are made.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let volumes = self.volumes.iter().map(|&volume| Entry::Volume(volume));
        volumes.chain(self.fits.iter().map(Entry::Fit))
    }
}

/// Names with values, in words.
fn named(names: &[String], values: &[String]) -> String {
    let pairs = names.iter().zip(values);
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join(" ")
}

/// Each of `fits` with each of the values.
fn with_each(
    fits: &[StudyFit],
    name: &str,
    values: &[Value],
) -> Result<Vec<StudyFit>, ConfigurationError> {
    let mut combined = Vec::with_capacity(fits.len() * values.len());
    for fit in fits {
        for value in values {
            let text = value.to_string();
            let mut varied = fit.values.clone();
            varied.push(value.as_str().map_or(text.clone(), str::to_owned));
            combined.push(StudyFit {
                values: varied,
                settings: Configuration::of(name, &text).applied_to(&fit.settings)?,
            });
        }
    }
    Ok(combined)
}

/// The values of a table by their names from its root on: what is no table, or what `is_value` says is one.
fn leaves(table: &Table, is_value: fn(&Value) -> bool) -> Vec<(String, Value)> {
    let mut leaves = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) if !is_value(value) => {
                let inner = self::leaves(inner, is_value);
                leaves.extend(
                    inner
                        .into_iter()
                        .map(|(rest, value)| (format!("{name}.{rest}"), value)),
                );
            }
            value => leaves.push((name.clone(), value.clone())),
        }
    }
    leaves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Loss;

    const STUDY: &str = r#"
        preset = "smooth"
        meshes = ["a.obj", "meshes/b.ply"]

        [settings]
        budget.seconds = "none"
        budget.steps = 40

        [grid]
        loss = ["l1", "l1,gradient=0.5"]
        architecture.mlp.hidden_width = [32, 64, 128]

        [beside]
        vdb = [128]
        dense = [32, 64]
    "#;

    #[test]
    fn every_combination_on_every_mesh_is_a_fit() {
        let study = Study::from_toml(STUDY, Path::new("/folder")).unwrap();
        assert_eq!(study.varied, ["architecture.mlp.hidden_width", "loss"]);
        assert_eq!(study.rows(), 2 * (3 + 2 * 3));
        assert_eq!(study.meshes[1].path, Path::new("/folder/meshes/b.ply"));
        let fit = &study.meshes[0].fits[3];
        assert_eq!(
            study.named(Entry::Fit(fit)),
            "architecture.mlp.hidden_width=64 loss=l1,gradient=0.5"
        );
        let volumes = study.meshes[1].volumes.iter();
        let volumes: Vec<String> = volumes.map(|&v| study.named(Entry::Volume(v))).collect();
        assert_eq!(volumes, ["dense 32", "dense 64", "vdb 128"]);
        let mut expected = Preset::Smooth.settings();
        (expected.budget.seconds, expected.budget.steps) = (None, Some(40));
        expected.loss = "l1,gradient=0.5".parse::<Loss>().unwrap();
        expected.architecture.mlp.hidden_width = 64;
        assert_eq!(fit.settings, expected);
    }

    #[test]
    fn a_study_without_a_grid_is_one_fit_a_mesh() {
        let study = Study::from_toml("meshes = ['a.obj']", Path::new("")).unwrap();
        assert_eq!((study.rows(), study.varied.len()), (1, 0));
    }

    #[test]
    fn the_docs_show_a_study() {
        let page = include_str!("../../docs/studies.md");
        let text = page.split("```").nth(1).unwrap().strip_prefix("toml");
        let study = Study::from_toml(text.unwrap(), Path::new("")).unwrap();
        assert_eq!(study.meshes.len(), 2);
        assert_eq!(study.rows(), 2 * (4 + 3 * 3));
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_is_trained() {
        let refused = |text: &str, words: &str| {
            let message = Study::from_toml(text, Path::new(""))
                .unwrap_err()
                .to_string();
            assert!(message.contains(words), "{message}");
        };
        refused("meshes = []", "no mesh");
        refused("grid.loss = ['l1']", "meshes");
        refused("meshes = ['a.obj']\ngrids.loss = ['l1']", "grids");
        refused("meshes = ['a.obj']\npreset = 'fancy'", "fancy");
        refused(
            "meshes = ['a.obj']\ngrid.loss = 'l1'",
            "grid.loss: give a list",
        );
        refused(
            "meshes = ['a.obj']\ngrid.loss = []",
            "grid.loss: give a list",
        );
        refused("meshes = ['a.obj']\ngrid.los = ['l1']", "'los'");
        refused("meshes = ['a.obj']\ngrid.loss = ['l1', 'l3']", "l3");
        refused(
            "meshes = ['a.obj']\ngrid.optimizer.batch_size = [64, 1]",
            "optimizer.batch_size=1: optimizer.batch_size is 1",
        );
        refused("meshes = ['a.obj']\nbeside.sparse = [64]", "sparse");
        refused(
            "meshes = ['a.obj']\nbeside.vdb = [64, 2]",
            "beside.vdb: 2 cells along the longest side: it must be from 4 to 1024",
        );
        let many: Vec<String> = (1..=101).map(|n| n.to_string()).collect();
        let many = many.join(",");
        refused(
            &format!("meshes = ['a.obj']\ngrid.seed = [{many}]\ngrid.budget.steps = [{many}]"),
            "10201 fits",
        );
    }
}
