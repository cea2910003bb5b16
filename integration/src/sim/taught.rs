//! What every world must be. What worlds found once is planted again (`make plant`) and has a
//! scenario: a change of how they are drawn makes other worlds of all seeds.

use super::run;

#[test]
fn one_seed_is_one_run() {
    let digest = |seed| run(seed, None, false).unwrap().digest;
    assert_eq!(digest(5), digest(5));
    assert_ne!(digest(5), digest(6));
}
