/*
 * unit.c - see unit.h. Sources: systemd's src/core/service.c, unit.c and dbus-unit.c, version 252.
 */
#include "watch/unit.h"

#include <fnmatch.h>
#include <signal.h>

static const char suffix[] = ".service";

void unit_facts_release(struct unit_facts *facts)
{
	free(facts->control_group);
	free(facts->program);
	for (size_t i = 0; i < facts->n_triggers; i++)
		free(facts->triggers[i]);
	*facts = (struct unit_facts){ 0 };
}

/* -- names ---------------------------------------------------------------------------------- */

bool unit_is_pattern(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && streq(text + len - end_len, end);
}

char *unit_full_name(const char *text)
{
	char *name;

	if (ends_with(text, suffix))
		return strdup(text);
	name = malloc(strlen(text) + sizeof(suffix));
	if (name) {
		memcpy(name, text, strlen(text));
		memcpy(name + strlen(text), suffix, sizeof(suffix));
	}
	return name;
}

static bool is_of_login(const char *name)
{
	return starts_with(name, "user@") || starts_with(name, "user-runtime-dir@");
}

bool unit_fits(const char *pattern, const char *name)
{
	scoped(freep) char *bare = NULL;

	if (!ends_with(name, suffix) || (is_of_login(name) && !is_of_login(pattern)))
		return false;
	if (fnmatch(pattern, name, 0) == 0)
		return true;
	bare = strndup(name, strlen(name) - strlen(suffix));
	return bare && fnmatch(pattern, bare, 0) == 0;
}

/* -- what it means -------------------------------------------------------------------------- */

static bool is_one_of(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (streq(text, words[i]))
			return true;
	}
	return false;
}

#define IS_ONE_OF(text, ...)                                                                       \
	is_one_of(text, (const char *const[]){ __VA_ARGS__ },                                      \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static bool is_oneshot(const struct unit_info *info)
{
	return streq(info->type, "oneshot");
}

static bool is_active(const struct unit_info *info)
{
	return IS_ONE_OF(info->active_state, "active", "reloading", "refreshing");
}

/* Its own processes are there, or are about to be: not those that prepare for them. */
static bool is_running(const struct unit_info *info)
{
	if (is_active(info))
		return !streq(info->sub_state, "exited");
	if (streq(info->active_state, "activating"))
		return IS_ONE_OF(info->sub_state, "start", "start-post");
	return streq(info->active_state, "deactivating");
}

static bool is_expected(const struct unit_facts *facts, bool was_stopped)
{
	const struct unit_info *info = &facts->info;

	if (IS_ONE_OF(info->load_state, "not-found", "masked"))
		return false;
	if (!streq(info->active_state, "inactive"))
		return true;
	if (!facts->active_us || (is_oneshot(info) && !info->remain_after_exit))
		return false;
	if (facts->trigger_active || was_stopped)
		return true;
	return !facts->conditions_failed &&
	       IS_ONE_OF(info->file_state, "enabled", "enabled-runtime");
}

void unit_judge(const struct unit_facts *facts, bool was_stopped, struct unit_verdict *ret)
{
	const struct unit_info *info = &facts->info;
	bool inactive = streq(info->active_state, "inactive");
	struct unit_verdict v = { 0 };

	v.standing.main_told = info->main_pid != 0;
	v.standing.failed = streq(info->active_state, "failed") ||
			    (*info->load_state && !streq(info->load_state, "loaded"));
	/* What does its work once, or is started when it is needed, ends when that is done. */
	v.standing.may_end = is_oneshot(info) || facts->trigger_active;
	v.standing.empty_ok = !v.standing.failed &&
			      ((is_oneshot(info) && !(inactive && info->remain_after_exit)) ||
				      (facts->trigger_active && (inactive || is_active(info))) ||
				      (is_active(info) && streq(info->sub_state, "exited")));
	v.has_ended = v.standing.failed || inactive || !*info->active_state;
	v.is_running = is_running(info);
	v.is_expected = is_expected(facts, was_stopped);
	*ret = v;
}

uint32_t unit_wait_status(const struct unit_main *main)
{
	if (main->code == CLD_KILLED)
		return (uint32_t)main->status & 0x7f;
	if (main->code == CLD_DUMPED)
		return ((uint32_t)main->status & 0x7f) | 0x80;
	return ((uint32_t)main->status & 0xff) << 8;
}

bool unit_starts_main(const struct unit_facts *facts)
{
	return facts->program && IS_ONE_OF(facts->info.type, "simple", "exec", "notify",
					 "notify-reload", "dbus", "idle");
}

/* -- in words ------------------------------------------------------------------------------- */

/* Those results that a death does not say by itself. */
static const struct {
	const char *result, *words;
} results[] = {
	{ "watchdog", "its watchdog time ran out" },
	{ "timeout", "it took too long to start or to stop" },
	{ "start-limit-hit", "systemd starts it no more: it failed too often" },
	{ "oom-kill", "memory was out" },
	{ "protocol", "it did not do what its unit's type says" },
	{ "resources", "systemd had not what it needs to start it" },
	{ "exec-condition", "its conditions were not met" },
};

void unit_describe_result(const struct unit_info *info, struct strbuf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		if (streq(info->result, results[i].result))
			strbuf_adds(out, results[i].words);
	}
}

void unit_describe(const struct unit_info *info, struct strbuf *out)
{
	size_t before;

	if (IS_ONE_OF(info->load_state, "not-found", "masked", "error", "bad-setting")) {
		strbuf_addf(out, "the unit %s",
			streq(info->load_state, "not-found") ? "does not exist"
			: streq(info->load_state, "masked")  ? "is masked"
							     : "cannot be loaded");
		return;
	}
	if (!*info->active_state || is_active(info))
		return;
	strbuf_addf(out, "the unit %s",
		streq(info->active_state, "failed")	 ? "has failed"
		: streq(info->sub_state, "auto-restart") ? "waits to be restarted"
		: streq(info->active_state, "inactive")	 ? "is not started"
							 : "is neither started nor stopped");
	before = out->len;
	strbuf_adds(out, ": ");
	unit_describe_result(info, out);
	if (out->len == before + 2)
		strbuf_truncate(out, before);
}
