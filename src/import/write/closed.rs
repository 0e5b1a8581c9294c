//! What is a comment opens nothing: where a table that kept clients out, or a service of its own, is left out, nobody enters.

use super::document::{Block, Document, Key, Out};
use crate::import::closing;
use crate::import::draft::Setting;
use crate::import::spell;
use crate::import::value::Value;

/// Lets nobody but this machine into a part, whatever it and the tables around it have said.
pub(super) fn close(document: &mut Document, at: usize, remark: &str) {
    let is_exempt = document.blocks.iter().any(|block| block.get(closing::EXCEPT).is_some());
    let block = &mut document.blocks[at];
    put(block, closing::closed(remark));
    if is_exempt {
        put(block, closing::without_exceptions());
    }
}

/// Says a key. What a table has said of it, and was refused, still shows as a comment.
fn put(block: &mut Block, setting: Setting) {
    let is_it = |key: &&mut Key| key.setting.key == setting.key && key.out.is_none();
    match block.keys.iter_mut().find(is_it) {
        Some(known) => known.setting = setting,
        None => block.push(setting),
    }
}

/// Takes out the services that a table is about which asks clients for something: itself, or those of an environment or of all.
pub(super) fn take_out_below(document: &mut Document, at: usize, why: &str) {
    let block = &document.blocks[at];
    if block.is_part() || block.is_service() || !asks(block) {
        return;
    }
    let below = match block.title.as_str() {
        "[defaults]" => "[env.".to_owned(),
        title => format!("{}.service.", title.trim_end_matches(']')),
    };
    let services = document.blocks.iter_mut().filter(|block| block.is_service());
    for service in services.filter(|block| block.title.starts_with(&below)) {
        service.out.get_or_insert_with(|| Out::Refused(why.to_owned()));
    }
}

/// Takes out the service of a part that asks clients for something.
pub(super) fn take_out_around(document: &mut Document, at: usize, why: &str) {
    let block = &document.blocks[at];
    if !block.is_part() || !asks(block) {
        return;
    }
    let around = block.around();
    for service in document.blocks.iter_mut().filter(|block| block.title == around) {
        service.out.get_or_insert_with(|| Out::Refused(why.to_owned()));
    }
}

/// Whether a table asks those who want to enter for something.
fn asks(block: &Block) -> bool {
    let mut settings = block.keys.iter().map(|key| &key.setting);
    settings.any(|setting| closing::is_restriction(&setting.key, &setting.value))
}

/// Closes the paths of services that are comments in the services around them, which would answer there instead.
pub(super) fn leave_closed(document: &mut Document) {
    let left_out = document
        .blocks
        .iter()
        .filter(|block| block.is_service() && block.out.is_some());
    let left_out: Vec<(String, Vec<String>, String)> = left_out
        .map(|block| (block.title.clone(), hosts(block), path(block).to_owned()))
        .collect();
    for (title, hosts, path) in left_out {
        for host in hosts {
            close_around(document, &title, &host, &path);
        }
    }
}

fn close_around(document: &mut Document, left_out: &str, host: &str, path: &str) {
    let answers = |block: &&Block| {
        block.is_service()
            && block.out.is_none()
            && hosts(block).iter().any(|one| one == host)
            && spell::is_below(path, self::path(block))
    };
    let around = document.blocks.iter().filter(answers);
    let Some(around) = around.max_by_key(|block| self::path(block).len()) else {
        return;
    };
    // Another table has the whole of it.
    if self::path(around) == path {
        return;
    }
    let (service, part) = (
        around.title.clone(),
        format!("[{}.at]]", around.title.trim_end_matches(']')),
    );
    let wanted = Value::text(path);
    let is_closed =
        |block: &Block| block.get("path") == Some(&wanted) && block.get("auth.allow") == Some(&closing::this_machine());
    let known = document.blocks.iter().filter(|block| block.title == part);
    if known.into_iter().any(is_closed) {
        return;
    }
    let mut block = Block::new(part.as_str());
    put(&mut block, Setting::of("path", wanted));
    let last = document
        .blocks
        .iter()
        .rposition(|block| block.title == service || block.title == part);
    let behind = last.map_or(document.blocks.len(), |last| last + 1);
    document.blocks.insert(behind, block);
    close(document, behind, &format!("until `{left_out}` answers there"));
}

fn hosts(block: &Block) -> Vec<String> {
    match block.get("host") {
        Some(Value::Text(host)) => vec![host.clone()],
        Some(Value::List(hosts)) => hosts
            .iter()
            .filter_map(|host| match host {
                Value::Text(host) => Some(host.clone()),
                _ => None,
            })
            .collect(),
        Some(_) | None => Vec::new(),
    }
}

fn path(block: &Block) -> &str {
    match block.get("path") {
        Some(Value::Text(path)) => path,
        Some(_) | None => "/",
    }
}
