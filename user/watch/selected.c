/*
 * selected.c - services that are processes of some description: a program's, a pidfile's, a unit's. Pure.
 *
 * Who fits the description is found by whoever drives this; here it is decided what their coming and
 * going means. Living processes make a service live; its main one is who it is.
 */
#include "watch/service_private.h"

#include <signal.h>
#include "watch/kin.h"

/* Until a process that is just there listens: this, then twice that, ... */
#define LOOK_FIRST_NS	   (10 * NSEC_PER_MSEC)
#define LOOK_LAST_NS	   (5 * NSEC_PER_SEC)
#define LOOK_SOON_NS	   NSEC_PER_MSEC
#define LOOK_AFTER_GONE_NS (20 * NSEC_PER_MSEC)

static enum service_state judge(const struct service *service)
{
	const struct standing *standing = &service->standing;
	bool runs = service->owner.pid || standing->empty_ok;

	if (standing->failed)
		return SERVICE_DOWN;
	switch (service->expect) {
	case EXPECTED_LISTENING:
		/* Without a process systemd holds the sockets. */
		runs = service->owner.pid ? service->listening : standing->empty_ok;
		break;
	case EXPECTED_ANY:
		runs = runs || !service->died_since_up;
		break;
	case EXPECTED_RUNNING:
		break;
	}
	return runs ? SERVICE_UP : SERVICE_DOWN;
}

void selected_decide(struct service *service, struct instant at)
{
	service_set_state(service, judge(service), at);
}

bool service_outlived(const struct service *service, const struct process *process)
{
	return service->died && process->start_boot_ns + START_TICK_NS < service->lived_boot_ns;
}

static void forget_listeners(struct service *service)
{
	service->n_cookies = 0;
	service->listening = false;
	service->looks_in_vain = 0;
}

static void own(
	struct service *service, const struct process *process, bool started, struct instant at)
{
	struct process before = service->owner;

	/* How it was found at first is how it was before: nobody knows since when. */
	if (service->unasked && !started && !service->since.boot_ns)
		at.boot_ns = 0;
	service->unasked = false;
	service->missing_boot_ns = 0;
	if (process_same(&before, process)) {
		selected_decide(service, at);
		service_changed(service);
		return;
	}
	service_set_owner(service, process);
	service->last_signal = (struct tolld_signal){ 0 };
	services_let_go(service->set, &before);
	forget_listeners(service);
	service_look_by(service, at.boot_ns);
	if (service->died_since_up && (started || !service_outlived(service, process)))
		service->restarts++;
	service->died_since_up = false;
	selected_decide(service, at);
	service_tell(service, SERVICE_APPEARED);
}

void selected_adopt(struct service *service, const struct process *process, struct instant at)
{
	own(service, process, false, at);
}

void services_started(struct service *service, const struct process *process, struct instant at)
{
	own(service, process, true, at);
}

static bool is_clean(const struct death *death)
{
	/* Where nobody knows how, that it goes on says that all is well. */
	return (death->kind == DEATH_EXIT && death->exit_code == 0) ||
	       (death->kind == DEATH_UNKNOWN && death->untold != TOLD);
}

/* As systemd sees it, too (SuccessExitStatus=). */
static bool is_by_request(const struct death *death)
{
	return death->kind == DEATH_SIGNAL &&
	       (death->signal == SIGTERM || death->signal == SIGINT || death->signal == SIGHUP ||
		       death->signal == SIGPIPE);
}

void selected_exited(
	struct service *service, const struct notice *notice, const struct death *death)
{
	struct services *set = service->set;
	struct process heir;
	bool looks_like_main = service->kind == SELECT_UNIT && !service->standing.main_told;
	/* Those of a unit need not be related. */
	bool has_others = notice->exit.forked || service->kind == SELECT_UNIT;

	/* A daemon that forks and lets its parent exit has not died; nor has one that loses a worker. */
	if ((is_clean(death) || looks_like_main) && has_others && set->ops.heir &&
		set->ops.heir(service, notice, &heir, set->ops.userdata)) {
		service->standing.main_told = false;
		selected_adopt(service, &heir, death->at);
		return;
	}
	forget_listeners(service);
	if ((service->standing.may_end || service->expect == EXPECTED_ANY) &&
		(is_clean(death) || is_by_request(death))) {
		services_leave(service, death->at);
		return;
	}
	service_die(service, death);
}

void services_leave(struct service *service, struct instant at)
{
	struct process before = service->owner;

	service_set_owner(service, NULL);
	service->missing_boot_ns = 0;
	service->last_signal = (struct tolld_signal){ 0 };
	forget_listeners(service);
	/* What may end stands well without a process until systemd says otherwise. */
	if (service->standing.may_end)
		service->standing.empty_ok = true;
	services_let_go(service->set, &before);
	selected_decide(service, at);
	service_tell(service, SERVICE_LEFT);
}

void services_stand(struct service *service, const struct standing *standing, struct instant at)
{
	enum service_state before = service->state;
	bool is_first = service->unasked;

	/* How it was found is how it was before: nobody knows since when. */
	if (service->unasked && !service->since.boot_ns)
		at.boot_ns = 0;
	service->unasked = false;
	service->standing = *standing;
	selected_decide(service, at);
	if (service->state != before || is_first)
		service_tell(service, SERVICE_CHANGED);
	else
		service_changed(service);
}

void services_missed(struct service *service, const struct death *death, struct instant at)
{
	struct process alive = service->owner;

	if (service->died_since_up)
		service->restarts++;
	service_die(service, death);
	/* One that came after it lives already. */
	if (alive.pid)
		selected_adopt(service, &alive, at);
}

/* -- listeners ------------------------------------------------------------------------------ */

/* A process that is just there may take its time to listen. */
static int64_t look_again_ns(struct service *service)
{
	int64_t in_ns = LOOK_FIRST_NS << MIN(service->looks_in_vain, 10u);

	service->looks_in_vain++;
	return MIN(in_ns, LOOK_LAST_NS);
}

void services_listens(
	struct service *service, const uint64_t *cookies, size_t n, struct instant now)
{
	bool before = service->listening;

	service_looked(service);
	service->n_cookies = MIN(n, (size_t)SERVICE_COOKIES_MAX);
	memcpy(service->cookies, cookies, service->n_cookies * sizeof(*cookies));
	service->listening = n > 0;
	if (!service->listening && service->owner.pid)
		service_look_by(service, now.boot_ns + look_again_ns(service));
	if (service->listening)
		service->looks_in_vain = 0;
	if (!service->unasked)
		selected_decide(service, now);
	if (before != service->listening)
		service_tell(
			service, service->listening ? SERVICE_APPEARED : SERVICE_LISTENER_GONE);
}

void selected_notice_listen(
	struct service *service, const struct notice *notice, struct instant now)
{
	if (service->expect != EXPECTED_LISTENING)
		return;
	/* Whose it is, a look says. */
	if (notice->listen.opened) {
		service_look_by(service, now.boot_ns + LOOK_SOON_NS);
		return;
	}
	for (size_t i = 0; i < service->n_cookies; i++) {
		if (service->cookies[i] != notice->listen.cookie)
			continue;
		service->cookies[i] = service->cookies[--service->n_cookies];
		if (!service->n_cookies) {
			service->listening = false;
			selected_decide(service, instant_at(now, notice->at_boot_ns));
			service_tell(service, SERVICE_LISTENER_GONE);
		}
		service_look_by(service, now.boot_ns + LOOK_AFTER_GONE_NS);
		return;
	}
}
