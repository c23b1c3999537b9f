/*
 * log.h - one entry of the log: a sentence for people, fields for journalctl.
 *
 * Goes to the journal as fields of their own (TOLLD_SERVICE=, TOLLD_ALERT=, ...), or to stderr as
 * logfmt or JSON. Nobody below the daemon logs above debug level: modules report, the daemon tells.
 * Everything is escaped here; secrets must not be handed over.
 */
#ifndef TOLLD_BASE_LOG_H
#define TOLLD_BASE_LOG_H

#include "base/util.h"

/* The values are syslog's priorities. */
enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };
/* AUTO: the journal where stderr is connected to it, logfmt elsewhere. */
enum log_format { LOG_AUTO, LOG_JOURNAL, LOG_LOGFMT, LOG_JSON };

/* One field: a lower-case name such as "service", and its value; a NULL value leaves it out. */
struct log_field {
	const char *name;
	const char *value;
};

void log_init(enum log_format format, enum log_level most);
/* "error", "warn", "info", "debug" and "auto", "journal", "logfmt", "json"; -EINVAL for others. */
int log_level_parse(const char *text, enum log_level *ret);
int log_format_parse(const char *text, enum log_format *ret);
bool log_wants(enum log_level level);

/*
 * `message_id` is the catalogue's 128-bit id in hex, or NULL. `fields` ends with a NULL name and
 * may be NULL.
 */
void log_event(enum log_level level, const char *message_id, const struct log_field *fields,
	const char *fmt, ...) PRINTF_LIKE(4, 5);

#define log_error(...) log_event(LOG_LEVEL_ERROR, NULL, NULL, __VA_ARGS__)
#define log_warn(...)  log_event(LOG_LEVEL_WARN, NULL, NULL, __VA_ARGS__)
#define log_info(...)  log_event(LOG_LEVEL_INFO, NULL, NULL, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_wants(LOG_LEVEL_DEBUG))                                                    \
			log_event(LOG_LEVEL_DEBUG, NULL, NULL, __VA_ARGS__);                       \
	} while (0)

#endif
