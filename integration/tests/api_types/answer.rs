//! What the API server says of documents that it refuses.

use std::collections::BTreeMap;

/// One cause: the field, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause(pub String);

impl Cause {
    /// Whether it is about this field and ends with this text.
    pub fn is(&self, field: &str, says: &str) -> bool {
        self.names(field) && self.0.ends_with(says)
    }

    fn names(&self, field: &str) -> bool {
        self.0.starts_with(&format!("{field}: ")) || self.0 == format!("unknown field {field:?}")
    }
}

/// Splits what kubectl printed about many files by the file's stem.
pub fn causes_by_file(stderr: &str) -> BTreeMap<String, Vec<Cause>> {
    stderr
        .lines()
        .map(|line| {
            let (before, rest) = line
                .split_once(".json\": ")
                .unwrap_or_else(|| panic!("kubectl said something else: {line}"));
            let stem = before.rsplit('/').next().unwrap();
            (stem.to_owned(), causes(rest))
        })
        .collect()
}

/// A notice that follows faults of the outline, such as a missing field; it is
/// no cause.
const UNCHECKED: &str = "some validation rules were not checked because the object was invalid";

/// Splits one answer into its causes. Several are listed in brackets, separated
/// by commas, which messages hold too: a cause begins where a field does.
fn causes(answer: &str) -> Vec<Cause> {
    if let Some((_, unknown)) = answer.split_once("strict decoding error: ") {
        return unknown
            .split(", ")
            .map(|cause| Cause(cause.to_owned()))
            .collect();
    }
    let (_, all) = answer
        .split_once(" is invalid: ")
        .unwrap_or_else(|| panic!("not refused as invalid: {answer}"));
    let Some(list) = all.strip_prefix('[').and_then(|l| l.strip_suffix(']')) else {
        return vec![Cause(all.to_owned())];
    };
    let mut causes: Vec<Cause> = Vec::new();
    for part in list.split(", ") {
        match causes.last_mut() {
            Some(last) if !begins_a_cause(part) => {
                last.0.push_str(", ");
                last.0.push_str(part);
            }
            _ => causes.push(Cause(part.to_owned())),
        }
    }
    causes.retain(|cause| !cause.0.contains(UNCHECKED));
    causes
}

/// Whether the text begins with a path and one of the words that the API server
/// puts after it.
fn begins_a_cause(text: &str) -> bool {
    let Some((path, rest)) = text.split_once(": ") else {
        return false;
    };
    let kinds = [
        "Invalid value",
        "Unsupported value",
        "Required value",
        "Duplicate value",
        "Too many",
        "Too long",
        "Forbidden",
    ];
    !path.contains(' ') && kinds.iter().any(|kind| rest.starts_with(kind))
}

#[test]
fn causes_are_told_apart() {
    let answer = "X \"a\" is invalid: [spec.a: Invalid value: \"q\": write b, such as c, spec.d[0]: Required value]";
    assert_eq!(
        causes(answer),
        [
            Cause("spec.a: Invalid value: \"q\": write b, such as c".to_owned()),
            Cause("spec.d[0]: Required value".to_owned()),
        ]
    );
}
