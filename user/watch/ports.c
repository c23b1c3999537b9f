/*
 * ports.c - compares what listened before with what listens now.
 */
#include "watch/ports.h"

#include <errno.h>

void ports_init(struct ports *ports)
{
	*ports = (struct ports){ 0 };
}

void ports_release(struct ports *ports)
{
	listeners_release(&ports->known);
	free(ports->items);
	ports_init(ports);
}

/* Where it is, or where it would stand. */
static size_t port_place(const struct ports *ports, uint16_t port)
{
	size_t i = 0;

	while (i < ports->n && ports->items[i] < port)
		i++;
	return i;
}

static bool is_ours(const struct ports *ports, uint16_t port)
{
	size_t i = port_place(ports, port);

	return i < ports->n && ports->items[i] == port;
}

static void keep_ours(const struct ports *ports, struct listeners *found)
{
	size_t n = 0;

	for (size_t i = 0; i < found->n; i++) {
		if (is_ours(ports, found->items[i].endpoint.port))
			found->items[n++] = found->items[i];
	}
	found->n = n;
}

/*
 * Who is about to look at the port sees what listens there by then: what goes after that is news, so
 * it has to be known.
 */
static int know_port(struct ports *ports, uint16_t port)
{
	struct listeners found;
	int err = listeners_read_on(&port, 1, &found);

	if (err)
		return err;
	for (size_t i = 0; !err && i < found.n; i++) {
		if (found.items[i].endpoint.port != port)
			continue;
		if (vec_reserve(ports->known.items, ports->known.n, ports->known.cap))
			ports->known.items[ports->known.n++] = found.items[i];
		else
			err = -ENOMEM;
	}
	listeners_release(&found);
	return err;
}

int ports_add(struct ports *ports, uint16_t port)
{
	size_t i = port_place(ports, port);
	int err;

	if (is_ours(ports, port))
		return 0;
	if (!vec_reserve(ports->items, ports->n, ports->cap))
		return -ENOMEM;
	err = know_port(ports, port);
	if (err)
		return err;
	memmove(&ports->items[i + 1], &ports->items[i], (ports->n - i) * sizeof(*ports->items));
	ports->items[i] = port;
	ports->n++;
	return 0;
}

void ports_remove(struct ports *ports, uint16_t port)
{
	size_t i = port_place(ports, port);

	if (!is_ours(ports, port))
		return;
	ports->n--;
	memmove(&ports->items[i], &ports->items[i + 1], (ports->n - i) * sizeof(*ports->items));
	keep_ours(ports, &ports->known);
}

/* -- asking --------------------------------------------------------------------------------- */

static bool has_cookie(const struct listeners *list, uint64_t cookie)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].cookie == cookie)
			return true;
	}
	return false;
}

/* Nearly always both are the same, in the same order. */
static bool are_same(const struct listeners *a, const struct listeners *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (a->items[i].cookie != b->items[i].cookie)
			return false;
	}
	return true;
}

static void tell_missing(const struct listeners *from, const struct listeners *in,
	void (*on_change)(uint16_t port, void *userdata), void *userdata)
{
	for (size_t i = 0; i < from->n; i++) {
		if (!has_cookie(in, from->items[i].cookie))
			on_change(from->items[i].endpoint.port, userdata);
	}
}

int ports_ask(struct ports *ports, void (*on_change)(uint16_t port, void *userdata), void *userdata)
{
	struct listeners before = ports->known, now;
	int err;

	if (!ports->n)
		return 0;
	err = listeners_read_on(ports->items, ports->n, &now);
	if (err)
		return err;
	keep_ours(ports, &now);
	ports->known = now;
	if (!are_same(&before, &now)) {
		tell_missing(&before, &now, on_change, userdata);
		tell_missing(&now, &before, on_change, userdata);
	}
	listeners_release(&before);
	return 0;
}
