//! Which repositories this server may be asked about. There is no other way to get a [`Repository`] than through here.

use std::{collections::BTreeSet, fmt, str::FromStr};

use mcp_chassis::{Error, ErrorKind, Result};

use crate::names::{Owner, RepositoryName};

/// A repository that the deployment allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repository {
    owner: String,
    name: String,
}

impl Repository {
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// `GITHUB_ALLOWED_REPOSITORIES`: `owner/*` and `owner/name`, separated by commas. GitHub's names know no case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowlist(Option<Vec<Pattern>>);

/// Names in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    owner: String,
    /// Any, when there is none.
    name: Option<String>,
}

impl FromStr for Allowlist {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected repositories like `octo-org/*, octocat/hello-world`";
        let pattern = |item: &str| {
            let (owner, name) = item.split_once('/')?;
            let owner = Owner::try_from(owner.to_ascii_lowercase()).ok()?.as_str().to_owned();
            let name = match name {
                "*" => None,
                name => {
                    let name = RepositoryName::try_from(name.to_ascii_lowercase()).ok()?;
                    Some(name.as_str().to_owned())
                }
            };
            Some(Pattern { owner, name })
        };
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let patterns: Option<Vec<_>> = items.map(pattern).collect();
        // A list that is set and empty would allow everything or nothing: neither is guessed.
        let patterns = patterns.filter(|patterns| !patterns.is_empty()).ok_or(EXPECTED)?;
        Ok(Self(Some(patterns)))
    }
}

impl Allowlist {
    /// Lets a repository pass.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`] for one that is not on the list.
    pub(crate) fn admit(&self, owner: &Owner, name: &RepositoryName) -> Result<Repository> {
        let (owner, name) = (owner.as_str().to_owned(), name.as_str().to_owned());
        if self.allows(&owner, &name) { Ok(Repository { owner, name }) } else { Err(forbidden()) }
    }

    /// The repository of a `owner/name` that somebody else wrote, if it is allowed.
    pub(crate) fn find(&self, full_name: &str) -> Option<Repository> {
        let (owner, name) = full_name.split_once('/')?;
        let owner = Owner::try_from(owner.to_owned()).ok()?;
        let name = RepositoryName::try_from(name.to_owned()).ok()?;
        self.admit(&owner, &name).ok()
    }

    /// Whether every repository of `owner` is allowed.
    pub(crate) fn allows_all_of(&self, owner: &str) -> bool {
        self.patterns(owner).is_none_or(|mut patterns| patterns.any(|it| it.name.is_none()))
    }

    /// Whether any repository of `owner` is allowed.
    pub(crate) fn allows_some_of(&self, owner: &str) -> bool {
        self.patterns(owner).is_none_or(|mut patterns| patterns.next().is_some())
    }

    /// The list as the qualifiers of a search (of `owner` alone, where one is named); none when everything is allowed.
    pub(crate) fn qualifiers(&self, owner: Option<&str>) -> Vec<String> {
        let of = |pattern: &&Pattern| owner.is_none_or(|owner| pattern.is_of(owner));
        let qualifier = |pattern: &Pattern| match &pattern.name {
            Some(name) => format!("repo:{}/{name}", pattern.owner),
            None => format!("user:{}", pattern.owner),
        };
        self.0.iter().flatten().filter(of).map(qualifier).collect()
    }

    /// The list as a person wrote it; none when everything is allowed.
    pub(crate) fn listed(&self) -> Option<Vec<String>> {
        let listed = |it: &Pattern| format!("{}/{}", it.owner, it.name.as_deref().unwrap_or("*"));
        Some(self.0.as_ref()?.iter().map(listed).collect())
    }

    /// The owners, or the names of repositories, that begin with what was typed.
    pub(crate) fn completed(&self, variable: &str, typed: &str) -> Vec<String> {
        let typed = typed.to_ascii_lowercase();
        let value = |pattern: &Pattern| match variable {
            "owner" => Some(pattern.owner.clone()),
            "repo" => pattern.name.clone(),
            _ => None,
        };
        let values = self.0.iter().flatten().filter_map(value);
        let values: BTreeSet<_> = values.filter(|value| value.starts_with(&typed)).collect();
        values.into_iter().collect()
    }

    fn allows(&self, owner: &str, name: &str) -> bool {
        let named = |it: &Pattern| it.name.as_ref().is_none_or(|it| it.eq_ignore_ascii_case(name));
        self.patterns(owner).is_none_or(|mut patterns| patterns.any(named))
    }

    fn patterns<'a>(&'a self, owner: &'a str) -> Option<impl Iterator<Item = &'a Pattern>> {
        Some(self.0.as_ref()?.iter().filter(move |pattern| pattern.is_of(owner)))
    }
}

impl Pattern {
    fn is_of(&self, owner: &str) -> bool {
        self.owner.eq_ignore_ascii_case(owner)
    }
}

/// The repository is not named: the caller knows it, and a log may be read by others.
pub(crate) fn forbidden() -> Error {
    let kind = ErrorKind::Forbidden { scopes: Vec::new() };
    Error::new(
        kind,
        "this server is not set up for that repository, `get_me` tells for which it is",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Allowlist {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_compared_without_regard_to_case() {
        let list = list("Octo-Org/*, octocat/Hello-World");
        for allowed in
            ["octo-org/anything", "OCTO-ORG/X", "octocat/hello-world", "OctoCat/HELLO-WORLD"]
        {
            assert_eq!(list.find(allowed).unwrap().to_string(), allowed);
        }
        for other in [
            "octocat/other",
            "octo-orgs/x",
            "x/hello-world",
            "octocat",
            "octocat/hello-world/x",
            "octo-org/../x",
            "/",
        ] {
            assert!(list.find(other).is_none(), "{other}");
        }
    }

    #[test]
    fn without_a_list_everything_is_allowed() {
        let open = Allowlist::default();
        assert!(open.find("any/thing").is_some() && open.allows_all_of("any"));
        assert!(open.qualifiers(None).is_empty() && open.listed().is_none());
    }

    #[test]
    fn a_list_is_repositories_and_nothing_else() {
        for text in [
            "", " , ", "octocat", "octocat/", "/x", "*/x", "*", "a/b/c", "a/..", "octo*/x", "a/b*",
            "a/b c",
        ] {
            assert!(text.parse::<Allowlist>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_typed_is_completed_from_the_list() {
        let list = list("octo-org/*,octocat/hello,octocat/help,other/x");
        assert_eq!(list.completed("owner", "Octo"), ["octo-org", "octocat"]);
        assert_eq!(list.completed("repo", "hel"), ["hello", "help"]);
        assert!(list.completed("path", "").is_empty() && list.completed("owner", "z").is_empty());
    }

    #[test]
    fn a_search_is_bound_to_the_list() {
        let list = list("octo-org/*,octocat/a,octocat/b");
        assert_eq!(list.qualifiers(None), ["user:octo-org", "repo:octocat/a", "repo:octocat/b"]);
        assert_eq!(list.qualifiers(Some("OctoCat")), ["repo:octocat/a", "repo:octocat/b"]);
        assert!(list.allows_all_of("Octo-Org") && !list.allows_all_of("octocat"));
        assert!(list.allows_some_of("octocat") && !list.allows_some_of("x"));
    }
}
