//! Two sides measured in turn, and the lines of the table.

use std::time::{Duration, Instant};

use super::dense::Prefetch;

/// Turns of each side.
const N_TURNS: usize = 7;
/// How long a turn is made.
const TURN: Duration = Duration::from_millis(5);

/// The words of the command line, all of which a line must have.
pub struct Selection(Vec<String>);

impl Selection {
    pub fn from_arguments() -> Self {
        Self(std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect())
    }

    fn includes(&self, words: &[String]) -> bool {
        self.0.iter().all(|wanted| words.contains(wanted))
    }

    /// Whether lines that begin with these words may be included: no other arithmetic, type or shape is asked for.
    pub fn may_include(&self, words: &[&str]) -> bool {
        let is_other = |wanted: &String| {
            let is_shape = wanted.split_once('x').is_some_and(|(n, _)| n.parse::<usize>().is_ok());
            let is_kind =
                ["dense", "valued", "csr", "softmax", "rule", "f32", "f64"].contains(&wanted.as_str());
            (is_shape || is_kind) && !words.contains(&wanted.as_str())
        };
        !self.0.iter().any(is_other)
    }
}

/// A line: arithmetic, type, shape, batch size, order, threads.
pub struct Line {
    pub words: [String; 6],
    /// Rows of an epoch.
    pub n_rows: usize,
}

impl Line {
    /// Measures epochs of the library beside those of the bare loop with each of these prefetches, and prints the line.
    pub fn measure(
        &self,
        selection: &Selection,
        library: impl Fn(usize) -> Vec<Duration>,
        prefetches: &[Prefetch],
        bare: impl Fn(Prefetch, usize) -> Option<Vec<Duration>>,
    ) {
        if !selection.includes(&self.words) {
            return;
        }
        let n_epochs = n_epochs(&library);
        let mut by_library = Vec::new();
        let mut by_prefetch = vec![Vec::new(); prefetches.len()];
        for _ in 0..N_TURNS {
            by_library.extend(library(n_epochs));
            for (times, &prefetch) in by_prefetch.iter_mut().zip(prefetches) {
                times.extend(bare(prefetch, n_epochs).unwrap_or_default());
            }
        }
        let of_row = |times: &mut Vec<Duration>| {
            times.sort();
            let ns = |time: Duration| time.as_secs_f64() * 1e9 / self.n_rows as f64;
            (!times.is_empty()).then(|| (ns(times[0]), ns(times[times.len() / 2])))
        };
        let (library, library_median) = of_row(&mut by_library).expect("a turn has epochs");
        let best = by_prefetch.iter_mut().zip(prefetches);
        let best = best.filter_map(|(times, prefetch)| Some((of_row(times)?, prefetch)));
        let bare = match best.min_by(|a, b| a.0.0.total_cmp(&b.0.0)) {
            Some(((min, median), prefetch)) => {
                format!("{min:8.2} ({median:7.2}) | {:>6} | {:5.2}", prefetch.name(), library / min)
            }
            None => "no bare loop for this processor".into(),
        };
        let [arithmetic, elem, shape, batch_size, order, threads] = &self.words;
        println!(
            "| {arithmetic:>8} {elem} | {shape:>11} | {batch_size:>5} | {order:>10} | {threads} | {library:8.2} \
             ({library_median:7.2}) | {bare} |"
        );
    }
}

/// So many epochs as make a turn.
fn n_epochs(library: impl Fn(usize) -> Vec<Duration>) -> usize {
    let start = Instant::now();
    let epochs = library(1);
    let epoch = epochs.iter().min().copied().unwrap_or(start.elapsed());
    (TURN.as_nanos() / epoch.as_nanos().max(1)).clamp(1, 100) as usize
}

pub fn print_header() {
    println!("ns a row: minimum (median)");
    println!(
        "| arithmetic   |       shape |     b |      order | thr | library            | bare loop          | fetch  | ratio |"
    );
    println!("|---|--:|--:|---|---|--:|--:|---|--:|");
}
