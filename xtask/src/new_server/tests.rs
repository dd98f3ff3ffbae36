//! The names that a new server may have, and the files that it gets.

use super::*;

fn names() -> Names {
    Names::new("change-requests", Some("release")).unwrap()
}

#[test]
fn names_are_lower_case_words_and_take_nobody_s_place() {
    for name in ["", "Notes", "notes-", "-notes", "a--b", "1st", "no_tes", "ünder", &"n".repeat(25)]
    {
        assert!(Names::new(name, None).is_err(), "{name}");
    }
    assert!(Names::new("notes", Some("a b")).is_err());
    // Types that the template has or imports.
    for name in ["client", "config", "create-item", "result", "self"] {
        let names = Names::new(name, None).unwrap();
        assert!(template::render(workspace::root(), &names).is_err(), "{name}");
    }
    let there = Names::new("weather", None).unwrap();
    let files = template::render(workspace::root(), &there).unwrap();
    let refused = refuse_what_is_taken(workspace::root(), &files).unwrap_err().to_string();
    assert!(refused.ends_with("exists: choose another name"), "{refused}");
}

#[test]
fn nothing_of_the_template_s_own_name_is_left() {
    let files = template::render(workspace::root(), &names()).unwrap();
    for file in &files {
        let text = file.text.to_lowercase();
        for word in
            ["example-domain", "example_domain", "exampledomain", "example domain", "example-team"]
        {
            assert!(!text.contains(word), "{}: {word}", file.path.display());
        }
    }
    let read = |path: &str| &files.iter().find(|it| it.path.ends_with(path)).unwrap().text;
    assert!(read("OWNERS").ends_with("@mcp-chassis/release\n"));
    assert!(read("src/main.rs").contains("mcp_change_requests::ChangeRequests"));
    assert!(read("server.toml").contains("CHANGE_REQUESTS_API_URL = "));
    assert!(read("fixtures/change-requests/item.json").starts_with('{'));
}

#[test]
fn a_new_server_is_less_than_200_lines_of_rust() {
    let files = template::render(workspace::root(), &names()).unwrap();
    let sources = files.iter().filter(|it| it.path.starts_with("servers/change-requests/src"));
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    let lines: usize = sources.map(|it| it.text.lines().filter(is_code).count()).sum();
    assert!((1..200).contains(&lines), "{lines}");
}
