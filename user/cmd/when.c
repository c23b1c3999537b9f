/*
 * when.c - a time as people type it.
 */
#include "cmd/when.h"

#include <errno.h>
#include <string.h>
#include "base/num.h"
#include "model/duration.h"
#include "model/timestamp.h"

/* Times may be this far from 1970, in seconds. */
#define MAX_TIME_S 1e12

int when_parse(const char *text, int64_t now_wall_ms, int64_t *ret_wall_ms)
{
	size_t len = strlen(text);
	double seconds;
	int64_t ago_ms;

	if (!timestamp_parse_rfc3339(text, len, ret_wall_ms))
		return 0;
	if (!num_parse(text, len, &seconds) && seconds > -MAX_TIME_S && seconds < MAX_TIME_S) {
		*ret_wall_ms = (int64_t)(seconds * 1000);
		return 0;
	}
	if (duration_parse(text, len, &ago_ms))
		return -EINVAL;
	*ret_wall_ms = now_wall_ms - ago_ms;
	return 0;
}
