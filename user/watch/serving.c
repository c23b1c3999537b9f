/*
 * serving.c - services that are whoever listens at an address: which sockets, and what a look found. Pure.
 */
#include "watch/service_private.h"

#define LOOK_AFTER_CLOSE_NS (20 * NSEC_PER_MSEC)
/* A socket that no look knew: one beyond the maximum, or looks know no cookies here. */
#define LOOK_AFTER_STRANGER_NS NSEC_PER_MSEC
#define LOOK_AFTER_OPEN_NS     (20 * NSEC_PER_MSEC)
#define LOOK_AGAIN_MAX_NS      (5 * NSEC_PER_SEC)
/* Who dies closes its sockets first, and is dead some microseconds later, or when it has a processor again. */
#define GONE_OR_DYING_NS (30 * NSEC_PER_MSEC)

/* -- sockets -------------------------------------------------------------------------------- */

bool services_is_closed(const struct services *set, uint64_t cookie)
{
	size_t n = MIN(set->n_closed, (size_t)CLOSED);

	for (size_t i = 0; i < n; i++) {
		if (set->closed[i] == cookie)
			return true;
	}
	return false;
}

static void closed_add(struct services *set, uint64_t cookie)
{
	if (cookie)
		set->closed[set->n_closed++ % CLOSED] = cookie;
}

/* A socket may listen again after shutdown(). No socket has the cookie 0. */
static void closed_del(struct services *set, uint64_t cookie)
{
	for (size_t i = 0; i < CLOSED; i++) {
		if (set->closed[i] == cookie)
			set->closed[i] = 0;
	}
}

static bool cookie_known(const struct service *service, uint64_t cookie)
{
	for (size_t i = 0; i < service->n_cookies; i++) {
		if (service->cookies[i] == cookie)
			return true;
	}
	return false;
}

static void cookie_add(struct service *service, uint64_t cookie)
{
	/* Beyond the maximum a close says little, and the look that follows it says all. */
	if (service->n_cookies < SERVICE_COOKIES_MAX && !cookie_known(service, cookie))
		service->cookies[service->n_cookies++] = cookie;
}

static bool cookie_del(struct service *service, uint64_t cookie)
{
	for (size_t i = 0; i < service->n_cookies; i++) {
		if (service->cookies[i] != cookie)
			continue;
		service->cookies[i] = service->cookies[--service->n_cookies];
		return true;
	}
	return false;
}

bool service_knows_listeners(const struct service *service, const uint64_t *cookies, size_t n)
{
	/* Process 1 holds sockets for services that it starts at the first connection. */
	if (service->owner.pid <= 1 || !n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!cookie_known(service, cookies[i]))
			return false;
	}
	return true;
}

/* -- notices -------------------------------------------------------------------------------- */

/* No listener is left: as far as the notices tell. A process that lives on without is down, too. */
static void port_gone(struct service *service, struct instant at)
{
	service->listening = false;
	service->n_cookies = 0;
	service_set_state(service, SERVICE_DOWN, at);
	service_tell(service, SERVICE_LISTENER_GONE);
}

static void listener_opened(
	struct service *service, const struct notice *notice, struct instant now)
{
	bool first = !service->listening;

	if (notice->listen.cookie) {
		cookie_add(service, notice->listen.cookie);
	} else {
		service->opened_unnamed = true;
		service_look_by(service, now.boot_ns + LOOK_AFTER_STRANGER_NS);
	}
	service->listening = true;
	service->opened_boot_ns = now.boot_ns;
	if (services_is_dead(service->set, &notice->process)) {
		service_look_by(service, now.boot_ns + LOOK_AFTER_DEATH_NS);
		return;
	}
	/* One more of several that share the port (SO_REUSEPORT): the first stays the owner. */
	if (!first && service->owner.pid)
		return;
	services_adopt(service, &notice->process, instant_at(now, notice->at_boot_ns));
}

static void listener_closed(
	struct service *service, const struct notice *notice, struct instant now)
{
	bool known = cookie_del(service, notice->listen.cookie);

	/* Told before the socket is really gone: an instant later nobody sees it any more. */
	if (!known || service->opened_unnamed) {
		service_look_by(service, now.boot_ns + LOOK_AFTER_STRANGER_NS);
		return;
	}
	if (service->n_cookies) {
		/* Others serve on, perhaps another process: see who. */
		if (!service->owner.pid)
			service_look_by(service, now.boot_ns);
		return;
	}
	port_gone(service, instant_at(now, notice->at_boot_ns));
	/* Should a listener have escaped the notices, the look finds it. */
	service_look_by(service, now.boot_ns + LOOK_AFTER_CLOSE_NS);
}

void serving_notice_listen(struct services *set, const struct notice *notice, struct instant now)
{
	if (!notice->listen.opened)
		closed_add(set, notice->listen.cookie);
	else
		closed_del(set, notice->listen.cookie);
	for (size_t i = 0; i < set->n; i++) {
		struct service *service = set->items[i];

		if (!service->has_endpoint) {
			selected_notice_listen(service, notice, now);
			continue;
		}
		if (!endpoint_reaches(&service->endpoint, &notice->listen.endpoint))
			continue;
		if (notice->listen.opened)
			listener_opened(service, notice, now);
		else
			listener_closed(service, notice, now);
	}
	/* The kernel watches whoever listens on the port; it may have been at another address. */
	if (notice->listen.opened)
		services_let_go(set, &notice->process);
}

void serving_notice_port(struct services *set, uint16_t port, struct instant now)
{
	for (size_t i = 0; i < set->n; i++) {
		struct service *service = set->items[i];

		/* Which ports are those of a service at no address, only a look says. */
		if (service->has_endpoint && service->endpoint.port != port)
			continue;
		if (service->has_endpoint && !service->moved_boot_ns)
			service->moved_boot_ns = now.boot_ns;
		service_look_by(service, now.boot_ns);
	}
}

/* -- looks ---------------------------------------------------------------------------------- */

/*
 * The owner that is known, where it still holds the socket, else the best one that lives. *ret_dying: there
 * is none, but somebody dead has not closed it yet.
 */
static bool look_owner(const struct service *service, const struct look *look, struct process *ret,
	bool *ret_dying)
{
	const struct process *best = NULL;

	*ret_dying = look->dying;
	for (size_t i = look->n_owners; i-- > 0;) {
		if (process_same(&look->owners[i], &service->owner))
			return true;
		if (services_is_dead(service->set, &look->owners[i]))
			*ret_dying = true;
		else
			best = &look->owners[i];
	}
	if (best)
		*ret = *best;
	return best != NULL;
}

/* A socket whose owner is dying, however long that takes, or cannot be seen. */
static void nobody_found(struct service *service, bool dying, struct instant now)
{
	/* That nobody may be seen does not say that it is not the one who is known to live. */
	struct process owner = service->owner;
	int64_t again_ns = LOOK_AFTER_DEATH_NS << MIN(service->looks_in_vain, 7u);

	if (!owner.pid && service->died_since_up && (dying || again_ns < LOOK_AGAIN_MAX_NS)) {
		service->looks_in_vain++;
		service_look_by(service, now.boot_ns + MIN(again_ns, LOOK_AGAIN_MAX_NS));
		service_set_state(service, SERVICE_DOWN, now);
		return;
	}
	services_adopt(service, &owner, now);
}

/* The kernel tells of a listener an instant before anybody can see it. */
static bool is_just_opened(const struct service *service, struct instant now)
{
	return service->listening && service->opened_boot_ns &&
	       now.boot_ns - service->opened_boot_ns < LOOK_AFTER_OPEN_NS;
}

/* Its process lives as far as is known, and nobody has told that it closed anything. */
static bool may_be_dying(const struct service *service, struct instant now)
{
	return service->listening && service->owner.pid && service->moved_boot_ns &&
	       now.boot_ns - service->moved_boot_ns < GONE_OR_DYING_NS;
}

void services_look(struct service *service, const struct look *look, struct instant now)
{
	struct process owner = service->owner;
	bool was_listening = service->listening;
	bool was_doubtful = service->doubtful;
	bool dying;

	/* What is found at the first look was so before: nobody knows since when. */
	if (was_doubtful && !service->since.boot_ns && !service->died)
		now.boot_ns = 0;
	service_looked(service);
	service->opened_unnamed = false;
	if (!look->n_cookies && is_just_opened(service, now)) {
		service_look_by(service, service->opened_boot_ns + LOOK_AFTER_OPEN_NS);
		return;
	}
	if (!look->n_cookies && may_be_dying(service, now)) {
		service_look_by(service, service->moved_boot_ns + GONE_OR_DYING_NS);
		return;
	}
	service->moved_boot_ns = 0;
	service->n_cookies = 0;
	for (size_t i = 0; i < look->n_cookies; i++) {
		if (!services_is_closed(service->set, look->cookies[i]))
			cookie_add(service, look->cookies[i]);
	}
	service->listening = service->n_cookies > 0;
	if (!service->listening) {
		if (was_listening) {
			port_gone(service, now);
			service_look_by(service, now.boot_ns + LOOK_AFTER_CLOSE_NS);
		}
		service_set_state(service, SERVICE_DOWN, now);
		if (was_doubtful)
			service_changed(service);
		return;
	}
	if ((look->attributed || !owner.pid) && !look_owner(service, look, &owner, &dying)) {
		nobody_found(service, dying, now);
		return;
	}
	services_adopt(service, &owner, now);
	if (was_doubtful)
		service_changed(service);
}
