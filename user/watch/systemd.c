/*
 * systemd.c - the connection to systemd, on the event loop.
 */
#include "watch/systemd.h"

#include <errno.h>
#include <stdio.h>
#include "base/clock.h"

#define SERVICE	       "org.freedesktop.systemd1"
#define MANAGER_PATH   "/org/freedesktop/systemd1"
#define MANAGER	       SERVICE ".Manager"
#define UNIT_PATHS     MANAGER_PATH "/unit"
#define PROPERTIES     "org.freedesktop.DBus.Properties"
#define BUS_SOCKET     "/run/dbus/system_bus_socket"
#define SYSTEM_BUS     "unix:path=" BUS_SOCKET
#define PRIVATE_SOCKET "unix:path=/run/systemd/private"

#define RETRY_FIRST_NS (200 * NSEC_PER_MSEC)
#define RETRY_LAST_NS  (30 * NSEC_PER_SEC)

struct systemd {
	sd_event *event;
	char *address;
	struct systemd_callbacks callbacks;
	sd_bus *early; /* NULL: there was none, or it is in use */
	sd_bus *bus;
	sd_event_source *retry;
	int64_t retry_ns;
	bool up;
	char why[256];
};

static void call_down(struct systemd *s, const char *why)
{
	if (streq(s->why, why) && !s->up)
		return;
	s->up = false;
	snprintf(s->why, sizeof(s->why), "%s", why);
	s->callbacks.on_down(s->why, s->callbacks.userdata);
}

static void try_later(struct systemd *s)
{
	sd_event_source_set_time(
		s->retry, (uint64_t)((clock_boot_ns() + s->retry_ns) / NSEC_PER_USEC));
	sd_event_source_set_enabled(s->retry, SD_EVENT_ONESHOT);
	s->retry_ns = MIN(s->retry_ns * 2, (int64_t)RETRY_LAST_NS);
}

/* From within a callback of the bus's own: it is freed when the next one is made. */
static void lost(struct systemd *s, const char *why)
{
	call_down(s, why);
	sd_bus_close(s->bus);
	try_later(s);
}

/* -- asking --------------------------------------------------------------------------------- */

/* Over a bus a name, to a peer none. */
static const char *destination(const struct systemd *s)
{
	return sd_bus_is_bus_client(s->bus) > 0 ? SERVICE : NULL;
}

static int on_list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *s = userdata;
	const char *name;

	if (sd_bus_message_is_method_error(m, NULL)) {
		lost(s, sd_bus_message_get_error(m)->message);
		return 0;
	}
	if (sd_bus_message_enter_container(m, 'a', "(ssssssouso)") < 0)
		return 0;
	while (sd_bus_message_enter_container(m, 'r', "ssssssouso") > 0) {
		if (sd_bus_message_read(m, "s", &name) < 0 ||
			sd_bus_message_skip(m, "sssssouso") < 0)
			break;
		s->callbacks.on_loaded(name, s->callbacks.userdata);
		sd_bus_message_exit_container(m);
	}
	s->callbacks.on_listed(s->callbacks.userdata);
	return 0;
}

int systemd_list(struct systemd *s)
{
	if (!s->up)
		return -ENOTCONN;
	return sd_bus_call_method_async(
		s->bus, NULL, destination(s), MANAGER_PATH, MANAGER, "ListUnits", on_list, s, NULL);
}

/* The name of a unit by its object's path, from the heap. */
static char *name_of(const char *path)
{
	char *name = NULL;

	return path && sd_bus_path_decode(path, UNIT_PATHS, &name) > 0 ? name : NULL;
}

struct question {
	struct systemd *systemd;
	char name[];
};

static struct question *question_new(struct systemd *s, const char *name)
{
	size_t size = strlen(name) + 1;
	struct question *q = malloc(sizeof(*q) + size);

	if (q) {
		q->systemd = s;
		memcpy(q->name, name, size);
	}
	return q;
}

static int on_all(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct question *q = userdata;
	const struct systemd_callbacks *callbacks = &q->systemd->callbacks;
	bool failed = sd_bus_message_is_method_error(m, NULL);

	callbacks->on_properties(q->name, failed ? NULL : m, true, callbacks->userdata);
	return 0;
}

/* The slot belongs to the bus and frees the question with itself. */
static int ask(
	struct systemd *s, struct question *q, sd_bus_message *m, sd_bus_message_handler_t on_reply)
{
	sd_bus_slot *slot = NULL;
	int err = sd_bus_call_async(s->bus, &slot, m, on_reply, q, 0);

	if (err < 0) {
		free(q);
		return err;
	}
	sd_bus_slot_set_destroy_callback(slot, free);
	err = sd_bus_slot_set_floating(slot, true);
	sd_bus_slot_unref(slot);
	return err < 0 ? err : 0;
}

int systemd_ask(struct systemd *s, const char *name)
{
	scoped(freep) char *path = NULL;
	sd_bus_message *m = NULL;
	struct question *q;
	int err;

	if (!s->up)
		return -ENOTCONN;
	q = question_new(s, name);
	if (!q || sd_bus_path_encode(UNIT_PATHS, name, &path) < 0) {
		free(q);
		return -ENOMEM;
	}
	err = sd_bus_message_new_method_call(
		s->bus, &m, destination(s), path, PROPERTIES, "GetAll");
	/* Of all its interfaces at once. */
	if (err >= 0)
		err = sd_bus_message_append(m, "s", "");
	if (err >= 0)
		err = ask(s, q, m, on_all);
	else
		free(q);
	sd_bus_message_unref(m);
	return err < 0 ? err : 0;
}

static int on_load(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct question *q = userdata;
	const struct systemd_callbacks *callbacks = &q->systemd->callbacks;

	/* One that does not exist is loaded as such. */
	if (sd_bus_message_is_method_error(m, NULL))
		callbacks->on_properties(q->name, NULL, true, callbacks->userdata);
	else
		systemd_ask(q->systemd, q->name);
	return 0;
}

int systemd_load(struct systemd *s, const char *name)
{
	sd_bus_message *m = NULL;
	struct question *q;
	int err;

	if (!s->up)
		return -ENOTCONN;
	q = question_new(s, name);
	if (!q)
		return -ENOMEM;
	err = sd_bus_message_new_method_call(
		s->bus, &m, destination(s), MANAGER_PATH, MANAGER, "LoadUnit");
	if (err >= 0)
		err = sd_bus_message_append(m, "s", name);
	if (err >= 0)
		err = ask(s, q, m, on_load);
	else
		free(q);
	sd_bus_message_unref(m);
	return err < 0 ? err : 0;
}

/* -- being told ----------------------------------------------------------------------------- */

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *s = userdata;
	scoped(freep) char *name = name_of(sd_bus_message_get_path(m));
	const char *interface;

	if (!name || sd_bus_message_read(m, "s", &interface) < 0)
		return 0;
	/* Of one change the unit's own properties come after those of the service. */
	s->callbacks.on_properties(
		name, m, streq(interface, SERVICE ".Unit"), s->callbacks.userdata);
	return 0;
}

static int on_unit_new(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *s = userdata;
	const char *name;

	if (sd_bus_message_read(m, "s", &name) >= 0)
		s->callbacks.on_new(name, s->callbacks.userdata);
	return 0;
}

static int on_unit_removed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *s = userdata;
	const char *name;

	if (sd_bus_message_read(m, "s", &name) >= 0)
		s->callbacks.on_unloaded(name, s->callbacks.userdata);
	return 0;
}

static int on_reloading(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *s = userdata;
	int begins;

	if (sd_bus_message_read(m, "b", &begins) >= 0 && !begins)
		s->callbacks.on_reloaded(s->callbacks.userdata);
	return 0;
}

static int on_files_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *s = userdata;

	s->callbacks.on_reloaded(s->callbacks.userdata);
	return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	lost(userdata, "the connection to systemd has ended");
	return 0;
}

/* systemd began anew (daemon-reexec), or somebody else took its place. */
static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *s = userdata;
	const char *name, *before, *after;

	if (sd_bus_message_read(m, "sss", &name, &before, &after) >= 0 && streq(name, SERVICE))
		lost(s, "systemd begins anew");
	return 0;
}

/* -- the connection ------------------------------------------------------------------------- */

static int on_subscribed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct systemd *s = userdata;

	if (sd_bus_message_is_method_error(m, NULL)) {
		lost(s, sd_bus_message_get_error(m)->message);
		return 0;
	}
	s->up = true;
	s->retry_ns = RETRY_FIRST_NS;
	*s->why = '\0';
	s->callbacks.on_up(s->callbacks.userdata);
	return 0;
}

static int match_all(struct systemd *s)
{
	static const struct {
		const char *interface, *member;
		sd_bus_message_handler_t handler;
	} signals[] = {
		{ MANAGER, "UnitNew", on_unit_new },
		{ MANAGER, "UnitRemoved", on_unit_removed },
		{ MANAGER, "Reloading", on_reloading },
		{ MANAGER, "UnitFilesChanged", on_files_changed },
	};
	int err = 0;

	for (size_t i = 0; err >= 0 && i < ARRAY_SIZE(signals); i++)
		err = sd_bus_match_signal_async(s->bus, NULL, destination(s), MANAGER_PATH,
			signals[i].interface, signals[i].member, signals[i].handler, NULL, s);
	if (err >= 0)
		err = sd_bus_add_match_async(s->bus, NULL,
			"type='signal',interface='" PROPERTIES "',member='PropertiesChanged',"
			"path_namespace='" UNIT_PATHS "'",
			on_changed, NULL, s);
	if (err >= 0)
		err = sd_bus_match_signal_async(s->bus, NULL, NULL, "/org/freedesktop/DBus/Local",
			"org.freedesktop.DBus.Local", "Disconnected", on_disconnected, NULL, s);
	if (err >= 0 && destination(s))
		err = sd_bus_match_signal_async(s->bus, NULL, "org.freedesktop.DBus",
			"/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged",
			on_owner_changed, NULL, s);
	return err;
}

/* Who we are is told by the time it returns. */
static int start_bus(const char *address, bool is_bus, sd_bus **ret)
{
	sd_bus *bus = NULL;
	int err = sd_bus_new(&bus);

	if (err >= 0)
		err = sd_bus_set_address(bus, address);
	if (err >= 0)
		err = sd_bus_set_bus_client(bus, is_bus);
	if (err >= 0)
		err = sd_bus_start(bus);
	if (err < 0) {
		sd_bus_close_unref(bus);
		return err;
	}
	*ret = bus;
	return 0;
}

int systemd_open_early(sd_bus **ret)
{
	if (effective_access(BUS_SOCKET, F_OK) == 0)
		return -EEXIST;
	return start_bus(PRIVATE_SOCKET, false, ret);
}

static int use_bus(struct systemd *s)
{
	int err = sd_bus_attach_event(s->bus, s->event, SD_EVENT_PRIORITY_NORMAL);

	if (err >= 0)
		err = match_all(s);
	if (err >= 0)
		err = sd_bus_call_method_async(s->bus, NULL, destination(s), MANAGER_PATH, MANAGER,
			"Subscribe", on_subscribed, s, NULL);
	return err;
}

static void close_bus(struct systemd *s)
{
	s->up = false;
	s->bus = sd_bus_close_unref(s->bus);
}

static int connect_by(struct systemd *s, const char *address, bool is_bus)
{
	int err = start_bus(address, is_bus, &s->bus);

	if (!err)
		err = use_bus(s);
	if (err < 0)
		close_bus(s);
	return err < 0 ? err : 0;
}

static void connect_to(struct systemd *s)
{
	char why[200];
	int err, private_err;

	close_bus(s);
	s->bus = TAKE(s->early);
	if (s->bus && use_bus(s) >= 0)
		return;
	close_bus(s);
	err = connect_by(s, s->address ? s->address : SYSTEM_BUS, !s->address);
	private_err = err && !s->address ? connect_by(s, PRIVATE_SOCKET, false) : err;
	if (!err || !private_err)
		return;
	if (private_err == -EACCES || private_err == -EPERM)
		snprintf(why, sizeof(why),
			"there is no system bus (%s), and systemd's own socket is root's; install dbus",
			strerror(-err));
	else
		snprintf(why, sizeof(why), "systemd cannot be asked here: %s", strerror(-err));
	call_down(s, why);
	try_later(s);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	connect_to(userdata);
	return 0;
}

int systemd_new(sd_event *event, const char *address, sd_bus *early,
	const struct systemd_callbacks *callbacks, struct systemd **ret)
{
	struct systemd *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		sd_bus_close_unref(early);
		return -ENOMEM;
	}
	s->early = early;
	s->event = event;
	s->callbacks = *callbacks;
	s->retry_ns = RETRY_FIRST_NS;
	err = address && !(s->address = strdup(address)) ? -ENOMEM : 0;
	if (!err)
		err = sd_event_add_time(event, &s->retry, CLOCK_BOOTTIME, 0, 1000, on_retry, s);
	if (err < 0) {
		systemd_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

void systemd_free(struct systemd *s)
{
	if (!s)
		return;
	close_bus(s);
	sd_bus_close_unref(s->early);
	sd_event_source_disable_unref(s->retry);
	free(s->address);
	free(s);
}
