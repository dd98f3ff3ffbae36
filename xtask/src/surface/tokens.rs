//! What a text costs a model, by a tokenizer that has a name.

/// `o200k_base` is public, that of current models of other makers is not; theirs counts some tenths more or less.
pub(super) const TOKENIZER: &str = "o200k_base";

/// How many tokens the text is.
pub(super) fn count(text: &str) -> usize {
    bpe_openai::o200k_base().count(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_as_the_tokenizer_s_makers_do() {
        // Counted by OpenAI's own `tiktoken`.
        assert_eq!(count("tiktoken is great!"), 6);
        assert_eq!(count(""), 0);
    }
}
