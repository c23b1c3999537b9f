/*
 * meter.c - makes the passes: who is to be read, in which order, and how much of it in one turn.
 *
 * One pass: the processes of each service are listed, the kernel's iterator reads all that it knows,
 * /proc the others, sockets are read where that is cheap, then each service gets its sums and its
 * control group is read. It can stop anywhere and go on in the next turn.
 */
#include "watch/meter_private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <time.h>
#include "watch/cgroup.h"
#include "watch/lines.h"
#include "watch/procfs.h"

/* One turn of a pass, so that a death never waits long behind it. */
#define TURN_NS NSEC_PER_MSEC
/* A fork of a fork of a fork: of more nobody knows that they belong together. */
#define RELATIVES_MAX 1024

static int64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* -- what is known of services ---------------------------------------------------------------- */

static struct measured *measured_find(const struct service *service)
{
	return service->measured;
}

static struct measured *measured_get(struct meter *meter, struct service *service)
{
	struct measured *m = measured_find(service);

	if (m)
		return m;
	m = calloc(1, sizeof(*m));
	if (!m || map_put(&meter->measured, &service->number, sizeof(service->number), m)) {
		free(m);
		return NULL;
	}
	m->number = service->number;
	m->pass = meter->pass;
	service->measured = m;
	return m;
}

static void measured_free(struct meter *meter, struct measured *m)
{
	if (m->events_wd)
		inotify_rm_watch(meter->inotify_fd, m->events_wd);
	free(m->group_path);
	free(m->group);
	free(m);
}

/* NULL: there is no memory for it. */
static struct group_total *group_of(struct measured *m)
{
	if (!m->group)
		m->group = calloc(1, sizeof(*m->group));
	return m->group;
}

static uint64_t oom_kills_of(const struct measured *m)
{
	return m->group ? group_total_oom_kills(m->group) : 0;
}

static struct service *service_by_number(const struct meter *meter, uint32_t number)
{
	for (size_t i = 0; i < meter->options.services->n; i++) {
		if (meter->options.services->items[i]->number == number)
			return meter->options.services->items[i];
	}
	return NULL;
}

/* Services that are no more. */
static void sweep(struct meter *meter)
{
	map_foreach (&meter->measured, entry) {
		struct measured *m = entry->value;

		/* While others went, one that is there may not have been listed. */
		if (m->pass == meter->pass || service_by_number(meter, m->number))
			continue;
		map_del(&meter->measured, entry->key, entry->key_len);
		measured_free(meter, m);
	}
}

/* -- control groups --------------------------------------------------------------------------- */

static void watch_events(struct meter *meter, struct measured *m)
{
	struct strbuf path = STRBUF_INIT;
	int wd;

	if (meter->inotify_fd < 0 || !m->group_path ||
		group_events_path(&meter->roots, m->group_path, &path)) {
		strbuf_release(&path);
		return;
	}
	/* The same file gives the same number again; one of another group with this path, a new one. */
	wd = inotify_add_watch(meter->inotify_fd, path.s, IN_MODIFY);
	if (m->events_wd && wd != m->events_wd)
		inotify_rm_watch(meter->inotify_fd, m->events_wd);
	m->events_wd = MAX(wd, 0);
	strbuf_release(&path);
}

static void set_group(struct meter *meter, struct measured *m, const struct service_info *info)
{
	bool own = info->cgroup && (info->kind == SELECT_UNIT ||
					   group_is_exclusive(info->cgroup, meter->own_group));
	const char *path = own ? info->cgroup : NULL;

	if (path && (!m->group_path || !streq(path, m->group_path))) {
		char *copy = strdup(path);

		if (!copy)
			return;
		free(m->group_path);
		m->group_path = copy;
	}
	watch_events(meter, m);
}

static void tell_oom_killed(struct meter *meter, const struct measured *m)
{
	struct service *service = service_by_number(meter, m->number);

	if (service && meter->callbacks.oom_killed)
		meter->callbacks.oom_killed(service, meter->callbacks.userdata);
}

static void on_group_events(struct meter *meter, int wd)
{
	map_foreach (&meter->measured, entry) {
		struct measured *m = entry->value;
		uint64_t before = oom_kills_of(m);
		struct group_usage usage;

		/* Of a group and of a service within it both may hear. */
		if (m->events_wd != wd || !m->group_path || !m->group ||
			group_read_events(&meter->roots, m->group_path, &usage))
			continue;
		group_total_add_events(m->group, &usage, clock_boot_ns());
		if (oom_kills_of(m) != before)
			tell_oom_killed(meter, m);
	}
}

static void forget_events(struct meter *meter, int wd)
{
	map_foreach (&meter->measured, entry) {
		struct measured *m = entry->value;

		if (m->events_wd == wd)
			m->events_wd = 0;
	}
}

static int on_inotify(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	union {
		struct inotify_event event;
		char bytes[4096];
	} buffer;
	struct meter *meter = userdata;
	ssize_t got = read(fd, &buffer, sizeof(buffer));

	for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= got;) {
		const struct inotify_event *e = (const void *)(buffer.bytes + at);

		if (e->mask & IN_IGNORED)
			forget_events(meter, e->wd);
		else if (e->mask & IN_MODIFY)
			on_group_events(meter, e->wd);
		at += (ssize_t)sizeof(*e) + e->len;
	}
	return 0;
}

/* -- listing processes ------------------------------------------------------------------------ */

/* It has not run since it was read, and need not be read again. */
static bool keep(const struct meter *meter, const struct tally_process *process)
{
	uint64_t cpu_ns;

	return ((uint32_t)process->pid + meter->pass) % meter->every &&
	       !process_cpu_ns(process->pid, &cpu_ns) && tally_keep(meter->tally, process, cpu_ns);
}

static bool add_process(struct meter *meter, pid_t pid, int64_t start_boot_ns)
{
	if (!vec_reserve(meter->processes, meter->n_processes, meter->cap_processes))
		return false;
	meter->processes[meter->n_processes++] = (struct tally_process){ pid, start_boot_ns };
	return true;
}

static bool is_same_program(pid_t a, pid_t b)
{
	char path[32], of_a[PATH_MAX], of_b[PATH_MAX];
	ssize_t len_a, len_b;

	snprintf(path, sizeof(path), "/proc/%d/exe", a);
	len_a = readlink(path, of_a, sizeof(of_a));
	snprintf(path, sizeof(path), "/proc/%d/exe", b);
	len_b = readlink(path, of_b, sizeof(of_b));
	return len_a > 0 && len_a == len_b && memcmp(of_a, of_b, (size_t)len_a) == 0;
}

/* Where nobody sees forks: children of a process that are still the same program, and theirs. */
static void add_relatives(struct meter *meter, struct measured *m, pid_t owner)
{
	size_t first = meter->n_processes - 1;

	m->has_children = false;
	for (size_t i = first; i < meter->n_processes && i - first < RELATIVES_MAX; i++) {
		pid_t pid = meter->processes[i].pid;
		char path[64], text[4096], *end;

		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
		if (lines_read(path, text, sizeof(text)))
			continue;
		for (char *next = text; *next; next = end + strspn(end, " \n")) {
			pid_t child = (pid_t)strtol(next, &end, 10);

			if (end == next)
				break;
			m->has_children = true;
			if (is_same_program(owner, child) && !add_process(meter, child, 0))
				return;
		}
	}
}

static void add_members(struct meter *meter, const struct measured *m)
{
	meter->pids.n = 0;
	if (group_list(&meter->roots, m->group_path, &meter->pids))
		return;
	for (size_t i = 0; i < meter->pids.n; i++)
		add_process(meter, meter->pids.items[i], 0);
}

/* Who belongs to it now: all members of a unit's group, else its process and those that forked from it. */
static void list_processes(struct meter *meter, struct measured *m, const struct service_info *info)
{
	bool is_unit = info->kind == SELECT_UNIT && m->group_path;

	m->first = meter->n_processes;
	m->families = !is_unit;
	if (is_unit)
		add_members(meter, m);
	if (meter->n_processes == m->first && info->pid &&
		add_process(meter, info->pid, info->start_boot_ns)) {
		m->families = true;
		/* Only who runs gets children. */
		if (!meter->iterated &&
			(m->has_children || !keep(meter, &meter->processes[m->first])))
			add_relatives(meter, m, info->pid);
	}
	m->n = meter->n_processes - m->first;
}

/* -- the phases: each does one piece, and says whether there is more of it ---------------------- */

static bool list_one(struct meter *meter)
{
	const struct services *services = meter->options.services;
	struct service_info info;
	struct measured *m;

	if (meter->cursor >= services->n)
		return false;
	service_info(services->items[meter->cursor], &info);
	m = measured_get(meter, services->items[meter->cursor++]);
	if (!m || !vec_reserve(meter->rows, meter->n_rows, meter->cap_rows))
		return true;
	m->pass = meter->pass;
	m->keeps_sockets = false;
	m->main = info.pid;
	meter->rows[meter->n_rows++] = m;
	set_group(meter, m, &info);
	list_processes(meter, m, &info);
	return true;
}

void meter_add_pid(pid_t pid, void *userdata)
{
	struct group_pids *pids = userdata;

	if (vec_reserve(pids->items, pids->n, pids->cap))
		pids->items[pids->n++] = pid;
}

struct usage_wanted meter_wanted(struct meter *meter)
{
	meter->pids.n = 0;
	if (meter->cursor++)
		return (struct usage_wanted){ 0 };
	for (size_t i = 0; i < meter->n_processes; i++)
		meter_add_pid(meter->processes[i].pid, &meter->pids);
	return (struct usage_wanted){ meter->pids.items, meter->pids.n };
}

static bool iterate(struct meter *meter)
{
	const struct backend_ops *ops = meter->options.ops;
	struct usage_wanted wanted;
	int err;

	if (!meter->iterated)
		return false;
	wanted = meter_wanted(meter);
	err = ops->usage(meter->options.backend, &wanted, tally_part, meter->tally);
	/* What it does not give, /proc does. */
	meter->iterated = err >= 0;
	return err > 0;
}

static bool read_one(struct meter *meter)
{
	const struct tally_process *process;

	if (meter->cursor >= meter->n_processes)
		return false;
	process = &meter->processes[meter->cursor++];
	if (!tally_has(meter->tally, process) && !keep(meter, process))
		usage_read_proc(process->pid, process->start_boot_ns, tally_part, meter->tally);
	return true;
}

static void tell_hung(struct meter *meter, const struct measured *m, bool before)
{
	struct service *service;

	if (!meter->callbacks.hung || before == (m->used.hung_threads != 0))
		return;
	service = service_by_number(meter, m->number);
	if (service)
		meter->callbacks.hung(service, meter->callbacks.userdata);
}

static bool is_frozen(
	const struct meter *meter, struct measured *m, const struct tally_process *main)
{
	/* Whoever has not run is as it was: to be frozen, or to go on, takes a moment of its time. */
	if (!m->main || tally_rests(meter->tally, main) <= 1)
		m->group_frozen = m->group_path && m->used.processes &&
				  group_is_frozen(&meter->roots, m->group_path);
	return m->group_frozen;
}

static enum standstill find_standstill(const struct meter *meter, struct measured *m)
{
	const struct tally_process main = { .pid = m->main };
	enum standstill how = STANDSTILL_NONE;

	if (m->main == LEFT || (m->main && tally_standstill(meter->tally, &main, &how)))
		return how;
	if (is_frozen(meter, m, &main))
		return STANDSTILL_FROZEN;
	return !m->main && m->used.processes && m->used.standing_still == m->used.processes
		       ? STANDSTILL_STOPPED
		       : STANDSTILL_NONE;
}

static void look_for_standstill(struct meter *meter, struct measured *m)
{
	enum standstill before = m->standstill;
	struct service *service;

	m->standstill = find_standstill(meter, m);
	if (m->standstill == before || !meter->callbacks.stood_still)
		return;
	service = service_by_number(meter, m->number);
	if (service)
		meter->callbacks.stood_still(service, meter->callbacks.userdata);
}

static bool sum_one(struct meter *meter)
{
	struct group_usage usage;
	struct measured *m;
	bool is_first, was_hung;
	uint64_t oom_kills;

	if (meter->cursor >= meter->n_rows)
		return false;
	m = meter->rows[meter->cursor++];
	is_first = !m->used.passed_boot_ns;
	was_hung = m->used.hung_threads != 0;
	tally_service(meter->tally, &meter->processes[m->first], m->n, m->families, &m->used);
	meter_sum_sockets(meter, m);
	m->at = clock_now();
	tell_hung(meter, m, was_hung);
	look_for_standstill(meter, m);
	if (m->group_path && group_of(m) && !group_read(&meter->roots, m->group_path, &usage)) {
		oom_kills = oom_kills_of(m);
		group_total_add(m->group, &usage, is_first, m->at.boot_ns);
		/* inotify tells of it an instant later, when it is no news any more. */
		if (oom_kills_of(m) != oom_kills)
			tell_oom_killed(meter, m);
	}
	return true;
}

/* Where the kernel's programs tell of every victim, there is only news after one. */
static bool may_have_oom_kills(struct meter *meter)
{
	struct watch_stats stats = { 0 };
	uint64_t before = meter->oom_told;

	if (meter->options.ops->kind != WATCH_KERNEL || !meter->machine.has_oom_kills)
		return true;
	meter->options.ops->stats(meter->options.backend, &stats);
	meter->oom_told = stats.events_oom + stats.lost_oom;
	return meter->oom_told != before;
}

static bool finish(struct meter *meter)
{
	machine_read(&meter->machine);
	if (may_have_oom_kills(meter))
		machine_read_oom_kills(&meter->machine);
	meter->machine_passed = true;
	sweep(meter);
	return false;
}

static const struct {
	bool (*step)(struct meter *meter);
	enum phase next;
} phases[] = {
	[LIST] = { list_one, ITERATE },
	[ITERATE] = { iterate, READ },
	[READ] = { read_one, SOCKETS_ALL },
	[SOCKETS_ALL] = { meter_sockets_all, SOCKETS_EACH },
	[SOCKETS_EACH] = { meter_sockets_each, SUM },
	[SUM] = { sum_one, FINISH },
	[FINISH] = { finish, IDLE },
};

static void leave_phase(struct meter *meter)
{
	enum phase left = meter->phase;

	meter->phase = phases[left].next;
	meter->cursor = 0;
	/* Without memory some processes are missing: the figures stay as they were. */
	if (left == READ && tally_end(meter->tally))
		meter->phase = FINISH;
}

static bool is_for_sockets(enum phase phase)
{
	return phase == SOCKETS_ALL || phase == SOCKETS_EACH;
}

/* True where the pass is over. */
static bool work(struct meter *meter, int64_t budget_ns)
{
	int64_t begun_ns = cpu_ns(), end_ns = clock_boot_ns() + budget_ns;
	int64_t phase_ns = begun_ns, now_ns = begun_ns;
	bool time_left;

	do {
		enum phase phase = meter->phase;
		bool more = phases[phase].step(meter);

		if (!more)
			leave_phase(meter);
		time_left = clock_boot_ns() < end_ns;
		if (more && time_left)
			continue;
		now_ns = cpu_ns();
		if (is_for_sockets(phase))
			meter->sockets_spent_ns += now_ns - phase_ns;
		phase_ns = now_ns;
	} while (meter->phase != IDLE && time_left);
	meter->spent_ns += now_ns - begun_ns;
	if (meter->phase == IDLE)
		meter->last_spent_ns = meter->spent_ns;
	return meter->phase == IDLE;
}

/* -- when ------------------------------------------------------------------------------------- */

static int on_turn(sd_event_source *source, void *userdata)
{
	struct meter *meter = userdata;

	if (meter->phase != IDLE && !work(meter, TURN_NS))
		return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	if (meter->callbacks.passed)
		meter->callbacks.passed(meter->callbacks.userdata);
	return 0;
}

bool meter_measure(struct meter *meter, int64_t budget_ns)
{
	int64_t now_ns = clock_boot_ns();
	int64_t rest_ns = MAX(FIGURES_EVERY_NS, meter->last_spent_ns * FIGURES_SHARE);

	if (meter->phase == IDLE) {
		if (meter->begun_boot_ns && now_ns - meter->begun_boot_ns < rest_ns)
			return false;
		meter->phase = LIST;
		meter->every = (uint32_t)MIN(1 + meter->n_processes / RESTING_MAX, RESTING_SHARE);
		meter->cursor = meter->n_rows = meter->n_processes = 0;
		meter->pass++;
		meter->begun_boot_ns = now_ns;
		meter->spent_ns = 0;
		meter->iterated = meter->options.ops->usage != NULL;
		tally_begin(meter->tally, now_ns);
	}
	sd_event_source_set_enabled(meter->turn, SD_EVENT_ONESHOT);
	if (budget_ns > 0)
		work(meter, budget_ns);
	return true;
}

bool meter_measure_on_request(struct meter *meter, int64_t budget_ns)
{
	int64_t before_ns = meter->asked_boot_ns;

	meter->asked_boot_ns = clock_boot_ns();
	if (before_ns && meter->begun_boot_ns > before_ns)
		return false;
	return meter_measure(meter, budget_ns);
}

/* -- the rest --------------------------------------------------------------------------------- */

/* What passes did not see of a process that is dead now. */
static void add_last(struct meter *meter, struct measured *m, const struct death *death)
{
	const struct tally_process process = { death->pid, death->start_boot_ns };
	const struct tally_last last = {
		.has_cpu = death->has_cpu,
		.has_faults = death->has_faults,
		.cpu_ns = (uint64_t)MAX(death->cpu_ns, (int64_t)0),
		.minor_faults = death->minor_faults,
		.major_faults = death->major_faults,
	};

	if (process.start_boot_ns)
		tally_died(meter->tally, &process, &last, &m->used);
}

void meter_event(struct meter *meter, struct service *service, enum service_event what)
{
	struct measured *m = measured_get(meter, service);
	struct service_info info;
	uint64_t oom_deaths;

	if (!m)
		return;
	service_info(service, &info);
	oom_deaths = m->ends.counts[END_OOM];
	ends_event(&m->ends, what, &info, clock_boot_ns());
	if (m->ends.counts[END_OOM] > oom_deaths && group_of(m))
		group_total_oom_death(m->group, info.last_death.at.boot_ns);
	if (info.pid != m->main) {
		m->standstill = STANDSTILL_NONE;
		m->main = LEFT;
	}
	if (what == SERVICE_DIED)
		add_last(meter, m, &info.last_death);
	if (what == SERVICE_APPEARED)
		set_group(meter, m, &info);
}

/* Its process, one that forked from that, or of a unit any in its control group. */
static bool is_of_service(const struct measured *m, const struct service *service,
	const struct notice *notice, const char *group)
{
	pid_t pid = service->owner.pid;

	if (pid && (process_same(&service->owner, &notice->process) || pid == notice->hang.family))
		return true;
	return service->kind == SELECT_UNIT && m->group_path && *group &&
	       cgroup_is_in(group, m->group_path);
}

void meter_hang(struct meter *meter, const struct notice *notice)
{
	const struct services *services = meter->options.services;
	const struct tally_thread thread = { notice->process.pid, notice->hang.thread };
	scoped(strbuf_release) struct strbuf group = STRBUF_INIT;

	if (!tally_hang(meter->tally, &thread, notice->hang.switches))
		return;
	process_cgroup(thread.pid, &group);
	for (size_t i = 0; i < services->n; i++) {
		struct measured *m = measured_find(services->items[i]);

		if (!m || !is_of_service(m, services->items[i], notice, group.s))
			continue;
		m->used.hung = thread;
		m->used.hung_threads++;
		tell_hung(meter, m, m->used.hung_threads > 1);
	}
}

void meter_figures(
	const struct meter *meter, const struct service *service, struct service_figures *ret)
{
	static const struct measured nothing;
	const struct measured *m = measured_find(service);

	if (!m)
		m = &nothing;
	*ret = (struct service_figures){
		.ends = &m->ends,
		.oom_kills = oom_kills_of(m),
		.passed = m->used.passed_boot_ns != 0,
		.at = m->at,
		.used = &m->used,
		.standstill = m->standstill,
		.group = m->group && m->group->known ? m->group : NULL,
		.has_sockets = m->has_sockets,
		.sockets = m->sockets,
		.listeners = m->listeners,
	};
}

enum standstill meter_standstill_now(const struct meter *meter, const struct service *service)
{
	const struct process *owner = &service->owner;
	struct process_stat stat;

	if (!owner->pid || process_stat_read(owner->pid, &stat) ||
		!usage_same_start(stat.start_boot_ns, owner->start_boot_ns))
		return STANDSTILL_NONE;
	if (process_stat_is_stopped(&stat))
		return STANDSTILL_STOPPED;
	return service->cgroup && group_is_frozen(&meter->roots, service->cgroup)
		       ? STANDSTILL_FROZEN
		       : STANDSTILL_NONE;
}

void meter_machine(const struct meter *meter, struct machine_figures *ret)
{
	*ret = (struct machine_figures){
		.passed = meter->machine_passed,
		.machine = &meter->machine,
		.passes = meter->pass,
		.pass_ns = meter->last_spent_ns,
	};
}

void meter_set_callbacks(struct meter *meter, const struct figures_callbacks *callbacks)
{
	meter->callbacks = *callbacks;
}

static int open_inotify(struct meter *meter)
{
	int err;

	/* Without it, limits are seen at the next pass. */
	meter->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (meter->inotify_fd < 0)
		return 0;
	err = sd_event_add_io(meter->options.event, &meter->inotify_source, meter->inotify_fd,
		EPOLLIN, on_inotify, meter);
	return err < 0 ? err : 0;
}

static int meter_open(struct meter *meter)
{
	struct strbuf own = STRBUF_INIT;
	int err;

	group_roots_find(&meter->roots);
	if (process_cgroup(getpid(), &own) || strbuf_finish(&own, &meter->own_group))
		strbuf_release(&own);
	err = tally_new(&meter->tally);
	if (!err)
		err = open_inotify(meter);
	if (!err)
		err = sd_event_add_defer(meter->options.event, &meter->turn, on_turn, meter);
	if (err < 0)
		return err;
	sd_event_source_set_enabled(meter->turn, SD_EVENT_OFF);
	/* Whatever watches and alerts goes first. */
	sd_event_source_set_priority(meter->turn, SD_EVENT_PRIORITY_IDLE);
	return 0;
}

int meter_new(const struct meter_options *options, struct meter **ret)
{
	struct meter *meter = calloc(1, sizeof(*meter));
	int err;

	if (!meter)
		return -ENOMEM;
	meter->options = *options;
	meter->inotify_fd = -1;
	err = meter_open(meter);
	if (err) {
		meter_free(meter);
		return err;
	}
	*ret = meter;
	return 0;
}

void meter_free(struct meter *meter)
{
	if (!meter)
		return;
	map_foreach (&meter->measured, entry)
		measured_free(meter, entry->value);
	map_release(&meter->measured);
	sd_event_source_disable_unref(meter->turn);
	sd_event_source_disable_unref(meter->inotify_source);
	closep(&meter->inotify_fd);
	tally_free(meter->tally);
	sockets_release(&meter->sockets);
	free(meter->rows);
	free(meter->processes);
	free(meter->pids.items);
	free(meter->own_group);
	free(meter);
}
