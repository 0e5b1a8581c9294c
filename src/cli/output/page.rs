//! A command as a manual page (man(7)), in the words of its `--help`.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

/// A manual page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The name of its file: `proxyctl-swap.1`.
    pub file: String,
    /// The page, for `man`.
    pub text: String,
}

/// A page for the command, and one for each of the commands below it that `--help` shows.
///
/// # Errors
/// Those of the library, which writes to memory.
pub fn pages(mut command: Command, section: &str) -> io::Result<Vec<Page>> {
    command.build();
    let mut pages = vec![page(&command, section)?];
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages.extend(self::pages(below.clone(), section)?);
    }
    Ok(pages)
}

fn page(command: &Command, section: &str) -> io::Result<Page> {
    let man = Man::new(
        command
            .clone()
            .subcommand_help_heading("COMMANDS")
            .subcommand_value_name("command"),
    )
    .section(section);
    let file = man.get_filename();
    let name = file.trim_end_matches(section).trim_end_matches('.').to_uppercase();
    let version = env!("CARGO_PKG_VERSION");
    // Without a date, so that one version has one page. The library's own title would leave an empty word out.
    let mut text = format!(".TH {name} {section} \"\" \"greengate {version}\" Greengate\n").into_bytes();
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    if let Some(examples) = command.get_before_help() {
        prose(&examples.to_string()).to_writer(&mut text)?;
    }
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    if let Some(more) = command.get_after_help() {
        prose(&more.to_string()).to_writer(&mut text)?;
    }
    see_also(command).to_writer(&mut text)?;
    Ok(Page {
        file,
        text: emphasised(&String::from_utf8_lossy(&text)),
    })
}

/// What stands around the arguments of a help text: paragraphs, and headings with the lines below them as they stand.
fn prose(text: &str) -> Roff {
    let mut page = Roff::new();
    let mut section = false;
    for block in text.trim().split("\n\n") {
        match block.split_once(":\n  ") {
            Some((heading, below)) if !heading.contains('\n') => {
                page.control("SH", [heading.to_uppercase().as_str()]);
                page.control("nf", []);
                for line in below.split("\n  ") {
                    page.text([roman(line)]);
                }
                page.control("fi", []);
            }
            _ => {
                let (control, words) = if section { ("PP", None) } else { ("SH", Some("NOTES")) };
                page.control(control, words);
                for line in block.lines() {
                    page.text([roman(line)]);
                }
            }
        }
        section = true;
    }
    page
}

/// The way to the other pages.
fn see_also(command: &Command) -> Roff {
    let mut page = Roff::new();
    page.control("SH", ["SEE ALSO"]);
    page.text([roman(match command.get_name() {
        "proxyctl" => "proxyd(8), proxy.toml(5)",
        "proxyd" => "proxyctl(1), proxy.toml(5), systemctl(1)",
        _ => "proxyctl(1), proxyd(8)",
    })]);
    page
}

/// What a help text puts in backticks, in bold. A backtick that is alone in its line stays one.
pub(super) fn emphasised(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    for line in page.lines() {
        let parts: Vec<&str> = line.split('`').collect();
        if parts.len().is_multiple_of(2) {
            text.push_str(line);
        } else {
            for (at, part) in parts.iter().enumerate() {
                text.push_str(match at {
                    0 => "",
                    _ if at % 2 == 1 => "\\fB",
                    _ => "\\fR",
                });
                text.push_str(part);
            }
        }
        text.push('\n');
    }
    text
}
