/*
 * labels.h - a label set: names and values, sorted by name, immutable, counted.
 *
 * Names and values are interned (intern.h), so two of one set or of two sets are equal when their
 * pointers are. A label with an empty value is the same as no label and is never stored.
 */
#ifndef TOLLD_MODEL_LABELS_H
#define TOLLD_MODEL_LABELS_H

#include "base/strbuf.h"
#include "base/util.h"

#define LABEL_NAME	"__name__"
#define LABEL_ALERTNAME "alertname"
#define LABEL_INSTANCE	"instance"
#define LABEL_JOB	"job"

struct label {
	const char *name;
	const char *value;
};

struct labels {
	unsigned refs;
	unsigned n;
	uint64_t hash;	  /* 0 until labels_fingerprint() was asked */
	struct label v[]; /* sorted by name, as bytes */
};

struct labels *labels_ref(const struct labels *labels);
void labels_unref(struct labels *labels);

static inline void labels_unrefp(struct labels **p)
{
	labels_unref(*p);
}

/* The set without labels; with a reference. */
struct labels *labels_empty(void);
/*
 * From n pairs of plain text in any order; of two with one name the later wins. For tests and
 * small fixed sets. NULL when memory is out.
 */
struct labels *labels_new(size_t n, const char *const pairs[][2]);

/* Those that keep() wants, as a set of the caller's. -ENOMEM. */
typedef bool labels_keep_fn(const struct label *label, const void *userdata);
int labels_filter(const struct labels *labels, labels_keep_fn *keep, const void *userdata,
	struct labels **ret);

/* The value, or NULL. */
const char *labels_get(const struct labels *labels, const char *name);
/* The same for an interned name: compares pointers. */
const char *labels_get_interned(const struct labels *labels, const char *name);

bool labels_equal(const struct labels *a, const struct labels *b);
/* By name, then value, label by label, as Prometheus sorts series. */
int labels_compare(const struct labels *a, const struct labels *b);
/*
 * The order in which Alertmanager lists alerts and groups (LabelSet.Before): fewer labels first;
 * among as many, whoever lacks the first name that they do not share, then by value.
 */
int labels_compare_sets(const struct labels *a, const struct labels *b);
/*
 * FNV-1a 64 over name \xff value \xff in order: the fingerprint that Alertmanager shows. Taken over
 * all labels, __name__ included.
 */
uint64_t labels_fingerprint(const struct labels *labels);
/* {a="1", b="2"} with values in quotes; a metric name stands before the brace: up{job="x"}. */
void labels_format(const struct labels *labels, struct strbuf *out);

/*
 * A set in the making. Setting a name again replaces its value; setting "" removes it. Errors
 * (memory) are remembered and come out of labels_build(). Fine on the stack.
 */
struct labels_builder {
	struct label *v; /* interned, each with a reference */
	size_t n, cap;
	int err;
	bool unsorted;
	bool keeps_empty;
};

#define LABELS_BUILDER_INIT ((struct labels_builder){ 0 })
/* Of annotations, which may be empty: none is removed by "" until the set is built. */
#define ANNOTATIONS_BUILDER_INIT ((struct labels_builder){ .keeps_empty = true })

void labels_builder_release(struct labels_builder *b);
/* Adds all labels of a set. */
void labels_builder_add(struct labels_builder *b, const struct labels *labels);
void labels_builder_set(struct labels_builder *b, const char *name, const char *value);
void labels_builder_setn(struct labels_builder *b, const char *name, size_t name_len,
	const char *value, size_t value_len);
/* Names and values of a set that was read, in any order: the same as setting each. */
struct label_text {
	const char *name, *value;
	size_t name_len, value_len;
};
void labels_builder_set_all(struct labels_builder *b, const struct label_text *texts, size_t n);
void labels_builder_del(struct labels_builder *b, const char *name);
const char *labels_builder_get(const struct labels_builder *b, const char *name);
/* 0 and a new set of the caller's; the builder is empty afterwards. -ENOMEM. */
int labels_build(struct labels_builder *b, struct labels **ret);

/* [a-zA-Z_][a-zA-Z0-9_]* */
bool label_name_valid_classic(const char *name, size_t len);
/* [a-zA-Z_:][a-zA-Z0-9_:]* */
bool metric_name_valid_classic(const char *name, size_t len);

#endif
