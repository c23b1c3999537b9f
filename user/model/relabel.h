/*
 * relabel.h - rules that rewrite, keep or drop a label set.
 *
 * The same for targets before they are scraped, for samples before they are stored and for alerts
 * before they are sent. Pure. Source of the rules, the defaults and the words of the faults:
 * prometheus model/relabel/relabel.go, with label names of any UTF-8.
 */
#ifndef TOLLD_MODEL_RELABEL_H
#define TOLLD_MODEL_RELABEL_H

#include "base/regex.h"
#include "model/labels.h"

enum relabel_action {
	RELABEL_REPLACE,
	RELABEL_KEEP,
	RELABEL_DROP,
	RELABEL_KEEPEQUAL,
	RELABEL_DROPEQUAL,
	RELABEL_HASHMOD,
	RELABEL_LABELMAP,
	RELABEL_LABELDROP,
	RELABEL_LABELKEEP,
	RELABEL_LOWERCASE,
	RELABEL_UPPERCASE,
	RELABEL_ACTIONS
};

/* One rule as it stands in a file; NULL and 0: not set there. */
struct relabel_settings {
	const char *const *source_labels; /* set, but empty: not NULL with n_source_labels 0 */
	size_t n_source_labels;
	const char *separator; /* ; */
	const char *regex;     /* (.*) */
	const char *target_label;
	const char *replacement; /* $1 */
	const char *action;	 /* replace, in any case */
	uint64_t modulus;
};

struct relabel_rule;

/*
 * Copies what it needs. On -EINVAL error[] tells the fault and *ret_key names the setting that it is
 * about; -ENOMEM.
 */
int relabel_rule_new(const struct relabel_settings *settings, struct relabel_rule **ret,
	const char **ret_key, char *error, size_t error_size);
void relabel_rule_free(struct relabel_rule *rule);
DEFINE_FREEP(relabel_rule)

/* Whether two lists of rules do the same by the look of them. */
bool relabel_rules_equal(
	struct relabel_rule *const *a, size_t n_a, struct relabel_rule *const *b, size_t n_b);
/*
 * Applies the rules in their order. False: the set is dropped, and what is in the builder means
 * nothing. Memory running out is remembered by the builder.
 */
bool relabel_apply(struct relabel_rule *const *rules, size_t n, struct labels_builder *labels);

#endif
