//! The program `npg`.
fn main() {}
