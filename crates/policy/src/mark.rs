//! Marks that pair the line that keeps a clause with the test that shows it.

use crate::Clause;

#[cfg(all(feature = "mutable", not(debug_assertions)))]
compile_error!("the feature `mutable` lets rules be switched off: it is for test builds only");

/// Marks the line that keeps a clause, and evaluates the rule.
///
/// - `enforce!(C6_2, condition, error)` returns `Err(error)` from the function unless the condition holds.
/// - `enforce!(C6_2)` is `true`; it is for a rule that is no condition: `if enforce!(C9_3_4) { write_the_log() }`.
///
/// Under the feature `mutable`, which only `make clauses` turns on, the rule is passed over while
/// `NIGHTJAR_CLAUSE_OFF=C6.2` stands in the environment: a test must then fail.
#[macro_export]
macro_rules! enforce {
    ($clause:ident) => {
        $crate::kept($crate::clause::$clause)
    };
    ($clause:ident, $condition:expr, $error:expr $(,)?) => {
        if $crate::kept($crate::clause::$clause) && !$condition {
            return ::core::result::Result::Err($error);
        }
    };
}

/// Stands in the test that fails when the rule of the clause is gone: `prove!(C6_2);`
#[macro_export]
macro_rules! prove {
    ($($clause:ident),+ $(,)?) => {
        $(let _: $crate::Clause = $crate::clause::$clause;)+
    };
}

/// Whether the rule of the clause holds: always, but for the one that a mutation run has switched off.
#[cfg(not(feature = "mutable"))]
#[inline(always)]
pub const fn kept(_: Clause) -> bool {
    true
}

/// Whether the rule of the clause holds: always, but for the one that a mutation run has switched off.
#[cfg(feature = "mutable")]
pub fn kept(clause: Clause) -> bool {
    static OFF: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    OFF.get_or_init(|| std::env::var("NIGHTJAR_CLAUSE_OFF").ok()).as_deref() != Some(clause.id())
}

#[cfg(test)]
mod tests {
    fn guarded(allowed: bool) -> Result<&'static str, &'static str> {
        enforce!(C6_2, allowed, "refused");
        Ok("done")
    }

    #[test]
    fn a_rule_refuses_unless_its_condition_holds() {
        assert_eq!(guarded(true), Ok("done"));
        if enforce!(C6_2) {
            assert_eq!(guarded(false), Err("refused"));
        }
    }

    /// In a mutation run this test is the one that shows that a rule can be switched off at all.
    #[test]
    #[cfg(feature = "mutable")]
    fn a_mutation_run_switches_off_exactly_the_named_rule() {
        let off = std::env::var("NIGHTJAR_CLAUSE_OFF").unwrap_or_default();
        assert_eq!(guarded(false).is_ok(), off == "C6.2");
        assert_eq!(crate::kept(crate::clause::C6_4), off != "C6.4");
    }
}
