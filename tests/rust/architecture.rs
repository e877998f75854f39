//! The rules of ARCHITECTURE.md that a reader of the source can check: who imports whom, where Python and
//! `unsafe` may be, and that the code map has every file.

use std::fs;
use std::path::Path;

/// The rooms, floor by floor. A room imports from the floors below its own and from no neighbour.
const FLOORS: &[&[&str]] = &[
    &["python"],
    &["train", "diagnose", "predict", "gather"],
    &["shuffle", "gradient", "update", "landscape"],
    &["data", "parallel", "pool", "prefetcher"],
    &["kernel"],
    &["scalar", "step_size", "options", "rng"],
    &["error"],
];

/// Who may look upstairs: a number type has to name its vectors, or no kernel could be called with it.
const STAIRS: &[(&str, &str)] = &[("scalar", "kernel")];

struct Source {
    /// Relative to `src`, with slashes.
    path: String,
    /// The text without comments.
    code: String,
}

impl Source {
    fn room(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// Whether `super` is the crate here.
    fn is_root_of_room(&self) -> bool {
        !self.path.contains('/') || self.path == format!("{}/mod.rs", self.room())
    }

    /// What follows each occurrence of `path`, as far as it is a name.
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
                sources.push(Source { path, code: code.join("\n") });
            }
        }
    }
    assert!(sources.len() > 50, "the source was found");
    sources
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

/// Whether a file of one room may name another; false also for what is not a room at all.
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
        // A list in braces has no name here and is refused with the rest: one room a line.
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
fn every_room_is_there_once() {
    let sources = sources();
    for room in FLOORS.iter().copied().flatten() {
        let n_floors = FLOORS.iter().filter(|floor| floor.contains(room)).count();
        assert!(n_floors == 1 && sources.iter().any(|source| source.room() == *room), "{room}");
    }
}

/// Files outside of `allowed` that have one of the words.
fn elsewhere(words: &[&str], allowed: impl Fn(&Source) -> bool) -> Vec<String> {
    let is_wrong = |source: &Source| !allowed(source) && words.iter().any(|word| source.has_word(word));
    sources().into_iter().filter(is_wrong).map(|source| source.path).collect()
}

#[test]
fn python_is_in_one_room() {
    assert_eq!(elsewhere(&["pyo3", "numpy"], |source| source.room() == "python"), [""; 0]);
}

#[test]
fn unsafe_is_in_one_room_and_at_the_border_of_arrays() {
    let allowed = |source: &Source| source.room() == "kernel" || source.path == "python/memory.rs";
    assert_eq!(elsewhere(&["unsafe"], allowed), [""; 0]);
}

/// A parallel iterator outside of a pool would be worked off in rayon's global one.
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

#[test]
fn the_code_map_has_every_file() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let page = fs::read_to_string(page).unwrap();
    let is_missing = |path: &String| !page.contains(&format!("- `{path}`"));
    let missing: Vec<String> = sources().into_iter().map(|source| source.path).filter(is_missing).collect();
    assert!(missing.is_empty(), "the code map of ARCHITECTURE.md lacks {}", missing.join(", "));
}
