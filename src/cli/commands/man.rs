//! `proxyctl man`: the manual pages, for packages. They come from what may be typed, and from the example that the tests run, so that
//! they cannot tell another story.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory as _;

use crate::cli::args::{Cli, ManArgs};
use crate::cli::exit::{Outcome, Stop};
use crate::cli::host::{Attributes, Host};
use crate::cli::output::{Page, pages, reference};
use crate::model::api::exit;

/// Exit 0; 1 when a page cannot be written.
pub fn run(host: &Host, args: &ManArgs) -> Outcome {
    for (section, pages) in [
        ("1", pages(Cli::command(), "1")),
        ("5", Ok(vec![reference()])),
        ("8", pages((host.arguments)(), "8")),
    ] {
        let folder = args.folder.join(format!("man{section}"));
        let written = fs::create_dir_all(&folder)
            .and(pages)
            .and_then(|pages| pages.iter().try_for_each(|page| write(host, &folder, page)));
        written.map_err(|error| Stop::failed(format!("cannot write to `{}`: {error}", folder.display())))?;
    }
    Ok(exit::DONE)
}

fn write(host: &Host, folder: &Path, page: &Page) -> io::Result<()> {
    let everybody_reads = Attributes {
        mode: 0o644,
        owner: None,
        group: None,
    };
    (host.replace)(&folder.join(&page.file), page.text.as_bytes(), everybody_reads)
}
