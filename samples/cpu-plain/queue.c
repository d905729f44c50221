// SPDX-License-Identifier: Apache-2.0
/* queue.c - in-order queues and their timelines. Work is done when launch() returns. */
#include <stdlib.h>
#include <time.h>

#include "driver.h"

int drv_queue_create(void *dev, void **queue, struct aios_status *st)
{
	(void)dev;
	*queue = calloc(1, sizeof(struct drv_queue));
	return *queue ? 0 : aios_fail(st, -ENOMEM, "no memory for a queue");
}

void drv_queue_destroy(void *dev, void *queue)
{
	(void)dev;
	free(queue);
}

int drv_signal(void *dev, void *arg, uint64_t *value, struct aios_status *st)
{
	struct drv_queue *queue = arg;

	(void)dev;
	(void)st;
	*value = ++queue->timeline;
	return 0;
}

/*
 * All signals were reached when they were made, so a value that is not there yet was not signalled;
 * another thread may still do it. A device that works on its own waits here for its event, and like
 * this one no longer than to `deadline_ns` (CLOCK_MONOTONIC).
 */
int drv_wait(void *dev, void *arg, uint64_t value, uint64_t deadline_ns, struct aios_status *st)
{
	struct drv_queue *queue = arg;
	struct timespec end = { .tv_sec = (time_t)(deadline_ns / 1000000000u),
				.tv_nsec = (long)(deadline_ns % 1000000000u) };

	(void)dev;
	if (value <= queue->timeline)
		return 0;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
	return aios_fail(st, -ETIMEDOUT, "value %llu was not signalled, the last was %llu",
			 (unsigned long long)value, (unsigned long long)queue->timeline);
}

int drv_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st)
{
	(void)dev;
	(void)deadline_ns;
	(void)st;
	return 0;
}
