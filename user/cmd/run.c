/*
 * run.c - tolld run: flags into daemon options.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include "api/listen.h"
#include "base/log.h"
#include "base/num.h"
#include "base/regex.h"
#include "cmd/feature.h"
#include "config/config.h"
#include "daemon.h"
#include "model/duration.h"

enum flag {
	FLAG_CONFIG = 256,
	FLAG_STORAGE,
	FLAG_LISTEN,
	FLAG_EXTERNAL_URL,
	FLAG_ROUTE_PREFIX,
	FLAG_CORS_ORIGIN,
	FLAG_LIFECYCLE,
	FLAG_REMOTE_WRITE,
	FLAG_FEATURE,
	FLAG_BACKEND,
	FLAG_BPFFS,
	FLAG_BTF,
	FLAG_USER,
	FLAG_RETENTION_TIME,
	FLAG_RETENTION_SIZE,
	FLAG_MEMORY,
	FLAG_FLUSH,
	FLAG_BLOCK,
	FLAG_QUERY_TIMEOUT,
	FLAG_QUERY_LOOKBACK,
	FLAG_QUERY_SAMPLES,
	FLAG_RESEND,
	FLAG_GRACE,
	FLAG_TOLERANCE,
	FLAG_LOG_LEVEL,
	FLAG_LOG_FORMAT,
	FLAG_HELP,
};

/* One row a flag: what getopt reads and what --help shows. */
static const struct {
	const char *name, *value;
	enum flag flag;
	const char *help;
} flags[] = {
	{ "config.file", "FILE", FLAG_CONFIG,
		"settings: keys of prometheus.yml, alertmanager.yml and tolld's own; may be given\n"
		"several times (default " DAEMON_DEFAULT_CONFIG ", or built-in settings)" },
	{ "storage.path", "DIR", FLAG_STORAGE,
		"where state is kept over a restart (default " DAEMON_DEFAULT_STORAGE ")" },
	{ "storage.retention.time", "DURATION", FLAG_RETENTION_TIME,
		"how long samples are kept (default 15d)" },
	{ "storage.retention.size", "SIZE", FLAG_RETENTION_SIZE,
		"what they may take on the disk, as 1GB or 64MB (default 512MB)" },
	{ "storage.memory-limit", "SIZE", FLAG_MEMORY,
		"what they may take in memory (default 48MB)" },
	{ "storage.flush-interval", "DURATION", FLAG_FLUSH,
		"how often they are written: what a power cut may cost (default 1m)" },
	{ "storage.block-interval", "DURATION", FLAG_BLOCK,
		"how long they gather in memory before they go into a file that lasts (default 1h)" },
	{ "storage.tsdb.path", "DIR", FLAG_STORAGE, "the same as --storage.path" },
	{ "storage.tsdb.retention.time", "DURATION", FLAG_RETENTION_TIME,
		"the same as --storage.retention.time" },
	{ "storage.tsdb.retention.size", "SIZE", FLAG_RETENTION_SIZE,
		"the same as --storage.retention.size" },
	{ "query.timeout", "DURATION", FLAG_QUERY_TIMEOUT,
		"how long a query may take (default 2m; a rule has 5s)" },
	{ "query.lookback-delta", "DURATION", FLAG_QUERY_LOOKBACK,
		"how old a sample may be that queries and rules see (default 5m)" },
	{ "query.max-samples", "N", FLAG_QUERY_SAMPLES,
		"how many samples one of them may read (default 5000000)" },
	{ "rules.alert.resend-delay", "DURATION", FLAG_RESEND,
		"what fires is told again after more than this (default 1m)" },
	{ "rules.alert.for-grace-period", "DURATION", FLAG_GRACE,
		"after a reboot an alert goes on to wait only with a 'for' of at least this, and no\n"
		"less than this is left of it (default 10m)" },
	{ "rules.alert.for-outage-tolerance", "DURATION", FLAG_TOLERANCE,
		"and only where it was seen so shortly before (default 1h)" },
	{ "web.listen-address", "HOST:PORT", FLAG_LISTEN,
		"may be given several times (default 127.0.0.1:9090 and 127.0.0.1:9093)" },
	{ "web.external-url", "URL", FLAG_EXTERNAL_URL,
		"what links in mails point to (default http://HOSTNAME:PORT of the first)" },
	{ "web.route-prefix", "PATH", FLAG_ROUTE_PREFIX,
		"what all paths may begin with (default the path of --web.external-url)" },
	{ "web.cors.origin", "REGEX", FLAG_CORS_ORIGIN,
		"pages of these origins may read and change things (default: all may read)" },
	{ "web.enable-lifecycle", NULL, FLAG_LIFECYCLE, "allow a reload by POST /-/reload" },
	{ "web.enable-remote-write-receiver", NULL, FLAG_REMOTE_WRITE,
		"take samples of others by POST /api/v1/write" },
	{ "enable-feature", "NAME", FLAG_FEATURE,
		"classic-mode or utf8-strict-mode: one syntax of matchers instead of both" },
	{ "watch.backend", "NAME", FLAG_BACKEND, "auto, kernel, pidfd or poll (default auto)" },
	{ "watch.bpffs", "DIR", FLAG_BPFFS,
		"where maps are pinned for bpftool; empty: nowhere (default /sys/fs/bpf/tolld)" },
	{ "watch.btf", "FILE", FLAG_BTF,
		"types of the running kernel (BTF), for the backend kernel where it has none of its\n"
		"own (default: its own)" },
	{ "user", "NAME", FLAG_USER,
		"whom root becomes once all is attached and bound; root: nobody else\n"
		"(default " DAEMON_DEFAULT_USER ", where /etc/passwd has that user)" },
	{ "log.level", "LEVEL", FLAG_LOG_LEVEL, "error, warn, info or debug (default info)" },
	{ "log.format", "FORMAT", FLAG_LOG_FORMAT,
		"auto, journal, logfmt or json (default auto: the journal under systemd)" },
	{ "help", NULL, FLAG_HELP, "show this" },
};

#define MAX_REPEATED 64

struct arguments {
	struct daemon_options options;
	const char *files[MAX_REPEATED];
	const char *listen[MAX_REPEATED];
	enum log_level level;
	enum log_format format;
	bool help;
};

static void usage(FILE *to)
{
	fprintf(to, "usage: tolld run [FLAG...]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		const char *line = flags[i].help, *end;

		fprintf(to, "  --%s%s%s\n", flags[i].name, flags[i].value ? " " : "",
			flags[i].value ? flags[i].value : "");
		for (; *line; line = *end ? end + 1 : end) {
			end = strchrnul(line, '\n');
			fprintf(to, "        %.*s\n", (int)(end - line), line);
		}
	}
}

static int wrong(const char *flag, const char *value, const char *cure)
{
	fprintf(stderr, "tolld run: --%s %s: %s\n", flag, value, cure);
	return -EINVAL;
}

static int parse_backend(const char *value, enum watch_backend *ret)
{
	static const char *const names[] = {
		[WATCH_AUTO] = "auto",
		[WATCH_KERNEL] = "kernel",
		[WATCH_PIDFD] = "pidfd",
		[WATCH_POLL] = "poll",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (streq(value, names[i])) {
			*ret = (enum watch_backend)i;
			return 0;
		}
	}
	return wrong("watch.backend", value, "it is one of auto, kernel, pidfd, poll");
}

/* As the key of the same name in a file; at most `max`, which is what this machine can address. */
static int parse_size(const char *flag, const char *value, uint64_t max, uint64_t *ret)
{
	int64_t n;
	int err = config_size_parse(value, &n);

	if (err == -ERANGE || (!err && (uint64_t)n > max))
		return wrong(flag, value, "that is more than this machine can have");
	if (err || !n)
		return wrong(flag, value, "write it as 48MB, 512KB or 1GB");
	*ret = (uint64_t)n;
	return 0;
}

static int parse_memory(const char *flag, const char *value, size_t *ret)
{
	uint64_t bytes;
	int err = parse_size(flag, value, SIZE_MAX, &bytes);

	if (!err)
		*ret = (size_t)bytes;
	return err;
}

static int parse_feature(const char *value)
{
	char error[100];

	return feature_enable(value, error, sizeof(error)) ? wrong("enable-feature", value, error)
							   : 0;
}

static int parse_duration(const char *flag, const char *value, int64_t *ret_ms)
{
	if (duration_parse(value, strlen(value), ret_ms))
		return wrong(flag, value, "write it as 1d, 12h or 90m");
	return *ret_ms > 0 ? 0 : wrong(flag, value, "it has to be longer than 0");
}

/* Where 0 is a value, too, which the daemon knows as one below that. */
static int parse_duration_or_none(const char *flag, const char *value, int64_t *ret_ms)
{
	if (duration_parse(value, strlen(value), ret_ms) || *ret_ms < 0)
		return wrong(flag, value, "write it as 1h, 10m or 0s");
	*ret_ms = *ret_ms ? *ret_ms : -1;
	return 0;
}

static int parse_count(const char *flag, const char *value, size_t *ret)
{
	int64_t n;

	if (num_parse_int(value, 1, INT32_MAX, &n))
		return wrong(flag, value, "it is a number above 0");
	*ret = (size_t)n;
	return 0;
}

static int check_regex(const char *flag, const char *value)
{
	scoped(regex_freep) struct regex *regex = NULL;
	char error[200];

	if (!regex_new(value, &regex, error, sizeof(error)))
		return 0;
	return wrong(flag, value, error);
}

static int check_url(const char *flag, const char *value)
{
	const char *host = strstr(value, "://");

	if (!starts_with(value, "http://") && !starts_with(value, "https://"))
		return wrong(flag, value, "it begins with http:// or https://");
	host += strlen("://");
	if (!*host || *host == '/' || *host == ':' || strpbrk(host, " \t\r\n\"<>"))
		return wrong(flag, value, "write it as http://myhost:9090 or https://myhost/tolld");
	return 0;
}

static int check_address(const char *flag, const char *value)
{
	if (listen_is_address(value))
		return 0;
	return wrong(flag, value, "write it as HOST:PORT, [IPv6]:PORT or :PORT, the port a number");
}

static int add_repeated(const char *flag, const char **list, size_t *n, const char *value)
{
	if (*n == MAX_REPEATED)
		return wrong(flag, value, "given too often");
	list[(*n)++] = value;
	return 0;
}

/* How long, how much and how often. */
static int take_limit(struct daemon_options *o, enum flag flag, const char *value)
{
	switch (flag) {
	case FLAG_RETENTION_TIME:
		return parse_duration("storage.retention.time", value, &o->retention_ms);
	case FLAG_RETENTION_SIZE:
		return parse_size("storage.retention.size", value, UINT64_MAX, &o->retention_bytes);
	case FLAG_MEMORY:
		return parse_memory("storage.memory-limit", value, &o->memory_bytes);
	case FLAG_FLUSH:
		return parse_duration("storage.flush-interval", value, &o->flush_ms);
	case FLAG_BLOCK:
		return parse_duration("storage.block-interval", value, &o->block_ms);
	case FLAG_QUERY_TIMEOUT:
		return parse_duration("query.timeout", value, &o->query_timeout_ms);
	case FLAG_QUERY_LOOKBACK:
		return parse_duration("query.lookback-delta", value, &o->query_lookback_ms);
	case FLAG_QUERY_SAMPLES:
		return parse_count("query.max-samples", value, &o->query_max_samples);
	case FLAG_RESEND:
		return parse_duration_or_none(
			"rules.alert.resend-delay", value, &o->resend_delay_ms);
	case FLAG_GRACE:
		return parse_duration_or_none(
			"rules.alert.for-grace-period", value, &o->grace_period_ms);
	case FLAG_TOLERANCE:
		return parse_duration_or_none(
			"rules.alert.for-outage-tolerance", value, &o->outage_tolerance_ms);
	default:
		return -EINVAL;
	}
}

/* Where an empty value is somebody's variable that is not set. */
static int take_path(const char *flag, const char *value, const char **ret)
{
	if (!*value)
		return wrong(flag, "''", "it is a path");
	*ret = value;
	return 0;
}

static int take_flag(struct arguments *a, enum flag flag, const char *value)
{
	struct daemon_options *o = &a->options;

	switch (flag) {
	case FLAG_CONFIG:
		if (take_path("config.file", value, &value))
			return -EINVAL;
		return add_repeated("config.file", a->files, &o->n_config_files, value);
	case FLAG_LISTEN:
		if (check_address("web.listen-address", value))
			return -EINVAL;
		return add_repeated("web.listen-address", a->listen, &o->n_listen, value);
	case FLAG_STORAGE:
		return take_path("storage.path", value, &o->storage_path);
	case FLAG_EXTERNAL_URL:
		o->external_url = value;
		return check_url("web.external-url", value);
	case FLAG_ROUTE_PREFIX:
		if (*value != '/')
			return wrong("web.route-prefix", value, "it begins with a slash");
		o->route_prefix = value;
		return 0;
	case FLAG_CORS_ORIGIN:
		o->cors_origin = value;
		return check_regex("web.cors.origin", value);
	case FLAG_LIFECYCLE:
		o->enable_lifecycle = true;
		return 0;
	case FLAG_REMOTE_WRITE:
		o->enable_remote_write = true;
		return 0;
	case FLAG_FEATURE:
		return parse_feature(value);
	case FLAG_BACKEND:
		return parse_backend(value, &o->backend);
	case FLAG_BPFFS:
		o->bpffs_dir = value;
		return 0;
	case FLAG_BTF:
		return take_path("watch.btf", value, &o->btf_file);
	case FLAG_USER:
		o->user = value;
		return 0;
	case FLAG_LOG_LEVEL:
		if (log_level_parse(value, &a->level))
			return wrong("log.level", value, "it is one of error, warn, info, debug");
		return 0;
	case FLAG_LOG_FORMAT:
		if (log_format_parse(value, &a->format))
			return wrong(
				"log.format", value, "it is one of auto, journal, logfmt, json");
		return 0;
	case FLAG_HELP:
		a->help = true;
		return 0;
	default:
		return take_limit(&a->options, flag, value);
	}
}

static int parse(int argc, char **argv, struct arguments *a)
{
	struct option table[ARRAY_SIZE(flags) + 1] = { 0 };
	int c;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		table[i] = (struct option){ .name = flags[i].name,
			.has_arg = flags[i].value ? required_argument : no_argument,
			.val = (int)flags[i].flag };
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == '?' || take_flag(a, (enum flag)c, optarg))
			return -EINVAL;
	}
	if (optind < argc) {
		fprintf(stderr,
			"tolld run: '%s' is not a flag; settings are named with "
			"--config.file\n",
			argv[optind]);
		return -EINVAL;
	}
	return 0;
}

int cmd_run(int argc, char **argv)
{
	static const char *const default_listen[] = { "127.0.0.1:9090", "127.0.0.1:9093" };
	struct arguments a = { .level = LOG_LEVEL_INFO };

	if (parse(argc, argv, &a)) {
		fprintf(stderr, "see tolld run --help\n");
		return EXIT_USAGE;
	}
	if (a.help) {
		usage(stdout);
		return 0;
	}
	a.options.config_files = a.files;
	a.options.listen = a.listen;
	if (!a.options.n_listen) {
		a.options.listen = default_listen;
		a.options.n_listen = ARRAY_SIZE(default_listen);
		a.options.listen_is_default = true;
	}
	log_init(a.format, a.level);
	return daemon_run(&a.options);
}
