/*
 * history.c - what became of each service. Pure.
 *
 * An event stands in two lists: that of its service and that of all, the oldest first in both. Those
 * that a disk is to have stand in a queue besides, so that a storm of deaths fills this queue and not
 * that of the disk, where alerts have to pass.
 */
#include "watch/history.h"

#include <errno.h>
#include "base/map.h"

/* Starts are known to a tick of the kernel's where /proc says them. */
#define TICK_NS (10 * NSEC_PER_MSEC)
/* A group tells of a kill before, or soon after, the death of the one that was killed is told. */
#define OOM_APART_NS (5 * NSEC_PER_SEC)

struct history_list {
	char *service;
	struct history_event *oldest, *newest;
	size_t n;
	bool met; /* what happened while tolld did not run is known */
};

struct history {
	struct history_options options;
	struct map lists; /* by service */
	struct history_event *oldest, *newest;
	size_t n;
	int64_t last_id;
	struct history_event *first_unkept, **last_unkept;
	struct strbuf row;
};

const char *history_kind_name(enum history_kind kind)
{
	static const char *const names[HISTORY_KINDS] = {
		[HISTORY_START] = "start",
		[HISTORY_DEATH] = "death",
		[HISTORY_LISTENER_GONE] = "listener_gone",
		[HISTORY_LISTENER_BACK] = "listener_back",
		[HISTORY_LEFT] = "left",
		[HISTORY_STATE] = "state",
		[HISTORY_HUNG] = "hung",
		[HISTORY_HUNG_OVER] = "hung_over",
		[HISTORY_OOM] = "oom_kill",
	};

	return names[kind];
}

/* -- life ----------------------------------------------------------------------------------- */

int history_new(const struct history_options *options, struct history **ret)
{
	struct history *history = calloc(1, sizeof(*history));

	if (!history)
		return -ENOMEM;
	history->options = *options;
	if (!history->options.per_service)
		history->options.per_service = HISTORY_PER_SERVICE;
	if (!history->options.total)
		history->options.total = HISTORY_TOTAL;
	history->lists = MAP_INIT;
	history->last_unkept = &history->first_unkept;
	history->row = STRBUF_INIT;
	*ret = history;
	return 0;
}

static void event_free(struct history_event *event)
{
	free(event->death);
	free(event->hang);
	free(event);
}

static void list_free(struct history_list *list)
{
	free(list->service);
	free(list);
}

/* Those that are only waiting to be deleted from the disk. */
static void free_gone(struct history *history)
{
	struct history_event *next;

	for (struct history_event *e = history->first_unkept; e; e = next) {
		next = e->next_unkept;
		if (e->gone)
			event_free(e);
	}
}

void history_free(struct history *history)
{
	struct history_event *newer;

	if (!history)
		return;
	free_gone(history);
	for (struct history_event *e = history->oldest; e; e = newer) {
		newer = e->newer_of_all;
		event_free(e);
	}
	map_foreach (&history->lists, l)
		list_free(l->value);
	map_release(&history->lists);
	strbuf_release(&history->row);
	free(history);
}

static struct history_list *list_of(struct history *history, const char *service)
{
	struct history_list *list = map_gets(&history->lists, service);

	if (list)
		return list;
	list = calloc(1, sizeof(*list));
	if (!list)
		return NULL;
	list->service = strdup(service);
	if (!list->service || map_puts(&history->lists, service, list)) {
		list_free(list);
		return NULL;
	}
	return list;
}

/* -- what is kept --------------------------------------------------------------------------- */

static void want_kept(struct history *history, struct history_event *event)
{
	if (event->unkept || !history->options.keep)
		return;
	event->unkept = true;
	event->next_unkept = NULL;
	*history->last_unkept = event;
	history->last_unkept = &event->next_unkept;
}

static bool keep(struct history *history, const struct history_event *event)
{
	const struct history_options *o = &history->options;

	if (event->gone)
		return o->keep(event->id, NULL, 0, NULL, o->userdata);
	strbuf_reset(&history->row);
	return history_row_write(event, o->boot_id, &history->row) == 0 &&
	       o->keep(event->id, event->list->service, event->at.wall_ms, history->row.s,
		       o->userdata);
}

bool history_wants_keeping(const struct history *history)
{
	return history->first_unkept != NULL;
}

bool history_flush(struct history *history, size_t most)
{
	struct history_event *event;

	while ((event = history->first_unkept)) {
		if (!most-- || !keep(history, event))
			return false;
		history->first_unkept = event->next_unkept;
		if (!history->first_unkept)
			history->last_unkept = &history->first_unkept;
		event->unkept = false;
		if (event->gone)
			event_free(event);
	}
	return true;
}

/* -- the lists ------------------------------------------------------------------------------ */

static void unlink_of_all(struct history *history, struct history_event *event)
{
	*(event->older_of_all ? &event->older_of_all->newer_of_all : &history->oldest) =
		event->newer_of_all;
	*(event->newer_of_all ? &event->newer_of_all->older_of_all : &history->newest) =
		event->older_of_all;
	history->n--;
}

/* The list of a service of which nothing is known any more goes, too. */
static void unlink_of_service(struct history *history, struct history_event *event)
{
	struct history_list *list = event->list;

	*(event->older ? &event->older->newer : &list->oldest) = event->newer;
	*(event->newer ? &event->newer->older : &list->newest) = event->older;
	event->list = NULL;
	if (--list->n)
		return;
	map_dels(&history->lists, list->service);
	list_free(list);
}

static void event_drop(struct history *history, struct history_event *event)
{
	unlink_of_all(history, event);
	unlink_of_service(history, event);
	event->gone = true;
	want_kept(history, event);
	if (!event->unkept)
		event_free(event);
}

static void append(struct history *history, struct history_list *list, struct history_event *event)
{
	event->list = list;
	event->older = list->newest;
	*(list->newest ? &list->newest->newer : &list->oldest) = event;
	list->newest = event;
	list->n++;
	event->older_of_all = history->newest;
	*(history->newest ? &history->newest->newer_of_all : &history->oldest) = event;
	history->newest = event;
	history->n++;
	history->last_id = MAX(history->last_id, event->id);
	if (list->n > history->options.per_service)
		event_drop(history, list->oldest);
	if (history->n > history->options.total)
		event_drop(history, history->oldest);
}

/* Takes the event, also where there is no memory for its list. */
static struct history_event *add(
	struct history *history, const char *service, struct history_event *event)
{
	struct history_list *list = list_of(history, service);

	if (!list) {
		event_free(event);
		return NULL;
	}
	append(history, list, event);
	return event;
}

size_t history_events(const struct history *history)
{
	return history->n;
}

void history_expire(struct history *history, struct instant now)
{
	while (history->oldest && now.boot_ns - history->oldest->at.boot_ns > HISTORY_AGE_NS)
		event_drop(history, history->oldest);
}

static int64_t boot_of(int64_t wall_ms, struct instant now)
{
	/* A clock that was set back makes nothing happen in the future. */
	return now.boot_ns - MAX(now.wall_ms - wall_ms, (int64_t)0) * NSEC_PER_MSEC;
}

void history_wall_jumped(struct history *history, int64_t by_ms, struct instant now)
{
	for (struct history_event *e = history->newest; e; e = e->older_of_all) {
		if (e->restored) {
			e->at.boot_ns = boot_of(e->at.wall_ms, now);
			continue;
		}
		e->at.wall_ms += by_ms;
		if (e->death)
			e->death->at.wall_ms += by_ms;
		want_kept(history, e);
	}
}

int history_restore(struct history *history, int64_t id, const char *service, int64_t at_wall_ms,
	const char *row, struct instant now)
{
	struct history_event *event = calloc(1, sizeof(*event));
	int err;

	if (!event)
		return -ENOMEM;
	event->id = id;
	event->at = (struct instant){ boot_of(at_wall_ms, now), at_wall_ms };
	event->restored = event->told = true;
	err = history_row_read(row, history->options.boot_id, event);
	if (err) {
		event_free(event);
		return err;
	}
	return add(history, service, event) ? 0 : -ENOMEM;
}

/* -- what happens --------------------------------------------------------------------------- */

static struct history_event *last_of_kind(const struct history_list *list, enum history_kind kind)
{
	struct history_event *e = list ? list->newest : NULL;

	while (e && e->kind != kind)
		e = e->older;
	return e;
}

/* The start whose end nobody has seen. */
static const struct history_event *last_life(const struct history_list *list)
{
	const struct history_event *e = list ? list->newest : NULL;

	while (e && e->kind != HISTORY_START) {
		if (e->kind == HISTORY_DEATH || e->kind == HISTORY_LEFT)
			return NULL;
		e = e->older;
	}
	return e;
}

static bool is_process_of(const struct history_event *start, const struct service_info *info)
{
	return start->pid == info->pid && start->start_boot_ns &&
	       llabs(start->start_boot_ns - info->start_boot_ns) <= TICK_NS;
}

static struct history_event *event_new(struct history *history, const struct service_info *info,
	enum history_kind kind, struct instant at)
{
	struct history_event *event = calloc(1, sizeof(*event));

	if (!event)
		return NULL;
	event->id = history->last_id + 1;
	event->kind = kind;
	event->at = at;
	event->state = info->state;
	event->pid = info->pid;
	event->start_boot_ns = info->start_boot_ns;
	memcpy(event->comm, info->comm, sizeof(event->comm));
	return event;
}

/* Of the dead instead of the living. */
static bool take_death(struct history_event *event, const struct death *death)
{
	event->death = malloc(sizeof(*death));
	if (!event->death)
		return false;
	*event->death = *death;
	event->pid = death->pid;
	event->start_boot_ns = death->start_boot_ns;
	memcpy(event->comm, death->comm, sizeof(event->comm));
	return true;
}

static bool is_about(const struct history_event *oom, const struct history_event *death)
{
	return llabs(oom->at.boot_ns - death->at.boot_ns) <= OOM_APART_NS;
}

static struct history_event *note(
	struct history *history, const struct service_info *info, struct history_event *event)
{
	if (!event)
		return NULL;
	event = add(history, info->name, event);
	if (event) {
		event->list->met = true;
		want_kept(history, event);
	}
	return event;
}

static struct history_event *note_death(
	struct history *history, const struct service_info *info, const struct death *death)
{
	struct history_event *before = history_last_of_kind(history, info->name, HISTORY_DEATH);
	struct history_event *event = event_new(history, info, HISTORY_DEATH, death->at);

	if (!event)
		return NULL;
	/* Nobody learns more about the one before. */
	if (before)
		before->death->final = true;
	event->state = SERVICE_DOWN;
	if (!take_death(event, death)) {
		event_free(event);
		return NULL;
	}
	return note(history, info, event);
}

/* It lived when tolld was last here, and it is another one now, or none. */
static void find_missed_death(struct history *history, const struct service_info *info,
	const struct history_event *life, struct instant now)
{
	struct death death = {
		.pid = life->pid,
		.at = now,
		.kind = DEATH_UNKNOWN,
		.untold = UNTOLD_WHILE_AWAY,
		.final = true,
	};

	/* It was over at the latest when the next one began. */
	if (info->start_boot_ns && info->start_boot_ns < now.boot_ns) {
		death.at.boot_ns = MAX(info->start_boot_ns, life->at.boot_ns + 1);
		death.at.wall_ms -= (now.boot_ns - death.at.boot_ns) / NSEC_PER_MSEC;
	}
	memcpy(death.comm, life->comm, sizeof(death.comm));
	note_death(history, info, &death);
}

/* One that stopped listening before tolld ended is nobody's process now, and lives all the same. */
static bool lives(const struct history *history, const struct history_event *life)
{
	return history->options.lives && life->start_boot_ns &&
	       history->options.lives(life->pid, life->start_boot_ns);
}

static void meet(struct history *history, const struct service_info *info, struct instant now)
{
	struct history_list *list = map_gets(&history->lists, info->name);
	const struct history_event *life = last_life(list);

	if (!list || list->met || info->state == SERVICE_UNKNOWN)
		return;
	list->met = true;
	if (life && life->pid && !is_process_of(life, info) && !lives(history, life))
		find_missed_death(history, info, life, now);
}

bool history_has_met(const struct history *history, const char *service)
{
	const struct history_list *list = map_gets(&history->lists, service);

	return list && list->met;
}

bool history_since(const struct history *history, const char *service, enum service_state state,
	int64_t *ret_wall_ms)
{
	const struct history_list *list = map_gets(&history->lists, service);
	const struct history_event *first = NULL;

	for (const struct history_event *e = list ? list->newest : NULL; e && e->state == state;
		e = e->older)
		first = e;
	if (first)
		*ret_wall_ms = first->at.wall_ms;
	return first != NULL;
}

const struct death *history_meet(
	struct history *history, const struct service_info *info, struct instant now)
{
	const struct history_list *list;
	const struct history_event *death;

	meet(history, info, now);
	list = map_gets(&history->lists, info->name);
	death = list && list->met ? last_of_kind(list, HISTORY_DEATH) : NULL;
	return death ? death->death : NULL;
}

/* One that ended with its work done and comes again, as oneshot units do, is not restarted. */
static bool is_restart(const struct history_list *list)
{
	for (const struct history_event *e = list ? list->newest : NULL; e; e = e->older) {
		if (e->kind == HISTORY_START || e->kind == HISTORY_DEATH)
			return true;
		if (e->kind == HISTORY_LEFT)
			return false;
	}
	return false;
}

/* The state is as old as the event that changed it; one that was up all the time changed just now. */
static struct instant appeared_at(
	const struct history_list *list, const struct service_info *info, struct instant now)
{
	const struct history_event *newest = list ? list->newest : NULL;
	bool is_news =
		info->since.boot_ns && (!newest || info->since.boot_ns >= newest->at.boot_ns);

	return is_news ? info->since : now;
}

static bool has_lost_its_listener(const struct history_list *list)
{
	const struct history_event *gone = last_of_kind(list, HISTORY_LISTENER_GONE);
	const struct history_event *back = last_of_kind(list, HISTORY_LISTENER_BACK);

	return gone && gone->id > last_of_kind(list, HISTORY_START)->id &&
	       (!back || back->id < gone->id);
}

static struct history_event *note_appeared(
	struct history *history, const struct service_info *info, struct instant now)
{
	const struct history_list *list = map_gets(&history->lists, info->name);
	const struct history_event *life = last_life(list);
	bool found = !info->since.boot_ns;
	struct history_event *event;

	if (life && is_process_of(life, info)) {
		if (!has_lost_its_listener(list))
			return NULL;
		event = event_new(history, info, HISTORY_LISTENER_BACK, now);
	} else {
		event = event_new(history, info, HISTORY_START, appeared_at(list, info, now));
		if (event) {
			event->found = found;
			event->restart = is_restart(list);
		}
	}
	return note(history, info, event);
}

/* What its group told of the kill says no more than the death itself, before which or after which it came. */
static void drop_oom_of(struct history *history, const struct history_event *death)
{
	struct history_event *e = death->list->newest;

	while (e && e->kind != HISTORY_OOM)
		e = e->older;
	if (e && death->death->kind == DEATH_OOM && is_about(e, death))
		event_drop(history, e);
}

static struct history_event *note_cause(struct history *history, const struct service_info *info)
{
	const struct death *death = &info->last_death;
	struct history_list *list = map_gets(&history->lists, info->name);
	struct history_event *e = list ? list->newest : NULL;

	while (e && (e->kind != HISTORY_DEATH || e->pid != death->pid ||
			    e->start_boot_ns != death->start_boot_ns))
		e = e->older;
	if (!e)
		return NULL;
	*e->death = *death;
	want_kept(history, e);
	drop_oom_of(history, e);
	return e;
}

/* It was so when tolld was here last, and is so as it looks for the first time. */
static bool is_known_state(const struct history *history, const struct service_info *info)
{
	const struct history_list *list = map_gets(&history->lists, info->name);

	return !info->since.boot_ns && list && list->newest && list->newest->state == info->state;
}

struct history_event *history_note(struct history *history, const struct service_info *info,
	enum service_event what, struct instant now)
{
	struct history_event *event;

	meet(history, info, now);
	switch (what) {
	case SERVICE_APPEARED:
		return note_appeared(history, info, now);
	case SERVICE_DIED:
		event = note_death(history, info, &info->last_death);
		if (event)
			drop_oom_of(history, event);
		return event;
	case SERVICE_CAUSE:
		return note_cause(history, info);
	case SERVICE_LISTENER_GONE:
		/* After a death it goes without saying. */
		return info->pid ? note(history, info,
					   event_new(history, info, HISTORY_LISTENER_GONE, now))
				 : NULL;
	case SERVICE_LEFT:
		return note(history, info, event_new(history, info, HISTORY_LEFT, now));
	case SERVICE_CHANGED:
		return is_known_state(history, info)
			       ? NULL
			       : note(history, info, event_new(history, info, HISTORY_STATE, now));
	}
	return NULL;
}

/* The hang whose end nobody has told: with the life it was of it is over, too. */
static const struct history_event *open_hang(const struct history_list *list)
{
	const struct history_event *e = list ? list->newest : NULL;

	while (e && e->kind != HISTORY_HUNG) {
		if (e->kind == HISTORY_HUNG_OVER || e->kind == HISTORY_DEATH ||
			e->kind == HISTORY_START || e->kind == HISTORY_LEFT)
			return NULL;
		e = e->older;
	}
	return e;
}

struct history_event *history_note_hang(struct history *history, const struct service_info *info,
	pid_t pid, const struct history_hang *hang, struct instant now)
{
	struct history_event *event;

	meet(history, info, now);
	if (!open_hang(map_gets(&history->lists, info->name)) == !hang)
		return NULL;
	event = event_new(history, info, hang ? HISTORY_HUNG : HISTORY_HUNG_OVER, now);
	if (!event || !hang)
		return note(history, info, event);
	event->hang = malloc(sizeof(*hang));
	if (!event->hang) {
		event_free(event);
		return NULL;
	}
	*event->hang = *hang;
	/* Of a worker the name is not known. */
	if (pid != event->pid)
		*event->comm = '\0';
	event->pid = pid;
	return note(history, info, event);
}

struct history_event *history_note_oom(
	struct history *history, const struct service_info *info, struct instant now)
{
	struct history_event *death, *event;

	meet(history, info, now);
	death = history_last_of_kind(history, info->name, HISTORY_DEATH);
	event = event_new(history, info, HISTORY_OOM, now);
	if (!event)
		return NULL;
	if (death && death->death->kind == DEATH_OOM && is_about(event, death)) {
		event_free(event);
		return NULL;
	}
	/* Which one it was the group does not tell. */
	event->pid = 0;
	event->start_boot_ns = 0;
	*event->comm = '\0';
	return note(history, info, event);
}

struct history_event *history_last(const struct history *history, const char *service)
{
	const struct history_list *list = map_gets(&history->lists, service);

	return list ? list->newest : NULL;
}

const char *history_service(const struct history_event *event)
{
	return event->list->service;
}

struct history_event *history_last_of_kind(
	const struct history *history, const char *service, enum history_kind kind)
{
	return last_of_kind(map_gets(&history->lists, service), kind);
}

unsigned history_restarts(const struct history *history, const char *service, struct instant now)
{
	unsigned n = 0;

	for (const struct history_event *e = history_last(history, service); e; e = e->older) {
		if (now.boot_ns - e->at.boot_ns > HISTORY_RECENT_NS)
			break;
		n += e->kind == HISTORY_START && e->restart;
	}
	return n;
}

void history_describe_restarts(
	const struct history *history, const char *service, struct instant now, struct strbuf *out)
{
	unsigned n = out->len ? history_restarts(history, service, now) : 0;

	if (n == 1)
		strbuf_adds(out, "; restarted once in the last hour");
	else if (n)
		strbuf_addf(out, "; restarted %u times in the last hour", n);
}
