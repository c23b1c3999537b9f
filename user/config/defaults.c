/*
 * defaults.c - what tolld does where no file tells it otherwise.
 *
 * It scrapes itself and has one rule. Without a route, alerts go to the journal and the page.
 */
#include "config/defaults.h"

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

const char config_default_rules[] =
	"groups:\n"
	"  - name: built-in\n"
	"    rules:\n"
	"      - alert: InstanceDown\n"
	"        expr: up == 0\n"
	"        for: 1m\n"
	"        annotations:\n"
	"          summary: '{{ $labels.job }} on {{ $labels.instance }} does not answer'\n";
