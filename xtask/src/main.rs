//! Chores of the repository: tidy, test, bench, simulate.
fn main() {}
