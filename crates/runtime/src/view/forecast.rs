//! What a workflow may cost before it runs, beside what it may spend.

use crate::error::Error;
use crate::runtime::{Request, check};
use comity_adapter::{Setup, find};
use comity_api::{Budget, Cost, ForecastReport, StepForecast};
use comity_core::Amounts;
use comity_flow::{Plan, StepPlan, forecast as flow_forecast};

/// Checks a workflow file and forecasts what it may cost, without a database.
pub fn forecast(request: &Request) -> Result<ForecastReport, Error> {
    let plan = check(request)?;
    let setup = Setup { base_dir: request.base_dir.clone() };
    let told = flow_forecast(&plan, &|step| cost_of(step, &setup));
    let steps = plan.steps().iter().zip(&told.steps).map(|(step, told)| StepForecast {
        step: step.name.to_string(),
        kind: step.kind.name.to_owned(),
        each: cost(&told.each),
        tries: told.tries,
        passes: told.passes,
        least: cost(&told.least),
        most: cost(&told.most),
    });
    let ceiling = plan.control().max_forecast;
    Ok(ForecastReport {
        name: plan.name().unwrap_or_default().to_owned(),
        file: request.file.clone(),
        steps: steps.collect(),
        least: cost(&told.least),
        most: cost(&told.most),
        budget: budget(&plan),
        max_forecast_micro_usd: ceiling.map(comity_core::MicroUsd::micros),
        may_start: ceiling.is_none_or(|ceiling| told.most.micro_usd <= ceiling.micros()),
        fits: Amounts { millis: 0, ..told.most }.exceeds(&plan.policy().caps()).is_none(),
    })
}

/// What one try of a step can cost: its price, and what its adapter sets aside for steps nested in it.
fn cost_of(step: &StepPlan, setup: &Setup) -> Amounts {
    let own = Amounts { micro_usd: step.price.micros(), steps: 1, ..Amounts::ZERO };
    let adapter = find(step.kind.name).and_then(|kind| (kind.build)(setup, &step.config).ok());
    let nested = adapter.map_or(Amounts::ZERO, |adapter| adapter.reserve());
    own.checked_add(&nested).unwrap_or(Amounts::UNLIMITED)
}

fn cost(amounts: &Amounts) -> Cost {
    Cost { micro_usd: amounts.micro_usd, tokens: amounts.tokens, steps: amounts.steps }
}

fn budget(plan: &Plan) -> Budget {
    let caps = plan.policy().caps();
    let capped = |amount: u64| (amount < Amounts::MAX).then_some(amount);
    Budget { micro_usd: capped(caps.micro_usd), tokens: capped(caps.tokens), steps: capped(caps.steps) }
}
