//! A command as it is typed → its words, and back. There is no shell: quotes keep blanks together, and nothing is expanded.

/// The words of a command: its program first. Blanks stand between them; `'…'`, `"…"` and `\` take a blank or a quote as it is, as
/// in a shell.
///
/// # Errors
/// What is wrong with it: a quote that does not end, or no word at all.
pub fn argv(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            blank if blank.is_whitespace() => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('\'') => break,
                        Some(inside) => word.push(inside),
                        None => return Err("a quote does not end"),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('"') => break,
                        Some('\\') => match characters.next() {
                            Some(special @ ('"' | '\\' | '$' | '`')) => word.push(special),
                            Some(other) => word.extend(['\\', other]),
                            None => return Err("a quote does not end"),
                        },
                        Some(inside) => word.push(inside),
                        None => return Err("a quote does not end"),
                    }
                }
            }
            '\\' => match characters.next() {
                Some(escaped) => word.get_or_insert_default().push(escaped),
                None => return Err("it ends with a backslash"),
            },
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    if words.first().is_none_or(String::is_empty) {
        return Err("it names no program");
    }
    Ok(words)
}

/// A command as one would type it: words that a shell would take apart are quoted.
#[must_use]
pub fn typed(words: &[String]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=@%+,{}^~".contains(&byte);
    let words: Vec<String> = words
        .iter()
        .map(|word| match !word.is_empty() && word.bytes().all(plain) {
            true => word.clone(),
            false => format!("'{}'", word.replace('\'', r"'\''")),
        })
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_a_shell_that_expands_nothing() {
        let cases: [(&str, &[&str]); 6] = [
            ("systemctl start web-dev", &["systemctl", "start", "web-dev"]),
            ("  a\t b  ", &["a", "b"]),
            (r#"sh -c "echo \"$HOME\" 'x'""#, &["sh", "-c", r#"echo "$HOME" 'x'"#]),
            (r"a 'b  c'd ''", &["a", "b  cd", ""]),
            (r"a\ b \'", &["a b", "'"]),
            (r#""\n""#, &[r"\n"]),
        ];
        for (text, words) in cases {
            assert_eq!(argv(text).unwrap(), words, "{text}");
            assert_eq!(argv(&typed(&argv(text).unwrap())).unwrap(), words, "{text}");
        }
    }

    #[test]
    fn what_is_no_command_is_named() {
        for text in ["", "  ", "''", "a 'b", r#"a "b\"#, "a \"b", r"a \"] {
            assert!(argv(text).is_err(), "{text}");
        }
    }
}
