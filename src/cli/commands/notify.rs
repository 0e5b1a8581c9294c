//! `proxyctl notify test`: tries whether those who are told by messages get any.

use crate::cli::args::{NotifyArgs, NotifyCommand, NotifyTestArgs};
use crate::cli::client::Client;
use crate::cli::exit::Outcome;
use crate::cli::output;
use crate::cli::output::text::{Style, escape, period};
use crate::model::api::{NotifyRequest, NotifyResult, NotifyTested, exit};

/// Exit 0 when every destination has taken the message.
///
/// # Errors
/// When the daemon cannot be asked, or there is no such destination.
pub async fn run(client: &Client, args: &NotifyArgs) -> Outcome {
    match &args.command {
        NotifyCommand::Test(args) => test(client, args).await,
    }
}

async fn test(client: &Client, args: &NotifyTestArgs) -> Outcome {
    let request = NotifyRequest { to: args.to.clone() };
    let tested: NotifyTested = client.post("/v1/notify/test", &request).await?;
    if args.json {
        output::out_json(&tested)?;
    } else {
        let lines = tested
            .results
            .iter()
            .flat_map(|result| render(result, output::out_style()));
        lines.for_each(|line| output::out(&line));
    }
    let all = tested.results.iter().all(|result| result.delivered);
    Ok(if all { exit::DONE } else { exit::FAILED })
}

/// Whether it has arrived, how soon, and what was answered.
#[must_use]
pub fn render(result: &NotifyResult, style: Style) -> Vec<String> {
    let (number, name, time) = (result.number, escape(&result.name), period(result.elapsed_ms));
    let status = result
        .status
        .map_or_else(String::new, |status| format!(", status {status}"));
    let line = match &result.reason {
        None => format!("{} {number} {name}: taken in {time}{status}", style.green("✓")),
        Some(why) => format!("{} {number} {name}: {}, after {time}", style.red("✗"), escape(why)),
    };
    // A reason ends with the answer.
    let answer =
        (!result.answer.is_empty() && result.reason.is_none()).then(|| format!("  {}", escape(&result.answer)));
    std::iter::once(line).chain(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_says_who_took_it_how_soon_and_what_was_answered() {
        let plain = Style { color: false };
        let taken = NotifyResult {
            number: 1,
            name: "hooks.slack.com".into(),
            delivered: true,
            status: Some(200),
            reason: None,
            answer: "ok".into(),
            elapsed_ms: 120,
        };
        assert_eq!(
            render(&taken, plain),
            ["✓ 1 hooks.slack.com: taken in 120 ms, status 200", "  ok"]
        );
        let not = NotifyResult {
            delivered: false,
            status: Some(404),
            reason: Some("status 404: no_team".into()),
            answer: "no_team".into(),
            ..taken
        };
        assert_eq!(
            render(&not, plain),
            ["✗ 1 hooks.slack.com: status 404: no_team, after 120 ms"]
        );
    }
}
