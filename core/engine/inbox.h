/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbox.h - what other threads have to say to the thread that owns an engine: a
 * bounded lock-free queue, many writers and one reader, and a way to wake the
 * reader, who costs nothing while it sleeps.
 */
#ifndef CORE_ENGINE_INBOX_H
#define CORE_ENGINE_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <aios/error.h>

struct request;

/* A request (a chain of answers) to take in, or an id to cancel. */
struct inbox_message {
	struct request *submit; /* NULL: cancel */
	uint64_t cancel;
};

/* A place in the ring. `turn` says whose it is: the writer's of that number, or the reader's, one later. */
struct inbox_cell {
	_Atomic uint64_t turn;
	struct inbox_message message;
};

struct inbox {
	struct inbox_cell *cells; /* [mask + 1] */
	uint64_t mask;
	_Atomic uint64_t tail; /* next to be written */
	uint64_t head;         /* next to be read; the reader's */
	atomic_bool asleep;    /* the reader is, or is about to be */
	atomic_bool interrupted;
	int fd; /* eventfd that wakes it; -1: not open */
};

/* Room for `capacity` messages at least. */
int inbox_init(struct inbox *in, uint32_t capacity, struct aios_status *st);
void inbox_finish(struct inbox *in); /* takes a zeroed inbox */

/* Any thread. False: full. */
bool inbox_push(struct inbox *in, const struct inbox_message *message);

/* The reader's. False: empty. */
bool inbox_pop(struct inbox *in, struct inbox_message *message);

/* The reader's. */
bool inbox_empty(const struct inbox *in);

/* Any thread, or a signal handler: the reader's next wait returns, inbox_interrupted() is true once. */
void inbox_interrupt(struct inbox *in);
bool inbox_interrupted(struct inbox *in);

/* The reader's. Sleep until something comes or the time (CLOCK_MONOTONIC ns; 0: no limit). */
void inbox_wait(struct inbox *in, uint64_t until_ns);

#endif /* CORE_ENGINE_INBOX_H */
