//! Phrases that read like instructions to a model. They are reported, never changed: a ticket may quote them.

use crate::scan::Hit;

/// What decides whether a match is the phrase it looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Phrase {
    /// The literal says enough.
    Whole,
    /// A verb that matters only when earlier instructions are its object.
    Verb,
}

const VERBS: &[&str] = &["ignore", "disregard", "forget", "override", "bypass"];

const WHOLE: &[&str] = &[
    "you are now",
    "system prompt",
    "do not tell the user",
    "don't tell the user",
    "without telling the user",
    "do not inform the user",
    "do not mention this to",
    "new instructions:",
    "your new task",
    "developer mode",
    "jailbreak",
    "act as if you",
    "from now on you",
    // German, French, Spanish, Portuguese, Italian, Polish.
    "ignoriere alle",
    "ignoriere die vorherigen",
    "ignorez les instructions",
    "ignorez toutes les",
    "ignora las instrucciones",
    "ignora todas las",
    "ignore as instruções",
    "ignora le istruzioni",
    "ignora tutte le",
    "zignoruj poprzednie",
    "zignoruj wszystkie",
    // Cyrillic without its first letter, since only ASCII is matched in both cases.
    "гнорируй предыдущие",
    "гнорируйте предыдущие",
    "гнорируй все",
    "忽略之前",
    "忽略以上",
    "忽略先前",
    "以前の指示を無視",
    "これまでの指示を無視",
    "이전 지시를 무시",
];

/// How many words after the verb may name its object, and how many bytes they may take.
const REACH: usize = 6;
const REACH_BYTES: usize = 96;

/// Every literal to look for, in lower case.
pub(crate) fn patterns() -> impl Iterator<Item = (&'static str, Phrase)> {
    let whole = WHOLE.iter().map(|literal| (*literal, Phrase::Whole));
    whole.chain(VERBS.iter().map(|verb| (*verb, Phrase::Verb)))
}

impl Phrase {
    /// Whether the match reads like an instruction.
    pub(crate) fn is_met(self, hit: &Hit<'_>) -> bool {
        match self {
            Self::Whole => true,
            Self::Verb => names_earlier_instructions(hit.after()),
        }
    }
}

/// Reads words, not spaces, so that line breaks and emphasis between them hide nothing.
fn names_earlier_instructions(after: &str) -> bool {
    let near = after.get(..after.floor_char_boundary(REACH_BYTES)).unwrap_or_default();
    let words = near.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut qualified = false;
    for word in words.take(REACH) {
        let is = |candidates: &[&str]| candidates.iter().any(|it| word.eq_ignore_ascii_case(it));
        if qualified
            && is(&[
                "instruction",
                "instructions",
                "prompt",
                "prompts",
                "rules",
                "guidelines",
                "directions",
                "orders",
            ])
        {
            return true;
        }
        qualified |= is(&[
            "previous",
            "prior",
            "above",
            "all",
            "any",
            "earlier",
            "preceding",
            "your",
            "the",
            "system",
        ]);
    }
    false
}
