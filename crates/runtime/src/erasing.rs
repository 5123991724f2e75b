//! Erasing, legal holds and retention, for whoever runs this.

use crate::error::Error;
use crate::owner::alive;
use crate::runtime::Runtime;
use comity_govern::book::{Aim, Book, Found, Held, Hold, Mode, Receipt, State};

impl Runtime {
    fn book(&self) -> Book {
        self.gate().book(self.principal(), self.owner_name())
    }

    /// Whether the process of this name is alive.
    fn lives(&self, owner: &str) -> bool {
        self.store().path().is_some_and(|path| alive(path, owner).is_some())
    }

    /// What the tenant's book says.
    pub async fn book_state(&self) -> Result<State, Error> {
        Ok(self.book().state().await?)
    }

    /// Erases, and says what was done.
    pub async fn erase(&self, aim: &Aim, mode: Mode) -> Result<Receipt, Error> {
        Ok(self.book().erase(aim, mode, &|owner| self.lives(owner)).await?)
    }

    /// What would be erased. Erases nothing.
    pub async fn would_erase(&self, aim: &Aim, mode: Mode) -> Result<Found, Error> {
        Ok(self.book().find_only(aim, mode, &|owner| self.lives(owner)).await?)
    }

    /// Places a legal hold. Returns its number.
    pub async fn place_hold(&self, held: Held, why: &str) -> Result<u64, Error> {
        Ok(self.book().place(held, why, &|owner| self.lives(owner)).await?)
    }

    /// Lifts a legal hold.
    pub async fn lift_hold(&self, number: u64) -> Result<Hold, Error> {
        Ok(self.book().lift(number, &|owner| self.lives(owner)).await?)
    }

    /// Sets for how many days texts of runs that have ended are kept; for ever without a number.
    pub async fn set_retention(&self, days: Option<u32>) -> Result<(), Error> {
        Ok(self.book().set_retention(days, &|owner| self.lives(owner)).await?)
    }
}
