/*
 * needless.c - what the sections' tables say that tolld does without, in one go.
 */
#include "config/needless.h"

#include "config/elsewhere.h"

struct walk {
	config_needless_fn *fn;
	void *userdata;
};

static void walk(const struct walk *w, const char *section, const struct schema *schema)
{
	for (; schema; schema = schema->more) {
		for (size_t i = 0; i < schema->n; i++) {
			const struct schema_key *key = &schema->keys[i];

			if (key->why)
				w->fn(section, key->name, key->state == S_LATER, key->why,
					w->userdata);
			else if (key->sub && key->state == S_SERVED)
				walk(w, key->sub->what, key->sub);
		}
	}
}

void config_needless(config_needless_fn *fn, void *userdata)
{
	const struct walk w = { fn, userdata };

	walk(&w, "the settings", &config_file_schema);
	walk(&w, "global", &global_schema);
	walk(&w, "scrape_configs", &scrape_schema);
	walk(&w, "storage", &storage_schema);
}
