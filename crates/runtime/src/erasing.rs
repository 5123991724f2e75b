//! Erasing, legal holds and retention, for whoever runs this.

use crate::error::Error;
use crate::owner::alive;
use crate::runtime::Runtime;
use comity_core::BoxFuture;
use comity_govern::book::{Aim, Alive, Book, Found, Held, Hold, Mode, Receipt, State};
use comity_store::Store;

/// The processes that work on this store.
struct Living<'s>(&'s Store);

impl Alive for Living<'_> {
    fn lives<'a>(&'a self, owner: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(async move { !matches!(alive(self.0, owner).await, Ok(None)) })
    }
}

impl Runtime {
    fn book(&self) -> Book {
        self.gate().book(self.principal(), self.owner_name())
    }

    /// What the tenant's book says.
    pub async fn book_state(&self) -> Result<State, Error> {
        Ok(self.book().state().await?)
    }

    /// Erases, and says what was done.
    pub async fn erase(&self, aim: &Aim, mode: Mode) -> Result<Receipt, Error> {
        Ok(self.book().erase(aim, mode, &Living(self.store())).await?)
    }

    /// What would be erased. Erases nothing.
    pub async fn would_erase(&self, aim: &Aim, mode: Mode) -> Result<Found, Error> {
        Ok(self.book().find_only(aim, mode, &Living(self.store())).await?)
    }

    /// Places a legal hold. Returns its number.
    pub async fn place_hold(&self, held: Held, why: &str) -> Result<u64, Error> {
        Ok(self.book().place(held, why, &Living(self.store())).await?)
    }

    /// Lifts a legal hold.
    pub async fn lift_hold(&self, number: u64) -> Result<Hold, Error> {
        Ok(self.book().lift(number, &Living(self.store())).await?)
    }

    /// Sets for how many days texts of runs that have ended are kept; for ever without a number.
    pub async fn set_retention(&self, days: Option<u32>) -> Result<(), Error> {
        Ok(self.book().set_retention(days, &Living(self.store())).await?)
    }
}
