/*
 * process.h - what this process costs: the process_* metrics that every exporter has.
 */
#ifndef TOLLD_API_PROCESS_H
#define TOLLD_API_PROCESS_H

#include <stdint.h>

struct process_usage {
	double cpu_seconds;
	double resident_bytes, virtual_bytes;
	double open_fds, max_fds;
	double threads;
};

/* Reads /proc/self; what cannot be read is 0. */
void process_usage(struct process_usage *ret);

#endif
