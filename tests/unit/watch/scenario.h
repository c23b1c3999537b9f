/*
 * scenario.h - runs tests/helpers/exit_scenarios under a watch, and compares what is told with what it says.
 */
#ifndef TOLLD_TESTS_WATCH_SCENARIO_H
#define TOLLD_TESTS_WATCH_SCENARIO_H

#include <fcntl.h>
#include <sys/wait.h>
#include "watch/live.h"

/* What the helper says, by the words it says it with; 0: it did not say so. */
struct truth {
	uint64_t pid, killer, lived_until_ms, reaped_after_ms, status;
	uint64_t cpu_us, minor_faults, major_faults;
};

struct helper {
	pid_t pid;
	FILE *in, *out;
};

static inline void helper_start(struct helper *h, const char *path, const char *argument)
{
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	h->pid = fork();
	if (h->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl(path, path, argument, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	h->in = fdopen(in[1], "w");
	h->out = fdopen(out[0], "r");
}

static inline void helper_end(struct helper *h)
{
	fclose(h->in);
	fclose(h->out);
	waitpid(h->pid, NULL, 0);
}

/* Takes what it says until it has said `word`. */
static inline void helper_read(struct helper *h, const char *word, struct truth *truth)
{
	static const struct {
		const char *word;
		size_t offset;
	} words[] = {
		{ "pid", offsetof(struct truth, pid) },
		{ "killer", offsetof(struct truth, killer) },
		{ "lived_until_ms", offsetof(struct truth, lived_until_ms) },
		{ "reaped_after_ms", offsetof(struct truth, reaped_after_ms) },
		{ "status", offsetof(struct truth, status) },
		{ "cpu_us", offsetof(struct truth, cpu_us) },
		{ "minor_faults", offsetof(struct truth, minor_faults) },
		{ "major_faults", offsetof(struct truth, major_faults) },
	};
	char line[256];

	while (fgets(line, sizeof(line), h->out)) {
		char *value = strchr(line, ' ');

		if (!value)
			continue;
		*value++ = '\0';
		for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
			if (streq(line, words[i].word))
				*(uint64_t *)((char *)truth + words[i].offset) =
					strtoull(value, NULL, 0);
		}
		if (streq(line, word))
			return;
	}
	fail_msg("the helper ended before it told its %s", word);
}

static inline void compare(const struct death *death, int status, const char *name)
{
	assert_true(death->final);
	/* Not to know is allowed to some; to be wrong to none. */
	if (death->kind == DEATH_UNKNOWN && !facts->tells_status) {
		assert_int_equal(death->untold, facts->untold);
		return;
	}
	if (WIFEXITED(status)) {
		if (death->kind != DEATH_EXIT || death->exit_code != WEXITSTATUS(status))
			fail_msg("%s: told kind %d code %d, waitpid saw 0x%x", name, death->kind,
				death->exit_code, status);
		return;
	}
	if ((death->kind != DEATH_SIGNAL && death->kind != DEATH_OOM) ||
		death->signal != WTERMSIG(status) || death->core_dumped != !!WCOREDUMP(status))
		fail_msg("%s: told kind %d signal %d core %d, waitpid saw 0x%x", name, death->kind,
			death->signal, death->core_dumped, status);
}

/* Its death must be told once, when it is one, and as waitpid() saw it. */
static inline void run_scenario(
	const char *path, const char *name, struct death *ret, struct truth *ret_truth)
{
	struct strbuf cause = STRBUF_INIT;
	struct truth truth = { 0 };
	struct service *service;
	struct helper helper;
	int64_t told_ms;

	n_seen = 0;
	helper_start(&helper, path, name);
	helper_read(&helper, "pid", &truth);
	assert_int_equal(watch_add_process(watch, name, (pid_t)truth.pid, &service), 0);
	assert_true(wait_for(SERVICE_APPEARED, 1, 1000));
	fputs("go\n", helper.in);
	fflush(helper.in);
	if (!wait_for(SERVICE_DIED, 1, PATIENCE_MS))
		fail_msg("%s: its death was not told", name);
	told_ms = last_seen(SERVICE_DIED)->at_ns / NSEC_PER_MSEC;
	helper_read(&helper, "major_faults", &truth);
	helper_end(&helper);
	turn_for(150);
	assert_int_equal(count_seen(SERVICE_DIED), 1);
	*ret = info_of(service).last_death;
	assert_int_equal(ret->pid, truth.pid);
	compare(ret, (int)truth.status, name);
	if (truth.lived_until_ms && (uint64_t)told_ms < truth.lived_until_ms)
		fail_msg("%s: its death was told while it lived", name);
	death_describe(ret, &cause);
	printf("  %-32s 0x%-4x %s\n", name, (unsigned)truth.status, cause.s);
	strbuf_release(&cause);
	watch_remove(service);
	*ret_truth = truth;
}

#endif
