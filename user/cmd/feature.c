/*
 * feature.c - what --enable-feature names.
 */
#include "cmd/feature.h"

#include <errno.h>
#include <stdio.h>
#include "base/util.h"
#include "model/matcher_parser.h"

static int enable(const char *name, size_t len, char *error, size_t error_size)
{
	static const struct {
		const char *name;
		enum matcher_syntax syntax;
	} features[] = {
		{ "classic-mode", MATCHERS_CLASSIC },
		{ "utf8-strict-mode", MATCHERS_UTF8 },
	};
	enum matcher_syntax before = matcher_syntax_in_use();

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (strlen(features[i].name) != len || strncmp(features[i].name, name, len) != 0)
			continue;
		if (before != MATCHERS_FALLBACK && before != features[i].syntax) {
			snprintf(error, error_size,
				"it is one of classic-mode and utf8-strict-mode");
			return -EINVAL;
		}
		matcher_syntax_use(features[i].syntax);
		return 0;
	}
	snprintf(error, error_size, "it is classic-mode or utf8-strict-mode");
	return -EINVAL;
}

int feature_enable(const char *value, char *error, size_t error_size)
{
	int err = 0;

	for (size_t len; !err; value += len + 1) {
		len = strcspn(value, ",");
		err = enable(value, len, error, error_size);
		if (!value[len])
			break;
	}
	return err;
}
