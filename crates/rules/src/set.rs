//! A set of rules: read, checked, and asked.

use crate::error::{Error, Fault, Place};
use crate::question::{Put, Question};
use crate::ruling::{Ruling, Spoken};
use crate::scope::Scope;
use cedar_policy::{
    Authorizer, Decision, Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator,
};
use comity_core::Digest;
use miette::Diagnostic;
use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

/// What rules may speak of, in Cedar's schema language.
pub const SCHEMA: &str = include_str!("schema.cedarschema");
/// The most rules in a set.
pub const MOST: usize = 2_000;
/// The most bytes of a set, all files together.
pub const LARGEST: usize = 1 << 20;
/// The most selections of rules that are kept ready.
const KEPT: usize = 256;

/// One file of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, for messages and for rules that have none of their own.
    pub name: String,
    /// Cedar policies.
    pub text: String,
}

/// Rules that were read and checked. Cheap to clone.
#[derive(Clone)]
pub struct Rules {
    inner: Arc<Inner>,
}

struct Inner {
    rules: Vec<Rule>,
    digest: Digest,
    files: Vec<File>,
    authorizer: Authorizer,
    /// Sets of rules by which of them fit: most acts of a run are asked of the same few.
    ready: Mutex<HashMap<Vec<u32>, Arc<PolicySet>>>,
}

struct Rule {
    policy: Policy,
    scope: Scope,
    advice: String,
    /// Whether it makes the act wait for a person, where it applies.
    holds: bool,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rules({} of {})", self.len(), self.digest())
    }
}

impl Rules {
    /// Reads rules. Errors list every mistake of every file: what is no rule, what the schema does not know, two rules
    /// of one name, an annotation that nobody reads.
    ///
    /// A rule's name is its `@id`; `@advice` says why; `@hold` on a `forbid` makes it a rule that asks a person.
    pub fn parse(files: Vec<File>) -> Result<Self, Error> {
        let size = files.iter().map(|file| file.text.len()).sum();
        if size > LARGEST {
            return Err(Error::TooMuch {
                what: "the set of rules".to_owned(),
                unit: "bytes",
                size,
                most: LARGEST,
            });
        }
        let mut read = Reading::default();
        for file in &files {
            read.file(file);
        }
        read.check();
        if !read.faults.is_empty() {
            return Err(Error::Faults(read.faults));
        }
        let size = read.rules.len();
        if size > MOST {
            return Err(Error::TooMuch {
                what: "the set of rules".to_owned(),
                unit: "rules",
                size,
                most: MOST,
            });
        }
        let digest = digest(&files);
        let ready = Mutex::default();
        let inner = Inner { rules: read.rules, digest, files, authorizer: Authorizer::new(), ready };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Names this exact set: file names and texts.
    pub fn digest(&self) -> Digest {
        self.inner.digest
    }

    /// The files it was read from.
    pub fn files(&self) -> &[File] {
        &self.inner.files
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.inner.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.inner.rules.is_empty()
    }

    /// What the rules say of one act. The same question always has the same answer.
    pub fn ask(&self, question: &Question<'_>) -> Result<Ruling, Error> {
        let put = question.put()?;
        let set = self.inner.fitting(&put);
        let answer = self.inner.authorizer.is_authorized(&put.request, &set, &put.entities);
        let errors: Vec<Spoken> = answer
            .diagnostics()
            .errors()
            .map(|error| match error {
                cedar_policy::AuthorizationError::PolicyEvaluationError(error) => {
                    Spoken { rule: error.policy_id().to_string(), words: error.inner().to_string() }
                }
            })
            .collect();
        if !errors.is_empty() {
            return Ok(Ruling::Broken(sorted(errors)));
        }
        let mut spoken: Vec<(bool, Spoken)> =
            answer.diagnostics().reason().filter_map(|id| self.inner.spoken(id)).collect();
        spoken.sort_by(|one, other| one.1.rule.cmp(&other.1.rule));
        Ok(match answer.decision() {
            Decision::Allow => Ruling::Permit(spoken.into_iter().map(|(_, spoken)| spoken).collect()),
            Decision::Deny if spoken.is_empty() => Ruling::Silent,
            Decision::Deny if spoken.iter().all(|(holds, _)| *holds) => {
                Ruling::Hold(spoken.into_iter().map(|(_, spoken)| spoken).collect())
            }
            Decision::Deny => {
                let forbidding = spoken.into_iter().filter(|(holds, _)| !holds);
                Ruling::Forbid(forbidding.map(|(_, spoken)| spoken).collect())
            }
        })
    }
}

impl Inner {
    /// The rules that can speak of this. Cedar looks at each rule it is given, however little it has to do with the act.
    fn fitting(&self, put: &Put) -> Arc<PolicySet> {
        let which: Vec<u32> =
            (0..).zip(&self.rules).filter(|(_, rule)| rule.scope.fits(put)).map(|(at, _)| at).collect();
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = ready.get(&which) {
            return Arc::clone(set);
        }
        let mut set = PolicySet::new();
        for at in &which {
            if let Some(rule) = self.rules.get(*at as usize) {
                // Invariant: names were found to be unique when the rules were read.
                let added = set.add(rule.policy.clone());
                debug_assert!(added.is_ok(), "two rules of one name");
            }
        }
        if ready.len() >= KEPT {
            ready.clear();
        }
        let set = Arc::new(set);
        ready.insert(which, Arc::clone(&set));
        set
    }

    fn spoken(&self, id: &PolicyId) -> Option<(bool, Spoken)> {
        let rule = self.rules.iter().find(|rule| rule.policy.id() == id)?;
        Some((rule.holds, Spoken { rule: id.to_string(), words: rule.advice.clone() }))
    }
}

fn sorted(mut spoken: Vec<Spoken>) -> Vec<Spoken> {
    spoken.sort_by(|one, other| one.rule.cmp(&other.rule));
    spoken
}

/// Names a set of files: their names and texts.
pub fn digest(files: &[File]) -> Digest {
    let parts: Vec<String> =
        files.iter().map(|file| format!("{} {}\n{}", file.name, file.text.len(), file.text)).collect();
    let parts: Vec<&[u8]> = [b"comity/rules/v1\n".as_slice()]
        .into_iter()
        .chain(parts.iter().map(|part| part.as_bytes()))
        .collect();
    Digest::of(&parts)
}

/// Annotations that mean something. Any other is most likely a slip of the pen, and would be silently without effect.
const ANNOTATIONS: [&str; 3] = ["id", "advice", "hold"];

#[derive(Default)]
struct Reading {
    rules: Vec<Rule>,
    /// Name of each rule, with its file's.
    names: BTreeMap<String, String>,
    faults: Vec<Fault>,
}

impl Reading {
    fn file(&mut self, file: &File) {
        let parsed = match PolicySet::from_str(&file.text) {
            Ok(parsed) => parsed,
            Err(errors) => {
                self.faults.extend(errors.iter().map(|error| fault(file, error)));
                return;
            }
        };
        if parsed.templates().next().is_some() {
            self.fault(file, "templates have no meaning here: write the rule out".to_owned());
        }
        let mut policies: Vec<&Policy> = parsed.policies().collect();
        policies.sort_by_key(|policy| number(policy.id()));
        for (at, policy) in (1..).zip(policies) {
            self.rule(file, at, policy);
        }
    }

    fn rule(&mut self, file: &File, at: u32, policy: &Policy) {
        let name = policy.annotation("id").map_or_else(|| format!("{}#{at}", file.name), str::to_owned);
        if name.is_empty() || name.len() > 200 {
            return self
                .fault(file, format!("rule {at} has a name of {} bytes: 1 to 200 are taken", name.len()));
        }
        if let Some(other) = self.names.insert(name.clone(), file.name.clone()) {
            return self.fault(file, format!("rule `{name}` stands in `{other}` already"));
        }
        for (annotation, _) in policy.annotations().filter(|(name, _)| !ANNOTATIONS.contains(name)) {
            self.fault(file, format!("rule `{name}` has an annotation `@{annotation}`, which nothing reads"));
        }
        let holds = policy.annotation("hold").is_some();
        if holds && policy.effect() == Effect::Permit {
            self.fault(file, format!("rule `{name}` permits: only a `forbid` can be a `@hold`"));
        }
        let advice = policy.annotation("advice").unwrap_or_default().to_owned();
        let policy = policy.new_id(PolicyId::new(&name));
        self.rules.push(Rule { scope: Scope::of(&policy), policy, advice, holds });
    }

    /// Holds every rule against the schema: what is misspelled would otherwise be an error at each act.
    fn check(&mut self) {
        let schema = match Schema::from_cedarschema_str(SCHEMA) {
            Ok((schema, _)) => schema,
            Err(error) => {
                let message = format!("the schema cannot be read: {error}");
                return self.faults.push(Fault { file: String::new(), place: None, message, help: None });
            }
        };
        let validator = Validator::new(schema);
        let policies = self.rules.iter().map(|rule| rule.policy.clone());
        let Ok(set) = PolicySet::from_policies(policies) else { return };
        let result = validator.validate(&set, ValidationMode::Strict);
        for error in result.validation_errors() {
            let rule = error.policy_id().to_string();
            let file = self.names.get(&rule).cloned().unwrap_or_default();
            let help = error.help().map(|help| help.to_string());
            self.faults.push(Fault { file, place: None, message: error.to_string(), help });
        }
    }

    fn fault(&mut self, file: &File, message: String) {
        self.faults.push(Fault { file: file.name.clone(), place: None, message, help: None });
    }
}

/// Policies are numbered in the order they stand in: `policy0`, `policy1`, …
fn number(id: &PolicyId) -> u64 {
    id.to_string().trim_start_matches("policy").parse().unwrap_or(u64::MAX)
}

fn fault(file: &File, error: &cedar_policy::ParseError) -> Fault {
    let label = error.labels().and_then(|mut labels| labels.next());
    let place = label.as_ref().map(|label| Place::of(&file.text, label.offset(), label.len()));
    let mut message = error.to_string();
    if let Some(label) = label.as_ref().and_then(|label| label.label()) {
        message = format!("{message}: {label}");
    }
    Fault { file: file.name.clone(), place, message, help: error.help().map(|help| help.to_string()) }
}

#[cfg(test)]
mod tests;
