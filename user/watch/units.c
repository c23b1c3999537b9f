/*
 * units.c - keeps what systemd says of units, those that are selected and those that start them.
 */
#include "watch/units_private.h"

#include <errno.h>
#include <stdio.h>

/*
 * A service is asked at most so often because of a unit that may start it: where that is loaded with the
 * service, and starts another, each question would be a reason for the next.
 */
#define SEEK_NS (100 * NSEC_PER_MSEC)
/* Without systemd control groups are looked at so often; first after it has had the time to begin anew. */
#define LOOK_NS (2 * NSEC_PER_SEC)

/* -- units ---------------------------------------------------------------------------------- */

struct unit *unit_find(const struct units *units, const char *name)
{
	return map_gets(&units->by_name, name);
}

static void unit_free(struct unit *unit)
{
	unit_facts_release(&unit->facts);
	free(unit->services);
	free(unit->told_program);
	free(unit->name);
	free(unit);
}

static int unit_keep(struct units *units, const char *name, struct unit **ret)
{
	struct unit *unit = unit_find(units, name);

	if (!unit) {
		unit = calloc(1, sizeof(*unit));
		if (!unit)
			return -ENOMEM;
		unit->units = units;
		unit->name = strdup(name);
		if (!unit->name || map_puts(&units->by_name, name, unit)) {
			unit_free(unit);
			return -ENOMEM;
		}
	}
	*ret = unit;
	return 0;
}

static bool is_trigger_of(const struct unit *trigger, const struct unit *unit)
{
	for (size_t i = 0; i < unit->facts.n_triggers; i++) {
		if (streq(unit->facts.triggers[i], trigger->name))
			return true;
	}
	return false;
}

bool unit_is_service(const char *name)
{
	return unit_fits("*", name);
}

/* -- from systemd --------------------------------------------------------------------------- */

static bool is_selected(const struct units *units, const char *name)
{
	const struct watch *watch = units->watch;

	if (!unit_is_service(name))
		return false;
	for (size_t i = 0; i < watch->finder.n; i++) {
		const struct selection *s = watch->finder.items[i];

		if (s->kind == SELECT_UNIT &&
			(s->service ? streq(s->service->unit, name) : unit_fits(s->text, name)))
			return true;
	}
	return false;
}

static void on_loaded(const char *name, void *userdata)
{
	struct units *units = userdata;
	struct unit *unit;

	/* One that is known already may have changed while the connection was lost. */
	if ((unit_find(units, name) || is_selected(units, name)) &&
		unit_keep(units, name, &unit) == 0)
		systemd_ask(units->systemd, name);
}

/*
 * A socket, a timer or a path was loaded, mostly to be started. A service that is not wanted otherwise is not told
 * of what starts it from then on, so it is asked: by its name, which is the other's unless somebody says so.
 */
static void seek_trigger(struct units *units, const char *name)
{
	struct strbuf service = STRBUF_INIT;
	const char *dot = strrchr(name, '.');
	struct unit *unit = NULL;

	strbuf_addf(&service, "%.*s.service", dot ? (int)(dot - name) : 0, name);
	if (!service.err)
		unit = unit_find(units, service.s);
	strbuf_release(&service);
	if (!unit || clock_boot_ns() - unit->sought_boot_ns < SEEK_NS)
		return;
	unit->sought_boot_ns = clock_boot_ns();
	systemd_ask(units->systemd, unit->name);
}

/*
 * A unit that nobody wants is loaded by each question and forgotten after the answer: to ask because it is loaded
 * would go on for ever, and keep systemd and us busy. It is asked again once it is about to run.
 */
static void on_new(const char *name, void *userdata)
{
	struct unit *unit = unit_find(userdata, name);

	if (unit)
		unit->anew = true;
	else if (unit_is_service(name))
		on_loaded(name, userdata);
	else
		seek_trigger(userdata, name);
}

static void ask_if_anew(struct unit *unit)
{
	if (!unit->anew || streq(unit->facts.info.active_state, "inactive"))
		return;
	unit->anew = false;
	systemd_ask(unit->units->systemd, unit->name);
}

static void on_listed(void *userdata)
{
}

/* Neither active nor wanted: systemd forgets those. */
static void on_unloaded(const char *name, void *userdata)
{
	struct units *units = userdata;
	struct unit *unit = unit_find(units, name);

	if (!unit || !unit->known)
		return;
	snprintf(unit->facts.info.active_state, sizeof(unit->facts.info.active_state), "inactive");
	snprintf(unit->facts.info.sub_state, sizeof(unit->facts.info.sub_state), "dead");
	unit->facts.info.main_pid = 0;
	unit_changed(unit);
}

static void ask_triggers(struct unit *unit)
{
	for (size_t i = 0; i < unit->facts.n_triggers; i++) {
		struct unit *trigger;

		if (!unit_find(unit->units, unit->facts.triggers[i]) &&
			unit_keep(unit->units, unit->facts.triggers[i], &trigger) == 0)
			systemd_ask(unit->units->systemd, trigger->name);
	}
}

static void judge_triggered(struct unit *trigger)
{
	map_foreach (&trigger->units->by_name, e) {
		struct unit *unit = e->value;

		if (unit != trigger && is_trigger_of(trigger, unit))
			unit_changed(unit);
	}
}

static void on_properties(
	const char *name, sd_bus_message *properties, bool is_last, void *userdata)
{
	struct units *units = userdata;
	struct unit *unit = unit_find(units, name);
	bool whole = false;
	int64_t active_us;

	if (!unit || (!unit->known && !is_last))
		return;
	active_us = unit->facts.active_us;
	if (properties && unit_read(properties, &unit->facts))
		return;
	/* systemd forgot the unit meanwhile, and when it was active; that it was is still true. */
	unit->facts.active_us = MAX(unit->facts.active_us, active_us);
	whole = *unit->facts.info.load_state;
	/* Changes before the first answer are in it. */
	if (!unit->known && properties && !whole)
		return;
	unit->known = true;
	if (unit_is_service(name))
		ask_triggers(unit);
	if (!is_last)
		return;
	ask_if_anew(unit);
	if (unit_is_service(name))
		unit_changed(unit);
	judge_triggered(unit);
	watch_arm(units->watch);
}

static void on_reloaded(void *userdata)
{
	struct units *units = userdata;

	map_foreach (&units->by_name, e)
		systemd_ask(units->systemd, ((struct unit *)e->value)->name);
}

static void ask_all(struct units *units)
{
	struct watch *watch = units->watch;
	bool patterns = false;

	for (size_t i = 0; i < watch->finder.n; i++) {
		const struct selection *s = watch->finder.items[i];

		if (s->kind == SELECT_UNIT && s->service)
			systemd_load(units->systemd, s->service->unit);
		patterns |= s->kind == SELECT_UNIT && !s->service;
	}
	if (patterns)
		systemd_list(units->systemd);
}

static void on_up(void *userdata)
{
	struct units *units = userdata;

	units->was_up = true;
	units->is_down = false;
	*units->fault = '\0';
	sd_event_source_set_enabled(units->looking, SD_EVENT_OFF);
	if (units->watch->options.on_systemd)
		units->watch->options.on_systemd(NULL, units->watch->options.userdata);
	ask_all(units);
}

static void each_service(struct units *units, void (*fn)(struct service *service))
{
	map_foreach (&units->by_name, e) {
		struct unit *unit = e->value;

		for (size_t i = 0; i < unit->n; i++)
			fn(unit->services[i]);
	}
}

/* Its process is still watched; what systemd would say is not known. */
static void doubt(struct service *service)
{
	service->unasked = true;
	services_doubt(service);
}

static void look_later(struct units *units)
{
	sd_event_source_set_time(
		units->looking, (uint64_t)((clock_boot_ns() + LOOK_NS) / NSEC_PER_USEC));
	sd_event_source_set_enabled(units->looking, SD_EVENT_ONESHOT);
}

static int on_looking(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct units *units = userdata;

	map_foreach (&units->by_name, e)
		unit_look_at_group(e->value);
	look_later(units);
	watch_arm(units->watch);
	return 0;
}

static void on_down(const char *why, void *userdata)
{
	struct units *units = userdata;

	snprintf(units->fault, sizeof(units->fault), "%s", why);
	if (units->watch->options.on_systemd)
		units->watch->options.on_systemd(why, units->watch->options.userdata);
	/* It may fail in several ways, one after the other. */
	if (units->is_down)
		return;
	units->is_down = true;
	if (units->was_up) {
		each_service(units, doubt);
		look_later(units);
	} else {
		on_looking(NULL, 0, units);
	}
}

const char *units_fault(const struct watch *watch)
{
	return watch->units && *watch->units->fault ? watch->units->fault : NULL;
}

/* -- life ----------------------------------------------------------------------------------- */

static int units_new(struct watch *watch)
{
	const struct systemd_callbacks callbacks = {
		.on_up = on_up,
		.on_down = on_down,
		.on_loaded = on_loaded,
		.on_new = on_new,
		.on_listed = on_listed,
		.on_unloaded = on_unloaded,
		.on_properties = on_properties,
		.on_reloaded = on_reloaded,
	};
	struct systemd_callbacks mine = callbacks;
	struct units *units = calloc(1, sizeof(*units));
	int err;

	if (!units)
		return -ENOMEM;
	units->watch = watch;
	group_roots_find(&units->roots);
	mine.userdata = units;
	err = sd_event_add_time(
		watch->event, &units->looking, CLOCK_BOOTTIME, 0, 100000, on_looking, units);
	if (err >= 0)
		err = sd_event_source_set_enabled(units->looking, SD_EVENT_OFF);
	if (err >= 0)
		err = systemd_new(watch->event, watch->options.systemd_address,
			TAKE(watch->early_bus), &mine, &units->systemd);
	if (err < 0) {
		units_free(units);
		return err;
	}
	watch->units = units;
	return 0;
}

void units_free(struct units *units)
{
	if (!units)
		return;
	systemd_free(units->systemd);
	sd_event_source_disable_unref(units->looking);
	map_foreach (&units->by_name, e)
		unit_free(e->value);
	map_release(&units->by_name);
	free(units);
}

int units_select(struct selection *s)
{
	struct watch *watch = s->watch;
	scoped(freep) char *name = NULL;
	struct unit *unit;
	int err = watch->units ? 0 : units_new(watch);

	if (err)
		return err;
	if (!s->service) {
		systemd_list(watch->units->systemd);
		return 0;
	}
	name = unit_full_name(s->text);
	err = name ? unit_keep(watch->units, name, &unit) : -ENOMEM;
	if (!err)
		err = unit_add_service(unit, s->service);
	if (err)
		return err;
	if (watch->units->is_down) {
		watch->telling.holds = true;
		unit_look_at_group(unit);
		watch->telling.holds = false;
	}
	systemd_load(watch->units->systemd, name);
	return 0;
}

void units_unselect(struct selection *s)
{
	if (!s->watch->units)
		return;
	map_foreach (&s->watch->units->by_name, e) {
		struct unit *unit = e->value;
		struct service *service = s->service && s->service->of_unit == unit
						  ? s->service
						  : unit_service_by_pattern(unit, s);

		if (!service)
			continue;
		unit_remove_service(unit, service);
		if (service != s->service)
			selection_remove_service(service);
	}
}
