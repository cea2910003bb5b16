//! What a new status says that the old one did not.

/// The lines of a status, each with what it is about.
pub type Lines = Vec<(String, String)>;

/// Lines that are new or say something else, then what is no longer said.
pub fn delta(old: &Lines, new: &Lines) -> Vec<String> {
    let said: Vec<_> = new.iter().filter(|line| !old.contains(line)).collect();
    let gone = old
        .iter()
        .filter(|line| !new.contains(line) && said.iter().all(|(key, _)| *key != line.0));
    let said = said.iter().map(|(key, text)| format!("{key}: {text}"));
    said.chain(gone.map(|(key, text)| format!("- {key}: {text}")))
        .collect()
}
