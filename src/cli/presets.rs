//! `overfit presets`: what there is to choose from, and what each choice sets.

use clap::Args;
use serde::Serialize;

use super::arguments::preset;
use super::output::{print_json, print_text};
use crate::train::{FitSettings, Preset, PresetChoice, settings_schema};

/// List the presets, or print all settings of one
///
/// What it prints of one is TOML: change it and give it to `fit` as --config, or give single settings as --set NAME=VALUE.
#[derive(Args)]
pub(super) struct PresetsArguments {
    /// Print the settings of this one
    #[arg(value_name = "NAME", value_parser = preset())]
    name: Option<Preset>,

    /// Print what a TOML file of settings may hold, as a JSON schema: each setting in words, with its default and its range
    #[arg(long, conflicts_with = "name")]
    schema: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct PresetsReport {
    presets: Vec<PresetReport>,
}

#[derive(Serialize)]
struct PresetReport {
    name: &'static str,
    description: &'static str,
    settings: FitSettings,
}

impl PresetReport {
    fn of(preset: Preset) -> Self {
        Self {
            name: preset.name(),
            description: preset.description(),
            settings: preset.settings(),
        }
    }
}

pub(super) fn run(arguments: &PresetsArguments) -> anyhow::Result<()> {
    if arguments.schema {
        return print_text(&serde_json::to_string_pretty(&settings_schema())?);
    }
    let chosen = arguments.name.map(|name| vec![name]);
    let chosen = chosen.unwrap_or(Preset::ALL.to_vec());
    if arguments.json {
        let presets = chosen.into_iter().map(PresetReport::of).collect();
        return print_json(&PresetsReport { presets });
    }
    if let Some(name) = arguments.name {
        return print_text(toml::to_string(&name.settings())?.trim_end());
    }
    let lines = chosen.into_iter().map(|preset| {
        let (name, seconds) = (preset.name(), preset.seconds());
        format!("{name:<10} {seconds:>4} s   {}", preset.description())
    });
    let auto = format!(
        "{:<17}  {}",
        PresetChoice::Auto,
        PresetChoice::AUTO_DESCRIPTION
    );
    let lines: Vec<String> = std::iter::once(auto).chain(lines).collect();
    print_text(&lines.join("\n"))
}
