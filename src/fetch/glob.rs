//! Names with wildcards: `Road*`, regardless of case.

/// A pattern: `*` stands for any text, also for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<char>);

impl Glob {
    /// A pattern as a user writes it.
    ///
    /// ```
    /// use geohaul::fetch::glob::Glob;
    ///
    /// assert!(Glob::new("*road*").matches("Main Roads 2024"));
    /// assert!(!Glob::new("road").matches("Roads"));
    /// ```
    pub fn new(pattern: &str) -> Self {
        Self(folded(pattern))
    }

    /// Whether a name is one of those that it stands for.
    pub fn matches(&self, name: &str) -> bool {
        let name = folded(name);
        // Where the last `*` stands, and how much of the name it has taken.
        let (mut at, mut in_name, mut star) = (0, 0, None);
        while in_name < name.len() {
            match (self.0.get(at), star) {
                (Some('*'), _) => {
                    star = Some((at, in_name));
                    at += 1;
                }
                (Some(c), _) if *c == name[in_name] => {
                    at += 1;
                    in_name += 1;
                }
                (_, Some((before, taken))) => {
                    star = Some((before, taken + 1));
                    (at, in_name) = (before + 1, taken + 1);
                }
                _ => return false,
            }
        }
        self.0[at..].iter().all(|c| *c == '*')
    }
}

fn folded(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a pattern means, said in the plainest way.
    fn meant(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) if meant(rest, name) => true,
            (Some(('*', _)), Some((_, tail))) => meant(pattern, tail),
            (Some((p, rest)), Some((c, tail))) => p == c && meant(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_means_what_it_says(pattern in "[ab*]{0,6}", name in "[ab]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(Glob::new(&pattern).matches(&name), meant(&chars(&pattern), &chars(&name)));
        }

        #[test]
        fn a_name_with_parts_replaced_by_stars_still_matches(name in "\\PC{0,12}", from in 0..12usize, to in 0..12usize) {
            let chars: Vec<char> = name.chars().collect();
            let (from, to) = (from.min(to).min(chars.len()), to.max(from).min(chars.len()));
            let pattern: String = chars[..from].iter().chain(&['*']).chain(&chars[to..]).collect();
            prop_assert!(Glob::new(&pattern).matches(&name));
            prop_assert!(Glob::new(&name.to_uppercase()).matches(&name.to_uppercase().to_lowercase()));
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        assert!(!Glob::new(&"a*".repeat(1000)).matches(&"a".repeat(999)));
        assert!(Glob::new("STRÖME*").matches("ströme 2"));
    }
}
