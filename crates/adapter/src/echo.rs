//! Gives back what it was given: for tests and examples.

use crate::{Adapter, Error, Setup, keys::Keys};
use comity_core::{BoxFuture, Clock, KeySpec, KindSpec, RiskTier, Shape, StepKind};
use comity_govern::{Failure, Input, Output, Permit};
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};

pub(crate) const SPEC: KindSpec = KindSpec {
    name: "echo",
    step: StepKind::ToolCall,
    risk: RiskTier::ReadOnly,
    idempotent: true,
    keys: &[
        KeySpec {
            name: "delay_ms",
            shape: Shape::Count,
            required: false,
            about: "Milliseconds to wait before answering.",
        },
        KeySpec {
            name: "fail",
            shape: Shape::Text,
            required: false,
            about: "Fail with this message instead of answering.",
        },
        KeySpec {
            name: "text",
            shape: Shape::Text,
            required: false,
            about: "Answer with this text instead of the input.",
        },
    ],
    about: "Gives back its input. Calls nothing; for tests and examples.",
};

/// Answers with its input, or as it was told to.
struct Echo {
    delay: Duration,
    answer: Answer,
}

/// What an echo says when its delay is over.
#[derive(Clone)]
enum Answer {
    Input,
    Text(String),
    Failure(String),
}

pub(crate) fn build(_: &Setup, map: &Map<String, Value>) -> Result<Arc<dyn Adapter>, Error> {
    let keys = Keys { kind: SPEC.name, map };
    let delay = Duration::from_millis(keys.count("delay_ms")?.unwrap_or(0));
    let answer = match (keys.text("fail")?, keys.text("text")?) {
        (Some(message), _) => Answer::Failure(message.to_owned()),
        (None, Some(text)) => Answer::Text(text.to_owned()),
        (None, None) => Answer::Input,
    };
    Ok(Arc::new(Echo { delay, answer }))
}

impl Adapter for Echo {
    fn call<'a>(
        &'a self,
        permit: &'a mut Permit,
        input: &'a Input,
    ) -> BoxFuture<'a, Result<Output, Failure>> {
        let (clock, time_left) = (Arc::clone(permit.clock()), permit.time_left());
        Box::pin(async move {
            wait(&*clock, self.delay, time_left).await?;
            answer(&self.answer, input)
        })
    }

    fn endpoint(&self) -> String {
        SPEC.name.to_owned()
    }
}

/// Waits for `delay`, or for `time_left` and then gives up as a slow program would.
async fn wait(clock: &dyn Clock, delay: Duration, time_left: Duration) -> Result<(), Failure> {
    if time_left.is_zero() {
        return Err(Failure::Failed("the echo was not started: no time was left".to_owned()));
    }
    if delay > time_left {
        clock.sleep(time_left).await;
        let limit = time_left.as_secs_f64();
        return Err(Failure::Unknown(format!("the echo did not end within {limit:.3} s and was stopped")));
    }
    if !delay.is_zero() {
        clock.sleep(delay).await;
    }
    Ok(())
}

fn answer(answer: &Answer, input: &Input) -> Result<Output, Failure> {
    match answer {
        Answer::Input => Ok(Output { value: input.value.clone() }),
        Answer::Text(text) => Ok(Output { value: Value::String(text.clone()) }),
        Answer::Failure(message) => Err(Failure::Failed(message.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use comity_core::Timestamp;
    use serde_json::json;
    use std::{future, sync::Mutex};

    /// A clock on which every sleep is over at once, and is remembered.
    #[derive(Default)]
    struct JumpingClock(Mutex<Vec<Duration>>);

    impl Clock for JumpingClock {
        fn now(&self) -> Timestamp {
            Timestamp::default()
        }

        fn monotonic(&self) -> Duration {
            self.0.lock().unwrap().iter().sum()
        }

        fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
            self.0.lock().unwrap().push(span);
            Box::pin(future::ready(()))
        }
    }

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn answers_as_it_was_told() {
        let input = Input::new(json!({"task": "hi", "context": {}}));
        let cases = [
            (Answer::Input, Ok(Output { value: input.value.clone() })),
            (Answer::Text("yes".to_owned()), Ok(Output { value: json!("yes") })),
            (Answer::Failure("no".to_owned()), Err(Failure::Failed("no".to_owned()))),
        ];
        for (told, expected) in cases {
            assert_eq!(answer(&told, &input), expected);
        }
    }

    #[tokio::test]
    async fn waits_as_long_as_it_was_told() {
        let clock = JumpingClock::default();
        assert_eq!(wait(&clock, SECOND, HOUR).await, Ok(()));
        assert_eq!(wait(&clock, Duration::ZERO, HOUR).await, Ok(()));
        assert_eq!(*clock.0.lock().unwrap(), [SECOND]);
    }

    #[tokio::test]
    async fn gives_up_when_its_time_is_over() {
        let clock = JumpingClock::default();
        let message = "the echo did not end within 1.000 s and was stopped";
        assert_eq!(wait(&clock, HOUR, SECOND).await, Err(Failure::Unknown(message.to_owned())));
        assert_eq!(clock.monotonic(), SECOND);
    }

    #[tokio::test]
    async fn does_not_start_without_time() {
        let waited = wait(&JumpingClock::default(), Duration::ZERO, Duration::ZERO).await;
        assert!(matches!(waited, Err(Failure::Failed(_))), "{waited:?}");
    }
}
