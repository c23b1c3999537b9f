/*
 * reader.h - what the readers of the sections share: the run, and values out of nodes.
 *
 * A reader never stops at a fault: it tells it and goes on. Memory running out is remembered in
 * `err`; config_load() looks there at the end.
 */
#ifndef TOLLD_CONFIG_READER_H
#define TOLLD_CONFIG_READER_H

#include "base/map.h"
#include "config/config.h"
#include "config/tree.h"

/* A settings file. */
struct reader_file {
	struct source *source;	/* borrowed from the configuration */
	struct tree_node *root; /* NULL: empty, or broken */
};

/* `global` of all files: what the configuration keeps, and what is only handed down while reading. */
struct reader_global {
	struct config_global c;
	int64_t rule_query_offset_ms;
	int64_t body_size_limit_bytes;
	int64_t sample_limit;
	struct config_limits limits;
	bool extra_scrape_metrics;
	struct config_text validation, escaping; /* of metric names */
	struct config_protocols protocols;
	struct config_client client; /* http_config */
	struct pos client_pos;
	bool client_unserved; /* it has more than is served */
	int smtp_force_implicit_tls;
	char *smtp_host; /* smtp_smarthost taken apart; NULL where it is not set, or wrong */
	unsigned smtp_port;
};

/* What is known of a receiver beside its struct: lists that are read when it is known whether it is reached. */
struct reader_receiver {
	const struct tree_pair **lists;
	size_t n_lists, cap_lists;
	bool reached;
};

/* A use of a name that some file must define: kept until all files are read. */
struct reader_use {
	const char *name;
	struct pos pos;
};

struct reader {
	struct config *config;
	struct diag *diag;
	int err;	    /* 0 or -ENOMEM */
	bool broken;	    /* a file could not be read: what is missing may stand there */
	struct arena trees; /* nodes, and whatever else only the run needs */
	struct reader_file *files;
	size_t n_files, cap_files;
	struct reader_global global;
	const struct tree_node *global_node; /* all files' keys of `global`, merged */
	struct reader_receiver *receivers;   /* one for each of the configuration's */
	size_t n_receivers, cap_receivers;
	struct reader_use *receiver_uses, *interval_uses;
	size_t n_receiver_uses, cap_receiver_uses, n_interval_uses, cap_interval_uses;
	const struct tree_node
		*route; /* the first file's route, and the first sign that one is needed */
	struct pos needs_route;
	struct map read_files;	   /* paths of rule and scrape files that were read */
	struct map jobs;	   /* the nodes of job_name, by what they say */
	struct map receiver_names; /* indexes among the receivers, from 1 */
	/* What is read does no harm where it is not served: that is counted and not told. */
	bool unreached;
	size_t n_unserved;
};

/* Remembers that memory is out; returns NULL. */
void *reader_no_memory(struct reader *r);
/* arena_alloc() in the configuration, remembered when it fails. */
void *reader_alloc(struct reader *r, size_t bytes);

/*
 * Reads a file whole into a source of the configuration. False, with a diagnostic at `pos` where it
 * cannot be read or is too large.
 */
bool reader_open(struct reader *r, const char *path, struct pos pos, struct source **ret);
bool reader_add_source(struct reader *r, struct source *source);
/* Hides what looks like a secret, before anything can be said about the file. */
void reader_hide_secrets(struct source *source);
/* The same when it is known what the file says; `root` is NULL where it is no YAML. */
void reader_hide_rest(struct source *source, const struct tree_node *root);
/* Whether the name of a key says, or may be meant to say, that its value is a secret. */
bool reader_is_secret_key(const char *key);
/* Hides a value that is a secret, or was meant to hold one; of what is no text, its first line. */
void reader_hide(const struct tree_node *value);
/* `path` as seen from the file in which it stands; the configuration's. NULL when memory is out. */
char *reader_path(struct reader *r, const struct tree_node *node);
/*
 * Calls fn for each file that a list of patterns names, relative to the file with the list, each
 * file once in a run. `what` is for sentences: "rule file".
 */
void reader_each_file(struct reader *r, const struct tree_pair *pair, const char *what,
	void (*fn)(struct reader *r, const char *path, struct pos pos));

/* A node's text, copied. False and told where it is no text; null reads as "". */
bool reader_text(struct reader *r, const struct tree_pair *pair, struct config_text *ret);
bool reader_item_text(
	struct reader *r, const char *name, const struct tree_node *item, struct config_text *ret);
/* Whether YAML 1.1 has a scalar for a truth value, and which. */
bool reader_truth(const struct tree_node *value, bool *ret);
bool reader_bool(struct reader *r, const struct tree_pair *pair, bool *ret);
/* Whether YAML 1.1 has a scalar for a whole number from `min` on, and which. */
bool reader_number(const struct tree_node *value, int64_t min, int64_t *ret);
bool reader_duration(struct reader *r, const struct tree_pair *pair, int64_t *ret_ms);
bool reader_int(struct reader *r, const struct tree_pair *pair, int64_t min, int64_t *ret);
bool reader_size(struct reader *r, const struct tree_pair *pair, int64_t *ret_bytes);
bool reader_pairs(struct reader *r, const struct tree_pair *pair, struct config_pairs *ret);
/* Tells that a setting is not served, or only counts it, as `unreached` has it. */
void reader_tell_unserved(struct reader *r, struct pos pos, const char *key);
/* A list, told where it is none; null is an empty one. The number of items. */
size_t reader_list(struct reader *r, const struct tree_pair *pair);

/* Whether the text is set and not empty. */
static inline bool text_set(const struct config_text *text)
{
	return text->s && *text->s;
}

/* The sections. Each takes the pair of its key; `out` is unused where it belongs to the whole. */
void config_read_global(struct reader *r);
void config_read_scrapes(struct reader *r, const struct tree_pair *pair, void *out);
/* scrape_protocols, into *ret; told where nothing of it could be asked for. */
void config_read_protocols(
	struct reader *r, const struct tree_pair *pair, struct config_protocols *ret);
void config_read_scrape_files(struct reader *r, const struct tree_pair *pair, void *out);
void config_read_rule_files(struct reader *r, const struct tree_pair *pair, void *out);
void config_read_rule_source(struct reader *r, struct source *source);
void config_read_alerting(struct reader *r, const struct tree_pair *pair, void *out);
void config_read_route(struct reader *r, const struct tree_pair *pair, void *out);
void config_read_receivers(struct reader *r, const struct tree_pair *pair, void *out);
void config_read_inhibit(struct reader *r, const struct tree_pair *pair, void *out);
void config_read_intervals(struct reader *r, const struct tree_pair *pair, void *out);
void config_read_templates(struct reader *r, const struct tree_pair *pair, void *out);
void config_read_watch(struct reader *r, const struct tree_pair *pair, void *out);
/* After all files: names that nobody defines, receivers that are reached, a route that is missing. */
void config_check_route(struct reader *r);
void config_check_receivers(struct reader *r);

#endif
