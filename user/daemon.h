/*
 * daemon.h - tolld as a running service: everything made, wired, run until told to end.
 */
#ifndef TOLLD_DAEMON_H
#define TOLLD_DAEMON_H

#include "watch/watch.h"

struct daemon_options {
	const char *const *config_files; /* none: the default file, or built-in defaults */
	size_t n_config_files;
	const char *storage_path; /* NULL: the default one, memory where that fails */
	const char *const *listen;
	size_t n_listen;
	bool listen_is_default;	  /* then an address in use is only a warning */
	const char *external_url; /* NULL: this host at the first port of `listen` */
	const char *route_prefix; /* NULL: the path of external_url */
	const char *cors_origin;  /* NULL: pages of all origins may read, and change nothing */
	const char *bpffs_dir;	  /* NULL: /sys/fs/bpf/tolld */
	const char *btf_file;	  /* types of the kernel; NULL: its own */
	const char *user;	  /* whom root becomes; NULL: tolld, where there is that user */
	enum watch_backend backend;
	bool enable_lifecycle, enable_remote_write;
	/* Of samples; 0: the default. */
	int64_t retention_ms;
	uint64_t retention_bytes;
	size_t memory_bytes;
	int64_t flush_ms, block_ms;
	/* Of queries, and of what rules ask; 0: the default. */
	int64_t query_timeout_ms, query_lookback_ms;
	size_t query_max_samples;
	/* Of rules; 0: the default, and below that none. */
	int64_t resend_delay_ms, grace_period_ms, outage_tolerance_ms;
};

#define DAEMON_DEFAULT_CONFIG  "/etc/tolld/tolld.yml"
#define DAEMON_DEFAULT_STORAGE "/var/lib/tolld"
#define DAEMON_DEFAULT_USER    "tolld"
/* 15 days, as Prometheus. */
#define DAEMON_DEFAULT_RETENTION_MS (15 * 24 * 3600 * 1000ll)

/* Runs until SIGTERM or SIGINT. Returns an exit status; what went wrong was told in the log. */
int daemon_run(const struct daemon_options *options);

#endif
