//! The rules of ARCHITECTURE.md that a reader of the source can check: who imports whom, where Python and
//! `unsafe` may be, how long files are, that a type name means one thing, and the code map.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, floor by floor. A room imports from the floors below its own and from no neighbour.
const FLOORS: &[(&str, &[&str])] = &[
    ("The crate's documentation, with a tested example", &["lib"]),
    ("The binding to Python, compiled with the feature `python` only", &["python"]),
    ("What users ask for", &["train", "diagnose", "predict", "gather"]),
    ("The three verbs, and landscapes to try them on", &["shuffle", "gradient", "update", "landscape"]),
    ("Data", &["data"]),
    ("Threads and processes", &["parallel", "pool", "prefetcher", "ranks"]),
    ("SIMD", &["kernel"]),
    ("Numbers and names", &["scalar", "step_size", "options", "rng"]),
    ("Errors", &["error"]),
];

/// The maximum number of lines of a file.
const MAX_LINES: usize = 400;

/// Exceptions that import from a floor above: a number type has to name its vectors, or no kernel could be
/// called with it.
const STAIRS: &[(&str, &str)] = &[("scalar", "kernel")];

struct Source {
    /// Relative to `src`, with slashes.
    path: String,
    text: String,
    /// The text without comments.
    code: String,
}

impl Source {
    fn room(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// Whether `super` is the crate in this file.
    fn is_root_of_room(&self) -> bool {
        !self.path.contains('/') || self.path == format!("{}/mod.rs", self.room())
    }

    /// The name after each occurrence of `path`, empty if none follows.
    fn names_after(&self, path: &str) -> Vec<&str> {
        let mut rests = self.code.split(path);
        rests.next();
        rests.map(|rest| rest.split(|c: char| !is_of_a_name(c)).next().unwrap()).collect()
    }

    fn has_word(&self, word: &str) -> bool {
        self.code.split(|c: char| !is_of_a_name(c)).any(|found| found == word)
    }
}

fn is_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>();
                let path = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                let code = code.join("\n");
                sources.push(Source { path, text, code });
            }
        }
    }
    assert!(sources.len() > 50, "the source was found");
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|(_, rooms)| rooms.contains(&room))
}

/// Whether a file of one room may import another room; false for a name that is not a room.
fn may_import(importer: &str, imported: &str) -> bool {
    let is_below = floor_of(imported) > floor_of(importer);
    imported == importer || is_below || STAIRS.contains(&(importer, imported))
}

#[test]
fn imports_run_one_way() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.path != "lib.rs") {
        let room = source.room();
        assert!(floor_of(room).is_some(), "{}: give the room a floor in this test", source.path);
        let mut imported = source.names_after("crate::");
        if source.is_root_of_room() {
            imported.extend(source.names_after("super::").iter().filter(|name| floor_of(name).is_some()));
        }
        // A list in braces gives an empty name and is refused too: import one room per line.
        broken.extend(
            imported
                .iter()
                .filter(|name| !may_import(room, name))
                .map(|name| format!("{} imports crate::{name}", source.path)),
        );
        assert!(!source.code.contains("super::super"), "{}: say crate:: instead", source.path);
    }
    assert!(broken.is_empty(), "against the direction of imports:\n{}", broken.join("\n"));
}

#[test]
fn every_room_exists_once() {
    let sources = sources();
    for room in FLOORS.iter().flat_map(|(_, rooms)| *rooms) {
        let n_floors = FLOORS.iter().filter(|(_, rooms)| rooms.contains(room)).count();
        assert!(n_floors == 1 && sources.iter().any(|source| source.room() == *room), "{room}");
    }
}

/// Files outside `allowed` that have one of the words.
fn elsewhere(words: &[&str], allowed: impl Fn(&Source) -> bool) -> Vec<String> {
    let is_wrong = |source: &Source| !allowed(source) && words.iter().any(|word| source.has_word(word));
    sources().into_iter().filter(is_wrong).map(|source| source.path).collect()
}

#[test]
fn python_is_in_one_room() {
    assert_eq!(elsewhere(&["pyo3", "numpy"], |source| source.room() == "python"), [""; 0]);
}

#[test]
fn unsafe_is_in_one_room_at_the_border_of_arrays_and_where_a_team_meets() {
    let allowed = |source: &Source| {
        source.room() == "kernel"
            || ["parallel/mod.rs", "python/memory.rs", "python/mpi.rs", "python/symbol.rs"]
                .contains(&source.path.as_str())
    };
    assert_eq!(elsewhere(&["unsafe"], allowed), [""; 0]);
}

/// A parallel iterator outside a pool would run in rayon's global pool.
#[test]
fn rayon_is_in_one_room() {
    assert_eq!(elsewhere(&["rayon"], |source| source.room() == "pool"), [""; 0]);
}

/// One variable, documented at [`mbgd_rs::kernel::Tier::current`].
#[test]
fn the_environment_is_read_in_one_place() {
    let allowed = |source: &Source| source.path == "kernel/tier.rs";
    assert_eq!(elsewhere(&["var", "var_os", "vars", "vars_os"], allowed), [""; 0]);
}

impl Source {
    /// The code without the tests at its end.
    fn code_without_tests(&self) -> &str {
        self.code.split("#[cfg(test)]").next().unwrap()
    }
}

/// Who may allocate without asking whether there is memory, and what decides how much. An allocation that fails ends
/// the process; [`mbgd_rs::error`] has functions for what is as large as a user likes.
const SMALL_ALLOCATIONS: &[(&str, &str)] = &[
    ("data/csr.rs", "the entries of one row"),
    ("data/gathered_rows.rs", "the number of processes"),
    ("diagnose/batch_size.rs", "the number of batch sizes that were tried"),
    ("diagnose/noise.rs", "the number of batch sizes that were tried"),
    ("diagnose/robust_line.rs", "the number of times that were measured"),
    ("diagnose/step_cost.rs", "the number of batch sizes that were tried"),
    (
        "gradient/layout.rs",
        "the parameters, for tests and for users of the crate: Python's are read in place",
    ),
    ("gradient/in_place/columns.rs", "the number of threads, or of slots"),
    ("gradient/in_place/mod.rs", "the number of threads, of slots, or of intercepts"),
    ("gradient/model/architecture.rs", "the number of layers"),
    ("gradient/model/mlp/activations.rs", "the number of layers"),
    ("gradient/model/mlp/mod.rs", "the number of layers"),
    ("gradient/sharded.rs", "the number of workers, or of vectors"),
    ("gradient/work.rs", "the number of threads"),
    ("kernel/shards.rs", "the number of workers"),
    ("kernel/tier.rs", "the number of instruction sets"),
    ("parallel/mod.rs", "the number of processors"),
    ("prefetcher.rs", "at most 64"),
    ("python/checkpoint.rs", "the number of checkpoints of a run"),
    ("python/gradients.rs", "the number of batch sizes that were tried, or of batches"),
    ("python/minibatches.rs", "the number of arrays"),
    ("python/mod.rs", "the number of instruction sets"),
    ("python/mpi.rs", "the number of processes"),
    ("python/optimizer.rs", "the number of an optimizer's vectors"),
    ("python/selection.rs", "the number of rules"),
    ("python/state/codecs.rs", "the number of vectors or rules in a state"),
    ("python/tensors.rs", "the header of a file, which the crate that reads it has in memory already"),
    ("train/checkpoints.rs", "the number of checkpoints of a run"),
    ("train/control/auto_rate/mod.rs", "the number of a method's numbers"),
    ("train/control/auto_rate/spectral.rs", "the number of a method's numbers"),
    ("train/moving.rs", "the number of an optimizer's vectors"),
    ("train/parameters.rs", "the number of an optimizer's vectors"),
    ("train/pilot.rs", "the number of seeds"),
    ("train/validation.rs", "the number of rules"),
    ("update/optimizer.rs", "the number of an optimizer's vectors and numbers"),
];

/// Whether code has `vec![x; n]` with an n that is neither a number nor a constant.
fn has_vector_of_some_length(code: &str) -> bool {
    code.split("vec![").skip(1).any(|rest| {
        let inside = rest.split(']').next().unwrap();
        let is_known = |n: &str| n.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase() || c == '_');
        inside.rsplit_once(';').is_some_and(|(_, n)| !is_known(n.trim()))
    })
}

#[test]
fn memory_for_what_is_as_large_as_users_like_is_asked_for() {
    const UNASKED: &[&str] = &[
        "with_capacity(",
        ".to_vec()",
        ".collect()",
        ".collect::",
        ".concat()",
        ".repeat(",
        ".to_pyarray(",
        "::from_iter(",
        "::from_slice(",
    ];
    let allocates = |source: &Source| {
        let code = source.code_without_tests();
        UNASKED.iter().any(|word| code.contains(word)) || has_vector_of_some_length(code)
    };
    let sources = sources();
    let found: Vec<&str> =
        sources.iter().filter(|source| allocates(source)).map(|source| source.path.as_str()).collect();
    let is_small = |path: &&str| SMALL_ALLOCATIONS.iter().any(|(known, _)| known == path);
    let unknown: Vec<_> = found.iter().filter(|path| !is_small(path)).collect();
    assert!(unknown.is_empty(), "use try_filled, try_copied, try_collected or try_reserved: {unknown:?}");
    let spent: Vec<_> = SMALL_ALLOCATIONS.iter().filter(|(path, _)| !found.contains(path)).collect();
    assert!(spent.is_empty(), "no longer needed in SMALL_ALLOCATIONS: {spent:?}");
}

/// The function that begins at the start of `code`, up to the end of its body.
fn function(code: &str) -> &str {
    let (mut depth, mut in_brackets) = (0, 0);
    for (i, c) in code.char_indices() {
        match c {
            '(' | '[' => in_brackets += 1,
            ')' | ']' => in_brackets -= 1,
            '{' if in_brackets == 0 || depth > 0 => depth += 1,
            '}' if in_brackets == 0 || depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    return &code[..=i];
                }
            }
            _ => {}
        }
    }
    code
}

/// PyO3's own exception for a panic is none that `except Exception` catches.
#[test]
fn every_entry_of_the_binding_catches_panics() {
    let mut bare = Vec::new();
    for source in sources().iter().filter(|source| source.room() == "python") {
        let functions = source
            .code
            .split("#[pyfunction]")
            .skip(1)
            .map(|rest| function(&rest[rest.find("fn ").unwrap()..]));
        let classes = source.code.split("#[pymethods]").skip(1).map(function);
        let methods = classes.flat_map(|class| class.split("\n    fn ").skip(1));
        let entries: Vec<&str> = functions.chain(methods).collect();
        let is_bare = |entry: &&str| !entry.contains("caught(") && !entry.contains("__iter__");
        let name = |entry: &str| entry.lines().next().unwrap().to_owned();
        bare.extend(
            entries
                .iter()
                .filter(|entry| is_bare(entry))
                .map(|entry| format!("{}: {}", source.path, name(entry))),
        );
    }
    assert!(bare.is_empty(), "entries that let a panic through:\n{}", bare.join("\n"));
}

#[test]
fn files_are_short() {
    // Still to be split by concept.
    let still_long = ["python/fit.rs"];
    for source in sources().iter().filter(|source| !still_long.contains(&&*source.path)) {
        let n_lines = source.text.lines().count();
        assert!(n_lines <= MAX_LINES, "{} has {n_lines} lines, more than {MAX_LINES}", source.path);
    }
}

/// The loop is meant to be read: none of its functions is longer than a page.
#[test]
fn functions_of_the_loop_are_short() {
    const MAX_LINES: usize = 60;
    let indent = |line: &str| line.len() - line.trim_start().len();
    let begins =
        |line: &str| line.split_whitespace().take_while(|word| !word.contains('(')).any(|w| w == "fn");
    for source in sources().iter().filter(|source| source.room() == "train") {
        let lines: Vec<&str> = source.text.lines().collect();
        for (i, line) in lines.iter().enumerate().filter(|(_, line)| begins(line)) {
            let is_end = |l: &&str| indent(l) == indent(line) && l.trim_start().starts_with('}');
            let n_lines = lines[i..].iter().position(is_end).unwrap_or(0) + 1;
            let name = line.trim();
            assert!(n_lines <= MAX_LINES, "{}: {name} has {n_lines} lines", source.path);
        }
    }
}

/// The name of the type or trait that a line declares, associated types excepted.
fn declared(line: &str) -> Option<&str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let declares = |word: &&str| {
        ["struct", "enum", "union", "trait"].contains(word) || (*word == "type" && !line.starts_with(' '))
    };
    let place = words.iter().position(declares)?;
    let is_modifier = |word: &&str| word.starts_with("pub") || word.ends_with(')') || *word == "unsafe";
    let name = words.get(place + 1)?.split(|c: char| !is_of_a_name(c)).next()?;
    (words[..place].iter().all(is_modifier) && !name.is_empty()).then_some(name)
}

/// A type name means one thing in the core. The binding mirrors the core's names, so it is checked
/// separately; the two vector types have the same names on every tier.
#[test]
fn a_type_name_means_one_thing() {
    let of_every_tier = ["F32x16", "F64x8"];
    let mut found = BTreeMap::<(bool, String), Vec<String>>::new();
    for source in sources() {
        for name in source.code.lines().filter_map(declared).filter(|name| !of_every_tier.contains(name)) {
            let key = (source.room() == "python", name.to_owned());
            found.entry(key).or_default().push(source.path.clone());
        }
    }
    assert!(found.len() > 200, "the declarations were found");
    found.retain(|_, paths| paths.len() > 1);
    assert!(found.is_empty(), "declared more than once: {found:#?}");
}

const BEGIN_OF_MAP: &str = "<!-- code map -->\n";
const END_OF_MAP: &str = "<!-- end of code map -->\n";

fn architecture_page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")
}

/// The first sentence of a file.
fn summary(source: &Source) -> String {
    let lines = source.text.lines().map_while(|line| line.strip_prefix("//! "));
    let paragraph = lines.collect::<Vec<_>>().join(" ");
    let sentence = paragraph.split(". ").next().unwrap().trim_end_matches('.');
    assert!(!sentence.is_empty(), "{} does not begin by saying what it is", source.path);
    sentence.to_owned()
}

/// Families of files that are named after what they have: the code map has a line for all of them.
const FAMILIES: &[(&str, &str)] = &[
    ("impl Pointwise for", "a loss"),
    ("impl Update for", "an optimizer"),
    ("impl Rates for", "a schedule"),
];

/// The line of a file: with its first sentence, or that of its family.
fn line_of(source: &Source) -> String {
    let is_of = |(implements, _): &&(&str, &str)| source.code.contains(implements);
    match (FAMILIES.iter().find(is_of), source.path.rsplit_once('/')) {
        (Some((_, what)), Some((folder, _))) => format!("- `{folder}/*.rs` - {what} each\n"),
        _ => format!("- `{}` - {}\n", source.path, summary(source)),
    }
}

/// Every file, or family of files, floor by floor.
fn code_map() -> String {
    let sources = sources();
    let mut map = String::new();
    for (title, rooms) in FLOORS {
        map += &format!("\n{title}:\n\n");
        for room in *rooms {
            let (roots, others): (Vec<_>, Vec<_>) =
                sources.iter().filter(|source| source.room() == *room).partition(|s| s.is_root_of_room());
            for source in roots.into_iter().chain(others) {
                let line = line_of(source);
                if !map.contains(&line) {
                    map += &line;
                }
            }
        }
    }
    map + "\n"
}

/// The page as it is, and with the code map as it should be.
fn page_and_updated() -> (String, String) {
    let page = fs::read_to_string(architecture_page()).unwrap();
    let (before, rest) = page.split_once(BEGIN_OF_MAP).expect("the beginning of the code map");
    let (_, after) = rest.split_once(END_OF_MAP).expect("the end of the code map");
    let updated = format!("{before}{BEGIN_OF_MAP}{}{END_OF_MAP}{after}", code_map());
    (page, updated)
}

#[test]
fn the_code_map_is_made_of_the_files() {
    let (page, updated) = page_and_updated();
    assert!(page == updated, "run: cargo test --test architecture -- --ignored write_the_code_map");
}

/// Every stop of the walk is a file, and has the function or type that it is about.
#[test]
fn the_walk_leads_through_files_that_exist() {
    let page = fs::read_to_string(architecture_page()).unwrap();
    let (_, walk) = page.split_once("### A walk").expect("the walk");
    let (walk, _) = walk.split_once("\n#").expect("its end");
    let stops: Vec<_> = walk.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).collect();
    assert!(stops.len() >= 20);
    for stop in stops {
        let quoted: Vec<&str> = stop.split('`').skip(1).step_by(2).collect();
        let [path, name, ..] = quoted[..] else { panic!("no file and name: {stop}") };
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path);
        let is_there = ["fn", "struct", "def", "class"].iter().any(|word| {
            let declared = format!("{word} {name}");
            text.split(&*declared).skip(1).any(|rest| !rest.starts_with(is_of_a_name))
        });
        assert!(is_there, "{path} has no {name}");
    }
}

#[test]
#[ignore = "writes ARCHITECTURE.md"]
fn write_the_code_map() {
    let (_, updated) = page_and_updated();
    fs::write(architecture_page(), updated).unwrap();
}
