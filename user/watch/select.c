/*
 * select.c - finds the processes that fit a description: when programs start, or by looking at all.
 */
#include "watch/select.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include "base/num.h"
#include "watch/kin.h"
#include "watch/owners.h"
#include "watch/pidfiles.h"
#include "watch/procfs.h"
#include "watch/units.h"
#include "watch/watch_private.h"

/*
 * Workers may outlive their master by an instant, or for good: only then are they the service. A
 * restart is not kept waiting by this, as its process is a new one.
 */
#define ORPHANS_WAIT_NS (2 * NSEC_PER_SEC)
/* Several that end at the same time share a look at all processes. */
#define FRESH_NS (10 * NSEC_PER_MSEC)
/* So many more for those who were made since. */
#define EARLY_LOOKS 4

bool selection_is_by_process(const struct selection *s)
{
	return s->kind == SELECT_EXE || s->kind == SELECT_CMDLINE;
}

/* -- does it fit? --------------------------------------------------------------------------- */

/* What a process is, read when first asked for, as most need only one of the two. */
struct looked_at {
	pid_t pid;
	struct running running;
	struct strbuf cmdline;
	int running_err, cmdline_err; /* 1: not asked yet */
};

static void looked_at_init(struct looked_at *p, pid_t pid)
{
	*p = (struct looked_at){ .pid = pid, .running_err = 1, .cmdline_err = 1 };
	strbuf_init(&p->cmdline, CMDLINE_MAX + 4096);
}

static void looked_at_release(struct looked_at *p)
{
	running_release(&p->running);
	strbuf_release(&p->cmdline);
}

static bool fits(const struct selection *s, struct looked_at *p)
{
	/* Whoever watches is no service of its own, though its arguments may name some. */
	if (p->pid == getpid())
		return false;
	if (s->kind == SELECT_EXE) {
		if (p->running_err == 1)
			p->running_err = running_read(p->pid, &p->running);
		return !p->running_err && program_is(&s->program, &p->running);
	}
	if (s->kind != SELECT_CMDLINE)
		return false;
	if (p->cmdline_err == 1)
		p->cmdline_err = process_cmdline(p->pid, &p->cmdline);
	return !p->cmdline_err && regex_matches(s->regex, p->cmdline.s, p->cmdline.len);
}

static bool pid_fits(const struct selection *s, pid_t pid)
{
	struct looked_at p;
	bool answer;

	looked_at_init(&p, pid);
	answer = fits(s, &p);
	looked_at_release(&p);
	return answer;
}

/* -- all processes -------------------------------------------------------------------------- */

/* One that lived already when its master died waits: it may be about to end, too. */
static bool must_wait(const struct service *service, const struct process *p, struct instant now)
{
	return service->died_since_up && service_outlived(service, p) &&
	       now.boot_ns - service->last_death.at.boot_ns < ORPHANS_WAIT_NS;
}

/* The first of several is the oldest: parents are older than their children. */
static void fit_found(struct selection *s, const struct process_stat *stat, struct instant now)
{
	const struct process p = { .pid = stat->pid, .start_boot_ns = stat->start_boot_ns };

	s->fits++;
	s->owner_fits |= s->service->owner.pid == stat->pid;
	/* Its end is told before it gives its program back (do_exit()), and would be told of it once more. */
	if (stat->exits)
		return;
	if (must_wait(s->service, &p, now))
		return;
	if (s->best_pid &&
		(s->best_start_boot_ns < stat->start_boot_ns ||
			(s->best_start_boot_ns == stat->start_boot_ns && s->best_pid < stat->pid)))
		return;
	s->best_pid = stat->pid;
	s->best_start_boot_ns = stat->start_boot_ns;
}

static void look_at(struct watch *watch, pid_t pid, struct instant now)
{
	struct process_stat stat = { 0 };
	struct looked_at p;

	looked_at_init(&p, pid);
	for (size_t i = 0; i < watch->finder.n; i++) {
		struct selection *s = watch->finder.items[i];

		if (!selection_is_by_process(s) || !fits(s, &p))
			continue;
		if (!stat.pid && (process_stat_read(pid, &stat) || process_stat_is_dead(&stat)))
			break;
		fit_found(s, &stat, now);
	}
	looked_at_release(&p);
}

/*
 * Watched first, then looked at once more: the number may have gone to another process since. Exits
 * that happened meanwhile come first.
 */
static bool watch_fitting(struct watch *watch, struct selection *s, pid_t pid, struct process *ret)
{
	struct process process;

	if (watch->ops->add_process(watch->backend, pid, s->service->name, &process))
		return false;
	watch->ops->drain(watch->backend);
	if (pid_fits(s, pid) && !services_is_dead(&watch->services, &process)) {
		*ret = process;
		return true;
	}
	services_let_go(&watch->services, &process);
	return false;
}

/*
 * Whoever is about to die gives its memory back first, and while the rest goes it lives, of no program and
 * without arguments: it has not become another one.
 */
static bool has_program(pid_t pid)
{
	char path[32], byte;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return readlink(path, &byte, 1) > 0;
}

static bool became_another(const struct selection *s, const struct process *process)
{
	return !pid_fits(s, process->pid) && has_program(process->pid) && process_lives(process);
}

static void take_best(struct watch *watch, struct selection *s)
{
	struct service *service = s->service;
	struct process process;

	service->processes = s->fits;
	if (service->owner.pid) {
		/* Nobody may have told that it became another program. */
		if (!s->owner_fits && !services_is_dead(&watch->services, &service->owner) &&
			became_another(s, &service->owner))
			services_leave(service, clock_now());
		return;
	}
	if (s->best_pid && watch_fitting(watch, s, s->best_pid, &process) && !service->owner.pid)
		services_adopt(service, &process, clock_now());
	else if (service->unasked)
		services_stand(service, &service->standing, clock_now());
}

static void prepare(struct watch *watch, bool thorough)
{
	for (size_t i = 0; i < watch->finder.n; i++) {
		struct selection *s = watch->finder.items[i];

		s->fits = 0;
		s->best_pid = 0;
		s->owner_fits = false;
		if (s->kind == SELECT_EXE && (thorough || !s->service->owner.pid))
			selection_tell_program(s);
	}
}

/* Which process fits each selection best, and how many do. */
static void collect(struct watch *watch, bool thorough)
{
	struct instant now = clock_now();
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	int64_t pid;

	watch->finder.collected_number = process_last_number();
	prepare(watch, thorough);
	while (proc && (entry = readdir(proc))) {
		if (num_parse_int(entry->d_name, 1, INT32_MAX, &pid) == 0)
			look_at(watch, (pid_t)pid, now);
	}
	if (proc)
		closedir(proc);
	watch->finder.collected_boot_ns = clock_boot_ns();
	pace_looked(&watch->finder.pace, now.boot_ns, watch->finder.collected_boot_ns);
}

/* Looks at all processes, and lets each service without one have the best that fits. */
static void scan(struct watch *watch, bool thorough)
{
	collect(watch, thorough);
	for (size_t i = 0; i < watch->finder.n; i++) {
		if (selection_is_by_process(watch->finder.items[i]))
			take_best(watch, watch->finder.items[i]);
	}
}

/* -- when ----------------------------------------------------------------------------------- */

int64_t select_next_deadline(const struct watch *watch)
{
	const struct finder *finder = &watch->finder;

	int64_t next = finder->scan_boot_ns;

	for (size_t i = 0; finder->n_everyone && i < finder->n; i++) {
		if (finder->items[i]->everyone)
			next = MIN(next, finder->items[i]->everyone->next_boot_ns);
	}
	return finder->n_by_process ? MIN(next, pace_next(&finder->pace)) : next;
}

void select_due(struct watch *watch, struct instant now)
{
	struct finder *finder = &watch->finder;

	if (select_next_deadline(watch) > now.boot_ns)
		return;
	for (size_t i = 0; finder->n_everyone && i < finder->n; i++) {
		const struct everyone *everyone = finder->items[i]->everyone;

		if (everyone && everyone->next_boot_ns <= now.boot_ns)
			selection_look_at_everyone(finder->items[i]);
	}
	if (finder->scan_boot_ns <= now.boot_ns) {
		finder->scan_boot_ns = BOOT_NS_NEVER;
		if (finder->n_by_process)
			scan(watch, false);
		pidfiles_look(watch);
	} else if (!finder->n_by_process || pace_next(&finder->pace) > now.boot_ns) {
		return;
	} else if (pace_is_needed(&finder->pace, process_last_number())) {
		scan(watch, false);
	} else {
		pace_looked(&finder->pace, now.boot_ns, now.boot_ns);
	}
}

static void scan_by(struct watch *watch, int64_t boot_ns)
{
	watch->finder.scan_boot_ns = MIN(watch->finder.scan_boot_ns, boot_ns);
}

void select_lost_process(struct service *service, struct instant now)
{
	struct selection *s = service->selection;

	service->processes = 0;
	if (!s)
		return;
	if (selection_is_by_process(s)) {
		s->watch->finder.pace.died_boot_ns = now.boot_ns;
		s->watch->finder.pace.is_quiet = false;
		scan_by(s->watch, now.boot_ns + ORPHANS_WAIT_NS + NSEC_PER_MSEC);
	}
}

void select_resync(struct watch *watch)
{
	if (watch->finder.n_by_process)
		scan(watch, true);
	pidfiles_resync(watch);
	units_resync(watch);
}

/* -- programs that start -------------------------------------------------------------------- */

/* A process that was it may run another program now. */
static void check_owned(struct watch *watch, const struct process *process, struct instant at)
{
	struct service *service = services_of(&watch->services, process, NULL), *next;

	for (; service; service = next) {
		next = services_of(&watch->services, process, service);
		if (service->selection && selection_is_by_process(service->selection) &&
			became_another(service->selection, process))
			services_leave(service, at);
	}
}

/* It may be dead before anything could be read of it: its inode was told. */
static bool started_fits(
	const struct selection *s, const struct notice *notice, struct looked_at *p)
{
	if (fits(s, p))
		return true;
	return s->kind == SELECT_EXE && p->running_err == -ESRCH && s->told_inode &&
	       s->told_inode == notice->exec.inode;
}

static void program_started(struct watch *watch, const struct notice *notice, struct instant now)
{
	struct instant at = instant_at(now, notice->at_boot_ns);
	struct looked_at p;

	looked_at_init(&p, notice->process.pid);
	for (size_t i = 0; i < watch->finder.n; i++) {
		struct selection *s = watch->finder.items[i];

		if (selection_is_by_process(s) && !s->service->owner.pid &&
			started_fits(s, notice, &p))
			services_started(s->service, &notice->process, at);
	}
	looked_at_release(&p);
	units_started(watch, notice, at);
	services_let_go(&watch->services, &notice->process);
}

void select_notice(struct watch *watch, const struct notice *notice, struct instant now)
{
	if (notice->kind == NOTICE_STARTS)
		scan_by(watch, now.boot_ns + 100 * NSEC_PER_MSEC + watch->finder.pace.cost_ns * 50);
	if (notice->kind != NOTICE_EXEC)
		return;
	if (notice->exec.was_looked_for)
		program_started(watch, notice, now);
	else
		check_owned(watch, &notice->process, now);
}

/* -- heirs ---------------------------------------------------------------------------------- */

static int by_age(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return x->start_boot_ns < y->start_boot_ns ? -1 : x->start_boot_ns > y->start_boot_ns;
}

/* The oldest that fits and lives. */
static bool heir_in_family(
	struct watch *watch, struct selection *s, pid_t family_pid, struct process *ret)
{
	struct process family[OWNERS_MAX];
	size_t n = watch->ops->family(watch->backend, family_pid, family, OWNERS_MAX);

	if (n)
		qsort(family, n, sizeof(*family), by_age);
	for (size_t i = 0; i < n; i++) {
		struct process process;

		if (!pid_fits(s, family[i].pid) ||
			!watch_fitting(watch, s, family[i].pid, &process))
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

/* When thousands end at once they share a look at all processes; of those made since, not many have one of their own. */
static bool must_look(struct finder *finder)
{
	int64_t age_ns = clock_boot_ns() - finder->collected_boot_ns;

	if (age_ns > MAX(FRESH_NS, 10 * finder->pace.cost_ns)) {
		finder->early_looks = 0;
		return true;
	}
	return process_last_number() != finder->collected_number &&
	       finder->early_looks++ < EARLY_LOOKS;
}

/*
 * Where nobody sees forks: any that fits. Who is found in a shared look is looked at once more. *ret_again: he has
 * ended since, and another one may be there.
 */
static bool heir_among_all(struct watch *watch, struct selection *s, const struct notice *exit,
	struct process *ret, bool *ret_again)
{
	struct process_stat stat;

	*ret_again = false;
	if (must_look(&watch->finder))
		collect(watch, false);
	if (!s->best_pid || s->best_pid == s->service->owner.pid)
		return false;
	if (process_stat_read(s->best_pid, &stat) == 0 && kin_inherits(exit, &stat) &&
		watch_fitting(watch, s, s->best_pid, ret))
		return true;
	*ret_again = process_stat_read(s->best_pid, &stat) || stat.exits;
	if (*ret_again)
		watch->finder.collected_number = 0;
	return false;
}

static bool heir_by_process(struct selection *s, const struct notice *exit, struct process *ret)
{
	struct watch *watch = s->watch;
	bool found = false, again = true;

	for (int round = 0; !found && again && round < HEIR_ROUNDS; round++) {
		pid_t last = process_last_number();

		if (!watch->ops->family) {
			found = heir_among_all(watch, s, exit, ret, &again);
			continue;
		}
		found = heir_in_family(watch, s, exit->exit.family, ret);
		again = !last || process_last_number() != last;
	}
	return found;
}

/* The file may be that of a restart already: then it is looked at anew, after the death was told. */
static bool heir_by_pidfile(
	struct watch *watch, struct selection *s, const struct notice *exit, struct process *ret)
{
	struct process_stat stat;

	if (!pidfile_heir(s, ret))
		return false;
	if (watch->ops->family ||
		(process_stat_read(ret->pid, &stat) == 0 && kin_inherits(exit, &stat)))
		return true;
	services_let_go(&watch->services, ret);
	scan_by(watch, clock_boot_ns());
	return false;
}

bool select_heir(struct service *service, const struct notice *exit, struct process *ret)
{
	struct selection *s = service->selection;

	if (!s)
		return false;
	if (s->kind == SELECT_PIDFILE)
		return heir_by_pidfile(s->watch, s, exit, ret);
	/* Of a restart systemd tells, too. */
	if (s->kind == SELECT_UNIT)
		return units_heir(service, ret);
	return selection_is_by_process(s) && heir_by_process(s, exit, ret);
}
