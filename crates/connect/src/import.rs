//! File import: a mapping file says what each row of a file yields, and how its values are written.

mod bodies;
pub(crate) mod error;
mod expression;
mod fact_id;
mod field;
mod json;
pub(crate) mod layout;
pub(crate) mod lines;
pub(crate) mod mapping;
mod mapping_file;
mod moment;
mod money_bodies;
#[cfg(test)]
mod properties;
mod quoting;
mod reading;
mod record;
mod row;
pub(crate) mod rows;
pub(crate) mod table;
#[cfg(test)]
mod tests;
