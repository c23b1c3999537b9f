/*
 * api.h - what tolld answers over HTTP: Prometheus's v1, its own metrics, the services, a page.
 *
 * libmicrohttpd on the event loop, no thread of its own. It reads the other modules and changes
 * nothing but what a client may ask for: a reload. What is served stands in route.c's table; the
 * shapes are Prometheus's (web/api/v1/api.go), and for /api/v1/services those of services.c.
 *
 * Its sources on the loop have lower priority than SD_EVENT_PRIORITY_NORMAL: whatever watches and
 * alerts goes first. A long range query is carried out in turns of some 10 ms.
 */
#ifndef TOLLD_API_API_H
#define TOLLD_API_API_H

#include <systemd/sd-event.h>
#include "deliver/forward.h"
#include "notify/notify.h"
#include "rules/rules.h"
#include "scrape/scrape.h"
#include "store/store.h"
#include "watch/history.h"

struct api;

/* How the daemon fares, for status/runtimeinfo. */
struct api_runtime {
	bool reload_ok;
	int64_t config_wall_ms; /* when the settings in force were taken */
	int64_t failed_wall_ms; /* when the last reload failed, where it did */
	uint64_t damaged_files; /* files of samples that were set aside, or could not be read */
	/* Adds how long and how much samples are kept: "15d or 512MiB". */
	void (*retention)(struct strbuf *out, void *userdata);
};

typedef void api_flag_fn(const char *name, const char *value, void *userdata);

/* Which entries of the log of notifications are asked for. */
struct api_notices_ask {
	const char *receiver, *alert, *outcome; /* NULL: whichever */
	int64_t since_wall_ms, until_wall_ms;	/* both included */
	int64_t first, end;			/* ids, `end` excluded */
};

/* `members`: the entry as JSON without its braces. False: enough. */
typedef bool api_notice_fn(int64_t id, const char *members, void *to);

/* Where the answers come from; all are borrowed and must outlive the server. NULL is "not there". */
struct api_sources {
	struct tsdb *db;
	struct scrape *scrape;
	struct rules *rules;
	struct notify *notify;
	struct forward *forward;
	struct watch *watch;
	struct history *history;
	struct store *store;
	/*
	 * The log of notifications, the newest first; it reads the disk, so ids are asked for a few hundred
	 * at a time. Those there may be are from *ret_first up to *ret_end, excluded.
	 */
	int (*notices)(
		const struct api_notices_ask *asked, api_notice_fn *fn, void *to, void *userdata);
	void (*notices_span)(int64_t *ret_first, int64_t *ret_end, void *userdata);
	/* Reloads the settings: 0, or a negative errno with the faults as text in `error`. */
	int (*reload)(struct strbuf *error, void *userdata);
	bool (*ready)(void *userdata);
	/* The settings in force, until the next reload. */
	const struct config *(*config)(void *userdata);
	/* What a subquery without a step takes: evaluation_interval. NULL: one minute. */
	int64_t (*default_step_ms)(void *userdata);
	void (*runtime)(struct api_runtime *ret, void *userdata);
	/* Calls put() for each flag with its value in force. */
	void (*flags)(api_flag_fn *put, void *to, void *userdata);
	/* Adds the daemon's own counters to /metrics, in the text format. */
	void (*metrics)(struct strbuf *out, void *userdata);
	void *userdata;
	int64_t started_wall_ms;
};

#define API_QUERY_TIMEOUT_MS (2 * 60 * 1000)

struct api_options {
	bool enable_lifecycle;	  /* allows POST /-/reload */
	bool enable_remote_write; /* takes samples by POST /api/v1/write */
	/* Pages of these origins may read and change; NULL: all may read, and only our own change. */
	const char *cors_origin;
	/* Where others reach it, and names that are our own; either may be NULL. */
	const char *external_url, *hostname;
	const char *route_prefix;  /* of all paths; NULL: the path of external_url */
	unsigned max_connections;  /* 0: 64 */
	int64_t query_timeout_ms;  /* 0: two minutes */
	int64_t query_lookback_ms; /* 0: five minutes */
	size_t query_max_samples;  /* 0: what PromQL takes by itself */
};

/* What the options name must outlive it. -EINVAL where cors_origin is no expression. */
int api_new(sd_event *event, const struct api_options *options, const struct api_sources *sources,
	struct api **ret);
/*
 * The socket that api_serve() takes, for HOST:PORT, [V6]:PORT or :PORT: a process that gives up its rights
 * binds before. error[] tells what is wrong and what helps. -EINVAL, -EADDRINUSE, -EACCES ...
 */
int api_bind(const char *address, int *ret_fd, char *error, size_t error_size);
/* Answers those who connect to the socket, which is taken in any case; may be called again for another one. */
int api_serve(struct api *api, int fd, char *error, size_t error_size);
/* The port of the i-th address listened on, which matters where port 0 was asked for; 0: no such. */
unsigned api_port(const struct api *api, size_t i);
/* Answers what is under way with 503 and closes. */
void api_free(struct api *api);
DEFINE_FREEP(api)

#endif
