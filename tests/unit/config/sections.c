/* What each section of the settings refuses, and what it says then. */
#include "common.h"

#define UNSERVED "is not served yet by this version of tolld"

static void keys_are_known_by_name(void **state)
{
	static const struct fault_row rows[] = {
		{ "globl: {}\n",
			"1:1: error: unknown key 'globl' in the settings (did you mean 'global'?)\n" },
		{ "global:\n  scrape_intervall: 5s\n",
			"2:3: error: unknown key 'scrape_intervall' in global (did you mean "
			"'scrape_interval'?)\n" },
		{ "nothing_like_it: 1\n",
			"1:1: error: unknown key 'nothing_like_it' in the settings\n" },
		{ "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - action: keep\n    rgex: x\n",
			"5:5: error: unknown key 'rgex' in relabel_configs (did you mean 'regex'?)\n" },
		/* What asks for nothing is not missed. */
		{ "scrape_configs:\n- job_name: a\n  relabel_configs: []\n  proxy_from_environment: "
		  "false\n  label_limit: 0\n  bearer_token_file:\nremote_write:\n",
			"" },
		{ "storage: {tsdb: {out_of_order_time_window: 1h}}\nremote_write: [{url: 'http://h/w'}]\n"
		  "global: {query_log_file: x}\n",
			"1:18: warning: 'out_of_order_time_window' is ignored: samples come from "
			"tolld's own scrapes, in order\n"
			"2:1: warning: 'remote_write' " UNSERVED " and is ignored\n"
			"3:10: warning: 'query_log_file' is ignored: queries are not logged\n" },
		{ "- a\n", "1:1: error: settings must be a mapping, not a list\n" },
		{ "# nothing\n",
			"0:0: error: the file is empty: no route provided in config, and nothing "
			"else\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void values_have_their_types(void **state)
{
	static const struct fault_row rows[] = {
		{ "global:\n  scrape_interval: 15\n  scrape_timeout: fast\n",
			"2:20: error: 'scrape_interval': not a valid duration string: \"15\"; write it "
			"like 15s, 5m or 1h30m\n"
			"3:19: error: 'scrape_timeout': not a valid duration string: \"fast\"; write it "
			"like 15s, 5m or 1h30m\n" },
		{ "global: {evaluation_interval: 999999999y}\n",
			"1:31: error: 'evaluation_interval': duration out of range\n" },
		{ "global: {evaluation_interval: [1m]}\n",
			"1:31: error: 'evaluation_interval' must be a duration like 15s, 5m or 1h30m, "
			"not a list\n" },
		{ "global: {smtp_require_tls: 'yes', smtp_hello: {a: b}}\n",
			"1:28: error: 'smtp_require_tls' must be true or false, not 'yes' in quotes\n"
			"1:47: error: 'smtp_hello' must be a text, not a mapping\n" },
		{ "scrape_configs: [{job_name: a, sample_limit: -1, body_size_limit: 10 MB}]\n",
			"1:46: error: 'sample_limit' must be a whole number from 0 on, not '-1'\n"
			"1:67: error: 'body_size_limit' must be a size like 10MB or 512KiB, not "
			"'10 MB'\n" },
		{ "global: {external_labels: [a]}\nscrape_configs: {a: b}\n",
			"1:27: error: 'external_labels' must be a mapping of names to texts, not a list\n"
			"2:17: error: 'scrape_configs' must be a list, not a mapping\n" },
		{ "global: {smtp_hello: \"a\\0b\"}\n",
			"1:22: error: 'smtp_hello' must not hold a NUL byte\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void scrape_configs_are_checked(void **state)
{
	static const struct fault_row rows[] = {
		{ "scrape_configs:\n- scheme: gopher\n  metrics_path: /x\n-\n",
			"2:3: error: job_name is empty\n"
			"2:11: error: scheme must be http or https, not 'gopher'\n"
			"4:2: error: empty or null scrape config section\n" },
		{ "scrape_configs:\n- job_name: a\n- job_name: a\n",
			"3:13: error: found multiple scrape configs with job name \"a\", first in "
			"t.yml:2\n" },
		{ "scrape_configs: [{job_name: a, scrape_interval: 5s, scrape_timeout: 6s}]\n",
			"1:69: error: scrape timeout greater than scrape interval (6000 ms > 5000 ms) "
			"for scrape config with job name \"a\"\n" },
		{ "global: {scrape_interval: 5s, scrape_timeout: 6s}\n",
			"1:47: error: global scrape timeout greater than scrape interval (6000 ms > "
			"5000 ms)\n" },
		{ "scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: ['http://h/m', 'h:0', "
		  "'::1:9', '', '[::1]:9100', 'h', 'h:', [x]]\n    label: {}\n",
			"4:15: error: \"http://h/m\" is not a valid hostname; a target is host:port, its "
			"path goes to metrics_path and its scheme to scheme\n"
			"4:32: error: the port must be a number from 1 to 65535\n"
			"4:37: error: too many colons in address; an IPv6 address needs brackets: "
			"[::1]:25\n"
			"4:46: error: a target must not be empty\n"
			"4:70: error: port cannot be empty\n"
			"4:74: error: 'targets' must be a text, not a list\n"
			"5:5: error: unknown key 'label' in static_configs (did you mean 'labels'?)\n" },
		{ "scrape_configs:\n- job_name: a\n  gce_sd_configs: [{project: x}]\n  oauth2:\n"
		  "    client_id: u\n",
			"3:3: error: 'gce_sd_configs' is refused: tolld watches one machine and asks no "
			"cloud or cluster for targets; name them in static_configs or "
			"file_sd_configs\n"
			"4:3: error: 'oauth2' " UNSERVED "\n" },
		{ "global: {scrape_protocols: [OpenMetricsText1.0.0, PrometheusProto]}\n"
		  "scrape_configs: [{job_name: a}, {job_name: b, scrape_protocols: []}, {job_name: "
		  "c,\n  scrape_protocols: [Text, PrometheusText0.0.4, PrometheusText0.0.4]},\n"
		  "  {job_name: d, scrape_protocols: [PrometheusProto]}]\n",
			"2:65: error: scrape_protocols cannot be empty\n"
			"3:22: error: unknown scrape protocol Text, supported: PrometheusText0.0.4, "
			"PrometheusText1.0.0, OpenMetricsText0.0.1, OpenMetricsText1.0.0\n"
			"3:49: error: duplicated protocol in scrape_protocols, got "
			"PrometheusText0.0.4\n"
			"4:35: error: 'PrometheusProto' alone is not served yet by this version of "
			"tolld\n" },
		{ "scrape_configs: [{job_name: a, fallback_scrape_protocol: Text}]\n",
			"1:58: error: unknown scrape protocol Text, supported: PrometheusText0.0.4, "
			"PrometheusText1.0.0, OpenMetricsText0.0.1, OpenMetricsText1.0.0\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void relabelling_rules_are_checked(void **state)
{
	static const struct fault_row rows[] = {
		{ "scrape_configs:\n- job_name: a\n  relabel_configs:\n"
		  "  - {source_labels: [x, y], regex: '(.*);b', target_label: z, replacement: $1}\n"
		  "  - {action: labeldrop, regex: __x}\n"
		  "  metric_relabel_configs: [{action: HashMod, modulus: 8, target_label: s}]\n",
			"" },
		/* Each at the setting that it is about, or at the rule. */
		{ "scrape_configs:\n- job_name: a\n  relabel_configs:\n"
		  "  - regex: '(a'\n    action: keep\n"
		  "  - action: kep\n"
		  "  - source_labels: [a]\n"
		  "  - target_label: $\n"
		  "  -\n"
		  "  - [a]\n"
		  "  metric_relabel_configs: [{source_labels: [a, [b]]}, {modulus: -1}, "
		  "{source_labels: a}]\n",
			"4:12: error: error parsing regexp: missing closing parenthesis: `(a`\n"
			"6:13: error: unknown relabel action \"kep\"; there are replace, keep, drop, "
			"keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep, lowercase, "
			"uppercase\n"
			"7:5: error: relabel configuration for replace action requires 'target_label' "
			"value\n"
			"8:19: error: \"$\" is invalid 'target_label' for replace action\n"
			"9:4: error: empty or null relabeling rule in 'relabel_configs'\n"
			"10:5: error: relabel_configs must be a mapping, not a list\n"
			"11:48: error: 'source_labels' must be a text, not a list\n"
			"11:65: error: 'modulus' must be a whole number from 0 on, not '-1'\n"
			"11:86: error: 'source_labels' must be a list, not a text\n" },
		{ "scrape_configs: [{job_name: a, relabel_configs: {action: drop}}]\n",
			"1:49: error: 'relabel_configs' must be a list, not a mapping\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void clients_of_http_are_checked(void **state)
{
#define JOB "scrape_configs:\n- job_name: a\n"
	static const struct fault_row rows[] = {
		{ JOB "  basic_auth: {username: u, password: x}\n  proxy_url: http://p:1\n"
		      "  no_proxy: example.org\n  http_headers: {X-A: {values: [b], secrets: [c], "
		      "files: [d]}}\n  proxy_connect_header: {X-B: [c]}\n",
			"" },
		{ JOB "  authorization: {credentials: x}\n  proxy_from_environment: true\n", "" },
		{ JOB "  tls_config: {min_version: TLS12, max_version: TLS13}\n", "" },
		{ JOB "  tls_config: {min_version: TLS13, max_version: TLS12}\n",
			"3:29: error: tls_config.max_version must be greater than or equal to "
			"tls_config.min_version if both are specified\n" },
		{ JOB "  tls_config: {cert_file: c, key_file: k}\n", "" },
		{ JOB "  tls_config: {cert_file: c, key: }\n",
			"3:27: error: exactly one of key or key_file must be configured when a client "
			"certificate is configured\n" },
		{ JOB "  tls_config: {key_file: k}\n",
			"3:26: error: exactly one of cert or cert_file must be configured when a client "
			"key is configured\n" },
		{ JOB "  sample_limit: 1e6\n", "" },
		{ JOB "  sample_limit: 9_223_372_036_854_775_807\n  target_limit: 0x7fffffffffffffff\n"
		      "  label_limit: 08\n",
			"" },
		{ JOB "  sample_limit: 0xffffffffffffffff\n  target_limit: 0x\n  label_limit: -0x1\n",
			"3:17: error: 'sample_limit' must be a whole number from 0 on, not "
			"'0xffffffffffffffff'\n"
			"4:17: error: 'target_limit' must be a whole number from 0 on, not '0x'\n"
			"5:16: error: 'label_limit' must be a whole number from 0 on, not '-0x1'\n" },
		{ JOB "  static_configs: [~]\n",
			"3:20: error: empty or null section in static_configs\n" },
		{ JOB "  sample_limit: 1.5\n",
			"3:17: error: 'sample_limit' must be a whole number from 0 on, not '1.5'\n" },
		{ JOB "  tls_config: {min_version: '1.2'}\n",
			"3:29: error: unknown TLS version: 1.2; it is one of TLS10 to TLS13\n" },
		{ JOB "  basic_auth: {username: u, username_file: f, password: x, password_file: "
		      "f}\n  bearer_token: x\n  bearer_token_file: f\n",
			"3:3: error: at most one of basic_auth username, username_file & "
			"username_ref must be configured\n"
			"3:3: error: at most one of basic_auth password, password_file & "
			"password_ref must be configured\n"
			"4:3: error: at most one of basic_auth, oauth2, bearer_token & "
			"bearer_token_file must be configured\n"
			"5:3: error: at most one of bearer_token & bearer_token_file must be "
			"configured\n" },
		{ JOB "  authorization: {type: \"a\\nX: b\", credentials: x}\n",
			"3:25: error: a header's value has one line\n" },
		{ JOB "  authorization: {type: basic, credentials: x, credentials_file: f}\n"
		      "  bearer_token: y\n  basic_auth: {}\n",
			"3:3: error: at most one of authorization credentials & credentials_file "
			"must be configured\n"
			"3:3: error: authorization type cannot be set to \"basic\", use "
			"\"basic_auth\" instead\n"
			"3:3: error: at most one of basic_auth, oauth2 & authorization must be "
			"configured\n"
			"4:3: error: at most one of basic_auth, oauth2, bearer_token & "
			"bearer_token_file must be configured\n"
			"4:3: error: authorization is not compatible with bearer_token & "
			"bearer_token_file\n" },
		{ JOB "  proxy_url: p:1\n  proxy_from_environment: true\n  no_proxy: x\n",
			"3:14: error: proxy_url must begin with http://, https:// or socks5://\n"
			"4:3: error: if proxy_from_environment is configured, proxy_url must not be "
			"configured\n"
			"4:3: error: if proxy_from_environment is configured, no_proxy must not be "
			"configured\n" },
		{ JOB "  no_proxy: x\n  proxy_connect_header: {A: [b]}\n",
			"3:3: error: if no_proxy is configured, proxy_url must also be configured\n"
			"4:3: error: if proxy_connect_header is configured, proxy_url or "
			"proxy_from_environment must also be configured\n" },
		{ JOB "  http_headers:\n    user-agent: {values: [a]}\n    'a b': {values: [a]}\n"
		      "    X-C: {values: [\"a\\nb\"], secret: [c]}\n    X-D: [a]\n",
			"4:5: error: setting header \"User-Agent\" is not allowed\n"
			"5:5: error: \"a b\" is no name of a header\n"
			"6:20: error: a header's value has one line\n"
			"6:29: error: unknown key 'secret' in http_headers (did you mean "
			"'secrets'?)\n"
			"7:10: error: http_headers must be a mapping, not a list\n" },
	};
#undef JOB

	check_rows(rows, ARRAY_SIZE(rows));
}

static void alerting_is_checked(void **state)
{
	static const struct fault_row rows[] = {
		{ "alerting:\n  alertmanagers:\n  - api_version: v1\n    path_prefix: /am\n    scheme: "
		  "https\n    static_configs: [{targets: ['a/b']}]\n",
			"3:18: error: expected Alertmanager api version to be one of [v2] but got v1\n"
			"6:33: error: \"a/b\" is not a valid hostname; a target is host:port, its path "
			"goes to metrics_path and its scheme to scheme\n" },
		{ "alerting: {alert_relabel_configs: [{action: drop, regex: '('}]}\n",
			"1:58: error: error parsing regexp: missing closing parenthesis: `(`\n" },
		{ "alerting:\n  alertmanagers:\n  - scheme: ftp\n    basic_auth: {username: a, "
		  "password: b}\n    bearer_token: c\n    sigv4: {region: r}\n    timeout: x\n",
			"3:13: error: scheme must be http or https, not 'ftp'\n"
			"5:5: error: at most one of basic_auth, oauth2, bearer_token & "
			"bearer_token_file must be configured\n"
			"6:5: error: 'sigv4' " UNSERVED "\n"
			"7:14: error: 'timeout': not a valid duration string: \"x\"; write it like "
			"15s, 5m or 1h30m\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void routes_are_checked(void **state)
{
	static const struct fault_row rows[] = {
		{ "route: {receiver: b}\nreceivers: [{name: a}]\n",
			"1:19: error: undefined receiver \"b\" used in route\n" },
		{ "receivers: [{name: a}]\n",
			"1:1: error: no routes provided: receivers and whatever belongs to them need a "
			"route\n" },
		{ "route: {receiver: a, group_wait: 0s, group_interval: 0s, repeat_interval: 0}\n"
		  "receivers: [{name: a}]\n",
			"1:54: error: group_interval cannot be zero\n"
			"1:75: error: repeat_interval cannot be zero\n" },
		{ "route:\n  receiver: a\n  routes:\n  - matchers: [a=b]\n    receiver: c\n"
		  "    match_re: {'x-y': '(', z: }\nreceivers: [{name: a}]\n",
			"5:15: error: undefined receiver \"c\" used in route\n"
			"6:16: error: invalid label name \"x-y\"\n"
			"6:23: error: invalid regular expression: missing closing parenthesis\n"
			"6:28: error: invalid regexp value for \"z\"\n" },
		{ "route:\n  receiver: a\n  continue: true\n  matchers: [a=b]\n"
		  "  mute_time_intervals: [t]\n  active_time_intervals: [t]\nreceivers: [{name: a}]\n"
		  "time_intervals: [{name: t}]\n",
			"3:3: error: cannot have continue in root route\n"
			"4:3: error: root route must not have any matchers\n"
			"5:3: error: root route must not have any mute time intervals\n"
			"6:3: error: root route must not have any active time intervals\n" },
		{ "route:\n  receiver: a\n  routes:\n  -\n  - matchers: [a!b, 'c=\"d', 'e=~\"(\"']\n"
		  "    group_interval: 0s\n    group_by: [x, x, '']\n    continue: 7\n"
		  "    routes: [{match: [a]}]\nreceivers: [{name: a}]\n",
			"4:4: error: a route must not be empty\n"
			"5:16: error: bad matcher format: a!b\n"
			"5:21: error: matcher value contains unescaped double quote: \"d\n"
			"5:29: error: invalid regular expression: missing closing parenthesis\n"
			"6:21: error: group_interval cannot be zero\n"
			"7:19: error: duplicated label \"x\" in group_by\n"
			"7:22: error: invalid label name \"\" in group_by list\n"
			"8:15: error: 'continue' must be true or false, not '7'\n"
			"9:22: error: 'match' must be a mapping of names to texts, not a list\n" },
		{ "inhibit_rules:\n- {source_match: {'a-b': c}, source_match_re: {d: }, name: n,\n"
		  "   target_match_re: {e: '['}, target_matchers: [f], equal: [g, '']}\n- {sauce: {}}\n"
		  "route: {receiver: a}\nreceivers: [{name: a}]\n",
			"2:19: error: invalid label name \"a-b\"\n"
			"2:48: error: invalid regexp value for \"d\"\n"
			"3:25: error: invalid regular expression: missing terminating ] for character "
			"class\n"
			"3:49: error: bad matcher format: f\n"
			"3:64: error: invalid label name \"\" in equal list\n"
			"4:4: error: unknown key 'sauce' in inhibit_rules\n" },
		/* A null rule does nothing. */
		{ "inhibit_rules: [ ~ ]\nroute: {receiver: a}\nreceivers: [{name: a}]\n", "" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

/* A route on one line, and those below it in brackets. */
static void print_route(const struct config_route *route, struct strbuf *out)
{
	strbuf_addf(out, "%s", route->receiver.s);
	for (size_t i = 0; i < route->n_group_by; i++)
		strbuf_addf(out, "%s%s", i ? "," : " by ", route->group_by[i].s);
	strbuf_addf(out, "%s %d/%d/%d%s", route->group_by_all ? " by all" : "",
		(int)route->group_wait_ms, (int)route->group_interval_ms,
		(int)route->repeat_interval_ms, route->continues ? " continue" : "");
	if (route->repeat_interval_max_ms)
		strbuf_addf(out, " up to %d", (int)route->repeat_interval_max_ms);
	strbuf_adds(out, route->send_resolved_suppressed ? " all ends" : "");
	for (size_t i = 0; i < route->matchers.n; i++)
		strbuf_addf(out, " %s%s'%s'", route->matchers.items[i].name,
			matcher_type_text(route->matchers.items[i].type),
			route->matchers.items[i].value);
	for (size_t i = 0; i < route->mute_time_intervals.n; i++)
		strbuf_addf(out, " not %s", route->mute_time_intervals.items[i].s);
	for (size_t i = 0; i < route->active_time_intervals.n; i++)
		strbuf_addf(out, " in %s", route->active_time_intervals.items[i].s);
	for (size_t i = 0; i < route->n_routes; i++) {
		strbuf_adds(out, "\n[");
		print_route(&route->routes[i], out);
		strbuf_adds(out, "]");
	}
}

static void routes_inherit_what_they_leave_out(void **state)
{
	static const char text[] =
		"route:\n  routes:\n  - match: {a: x, b: }\n    continue: true\n"
		"    routes:\n    - matchers: ['c=d', '{e=~\"f|g\", h!=i}']\n      group_by: []\n"
		"    - group_by: ['...']\n      receiver: s\n      mute_time_intervals: [t]\n"
		"      active_time_intervals: [t, u]\n      routes: [{group_wait: 1s}, "
		"{group_by: [z], repeat_interval_max: 0s, send_resolved_suppressed: off}]\n    repeat_interval_max: 9s\n    send_resolved_suppressed: true\n    group_interval: 2s\n  - match_re: {a: 'x|y'}\n"
		"    repeat_interval: 3s\n    group_by:\n"
		"  receiver: r\n  group_by: [k, l]\n  group_wait: 5s\n  group_interval: 6s\n"
		"  repeat_interval: 7s\nreceivers: [{name: r}, {name: s}]\n"
		"time_intervals: [{name: t}, {name: u}]\n";
	static const char expected[] =
		"r by k,l 5000/6000/7000\n"
		"[r by k,l 5000/2000/7000 continue up to 9000 all ends a='x' b=''\n"
		"[r 5000/2000/7000 up to 9000 all ends c='d' e=~'f|g' h!='i']\n"
		"[s by all 5000/2000/7000 up to 9000 all ends not t in t in u\n"
		"[s by all 1000/2000/7000 up to 9000 all ends]\n"
		"[s by z 5000/2000/7000]]]\n"
		"[r by k,l 5000/6000/3000 a=~'^(?:x|y)$']";
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;
	struct strbuf out = STRBUF_INIT;

	assert_int_equal(config_load_text("t.yml", text, &config, &diag), 0);
	print_route(config->route, &out);
	assert_string_equal(out.s, expected);
	strbuf_release(&out);
	config_unref(config);
	diag_release(&diag);
}

#define MAIL                                                                                       \
	"route: {receiver: a}\nreceivers:\n- name: a\n  email_configs:\n  - to: o@example.org\n"

#define INTERVAL                                                                                   \
	"route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals:\n- name: t\n  time_intervals:\n"

static void time_intervals_are_checked(void **state)
{
	static const struct fault_row rows[] = {
		{ INTERVAL
			"  - weekdays: ['Monday:friday', sunday]\n    months: [january:March, 5, '13']\n"
			"    days_of_month: ['1', '-7:-1', '1:-1', '30:31']\n    years: ['2020:2025', '2030']\n"
			"    times: [{start_time: '00:00', end_time: '24:00'}]\n"
			"    location: Australia/Sydney\n  - {}\n  -\n  - {times: [], years: , location: }\n",
			"" },
		{ INTERVAL "  - times: [{start_time: '01:99', end_time: '23:59'}]\n",
			"6:13: error: couldn't parse timestamp 01:99, invalid format\n" },
		{ INTERVAL "  - times: [{start_time: '00:00', end_time: '99:99'}]\n",
			"6:13: error: couldn't parse timestamp 99:99, invalid format\n" },
		{ INTERVAL "  - times: [{start_time: '17:31', end_time: '17:31'}]\n",
			"6:13: error: start time cannot be equal or greater than end time\n" },
		{ INTERVAL "  - times: [{start_time: '12:30', end_time: '24:01'}]\n",
			"6:13: error: couldn't parse timestamp 24:01, invalid format\n" },
		{ INTERVAL "  - times: [{start_time: '24:00', end_time: '17:41'}]\n",
			"6:13: error: start time cannot be equal or greater than end time\n" },
		{ INTERVAL "  - times: [{start_time: '14:03'}, {begin: 1}]\n",
			"6:13: error: both start and end times must be provided\n"
			"6:37: error: unknown key 'begin' in times\n"
			"6:36: error: both start and end times must be provided\n" },
		{ INTERVAL "  - times: [{start_time: '9:00', end_time: '1a:00'}]\n",
			"6:13: error: couldn't parse timestamp 9:00, invalid format\n" },
		{ INTERVAL
			"  - weekdays: ['friday:monday', 'blurgsday:flurgsday', '1:3', '-2:-1', a:b:c]\n",
			"6:16: error: start day cannot be before end day\n"
			"6:33: error: blurgsday is not a valid weekday\n"
			"6:56: error: 1 is not a valid weekday\n"
			"6:63: error: -2 is not a valid weekday\n"
			"6:72: error: couldn't parse range a:b:c, invalid format\n" },
		{ INTERVAL "  - days_of_month: ['0', '-50:-20', '1:50', '-15:5', '10:-25', 'x']\n",
			"6:21: error: 0 is not a valid day of the month: out of range\n"
			"6:26: error: -50 is not a valid day of the month: out of range\n"
			"6:37: error: 50 is not a valid day of the month: out of range\n"
			"6:45: error: end day must be negative if start day is negative\n"
			"6:54: error: end day -25 is always before start day 10\n"
			"6:64: error: x is not a valid day of the month\n" },
		{ INTERVAL "  - months: ['martius:june', 'march:junius', 'december:january', '']\n"
			   "    years: ['2022:2020', soon]\n",
			"6:14: error: martius is not a valid month\n"
			"6:30: error: junius is not a valid month\n"
			"6:46: error: end month january is before start month december\n"
			"6:66: error:  is not a valid month\n"
			"7:13: error: end year 2020 is before start year 2022\n"
			"7:26: error: soon is not a valid year\n" },
		{ INTERVAL "  - location: Europe/Bonn\n  - location: ../etc/passwd\n",
			"6:15: error: unknown time zone Europe/Bonn; write it like Europe/Berlin, UTC or "
			"Local\n"
			"7:15: error: unknown time zone ../etc/passwd; write it like Europe/Berlin, UTC "
			"or Local\n" },
		{ "route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: [{name: t}]\n"
		  "mute_time_intervals: [{name: t}, {time_intervals: []}]\n",
			"4:30: error: mute time interval \"t\" is not unique\n"
			"4:34: error: missing name in mute time interval\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

#define RECEIVER "route: {receiver: a}\nreceivers:\n- name: a\n"

static void what_would_fail_every_notification_is_told(void **state)
{
	static const struct fault_row rows[] = {
		{ RECEIVER
			"  pushover_configs:\n  - {user_key: u, token: t, retry: 1m30s, expire: 1.5h,\n"
			"     ttl: 0}\n",
			"" },
		{ RECEIVER
			"  pushover_configs:\n  - {user_key: u, token: t, retry: 1d, expire: a-b,\n"
			"     ttl: ''}\n",
			"5:36: error: 'retry': invalid duration \"1d\"; write it like 30s, 5m or 1h30m\n"
			"5:48: error: 'expire': invalid duration \"a-b\"; write it like 30s, 5m or 1h30m\n"
			"6:11: error: 'ttl': invalid duration \"\"; write it like 30s, 5m or 1h30m\n" },
		{ RECEIVER "  webhook_configs:\n  - {url: 'http://h/', timeout: 5}\n",
			"5:33: error: 'timeout': invalid duration \"5\"; write it like 30s, 5m or 1h30m\n" },
		{ RECEIVER "  pagerduty_configs:\n  - {routing_key: k, details: x}\n",
			"5:31: error: 'details' must be a mapping\n" },
		{ RECEIVER
			"  telegram_configs:\n  - {bot_token: t, chat_id: -0x10, parse_mode: html}\n",
			"5:48: error: unknown parse_mode on telegram_config, must be Markdown, "
			"MarkdownV2, HTML or empty string\n" },
		{ RECEIVER
			"  telegram_configs:\n  - {bot_token: t, chat_id: 0}\n  - {bot_token: t, chat_id: 0, "
			"chat_id_file: f}\n",
			"5:29: error: missing chat_id or chat_id_file on telegram_config\n"
			"6:32: error: at most one of chat_id & chat_id_file must be configured\n" },
		{ RECEIVER
			"  sns_configs:\n  - {topic_arn: a, sigv4: {access_key: k}}\n  - {topic_arn: a, "
			"sigv4: {secret_key: k, access_key: ''}}\n  - {topic_arn: a, sigv4: "
			"{secret_key: k, access_key: l}}\n",
			"5:20: error: must provide a AWS SigV4 Access key and Secret Key if credentials "
			"are specified in the SigV4 config\n"
			"6:20: error: must provide a AWS SigV4 Access key and Secret Key if credentials "
			"are specified in the SigV4 config\n" },
		{ RECEIVER
			"  webhook_configs:\n  - {url: 'http://h:b/'}\n  - {url: 'http://[::1'}\n"
			"  - {url: 'http://[::1]x'}\n  - {url: 'http://u:p@h:'}\n"
			"  - {url: 'https://u:p@[::1]:80?a:b@c'}\n",
			"5:11: error: 'url': invalid port or brackets in URL: write it like "
			"http://host:8080/ or http://[::1]:8080/\n"
			"6:11: error: 'url': invalid port or brackets in URL: write it like "
			"http://host:8080/ or http://[::1]:8080/\n"
			"7:11: error: 'url': invalid port or brackets in URL: write it like "
			"http://host:8080/ or http://[::1]:8080/\n" },
		{ "route: {receiver: r}\nreceivers:\n- name: r\n  slack_configs:\n"
		  "  - {update_message: YES, api_url: 'https://slack.com/api/chat.postMessage'}\n",
			"5:22: error: 'update_message' " UNSERVED "\n" },
		{ "route: {receiver: r}\nreceivers:\n- name: r\n  slack_configs:\n"
		  "  - {update_message: NO, api_url: 'http://h/'}\n",
			"" },
		{ RECEIVER
			"  slack_configs:\n  - api_url: http://h/\n    actions: [{type: button, text: t, "
			"name: n, confirm: {title: x}}]\n",
			"6:57: error: missing text in Slack confirmation configuration\n" },
		{ RECEIVER "  opsgenie_configs:\n  - {api_key: k, responders: [{id: x}]}\n",
			"5:31: error: opsGenieConfig responder type must be team, teams, user, escalation "
			"or schedule\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void mail_receivers_are_checked(void **state)
{
	static const struct fault_row rows[] = {
		{ MAIL, "5:5: error: no global SMTP from set, and no from here\n"
			"5:5: error: no global SMTP smarthost set, and no smarthost here\n" },
		{ MAIL "    from: a@b, c@d\n    smarthost: mail\n",
			"6:16: error: one mail address is allowed here\n"
			"7:16: error: missing port in address; write it as host:port\n" },
		{ MAIL "    from: Tolld <t@h>\n    smarthost: '[::1]:25'\n", "" },
		{ MAIL "    from: '{{ .Status }}@h'\n    smarthost: '[::1]:smtp'\n",
			"7:23: error: the port must be a number from 1 to 65535\n" },
		{ MAIL "    from: a@b\n    smarthost: h:25\n    headers: {Subject: x, subject: y, 'a b': z}\n",
			"8:27: error: duplicate header \"subject\" in email config\n"
			"8:39: error: 'a b' cannot be the name of a header\n" },
		{ MAIL "    from: a@b\n    smarthost: h:25\n    threading: {enabled: true}\n"
		       "    auth_secret: x\n",
			"8:16: error: threading.thread_by_date must be either 'none' or 'daily'\n" },
		{ MAIL "    from: a@b\n    smarthost: h:25\n    threading: {enabled: true, thread_by_date: none}\n"
		       "    headers: {references: x}\n",
			"9:15: error: conflicting configuration: threading.enabled conflicts with "
			"custom References header\n" },
		{ MAIL "    from: a@b\n    smarthost: h:25\n    oauth2: {client_secret: x}\n    require_tls: false\n",
			"5:5: error: oauth2 needs auth_username, the address of the account\n"
			"5:5: error: oauth2 needs require_tls: true: its token is as good as a password\n"
			"8:5: error: oauth2 client_id must be configured\n"
			"8:5: error: oauth2 refresh_token_file must be configured: access tokens are "
			"made of it\n" },
		/* Two that inherit it have one fault. */
		{ "global: {smtp_smarthost: 'h:25', smtp_from: a@b, smtp_auth_username: u}\n"
		  "route: {receiver: a}\nreceivers: [{name: a, email_configs: [{to: a@b}, {to: c@d}]}]\n",
			"1:70: warning: there is no password for this user; name the file that holds it "
			"as auth_password_file, or as smtp_auth_password_file in global\n" },
		{ "global: {smtp_smarthost: h, smtp_from: nobody}\n",
			"1:26: error: missing port in address; write it as host:port\n"
			"1:40: error: not a mail address; write it as name@example.org or Name "
			"<name@example.org>\n" },
		/* A receiver that no route reaches does no harm. */
		{ "route: {receiver: a}\nreceivers:\n- name: a\n- name: b\n  jira_configs: [{api_url: "
		  "'http://h', project: p, issue_type: t}]\n",
			"" },
		{ "route: {receiver: b}\nreceivers:\n- name: b\n  jira_configs: [{api_url: 'http://h', "
		  "project: p, issue_type: t}]\n",
			"4:3: error: 'jira_configs' " UNSERVED
			": it asks Jira several questions for each notification\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void mail_receivers_inherit_from_global(void **state)
{
	static const char text[] =
		"global:\n  smtp_smarthost: h:465\n  smtp_from: t@h\n  smtp_auth_username: u\n"
		"  smtp_auth_password: p\n  smtp_require_tls: false\n  smtp_tls_config: {server_name: s}\n"
		"route: {receiver: a}\nreceivers:\n- name: a\n  email_configs:\n  - to: x@y\n"
		"  - {to: x@y, auth_password_file: /dev/null, require_tls: true, smarthost: 'i:587', "
		"send_resolved: true, tls_config: {insecure_skip_verify: true}, "
		"force_implicit_tls: false}\n";
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;
	const struct config_email *email;

	assert_int_equal(config_load_text("t.yml", text, &config, &diag), 0);
	email = config->receivers[0].emails;
	assert_string_equal(email[0].host, "h");
	assert_int_equal(email[0].port, 465);
	assert_string_equal(email[0].auth_password.value.s, "p");
	assert_false(email[0].require_tls);
	assert_string_equal(email[0].tls.server_name.s, "s");
	assert_int_equal(email[0].force_implicit_tls, -1);
	assert_string_equal(email[1].host, "i");
	assert_int_equal(email[1].port, 587);
	/* The pair of value and file is inherited as one. */
	assert_null(email[1].auth_password.value.s);
	assert_string_equal(email[1].auth_password.file.s, "/dev/null");
	assert_string_equal(email[1].auth_username.s, "u");
	assert_true(email[1].require_tls && email[1].send_resolved);
	assert_null(email[1].tls.server_name.s);
	assert_int_equal(email[1].force_implicit_tls, 0);
	config_unref(config);
	diag_release(&diag);
}

static void numbers_are_what_yaml_has_them_for(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} rows[] = { { "017", 15 }, { "0o17", 15 }, { "0x1F", 31 }, { "0b1_1", 3 },
		{ "1_000", 1000 }, { "+0x2", 2 }, { "08", 8 }, { "0", 0 }, { "1e3", 1000 },
		{ "+7", 7 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct diag diag = DIAG_INIT;
		struct config *config = NULL;
		char text[80];

		snprintf(text, sizeof(text), "scrape_configs: [{job_name: a, sample_limit: %s}]\n",
			rows[i].text);
		assert_int_equal(config_load_text("t.yml", text, &config, &diag), 0);
		if (config->scrapes[0].sample_limit != rows[i].value)
			fail_msg("%s: %lld", rows[i].text,
				(long long)config->scrapes[0].sample_limit);
		config_unref(config);
		diag_release(&diag);
	}
}

static void external_labels_take_the_environment(void **state)
{
	static const char text[] =
		"global:\n  external_labels:\n    a: x-${TOLLD_TEST_A}-$TOLLD_TEST_A\n"
		"    b: $$HOME ${} $ 5$\n    c: ${TOLLD_TEST_NONE}z\n    d: x${TOLLD_TEST_A\n";
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;
	const struct config_pair *labels;

	setenv("TOLLD_TEST_A", "value", 1);
	unsetenv("TOLLD_TEST_NONE");
	assert_int_equal(config_load_text("t.yml", text, &config, &diag), 0);
	labels = config->global.external_labels.items;
	assert_string_equal(labels[0].value.s, "x-value-value");
	assert_string_equal(labels[1].value.s, "$HOME  $ 5$");
	assert_string_equal(labels[2].value.s, "z");
	assert_string_equal(labels[3].value.s, "xTOLLD_TEST_A");
	assert_int_equal(diag.warnings, 1);
	assert_string_equal(
		diag.entries[0].text, "the environment variable 'TOLLD_TEST_NONE' is empty");
	config_unref(config);
	diag_release(&diag);
}

static void watched_services_are_checked(void **state)
{
	static const struct fault_row rows[] = {
		{ "watch:\n- {service: a, unit: x, exe: /y}\n- {unit: z, expect: up}\n- {service: b, "
		  "cmdline: '('}\n",
			"2:3: error: a watched service needs exactly one of unit, listen, exe, cmdline "
			"and pidfile, not 2\n"
			"3:21: error: expect must be running, listening or any, not 'up'\n"
			"3:3: error: a watched service needs a name: service\n"
			"4:25: error: invalid regular expression: missing closing parenthesis\n" },
		{ "watch:\n- {service: a, listen: example.org:80}\n- {service: b, listen: nine}\n- "
		  "{service: c, listen: ':99999'}\n- {service: d, listen: 9100, expect: any}\n- "
		  "{service: e, listen: '[::1]'}\n",
			"2:24: error: 'example.org' is no address of this machine: write it in numbers, "
			"or as localhost, or leave it out and write the port alone\n"
			"3:24: error: 'nine' is no port; it is host:port, or a number from 1 to 65535\n"
			"4:24: error: ':99999' is no port; it is host:port, or a number from 1 to "
			"65535\n"
			"5:24: error: a service at an address is expected to listen there: leave "
			"'expect' out\n"
			"6:25: error: missing port in address; write it as host:port\n" },
		{ "watch:\n- {service: a, exe: nginx}\n- {service: b, pidfile: run/x.pid}\n- "
		  "{service: c, unit: a/b}\n- {service: d, unit: cups.socket}\n- {unit: '*.timer'}\n",
			"2:21: error: exe must be a path that begins with a slash, not 'nginx'\n"
			"3:25: error: pidfile must be a path that begins with a slash, not 'run/x.pid'\n"
			"4:22: error: a unit's name has no slash: 'a/b'\n"
			"5:22: error: only services can be watched, and 'cups.socket' is none: their "
			"names end with .service\n"
			"6:10: error: only services can be watched, and '*.timer' is none: their names "
			"end with .service\n" },
		{ "watch:\n- {service: a, unit: x}\n- {service: a, unit: y}\n- {service: b, unit: z, "
		  "labels: {service: q, 'a-b': c, __x: d}}\n",
			"3:13: error: service 'a' is watched twice, first in t.yml:2\n"
			"4:34: error: the label 'service' is the service's name; give it another one by "
			"the key 'service'\n"
			"4:46: error: 'a-b' is no name for a label\n"
			"4:56: error: '__x' is no name for a label\n" },
		/* What is right; the route is not needed for this. */
		{ "watch:\n- {service: a, listen: 22}\n- {service: b, listen: ':22'}\n- {service: c, "
		  "listen: 'localhost:22'}\n- {service: d, listen: '[::1]:22'}\n- {unit: "
		  "'web@*.service'}\n- {unit: '*'}\n- {service: e, unit: nginx, expect: listening}\n- "
		  "{service: f, cmdline: 'java .*-jar app[.]jar', labels: {team: home}}\n",
			"" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_known_by_name),
		cmocka_unit_test(values_have_their_types),
		cmocka_unit_test(scrape_configs_are_checked),
		cmocka_unit_test(relabelling_rules_are_checked),
		cmocka_unit_test(clients_of_http_are_checked),
		cmocka_unit_test(alerting_is_checked),
		cmocka_unit_test(routes_are_checked),
		cmocka_unit_test(routes_inherit_what_they_leave_out),
		cmocka_unit_test(time_intervals_are_checked),
		cmocka_unit_test(what_would_fail_every_notification_is_told),
		cmocka_unit_test(mail_receivers_are_checked),
		cmocka_unit_test(mail_receivers_inherit_from_global),
		cmocka_unit_test(numbers_are_what_yaml_has_them_for),
		cmocka_unit_test(external_labels_take_the_environment),
		cmocka_unit_test(watched_services_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
