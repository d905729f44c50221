// SPDX-License-Identifier: Apache-2.0
/*
 * The ring is the bounded queue with a turn in each cell: a writer owns the cell whose
 * turn equals its ticket, the reader the one whose turn is one more.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/engine/inbox.h"
#include "core/lib/clock.h"

int inbox_init(struct inbox *in, uint32_t capacity, struct aios_status *st)
{
	uint64_t n = 64;

	memset(in, 0, sizeof(*in));
	in->fd = -1;
	while (n < capacity)
		n *= 2;
	in->cells = calloc(n, sizeof(*in->cells));
	if (!in->cells)
		return aios_fail(st, -ENOMEM, "no host memory for a queue of %u messages",
				 capacity);
	in->mask = n - 1;
	for (uint64_t i = 0; i < n; i++)
		atomic_store(&in->cells[i].turn, i);
	in->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (in->fd < 0)
		return aios_fail(st, -errno, "eventfd: %s", strerror(errno));
	return 0;
}

void inbox_finish(struct inbox *in)
{
	if (in->cells && in->fd >= 0)
		close(in->fd);
	free(in->cells);
	memset(in, 0, sizeof(*in));
	in->fd = -1;
}

static void wake(const struct inbox *in)
{
	const uint64_t one = 1;
	int saved = errno; /* a signal handler may call this */
	ssize_t n = write(in->fd, &one, sizeof(one));

	(void)n; /* full: the reader has not woken yet and will */
	errno = saved;
}

bool inbox_push(struct inbox *in, const struct inbox_message *message)
{
	uint64_t ticket = atomic_load(&in->tail);
	struct inbox_cell *cell;
	uint64_t turn;

	for (;;) {
		cell = &in->cells[ticket & in->mask];
		turn = atomic_load(&cell->turn);
		if (turn == ticket) {
			if (atomic_compare_exchange_weak(&in->tail, &ticket, ticket + 1))
				break;
		} else if (turn < ticket) {
			return false;
		} else {
			ticket = atomic_load(&in->tail);
		}
	}
	cell->message = *message;
	atomic_store(&cell->turn, ticket + 1);
	if (atomic_load(&in->asleep))
		wake(in);
	return true;
}

bool inbox_pop(struct inbox *in, struct inbox_message *message)
{
	struct inbox_cell *cell = &in->cells[in->head & in->mask];

	if (atomic_load(&cell->turn) != in->head + 1)
		return false;
	*message = cell->message;
	atomic_store(&cell->turn, in->head + in->mask + 1);
	in->head++;
	return true;
}

bool inbox_empty(const struct inbox *in)
{
	return atomic_load(&in->cells[in->head & in->mask].turn) != in->head + 1 &&
	       !atomic_load(&in->interrupted);
}

void inbox_interrupt(struct inbox *in)
{
	atomic_store(&in->interrupted, true);
	wake(in);
}

bool inbox_interrupted(struct inbox *in)
{
	return atomic_exchange(&in->interrupted, false);
}

static int timeout_ms(uint64_t until_ns)
{
	uint64_t now = clock_ns(), ms;

	if (until_ns == 0)
		return -1;
	if (until_ns <= now)
		return 0;
	ms = (until_ns - now + 999999) / 1000000;
	return ms < 1000000 ? (int)ms : 1000000;
}

void inbox_wait(struct inbox *in, uint64_t until_ns)
{
	struct pollfd p = { .fd = in->fd, .events = POLLIN };
	uint64_t count;
	ssize_t n;

	/* Whoever pushes after this store sees it and wakes; what was pushed before is seen here. */
	atomic_store(&in->asleep, true);
	if (inbox_empty(in))
		poll(&p, 1, timeout_ms(until_ns));
	atomic_store(&in->asleep, false);
	n = read(in->fd, &count, sizeof(count));
	(void)n; /* nothing there: it was the time */
}
