//! Which objects a list or a watch is about.

use serde_json::Value;

/// The fields and labels that objects must have.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    fields: Vec<(String, String)>,
    labels: Vec<(String, String)>,
}

impl Selector {
    pub fn fields(&mut self, text: &str) {
        self.fields.extend(pairs(text, '.'));
    }

    pub fn labels(&mut self, text: &str) {
        self.labels.extend(pairs(text, '\0'));
    }

    /// What a field must be, by its JSON pointer.
    pub fn field(&self, path: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(name, _)| name == path)?;
        Some(&found.1)
    }

    pub fn selects(&self, object: &Value) -> bool {
        let has = |path: &str, value: &str| {
            let found = object.pointer(path).and_then(Value::as_str);
            found.unwrap_or_default() == value
        };
        let labels = &object["metadata"]["labels"];
        self.fields.iter().all(|(path, value)| has(path, value))
            && self
                .labels
                .iter()
                .all(|(name, value)| labels[name].as_str() == Some(value))
    }
}

/// `a.b=c` as a JSON pointer and its value.
fn pairs(text: &str, separator: char) -> Vec<(String, String)> {
    let pairs = text.split(',').filter_map(|it| it.split_once('='));
    pairs
        .map(|(name, value)| {
            let name = if separator == '\0' {
                name.to_owned()
            } else {
                format!("/{}", name.replace(separator, "/"))
            };
            (name, value.to_owned())
        })
        .collect()
}
