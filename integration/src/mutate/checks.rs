//! The checks in a source file: whatever may end a function early, whatever
//! refuses in a `match`, and whatever is looked for in a list.
//!
//! A conversion is no check: a `?` or an arm that yields what the function goes
//! on with cannot be taken away, for there is nothing to go on with then.

use anyhow::{Context, Result, bail};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Arm, Block, Expr, ExprMatch, ExprMethodCall, ItemMod, Pat, ReturnType, Signature, Stmt};

use super::scan::{is_test, last_word};
use super::switches::{Line, Mutant, Switches};

/// Gives every check of the file `name` a switch that takes it away.
///
/// # Errors
/// When the file does not parse, or a function of it names more reasons than
/// checks were found in it.
pub fn switch(name: &str, text: &str) -> Result<(String, Vec<Mutant>)> {
    let file = syn::parse_file(text).with_context(|| format!("cannot parse {name}"))?;
    let mut checks = Checks {
        switches: Switches::new(name, text),
        missed: Vec::new(),
    };
    checks.visit_file(&file);
    if !checks.missed.is_empty() {
        bail!(
            "{name}: {}: teach integration/src/mutate/checks.rs what they look like",
            checks.missed.join("; ")
        );
    }
    Ok(checks.switches.finish())
}

struct Checks<'a> {
    switches: Switches<'a>,
    /// Functions of which not every check was found.
    missed: Vec<String>,
}

impl Checks<'_> {
    fn add(&mut self, code: &impl Spanned, before: &str, after: &str, shown: &impl Spanned) {
        let what = self.switches.source(shown.span().byte_range());
        let line = Line::of(shown.span(), what);
        self.switches
            .add(code.span().byte_range(), before, after, line);
    }

    fn function(&mut self, signature: &Signature, block: &Block, visit: impl FnOnce(&mut Self)) {
        let before = self.switches.count();
        if let (true, Some(Stmt::Expr(tail @ Expr::Call(call), None))) =
            (yields_nothing(&signature.output), block.stmts.last())
            && !is_word(&call.func, &["Ok", "Err"])
        {
            self.add(tail, "if $off { Ok(()) } else { ", " }", tail);
        }
        visit(self);
        let found = self.switches.count() - before;
        let code = self.switches.source(block.span().byte_range());
        let reasons = code.matches("RefusalReason::").count();
        if found < reasons {
            self.missed.push(format!(
                "fn {} gives {reasons} reasons, of which {found} can be taken away",
                signature.ident
            ));
        }
    }
}

impl<'ast> Visit<'ast> for Checks<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(&function.sig, &function.block, |checks| {
            visit::visit_item_fn(checks, function);
        });
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig, &function.block, |checks| {
            visit::visit_impl_item_fn(checks, function);
        });
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        match statement {
            Stmt::Expr(Expr::If(check), _)
                if check.else_branch.is_none() && returns(&check.then_branch) =>
            {
                self.add(statement, "if !$off { ", " }", &check.cond);
            }
            Stmt::Expr(Expr::Try(check), Some(_)) => {
                self.add(statement, "if !$off { ", " }", check);
            }
            _ => {}
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_expr_match(&mut self, choice: &'ast ExprMatch) {
        let accepting = choice
            .arms
            .iter()
            .find(|arm| accepts(&arm.body) && !binds(&arm.pat));
        if let Some(accepting) = accepting {
            let accepted = self.switches.source(accepting.body.span().byte_range());
            let before = format!("if $off {{ {accepted} }} else {{ ");
            for Arm { pat, body, .. } in choice.arms.iter().filter(|arm| !accepts(&arm.body)) {
                self.add(body, &before, " }", pat);
            }
        }
        visit::visit_expr_match(self, choice);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if let (true, Some(Expr::Closure(closure))) = (
            ["find", "filter"].contains(&call.method.to_string().as_str()),
            call.args.first(),
        ) {
            self.add(&closure.body, "$off || ", "", closure);
        }
        visit::visit_expr_method_call(self, call);
    }
}

/// Whether the block ends by leaving its function.
fn returns(block: &Block) -> bool {
    matches!(block.stmts.last(), Some(Stmt::Expr(Expr::Return(_), _)))
}

/// Whether the function returns `Result<(), _>`.
fn yields_nothing(output: &ReturnType) -> bool {
    let ReturnType::Type(_, output) = output else {
        return false;
    };
    let syn::Type::Path(path) = &**output else {
        return false;
    };
    let Some(last) = path.path.segments.last() else {
        return false;
    };
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return false;
    };
    last.ident == "Result"
        && matches!(arguments.args.first(),
            Some(syn::GenericArgument::Type(syn::Type::Tuple(unit))) if unit.elems.is_empty())
}

/// Whether the value lets a command pass.
fn accepts(value: &Expr) -> bool {
    match value {
        Expr::Call(call) => is_word(&call.func, &["Ok"]),
        Expr::Struct(value) => last_word(&value.path) == "Obey",
        _ => false,
    }
}

fn is_word(function: &Expr, words: &[&str]) -> bool {
    matches!(function, Expr::Path(path) if words.contains(&last_word(&path.path).as_str()))
}

/// Whether the pattern gives a name to anything that it matches.
fn binds(pattern: &Pat) -> bool {
    struct Names(bool);
    impl<'ast> Visit<'ast> for Names {
        fn visit_pat_ident(&mut self, name: &'ast syn::PatIdent) {
            let first = name.ident.to_string().chars().next();
            self.0 |= first.is_some_and(char::is_lowercase);
        }
    }
    let mut names = Names(false);
    names.visit_pat(pattern);
    names.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in `text`.
    fn found(text: &str) -> Vec<String> {
        let (switched, mutants) = switch("f.rs", text).unwrap();
        syn::parse_file(&switched).unwrap();
        assert_eq!(switched.lines().count(), text.lines().count());
        mutants.into_iter().map(|mutant| mutant.what).collect()
    }

    #[test]
    fn finds_what_ends_a_function_early() {
        let text = "fn f() -> Result<(), E> {\n    if a != b {\n        return Err(e);\n    }\n\
                    \x20   check(c)?;\n    let d = convert(c)?;\n    if d { log(); }\n    last(d)\n}\n";
        assert_eq!(
            found(text),
            ["f.rs:2 a != b", "f.rs:5 check(c)?", "f.rs:8 last(d)"]
        );
    }

    #[test]
    fn finds_what_refuses_in_a_match() {
        let text = "fn f() -> R {\n    match x {\n        Some(y) if y != z => Err(e),\n        _ => Ok(()),\n    }\n}\n";
        assert_eq!(found(text), ["f.rs:3 Some(y) if y != z"]);
        // The arm that yields a value is a conversion.
        assert!(found("fn f() -> R { match x { Ok(y) => y, Err(e) => return e } }").is_empty());
    }

    #[test]
    fn finds_what_is_looked_for() {
        let text = "fn f() -> R { keys.iter().find(|key| key.verify(x).is_ok()) }";
        assert_eq!(found(text), ["f.rs:1 |key| key.verify(x).is_ok()"]);
    }

    #[test]
    fn leaves_tests_alone() {
        assert!(found("#[cfg(test)]\nmod tests { fn f() { if a { return; } } }").is_empty());
    }

    #[test]
    fn a_check_of_another_shape_is_not_passed_over() {
        let text = "fn f() -> R { a.then(|| Refusal::new(RefusalReason::Busy)) }";
        let error = switch("f.rs", text).unwrap_err().to_string();
        assert!(
            error.contains("fn f gives 1 reasons, of which 0 can"),
            "{error}"
        );
    }
}
