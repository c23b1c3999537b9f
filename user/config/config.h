/*
 * config.h - the settings as plain structs, and how they are read.
 *
 * Everything in a struct config lives in its arena and is never changed after config_load(). It is
 * counted, because running objects keep it while a reload builds the next one. Every value that a
 * later stage may find fault with (an expression, a template, an address) keeps its place.
 * Durations are milliseconds, sizes bytes. Defaults are Prometheus's and Alertmanager's own.
 *
 * Sources: prometheus config/config.go and model/rulefmt, alertmanager config/config.go and
 * config/notifiers.go.
 */
#ifndef TOLLD_CONFIG_CONFIG_H
#define TOLLD_CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/diag.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/time_interval.h"
#include "model/relabel.h"

/* A text and where it stood. `s` is NULL where the file does not set it. */
struct config_text {
	char *s;
	struct pos pos;
};

/* A secret: never printed, never logged. At most one of the two is set. */
struct config_secret {
	struct config_text value;
	struct config_text file; /* read anew at each use, so that it can be changed under way */
};

struct config_texts {
	struct config_text *items;
	size_t n, cap;
};

struct config_pair {
	struct config_text name, value;
};

struct config_pairs {
	struct config_pair *items;
	size_t n, cap;
};

/* Rules in their order; they belong to the configuration. */
struct config_relabels {
	struct relabel_rule **items;
	size_t n, cap;
};

struct config_tls {
	bool set;
	bool insecure_skip_verify;
	struct config_text ca_file, cert_file, key_file, server_name;
	struct config_text min_version,
		max_version; /* TLS10 to TLS13; NULL: TLS12, and the newest */
};

/* A header of a request: one line for each value, and for each file. */
struct config_header {
	struct config_text name;
	struct config_text *values;
	size_t n_values, cap_values;
	bool secret;		   /* `values`, or some of them */
	struct config_text *files; /* read anew at each use, as secrets are */
	size_t n_files, cap_files;
};

struct config_headers {
	struct config_header *items;
	size_t n, cap;
};

/* How a client of HTTP shows who it is, and the way it takes. */
struct config_http {
	bool basic_auth;
	struct config_secret username, password;
	struct config_text auth_type; /* "Bearer"; NULL: no authorization */
	struct config_secret credentials;
	struct config_headers headers;
	struct config_text proxy_url, no_proxy;
	bool proxy_from_environment;
	struct config_headers proxy_connect_headers;
};

/* Client credentials by which a token is fetched, that then goes along as "Bearer". */
struct config_oauth2 {
	bool set;
	struct config_text client_id, token_url;
	struct config_secret client_secret;
	struct config_secret refresh_token; /* of mail only; else the client's own credentials do */
	struct config_texts scopes;
	struct config_pairs endpoint_params; /* go along in the body */
	struct config_tls tls;		     /* of the way to token_url */
	struct config_http http;	     /* of it only the proxy */
};

/* `http_config`: everything about a client of HTTP. */
struct config_client {
	struct config_http http; /* first: its keys are read into the whole */
	struct config_tls tls;
	struct config_oauth2 oauth2;
	bool follow_redirects; /* true */
};

/* Names as scrape_protocols has them, all known ones. */
struct config_protocols {
	struct config_text *items;
	size_t n, cap;
};

struct config_global {
	int64_t scrape_interval_ms;	/* 1m */
	int64_t scrape_timeout_ms;	/* 10s */
	int64_t evaluation_interval_ms; /* 1m */
	int64_t resolve_timeout_ms;	/* 5m */
	struct config_pairs external_labels;

	struct config_text smtp_smarthost, smtp_from, smtp_hello, smtp_auth_username,
		smtp_auth_identity;
	struct config_secret smtp_auth_password;
	struct config_secret smtp_auth_secret; /* of CRAM-MD5 */
	struct config_oauth2 smtp_oauth2;
	bool smtp_require_tls; /* true */
	struct config_tls smtp_tls;
};

/* One address of static_configs, with the labels of its block. */
struct config_target {
	struct config_text address;
	const struct config_pairs *labels;
};

struct config_param {
	struct config_text name;
	struct config_text *values;
	size_t n, cap;
};

/* One item of file_sd_configs. */
struct config_file_sd {
	struct config_texts files; /* patterns, as seen from the file that names them */
	int64_t refresh_ms;	   /* 5m */
};

/* What samples and targets may be at most; 0: whatever they are. */
struct config_limits {
	int64_t targets, dropped_targets;
	int64_t labels, label_name_bytes, label_value_bytes;
};

struct config_scrape {
	struct config_text job_name;
	int64_t interval_ms, timeout_ms;
	struct config_text metrics_path; /* /metrics */
	struct config_text scheme;	 /* http or https */
	struct config_param *params;
	size_t n_params, cap_params;
	bool honor_labels;		 /* false */
	bool honor_timestamps;		 /* true */
	bool enable_compression;	 /* true */
	bool follow_redirects;		 /* true */
	int64_t body_size_limit_bytes;	 /* 0: tolld's own limit */
	int64_t sample_limit;		 /* 0: tolld's own limit */
	bool track_timestamps_staleness; /* false */
	int extra_scrape_metrics;	 /* -1: what `global` says, until it is read; then 0 or 1 */
	bool legacy_names;		 /* metric_name_validation_scheme: legacy */
	struct config_text escaping;	 /* metric_name_escaping_scheme, as Accept says it */
	struct config_tls tls;
	struct config_http http;
	struct config_protocols
		protocols; /* in the order of preference; n == 0: Prometheus's own */
	struct config_text fallback_scrape_protocol;
	struct config_relabels relabels, metric_relabels;
	struct config_limits limits;
	struct config_target *targets;
	size_t n_targets, cap_targets;
	struct config_file_sd *file_sds;
	size_t n_file_sds, cap_file_sds;
};

struct config_rule {
	struct config_text alert, record; /* exactly one is set */
	struct config_text expr;
	int64_t for_ms, keep_firing_for_ms;
	struct config_pairs labels, annotations;
};

struct config_group {
	struct config_text name;
	const char *file;
	int64_t interval_ms; /* 0: evaluation_interval */
	int64_t limit;
	int64_t query_offset_ms;
	struct config_pairs labels;
	struct config_rule *rules;
	size_t n_rules, cap_rules;
};

/* Which mails a mail program shows as one thread. */
enum config_threading {
	THREAD_BY_FIRST_DAY, /* not set: a group's, by the day on which the oldest of its alerts began */
	THREAD_NOT,
	THREAD_BY_GROUP,
	THREAD_BY_DAY, /* and the day of the mail, as Alertmanager has it */
};

/*
 * How many notifications may be sent in how long. Those with the same key draw on the same one: all ways
 * of a receiver, or all receivers that send through one account.
 */
struct config_budget {
	char *key;     /* NULL: nothing is said; what else may limit it does */
	int64_t count; /* 0: no limit */
	int64_t per_ms;
};

struct config_email {
	struct config_budget budget; /* what its server allows, where tolld knows it */
	bool send_resolved;	     /* false */
	struct config_text to, from, smarthost, hello, auth_username, auth_identity;
	struct config_secret auth_password;
	struct config_secret auth_secret; /* of CRAM-MD5 */
	struct config_oauth2 oauth2;	  /* XOAUTH2 takes the place of a password */
	enum config_threading threading;
	bool require_tls;
	/* -1: implicit TLS exactly on port 465; 0 and 1 as the file says */
	int force_implicit_tls;
	struct config_tls tls;
	struct config_pairs headers;
	struct config_text html, text; /* s == NULL: tolld's own */
	/* What smarthost says, taken apart; from and to were checked when the file was read. */
	char *host;
	unsigned port;
};

enum config_value_kind {
	VALUE_NULL,
	VALUE_TEXT,
	VALUE_BOOL,
	VALUE_NUMBER, /* as JSON writes them */
	VALUE_LIST,
	VALUE_MAP,
};

/* A setting of any shape, as the file has it. */
struct config_value {
	enum config_value_kind kind;
	bool truth;		    /* of VALUE_BOOL */
	struct config_text text;    /* of every scalar, as it was written */
	struct config_value *items; /* of a list; of a mapping the values */
	struct config_text *keys;   /* of a mapping */
	size_t n;
};

/*
 * An item of webhook_configs, slack_configs and so on. What is told to whom is in `settings`: a
 * mapping of the keys that Alertmanager has for the type, with what `global` and the type's defaults
 * add. A key that may stand in a file instead is there as NAME_file, and never both.
 */
struct config_integration {
	const char *type; /* "webhook": the key without _configs */
	unsigned index;	  /* which of the receiver's of that type */
	bool send_resolved;
	struct config_client client;
	struct config_value settings;
	struct pos pos;
};

/* A folder that mails are put into, instead of a server that takes them. */
struct config_maildir {
	struct config_email email; /* to and from have their defaults; no server is in it */
	struct config_text path;
	unsigned mode; /* of the files: 0600 */
};

struct config_receiver {
	struct config_text name;
	struct config_budget budget;
	struct config_pairs labels; /* without "name", which all have: config_receiver_labels() */
	struct config_email *emails;
	size_t n_emails, cap_emails;
	struct config_maildir *maildirs;
	size_t n_maildirs, cap_maildirs;
	struct config_integration *integrations; /* all other types, in the order of a table */
	size_t n_integrations, cap_integrations;
};

/* One condition on a label. Its expression, where it is one, was checked when the file was read. */
struct config_matcher {
	enum matcher_type type;
	char *name;
	char *value; /* of match_re as ^(?:...)$: so Alertmanager shows it in the keys of groups */
};

struct config_matchers {
	struct config_matcher *items;
	size_t n, cap;
};

/* A route and those below it. What it leaves out of its own is its parent's. */
struct config_route {
	struct config_text receiver;
	struct config_text *group_by;
	size_t n_group_by, cap_group_by;
	bool group_by_all; /* ['...'] */
	int64_t group_wait_ms, group_interval_ms, repeat_interval_ms;
	/* tolld's own: each repetition waits twice as long as the one before it, and this long at most; 0: none does. */
	int64_t repeat_interval_max_ms;
	/* tolld's own: the end of an alert that was told is told even if it is suppressed when it ends. */
	bool send_resolved_suppressed;
	struct config_pairs
		labels; /* templates, the parents' among them; the nearest of a name last */
	/* From here on nothing is inherited. */
	bool continues;			 /* `continue`: siblings after it are asked, too */
	struct config_matchers matchers; /* of match, match_re and matchers; all must match */
	struct config_texts mute_time_intervals, active_time_intervals;
	struct config_route *routes;
	size_t n_routes;
};

/* While an alert fires that `source` matches, those that `target` matches are not told. */
struct config_inhibit_rule {
	struct config_matchers source, target;
	struct config_texts equal; /* names of labels that must be the same on both sides */
};

/* It holds an instant when one of its parts does. */
struct config_time_interval {
	struct config_text name;
	struct time_interval *items;
	size_t n, cap;
};

enum config_expect { EXPECT_RUNNING, EXPECT_LISTENING, EXPECT_ANY };

/* One entry of `watch`: exactly one of the five selectors is set. */
struct config_watch {
	struct config_text service;
	struct config_text unit, listen, exe, cmdline, pidfile;
	enum config_expect expect;
	struct config_pairs labels;
};

/* What an item of `alerting: alertmanagers:` says of all the Alertmanagers that it names. */
struct config_alertmanagers {
	struct config_text scheme, path_prefix; /* NULL: http, and nothing */
	int64_t timeout_ms;			/* 10s */
	struct config_client client;
	struct config_relabels relabels;       /* of their own labels */
	struct config_relabels alert_relabels; /* of what they are sent */
};

/* One Alertmanager, that this daemon may be itself. */
struct config_alertmanager {
	struct config_text address;
	const struct config_pairs *labels; /* of its block of static_configs */
	const struct config_alertmanagers *group;
};

/* `storage`; 0: what the flags say. */
struct config_storage {
	int64_t retention_ms, retention_bytes;
};

struct config {
	unsigned refs;
	struct arena arena;
	struct source **sources; /* every file that was read, with a reference */
	size_t n_sources, cap_sources;
	struct config_relabels all_relabels; /* of all sections, to be freed */

	struct config_global global;
	struct config_storage storage;
	struct config_scrape *scrapes;
	size_t n_scrapes, cap_scrapes;
	struct config_group *groups;
	size_t n_groups, cap_groups;
	struct config_alertmanager *alertmanagers;
	size_t n_alertmanagers, cap_alertmanagers;
	struct config_relabels alert_relabels; /* of all that any Alertmanager is sent */
	struct config_route *route;	       /* NULL: no file has one */
	struct config_receiver *receivers;
	size_t n_receivers, cap_receivers;
	struct config_inhibit_rule *inhibit_rules;
	size_t n_inhibit_rules, cap_inhibit_rules;
	struct config_time_interval *time_intervals;
	size_t n_time_intervals, cap_time_intervals;
	/* The files that `templates` names, in order; sources owns them. */
	struct source **templates;
	size_t n_templates, cap_templates;
	bool watch_all; /* the built-in settings: every service unit, or who listens */
	struct config_watch *watches;
	size_t n_watches;
	/*
	 * What of all files concerns an Alertmanager, as one file, with "<secret>" for secrets: for
	 * amtool and others who read routes and receivers out of it. "" where there is no route.
	 */
	char *alertmanager_text;
	char *prometheus_text; /* the same of Prometheus's part */
};

/*
 * Reads the files, and the rule files that they name, into one configuration. All faults of all
 * files go to diag; with an error there *ret is untouched and -EINVAL comes back. Warnings do not
 * fail. -ENOMEM when memory is out.
 */
int config_load(const char *const *paths, size_t n_paths, struct config **ret, struct diag *diag);
/*
 * A single file for `tolld check`: told by its top-level keys to be settings or a rule file.
 */
int config_check_file(const char *path, struct config **ret, struct diag *diag);
/* The same from memory, named `name`. */
int config_check_text(const char *name, const char *text, struct config **ret, struct diag *diag);
/*
 * What could be read of files that config_load() or config_check_file() found faults in: to look for
 * more faults in it (expressions, templates), never to be run. Its rules may lack a name or an
 * expression. Tells nothing; -ENOMEM.
 */
int config_salvage(const char *const *paths, size_t n_paths, struct config **ret);
/* The built-in configuration, which scrapes this daemon itself at HOST:PORT; see defaults.c. */
int config_load_defaults(const char *own_address, struct config **ret, struct diag *diag);
/*
 * A file of targets, read by the caller: a configuration with one job, whose targets are the file's and
 * have the label __meta_filepath. A path that ends in .json is JSON, any other YAML. As config_load().
 */
int config_load_targets(
	const char *path, const char *text, size_t len, struct config **ret, struct diag *diag);
/* From memory, named `name`: for tests. Rule files it names are read relative to the working directory. */
int config_load_text(const char *name, const char *text, struct config **ret, struct diag *diag);

struct config *config_ref(const struct config *config);
void config_unref(struct config *config);

static inline void config_unrefp(struct config **p)
{
	config_unref(*p);
}

const struct config_receiver *config_receiver_find(const struct config *config, const char *name);
/* NULL where the receiver has no such integration; email and maildir are none of these. */
const struct config_integration *config_integration_find(
	const struct config_receiver *receiver, const char *type, unsigned index);
/* A value by its key; NULL where it is not set. */
const struct config_value *config_value_get(const struct config_value *map, const char *key);
/* The text of a scalar by its key; NULL where it is not set. */
const struct config_text *config_value_text(const struct config_value *map, const char *key);
/*
 * "15MB", "1.5GiB", "1MB500KB", "0": every unit is a power of 1024, as Prometheus reads them. -EINVAL; -ERANGE for more
 * than 9e18 bytes.
 */
int config_size_parse(const char *s, int64_t *ret_bytes);
/* A text read as YAML, which JSON is, too; in the arena, without places. -ENOMEM, -EINVAL. */
int config_value_parse(struct arena *arena, const char *text, struct config_value *ret);
/* The labels of a receiver, its name among them. -ENOMEM. */
int config_receiver_labels(const struct config_receiver *receiver, struct labels **ret);
const struct config_time_interval *config_time_interval_find(
	const struct config *config, const char *name);

/*
 * The place of byte `offset` of a text in its file: for faults inside an expression. Exact where the
 * scalar is plain, quoted without escapes, or a literal block; the text's own place elsewhere.
 */
struct pos config_pos_in(const struct config_text *text, size_t offset, size_t length);

/*
 * A secret's value: the inline one, or the file's content with white space at its end cut off, as
 * Alertmanager does. *ret is the heap's and the caller wipes it with config_secret_wipe(). With
 * nothing set *ret is NULL. Errors: those of open() and read(), -EFBIG past 64 KiB.
 */
int config_secret_read(const struct config_secret *secret, char **ret);
void config_secret_wipe(char **secret);

#endif
