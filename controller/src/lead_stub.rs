//! stub
use anyhow::Result;
/// stub
#[derive(Clone)]
pub struct Leadership {
    /// e
    pub epoch: i64,
}
impl Leadership {
    /// c
    pub fn check(&self) -> Result<()> {
        Ok(())
    }
}
