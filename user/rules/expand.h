/*
 * expand.h - the texts of labels and annotations: Go templates over one alert.
 *
 * Source: prometheus template/template.go and rules/alerting.go. A template that fails while it is
 * executed leaves its error as the text: the alert fires all the same.
 */
#ifndef TOLLD_RULES_EXPAND_H
#define TOLLD_RULES_EXPAND_H

#include "config/config.h"
#include "promql/promql.h"

struct rules;

/* Names with parsed templates. */
struct expand_pair {
	const char *name;
	const char *text;
	struct template_set *template; /* NULL: the text stands for itself */
};

struct expand_pairs {
	struct expand_pair *items;
	size_t n;
};

/* What templates see. */
struct expand_data {
	const struct labels *labels; /* of the sample, __name__ included */
	const struct labels *external_labels;
	const char *external_url;
	double value;
	struct tsdb *db; /* for `query` */
	int64_t wall_ms;
	int64_t default_step_ms;  /* of subqueries in `query`; 0: one minute */
	int64_t lookback_ms;	  /* of `query`; 0: five minutes */
	int64_t deadline_boot_ns; /* of `query`; 0: none */
};

/* Parses all; faults go to diag at their place. */
int expand_parse(const struct config_pairs *pairs, struct expand_pairs *ret, struct diag *diag);
void expand_release(struct expand_pairs *pairs);
/* Sets each name in b; an empty text removes a label. */
void expand_apply(
	const struct expand_pairs *pairs, const struct expand_data *data, struct labels_builder *b);

#endif
