/*
 * watch.c - tolld's own section: the services that the owner names.
 */
#include "base/num.h"
#include "base/regex.h"
#include "config/address.h"
#include "config/schema.h"

#include <arpa/inet.h>
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

	err = regex_new_search(cmdline->s, &regex, error, sizeof(error));
	if (err == -ENOMEM)
		reader_no_memory(r);
	else if (err)
		diag_error(r->diag, cmdline->pos, "invalid regular expression: %s", error);
	else
		regex_free(regex);
}

static bool is_numeric(const char *host)
{
	struct in6_addr address;

	return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

/* A port, or an address of this machine with one; names are not looked up. */
static void check_listen(struct reader *r, const struct config_text *listen)
{
	const char *colon = strrchr(listen->s, ':');
	int64_t port;
	char *host;
	unsigned unused;

	if ((!colon || colon == listen->s) &&
		num_parse_int(colon ? colon + 1 : listen->s, 1, 65535, &port)) {
		diag_error(r->diag, listen->pos,
			"'%s' is no port; it is host:port, or a number from 1 to 65535", listen->s);
		return;
	}
	if (!colon || colon == listen->s ||
		!address_split(r->diag, listen, &r->config->arena, &host, &unused) || !host)
		return;
	if (!streq(host, "localhost") && !is_numeric(host))
		diag_error(r->diag, listen->pos,
			"'%s' is no address of this machine: write it in numbers, or as localhost, "
			"or leave it out and write the port alone",
			host);
}

static void check_path(struct reader *r, const char *key, const struct config_text *path)
{
	if (*path->s != '/')
		diag_error(r->diag, path->pos,
			"%s must be a path that begins with a slash, not '%s'", key, path->s);
}

static bool is_unit_pattern(const struct config_text *unit)
{
	return text_set(unit) && strpbrk(unit->s, "*?[");
}

static void check_unit(struct reader *r, const struct config_text *unit)
{
	static const char *const others[] = { ".socket", ".timer", ".path", ".mount", ".automount",
		".swap", ".target", ".slice", ".scope", ".device" };
	const char *dot = strrchr(unit->s, '.');
	bool is_other = false;

	for (size_t i = 0; dot && i < ARRAY_SIZE(others); i++)
		is_other |= streq(dot, others[i]);
	if (strchr(unit->s, '/'))
		diag_error(r->diag, unit->pos, "a unit's name has no slash: '%s'", unit->s);
	else if (is_other)
		diag_error(r->diag, unit->pos,
			"only services can be watched, and '%s' is none: their names end with .service",
			unit->s);
}

static void check_labels(struct reader *r, const struct config_pairs *labels)
{
	for (size_t i = 0; i < labels->n; i++) {
		const struct config_text *name = &labels->items[i].name;

		if (!label_name_valid_classic(name->s, strlen(name->s)) ||
			starts_with(name->s, "__"))
			diag_error(r->diag, name->pos, "'%s' is no name for a label", name->s);
		else if (streq(name->s, "service"))
			diag_error(r->diag, name->pos,
				"the label 'service' is the service's name; give it another one by the "
				"key 'service'");
	}
}

static void check_selector(struct reader *r, const struct config_watch *watch)
{
	if (text_set(&watch->cmdline))
		check_cmdline(r, &watch->cmdline);
	if (text_set(&watch->listen))
		check_listen(r, &watch->listen);
	if (text_set(&watch->exe))
		check_path(r, "exe", &watch->exe);
	if (text_set(&watch->pidfile))
		check_path(r, "pidfile", &watch->pidfile);
	if (text_set(&watch->unit))
		check_unit(r, &watch->unit);
	if (text_set(&watch->listen) && watch->expect == EXPECT_ANY)
		diag_error(r->diag, watch->listen.pos,
			"a service at an address is expected to listen there: leave 'expect' out");
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
	/* Of a pattern each unit has its own name. */
	if (!text_set(&watch->service) && !is_unit_pattern(&watch->unit))
		diag_error(r->diag, node->pos, "a watched service needs a name: service");
	for (size_t i = 0; i < r->config->n_watches && text_set(&watch->service); i++) {
		const struct config_text *other = &r->config->watches[i].service;

		if (text_set(other) && streq(other->s, watch->service.s))
			diag_error(r->diag, watch->service.pos,
				"service '%s' is watched twice, first in %s:%u", other->s,
				other->pos.source->name, other->pos.line);
	}
	check_selector(r, watch);
	check_labels(r, &watch->labels);
}

/* Room for so many more, and no more than that: of ten thousand, what a list leaves behind as it grows counts. */
static bool reserve(struct config *c, size_t n)
{
	struct config_watch *all = arena_alloc(&c->arena, (c->n_watches + n) * sizeof(*c->watches));

	if (!all)
		return false;
	if (c->n_watches)
		memcpy(all, c->watches, c->n_watches * sizeof(*all));
	c->watches = all;
	return true;
}

void config_read_watch(struct reader *r, const struct tree_pair *pair, void *out)
{
	size_t n = reader_list(r, pair);
	struct config *c = r->config;

	if (!n)
		return;
	if (!reserve(c, n)) {
		reader_no_memory(r);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct config_watch watch = { 0 };

		schema_read(r, &watch_schema, pair->value->items[i], &watch);
		check_watch(r, &watch, pair->value->items[i]);
		c->watches[c->n_watches++] = watch;
	}
}
