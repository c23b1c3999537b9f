/*
 * An hour without a mail server, in which tolld is killed and started ten times: what was to be told is told,
 * once, and for each group in order.
 *
 * Each life is a process of its own, with the real store on a real disk, and ends by a real SIGKILL: in the middle
 * of writing, before or after what it wrote was durable, between two tries. Time alone is not real. What the
 * lives put out, and what the server accepted, stands in a file that all of them map.
 */
#include "world.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "store/store.h"

#define MINUTE_MS    (60 * 1000ll)
#define WALL_MS	     1700000000000ll /* as it begins */
#define OUTAGE_MS    (10 * MINUTE_MS)
#define BACK_MS	     (70 * MINUTE_MS)
#define END_MS	     (6 * 60 * MINUTE_MS)
#define KILLS	     10
#define NEVER_MINUTE 100000
#define MAX_NOTES    512

extern char **environ;

/* What happens meanwhile, and what of it has to be told: F it fires, R it is over. */
static const struct story {
	const char *instance;
	int fires, ends; /* minutes */
	const char *told;
	/* What may be told besides, where flushes that fail are followed by newer ones within the hour. */
	const char *or_told[2];
} stories[] = {
	{ "before", 0, NEVER_MINUTE, "F", { NULL } },
	{ "ends-in-it", 1, 30, "FR", { NULL } },
	{ "early", 12, NEVER_MINUTE, "F", { NULL } },
	{ "middle", 35, NEVER_MINUTE, "F", { NULL } },
	{ "late", 66, NEVER_MINUTE, "F", { NULL } },
	{ "outlasts-it", 40, 80, "FR", { NULL } },
	{ "short-and-late", 68, 69, "FR", { NULL } },
	/* As with Alertmanager, what came and went between two flushes that told nobody is no news. */
	{ "inside", 20, 50, "FR", { "", "R" } },
	{ "after", 100, 101, "FR", { NULL } },
};

struct note {
	char id[33];
	char instance[24];
	char what;
	unsigned accepted;
};

struct book {
	int64_t now_ms;
	uint64_t random;
	size_t tries, n;
	struct note notes
		[MAX_NOTES]; /* each notification, in the order in which they were put out first */
	size_t n_mails;
	struct note mails[MAX_NOTES]; /* in the order of arrival */
};

struct life {
	struct book *book;
	struct notify *notify;
	struct config *config;
	struct store *store;
	sd_event *event;
	int64_t kill_ms;
	unsigned fuse; /* so many events after kill_ms it is over */
	struct notification *queue[64];
	size_t n_queue;
};

static uint64_t chance(struct book *b)
{
	b->random = b->random * 6364136223846793005u + 1442695040888963407u;
	return b->random >> 33;
}

static struct instant now(const struct life *life)
{
	int64_t ms = life->book->now_ms;

	return (struct instant){ .boot_ns = 100 * SEC + ms * NSEC_PER_MSEC,
		.wall_ms = WALL_MS + ms };
}

static int64_t ms_of(int minute)
{
	return minute * MINUTE_MS;
}

/* -- one life -- */

static void event_passed(struct life *life)
{
	if (life->book->now_ms >= life->kill_ms && !life->fuse--)
		kill(getpid(), SIGKILL);
}

static void on_life_output(const struct notify_output *output, void *userdata)
{
	static const char keep[] =
		"INSERT OR REPLACE INTO kept (kind, key, value) VALUES (?1, ?2, ?3)";
	static const char forget[] = "DELETE FROM kept WHERE kind = ?1 AND key = ?2";
	struct life *life = userdata;
	const char *value = output->value;

	if (output->type == NOTIFY_NOTICE)
		return;
	if (output->type == NOTIFY_SEND) {
		assert_in_range(life->n_queue, 0, ARRAY_SIZE(life->queue) - 1);
		life->queue[life->n_queue++] = notification_ref(output->notification);
		return;
	}
	const struct store_value values[] = { STORE_I(output->type), STORE_S(output->key),
		STORE_S(value ? value : "") };

	assert_int_equal(
		store_write(life->store, value ? keep : forget, values, value ? 3 : 2, NULL, NULL),
		0);
	event_passed(life);
}

static void on_all_durable(int err, void *userdata)
{
	assert_int_equal(err, 0);
	*(bool *)userdata = true;
}

static void wait_for_disk(struct life *life)
{
	bool durable = false;

	assert_int_equal(store_barrier(life->store, on_all_durable, &durable), 0);
	while (!durable)
		assert_true(sd_event_run(life->event, UINT64_MAX) >= 0);
	event_passed(life);
}

static struct note *note_of(struct book *b, const struct notification *n)
{
	struct note *note = b->notes;

	while (note < b->notes + b->n && !streq(note->id, n->id))
		note++;
	assert_in_range(b->n, 0, MAX_NOTES - 1);
	if (note == b->notes + b->n) {
		assert_int_equal(n->n_alerts, 1);
		memcpy(note->id, n->id, sizeof(note->id));
		snprintf(note->instance, sizeof(note->instance), "%s",
			labels_get(n->alerts[0]->labels, "instance"));
		note->what = n->n_firing ? 'F' : 'R';
		b->n++;
	}
	return note;
}

/* First kept, then handed to the server, then told what became of it; as the daemon does. */
static void send_first(struct life *life)
{
	struct notification *n = life->queue[0];
	struct book *b = life->book;
	struct note *note = note_of(b, n);
	bool up = b->now_ms < OUTAGE_MS || b->now_ms >= BACK_MS;

	memmove(life->queue, life->queue + 1, --life->n_queue * sizeof(n));
	wait_for_disk(life);
	b->tries++;
	event_passed(life);
	if (up) {
		note->accepted++;
		assert_in_range(b->n_mails, 0, MAX_NOTES - 1);
		b->mails[b->n_mails++] = *note;
	}
	notify_sent(life->notify, n->id, up ? NOTIFY_SENT : NOTIFY_RETRY, "", now(life));
	notification_unref(n);
}

static void put(struct life *life, const struct story *story, bool firing)
{
	scoped(alert_unrefp) struct alert *alert = alert_named("Down", story->instance);

	alert->starts_wall_ms = WALL_MS + ms_of(story->fires);
	alert->updated_wall_ms = now(life).wall_ms;
	if (!firing)
		alert->ends_wall_ms = WALL_MS + ms_of(story->ends);
	assert_int_equal(notify_put(life->notify, alert, now(life)), 0);
}

/* The rules look once a second, and begin with a look. */
static void rules_speak(struct life *life, int64_t since_ms)
{
	int64_t ms = life->book->now_ms;

	for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
		int64_t fires = ms_of(stories[i].fires), ends = ms_of(stories[i].ends);

		if (since_ms < fires && ms >= fires && ms < ends)
			put(life, &stories[i], true);
		if (since_ms < ends && since_ms >= fires && ms >= ends)
			put(life, &stories[i], false);
	}
}

static bool on_kept(sqlite3_stmt *row, void *userdata)
{
	struct life *life = userdata;

	assert_int_equal(
		notify_restore(life->notify, (enum notify_output_type)sqlite3_column_int(row, 0),
			(const char *)sqlite3_column_text(row, 1),
			(const char *)sqlite3_column_text(row, 2)),
		0);
	return true;
}

static void begin(struct life *life, const char *dir, const char *interval)
{
	struct notify_limits limits = { .boot_id = 1, .seed = chance(life->book) + 1 };
	struct strbuf text = STRBUF_INIT;
	char error[200] = "", *broken = NULL;

	strbuf_addf(&text,
		"global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}\n"
		"route: {receiver: team, group_by: ['...'], group_wait: 10s, group_interval: %s,\n"
		"  repeat_interval: 30d}\n"
		"receivers: [{name: team, email_configs: [{to: b@example.org, send_resolved: true}]}]\n",
		interval);
	life->config = config_of(text.s);
	strbuf_release(&text);
	assert_true(sd_event_new(&life->event) >= 0);
	if (store_open(dir, life->event, &life->store, &broken, error, sizeof(error)) || broken)
		fail_msg("store_open: %s%s", error, broken ? broken : "");
	assert_int_equal(
		store_schema(life->store,
			"CREATE TABLE IF NOT EXISTS kept (kind INTEGER, key TEXT, value TEXT,"
			" UNIQUE (kind, key))"),
		0);
	assert_int_equal(notify_new(&limits, on_life_output, life, &life->notify), 0);
	assert_int_equal(store_read(life->store, "SELECT kind, key, value FROM kept", NULL, 0,
				 on_kept, life),
		0);
	assert_int_equal(notify_configure(life->notify, life->config, now(life)), 0);
}

static void live(struct life *life)
{
	struct book *b = life->book;

	/* What fires is said again; of what is over nothing is. */
	rules_speak(life, -1);
	assert_int_equal(notify_confirm_restored(life->notify, now(life)), 0);
	while (b->now_ms < END_MS) {
		int64_t since_ms = b->now_ms;

		if (notify_deadline(life->notify) <= now(life).boot_ns)
			notify_step(life->notify, now(life));
		while (life->n_queue)
			send_first(life);
		if (notify_deadline(life->notify) <= now(life).boot_ns)
			continue;
		/* A second is long for a disk. */
		wait_for_disk(life);
		b->now_ms += 1000;
		rules_speak(life, since_ms);
	}
}

static int one_life(char **argv)
{
	int fd = open(argv[2], O_RDWR | O_CLOEXEC);
	struct life life = { .kill_ms = atoll(argv[4]), .fuse = (unsigned)atoll(argv[5]) };

	assert_true(fd >= 0);
	life.book = mmap(NULL, sizeof(*life.book), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(life.book, MAP_FAILED);
	begin(&life, argv[1], argv[3]);
	live(&life);
	store_close(life.store, 5000);
	notify_free(life.notify);
	config_unref(life.config);
	sd_event_unref(life.event);
	return 0;
}

/* -- ten lives and one -- */

static int run_life(char *dir, char *path, const char *interval, int64_t kill_ms, unsigned fuse)
{
	char kill_text[24], fuse_text[24];
	char *argv[] = { (char *)"life", dir, path, (char *)interval, kill_text, fuse_text, NULL };
	int status;
	pid_t pid;

	snprintf(kill_text, sizeof(kill_text), "%lld", (long long)kill_ms);
	snprintf(fuse_text, sizeof(fuse_text), "%u", fuse);
	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void told_of(const struct book *b, const char *instance, char told[16])
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_mails; i++) {
		if (streq(b->mails[i].instance, instance) && n < 15)
			told[n++] = b->mails[i].what;
	}
	told[n] = '\0';
}

/* `all`: nothing may take the place of what could not be told. */
static void judge(const struct book *b, bool all)
{
	for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
		const struct story *s = &stories[i];
		char told[16];
		bool fine;

		told_of(b, s->instance, told);
		fine = streq(told, s->told);
		for (size_t k = 0; k < ARRAY_SIZE(s->or_told) && !all; k++)
			fine = fine || (s->or_told[k] && streq(told, s->or_told[k]));
		if (!fine)
			fail_msg("%s: told '%s' where '%s' was to be told", s->instance, told,
				s->told);
	}
	for (size_t i = 0; i < b->n; i++) {
		if (b->notes[i].accepted > 1 || (all && !b->notes[i].accepted))
			fail_msg("%s%c, %s: arrived %u times", b->notes[i].instance,
				b->notes[i].what, b->notes[i].id, b->notes[i].accepted);
	}
}

static void remove_all(const char *dir)
{
	static const char *const files[] = { "tolld.db", "tolld.db-wal", "tolld.db-shm", "book" };
	char path[80];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void live_through_it(const char *interval, bool all, uint64_t seed)
{
	char dir[] = "/tmp/tolld-outage-XXXXXX", path[40];
	struct book *b;
	int fd, status;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/book", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(*b)), 0);
	b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(b, MAP_FAILED);
	b->random = seed;
	for (int i = 0; i < KILLS; i++) {
		int64_t kill_ms =
			OUTAGE_MS + (i + 1) * 5 * MINUTE_MS + (int64_t)(chance(b) % 120000);

		status = run_life(dir, path, interval, kill_ms, (unsigned)(chance(b) % 12));
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL || b->now_ms >= BACK_MS)
			fail_msg("life %d of seed %llu ended with %d at %lld s", i,
				(unsigned long long)seed, status, (long long)b->now_ms / 1000);
		/* Some seconds, or half a minute, until somebody starts it again. */
		b->now_ms += 1000 * (int64_t)(chance(b) % (i % 2 ? 30 : 3));
	}
	status = run_life(dir, path, interval, END_MS + 1, 0);
	assert_int_equal(status, 0);
	printf("seed %llu, group_interval %s: %zu tries of %zu notifications, %zu mails\n",
		(unsigned long long)seed, interval, b->tries, b->n, b->n_mails);
	judge(b, all);
	munmap(b, sizeof(*b));
	close(fd);
	remove_all(dir);
}

static uint64_t first_seed(void)
{
	const char *text = getenv("TOLLD_SEED");

	return text && *text ? strtoull(text, NULL, 0) : 1;
}

static void every_notification_arrives_once_after_an_hour_and_ten_kills(void **state)
{
	for (uint64_t n = 0; n < 3; n++)
		live_through_it("3h", true, first_seed() + n);
}

static void what_is_true_is_told_once_where_newer_flushes_took_the_place_of_older_ones(void **state)
{
	for (uint64_t n = 0; n < 3; n++)
		live_through_it("5m", false, first_seed() + n);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_notification_arrives_once_after_an_hour_and_ten_kills),
		cmocka_unit_test(
			what_is_true_is_told_once_where_newer_flushes_took_the_place_of_older_ones),
	};

	if (argc > 1)
		return one_life(argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
