//! Searches that cannot leave the allowed repositories. GitHub's qualifiers say where it looks; what it finds is compared
//! with the list once more.

use mcp_chassis::{Error, Result};

use crate::{
    allowlist::{Allowlist, Repository, forbidden},
    names::Owner,
};

/// The longest query that GitHub takes, in characters.
const MAX_QUERY: usize = 256;

/// The qualifiers that say where to look.
const PLACES: [Place; 6] = [
    Place { name: "repo", is_repository: true },
    Place { name: "repository", is_repository: true },
    Place { name: "org", is_repository: false },
    Place { name: "user", is_repository: false },
    Place { name: "owner", is_repository: false },
    Place { name: "enterprise", is_repository: false },
];

#[derive(Clone, Copy, Debug)]
struct Place {
    name: &'static str,
    is_repository: bool,
}

/// Where a search looks, beside what its query says.
#[derive(Debug)]
pub(crate) enum Scope<'a> {
    /// Wherever this server may.
    Allowed,
    /// All that is allowed of one owner.
    Owner(&'a Owner),
    /// One repository.
    Repository(&'a Repository),
}

/// The query as GitHub is asked.
///
/// # Errors
/// [`mcp_chassis::ErrorKind::Forbidden`] when it would look beyond the allowlist.
pub(crate) fn scoped(query: &str, scope: &Scope<'_>, allowlist: &Allowlist) -> Result<String> {
    let named = names_a_place(query, allowlist)?;
    let added = match scope {
        Scope::Repository(repository) => vec![format!("repo:{repository}")],
        Scope::Owner(owner) if allowlist.allows_all_of(owner.as_str()) => {
            vec![format!("user:{}", owner.as_str())]
        }
        Scope::Owner(owner) => {
            let allowed = allowlist.qualifiers(Some(owner.as_str()));
            if allowed.is_empty() {
                return Err(forbidden());
            }
            allowed
        }
        Scope::Allowed if named => Vec::new(),
        Scope::Allowed => allowlist.qualifiers(None),
    };
    let words = [query.trim().to_owned()].into_iter().chain(added);
    let whole = words.collect::<Vec<_>>().join(" ");
    if whole.chars().count() <= MAX_QUERY {
        return Ok(whole);
    }
    Err(Error::invalid(
        "query",
        "is too long with the repositories to search, name one with `repo:`",
    ))
}

/// Whether the query says itself where to look; each such place must be allowed.
fn names_a_place(query: &str, allowlist: &Allowlist) -> Result<bool> {
    let folded = query.to_ascii_lowercase();
    let mut found = false;
    for (at, _) in folded.match_indices(':') {
        let (before, after) = folded.split_at_checked(at).unwrap_or_default();
        let is_part = |character: char| character.is_alphanumeric() || character == '_';
        let name = before.rsplit(|character| !is_part(character)).next().unwrap_or_default();
        let Some(place) = PLACES.iter().find(|place| place.name == name) else { continue };
        let value = after.trim_start_matches([':', '"', '\'']);
        let end = value.find(|it: char| !(it.is_ascii_alphanumeric() || "-_./".contains(it)));
        let value = value.get(..end.unwrap_or(value.len())).unwrap_or_default();
        if !place.is_allowed(value, allowlist) {
            return Err(forbidden());
        }
        // `-repo:a/b` says where not to look.
        found |= !before.ends_with(&format!("-{name}"));
    }
    Ok(found)
}

impl Place {
    fn is_allowed(self, value: &str, allowlist: &Allowlist) -> bool {
        if self.is_repository {
            allowlist.find(value).is_some()
        } else {
            allowlist.allows_all_of(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(query: &str, scope: &Scope<'_>, list: &str) -> Result<String> {
        let list = if list.is_empty() { Allowlist::default() } else { list.parse().unwrap() };
        scoped(query, scope, &list)
    }

    #[test]
    fn a_search_that_names_no_place_looks_where_it_may() {
        let list = "octo-org/*,octocat/a";
        assert_eq!(
            ask("crash", &Scope::Allowed, list).unwrap(),
            "crash user:octo-org repo:octocat/a"
        );
        assert_eq!(ask("crash", &Scope::Allowed, "").unwrap(), "crash");
        assert_eq!(ask("x repo:OctoCat/A", &Scope::Allowed, list).unwrap(), "x repo:OctoCat/A");
        assert_eq!(
            ask("x -repo:octocat/a", &Scope::Allowed, list).unwrap(),
            "x -repo:octocat/a user:octo-org repo:octocat/a"
        );
        let owner = Owner::try_from("octocat".to_owned()).unwrap();
        assert_eq!(ask("x", &Scope::Owner(&owner), list).unwrap(), "x repo:octocat/a");
        assert!(ask("x", &Scope::Owner(&owner), "other/*").is_err());
    }

    #[test]
    fn no_qualifier_leads_beyond_the_list() {
        for query in [
            "x repo:secret/plans",
            "REPO:secret/plans",
            "x -repo:secret/plans",
            "(repo:secret/plans)",
            "repo:\"secret/plans\"",
            "\"repo:secret/plans\"",
            "repo::secret/plans",
            "org:secret",
            "user:octocat",
            "owner:secret",
            "enterprise:all",
            "repo:octocat/a repo:secret/plans",
            "repo:",
            "repo: secret/plans",
            "repo:octocat/a,secret/plans org:secret",
            "x|repo:secret/plans",
            "NOT repo:secret/plans",
            "repository:secret/plans",
            "repo:octocat/../secret",
        ] {
            let error = ask(query, &Scope::Allowed, "octocat/a").unwrap_err();
            assert_eq!(error.kind().code(), "forbidden", "{query}");
        }
        for query in ["myrepo:secret/plans", "label:repo", "https://x", "a:b"] {
            assert!(ask(query, &Scope::Allowed, "octocat/a").is_ok(), "{query}");
        }
    }

    #[test]
    fn a_list_that_does_not_fit_into_a_query_is_told() {
        let list = (0..40).map(|it| format!("octocat/{it}")).collect::<Vec<_>>().join(",");
        assert_eq!(ask("x", &Scope::Allowed, &list).unwrap_err().kind().code(), "invalid_input");
        assert!(ask("x repo:octocat/7", &Scope::Allowed, &list).is_ok());
    }
}
