/*
 * select.h - what the owner described, and the processes that fit it.
 *
 * A selection is one description: a program, a command line, a pidfile, a unit, an address. It has one
 * service from the beginning on, or, where it is a pattern, one for each unit that fits.
 */
#ifndef TOLLD_WATCH_SELECT_H
#define TOLLD_WATCH_SELECT_H

#include "base/regex.h"
#include "watch/everyone.h"
#include "watch/pace.h"
#include "watch/program.h"
#include "watch/service.h"

struct watch;

struct selection {
	struct watch *watch;
	enum selector_kind kind;
	enum service_expect expect;
	char *name;
	char *text;
	struct labels *labels; /* NULL: none */
	void *userdata;
	struct service *service; /* NULL: there are several, or none yet */

	struct everyone *everyone; /* SELECT_LISTEN without an address */
	struct program program;	   /* SELECT_EXE */
	uint64_t told_inode;	   /* what the backend looks for; 0: nothing */
	struct regex *regex;	   /* SELECT_CMDLINE */
	int wd;			   /* SELECT_PIDFILE: of inotify, for its folder; negative: none */
	bool is_dir_watched;	   /* and not only one above it */
	uint64_t file_mark;	   /* which file that was, as pidfile_still_names() has it */

	/* Of the look at all processes that is under way: */
	size_t fits;
	bool owner_fits;
	pid_t best_pid; /* 0: none */
	int64_t best_start_boot_ns;
};

struct finder {
	struct selection **items;
	size_t n, cap;
	size_t n_by_process; /* those for which all processes are looked at */
	size_t n_everyone;   /* those for which all listeners are */
	struct pace pace;
	int64_t scan_boot_ns;	   /* when to, whatever the pace says */
	int64_t collected_boot_ns; /* when all were looked at last, whoever wanted it */
	pid_t collected_number;	   /* the last that a process had been given by then */
	unsigned early_looks;	   /* of late, for those who had theirs later */
	int inotify_fd;		   /* -1: no pidfiles yet */
	sd_event_source *inotify_source;
	sd_event_source *pidfiles_source; /* on while pidfiles are to be read anew: */
	size_t n_pidfiles_left;		  /* among the first so many selections */
};

void select_init(struct watch *watch);
void select_release(struct watch *watch);

/* When select_due() wants to be called. */
int64_t select_next_deadline(const struct watch *watch);
void select_due(struct watch *watch, struct instant now);
/* After services_notice() has had it. */
void select_notice(struct watch *watch, const struct notice *notice, struct instant now);
/* A service has lost its process. */
void select_lost_process(struct service *service, struct instant now);
/* All is asked anew: what was missed is found. */
void select_resync(struct watch *watch);
/* Who is the service after its process has ended? */
bool select_heir(struct service *service, const struct notice *exit, struct process *ret);

/* One more service, of a selection that is a pattern, named as what was found. */
int selection_add_service(struct selection *s, const char *name, struct service **ret);
void selection_tell_added(struct service *service);
void selection_remove_service(struct service *service);

/* Whoever listens now and is not a service yet. */
void selection_look_at_everyone(struct selection *s);

/* Is it found by looking at processes? */
bool selection_is_by_process(const struct selection *s);
/* Tells the backend which program to look for; an update may have put another file at its path. */
void selection_tell_program(struct selection *s);

#endif
