//! The places at which a decision gives a reason: each is found by the reason's
//! name, and what is taken away is the smallest piece of code around it that
//! can be missing.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context, Result, bail};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    BinOp, Expr, ExprBinary, ExprCall, ExprMethodCall, ExprPath, ItemMod, Local, Macro, Pat, Stmt,
    Token,
};

use super::scan::{is_test, last_word};
use super::switches::{Line, Mutant, Switches};

/// The enumeration of the reasons.
const REASONS: &str = "BlockedReason";

/// Gives every reason that the file `name` can give a switch that takes it
/// away.
///
/// # Errors
/// When the file does not parse, or a reason is given in a way that is not
/// known here.
pub fn switch(name: &str, text: &str) -> Result<(String, Vec<Mutant>)> {
    let file = syn::parse_file(text).with_context(|| format!("cannot parse {name}"))?;
    let mut reasons = Reasons {
        switches: Switches::new(name, text),
        around: Vec::new(),
        kept: BTreeMap::new(),
        missed: Vec::new(),
    };
    reasons.visit_file(&file);
    if !reasons.missed.is_empty() {
        bail!(
            "{name}: {}: teach integration/src/mutate/reasons.rs how it is given",
            reasons.missed.join(", ")
        );
    }
    Ok(reasons.switches.finish())
}

/// Code that can be missing.
#[derive(Debug, Clone)]
enum Around {
    /// Missing when these are put before and after it.
    Code(Range<usize>, &'static str, &'static str),
    /// What is kept under a name: missing where the name is used.
    Name(String),
}

struct Reasons<'a> {
    switches: Switches<'a>,
    /// From the outermost to the innermost.
    around: Vec<Around>,
    /// Reasons that are kept under a name.
    kept: BTreeMap<String, String>,
    /// Reasons that cannot be taken away.
    missed: Vec<String>,
}

impl Reasons<'_> {
    fn within(&mut self, around: Option<Around>, visit: impl FnOnce(&mut Self)) {
        let depth = self.around.len();
        self.around.extend(around);
        visit(self);
        self.around.truncate(depth);
    }

    fn given(&mut self, reason: &str, at: &ExprPath) {
        match self.around.last().cloned() {
            Some(Around::Code(place, before, after)) => {
                let line = Line::of(at.span(), reason);
                self.switches.add(place, before, after, line);
            }
            Some(Around::Name(name)) => {
                self.kept.insert(name, reason.to_owned());
            }
            None => self
                .missed
                .push(format!("{reason} in line {}", at.span().start().line)),
        }
    }
}

impl<'ast> Visit<'ast> for Reasons<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.kept.clear();
        visit::visit_signature(self, signature);
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        let place = statement.span().byte_range();
        let around = match statement {
            // Such as `push` and `insert`.
            Stmt::Expr(Expr::MethodCall(_), Some(_)) => {
                Some(Around::Code(place, "if !$off { ", " }"))
            }
            _ => None,
        };
        self.within(around, |reasons| visit::visit_stmt(reasons, statement));
    }

    /// A pattern asks for reasons and gives none.
    fn visit_pat(&mut self, _: &'ast Pat) {}

    fn visit_local(&mut self, local: &'ast Local) {
        let around = match &local.pat {
            Pat::Ident(name) => Some(Around::Name(name.ident.to_string())),
            _ => None,
        };
        self.within(around, |reasons| visit::visit_local(reasons, local));
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let receiver = call.receiver.span().byte_range();
        let around = match call.method.to_string().as_str() {
            "then" | "then_some" => Some(Around::Code(receiver, "(!$off && ", ")")),
            // Of an Option and of an iterator alike.
            "map" => Some(Around::Code(receiver, "", ".filter(|_| !$off)")),
            _ => None,
        };
        self.visit_expr(&call.receiver);
        self.within(around, |reasons| {
            call.args
                .iter()
                .for_each(|argument| reasons.visit_expr(argument));
        });
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        let place = call.span().byte_range();
        let word = match &*call.func {
            Expr::Path(path) => last_word(&path.path),
            _ => String::new(),
        };
        let around = match word.as_str() {
            "once" => Some(Around::Code(place, "", ".filter(|_| !$off)")),
            "Some" => Some(Around::Code(place, "(if $off { None } else { ", " })")),
            _ => None,
        };
        self.within(around, |reasons| visit::visit_expr_call(reasons, call));
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        if last_word(&call.path) != "vec" {
            return;
        }
        let items = call.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated);
        let place = call.span().byte_range();
        let around = Around::Code(place, "(if $off { Vec::new() } else { ", " })");
        self.within(Some(around), |reasons| {
            items
                .iter()
                .flatten()
                .for_each(|item| reasons.visit_expr(item));
        });
    }

    fn visit_expr_binary(&mut self, expression: &'ast ExprBinary) {
        // A reason that is compared with is not given.
        if !matches!(expression.op, BinOp::Eq(_) | BinOp::Ne(_)) {
            visit::visit_expr_binary(self, expression);
        }
    }

    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        let words = &path.path.segments;
        let of_reasons = words
            .iter()
            .rev()
            .nth(1)
            .is_some_and(|w| w.ident == REASONS);
        let word = last_word(&path.path);
        if of_reasons && word.starts_with(char::is_uppercase) {
            self.given(&word, path);
        } else if words.len() == 1
            && let Some(reason) = self.kept.get(&word).cloned()
        {
            self.given(&reason, path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with its switches, each as its id, and what is found.
    fn found(code: &str) -> (String, Vec<String>) {
        let (switched, mutants) = switch("f.rs", &format!("fn f() {{ {code} }}")).unwrap();
        syn::parse_file(&switched).unwrap();
        let mut text = switched;
        for mutant in &mutants {
            let off = format!(
                "::std::env::var_os(\"UNSTALL_MUTANT\").is_some_and(|off| off == {:?})",
                mutant.id
            );
            text = text.replace(&off, "OFF");
        }
        let code = text.trim_start_matches("fn f() { ").trim_end_matches(" }");
        let what = mutants.into_iter().map(|mutant| mutant.what).collect();
        (code.to_owned(), what)
    }

    #[track_caller]
    fn expect(code: &str, switched: &str) {
        let (text, what) = found(code);
        assert_eq!(text, switched);
        assert_eq!(what, ["f.rs:1 Paused"]);
    }

    #[test]
    fn finds_reasons_however_they_are_given() {
        expect(
            "r.push((BlockedReason::Paused, t)); x()",
            "if !OFF { r.push((BlockedReason::Paused, t)); } x()",
        );
        expect(
            "return vec![(BlockedReason::Paused, t)];",
            "return (if OFF { Vec::new() } else { vec![(BlockedReason::Paused, t)] });",
        );
        expect(
            "late.then(|| { let t = text(); (BlockedReason::Paused, t) })",
            "(!OFF && late).then(|| { let t = text(); (BlockedReason::Paused, t) })",
        );
        expect(
            "why().map(|t| (BlockedReason::Paused, t))",
            "why().filter(|_| !OFF).map(|t| (BlockedReason::Paused, t))",
        );
        expect(
            "Some((BlockedReason::Paused, t))",
            "(if OFF { None } else { Some((BlockedReason::Paused, t)) })",
        );
        expect(
            "let p = (BlockedReason::Paused, t); set(once(p))",
            "let p = (BlockedReason::Paused, t); set(once(p).filter(|_| !OFF))",
        );
    }

    #[test]
    fn a_reason_that_is_asked_for_is_not_given() {
        assert!(found("reason == BlockedReason::Paused").1.is_empty());
        assert!(found("match r { BlockedReason::Paused => 1 }").1.is_empty());
    }

    #[test]
    fn a_reason_given_in_another_way_is_not_passed_over() {
        let error = switch("f.rs", "fn f() -> R {\n    (BlockedReason::Paused, t)\n}").unwrap_err();
        assert!(error.to_string().contains("Paused in line 2"), "{error}");
    }
}
