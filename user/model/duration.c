/*
 * duration.c - durations as Prometheus and Alertmanager write them.
 */
#include "model/duration.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include "base/num.h"

static const struct unit {
	const char *name;
	int64_t ms;
	/* Printed only where it divides the rest, as model.Duration.String does: 90 d, not 12w6d. */
	bool whole_only;
} units[] = {
	{ "y", 365ll * 86400 * 1000, true },
	{ "w", 7ll * 86400 * 1000, true },
	{ "d", 86400ll * 1000, false },
	{ "h", 3600ll * 1000, false },
	{ "m", 60ll * 1000, false },
	{ "s", 1000, false },
	{ "ms", 1, false },
};

#define MAX_MS (INT64_MAX / 1000000)

int duration_parse(const char *s, size_t len, int64_t *ret_ms)
{
	const char *p = s, *end = s + len;
	size_t next_unit = 0, i, n;
	int64_t total = 0, number;

	if (len == 1 && *s == '0') {
		*ret_ms = 0;
		return 0;
	}
	if (!len)
		return -EINVAL;
	while (p < end) {
		if (!isdigit((unsigned char)*p))
			return -EINVAL;
		for (number = 0; p < end && isdigit((unsigned char)*p); p++) {
			number = number * 10 + (*p - '0');
			if (number > MAX_MS)
				return -ERANGE;
		}
		for (n = 0; p + n < end && isalpha((unsigned char)p[n]); n++)
			;
		for (i = next_unit; i < ARRAY_SIZE(units); i++) {
			if (strlen(units[i].name) == n && !memcmp(units[i].name, p, n))
				break;
		}
		if (i == ARRAY_SIZE(units))
			return -EINVAL;
		if (number > (MAX_MS - total) / units[i].ms)
			return -ERANGE;
		total += number * units[i].ms;
		next_unit = i + 1;
		p += n;
	}
	*ret_ms = total;
	return 0;
}

int duration_parse_go(const char *s, int64_t *ret_ms)
{
	static const struct {
		const char *name;
		double ms;
	} go_units[] = { { "ns", 1e-6 }, { "us", 1e-3 }, { "\u00b5s", 1e-3 }, { "ms", 1 },
		{ "s", 1e3 }, { "m", 60e3 }, { "h", 3600e3 } };
	double total = 0, number;
	size_t digits, len, i;

	if (streq(s, "0")) {
		*ret_ms = 0;
		return 0;
	}
	if (!*s)
		return -EINVAL;
	for (; *s; s += digits + len) {
		digits = strspn(s, "0123456789.");
		len = strcspn(s + digits, "0123456789.");
		if (!digits || num_parse(s, digits, &number))
			return -EINVAL;
		for (i = 0; i < ARRAY_SIZE(go_units); i++) {
			if (strlen(go_units[i].name) == len &&
				!memcmp(go_units[i].name, s + digits, len))
				break;
		}
		if (i == ARRAY_SIZE(go_units))
			return -EINVAL;
		total += number * go_units[i].ms;
	}
	if (!(total <= (double)MAX_MS))
		return -ERANGE;
	*ret_ms = (int64_t)total;
	return 0;
}

void duration_format(struct strbuf *out, int64_t ms)
{
	uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;

	if (!ms) {
		strbuf_adds(out, "0s");
		return;
	}
	if (ms < 0)
		strbuf_addch(out, '-');
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		uint64_t unit = (uint64_t)units[i].ms;

		if (left < unit || (units[i].whole_only && left % unit))
			continue;
		strbuf_addf(out, "%" PRIu64 "%s", left / unit, units[i].name);
		left %= unit;
	}
}

void duration_format_human(struct strbuf *out, int64_t ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} words[] = {
		{ "d", 86400000 },
		{ "h", 3600000 },
		{ "min", 60000 },
		{ "s", 1000 },
		{ "ms", 1 },
	};
	int64_t left = MAX(ms, (int64_t)0);

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (left < words[i].ms && i + 1 < ARRAY_SIZE(words))
			continue;
		strbuf_addf(out, "%" PRId64 " %s", left / words[i].ms, words[i].name);
		left %= words[i].ms;
		if (i + 2 < ARRAY_SIZE(words) && left >= words[i + 1].ms)
			strbuf_addf(
				out, " %" PRId64 " %s", left / words[i + 1].ms, words[i + 1].name);
		return;
	}
}
