/*
 * Settings and rule files from hostile hands. What loads has every place inside its source; what is
 * said can be printed; nothing else may happen.
 */
#include <stdlib.h>
#include "config/config.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void require(bool true_)
{
	if (!true_)
		abort();
}

/* The place of a text, and of each of its bytes, is in a source. */
static void check_text(const struct config_text *text)
{
	const struct pos *pos = &text->pos;
	size_t len = text->s ? strlen(text->s) : 0;

	if (!text->s || !pos->source || !pos->line)
		return;
	for (size_t i = 0; i <= len; i += 1 + len / 7) {
		struct pos in = config_pos_in(text, i, 1);
		const char *line = in.source->text, *end = line + in.source->len;

		for (unsigned n = 1; n < in.line; n++) {
			line = memchr(line, '\n', (size_t)(end - line));
			require(line);
			line++;
		}
		require(in.column >= 1 && in.column - 1 <= (size_t)(end - line));
	}
}

static void check_pairs(const struct config_pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++) {
		check_text(&pairs->items[i].name);
		check_text(&pairs->items[i].value);
	}
}

static void check_config(const struct config *c)
{
	check_pairs(&c->global.external_labels);
	check_text(&c->global.smtp_from);
	for (size_t i = 0; i < c->n_scrapes; i++) {
		check_text(&c->scrapes[i].job_name);
		for (size_t k = 0; k < c->scrapes[i].n_targets; k++)
			check_text(&c->scrapes[i].targets[k].address);
	}
	for (size_t i = 0; i < c->n_groups; i++) {
		check_text(&c->groups[i].name);
		for (size_t k = 0; k < c->groups[i].n_rules; k++) {
			const struct config_rule *rule = &c->groups[i].rules[k];

			require(!rule->alert.s != !rule->record.s);
			check_text(&rule->expr);
			check_pairs(&rule->labels);
			check_pairs(&rule->annotations);
		}
	}
	for (size_t i = 0; i < c->n_receivers; i++) {
		for (size_t k = 0; k < c->receivers[i].n_emails; k++) {
			require(c->receivers[i].emails[k].host && c->receivers[i].emails[k].port);
			check_text(&c->receivers[i].emails[k].to);
			check_pairs(&c->receivers[i].emails[k].headers);
		}
	}
	require(!c->route || config_receiver_find(c, c->route->receiver.s));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct diag diag = DIAG_INIT;
	struct strbuf out = STRBUF_INIT;
	struct config *config = NULL;
	char *text = strndup((const char *)data, size);

	require(text);
	/* Files that a text names would be read: not from here. */
	if (!strstr(text, "_files") && !strstr(text, "templates")) {
		if (config_check_text("fuzz.yml", text, &config, &diag) == 0)
			check_config(config);
		else
			require(!config && diag.errors);
		diag_print(&diag, &out);
	}
	config_unref(config);
	strbuf_release(&out);
	diag_release(&diag);
	free(text);
	return 0;
}
