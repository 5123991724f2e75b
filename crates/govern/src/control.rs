//! Controls that a test can switch off, to prove that somebody would notice.
//!
//! Compiled only with the feature `planted`; without it every control is on at compile time. The table of controls, each
//! with the test that has to fail without it, is `docs/src/reference/controls.md`; `cargo xtask controls` proves it.

/// The variable that names the control that is off.
pub const VARIABLE: &str = "COMITY_CONTROL_OFF";

/// Whether the control of this name is switched off, for a test.
#[cfg(feature = "planted")]
pub fn is_off(name: &str) -> bool {
    static OFF: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var(VARIABLE).ok());
    OFF.as_deref() == Some(name)
}

/// Whether the control of this name is switched off: never, in this build.
#[cfg(not(feature = "planted"))]
pub const fn is_off(_: &str) -> bool {
    false
}
