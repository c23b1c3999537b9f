/*
 * matcher.h - one condition on a label: = != =~ !~.
 *
 * A label that is missing has the value "". Expressions are RE2's, fully anchored (base/regex.h).
 */
#ifndef TOLLD_MODEL_MATCHER_H
#define TOLLD_MODEL_MATCHER_H

#include "base/regex.h"
#include "model/labels.h"

enum matcher_type { MATCH_EQUAL, MATCH_NOT_EQUAL, MATCH_REGEX, MATCH_NOT_REGEX };

struct matcher {
	enum matcher_type type;
	char *name;
	char *value;
	struct regex *regex; /* for the two regex types */
};

/* Copies name and value. On -EINVAL error[] tells what is wrong with the expression. */
int matcher_new(enum matcher_type type, const char *name, const char *value, struct matcher **ret,
	char *error, size_t error_size);
void matcher_free(struct matcher *matcher);
DEFINE_FREEP(matcher)

bool matcher_matches(const struct matcher *matcher, const char *value);
/* Whether all n match. */
bool matchers_match(const struct matcher *const *matchers, size_t n, const struct labels *labels);
bool matcher_equal(const struct matcher *a, const struct matcher *b);
const char *matcher_type_text(enum matcher_type type);

#endif
