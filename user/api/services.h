/*
 * services.h - words about services that the API and the page share.
 */
#ifndef TOLLD_API_SERVICES_H
#define TOLLD_API_SERVICES_H

#include "api/state.h"

const char *service_state_name(enum service_state state);
/* Since when it is in its state; since tolld's start where nothing older is known. */
int64_t service_since_wall_ms(const struct api *api, const struct service_info *info);

#endif
