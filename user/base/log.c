/*
 * log.c - writes the log: the journal's native protocol, logfmt, or JSON lines.
 */
#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include "base/clock.h"
#include "base/escape.h"

#define MAX_FIELDS 24
#define MAX_ENTRY  ((size_t)64 << 10)

static enum log_format log_format = LOG_LOGFMT;
static enum log_level log_most = LOG_LEVEL_INFO;

/* JOURNAL_STREAM names the device and inode of the journal's socket; stderr may be another by now. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_init(enum log_format format, enum log_level most)
{
	if (format == LOG_AUTO)
		format = stderr_is_journal() ? LOG_JOURNAL : LOG_LOGFMT;
	log_format = format;
	log_most = most;
}

static const struct {
	const char *name;
	enum log_level level;
} levels[] = {
	{ "error", LOG_LEVEL_ERROR },
	{ "warn", LOG_LEVEL_WARN },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
};

static const struct {
	const char *name;
	enum log_format format;
} formats[] = {
	{ "auto", LOG_AUTO },
	{ "journal", LOG_JOURNAL },
	{ "logfmt", LOG_LOGFMT },
	{ "json", LOG_JSON },
};

int log_level_parse(const char *text, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (streq(text, levels[i].name)) {
			*ret = levels[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

int log_format_parse(const char *text, enum log_format *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (streq(text, formats[i].name)) {
			*ret = formats[i].format;
			return 0;
		}
	}
	return -EINVAL;
}

bool log_wants(enum log_level level)
{
	return level <= log_most;
}

static const char *level_name(enum log_level level)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (levels[i].level == level)
			return levels[i].name;
	}
	return "info";
}

static void write_all(const struct strbuf *line)
{
	size_t done = 0;
	ssize_t n;

	while (done < line->len) {
		n = write(STDERR_FILENO, line->s + done, line->len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		done += (size_t)n;
	}
}

static void to_journal(enum log_level level, const char *message_id, const struct log_field *fields,
	const struct strbuf *message)
{
	struct iovec iov[MAX_FIELDS + 4];
	struct strbuf text[MAX_FIELDS + 4];
	int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(text); i++)
		strbuf_init(&text[i], MAX_ENTRY);
	strbuf_adds(&text[n], "MESSAGE=");
	strbuf_add(&text[n++], message->s, message->len);
	strbuf_addf(&text[n++], "PRIORITY=%d", (int)level);
	strbuf_adds(&text[n++], "SYSLOG_IDENTIFIER=tolld");
	if (message_id)
		strbuf_addf(&text[n++], "MESSAGE_ID=%s", message_id);
	for (; fields && fields->name && n < (int)ARRAY_SIZE(text); fields++) {
		if (!fields->value)
			continue;
		strbuf_adds(&text[n], "TOLLD_");
		for (const char *p = fields->name; *p; p++)
			strbuf_addch(&text[n], (char)toupper((unsigned char)*p));
		strbuf_addch(&text[n], '=');
		escape_terminal(&text[n++], fields->value, strlen(fields->value));
	}
	for (int i = 0; i < n; i++)
		iov[i] = (struct iovec){ .iov_base = text[i].s, .iov_len = text[i].len };
	sd_journal_sendv(iov, n);
	for (size_t i = 0; i < ARRAY_SIZE(text); i++)
		strbuf_release(&text[i]);
}

static void add_time(struct strbuf *out)
{
	int64_t now_ms = clock_system_ms();
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm tm;
	char text[40];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	strbuf_addf(out, "%s.%03dZ", text, (int)(now_ms % 1000));
}

static bool needs_quotes(const char *s)
{
	if (!*s)
		return true;
	for (; *s; s++) {
		if ((unsigned char)*s <= ' ' || *s == '"' || *s == '=' || *s == '\\' ||
			(unsigned char)*s >= 0x7f)
			return true;
	}
	return false;
}

static void add_logfmt(struct strbuf *out, const char *name, const char *value)
{
	strbuf_addf(out, " %s=", name);
	if (!needs_quotes(value)) {
		strbuf_adds(out, value);
		return;
	}
	strbuf_addch(out, '"');
	escape_quoted(out, value, strlen(value));
	strbuf_addch(out, '"');
}

static void to_logfmt(
	enum log_level level, const struct log_field *fields, const struct strbuf *message)
{
	struct strbuf line;

	strbuf_init(&line, 2 * MAX_ENTRY);
	strbuf_adds(&line, "time=");
	add_time(&line);
	strbuf_addf(&line, " level=%s", level_name(level));
	add_logfmt(&line, "msg", message->s);
	for (; fields && fields->name; fields++) {
		if (fields->value)
			add_logfmt(&line, fields->name, fields->value);
	}
	strbuf_addch(&line, '\n');
	write_all(&line);
	strbuf_release(&line);
}

static void add_json(struct strbuf *out, const char *name, const char *value)
{
	strbuf_addf(out, ",\"%s\":\"", name);
	escape_json(out, value, strlen(value));
	strbuf_addch(out, '"');
}

static void to_json(
	enum log_level level, const struct log_field *fields, const struct strbuf *message)
{
	struct strbuf line;

	strbuf_init(&line, 2 * MAX_ENTRY);
	strbuf_adds(&line, "{\"time\":\"");
	add_time(&line);
	strbuf_addf(&line, "\",\"level\":\"%s\"", level_name(level));
	add_json(&line, "msg", message->s);
	for (; fields && fields->name; fields++) {
		if (fields->value)
			add_json(&line, fields->name, fields->value);
	}
	strbuf_adds(&line, "}\n");
	write_all(&line);
	strbuf_release(&line);
}

void log_event(enum log_level level, const char *message_id, const struct log_field *fields,
	const char *fmt, ...)
{
	struct strbuf raw, message;
	va_list args;

	if (!log_wants(level))
		return;
	strbuf_init(&raw, MAX_ENTRY);
	strbuf_init(&message, MAX_ENTRY);
	va_start(args, fmt);
	strbuf_vaddf(&raw, fmt, args);
	va_end(args);
	escape_terminal(&message, raw.s, raw.len);

	switch (log_format) {
	case LOG_JOURNAL:
		to_journal(level, message_id, fields, &message);
		break;
	case LOG_JSON:
		to_json(level, fields, &message);
		break;
	default:
		to_logfmt(level, fields, &message);
	}
	strbuf_release(&message);
	strbuf_release(&raw);
}
