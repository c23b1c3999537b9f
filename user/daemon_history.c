/*
 * daemon_history.c - the history of services, brought to the disk and back.
 */
#include "daemon_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include "watch/figures.h"

/* Rows that may wait for the disk at a time: alerts and notifications pass by the same queue. */
#define QUEUE_SHARE (STORE_MAX_QUEUED / 4)

static const char schema[] = "CREATE TABLE IF NOT EXISTS service_events (id INTEGER PRIMARY KEY,"
			     " service TEXT NOT NULL, at_wall_ms INTEGER NOT NULL,"
			     " event TEXT NOT NULL)";
static const char sql_keep[] =
	"INSERT OR REPLACE INTO service_events (id, service, at_wall_ms, event)"
	" VALUES (?1, ?2, ?3, ?4)";
static const char sql_forget[] = "DELETE FROM service_events WHERE id = ?1";
static const char sql_all[] =
	"SELECT id, service, at_wall_ms, event FROM service_events ORDER BY id";

static bool on_keep(
	int64_t id, const char *service, int64_t at_wall_ms, const char *row, void *userdata)
{
	struct daemon *d = userdata;
	const struct store_value forget[] = { STORE_I(id) };
	const struct store_value keep[] = { STORE_I(id), STORE_S(service ? service : ""),
		STORE_I(at_wall_ms), STORE_S(row ? row : "") };

	return (row ? store_write(d->store, sql_keep, keep, ARRAY_SIZE(keep), NULL, NULL)
		    : store_write(d->store, sql_forget, forget, 1, NULL, NULL)) == 0;
}

struct reading {
	struct daemon *d;
	struct instant now;
	size_t unreadable;
};

static bool on_row(sqlite3_stmt *row, void *userdata)
{
	struct reading *reading = userdata;
	const char *service = (const char *)sqlite3_column_text(row, 1);
	const char *event = (const char *)sqlite3_column_text(row, 3);

	if (!service || !event ||
		history_restore(reading->d->history, sqlite3_column_int64(row, 0), service,
			sqlite3_column_int64(row, 2), event, reading->now))
		reading->unreadable++;
	return true;
}

int past_start(struct daemon *d)
{
	const struct history_options options = {
		.keep = on_keep,
		.lives = watch_process_lives,
		.userdata = d,
		.boot_id = d->boot_id,
	};
	struct reading reading = { .d = d, .now = clock_now() };
	int err = store_schema(d->store, schema);

	if (!err)
		err = history_new(&options, &d->history);
	if (!err)
		err = store_read(d->store, sql_all, NULL, 0, on_row, &reading);
	if (reading.unreadable)
		log_warn("%zu rows of the services' history cannot be read and are left out",
			reading.unreadable);
	if (!err)
		history_expire(d->history, reading.now);
	return err;
}

void past_meet_service(struct daemon *d, struct service *service)
{
	const struct death *death;
	struct service_info info;

	if (service_is_recalled(service))
		return;
	service_info(service, &info);
	death = history_meet(d->history, &info, clock_now());
	if (death || history_has_met(d->history, info.name))
		service_recall(service, death);
}

void past_meet(struct daemon *d)
{
	for (size_t i = 0; d->watch && i < watch_services(d->watch); i++)
		past_meet_service(d, watch_service(d->watch, i));
}

void past_keep(struct daemon *d)
{
	struct store_status status;

	if (!history_wants_keeping(d->history))
		return;
	store_status(d->store, &status);
	if (status.queued < QUEUE_SHARE)
		history_flush(d->history, QUEUE_SHARE - status.queued);
}

void past_stop(struct daemon *d)
{
	if (d->history)
		history_flush(d->history, STORE_MAX_QUEUED);
}

/* What it waits in, where that may be read; "" or "0" of one that runs again. */
static void read_wait(struct history_hang *hang, pid_t pid)
{
	scoped(closep) int fd = -1;
	char path[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/wchan", pid, hang->thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, hang->waits_in, sizeof(hang->waits_in) - 1);
	hang->waits_in[MAX(len, (ssize_t)0)] = '\0';
	if (streq(hang->waits_in, "0"))
		*hang->waits_in = '\0';
}

void past_hung(struct daemon *d, struct service *service)
{
	struct service_figures figures;
	struct service_info info;
	struct history_hang hang = { 0 };
	const struct history_hang *told = NULL;

	service_info(service, &info);
	service_figures(service, &figures);
	if (figures.used->hung_threads) {
		hang.thread = figures.used->hung.thread;
		hang.threads = figures.used->hung_threads;
		read_wait(&hang, figures.used->hung.pid);
		told = &hang;
	}
	entry_hung(&info, figures.used->hung.pid, told);
	history_note_hang(d->history, &info, figures.used->hung.pid, told, clock_now());
}

void past_oom_killed(struct daemon *d, struct service *service)
{
	struct service_info info;

	service_info(service, &info);
	history_note_oom(d->history, &info, clock_now());
}
