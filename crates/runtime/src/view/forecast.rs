//! What a workflow may cost before it runs, beside what it may spend.

use crate::error::Error;
use crate::runtime::{Request, built};
use comity_api::{Budget, Cost, ForecastReport, StepForecast};
use comity_core::Amounts;
use comity_flow::Plan;
use std::sync::Arc;

/// Checks a workflow file and forecasts what it may cost, without a database.
pub fn forecast(request: &Request) -> Result<ForecastReport, Error> {
    let runner = built(request)?;
    let (plan, told) = (Arc::clone(runner.plan()), runner.forecast(&request.task));
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
        fits: Amounts { millis: 0, ..told.most }.exceeds(&plan.policy().caps()).is_none()
            && runner.fits_inside(&request.task),
    })
}

fn cost(amounts: &Amounts) -> Cost {
    Cost { micro_usd: amounts.micro_usd, tokens: amounts.tokens, steps: amounts.steps }
}

fn budget(plan: &Plan) -> Budget {
    let caps = plan.policy().caps();
    let capped = |amount: u64| (amount < Amounts::MAX).then_some(amount);
    Budget { micro_usd: capped(caps.micro_usd), tokens: capped(caps.tokens), steps: capped(caps.steps) }
}
