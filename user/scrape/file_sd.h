/*
 * file_sd.h - the files of targets that jobs name: read, watched, read again; private to scrape/.
 *
 * A file that is broken, or half written, leaves the targets that it had before; that is told once for
 * each state of the file. One that is gone takes its targets with it.
 * Source of the rules: prometheus discovery/file/file.go.
 */
#ifndef TOLLD_SCRAPE_FILE_SD_H
#define TOLLD_SCRAPE_FILE_SD_H

#include <systemd/sd-event.h>
#include "config/config.h"

struct file_sd;

struct file_sd_callbacks {
	/* Something changed, or the time for a look has come: file_sd_read() is to be called. */
	void (*look)(void *userdata);
	/* What is wrong in a file. */
	void (*faults)(const struct diag *diag, void *userdata);
	void *userdata;
};

int file_sd_new(sd_event *event, const struct file_sd_callbacks *callbacks, struct file_sd **ret);
void file_sd_free(struct file_sd *sd);

/*
 * Reads the files that the configuration names. *ret_changed: some job may have other targets than
 * before. -ENOMEM.
 */
int file_sd_read(struct file_sd *sd, const struct config *config, bool *ret_changed);
/* From now on these files and no others are watched, and looked at as often as they ask for. */
void file_sd_watch(struct file_sd *sd, const struct config *config);

/* Each target of the job's files. Stops at what is not 0, and returns it. */
typedef int file_sd_target_fn(const struct config_target *target, void *userdata);
int file_sd_each(const struct file_sd *sd, const struct config_scrape *job, file_sd_target_fn *fn,
	void *userdata);

#endif
