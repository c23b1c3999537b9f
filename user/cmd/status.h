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

/* Adds the table of what /api/v1/services gave as `data`; without services nothing. 0 or -ENOMEM. */
int status_print(
	const json_t *data, int64_t now_wall_ms, struct strbuf *out, struct status_counts *ret);
/*
 * Adds one service at length: `service` as /api/v1/services gave it, NULL where it is not watched any
 * more, and the `events` of /api/v1/services/NAME/events. 0 or -ENOMEM.
 */
int status_service_print(const json_t *service, const char *name, const json_t *events,
	int64_t now_wall_ms, struct strbuf *out);

#endif
