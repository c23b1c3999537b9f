/*
 * defaults.c - what tolld does where no file tells it otherwise.
 *
 * It scrapes itself and has one rule. Without a route, alerts go to the journal and the page.
 */
#include "config/defaults.h"

const char config_default_settings[] = "global:\n"
				       "  scrape_interval: 15s\n"
				       "  evaluation_interval: 15s\n"
				       "alerting:\n"
				       "  alertmanagers:\n"
				       "    - static_configs:\n"
				       "        - targets: ['localhost:9093']\n"
				       "scrape_configs:\n"
				       "  - job_name: tolld\n"
				       "    static_configs:\n"
				       "      - targets: ['localhost:9090']\n";

const char config_default_rules[] =
	"groups:\n"
	"  - name: built-in\n"
	"    rules:\n"
	"      - alert: InstanceDown\n"
	"        expr: up == 0\n"
	"        for: 1m\n"
	"        annotations:\n"
	"          summary: '{{ $labels.job }} on {{ $labels.instance }} does not answer'\n";
