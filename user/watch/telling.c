/*
 * telling.c - a queue of events, mostly empty.
 */
#include "watch/telling.h"

void telling_release(struct telling *telling)
{
	free(telling->items);
	*telling = (struct telling){ 0 };
}

static bool hold(struct telling *telling, struct service *service, enum service_event what)
{
	if (!telling->holds || !vec_reserve(telling->items, telling->n, telling->cap))
		return false;
	telling->items[telling->n++] = (struct held){ service, what };
	return true;
}

/* It came and went while nobody was told. */
static bool is_over(const struct held *held)
{
	return held->what == SERVICE_APPEARED && held->service->state != SERVICE_UP &&
	       !held->service->owner.pid;
}

void telling_go_on(struct telling *telling)
{
	scoped(freep) struct held *items = TAKE(telling->items);
	size_t n = telling->n;

	telling->n = telling->cap = 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_over(&items[i]))
			telling->fn(items[i].service, items[i].what, telling->userdata);
	}
}

void telling_tell(struct telling *telling, struct service *service, enum service_event what)
{
	if (!telling->fn || hold(telling, service, what))
		return;
	telling_go_on(telling);
	telling->fn(service, what, telling->userdata);
}

void telling_forget(struct telling *telling, const struct service *service)
{
	size_t n = 0;

	for (size_t i = 0; i < telling->n; i++) {
		if (telling->items[i].service != service)
			telling->items[n++] = telling->items[i];
	}
	telling->n = n;
}
