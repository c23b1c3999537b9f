/*
 * schema.h - tables that say which keys a mapping may have, and a reader that fills a struct by them.
 *
 * A key of Prometheus's or Alertmanager's that tolld does not serve stands in the table all the same:
 * it is told by its name and its value is checked as far as its type goes. What is unknown gets the
 * nearest known key shown.
 */
#ifndef TOLLD_CONFIG_SCHEMA_H
#define TOLLD_CONFIG_SCHEMA_H

#include "config/reader.h"

enum schema_type {
	S_ANY,	    /* not looked into */
	S_TEXT,	    /* struct config_text */
	S_SECRET,   /* struct config_text that is never shown */
	S_BOOL,	    /* bool */
	S_TRISTATE, /* int: 0 or 1; the default of the struct stays where nothing is set */
	S_DURATION, /* int64_t, milliseconds */
	S_COUNT,    /* int64_t, not negative */
	S_INT,	    /* int64_t */
	S_SIZE,	    /* int64_t, bytes; "15MB" */
	S_PAIRS,    /* struct config_pairs */
	S_TEXTS,    /* a list of texts, only checked */
	S_MAP,	    /* a mapping with the table `sub`, read into the struct at the offset */
	S_LIST,	    /* a list of such mappings, only checked */
	S_CUSTOM,   /* `read` does it */
};

enum schema_state {
	S_SERVED,
	S_LATER,   /* without it other alerts or mails would come: an error */
	S_IGNORED, /* it only matters elsewhere: a warning */
	S_QUIET,   /* has no effect here and needs no word */
};

struct schema_key {
	const char *name;
	enum schema_type type;
	enum schema_state state;
	size_t offset;
	const struct schema *sub;
	/* S_LATER, S_IGNORED: why tolld will not serve it. NULL: it does not yet. */
	const char *why;
	/* The value is never an alias to nothing, but may be of any kind. `out` is the struct. */
	void (*read)(struct reader *r, const struct tree_pair *pair, void *out);
};

struct schema {
	const char *what; /* for sentences: "scrape_configs" */
	const struct schema_key *keys;
	size_t n;
	const struct schema *more; /* keys that several mappings share */
};

#define SCHEMA(what_, keys_, more_)                                                                \
	{                                                                                          \
		.what = (what_), .keys = (keys_), .n = ARRAY_SIZE(keys_), .more = (more_)          \
	}

/* Rows of a table. */
#define SERVED(name_, type_, struct_, field_)                                                      \
	{                                                                                          \
		.name = (name_), .type = (type_), .state = S_SERVED,                               \
		.offset = offsetof(struct_, field_)                                                \
	}
#define CUSTOM(name_, read_)                                                                       \
	{                                                                                          \
		.name = (name_), .type = S_CUSTOM, .state = S_SERVED, .read = (read_)              \
	}
#define LATER(name_, type_)                                                                        \
	{                                                                                          \
		.name = (name_), .type = (type_), .state = S_LATER                                 \
	}
#define IGNORED(name_, type_)                                                                      \
	{                                                                                          \
		.name = (name_), .type = (type_), .state = S_IGNORED                               \
	}
#define QUIET(name_, type_)                                                                        \
	{                                                                                          \
		.name = (name_), .type = (type_), .state = S_QUIET                                 \
	}
/* The same with a table of their own: S_MAP or S_LIST. */
#define LATER_IN(name_, type_, sub_)                                                               \
	{                                                                                          \
		.name = (name_), .type = (type_), .state = S_LATER, .sub = &(sub_)                 \
	}
#define IGNORED_IN(name_, type_, sub_)                                                             \
	{                                                                                          \
		.name = (name_), .type = (type_), .state = S_IGNORED, .sub = &(sub_)               \
	}
#define QUIET_IN(name_, type_, sub_)                                                               \
	{                                                                                          \
		.name = (name_), .type = (type_), .state = S_QUIET, .sub = &(sub_)                 \
	}

/* What tolld does without for good: refused, or ignored with one warning. `why` ends its sentence. */
#define REFUSED(name_, type_, why_)                                                                \
	{                                                                                          \
		.name = (name_), .type = (type_), .state = S_LATER, .why = (why_)                  \
	}
#define NEEDLESS(name_, type_, why_)                                                               \
	{                                                                                          \
		.name = (name_), .type = (type_), .state = S_IGNORED, .why = (why_)                \
	}
#define NEEDLESS_IN(name_, type_, sub_, why_)                                                      \
	{                                                                                          \
		.name = (name_), .type = (type_), .state = S_IGNORED, .sub = &(sub_),              \
		.why = (why_)                                                                      \
	}

/*
 * Reads a mapping into *out, which holds the defaults. Null reads as an empty mapping. All faults go
 * to the reader's diag. `out` may be NULL: then everything is only checked, and no key is called
 * not served, because whoever asks has told that of the whole.
 */
void schema_read(
	struct reader *r, const struct schema *schema, const struct tree_node *node, void *out);
/* One pair by its row: what schema_read() does for each key. */
void schema_read_pair(
	struct reader *r, const struct schema_key *key, const struct tree_pair *pair, void *out);
const struct schema_key *schema_find(const struct schema *schema, const char *name);

#endif
