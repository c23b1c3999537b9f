/*
 * everyone.c - see everyone.h.
 */
#include "watch/everyone.h"

#include <errno.h>
#include <stdio.h>
#include "base/clock.h"

#define GIVEN_OUT_USUALLY 32768

uint16_t everyone_first_given_out(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned first = GIVEN_OUT_USUALLY;

	if (f) {
		if (fscanf(f, "%u", &first) != 1 || first > UINT16_MAX)
			first = GIVEN_OUT_USUALLY;
		fclose(f);
	}
	return (uint16_t)first;
}

void everyone_init(struct everyone *everyone)
{
	*everyone = (struct everyone){ .first_given_out = everyone_first_given_out() };
}

void everyone_release(struct everyone *everyone)
{
	free(everyone->items);
	*everyone = (struct everyone){ 0 };
}

static struct heard *heard_find(struct everyone *everyone, uint16_t port)
{
	for (size_t i = 0; i < everyone->n; i++) {
		if (everyone->items[i].port == port)
			return &everyone->items[i];
	}
	return NULL;
}

static struct heard *hear(struct everyone *everyone, uint16_t port, int64_t now_boot_ns)
{
	struct heard *h = heard_find(everyone, port);

	if (!h) {
		if (!vec_reserve(everyone->items, everyone->n, everyone->cap))
			return NULL;
		h = &everyone->items[everyone->n++];
		*h = (struct heard){ .port = port, .since_boot_ns = now_boot_ns };
	}
	h->is_heard = true;
	return h;
}

/* Who stopped before it was a service begins anew. */
static void forget_silent(struct everyone *everyone)
{
	size_t n = 0;

	for (size_t i = 0; i < everyone->n; i++) {
		struct heard h = everyone->items[i];

		if (!h.is_heard && !h.is_service)
			continue;
		h.is_heard = false;
		everyone->items[n++] = h;
	}
	everyone->n = n;
}

int everyone_look(struct everyone *everyone, const struct listeners *listeners, int64_t now_boot_ns,
	bool (*fn)(const struct listener *listener, void *userdata), void *userdata)
{
	int err = 0;

	for (size_t i = 0; i < listeners->n; i++) {
		const struct listener *l = &listeners->items[i];
		struct heard *h;

		if (l->endpoint.port >= everyone->first_given_out)
			continue;
		h = hear(everyone, l->endpoint.port, now_boot_ns);
		if (!h) {
			err = -ENOMEM;
			continue;
		}
		if (!h->is_service &&
			(!everyone->looked || now_boot_ns - h->since_boot_ns >= EVERYONE_STAYS_NS))
			h->is_service = fn(l, userdata);
	}
	forget_silent(everyone);
	everyone->looked = true;
	everyone->next_boot_ns = now_boot_ns + EVERYONE_EVERY_NS;
	return err;
}
