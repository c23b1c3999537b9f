/*
 * watch.c - tolld's own section: the services that the owner names.
 */
#include "base/regex.h"
#include "config/schema.h"

#include <errno.h>

static void read_expect(struct reader *r, const struct tree_pair *pair, void *out);

static const struct schema_key watch_keys[] = {
	SERVED("service", S_TEXT, struct config_watch, service),
	SERVED("unit", S_TEXT, struct config_watch, unit),
	SERVED("listen", S_TEXT, struct config_watch, listen),
	SERVED("exe", S_TEXT, struct config_watch, exe),
	SERVED("cmdline", S_TEXT, struct config_watch, cmdline),
	SERVED("pidfile", S_TEXT, struct config_watch, pidfile),
	SERVED("labels", S_PAIRS, struct config_watch, labels),
	CUSTOM("expect", read_expect),
};
static const struct schema watch_schema = SCHEMA("watch", watch_keys, NULL);

static void read_expect(struct reader *r, const struct tree_pair *pair, void *out)
{
	static const char *const words[] = {
		[EXPECT_RUNNING] = "running",
		[EXPECT_LISTENING] = "listening",
		[EXPECT_ANY] = "any",
	};
	struct config_text text;

	if (!reader_text(r, pair, &text) || !*text.s)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (streq(text.s, words[i])) {
			((struct config_watch *)out)->expect = (enum config_expect)i;
			return;
		}
	}
	diag_error(r->diag, text.pos, "expect must be running, listening or any, not '%s'", text.s);
}

static void check_cmdline(struct reader *r, const struct config_text *cmdline)
{
	struct regex *regex;
	char error[160];
	int err;

	err = regex_new(cmdline->s, &regex, error, sizeof(error));
	if (err == -ENOMEM)
		reader_no_memory(r);
	else if (err)
		diag_error(r->diag, cmdline->pos, "invalid regular expression: %s", error);
	else
		regex_free(regex);
}

static void check_watch(
	struct reader *r, const struct config_watch *watch, const struct tree_node *node)
{
	const struct config_text *const selectors[] = { &watch->unit, &watch->listen, &watch->exe,
		&watch->cmdline, &watch->pidfile };
	unsigned set = 0;

	for (size_t i = 0; i < ARRAY_SIZE(selectors); i++)
		set += text_set(selectors[i]);
	if (set != 1)
		diag_error(r->diag, node->pos,
			"a watched service needs exactly one of unit, listen, exe, cmdline and "
			"pidfile, not %u",
			set);
	if (!text_set(&watch->service))
		diag_error(r->diag, node->pos, "a watched service needs a name: service");
	for (size_t i = 0; i < r->config->n_watches && text_set(&watch->service); i++) {
		const struct config_text *other = &r->config->watches[i].service;

		if (text_set(other) && streq(other->s, watch->service.s))
			diag_error(r->diag, watch->service.pos,
				"service '%s' is watched twice, first in %s:%u", other->s,
				other->pos.source->name, other->pos.line);
	}
	if (text_set(&watch->cmdline))
		check_cmdline(r, &watch->cmdline);
}

void config_read_watch(struct reader *r, const struct tree_pair *pair, void *out)
{
	size_t n = reader_list(r, pair);
	struct config *c = r->config;

	for (size_t i = 0; i < n; i++) {
		struct config_watch watch = { 0 };

		schema_read(r, &watch_schema, pair->value->items[i], &watch);
		check_watch(r, &watch, pair->value->items[i]);
		if (!arena_reserve(&c->arena, c->watches, c->n_watches, c->cap_watches)) {
			reader_no_memory(r);
			return;
		}
		c->watches[c->n_watches++] = watch;
	}
	if (n)
		diag_error(r->diag, pair->key->pos,
			"'watch' is not served yet by this version of tolld");
}
