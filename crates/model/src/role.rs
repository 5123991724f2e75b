//! What an agent is there for.

use std::{fmt, str::FromStr};

/// What an agent is there for. Steers what it is told, and which model it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// Looks for what is wrong with the work of others.
    Critic,
    /// Does the work.
    #[default]
    Executor,
    /// Looks for what must not happen.
    Guardian,
    /// Says who does what next.
    Orchestrator,
    /// Breaks a task into steps.
    Planner,
    /// Finds out.
    Researcher,
}

/// Why a word is not a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role: expected {names}", names = Role::NAMES.join(", "))]
pub struct BadRole(String);

impl Role {
    /// All roles, by name.
    pub const ALL: [Self; 6] =
        [Self::Critic, Self::Executor, Self::Guardian, Self::Orchestrator, Self::Planner, Self::Researcher];

    /// The names of all roles, as they stand in files.
    pub const NAMES: &'static [&'static str] =
        &["critic", "executor", "guardian", "orchestrator", "planner", "researcher"];

    /// The name in files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critic => "critic",
            Self::Executor => "executor",
            Self::Guardian => "guardian",
            Self::Orchestrator => "orchestrator",
            Self::Planner => "planner",
            Self::Researcher => "researcher",
        }
    }

    /// Whether its answers say yes or no to the work of others, as `approved` in what is structured.
    pub const fn judges(self) -> bool {
        matches!(self, Self::Critic | Self::Guardian)
    }

    /// What a model in this role is told it is there for.
    pub const fn instructions(self) -> &'static str {
        match self {
            Self::Critic => "You are a critic. Look for what is wrong or missing, and say if it may stand.",
            Self::Executor => "You are an executor. Do the task, and answer with the result.",
            Self::Guardian => "You are a guardian. Look for harm and for breaches, and say if it may happen.",
            Self::Orchestrator => "You are an orchestrator. Say who does what next, and why.",
            Self::Planner => "You are a planner. Break the task into few steps that can each be checked.",
            Self::Researcher => "You are a researcher. Find out what is known, and name what it rests on.",
        }
    }
}

impl FromStr for Role {
    type Err = BadRole;

    fn from_str(text: &str) -> Result<Self, BadRole> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| BadRole(text.to_owned()))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_nothing_else_is_a_role() {
        assert_eq!(Role::ALL.map(Role::name), Role::NAMES);
        assert!(Role::ALL.into_iter().all(|role| role.name().parse() == Ok(role)));
        let error = "superadmin".parse::<Role>().unwrap_err().to_string();
        let names = "critic, executor, guardian, orchestrator, planner, researcher";
        assert_eq!(error, format!("`superadmin` is not a role: expected {names}"));
    }
}
