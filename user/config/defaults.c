/*
 * defaults.c - what tolld does where no file tells it otherwise.
 *
 * It watches every service unit, or without systemd every listening process, scrapes itself, and has the
 * rules that `make install` lays out. Without a route, alerts go to the journal and the page.
 */
#include "config/defaults.h"

#include "packaging/rules.yml.h"

void config_default_settings(struct strbuf *out, const char *own_address)
{
	const char *colon = strrchr(own_address, ':');

	/* Whatever it listens on, loopback reaches it unless one other address was named. */
	strbuf_adds(out, "global:\n"
			 "  scrape_interval: 15s\n"
			 "  evaluation_interval: 15s\n"
			 "scrape_configs:\n"
			 "  - job_name: tolld\n"
			 "    static_configs:\n"
			 "      - targets: ['");
	if (starts_with(own_address, ":") || starts_with(own_address, "0.0.0.0:") ||
		starts_with(own_address, "127.0.0.1:") || starts_with(own_address, "[::]:"))
		strbuf_addf(out, "localhost%s", colon);
	else
		strbuf_adds(out, own_address);
	strbuf_adds(out, "']\n");
}

const char *config_default_rules(size_t *ret_len)
{
	*ret_len = rules_yml_size;
	return (const char *)rules_yml;
}
