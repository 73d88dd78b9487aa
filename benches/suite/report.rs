//! What comes of a run: a table for people, a file for machines, a line of progress meanwhile.

use std::fmt::{self, Write as _};
use std::fs;
use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;

use super::Options;

/// Which of two figures is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Less,
    More,
}

/// The figures of one workload: for each contender one per round.
pub(crate) struct Table<'t> {
    pub(crate) title: &'t str,
    pub(crate) unit: &'t str,
    pub(crate) better: Better,
    pub(crate) rows: Vec<(&'t str, Vec<f64>)>,
    /// What hexapod's figure divided by another's should come to: at most this where less is
    /// better, at least this where more is.
    pub(crate) goals: &'t [(&'t str, f64)],
}

/// Median, smallest and largest of the rounds.
#[derive(Clone, Copy)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => sorted[len / 2],
        len => (sorted[len / 2 - 1] + sorted[len / 2]) / 2.0,
    }
}

impl Spread {
    fn of(figures: &[f64]) -> Self {
        let min = figures.iter().copied().fold(f64::INFINITY, f64::min);
        let max = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { median: median(figures), min, max }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median, min, max } = *self;
        // Three digits that count.
        let digits = match median {
            0.0..0.1 => 4,
            0.1..10.0 => 2,
            10.0..100.0 => 1,
            _ => 0,
        };
        let range = format!("[{min:.digits$} .. {max:.digits$}]");
        write!(f, "{median:>8.digits$} {range:<18}")
    }
}

pub(crate) struct Report {
    json: Vec<String>,
    goals: Vec<String>,
    /// The last table's rows, for goals that are no ratios.
    last: Vec<(String, Spread)>,
    quick: bool,
    rounds: usize,
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        let (quick, rounds) = (options.quick, options.rounds);
        println!("{rounds} rounds: median [smallest .. largest]; load {}", load());
        println!("the ratio is hexapod's figure divided by this one, within each round");
        Self { json: Vec::new(), goals: Vec::new(), last: Vec::new(), quick, rounds }
    }

    /// Shows what is going on, where somebody looks.
    pub(crate) fn progress(&self, doing: fmt::Arguments<'_>) {
        let mut stderr = std::io::stderr();
        if stderr.is_terminal() {
            let _ = write!(stderr, "\r\x1b[2K{doing}");
        } else {
            let _ = writeln!(stderr, "{doing}");
        }
    }

    pub(crate) fn add(&mut self, table: Table<'_>) {
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[2K");
        }
        let Table { title, unit, better, rows, goals } = table;
        println!("\n{title}, {unit}");
        let ours = rows.iter().find(|(name, _)| *name == "hexapod").map(|(_, it)| it.clone());
        let mut json = Vec::new();
        self.last.clear();
        for (name, figures) in &rows {
            let spread = Spread::of(figures);
            self.last.push(((*name).to_owned(), spread));
            let ratios: Option<Vec<f64>> = ours
                .as_ref()
                .filter(|_| *name != "hexapod")
                .map(|ours| ours.iter().zip(figures).map(|(ours, its)| ours / its).collect())
                .filter(|ratios: &Vec<f64>| ratios.iter().all(|ratio| ratio.is_finite()));
            let ratio = ratios.as_deref().map(Spread::of);
            let goal = goals.iter().find(|(other, _)| other == name).map(|(_, goal)| *goal);
            let mut line = format!("  {name:<24}{spread}");
            if let Some(ratio) = ratio {
                let _ = write!(line, "  {ratio}");
                if let Some(goal) = goal {
                    let _ = write!(line, "  {}", verdict(ratio.median, better, goal));
                    let verdict = verdict(ratio.median, better, goal);
                    self.goals.push(format!("  {title} / {name}: {ratio}  {verdict}"));
                }
            }
            println!("{}", line.trim_end());
            let list = |figures: &[f64]| {
                let figures: Vec<_> = figures.iter().map(|it| format!("{it:.4}")).collect();
                format!("[{}]", figures.join(", "))
            };
            json.push(format!(
                "{{\"name\": {name:?}, \"median\": {:.4}, \"rounds\": {}, \"ratios\": {}, \
                 \"goal\": {}}}",
                spread.median,
                list(figures),
                list(ratios.as_deref().unwrap_or_default()),
                goal.map_or_else(|| "null".to_owned(), |goal| goal.to_string()),
            ));
        }
        let better = if better == Better::Less { "less" } else { "more" };
        self.json.push(format!(
            "    {{\"title\": {title:?}, \"unit\": {unit:?}, \"better\": {better:?}, \
             \"rows\": [\n      {}\n    ]}}",
            json.join(",\n      ")
        ));
    }

    /// A goal that is no ratio: a bound on a median of the last table.
    pub(crate) fn bound(&mut self, what: &str, name: &str, most: f64) {
        if let Some((_, spread)) = self.last.iter().find(|(other, _)| other == name) {
            let verdict = verdict(spread.median, Better::Less, most);
            self.goals.push(format!("  {what}: {spread}  {verdict}"));
        }
    }

    pub(crate) fn finish(self) {
        if self.quick {
            println!("\nThis was quick: it shows that everything runs, and measures nothing.");
        } else if !self.goals.is_empty() {
            println!("\nGoals\n{}", self.goals.join("\n"));
        }
        let path = target().join("hexapod-bench.json");
        let json = format!(
            "{{\n  \"quick\": {},\n  \"rounds\": {},\n  \"load\": {:?},\n  \"tables\": [\n{}\n  \
             ]\n}}\n",
            self.quick,
            self.rounds,
            load(),
            self.json.join(",\n")
        );
        match fs::write(&path, json) {
            Ok(()) => println!("\nEvery round: {}", path.display()),
            Err(error) => eprintln!("{}: {error}", path.display()),
        }
    }
}

fn verdict(figure: f64, better: Better, goal: f64) -> String {
    let (sign, reached) = match better {
        Better::Less => ("≤", figure <= goal),
        Better::More => ("≥", figure >= goal),
    };
    format!("{sign} {goal}: {}", if reached { "reached" } else { "MISSED" })
}

/// How busy the machine is, where it says.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_else(|_| "unknown".to_owned());
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// The target folder: this program lies two floors below, in `release/deps`.
fn target() -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_default();
    let deps = exe.ancestors().find(|folder| folder.ends_with("deps"));
    let target = deps.and_then(|deps| deps.ancestors().nth(2));
    let target = target.or_else(|| exe.ancestors().nth(2));
    target.map_or_else(PathBuf::new, |target| target.to_owned())
}
