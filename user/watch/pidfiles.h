/*
 * pidfiles.h - services whose process a file names: looked at when inotify tells of the file.
 */
#ifndef TOLLD_WATCH_PIDFILES_H
#define TOLLD_WATCH_PIDFILES_H

#include "watch/select.h"

/* Watches the file's folder, or where that is missing the nearest above it that is not. */
int pidfiles_add(struct selection *s);
void pidfiles_release(struct watch *watch);
/* Reads those that nobody has read yet. */
void pidfiles_look(struct watch *watch);
/* Reads all anew, a few in each of the next turns of the loop: thousands take longer than a death may wait. */
void pidfiles_resync(struct watch *watch);
/* Whom the file names now, where that is another than its process was. */
bool pidfile_heir(struct selection *s, struct process *ret);

#endif
