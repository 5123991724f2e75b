//! What every backend must do, as tests. A backend calls [`store_suite!`](crate::store_suite) once.
