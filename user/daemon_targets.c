/*
 * daemon_targets.c - targets on this machine, tied to the processes that serve them.
 *
 * What the kernel tells of such a process does not overrule the target: it makes the target be
 * scraped at once, so that `up` keeps its meaning and only becomes prompt.
 */
#include "daemon_private.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

bool daemon_parse_address(const char *text, struct sockaddr_storage *ret)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	const char *colon = strrchr(text, ':');
	char host[256];
	size_t len;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return false;
	len = (size_t)(colon - text);
	if (len > 2 && text[0] == '[' && text[len - 1] == ']')
		snprintf(host, sizeof(host), "%.*s", (int)len - 2, text + 1);
	else
		snprintf(host, sizeof(host), "%.*s", (int)len, text);
	if (getaddrinfo(streq(host, "localhost") ? "127.0.0.1" : host, colon + 1, &hints, &found))
		return false;
	memcpy(ret, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return true;
}

static in_port_t port_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
					      : ((const struct sockaddr_in *)address)->sin_port;
}

/*
 * By the port alone: a target that is tolld itself needs no process to be watched, as that it does
 * not live is not for itself to tell.
 */
static bool is_own(const struct daemon_options *options, const struct sockaddr_storage *address)
{
	for (size_t i = 0; i < options->n_listen; i++) {
		const char *colon = strrchr(options->listen[i], ':');

		if (colon && strtol(colon + 1, NULL, 10) == ntohs(port_of(address)))
			return true;
	}
	return false;
}

bool daemon_is_own_address(const struct daemon_options *options, const char *text)
{
	struct sockaddr_storage address;

	return daemon_parse_address(text, &address) &&
	       watch_address_is_local((struct sockaddr *)&address) && is_own(options, &address);
}

static int name_service(const struct target_info *info, struct strbuf *name)
{
	strbuf_addf(name, "%s %s", info->address, info->job);
	return name->err;
}

/* A reload has given a target another address, and left it its labels: somebody else serves it. */
static void untie_moved(struct target *target)
{
	struct service *service = target_userdata(target);
	struct strbuf name = STRBUF_INIT;
	struct service_info served;
	struct target_info info;

	if (!service)
		return;
	target_info(target, &info);
	service_info(service, &served);
	if (name_service(&info, &name) || !streq(name.s, served.name))
		target_set_userdata(target, NULL);
	strbuf_release(&name);
}

static void tie(struct daemon *d, struct target *target)
{
	struct sockaddr_storage address;
	struct strbuf name = STRBUF_INIT;
	struct service *service;
	struct target_info info;

	target_info(target, &info);
	if (target_userdata(target) || !daemon_parse_address(info.address, &address) ||
		!watch_address_is_local((struct sockaddr *)&address) ||
		is_own(d->options, &address))
		return;
	if (!name_service(&info, &name) &&
		!watch_add_listen(d->watch, name.s, (struct sockaddr *)&address, &service)) {
		service_set_userdata(service, target);
		target_set_userdata(target, service);
		figures_added(d, service, info.labels);
		/* How it fares is known from the first moment, not from its first slot on. */
		target_trigger(target);
	}
	strbuf_release(&name);
}

static int index_as(struct daemon *d, const char *instance, const char *job, struct target *target)
{
	const char *const key[] = { instance, job };

	/* Of several targets with the same labels the first counts. */
	return map_get(&d->targets, key, sizeof(key))
		       ? 0
		       : map_put(&d->targets, key, sizeof(key), target);
}

/* What alerts find their target by; each evaluation asks for each of its alerts. */
static void index_targets(struct daemon *d)
{
	int err = 0;

	map_release(&d->targets);
	for (size_t i = 0; i < scrape_targets(d->scrape) && !err; i++) {
		struct target *target = scrape_target(d->scrape, i);
		struct target_info info;
		const char *instance, *job;

		target_info(target, &info);
		instance = labels_get(info.labels, LABEL_INSTANCE);
		job = labels_get(info.labels, LABEL_JOB);
		if (!instance)
			continue;
		err = index_as(d, instance, NULL, target);
		if (!err && job)
			err = index_as(d, instance, job, target);
	}
	if (err)
		log_error("out of memory: some alerts will not tell a cause of death");
}

void targets_stop(struct daemon *d)
{
	map_release(&d->targets);
}

/*
 * Whoever has tolld scrape itself gets its figures as that target's; those of services are written as they
 * change, and not a second time when they are scraped.
 */
static void tell_own_targets(struct daemon *d)
{
	bool scraped = false;

	for (size_t i = 0; i < scrape_targets(d->scrape); i++) {
		struct target *target = scrape_target(d->scrape, i);
		struct target_info info;
		bool own;

		target_info(target, &info);
		own = daemon_is_own_address(d->options, info.address);
		target_leave_out(target, own ? "tolld_service_" : NULL);
		scraped |= own;
	}
	figures_own_scraped(d, scraped);
}

void targets_tie(struct daemon *d)
{
	if (!d->watch)
		return;
	index_targets(d);
	tell_own_targets(d);
	for (size_t i = 0; i < scrape_targets(d->scrape); i++)
		untie_moved(scrape_target(d->scrape, i));
	/* Services of targets that are no more. */
	for (size_t i = watch_services(d->watch); i-- > 0;) {
		struct service *service = watch_service(d->watch, i);
		struct service_info info;
		bool found;

		service_info(service, &info);
		found = info.selected;
		for (size_t k = 0; k < scrape_targets(d->scrape) && !found; k++)
			found = target_userdata(scrape_target(d->scrape, k)) == service;
		if (!found) {
			figures_removed(d, service);
			watch_remove(service);
		}
	}
	for (size_t i = 0; i < scrape_targets(d->scrape); i++)
		tie(d, scrape_target(d->scrape, i));
	past_meet(d);
}

static void tell_death(struct daemon *d, struct history_event *event)
{
	if (!event || event->told)
		return;
	event->told = true;
	entry_death(d, history_service(event), event->death);
}

/* One entry for each death, as soon as all is known of it; at the latest when the next thing happens. */
static void tell_event(struct daemon *d, const struct service_info *info, enum service_event what,
	struct history_event *event)
{
	switch (what) {
	case SERVICE_APPEARED:
		if (event)
			entry_start(d, info, event);
		break;
	case SERVICE_DIED:
		if (!event)
			entry_death(d, info->name, &info->last_death);
		else if (event->death->final)
			tell_death(d, event);
		break;
	case SERVICE_CAUSE:
		tell_death(d, event);
		break;
	case SERVICE_LISTENER_GONE:
		if (event)
			entry_service(info, ENTRY_LISTENER_GONE,
				"nobody listens on its port any more, though the process lives");
		break;
	case SERVICE_LEFT:
	case SERVICE_CHANGED:
		break;
	}
}

static void on_service(struct service *service, enum service_event what, void *userdata)
{
	struct daemon *d = userdata;
	struct service_info info;
	struct target *target;

	service_info(service, &info);
	target = info.selected ? NULL : service_userdata(service);
	if (info.selected)
		services_on_event(d, service, what, &info);
	if (what == SERVICE_APPEARED || what == SERVICE_DIED || what == SERVICE_LISTENER_GONE) {
		if (target)
			target_trigger(target);
		tell_death(d, history_last_of_kind(d->history, info.name, HISTORY_DEATH));
	}
	figures_event(d, service, what);
	tell_event(d, &info, what, history_note(d->history, &info, what, clock_now()));
	/* What it died of when tolld was here last is known before an alert tells of it. */
	if (!info.died)
		past_meet_service(d, service);
	if (what == SERVICE_DIED || what == SERVICE_CAUSE)
		rules_touch_cause(d->rules);
}

void targets_sampled(const struct target *target)
{
	struct service *service = target_userdata(target);

	if (service)
		service_sampled(service, clock_boot_ns());
}

int targets_start(struct daemon *d)
{
	struct watch_options options = {
		.backend = d->options->backend,
		.bpffs_dir = d->options->bpffs_dir,
		.btf_file = d->options->btf_file,
		.pins_owner = d->drops ? &d->pins_owner : NULL,
		.on_event = on_service,
		.on_added = services_on_added,
		.on_removed = services_on_removed,
		.on_systemd = services_on_systemd,
		.userdata = d,
	};
	struct watch_stats stats;
	char error[512] = "";
	int err;

	err = watch_new(d->event, &options, &d->watch, error, sizeof(error));
	if (err && d->options->backend != WATCH_AUTO) {
		log_error("--watch.backend: %s", error);
		return err;
	}
	if (err) {
		log_error("deaths cannot be heard of at once: %s; targets are scraped at their "
			  "interval all the same",
			error);
		return 0;
	}
	watch_stats(d->watch, &stats);
	log_info("watching by backend %s: %s", stats.backend_name, stats.backend_reason);
	return 0;
}
