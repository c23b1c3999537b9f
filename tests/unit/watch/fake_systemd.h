/*
 * fake_systemd.h - a D-Bus peer that answers as systemd does, on the loop of the test.
 *
 * It serves what tolld asks for: Subscribe, ListUnits, LoadUnit and the properties of units, and tells
 * what changes. Units are rows that the test writes.
 */
#ifndef TOLLD_TESTS_WATCH_FAKE_SYSTEMD_H
#define TOLLD_TESTS_WATCH_FAKE_SYSTEMD_H

#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include "watch/systemd.h"

#define FAKE_UNITS_MAX	16
#define FAKE_UNIT_PATHS "/org/freedesktop/systemd1/unit"

struct fake_unit {
	const char *name;
	const char *load, *active, *sub, *result, *type, *file_state;
	const char *program, *pre_program, *group, *trigger;
	int remain;
	uint32_t main_pid, restarts;
	uint32_t exec_pid;
	uint64_t started_us, ended_us, active_us;
	int32_t code, status;
	bool unloaded; /* not listed */
	bool unwanted; /* each question loads it, and it is forgotten after the answer */
	unsigned asked;
};

static struct {
	struct fake_unit units[FAKE_UNITS_MAX];
	size_t n;
	char address[160], path[64];
	int listener;
	sd_event_source *accepting;
	sd_bus *peer;  /* the other side of tolld's connection */
	bool asks_who; /* as systemd does: who connected has to say so */
	unsigned subscribed, listed;
} fake;

static inline uint64_t fake_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static inline struct fake_unit *fake_find(const char *name)
{
	for (size_t i = 0; i < fake.n; i++) {
		if (streq(fake.units[i].name, name))
			return &fake.units[i];
	}
	return NULL;
}

static inline void fake_text(sd_bus_message *m, const char *name, const char *value)
{
	assert_true(sd_bus_message_append(m, "{sv}", name, "s", value ? value : "") >= 0);
}

static inline void fake_number(
	sd_bus_message *m, const char *name, const char *type, uint64_t value)
{
	if (*type == 't')
		assert_true(sd_bus_message_append(m, "{sv}", name, type, value) >= 0);
	else
		assert_true(sd_bus_message_append(m, "{sv}", name, type, (uint32_t)value) >= 0);
}

static inline void fake_command(sd_bus_message *m, const char *name, const char *program)
{
	if (program)
		assert_true(sd_bus_message_append(m, "{sv}", name, "a(sasbttttuii)", 1, program, 1,
				    program, 0, (uint64_t)0, (uint64_t)0, (uint64_t)0, (uint64_t)0,
				    (uint32_t)0, 0, 0) >= 0);
	else
		assert_true(sd_bus_message_append(m, "{sv}", name, "a(sasbttttuii)", 0) >= 0);
}

static inline void fake_service_properties(sd_bus_message *m, const struct fake_unit *u)
{
	fake_text(m, "Result", u->result ? u->result : "success");
	fake_text(m, "Type", u->type ? u->type : "simple");
	fake_number(m, "RemainAfterExit", "b", (uint64_t)u->remain);
	fake_number(m, "MainPID", "u", u->main_pid);
	fake_number(m, "NRestarts", "u", u->restarts);
	fake_number(m, "ExecMainPID", "u", u->exec_pid ? u->exec_pid : u->main_pid);
	fake_number(m, "ExecMainStartTimestampMonotonic", "t", u->started_us);
	fake_number(m, "ExecMainExitTimestampMonotonic", "t", u->ended_us);
	fake_number(m, "ExecMainCode", "i", (uint64_t)u->code);
	fake_number(m, "ExecMainStatus", "i", (uint64_t)u->status);
	fake_text(m, "ControlGroup", u->group);
	/* Of no interest, and of every kind: they have to be passed over. */
	fake_text(m, "StatusText", "all is well");
	assert_true(sd_bus_message_append(m, "{sv}", "Environment", "as", 2, "A=1", "B=2") >= 0);
	assert_true(sd_bus_message_append(m, "{sv}", "SELinuxContext", "(bs)", 0, "") >= 0);
}

static inline void fake_unit_properties(sd_bus_message *m, const struct fake_unit *u)
{
	fake_text(m, "Id", u->name);
	fake_text(m, "LoadState", u->load ? u->load : "loaded");
	fake_text(m, "ActiveState", u->active);
	fake_text(m, "SubState", u->sub);
	fake_text(m, "UnitFileState", u->file_state ? u->file_state : "static");
	fake_number(m, "ActiveEnterTimestampMonotonic", "t", u->active_us);
	fake_number(m, "ConditionResult", "b", 1);
	if (u->trigger)
		assert_true(
			sd_bus_message_append(m, "{sv}", "TriggeredBy", "as", 1, u->trigger) >= 0);
	else
		assert_true(sd_bus_message_append(m, "{sv}", "TriggeredBy", "as", 0) >= 0);
}

static inline void fake_tell_loaded(const char *name, const char *what);

static inline int fake_get_all(sd_bus_message *call, struct fake_unit *u)
{
	sd_bus_message *m = NULL;

	u->asked++;

	assert_true(sd_bus_message_new_method_return(call, &m) >= 0);
	assert_true(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
	fake_unit_properties(m, u);
	fake_service_properties(m, u);
	fake_command(m, "ExecStart", u->program);
	fake_command(m, "ExecStartPre", u->pre_program);
	assert_true(sd_bus_message_close_container(m) >= 0);
	assert_true(sd_bus_send(NULL, m, NULL) >= 0);
	sd_bus_message_unref(m);
	if (u->unwanted) {
		fake_tell_loaded(u->name, "UnitNew");
		fake_tell_loaded(u->name, "UnitRemoved");
	}
	return 1;
}

static inline int fake_list(sd_bus_message *call)
{
	sd_bus_message *m = NULL;

	fake.listed++;
	assert_true(sd_bus_message_new_method_return(call, &m) >= 0);
	assert_true(sd_bus_message_open_container(m, 'a', "(ssssssouso)") >= 0);
	for (size_t i = 0; i < fake.n; i++) {
		const struct fake_unit *u = &fake.units[i];

		if (!u->unloaded && (!u->load || !streq(u->load, "not-found")))
			assert_true(sd_bus_message_append(m, "(ssssssouso)", u->name, "a unit",
					    "loaded", u->active, u->sub, "", FAKE_UNIT_PATHS "/x",
					    0, "", "/") >= 0);
	}
	assert_true(sd_bus_message_close_container(m) >= 0);
	assert_true(sd_bus_send(NULL, m, NULL) >= 0);
	sd_bus_message_unref(m);
	return 1;
}

static inline int fake_on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	scoped(freep) char *name = NULL;
	const char *asked;

	if (sd_bus_message_is_method_call(m, "org.freedesktop.systemd1.Manager", "Subscribe")) {
		fake.subscribed++;
		return sd_bus_reply_method_return(m, "");
	}
	if (sd_bus_message_is_method_call(m, "org.freedesktop.systemd1.Manager", "ListUnits"))
		return fake_list(m);
	if (sd_bus_message_is_method_call(m, "org.freedesktop.systemd1.Manager", "LoadUnit")) {
		assert_true(sd_bus_message_read(m, "s", &asked) >= 0);
		return sd_bus_reply_method_return(m, "o", FAKE_UNIT_PATHS "/x");
	}
	if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "GetAll") &&
		sd_bus_path_decode(sd_bus_message_get_path(m), FAKE_UNIT_PATHS, &name) > 0 &&
		fake_find(name))
		return fake_get_all(m, fake_find(name));
	return 0;
}

static inline int fake_on_connection(
	sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	sd_id128_t id;
	int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	assert_true(connection >= 0);
	assert_true(sd_id128_randomize(&id) >= 0);
	fake.peer = sd_bus_close_unref(fake.peer);
	assert_true(sd_bus_new(&fake.peer) >= 0);
	assert_true(sd_bus_set_fd(fake.peer, connection, connection) >= 0);
	assert_true(sd_bus_set_server(fake.peer, true, id) >= 0);
	assert_true(sd_bus_set_anonymous(fake.peer, !fake.asks_who) >= 0);
	assert_true(sd_bus_add_filter(fake.peer, NULL, fake_on_message, NULL) >= 0);
	assert_true(sd_bus_start(fake.peer) >= 0);
	assert_true(sd_bus_attach_event(fake.peer, sd_event_source_get_event(source), 0) >= 0);
	return 0;
}

static inline void fake_listen(sd_event *event)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fake.path);
	unlink(fake.path);
	fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fake.listener, (void *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fake.listener, 4), 0);
	assert_true(sd_event_add_io(event, &fake.accepting, fake.listener, EPOLLIN,
			    fake_on_connection, NULL) >= 0);
}

static inline void fake_begin(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.listener = -1;
	snprintf(fake.path, sizeof(fake.path), "/tmp/tolld-fake-systemd-%d", getpid());
	snprintf(fake.address, sizeof(fake.address), "unix:path=%s", fake.path);
}

/* Nobody listens any more, and who was connected is not. */
static inline void fake_hang_up(void)
{
	fake.accepting = sd_event_source_disable_unref(fake.accepting);
	closep(&fake.listener);
	fake.listener = -1;
	fake.peer = sd_bus_close_unref(fake.peer);
	unlink(fake.path);
}

static inline struct fake_unit *fake_add(struct fake_unit unit)
{
	assert_true(fake.n < FAKE_UNITS_MAX);
	fake.units[fake.n] = unit;
	return &fake.units[fake.n++];
}

static inline sd_bus_message *fake_signal(
	const char *path, const char *interface, const char *member)
{
	sd_bus_message *m = NULL;

	assert_true(sd_bus_message_new_signal(fake.peer, &m, path, interface, member) >= 0);
	return m;
}

static inline void fake_send(sd_bus_message *m)
{
	assert_true(sd_bus_send(NULL, m, NULL) >= 0);
	sd_bus_message_unref(m);
}

/* As systemd does: what changed of the service first, then what changed of the unit. */
static inline void fake_tell(const struct fake_unit *u)
{
	scoped(freep) char *path = NULL;

	assert_true(sd_bus_path_encode(FAKE_UNIT_PATHS, u->name, &path) >= 0);
	for (int i = 0; i < 2; i++) {
		sd_bus_message *m =
			fake_signal(path, "org.freedesktop.DBus.Properties", "PropertiesChanged");

		assert_true(sd_bus_message_append(m, "s",
				    i ? "org.freedesktop.systemd1.Unit"
				      : "org.freedesktop.systemd1.Service") >= 0);
		assert_true(sd_bus_message_open_container(m, 'a', "{sv}") >= 0);
		if (i)
			fake_unit_properties(m, u);
		else
			fake_service_properties(m, u);
		assert_true(sd_bus_message_close_container(m) >= 0);
		assert_true(sd_bus_message_append(m, "as", 0) >= 0);
		fake_send(m);
	}
}

static inline void fake_tell_loaded(const char *name, const char *what)
{
	sd_bus_message *m =
		fake_signal("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", what);

	assert_true(sd_bus_message_append(m, "so", name, FAKE_UNIT_PATHS "/x") >= 0);
	fake_send(m);
}

#endif
