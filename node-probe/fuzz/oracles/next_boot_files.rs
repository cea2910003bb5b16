//! The formats of `next_boot`, in the fewest words and without the probe's code.

use std::path::{Path, PathBuf};

/// Longer small files are refused.
const SMALL: usize = 64 * 1024;

/// The lines of a small text of which each is ended.
fn ended(bytes: &[u8]) -> Option<Vec<&str>> {
    let text = std::str::from_utf8(bytes).ok()?;
    if bytes.len() > SMALL {
        return None;
    }
    if text.is_empty() {
        return Some(Vec::new());
    }
    let lines = text.strip_suffix('\n')?.split('\n');
    Some(lines.map(trimmed).collect())
}

fn trimmed(line: &str) -> &str {
    line.trim_matches([' ', '\t', '\r', '\u{c}', '\n'])
}

/// Whether this is a release as `uname -r` prints it.
pub fn release(text: &str) -> bool {
    let numbers: Vec<&str> = text.splitn(2, '.').collect();
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    text.len() <= 64
        && text.chars().all(|c| ('!'..='~').contains(&c) && c != '/')
        && numbers.len() == 2
        && digits(numbers[0])
        && numbers[0].len() <= 18
        && numbers[1].starts_with(|c: char| c.is_ascii_digit())
}

/// Id, whether dpkg's, whether an image's.
pub fn distribution(bytes: &[u8]) -> Option<(String, bool, bool)> {
    let lines = ended(bytes)?;
    let value = |name: &str| {
        let row = lines
            .iter()
            .rfind(|it| it.split('=').next() == Some(name) && it.contains('='))?;
        let value = &row[name.len() + 1..];
        let bare = ['"', '\''].iter().find_map(|quote| {
            let inner = value.strip_prefix(*quote)?;
            inner.strip_suffix(*quote)
        });
        Some(bare.unwrap_or(value))
    };
    let id = value("ID")?;
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    if id.is_empty() || id.len() > 64 || !id.chars().all(is_word) {
        return None;
    }
    let like = value("ID_LIKE").unwrap_or_default();
    let mut words = like.split([' ', '\t', '\r', '\u{c}', '\n']).chain([id]);
    let is_dpkg = words.any(|word| word == "debian" || word == "ubuntu");
    let images = "bottlerocket coreos cos flatcar gardenlinux kairos opensuse-leap-micro \
                  opensuse-microos rhcos sl-micro sle-micro talos ubuntu-core";
    let mut editions = [id, value("VARIANT_ID").unwrap_or_default()].into_iter();
    let is_image = value("OSTREE_VERSION").is_some()
        || editions.any(|it| !it.is_empty() && images.split_whitespace().any(|image| image == it));
    Some((id.to_owned(), is_dpkg, is_image))
}

/// The variables of a `grubenv`.
pub fn variables(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(bytes).ok()?;
    if !(1_024..=SMALL).contains(&bytes.len()) {
        return None;
    }
    let mut rest = text
        .strip_prefix("# GRUB Environment Block\n")?
        .chars()
        .peekable();
    let mut variables = Vec::new();
    while rest.peek().is_some() {
        let (mut line, mut is_ended) = (String::new(), false);
        while let Some(letter) = rest.next() {
            match letter {
                '\n' => {
                    is_ended = true;
                    break;
                }
                '\\' => line.extend(rest.next()),
                other => line.push(other),
            }
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=')?;
        if !is_ended {
            return None;
        }
        variables.push((name.to_owned(), value.to_owned()));
    }
    Some(variables)
}

/// What a `grub.cfg` sets first that is not for one boot.
pub fn default_entry(text: &str) -> Option<&str> {
    let mut values = text
        .strip_suffix('\n')?
        .split('\n')
        .filter_map(|line| trimmed(line).strip_prefix("set default="))
        .map(|value| value.trim_matches(['"', '\'']));
    values.find(|value| *value != "${next_entry}")
}

/// The kernel's name on a menu's first line that loads one.
pub fn first_kernel(menu: &str) -> Option<&str> {
    let lines = menu.split('\n').map(super::slow::words);
    let mut kernels = lines
        .filter(|words| words.len() > 1 && ["linux", "linuxefi", "linux16"].contains(&words[0]));
    let name = kernels.next()?[1].rsplit('/').next()?;
    Some(name.strip_suffix(".efi.signed").unwrap_or(name))
}

/// An entry of the Boot Loader Specification.
pub struct Entry {
    pub title: Option<String>,
    version: Option<String>,
    linux: Option<String>,
}

/// The values of a key, white space and value on each line.
fn values<'a>(lines: &[&'a str], key: &str) -> Vec<&'a str> {
    let rows = lines.iter().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| line.split_once([' ', '\t']))
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| trimmed(value))
        .collect()
}

/// Reads an entry.
pub fn entry(bytes: &[u8]) -> Option<Entry> {
    let lines = ended(bytes)?;
    let mut found = Vec::new();
    for key in ["title", "version", "linux", "sort-key", "machine-id"] {
        let values = values(&lines, key);
        if values.iter().any(|value| value != &values[0]) {
            return None;
        }
        found.push(values.first().map(|value| (*value).to_owned()));
    }
    let [title, version, linux, ..] = <[Option<String>; 5]>::try_from(found).ok()?;
    Some(Entry {
        title,
        version,
        linux,
    })
}

impl Entry {
    /// The release of its kernel, if that lies below `root`.
    pub fn release(&self, root: &Path) -> Option<String> {
        let linux = self.linux.as_deref()?;
        let named = linux.rsplit('/').next().unwrap().strip_prefix("vmlinuz-");
        let version = self.version.as_deref();
        if version.is_some() && named.is_some() && version != named {
            return None;
        }
        let told = version.or(named).filter(|text| release(text))?;
        let is_there = |from: &str| leads_to_file(root, &format!("{from}/{linux}"));
        (is_there("boot") || is_there("")).then(|| told.to_owned())
    }
}

/// Whether `path` leads to a file, each step of it on a folder that is there.
fn leads_to_file(root: &Path, path: &str) -> bool {
    let mut at: PathBuf = root.to_owned();
    let steps = path.split('/').filter(|step| !step.is_empty());
    for step in steps {
        if !at.is_dir() {
            return false;
        }
        match step {
            "." => {}
            ".." if at == root => {}
            ".." => drop(at.pop()),
            _ => at.push(step),
        }
        let Ok(kind) = at.symlink_metadata() else {
            return false;
        };
        // The only link is /boot/vmlinuz, to a name beside it.
        if kind.is_symlink() {
            let target = std::fs::read_link(&at).unwrap();
            at.set_file_name(target);
        }
    }
    at.is_file()
}

/// The pattern of a `loader.conf`, if it is one of stars and question marks.
pub fn loader_default(bytes: &[u8]) -> Option<String> {
    let lines = ended(bytes)?;
    let pattern = values(&lines, "default").last().copied().unwrap_or("*");
    let is_simple = !pattern.contains(['[', ']', '\\']) && pattern.len() <= 255;
    (is_simple && pattern != "@saved").then(|| pattern.to_owned())
}

/// Whether `pattern` matches `text`, letter by letter.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return text.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    if first == '*' {
        // Stars in a row are one.
        let rest = rest.trim_start_matches('*');
        let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        return ends.into_iter().any(|at| fits(rest, &text[at..]));
    }
    let mut letters = text.chars();
    let is_same = letters.next().is_some_and(|it| first == '?' || first == it);
    is_same && fits(rest, letters.as_str())
}
