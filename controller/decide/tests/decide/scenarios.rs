//! Every file in `tests/scenarios`: a script, a line `---`, and all that is
//! decided at each of its steps. `UPDATE_SCENARIOS=1` writes the latter anew.

use std::path::{Path, PathBuf};

use unstall_decide::decide;

use crate::world::{Scenario, World};
use crate::{rules, text};

const BETWEEN: &str = "\n---\n";
const UPDATE: &str = "UPDATE_SCENARIOS";

/// Every scenario file, by its name, with its text.
pub fn files() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect()
}

/// What a file expects.
pub fn expected(text: &str) -> &str {
    text.split_once(BETWEEN)
        .map_or("", |(_, expected)| expected)
}

/// Plays `script` and tells what is decided at each step.
fn play(script: &str) -> Result<String, String> {
    let scenario: Scenario = serde_saphyr::from_str(script).map_err(|e| e.to_string())?;
    let mut world = World::new();
    let mut told = String::new();
    for (number, step) in (1..).zip(&scenario.steps) {
        let at = |why| format!("step {number}: {why}");
        world.happen(step).map_err(at)?;
        if number == 1 && !step.fresh {
            world.settle();
        }
        for pass in 1..=step.passes.unwrap_or(1) {
            let seen = world.seen(&step.stale, &step.unread);
            let plan = decide(&seen);
            let broken = rules::broken(&seen, &plan);
            if !broken.is_empty() {
                return Err(at(broken.join("\n")));
            }
            let plan_text = text::plan(&seen, &plan);
            if let Some(meanwhile) = &step.meanwhile {
                world.happen(meanwhile).map_err(at)?;
            }
            let ended = world.pass(&seen, plan, step.cut_after.as_deref());
            if step.quiet {
                continue;
            }
            let mark = step
                .passes
                .map_or(String::new(), |_| format!(", pass {pass}"));
            let time = world.now().strftime("%H:%M:%S");
            told += &format!("{number}. {time}{mark} {}\n{plan_text}", step.say);
            for why in ended {
                told += &format!("  {why}\n");
            }
        }
    }
    if scenario.about.is_empty() {
        return Err("about: write what the scenario shows".to_owned());
    }
    Ok(told)
}

/// What is wrong with a file, after writing it anew where that is wanted.
fn problem(path: &Path, text: &str) -> Option<String> {
    let script = text.split_once(BETWEEN).map_or(text, |(script, _)| script);
    let script = script.trim_end();
    let name = path.file_name().unwrap().to_string_lossy();
    let found = match play(script) {
        Ok(found) => found,
        Err(why) => return Some(format!("{name}: {why}")),
    };
    if expected(text) == found {
        return None;
    }
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(path, format!("{script}{BETWEEN}{found}")).unwrap();
        return None;
    }
    let diff = text::diff(expected(text), &found);
    Some(format!("{name}: decided otherwise:\n{diff}"))
}

#[test]
fn every_scenario_is_decided_as_its_file_says() {
    let files = files();
    let problems: Vec<String> = files
        .iter()
        .filter_map(|(path, text)| problem(path, text))
        .collect();
    let count = problems.len();
    assert!(
        problems.is_empty(),
        "{}\n{count} of {} scenarios failed; to accept what is decided now, run with {UPDATE}=1 and read the diff",
        problems.join("\n"),
        files.len()
    );
    assert!(
        files.len() >= 150,
        "only {} scenarios were found",
        files.len()
    );
}

#[test]
fn a_file_that_is_not_understood_is_a_problem() {
    for (script, why) in [
        ("about: x\nsteps: [{nods: {}}]", "nods"),
        ("about: x\nsteps: [{nodes: {n1: {zombie: 1}}}]", "zombie"),
        (
            "about: x\nsteps: [{answers: {n1: {state: Failed}}}]",
            "no command to answer",
        ),
        ("about: ''\nsteps: []", "write what the scenario shows"),
    ] {
        let problem = play(script).unwrap_err();
        assert!(problem.contains(why), "{problem}");
    }
}
