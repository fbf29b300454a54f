//! Where facts come in from outside: today files, read by a mapping file (`docs/import.md`).
//!
//! ```no_run
//! # use kunder_connect::Mapping;
//! # use std::path::Path;
//! let mapping = Mapping::load(Path::new("map.yaml"))?;
//! let mut rows = mapping.open(Path::new("orders.csv"))?;
//! while let Some(row) = rows.next() {
//!     match row {
//!         Ok(facts) => println!("{} facts, {} bytes read", facts.len(), rows.bytes_read()),
//!         Err(error) => eprintln!("{error}"),
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod import;
mod sheet;

pub use import::error::{ImportError, MappingError, RowError};
pub use import::mapping::Mapping;
pub use import::rows::{FactCheck, Rows};
pub use sheet::{Sheet, SheetRow};
