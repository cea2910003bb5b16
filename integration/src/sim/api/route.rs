//! What a request asks for.

use http::Method;
use http::request::Parts;

use super::kind::Kind;
use super::select::Selector;

/// A request, understood.
#[derive(Debug, Clone)]
pub struct Call {
    pub verb: Verb,
    pub kind: Kind,
    pub namespace: Option<String>,
    pub name: String,
    pub subresource: Option<String>,
    pub selector: Selector,
    /// In pages: as watchers list, which go on with a watch.
    pub is_paged: bool,
    /// Of a watch: after which version.
    pub version: u64,
    /// Of a patch: whether it is a strategic one.
    pub is_strategic: bool,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Replace,
    Patch,
    Delete,
}

impl Call {
    /// What `request` asks for; nothing where the API has no such thing.
    pub fn of(request: &Parts) -> Option<Self> {
        let mut parts = request.uri.path().split('/').filter(|it| !it.is_empty());
        let api_version = match parts.next()? {
            "api" => parts.next()?.to_owned(),
            "apis" => format!("{}/{}", parts.next()?, parts.next()?),
            _ => return None,
        };
        let mut rest: Vec<&str> = parts.collect();
        let namespace = (rest.len() > 2 && rest[0] == "namespaces").then(|| {
            let namespace = rest[1].to_owned();
            rest.drain(..2);
            namespace
        });
        let mut rest = rest.into_iter();
        let kind = Kind::of(&api_version, rest.next()?)?;
        let name = rest.next().unwrap_or_default().to_owned();
        let subresource = rest.next().map(ToOwned::to_owned);
        let mut call = Self {
            verb: Verb::Get,
            kind,
            namespace,
            name,
            subresource,
            selector: Selector::default(),
            is_paged: false,
            version: 0,
            is_strategic: is_strategic(request),
        };
        let is_watch = call.read_query(request.uri.query().unwrap_or_default());
        call.verb = match (&request.method, call.name.is_empty()) {
            (&Method::GET, true) if is_watch => Verb::Watch,
            (&Method::GET, true) => Verb::List,
            (&Method::GET, false) => Verb::Get,
            (&Method::POST, _) => Verb::Create,
            (&Method::PUT, _) => Verb::Replace,
            (&Method::PATCH, _) => Verb::Patch,
            (&Method::DELETE, _) => Verb::Delete,
            _ => return None,
        };
        Some(call)
    }

    /// Reads the query; whether it asks for a watch.
    fn read_query(&mut self, query: &str) -> bool {
        let mut is_watch = false;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "watch" => is_watch = value == "true",
                "resourceVersion" => self.version = value.parse().unwrap_or_default(),
                "fieldSelector" => self.selector.fields(&value),
                "limit" => self.is_paged = true,
                "labelSelector" => self.selector.labels(&value),
                _ => {}
            }
        }
        is_watch
    }

    /// What is done to which kind.
    pub fn kind_of(&self) -> String {
        let sub = self.subresource.as_deref().map(|it| format!("/{it}"));
        let plural = self.kind.form().plural;
        format!("{:?} {plural}{}", self.verb, sub.unwrap_or_default())
    }

    /// In words.
    pub fn text(&self) -> String {
        let form = self.kind.form();
        let sub = self.subresource.as_deref().map(|it| format!("/{it}"));
        format!(
            "{:?} {} {}{}",
            self.verb,
            form.plural,
            self.name,
            sub.unwrap_or_default()
        )
    }
}

fn is_strategic(request: &Parts) -> bool {
    let content = request.headers.get(http::header::CONTENT_TYPE);
    content.is_some_and(|it| it.as_bytes().starts_with(b"application/strategic-merge"))
}
