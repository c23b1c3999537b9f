/*
 * watch.c - drives the services: hands them the backend's notices, looks and the time.
 */
#include "watch/watch.h"

#include <assert.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include "base/escape.h"
#include "watch/cgroup.h"
#include "watch/procfs.h"
#include "watch/systemd.h"
#include "watch/unit.h"
#include "watch/units.h"
#include "watch/watch_private.h"

/* Of death_to_sample_s: fine around what a scrape on this machine takes, coarse beyond an interval. */
static const double sample_bounds_s[] = { 0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025,
	0.1, 1, 15 };

void watch_arm(struct watch *watch)
{
	int64_t next = MIN(services_next_deadline(&watch->services), select_next_deadline(watch));

	if (watch->telling.n)
		next = 0;
	if (next == BOOT_NS_NEVER) {
		sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time(watch->timer, (uint64_t)(next / NSEC_PER_USEC) + 1);
	sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
}

/* Also where something fails the loop must come to rest: memory may be back in a second. */
void watch_do_what_is_wanted(struct watch *watch)
{
	int err = 0;

	if (services_wants_resync(&watch->services, clock_now()))
		err = watch_ask_living(watch);
	if (!err)
		err = watch_look(watch);
	if (err)
		services_put_off(&watch->services, clock_now());
	select_due(watch, clock_now());
	holders_release(&watch->holders);
	watch_arm(watch);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct watch *watch = userdata;

	telling_go_on(&watch->telling);
	/* What the ring holds happened before the deadline. */
	watch->ops->drain(watch->backend);
	services_due(&watch->services, clock_now());
	watch_do_what_is_wanted(watch);
	return 0;
}

/* -- from the backend ----------------------------------------------------------------------- */

static void on_notice(const struct notice *notice, void *userdata)
{
	struct watch *watch = userdata;
	struct notice completed;

	if (notice->kind == NOTICE_OOM) {
		completed = *notice;
		watch_note_victim(watch, &completed);
		notice = &completed;
	}
	services_notice(&watch->services, notice, clock_now());
	select_notice(watch, notice, clock_now());
	if (notice->kind == NOTICE_HANG)
		meter_hang(watch->meter, notice);
}

static void on_drained(void *userdata)
{
	watch_do_what_is_wanted(userdata);
}

/* -- from the services ---------------------------------------------------------------------- */

/* Once for each process: an own cgroup is given before the program runs, and seldom changed. */
static void learn_cgroup(struct service *service)
{
	struct strbuf path = STRBUF_INIT;
	char *cgroup = NULL, *unit = NULL;

	/* Of a unit systemd says it. */
	if (service->owner.pid && !service->of_unit &&
		process_cgroup(service->owner.pid, &path) == 0 &&
		strbuf_finish(&path, &cgroup) == 0) {
		unit = cgroup_unit(cgroup);
		free(service->cgroup);
		free(service->unit);
		service->cgroup = cgroup;
		service->unit = unit;
	}
	strbuf_release(&path);
}

/* Of a unit that starts now systemd has not told the group yet. */
static void know_limits(struct watch *watch, const struct service *service)
{
	struct strbuf path = STRBUF_INIT;

	if (watch->limits && service->owner.pid && process_cgroup(service->owner.pid, &path) == 0)
		limits_know(watch->limits, path.s);
	strbuf_release(&path);
}

static void on_event(struct service *service, enum service_event what, void *userdata)
{
	struct watch *watch = userdata;

	if (what == SERVICE_APPEARED) {
		learn_cgroup(service);
		know_limits(watch, service);
	}
	meter_event(watch->meter, service, what);
	if (what == SERVICE_DIED || what == SERVICE_LEFT)
		select_lost_process(service, clock_now());
	telling_tell(&watch->telling, service, what);
}

static void add_escaped(char *to, size_t size, const char *s)
{
	struct strbuf text;

	strbuf_init(&text, size * 4);
	escape_terminal(&text, s, strlen(s));
	snprintf(to, size, "%s", text.s);
	strbuf_release(&text);
}

/* Shown by bpftool on a terminal: names that processes gave themselves are made harmless here. */
static void on_change(struct service *service, void *userdata)
{
	static const enum service_condition conditions[] = {
		[SERVICE_UNKNOWN] = NOT_KNOWN,
		[SERVICE_DOWN] = DOWN,
		[SERVICE_UP] = UP,
	};
	struct watch *watch = userdata;
	struct service_record record = { 0 };
	struct strbuf cause = STRBUF_INIT;
	struct service_info info;

	if (!watch->ops->show)
		return;
	service_info(service, &info);
	add_escaped(record.name, sizeof(record.name), info.name);
	add_escaped(record.watches, sizeof(record.watches), info.selector);
	record.is = conditions[info.state];
	record.pid = (uint32_t)info.pid;
	add_escaped(record.comm, sizeof(record.comm), info.comm);
	record.start_boottime_ns = (uint64_t)info.start_boot_ns;
	record.since_boottime_ns = (uint64_t)info.since.boot_ns;
	record.deaths = info.deaths;
	record.restarts = info.restarts;
	service_cause(service, &cause);
	add_escaped(record.last_death, sizeof(record.last_death), cause.s);
	strbuf_release(&cause);
	watch->ops->show(watch->backend, service->number, &record);
}

static void on_release(const struct process *process, void *userdata)
{
	struct watch *watch = userdata;

	watch->ops->remove_process(watch->backend, process->pid);
}

/* -- life ----------------------------------------------------------------------------------- */

/* In falling order: what each sees, the next sees later or not at all. */
static const struct backend_ops *const backends[] = {
	&kernel_backend,
	&kernel_by_file_backend,
	&pidfd_backend,
	&poll_backend,
};

static bool is_wanted(const struct watch *watch, const struct backend_ops *ops)
{
	if (ops->kind == WATCH_KERNEL && ops->by_file != (watch->options.btf_file != NULL))
		return false;
	return watch->options.backend == WATCH_AUTO || watch->options.backend == ops->kind;
}

/* What is wrong with each that was tried; it becomes the reason for the one that works. */
static void add_fault(struct watch *watch, const char *fault, struct strbuf *why)
{
	if (watch->options.backend == WATCH_AUTO)
		strbuf_addf(why, "%snot %s: ", why->len ? "; " : "", watch->ops->name);
	strbuf_adds(why, fault);
}

static int open_backend(
	struct watch *watch, const struct backend_options *options, char *error, size_t error_size)
{
	struct strbuf why = STRBUF_INIT;
	int err = -EINVAL;

	for (size_t i = 0; i < ARRAY_SIZE(backends) && !watch->backend; i++) {
		char fault[512] = "memory is out";

		watch->ops = backends[i];
		if (!is_wanted(watch, watch->ops))
			continue;
		err = watch->ops->open(options, &watch->backend, fault, sizeof(fault));
		if (err)
			add_fault(watch, fault, &why);
	}
	if (err)
		snprintf(error, error_size, "%s", why.s);
	else
		snprintf(watch->reason, sizeof(watch->reason), "%s%s%s",
			watch->ops->reason(watch->backend), why.len ? "; " : "", why.s);
	strbuf_release(&why);
	return err;
}

static int open_meter(struct watch *watch)
{
	return meter_new(
		&(struct meter_options){
			.event = watch->event,
			.ops = watch->ops,
			.backend = watch->backend,
			.services = &watch->services,
		},
		&watch->meter);
}

static int open_limits(struct watch *watch)
{
	struct limits_options options = { 0 };

	if (watch->ops->kind != WATCH_KERNEL)
		return 0;
	group_roots_find(&options.roots);
	return limits_new(&options, &watch->limits);
}

static int watch_open(
	struct watch *watch, sd_event *event, uint32_t ring_bytes, char *error, size_t error_size)
{
	const struct service_ops service_ops = {
		.on_event = on_event,
		.heir = watch_heir,
		.on_change = on_change,
		.release = on_release,
		.userdata = watch,
	};
	const struct backend_options backend_options = {
		.event = event,
		.bpffs_dir = watch->options.bpffs_dir,
		.pins_owner = watch->options.pins_owner,
		.btf_file = watch->options.btf_file,
		.ring_bytes = ring_bytes,
		.on_notice = on_notice,
		.on_drained = on_drained,
		.userdata = watch,
	};
	int err;

	watch->event = event;
	services_init(&watch->services, &service_ops, clock_now());
	select_init(watch);
	if (!watch->options.systemd_address)
		systemd_open_early(&watch->early_bus);
	err = sd_event_add_time(event, &watch->timer, CLOCK_BOOTTIME, 0, 1, on_timer, watch);
	if (err < 0)
		return err;
	sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF);
	err = open_backend(watch, &backend_options, error, error_size);
	if (!err)
		err = open_limits(watch);
	return err ? err : open_meter(watch);
}

int watch_new_with_ring(sd_event *event, const struct watch_options *options, uint32_t ring_bytes,
	struct watch **ret, char *error, size_t error_size)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	struct watch_stats stats = { 0 };
	int err;

	snprintf(error, error_size, "memory is out");
	if (!watch)
		return -ENOMEM;
	watch->options = *options;
	watch->telling = (struct telling){ .fn = options->on_event, .userdata = options->userdata };
	watch->death_to_sample_s.bounds = sample_bounds_s;
	watch->death_to_sample_s.n = ARRAY_SIZE(sample_bounds_s);
	err = watch_open(watch, event, ring_bytes, error, error_size);
	if (err) {
		watch_free(watch);
		return err;
	}
	watch->options.bpffs_dir = NULL;
	watch->options.pins_owner = NULL;
	watch->options.btf_file = NULL;
	watch->ops->stats(watch->backend, &stats);
	watch->blind_to_oom = stats.blind_to_oom;
	*error = '\0';
	*ret = watch;
	return 0;
}

int watch_new(sd_event *event, const struct watch_options *options, struct watch **ret, char *error,
	size_t error_size)
{
	return watch_new_with_ring(event, options, 0, ret, error, error_size);
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	sd_event_source_disable_unref(watch->timer);
	telling_release(&watch->telling);
	services_release(&watch->services);
	select_release(watch);
	meter_free(watch->meter);
	limits_free(watch->limits);
	free(watch->victims);
	holders_release(&watch->holders);
	sd_bus_close_unref(watch->early_bus);
	if (watch->backend)
		watch->ops->close(watch->backend);
	free(watch);
}

int watch_works(const struct watch *watch)
{
	struct process *living = NULL;
	size_t n;
	int err = watch->ops->living(watch->backend, &living, &n);

	free(living);
	return err;
}

void watch_resync(struct watch *watch)
{
	watch->services.resync_boot_ns = clock_boot_ns();
	watch_arm(watch);
}

/* -- services ------------------------------------------------------------------------------- */

static bool port_is_used(const struct watch *watch, uint16_t port)
{
	for (size_t i = 0; i < watch->services.n; i++) {
		const struct service *service = watch->services.items[i];

		if (service->has_endpoint && service->endpoint.port == port)
			return true;
		for (size_t k = 0; k < service->n_ports; k++) {
			if (service->ports[k] == port)
				return true;
		}
	}
	return false;
}

void watch_port_release(struct watch *watch, uint16_t port)
{
	if (!port_is_used(watch, port))
		watch->ops->remove_port(watch->backend, port);
}

/* As the owner says it: without an address the port alone. */
static void add_address(const struct endpoint *endpoint, struct strbuf *out)
{
	if (endpoint->ipv6 && endpoint_is_any(endpoint))
		strbuf_addf(out, "%u", endpoint->port);
	else
		endpoint_format(endpoint, out);
}

int watch_add_listen(
	struct watch *watch, const char *name, const struct sockaddr *address, struct service **ret)
{
	struct strbuf selector = STRBUF_INIT;
	struct service *service;
	struct endpoint endpoint;
	int err;

	err = endpoint_from_sockaddr(address, &endpoint);
	if (err)
		return err;
	strbuf_adds(&selector, "listen ");
	add_address(&endpoint, &selector);
	err = selector.err;
	if (!err)
		err = services_add(
			&watch->services, name, selector.s, &endpoint, clock_now(), &service);
	strbuf_release(&selector);
	if (err)
		return err;
	/* First the notices, then the look: a listener that comes in between is in both. */
	err = watch->ops->add_port(watch->backend, endpoint.port, name);
	if (!err) {
		watch->telling.holds = true;
		err = watch_look(watch);
		watch->telling.holds = false;
	}
	if (err) {
		watch_remove(service);
		return err;
	}
	watch_arm(watch);
	*ret = service;
	return 0;
}

int watch_add_process(struct watch *watch, const char *name, pid_t pid, struct service **ret)
{
	char selector[32];
	struct service *service;
	struct process process;
	int err;

	snprintf(selector, sizeof(selector), "process %d", pid);
	err = services_add(&watch->services, name, selector, NULL, clock_now(), &service);
	if (err)
		return err;
	err = watch->ops->add_process(watch->backend, pid, name, &process);
	if (err) {
		watch_remove(service);
		return err;
	}
	watch->telling.holds = true;
	services_adopt(service, &process, clock_now());
	watch->telling.holds = false;
	watch_arm(watch);
	*ret = service;
	return 0;
}

void watch_remove(struct service *service)
{
	struct watch *watch = service->set->ops.userdata;
	uint16_t ports[SERVICE_PORTS_MAX];
	size_t n_ports = service->n_ports;

	if (watch->ops->show)
		watch->ops->show(watch->backend, service->number, NULL);
	telling_forget(&watch->telling, service);
	memcpy(ports, service->ports, sizeof(ports));
	if (service->has_endpoint)
		ports[n_ports++] = service->endpoint.port;
	services_remove(service);
	for (size_t i = 0; i < n_ports; i++)
		watch_port_release(watch, ports[i]);
	watch_arm(watch);
}

size_t watch_services(const struct watch *watch)
{
	return watch->services.n;
}

struct service *watch_service(const struct watch *watch, size_t i)
{
	assert(i < watch->services.n);
	return watch->services.items[i];
}

enum service_state service_state(const struct service *service)
{
	return service->doubtful ? SERVICE_UNKNOWN : service->state;
}

bool service_is_selected(const struct service *service)
{
	return service->selection != NULL;
}

void service_info(const struct service *service, struct service_info *ret)
{
	*ret = (struct service_info){
		.name = service->name,
		.selector = service->selector,
		.kind = service->kind,
		.expect = service->expect,
		.labels = service->labels,
		.processes = MAX(service->processes, (size_t)(service->owner.pid != 0)),
		.cgroup = service->cgroup,
		.unit = service->unit,
		.unit_info = service->has_unit_info ? &service->unit_info : NULL,
		.selected = service_is_selected(service),
		.state = service_state(service),
		.since = service->since,
		.pid = service->owner.pid,
		.start_boot_ns = service->owner.start_boot_ns,
		.listening = service->listening,
		.restarts = service->restarts,
		.deaths = service->deaths,
		.died = service->died,
		.last_death = service->last_death,
	};
	memcpy(ret->comm, service->owner.comm, sizeof(ret->comm));
}

void service_recall(struct service *service, const struct death *death)
{
	service->recalled = true;
	if (service->died || !death)
		return;
	service->died = true;
	service->last_death = *death;
	service->last_death.final = true;
	if (service->set->ops.on_change)
		service->set->ops.on_change(service, service->set->ops.userdata);
}

bool service_is_recalled(const struct service *service)
{
	return service->recalled || service->died;
}

void service_set_userdata(struct service *service, void *userdata)
{
	service->userdata = userdata;
}

void *service_userdata(const struct service *service)
{
	return service->userdata;
}

void service_set_figures_userdata(struct service *service, void *userdata)
{
	service->figures_userdata = userdata;
}

void *service_figures_userdata(const struct service *service)
{
	return service->figures_userdata;
}

void service_sampled(struct service *service, int64_t now_boot_ns)
{
	struct watch *watch = service->set->ops.userdata;
	struct death *death = &service->last_death;

	/* One that is served on, or again, is down for another reason than its last death. */
	if (!service->died_since_up || death->has_sample || now_boot_ns < death->at.boot_ns)
		return;
	death->has_sample = true;
	death->sample_after_ns = now_boot_ns - death->at.boot_ns;
	histogram_observe(&watch->death_to_sample_s, (double)death->sample_after_ns / NSEC_PER_SEC);
}

/* Of one that is down without having died. */
static void describe_unit(const struct service *service, struct strbuf *out)
{
	const char *fault = units_fault(service->set->ops.userdata);

	if (fault)
		strbuf_adds(out, fault);
	else if (service->has_unit_info)
		unit_describe(&service->unit_info, out);
}

static void describe_death(const struct service *service, struct strbuf *out)
{
	size_t before;

	death_describe(&service->last_death, out);
	if (!service->has_unit_info || !service->died_since_up)
		return;
	before = out->len;
	strbuf_adds(out, "; ");
	unit_describe_result(&service->unit_info, out);
	if (out->len == before + 2)
		strbuf_truncate(out, before);
}

static void add_place(const struct service *service, struct strbuf *out)
{
	bool any = service->endpoint.ipv6 && endpoint_is_any(&service->endpoint);

	strbuf_adds(out, any ? " on port " : " on ");
	add_address(&service->endpoint, out);
}

static void describe_deaf(const struct service *service, struct strbuf *out)
{
	const char *comm = service->owner.comm;

	strbuf_addf(out, "%s (pid %d) lives, but does not listen", *comm ? comm : "its process",
		service->owner.pid);
	if (!service->has_endpoint)
		return;
	add_place(service, out);
	strbuf_adds(out, " any more");
}

/* Of one that nobody has seen live. */
static void describe_missing(const struct service *service, struct strbuf *out)
{
	const char *text = service->selection ? service->selection->text : "";

	if (service->has_endpoint) {
		strbuf_adds(out, "nobody listens");
		add_place(service, out);
	} else if (service->kind == SELECT_EXE) {
		strbuf_addf(out, "no process runs %s", text);
	} else if (service->kind == SELECT_CMDLINE) {
		strbuf_addf(out, "no process has arguments that fit '%s'", text);
	} else if (service->kind == SELECT_PIDFILE) {
		strbuf_addf(out, "%s names no process that lives", text);
	}
}

void service_cause(const struct service *service, struct strbuf *out)
{
	bool down = service->state == SERVICE_DOWN;

	if (down && service->owner.pid && service->expect == EXPECTED_LISTENING)
		describe_deaf(service, out);
	else if (down && service->kind == SELECT_UNIT && !service->died_since_up)
		describe_unit(service, out);
	else if (service->died)
		describe_death(service, out);
	else if (down && !service->owner.pid)
		describe_missing(service, out);
}

/* -- the rest ------------------------------------------------------------------------------- */

static bool has_address(const struct ifaddrs *all, const struct endpoint *wanted)
{
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct sockaddr_storage address = { 0 };
		struct endpoint own;

		if (!i->ifa_addr ||
			(i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		memcpy(&address, i->ifa_addr,
			i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
							  : sizeof(struct sockaddr_in6));
		if (endpoint_from_address((void *)&address, &own) == 0 &&
			own.ipv6 == wanted->ipv6 &&
			memcmp(own.address, wanted->address, sizeof(own.address)) == 0)
			return true;
	}
	return false;
}

bool watch_process_lives(pid_t pid, int64_t start_boot_ns)
{
	const struct process process = { .pid = pid, .start_boot_ns = start_boot_ns };

	return process_lives(&process);
}

bool watch_address_is_local(const struct sockaddr *address)
{
	struct ifaddrs *all;
	struct endpoint wanted;
	bool found;

	if (endpoint_from_address(address, &wanted))
		return false;
	if (endpoint_is_loopback(&wanted) || endpoint_is_any(&wanted))
		return true;
	if (getifaddrs(&all))
		return false;
	found = has_address(all, &wanted);
	freeifaddrs(all);
	return found;
}

void watch_stats(const struct watch *watch, struct watch_stats *ret)
{
	struct watch_stats stats = {
		.backend = watch->ops->kind,
		.backend_name = watch->ops->name,
		.backend_reason = watch->reason,
		.resyncs = watch->services.resyncs,
		.services = watch->services.n,
		.death_to_sample_s = watch->death_to_sample_s,
	};

	for (size_t i = 0; i < watch->services.n; i++)
		stats.processes += watch->services.items[i]->owner.pid != 0;
	watch->ops->stats(watch->backend, &stats);
	*ret = stats;
}
