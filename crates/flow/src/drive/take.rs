//! Takes one step through the gate, and judges what it produced before that is settled.

use super::Drive;
use crate::facts::Facts;
use crate::plan::{Plan, StepPlan};
use crate::route::{self, Limits, Lost, Routing};
use crate::shared::Shared;
use comity_core::{Step, StepKind, Taint};
use comity_govern::{Error, Failure, Input, Outcome, Output, Permit};
use serde_json::{Value, json};
use std::sync::Arc;

/// What a step's conditions may look at besides its own output, and how often it may still go back.
#[derive(Clone, Debug, Default)]
pub(super) struct Outlook {
    pub(super) earlier: Vec<(Arc<str>, Arc<Value>)>,
    pub(super) shared: Shared,
    pub(super) iteration: u32,
    pub(super) limits: Limits,
    /// Whether the step's result was taken over from another run.
    pub(super) reused: bool,
}

/// One step on its way through the gate.
pub(super) struct Taking<'d> {
    pub(super) drive: &'d Drive<'d>,
    pub(super) ordinal: usize,
    pub(super) planned: &'d StepPlan,
    pub(super) step: Step,
    pub(super) input: Input,
    /// `None` when its settling alone decides where its end leads.
    pub(super) outlook: Option<Arc<Outlook>>,
}

impl Taking<'_> {
    /// Asks for the step; if it failed before, for another try.
    pub(super) async fn go(self, again: bool) -> Result<Outcome, Error> {
        let Drive { gate, scope, runner, .. } = *self.drive;
        let turn = runner.turn(self.ordinal);
        let _turn = match &turn {
            // A closed semaphore means the runtime is going away; the gate will say so.
            Some(turn) => turn.acquire().await.ok(),
            None => None,
        };
        let step = self.step.clone();
        if again {
            gate.run_again(scope, step, async |permit| self.act(permit).await).await
        } else {
            gate.run(scope, step, async |permit| self.act(permit).await).await
        }
    }

    async fn act(&self, permit: &mut Permit) -> Result<Output, Failure> {
        let output = self.drive.runner.run(permit, self.ordinal, &self.input).await?;
        let output = self.checked(permit, output).await?;
        if let Some(outlook) = &self.outlook {
            self.drive
                .led(self.ordinal, self.planned, outlook, &output.value)
                .map_err(|Lost { reason, message }| Failure::Refused(reason, message))?;
        }
        Ok(output)
    }

    /// The output as its schema has it. One that does not fit is asked for once more, with what was wrong;
    /// but not of a step for which doing it twice could do harm.
    async fn checked(&self, permit: &mut Permit, output: Output) -> Result<Output, Failure> {
        let Some(schema) = &self.planned.schema else { return Ok(output) };
        let why = match schema.check(&output.value) {
            Ok(value) => return Ok(Output { value }),
            Err(why) => why,
        };
        // A workflow inside would only say again what it has said.
        let mends = self.planned.idempotent && self.planned.kind.step != StepKind::Workflow;
        if !mends || !self.drive.runner.repeats(self.ordinal) {
            return Err(refused(&why));
        }
        let mut input = self.input.value.clone();
        if let Some(input) = input.as_object_mut() {
            input.insert("repair".to_owned(), json!({"error": why, "output": output.value}));
        }
        let input = Input::tainted(input, self.input.taint);
        let repaired = self.drive.runner.run(permit, self.ordinal, &input).await?;
        schema.check(&repaired.value).map(|value| Output { value }).map_err(|why| refused(&why))
    }
}

/// How it is decided where a step's end leads.
type Decide = fn(&Plan, &StepPlan, &Facts<'_>) -> Result<Routing, Lost>;

impl Drive<'_> {
    /// Where a step's end leads, by its output, and within what its loops and routes may do.
    pub(super) fn led(
        &self,
        ordinal: usize,
        planned: &StepPlan,
        outlook: &Outlook,
        output: &Value,
    ) -> Result<Routing, Lost> {
        self.routing(ordinal, planned, outlook, output, route::decide)
    }

    /// Where a person's no leads.
    pub(super) fn led_by_no(
        &self,
        ordinal: usize,
        planned: &StepPlan,
        outlook: &Outlook,
        output: &Value,
    ) -> Result<Routing, Lost> {
        self.routing(ordinal, planned, outlook, output, route::decide_no)
    }

    fn routing(
        &self,
        ordinal: usize,
        planned: &StepPlan,
        outlook: &Outlook,
        output: &Value,
        decide: Decide,
    ) -> Result<Routing, Lost> {
        // Conditions look at values only: where these came from decides nothing here.
        let shared = outlook.shared.after(ordinal, output, Taint::NONE, &self.plan.control().merge);
        let task = self.task(outlook.reused);
        let (earlier, iteration) = (outlook.earlier.as_slice(), outlook.iteration);
        let facts = Facts { task, iteration, own: (&planned.name, output), earlier, shared: &shared };
        let routing = decide(self.plan, planned, &facts)?;
        route::within(self.plan, planned, &routing, &outlook.limits)?;
        Ok(routing)
    }
}

fn refused(why: &str) -> Failure {
    let message = format!("its output does not fit its schema: {why}");
    Failure::Refused(comity_core::ReasonCode::OutputSchema, message)
}
