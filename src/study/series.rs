//! Which rows of a study make up one line of its picture.

use super::Row;

/// The settings of a study, as a picture shows them.
///
/// A line follows what is varied to see its course: the budget, or else the last setting that has numbers for values. Of the
/// others the first one is told by colours, and all that are left together by shapes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Legend {
    /// The setting that colours tell.
    pub coloured: Option<Told>,
    /// The settings that shapes tell.
    pub shaped: Option<Told>,
    /// The settings that lines follow, by name.
    pub followed: Vec<String>,
}

/// What colours or shapes stand for.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    /// The setting's name, or those of several.
    pub name: String,
    /// Its values, in the order of their first rows in the table.
    pub values: Vec<String>,
    columns: Vec<usize>,
}

/// Rows that one line connects.
#[derive(Debug, PartialEq)]
pub(super) struct Series<'a> {
    /// Index of the colour.
    pub colour: usize,
    /// Index of the shape.
    pub shape: usize,
    /// Whether a line through them means something.
    pub connected: bool,
    /// In no order.
    pub rows: Vec<Row<'a>>,
}

impl Told {
    fn of(varied: &[String], columns: Vec<usize>, rows: &[Row<'_>]) -> Option<Told> {
        let first = *columns.first()?;
        let mut told = Told {
            name: match columns.len() {
                1 => varied[first].clone(),
                _ => {
                    let names: Vec<&str> = columns.iter().map(|&column| &*varied[column]).collect();
                    names.join(", ")
                }
            },
            values: Vec::new(),
            columns,
        };
        for row in rows {
            let value = told.value(row);
            if !told.values.contains(&value) {
                told.values.push(value);
            }
        }
        // By number where they are numbers, by letters where not.
        let number = |value: &String| value.parse::<f64>().unwrap_or(f64::INFINITY);
        told.values
            .sort_by(|a, b| number(a).total_cmp(&number(b)).then_with(|| a.cmp(b)));
        Some(told)
    }

    fn value(&self, row: &Row<'_>) -> String {
        let values: Vec<&str> = self.columns.iter().map(|&c| &*row.values[c]).collect();
        values.join(", ")
    }

    fn index(told: Option<&Told>, row: &Row<'_>) -> usize {
        let place = |told: &Told| {
            let value = told.value(row);
            told.values.iter().position(|known| *known == value)
        };
        told.and_then(place).unwrap_or(0)
    }
}

/// Sorts fits into lines. `varied` are the names of the settings, in the order of the rows' values.
pub(super) fn series<'a>(varied: &[String], fits: &[Row<'a>]) -> (Legend, Vec<Series<'a>>) {
    let is_budget = |&column: &usize| varied[column].starts_with("budget.");
    let is_number = |&column: &usize| {
        let mut values = fits.iter().map(|row| row.values[column].parse::<f64>());
        values.all(|value| value.is_ok())
    };
    let mut followed: Vec<usize> = (0..varied.len()).filter(is_budget).collect();
    if followed.is_empty() {
        followed.extend((0..varied.len()).rfind(is_number));
    }
    let others: Vec<usize> = (0..varied.len())
        .filter(|column| !followed.contains(column))
        .collect();
    let (first, rest) = others.split_at(others.len().min(1));
    let legend = Legend {
        coloured: Told::of(varied, first.to_vec(), fits),
        shaped: Told::of(varied, rest.to_vec(), fits),
        followed: followed.iter().map(|&c| varied[c].clone()).collect(),
    };
    let mut found: Vec<Series<'a>> = Vec::new();
    for &row in fits {
        let colour = Told::index(legend.coloured.as_ref(), &row);
        let shape = Told::index(legend.shaped.as_ref(), &row);
        match found
            .iter_mut()
            .find(|s| (s.colour, s.shape) == (colour, shape))
        {
            Some(series) => series.rows.push(row),
            None => found.push(Series {
                colour,
                shape,
                connected: !followed.is_empty(),
                rows: vec![row],
            }),
        }
    }
    found.sort_by_key(|series| (series.colour, series.shape));
    (legend, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Figures;

    /// The series of fits with every combination of some settings' values: colours, shapes and how many rows each has.
    fn of_grid(grid: &[(&str, &[&str])]) -> (Legend, Vec<(usize, usize, usize)>) {
        let mut values = vec![Vec::new()];
        for (_, choices) in grid {
            values = (values.iter())
                .flat_map(|row: &Vec<String>| {
                    choices.iter().map(move |&choice| {
                        let mut row = row.clone();
                        row.push(choice.to_owned());
                        row
                    })
                })
                .collect();
        }
        let figures = Figures::default();
        let fits: Vec<Row<'_>> = values
            .iter()
            .map(|values| Row {
                field: "fit",
                values,
                figures: &figures,
            })
            .collect();
        let varied: Vec<String> = grid.iter().map(|(name, _)| (*name).to_owned()).collect();
        let (legend, series) = series(&varied, &fits);
        let counts = series.iter().map(|s| (s.colour, s.shape, s.rows.len()));
        (legend, counts.collect())
    }

    #[test]
    fn lines_follow_the_budget() {
        let (legend, series) = of_grid(&[
            ("budget.seconds", &["2", "4", "8"]),
            ("loss", &["l1", "huber"]),
            ("seed", &["1", "2"]),
        ]);
        assert_eq!(legend.followed, ["budget.seconds"]);
        let told = [legend.coloured, legend.shaped].map(|told| {
            let told = told.unwrap();
            (told.name, told.values.join(" "))
        });
        let expected = [("loss", "huber l1"), ("seed", "1 2")];
        assert_eq!(told, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(series, [(0, 0, 3), (0, 1, 3), (1, 0, 3), (1, 1, 3)]);
    }

    #[test]
    fn without_a_budget_lines_follow_numbers_and_never_names() {
        let (legend, series) = of_grid(&[("loss", &["l1", "l2"]), ("width", &["8", "128", "16"])]);
        assert_eq!((legend.followed.len(), series.len()), (1, 2));
        let (legend, series) = of_grid(&[("loss", &["l1", "l2"])]);
        assert_eq!((legend.followed.len(), series.len()), (0, 2));
        let (legend, series) = of_grid(&[]);
        assert_eq!((legend, series), (Legend::default(), vec![(0, 0, 1)]));
        let (legend, _) = of_grid(&[("loss", &["l1"]), ("kind", &["a"]), ("width", &["8"])]);
        assert_eq!(legend.shaped.unwrap().name, "kind");
    }
}
