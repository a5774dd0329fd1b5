//! Rules of a VirtualService that are legal and probably not what was meant.
//!
//! | code | finds |
//! |---|---|
//! | `IST0130` | a rule that no request can reach, because an earlier one takes all |
//! | `IST0131` | a match that an earlier one covers |
//! | `MESH0003` | retries that may repeat a request which was processed |
//! | `MESH0004` | a fault beside retries that cannot answer it |
//! | `MESH0014` | weights that are no percentages |
//! | `MESH0015` | an injected delay that the timeout does not end |

use http::{HeaderMap, Method};

use super::Check;
use crate::api::istio::{
    HttpMatchRequest, HttpRetry, HttpRoute, HttpRouteDestination, StringMatch, VirtualService,
};
use crate::diagnostic::{Code, Diagnostic};
use crate::retry::{RetryOn, is_idempotent};

/// Conditions that hold only for requests which did not reach the application.
const HARMLESS: [RetryOn; 5] = [
    RetryOn::CONNECT_FAILURE,
    RetryOn::REFUSED_STREAM,
    RetryOn::RESET_BEFORE_REQUEST,
    RetryOn::RATE_LIMITED,
    RetryOn::HTTP3_POST_CONNECT_FAILURE,
];

/// Reports what is odd about the rules.
pub(super) fn check(service: &VirtualService, check: &mut Check<'_>) {
    reach(&service.http, check);
    for rule in &service.http {
        if let Some(retries) = &rule.retries {
            self::retries(rule, retries, check);
        }
        weights(rule, check);
        delay(rule, check);
    }
}

/// VA-3.
fn weights(rule: &HttpRoute, check: &mut Check<'_>) {
    let total: i64 = rule.route.iter().map(|to| i64::from(to.weight.unwrap_or(0))).sum();
    if rule.route.len() > 1 && total > 0 && total != 100 {
        let message = format!("the weights add up to {total}, not to 100: each is a share of their sum");
        let found = |origin| Diagnostic::new(Code::WeightsAreNotPercentages, origin, message);
        // Beside destinations with a weight, one without gets no requests.
        let without = rule.route.iter().find(|to| to.weight.is_none());
        check.report(match without {
            Some(to) => {
                let hint = format!("{} has no weight and gets no requests", named(to));
                found(to.at.origin()).hint(hint)
            }
            None => found(rule.at.field("route")),
        });
    }
}

/// A destination in few words.
fn named(to: &HttpRouteDestination) -> String {
    match &to.destination {
        Some(to) if !to.subset.is_empty() => format!("`subset {}`", to.subset),
        Some(to) => format!("`host {}`", to.host),
        None => "this destination".to_owned(),
    }
}

/// FI-4.
fn delay(rule: &HttpRoute, check: &mut Check<'_>) {
    let Some(delay) = rule.fault.as_ref().and_then(|fault| fault.delay.as_ref()) else { return };
    let timeout = rule.timeout.filter(|timeout| !timeout.is_zero());
    if let (Some(time), Some(timeout)) = (delay.fixed_delay, timeout)
        && time > timeout
    {
        let message = format!(
            "the delay of {time:?} is longer than the rule's timeout of {timeout:?}, which begins after it: no \
             call times out because of it"
        );
        let hint = "to see callers time out, delay a service that this one calls, or give the timeout to the \
                    rule that calls this one";
        let origin = delay.at.field("fixedDelay");
        check.report(Diagnostic::new(Code::FaultDelayBeyondTimeout, origin, message).hint(hint));
    }
}

/// VS-5.
fn reach(rules: &[HttpRoute], check: &mut Check<'_>) {
    let mut earlier: Vec<&HttpMatchRequest> = Vec::new();
    let mut all: Option<String> = None;
    for (index, rule) in rules.iter().enumerate() {
        if let Some(all) = &all {
            let message = format!("no request reaches this rule: {all} takes all");
            check.note(Code::VirtualServiceUnreachableRule, rule.at.origin(), message);
            continue;
        }
        for block in &rule.r#match {
            if let Some(by) = earlier.iter().find(|by| covers(by, block)) {
                let place = by.at.origin();
                let message = match place.line {
                    0 => "an earlier match covers this one".to_owned(),
                    line => format!("the match on line {line} covers this one"),
                };
                check.note(Code::VirtualServiceIneffectiveMatch, block.at.origin(), message);
            } else if rule.delegate.is_none() {
                earlier.push(block);
            }
        }
        // Requests that a delegate leaves go on to the next rule.
        if rule.delegate.is_some() {
            continue;
        }
        if rule.r#match.is_empty() || rule.r#match.iter().any(is_any) {
            all =
                Some(if rule.name.is_empty() { format!("rule {index}") } else { format!("`{}`", rule.name) });
        }
    }
}

/// Whether a block holds for every request.
fn is_any(block: &HttpMatchRequest) -> bool {
    let everywhere = block.uri.as_ref().is_none_or(|uri| {
        matches!(uri.prefix.as_deref(), Some("/" | "")) || uri.regex.as_deref() == Some(".*")
    });
    let bare = HttpMatchRequest { ignore_uri_case: block.ignore_uri_case, ..HttpMatchRequest::default() };
    everywhere && block.same_but_uri(&bare)
}

/// Whether every request that fits `narrow` also fits `wide`: the same conditions, or the same but
/// for a prefix that `wide` asks less of.
fn covers(wide: &HttpMatchRequest, narrow: &HttpMatchRequest) -> bool {
    covers_uri(wide.uri.as_deref(), narrow.uri.as_deref()) && wide.same_but_uri(narrow)
}

fn covers_uri(wide: Option<&StringMatch>, narrow: Option<&StringMatch>) -> bool {
    match (wide, narrow) {
        (None, _) => true,
        (Some(wide), Some(narrow)) if wide == narrow => true,
        (Some(wide), Some(narrow)) => {
            let text = narrow.exact.as_deref().or(narrow.prefix.as_deref());
            wide.prefix.as_deref().zip(text).is_some_and(|(prefix, text)| text.starts_with(prefix))
        }
        (Some(_), None) => false,
    }
}

/// RT-19, FI-9.
fn retries(rule: &HttpRoute, retries: &HttpRetry, check: &mut Check<'_>) {
    if retries.attempts.unwrap_or(0) <= 0 {
        return;
    }
    if rule.fault.as_ref().is_some_and(|fault| fault.abort.is_some()) {
        let message = "retries do not answer the abort injected by this rule: it never reaches them";
        check.note(Code::FaultWithRetries, rule.at.field("fault"), message);
    }
    let on = retries.retry_on.as_deref().unwrap_or_default();
    let Ok((conditions, _)) = RetryOn::parse(on) else { return };
    let risky = HARMLESS.iter().fold(conditions, |rest, harmless| rest.difference(*harmless));
    if !on.is_empty() && !risky.is_empty() && !only_idempotent(rule) {
        let message = format!("`{on}` may repeat a POST or PATCH that was processed");
        let hint = "match the methods that may be repeated, or keep to connect-failure, refused-stream and \
                    reset-before-request";
        let origin = retries.at.field("retryOn");
        check.report(Diagnostic::new(Code::RetriesMayRepeatProcessedRequest, origin, message).hint(hint));
    }
}

fn only_idempotent(rule: &HttpRoute) -> bool {
    let repeatable = |block: &HttpMatchRequest| {
        let method = block.method.as_ref().and_then(|method| method.exact.as_ref()?.parse().ok());
        method.is_some_and(|method: Method| is_idempotent(&method, &HeaderMap::new()))
    };
    !rule.r#match.is_empty() && rule.r#match.iter().all(repeatable)
}

#[cfg(test)]
mod tests {
    use crate::api::Documents;

    fn findings(rules: &str) -> Vec<String> {
        let head = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  hosts: [a]\n  http:\n";
        let (documents, found) = Documents::parse([("a.yaml", format!("{head}{rules}"))]);
        assert_eq!(documents.virtual_services.len(), 1, "{found}");
        found.iter().map(|f| format!("{} {}", f.code, f.origin.line)).collect()
    }

    const TO: &str = "route: [{destination: {host: a}}]";

    #[test]
    fn vs_5_nothing_comes_after_a_rule_for_everything() {
        assert_eq!(findings(&format!("  - {TO}\n  - {TO}\n")), ["IST0130 8"]);
        let slash = format!("  - {{match: [{{uri: {{prefix: /}}}}], {TO}}}\n  - {TO}\n");
        assert_eq!(findings(&slash), ["IST0130 8"]);
        let port = format!("  - {{match: [{{port: 80}}], {TO}}}\n  - {TO}\n");
        assert!(findings(&port).is_empty());
    }

    #[test]
    fn vs_5_covered_matches_are_told() {
        let two =
            |a: &str, b: &str| findings(&format!("  - {{match: [{a}], {TO}}}\n  - {{match: [{b}], {TO}}}\n"));
        assert_eq!(two("{uri: {prefix: /a}}", "{uri: {exact: /a/b}}"), ["IST0131 8"]);
        assert_eq!(two("{uri: {prefix: /a}}", "{uri: {prefix: /ab}, name: other}"), ["IST0131 8"]);
        assert_eq!(two("{method: {exact: GET}}", "{method: {exact: GET}, uri: {exact: /}}"), ["IST0131 8"]);
        assert!(two("{uri: {prefix: /ab}}", "{uri: {prefix: /a}}").is_empty());
        assert!(two("{uri: {prefix: /a}, port: 80}", "{uri: {prefix: /a}}").is_empty());
    }

    #[test]
    fn va_13_what_a_delegate_leaves_is_for_later_rules() {
        let to = "delegate: {name: d}";
        assert!(findings(&format!("  - {to}\n  - {TO}\n")).is_empty());
        let match_a = "match: [{uri: {prefix: /a}}]";
        assert!(findings(&format!("  - {{{match_a}, {to}}}\n  - {{{match_a}, {TO}}}\n")).is_empty());
        assert_eq!(findings(&format!("  - {{{match_a}, {TO}}}\n  - {{{match_a}, {to}}}\n")), ["IST0131 8"]);
    }

    #[test]
    fn rt_19_retries_that_repeat_processed_requests_are_told() {
        let retry =
            |on: &str, rest: &str| findings(&format!("  - {{retries: {{attempts: 2{on}}}, {rest}{TO}}}\n"));
        assert_eq!(retry(", retryOn: \"5xx,connect-failure\"", ""), ["MESH0003 7"]);
        assert_eq!(retry(", retryOn: \"503\"", "match: [{method: {exact: POST}}], "), ["MESH0003 7"]);
        assert!(retry(", retryOn: \"503\"", "match: [{method: {exact: GET}}], ").is_empty());
        assert!(retry(", retryOn: \"connect-failure,refused-stream\"", "").is_empty());
        assert!(retry("", "").is_empty(), "the default conditions");
    }

    #[test]
    fn va_3_weights_that_are_no_percentages_are_told() {
        let route = |weights: [u32; 2]| {
            let to = weights.map(|weight| format!("{{destination: {{host: a}}, weight: {weight}}}"));
            findings(&format!("  - route: [{}]\n", to.join(", ")))
        };
        assert_eq!(route([80, 10]), ["MESH0014 7"]);
        assert!(route([90, 10]).is_empty());
    }

    #[test]
    fn fi_4_a_delay_that_the_timeout_does_not_end_is_told() {
        let rule = |timeout: &str| {
            findings(&format!(
                "  - {{fault: {{delay: {{fixedDelay: 7s, percentage: {{value: 100}}}}}}{timeout}, {TO}}}\n"
            ))
        };
        assert_eq!(rule(", timeout: 3s"), ["MESH0015 7"]);
        assert!(rule(", timeout: 7s").is_empty() && rule("").is_empty());
    }

    #[test]
    fn fi_9_an_abort_beside_retries_is_told() {
        let rule = "  - {retries: {attempts: 2}, fault: {abort: {httpStatus: 500}}, route: [{destination: {host: a}}]}\n";
        assert_eq!(findings(rule), ["MESH0004 7"]);
    }
}
