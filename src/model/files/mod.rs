//! What a folder answers, decided: names, times and fields in; what to look for, and what to say, out.
//!
//! - `missing` what is answered for what a folder does not have

mod missing;

pub use missing::Missing;
