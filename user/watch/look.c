/*
 * look.c - who listens at the address of a service, and who inherits it: asked of sock_diag and /proc.
 */
#include "watch/kin.h"
#include "watch/owners.h"
#include "watch/procfs.h"
#include "watch/watch_private.h"

struct serving {
	uint64_t cookies[SERVICE_COOKIES_MAX];
	uint64_t inodes[SERVICE_COOKIES_MAX];
	size_t n;
};

/* The listeners that a connection to the service would reach. */
static void serving_find(
	const struct service *service, const struct listeners *all, struct serving *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < all->n && ret->n < SERVICE_COOKIES_MAX; i++) {
		const struct listener *l = &all->items[i];

		if (!endpoint_reaches(&service->endpoint, &l->endpoint) ||
			services_is_closed(service->set, l->cookie))
			continue;
		ret->cookies[ret->n] = l->cookie;
		ret->inodes[ret->n++] = l->inode;
	}
}

/*
 * Whoever dies gives its memory back first and closes its sockets then: with very much of it, or swapped
 * out, that takes seconds or minutes.
 */
static bool is_dying(const struct service *service)
{
	const struct death *death = &service->last_death;
	const struct process last = { .pid = death->pid, .start_boot_ns = death->start_boot_ns };

	return service->died_since_up && last.pid && process_lives(&last);
}

/* Known owners are asked whether they still hold it; so long the others need not be asked. */
#define HOLDERS_STAY_NS NSEC_PER_SEC
/* Who is not among those that held it so lately has forked meanwhile, and there will be another look. */
#define HOLDERS_FRESH_NS (20 * NSEC_PER_MSEC)

size_t watch_owners(struct watch *watch, const struct listeners *listeners, const uint64_t *inodes,
	size_t n, struct owner ret[OWNERS_MAX])
{
	if (clock_boot_ns() - watch->holders.read_boot_ns > HOLDERS_STAY_NS)
		holders_release(&watch->holders);
	return holders_find(&watch->holders, listeners, inodes, n, ret);
}

/*
 * Only the best is watched. Its number may have been given to another process since it was found:
 * whoever holds the socket after being watched is the right one.
 */
static void take_owner(struct watch *watch, const struct service *service,
	const struct serving *serving, const struct listeners *all, struct look *look)
{
	struct owner owners[OWNERS_MAX];
	size_t n = watch_owners(watch, all, serving->inodes, serving->n, owners);

	for (size_t i = 0; i < n && !look->n_owners; i++) {
		struct process process;

		if (watch->ops->add_process(watch->backend, owners[i].pid, service->name, &process))
			continue;
		if (process_holds(process.pid, serving->inodes, serving->n) &&
			!services_is_dead(&watch->services, &process))
			look->owners[look->n_owners++] = process;
		else
			services_let_go(&watch->services, &process);
	}
}

/* The owner that is known stays it. */
static void attribute(struct watch *watch, const struct service *service,
	const struct serving *serving, const struct listeners *all, struct look *look)
{
	int64_t read_ns = watch->holders.read_boot_ns;

	look->attributed = true;
	if (service->owner.pid > 1 &&
		process_holds(service->owner.pid, serving->inodes, serving->n)) {
		look->owners[look->n_owners++] = service->owner;
		return;
	}
	take_owner(watch, service, serving, all, look);
	/* They were read for another service: whoever has forked since is missing. */
	if (!look->n_owners && read_ns && clock_boot_ns() - read_ns > HOLDERS_FRESH_NS) {
		holders_release(&watch->holders);
		take_owner(watch, service, serving, all, look);
	}
	look->dying = !look->n_owners && is_dying(service);
}

/* Of a service that is a program or the like: the listeners that its process has. */
struct own_listeners {
	uint64_t cookies[SERVICE_COOKIES_MAX];
	size_t n;
	uint16_t ports[SERVICE_PORTS_MAX];
	size_t n_ports;
};

static void add_port(struct own_listeners *own, uint16_t port)
{
	for (size_t i = 0; i < own->n_ports; i++) {
		if (own->ports[i] == port)
			return;
	}
	if (own->n_ports < SERVICE_PORTS_MAX)
		own->ports[own->n_ports++] = port;
}

static void find_own(
	const struct service *service, const struct listeners *all, struct own_listeners *ret)
{
	scoped(freep) bool *held = calloc(all->n + 1, sizeof(*held));

	*ret = (struct own_listeners){ 0 };
	/* Without memory it is as if none were there yet: the next look comes soon. */
	if (!held || !service->owner.pid)
		return;
	process_holds_which(service->owner.pid, all, held);
	for (size_t i = 0; i < all->n && ret->n < SERVICE_COOKIES_MAX; i++) {
		if (!held[i] || services_is_closed(service->set, all->items[i].cookie))
			continue;
		ret->cookies[ret->n++] = all->items[i].cookie;
		add_port(ret, all->items[i].endpoint.port);
	}
}

/* From now on the backend tells of its listeners, so that they need not be asked for. */
static void follow_ports(struct watch *watch, struct service *service, struct own_listeners *own)
{
	uint16_t before[SERVICE_PORTS_MAX];
	size_t n_before = service->n_ports;

	memcpy(before, service->ports, sizeof(before));
	memcpy(service->ports, own->ports, sizeof(before));
	service->n_ports = own->n_ports;
	for (size_t i = 0; i < own->n_ports; i++)
		watch->ops->add_port(watch->backend, own->ports[i], service->name);
	for (size_t i = 0; i < n_before; i++)
		watch_port_release(watch, before[i]);
}

static void look_at_own(struct watch *watch, struct service *service, const struct listeners *all)
{
	struct own_listeners own;

	find_own(service, all, &own);
	/* The ports of one that listens no more are kept: there it will listen again. */
	if (own.n)
		follow_ports(watch, service, &own);
	watch->ops->drain(watch->backend);
	services_listens(service, own.cookies, own.n, clock_now());
}

static void look(struct watch *watch, struct service *service, const struct listeners *all)
{
	struct serving serving;
	struct look found = { 0 };

	if (!service->has_endpoint) {
		look_at_own(watch, service, all);
		return;
	}
	serving_find(service, all, &serving);
	memcpy(found.cookies, serving.cookies, sizeof(found.cookies));
	found.n_cookies = serving.n;
	if (serving.n && !service_knows_listeners(service, serving.cookies, serving.n))
		attribute(watch, service, &serving, all, &found);
	/* Whoever died or closed while we looked was told of first: notices come before what is seen. */
	watch->ops->drain(watch->backend);
	services_look(service, &found, clock_now());
}

int watch_look(struct watch *watch)
{
	struct listeners all;
	struct service *service;
	struct instant now = clock_now();
	int err;

	if (!services_wants_look(&watch->services, now))
		return 0;
	err = listeners_read(&all);
	if (err)
		return err;
	while ((service = services_wants_look(&watch->services, now)))
		look(watch, service, &all);
	listeners_release(&all);
	return 0;
}

/* -- heirs ---------------------------------------------------------------------------------- */

/* A relative of the dead that holds the listener. */
static bool heir_among_family(struct watch *watch, const struct service *service, pid_t family_pid,
	const struct serving *serving, struct process *ret)
{
	struct process family[OWNERS_MAX];
	size_t n = watch->ops->family(watch->backend, family_pid, family, OWNERS_MAX);

	for (size_t i = 0; i < n; i++) {
		struct process process;

		if (!process_holds(family[i].pid, serving->inodes, serving->n) ||
			watch->ops->add_process(
				watch->backend, family[i].pid, service->name, &process))
			continue;
		if (process_same(&process, &family[i])) {
			*ret = process;
			return true;
		}
		/* The number is another's by now. */
		services_let_go(&watch->services, &process);
	}
	return false;
}

/*
 * A socket is passed on by fork alone, but for those who keep one for the services that they start: then a
 * restart holds it, too.
 */
static bool has_inherited(pid_t pid, const struct notice *exit, const struct serving *serving)
{
	struct process_stat stat;

	return process_stat_read(pid, &stat) == 0 &&
	       (!process_holds(stat.parent, serving->inodes, serving->n) ||
		       kin_inherits(exit, &stat));
}

/*
 * Where nobody sees forks: whoever holds the listener, but for process 1, which only keeps it. Somebody
 * does, as long as it is there; that it is not found says that it forked while /proc was listed.
 */
static bool heir_among_all(struct watch *watch, const struct service *service,
	const struct notice *exit, const struct serving *serving, struct process *ret)
{
	struct owner owners[OWNERS_MAX];
	size_t n = owners_find(serving->inodes, serving->n, owners);

	for (size_t i = 0; i < n; i++) {
		struct process process;

		if (owners[i].pid <= 1 || watch->ops->add_process(watch->backend, owners[i].pid,
						  service->name, &process))
			continue;
		if (process_holds(process.pid, serving->inodes, serving->n) &&
			has_inherited(process.pid, exit, serving)) {
			*ret = process;
			return true;
		}
		services_let_go(&watch->services, &process);
	}
	return false;
}

/* A listener that is new may be that of a restart: who holds it inherited nothing. */
static void keep_known(const struct service *service, struct serving *serving)
{
	size_t n = 0;

	for (size_t i = 0; i < serving->n; i++) {
		if (!service_knows_listeners(service, &serving->cookies[i], 1))
			continue;
		serving->cookies[n] = serving->cookies[i];
		serving->inodes[n++] = serving->inodes[i];
	}
	serving->n = n;
}

bool watch_heir(
	struct service *service, const struct notice *exit, struct process *ret, void *userdata)
{
	struct watch *watch = userdata;
	struct listeners all;
	struct serving serving;
	bool found = false, any_new = true;

	if (!service->has_endpoint)
		return select_heir(service, exit, ret);
	if (listeners_read(&all))
		return false;
	serving_find(service, &all, &serving);
	listeners_release(&all);
	if (!watch->ops->family)
		keep_known(service, &serving);
	for (int round = 0; serving.n && !found && any_new && round < HEIR_ROUNDS; round++) {
		pid_t last = process_last_number();

		found = watch->ops->family ? heir_among_family(watch, service, exit->exit.family,
						     &serving, ret)
					   : heir_among_all(watch, service, exit, &serving, ret);
		any_new = !last || process_last_number() != last;
	}
	return found;
}
