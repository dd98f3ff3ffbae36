//! Which collections there are here, and who sees which of their fields.

use std::{collections::BTreeMap, str::FromStr};

use mcp_chassis::{Error, ErrorKind, Principal, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    names::{CollectionName, FieldName, Refused},
    redaction::Hidden,
};

/// The collection that user profiles are read from.
const USERS: &str = "users";

/// The collections of the sample, which are also those of a deployment that describes none.
const DEFAULT: &str = include_str!("../sample/collections.json");

/// The collections that this deployment offers.
#[derive(Debug, Default)]
pub(crate) struct Collections {
    known: BTreeMap<CollectionName, Collection>,
    /// Others may exist, and are nobody's business here.
    is_restricted: bool,
}

/// `[collections.NAME]`: what a collection holds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Collection {
    pub(crate) description: String,
    pub(crate) fields: BTreeMap<FieldName, Field>,
}

/// `[collections.NAME.fields.NAME]`: what a field holds, and the scope without which nobody sees it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Field {
    pub(crate) description: String,
    pub(crate) r#type: FieldType,
    pub(crate) scope: Option<FieldScope>,
}

/// What kind of value a field has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FieldType {
    /// Text.
    #[default]
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A time, as the internal API writes it.
    DateTime,
    /// Fields within a field.
    Object,
    /// A list.
    Array,
}

/// A scope of the deployer's own choosing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct FieldScope(String);

impl FieldScope {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FieldScope {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let is_part = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if !text.is_empty() && text.bytes().all(is_part) {
            Ok(Self(text))
        } else {
            Err("a scope is visible ASCII without spaces and quotes, like `hr:read`")
        }
    }
}

/// `INTERNAL_COLLECTIONS`: names, separated by commas.
#[derive(Clone, Debug)]
pub(crate) struct Allowlist(Vec<CollectionName>);

impl FromStr for Allowlist {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let names = names.map(|name| CollectionName::try_from(name.to_owned()));
        names
            .collect::<Result<_, Refused>>()
            .map(Self)
            .map_err(|_refused| "expected names like `users,orders`")
    }
}

impl Collections {
    /// Those of the configuration, of the sample where it has none; reduced to the allowlist where there is one.
    ///
    /// # Errors
    /// When the built-in definitions cannot be read, which a test rules out.
    pub(crate) fn new(
        described: BTreeMap<CollectionName, Collection>,
        allowed: Option<Allowlist>,
    ) -> Result<Self, String> {
        let mut described = if described.is_empty() {
            serde_json::from_str(DEFAULT).map_err(|error| error.to_string())?
        } else {
            described
        };
        let Some(Allowlist(names)) = allowed else {
            return Ok(Self { known: described, is_restricted: false });
        };
        // What the deployer lists exists, described or not.
        let listed = |name: CollectionName| {
            let collection = described.remove(&name).unwrap_or_default();
            (name, collection)
        };
        Ok(Self { known: names.into_iter().map(listed).collect(), is_restricted: true })
    }

    /// The collection of that name.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`] outside the allowlist, [`ErrorKind::NotFound`] where there is none of that name.
    pub(crate) fn get(&self, name: &CollectionName) -> Result<&Collection> {
        self.known.get(name).ok_or_else(|| self.refused(name.as_str()))
    }

    /// The collection of user profiles.
    ///
    /// # Errors
    /// As [`Collections::get`].
    pub(crate) fn users(&self) -> Result<&Collection> {
        let users = self.known.iter().find(|(name, _)| name.as_str() == USERS);
        users.map(|(_, users)| users).ok_or_else(|| self.refused(USERS))
    }

    /// Whether there is an allowlist.
    pub(crate) fn is_restricted(&self) -> bool {
        self.is_restricted
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&CollectionName, &Collection)> {
        self.known.iter()
    }

    fn refused(&self, name: &str) -> Error {
        if self.is_restricted {
            let kind = ErrorKind::Forbidden { scopes: Vec::new() };
            return Error::new(kind, format!("the collection `{name}` is not offered here"));
        }
        let text =
            format!("no collection `{name}`, see `list_collections` for those that there are");
        Error::not_found(text)
    }
}

impl Collection {
    /// The fields that a caller does not see.
    pub(crate) fn hidden_from(&self, caller: &Principal) -> Vec<Hidden> {
        let hidden = self.fields.iter().filter_map(|(name, field)| {
            let scope = field.scope.as_ref()?.as_str();
            let hidden = || Hidden { field: name.as_str().to_owned(), scope: scope.to_owned() };
            (!caller.scopes().contains(scope)).then(hidden)
        });
        hidden.collect()
    }

    /// Whether a caller may ask for records by that field: what is left out by a filter tells as much as a value.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`] for a field that the caller does not see, [`ErrorKind::InvalidInput`] for one that the
    /// collection does not have: the internal API might know it under another spelling.
    pub(crate) fn check_filter(&self, field: &FieldName, caller: &Principal) -> Result<()> {
        if self.fields.is_empty() {
            return Ok(());
        }
        let Some(Field { scope, .. }) = self.fields.get(field) else {
            let fields: Vec<_> = self.fields.keys().map(FieldName::as_str).collect();
            let known = format!("must be a field of the collection: {}", fields.join(", "));
            return Err(Error::invalid("filters.field", known));
        };
        match scope {
            Some(scope) if !caller.scopes().contains(scope.as_str()) => {
                let scopes = vec![scope.as_str().to_owned()];
                let text = format!(
                    "filtering by `{}` needs the scope `{}`",
                    field.as_str(),
                    scope.as_str()
                );
                Err(Error::new(ErrorKind::Forbidden { scopes }, text))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collections(allowed: Option<&str>) -> Collections {
        let allowed = allowed.map(|text| text.parse().unwrap());
        Collections::new(BTreeMap::new(), allowed).unwrap()
    }

    fn name(text: &str) -> CollectionName {
        CollectionName::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn without_a_list_what_is_described_is_offered() {
        let collections = collections(None);
        assert!(collections.get(&name("orders")).is_ok() && collections.users().is_ok());
        assert_eq!(*collections.get(&name("secrets")).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn with_a_list_nothing_else_is_offered() {
        let collections = collections(Some(" orders , invoices,"));
        assert!(collections.get(&name("orders")).is_ok());
        assert!(collections.get(&name("invoices")).unwrap().fields.is_empty());
        let forbidden = ErrorKind::Forbidden { scopes: Vec::new() };
        for refused in ["users", "secrets", "Orders"] {
            assert_eq!(*collections.get(&name(refused)).unwrap_err().kind(), forbidden);
        }
        assert_eq!(*collections.users().unwrap_err().kind(), forbidden);
        for text in ["a/b", "a,..", "a b"] {
            assert!(text.parse::<Allowlist>().is_err(), "{text}");
        }
    }
}
