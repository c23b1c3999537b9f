/*
 * event.h - the decoder: a record of the ring (tolld/event.h) becomes a notice. Pure.
 */
#ifndef TOLLD_WATCH_EVENT_H
#define TOLLD_WATCH_EVENT_H

#include "watch/backend.h"

/* False for what is no event: of a type that is not known, or too short for its type. */
bool event_decode(const void *record, size_t size, uint64_t page_bytes, struct notice *ret);

/* A name as processes give it to themselves, which may lack its end. */
void event_comm(char to[WATCH_COMM_MAX], const char from[TOLLD_COMM_MAX]);

#endif
