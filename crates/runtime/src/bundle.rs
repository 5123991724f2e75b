//! A workflow file with the workflow files it names, compiled together.

use crate::error::Error;
use comity_core::{Digest, KindSpec, StepKind};
use comity_flow::{Code, Diagnostic, Invalid, Plan, StepPlan, compile};
use comity_govern::{RuleBook, RuleFile, RulesError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Files that one workflow may name, directly and through others.
const MOST_FILES: usize = 64;
/// How deeply files may name one another.
const DEEPEST: usize = 6;
/// Steps that a workflow may have with everything inside it, each time it is named.
const MOST_STEPS: usize = 20_000;
/// The key that names another workflow file.
const WORKFLOW: &str = "workflow";

/// Reads a file that a workflow names, by its path from the folder of the first file.
pub type Reader = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// A reader of no file, for a workflow that names none.
pub fn no_files() -> Reader {
    Arc::new(|_| Err("there are no other files".to_owned()))
}

/// A plan, and the plans of the workflows it names.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The plan of the file that was asked for.
    pub root: Arc<Plan>,
    inner: BTreeMap<String, Inner>,
    /// Files of rules, by path.
    rules: BTreeMap<String, String>,
}

/// A workflow that another one names.
#[derive(Clone, Debug)]
struct Inner {
    plan: Arc<Plan>,
    source: String,
    /// How many files deep it goes, itself included.
    height: usize,
    /// Steps in it, those of the workflows inside it included, each time they are named.
    steps: usize,
    /// Names its text and that of every file it names.
    digest: Digest,
}

impl Bundle {
    /// Compiles a file and every file it names.
    pub fn gather(source: &str, kinds: &[&'static KindSpec], read: &Reader) -> Result<Self, Error> {
        let mut rules = BTreeMap::new();
        let root = Arc::new(under_rules(compile(source, kinds)?, ("", source), read, &mut rules)?);
        let mut bundle = Self { root: Arc::clone(&root), inner: BTreeMap::new(), rules };
        bundle.add(&root, ("", source), &mut Vec::new(), kinds, read)?;
        let steps = bundle.known(&root, "", String::new()).steps;
        if steps > MOST_STEPS && !bundle.inner.is_empty() {
            return Err(Error::TooMany { steps, most: MOST_STEPS });
        }
        Ok(bundle)
    }

    /// A plan by itself: what it names is not known any more.
    pub fn alone(root: Arc<Plan>) -> Self {
        Self { root, inner: BTreeMap::new(), rules: BTreeMap::new() }
    }

    /// Whether a model is asked anywhere in it.
    pub fn has_agents(&self) -> bool {
        self.plans().flat_map(|plan| plan.steps()).any(|step| step.kind.step == StepKind::AgentTurn)
    }

    /// Every plan in it, the one that was asked for first.
    pub fn plans(&self) -> impl Iterator<Item = &Arc<Plan>> {
        std::iter::once(&self.root).chain(self.inner.values().map(|inner| &inner.plan))
    }

    /// The sources of the files that are named, by path.
    pub fn sources(&self) -> BTreeMap<String, String> {
        let flows = self.inner.iter().map(|(path, inner)| (path.clone(), inner.source.clone()));
        flows.chain(self.rules.clone()).collect()
    }

    /// The plan that a step of the file at `path` runs, and the path of that plan's file.
    pub fn inner(&self, path: &str, step: &StepPlan) -> Option<(String, Arc<Plan>)> {
        let path = beside(path, named(step)?)?;
        let plan = Arc::clone(&self.inner.get(&path)?.plan);
        Some((path, plan))
    }

    /// Names what a step of the file at `path` runs: the text of that file and of those it names.
    pub fn digest(&self, path: &str) -> Digest {
        self.inner.get(path).map_or(Digest::ZERO, |inner| inner.digest)
    }

    /// What a plan whose inner files are all known comes to.
    fn known(&self, plan: &Arc<Plan>, path: &str, source: String) -> Inner {
        let named: Vec<&Inner> =
            plan.steps().iter().filter_map(|step| self.inner.get(&beside(path, named(step)?)?)).collect();
        let height = 1 + named.iter().map(|inner| inner.height).max().unwrap_or(0);
        let inside = named.iter().map(|inner| inner.steps);
        let steps = inside.fold(plan.steps().len(), usize::saturating_add);
        let mut parts: Vec<&[u8]> = vec![b"comity/workflow/v1\n", source.as_bytes()];
        parts.extend(named.iter().map(|inner| &inner.digest.0[..]));
        let digest = Digest::of(&parts);
        Inner { plan: Arc::clone(plan), source, height, steps, digest }
    }

    /// What the files ask a person about the step of this name: the names of those around it come first.
    pub fn prompt(&self, name: &str) -> Option<String> {
        let (mut plan, mut path, mut rest) = (&self.root, String::new(), name);
        while let Some((first, inner)) = rest.split_once('/') {
            let step = plan.steps().iter().find(|step| &*step.name == first)?;
            path = beside(&path, named(step)?)?;
            plan = &self.inner.get(&path)?.plan;
            rest = inner;
        }
        let step = plan.steps().iter().find(|step| &*step.name == rest)?;
        step.config.get("prompt")?.as_str().map(str::to_owned)
    }

    fn add(
        &mut self,
        plan: &Plan,
        (path, source): (&str, &str),
        above: &mut Vec<String>,
        kinds: &[&'static KindSpec],
        read: &Reader,
    ) -> Result<(), Error> {
        let mut wrong = Vec::new();
        for step in plan.steps() {
            if let Err(error) = self.add_one(step, path, above, kinds, read) {
                match error {
                    // The next step's mistake is told too.
                    Error::Inner { .. } => {
                        wrong.push(Diagnostic::error(Code::INNER, step.place, error.to_string()));
                    }
                    other => return Err(other),
                }
            }
        }
        refusal(path, source, wrong)
    }

    /// Nothing, if nothing is wrong with the file at this path.
    pub fn refuse(&self, path: &str, wrong: Vec<Diagnostic>) -> Result<(), Error> {
        let source = self.inner.get(path).map_or("", |inner| &inner.source);
        refusal(path, source, wrong)
    }

    fn add_one(
        &mut self,
        step: &StepPlan,
        path: &str,
        above: &mut Vec<String>,
        kinds: &[&'static KindSpec],
        read: &Reader,
    ) -> Result<(), Error> {
        let Some(name) = named(step) else { return Ok(()) };
        let fail = |why: String| Error::Inner { step: step.name.to_string(), file: name.to_owned(), why };
        let inner = beside(path, name)
            .ok_or_else(|| fail("is not a path inside the folder of the first file".to_owned()))?;
        if above.contains(&inner) || inner == path {
            return Err(fail("names itself, directly or through others".to_owned()));
        }
        if above.len() >= DEEPEST {
            return Err(fail(format!("is more than {DEEPEST} files deep")));
        }
        if let Some(known) = self.inner.get(&inner) {
            if above.len() + known.height > DEEPEST {
                return Err(fail(format!("goes more than {DEEPEST} files deep")));
            }
            return Ok(());
        }
        if self.inner.len() >= MOST_FILES {
            return Err(fail(format!("is one too many: a workflow may name {MOST_FILES} others")));
        }
        let source = read(&inner).map_err(|why| fail(format!("cannot be read: {why}")))?;
        let compiled = compile(&source, kinds).map_err(|invalid| Error::InvalidInner {
            file: inner.clone(),
            text: source.clone(),
            invalid,
        })?;
        if compiled.policy().budget_seconds.is_some() {
            // Steps inside draw their time from the step around them: nothing would keep this.
            let why = "has `budget_seconds`, which is not kept inside another workflow: use `timeout_s`";
            return Err(fail(why.to_owned()));
        }
        let compiled = Arc::new(under_rules(compiled, (&inner, &source), read, &mut self.rules)?);
        above.push(inner.clone());
        self.add(&compiled, (&inner, &source), above, kinds, read)?;
        above.pop();
        let known = self.known(&compiled, &inner, source);
        if known.steps > MOST_STEPS {
            return Err(fail(format!("has more than {MOST_STEPS} steps with everything inside it")));
        }
        self.inner.insert(inner, known);
        Ok(())
    }
}

/// The plan under the rules that its file names. Errors with every mistake in them.
fn under_rules(
    plan: Plan,
    (path, source): (&str, &str),
    read: &Reader,
    rules: &mut BTreeMap<String, String>,
) -> Result<Plan, Error> {
    let mut files = Vec::new();
    let mut wrong = Vec::new();
    let named = plan.control().rules.clone();
    for (name, place) in &named {
        let text = match beside(path, name) {
            Some(path) => read(&path).map(|text| (path, text)),
            None => Err("it is not a path inside the folder of the first file".to_owned()),
        };
        match text {
            Ok((path, text)) => {
                rules.insert(path, text.clone());
                files.push(RuleFile { name: name.clone(), text });
            }
            Err(why) => {
                let message = format!("rules `{name}` cannot be read: {why}");
                wrong.push(Diagnostic::error(Code::RULES, *place, message));
            }
        }
    }
    if let Err(error) = RuleBook::parse(files.clone())
        && wrong.is_empty()
    {
        let messages = match error {
            RulesError::Faults(faults) => faults.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        };
        for message in messages {
            // A mistake in a file of rules is told where that file is named.
            let place = named.iter().find(|(name, _)| message.starts_with(&**name)).or(named.first());
            if let Some((_, place)) = place {
                wrong.push(Diagnostic::error(Code::RULES, *place, message));
            }
        }
    }
    refusal(path, source, wrong)?;
    Ok(plan.with_rules(files))
}

/// What is wrong with a file, if anything is.
fn refusal(path: &str, source: &str, diagnostics: Vec<Diagnostic>) -> Result<(), Error> {
    let invalid = Invalid { diagnostics };
    match (invalid.diagnostics.is_empty(), path) {
        (true, _) => Ok(()),
        (false, "") => Err(Error::Invalid(invalid)),
        (false, file) => Err(Error::InvalidInner { file: file.to_owned(), text: source.to_owned(), invalid }),
    }
}

fn named(step: &StepPlan) -> Option<&str> {
    (step.kind.step == StepKind::Workflow).then(|| step.config.get(WORKFLOW)?.as_str())?
}

/// The path of a file that the file at `path` names; `None` when it leads out of the first file's folder.
fn beside(path: &str, name: &str) -> Option<String> {
    if name.starts_with('/') || name.contains('\0') {
        return None;
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_file_stays_inside_the_first_one_s_folder() {
        for (path, name, expected) in [
            ("", "a.yaml", Some("a.yaml")),
            ("", "./sub//a.yaml", Some("sub/a.yaml")),
            ("sub/a.yaml", "b.yaml", Some("sub/b.yaml")),
            ("sub/a.yaml", "../b.yaml", Some("b.yaml")),
            ("sub/a.yaml", "../../b.yaml", None),
            ("", "../b.yaml", None),
            ("", "/etc/passwd", None),
            ("", "..", None),
        ] {
            assert_eq!(beside(path, name).as_deref(), expected, "{path} {name}");
        }
    }
}
