/*
 * file_sd.h - what scrape_configs.c and file_sd.c know of each other.
 */
#ifndef TOLLD_CONFIG_FILE_SD_H
#define TOLLD_CONFIG_FILE_SD_H

#include "config/reader.h"

void config_read_file_sds(
	struct reader *r, const struct tree_pair *pair, struct config_scrape *scrape);
/* One item of static_configs, or of a file of targets. */
void config_read_static_config(
	struct reader *r, struct config_scrape *scrape, const struct tree_node *node);

#endif
