/*
 * status.h - the table of services, apart from where they come from.
 */
#ifndef TOLLD_CMD_STATUS_H
#define TOLLD_CMD_STATUS_H

#include <jansson.h>
#include "base/strbuf.h"

struct status_counts {
	size_t shown, up;
};

/*
 * Adds the table of what /api/v1/services gave as `data`, or of the service with that name; without
 * services nothing. 0 or -ENOMEM.
 */
int status_print(const json_t *data, const char *name, int64_t now_wall_ms, struct strbuf *out,
	struct status_counts *ret);

#endif
