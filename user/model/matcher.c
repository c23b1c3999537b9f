/*
 * matcher.c - conditions on labels.
 */
#include "model/matcher.h"

#include <errno.h>

int matcher_new(enum matcher_type type, const char *name, const char *value, struct matcher **ret,
	char *error, size_t error_size)
{
	scoped(matcher_freep) struct matcher *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	m->type = type;
	m->name = strdup(name);
	m->value = strdup(value);
	if (!m->name || !m->value)
		return -ENOMEM;
	if (type == MATCH_REGEX || type == MATCH_NOT_REGEX) {
		err = regex_new(value, &m->regex, error, error_size);
		if (err)
			return err;
	}
	*ret = TAKE(m);
	return 0;
}

void matcher_free(struct matcher *matcher)
{
	if (!matcher)
		return;
	free(matcher->name);
	free(matcher->value);
	regex_free(matcher->regex);
	free(matcher);
}

bool matcher_matches(const struct matcher *matcher, const char *value)
{
	switch (matcher->type) {
	case MATCH_EQUAL:
		return streq(matcher->value, value);
	case MATCH_NOT_EQUAL:
		return !streq(matcher->value, value);
	case MATCH_REGEX:
		return regex_matches(matcher->regex, value, strlen(value));
	case MATCH_NOT_REGEX:
		return !regex_matches(matcher->regex, value, strlen(value));
	}
	return false;
}

bool matchers_match(const struct matcher *const *matchers, size_t n, const struct labels *labels)
{
	const char *value;

	for (size_t i = 0; i < n; i++) {
		value = labels_get(labels, matchers[i]->name);
		if (!matcher_matches(matchers[i], value ? value : ""))
			return false;
	}
	return true;
}

bool matcher_equal(const struct matcher *a, const struct matcher *b)
{
	return a->type == b->type && streq(a->name, b->name) && streq(a->value, b->value);
}

const char *matcher_type_text(enum matcher_type type)
{
	static const char *const texts[] = {
		[MATCH_EQUAL] = "=",
		[MATCH_NOT_EQUAL] = "!=",
		[MATCH_REGEX] = "=~",
		[MATCH_NOT_REGEX] = "!~",
	};

	return texts[type];
}
