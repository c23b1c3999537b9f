/*
 * kin.h - is a process the heir of one that is dead, or a new start? Where nobody sees forks. Pure.
 *
 * Who lived while the dead one was seen alive is no restart of it. Who started later may be its child or may
 * be its next start: a child is told by what fork() passes on, its process group. A restart that is
 * taken for an heir hides a crash, an heir that is taken for a restart says that one was where all went on: where it
 * was not seen that the dead one ended well, only what is sure counts.
 */
#ifndef TOLLD_WATCH_KIN_H
#define TOLLD_WATCH_KIN_H

#include "watch/backend.h"
#include "watch/procfs.h"

/* Starts are known to a tick of the kernel's where /proc says them. */
#define START_TICK_NS (10 * NSEC_PER_MSEC)

/* `exit` is the NOTICE_EXIT of the dead one, `other` what /proc says now of one that lives. */
bool kin_inherits(const struct notice *exit, const struct process_stat *other);

#endif
