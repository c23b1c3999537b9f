/*
 * cases.h - the texts of OpenMetrics that the standard's own tests collect, each by its name.
 */
#ifndef TOLLD_TESTS_SCRAPE_CASES_H
#define TOLLD_TESTS_SCRAPE_CASES_H

#include "harness.h"

#include <dirent.h>

/* Of those whose name begins with bad_, each breaks a rule. Skips the test where there are none here. */
static inline void each_case(
	void (*fn)(const char *name, const char *text, size_t len, void *userdata), void *userdata)
{
	char path[512];
	struct dirent *e;
	DIR *d;

	if (!conformance_dir())
		skip();
	snprintf(path, sizeof(path), "%s/openmetrics", conformance_dir());
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d))) {
		char *text;
		size_t len;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/openmetrics/%s/metrics", conformance_dir(),
			e->d_name);
		text = read_file(path, &len);
		fn(e->d_name, text, len, userdata);
		free(text);
	}
	closedir(d);
}

#endif
