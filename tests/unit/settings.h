/*
 * settings.h - a configuration from a text that must be good.
 */
#ifndef TOLLD_TESTS_SETTINGS_H
#define TOLLD_TESTS_SETTINGS_H

#include "harness.h"

#include "config/config.h"

/* With any fault the test fails, and shows it. */
static inline struct config *config_of(const char *text)
{
	struct diag diag = DIAG_INIT;
	struct config *config = NULL;

	if (config_load_text("test.yml", text, &config, &diag)) {
		struct strbuf out = STRBUF_INIT;

		diag_print(&diag, &out);
		fail_msg("%s", out.s);
	}
	diag_release(&diag);
	return config;
}

#endif
