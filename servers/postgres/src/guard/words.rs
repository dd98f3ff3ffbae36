//! The words of a text in SQL or PL/pgSQL, for bodies that cannot be read as one query.

use std::collections::HashSet;

use pg_query::protobuf::{KeywordKind, Token};

/// Stands for a text that cannot be scanned: it may do anything.
const UNREADABLE: &str = "execute";

/// Every name and keyword of `text` in lower case, strings and comments left out.
pub(crate) fn words(text: &str) -> HashSet<String> {
    let Ok(scanned) = pg_query::scan(text) else { return HashSet::from([UNREADABLE.to_owned()]) };
    let word = |token: &pg_query::protobuf::ScanToken| {
        if token.token() == Token::Uident {
            // `U&"\0064..."`: whoever writes a name like this hides it.
            return Some(UNREADABLE.to_owned());
        }
        let is_name = token.token() == Token::Ident;
        if !is_name && token.keyword_kind() == KeywordKind::NoKeyword {
            return None;
        }
        let range = usize::try_from(token.start).ok()?..usize::try_from(token.end).ok()?;
        Some(text.get(range)?.trim_matches('"').to_lowercase())
    };
    scanned.tokens.iter().filter_map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn strings_and_comments_hold_no_words() {
        let found =
            words("BEGIN -- nextval\n RETURN Setval('currval', \"Odd\"); /* lo_unlink */ END");
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort();
        assert_eq!(found, ["begin", "end", "odd", "return", "setval"]);
    }

    #[test]
    fn what_cannot_be_scanned_may_do_anything() {
        assert!(words(r#"SELECT U&"\0074ouch"()"#).contains("execute"));
        assert!(words("SELECT 'open").contains("execute"));
    }
}
