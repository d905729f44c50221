// SPDX-License-Identifier: Apache-2.0
/* level1.c - memory and queues: sizes, alignment, heaps, copies, fills, order, signals, deadlines. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/conform/conform.h"
#include "core/lib/array.h"
#include "core/lib/clock.h"

#define SECOND 1000000000ull
#define TIMEOUT (30 * SECOND)

/* A call's failure as the case's. True: it failed. */
static bool bad(int rc, const struct aios_status *st, struct aios_conform_case *r)
{
	if (rc)
		conform_fail(r, "%s (%d): %s", st->where[0] ? st->where : "call", rc, st->message);
	return rc != 0;
}

static uint8_t pattern(uint32_t seed, uint64_t i)
{
	uint32_t x = (uint32_t)i * 0x9e3779b1u + seed * 0x85ebca77u;

	return (uint8_t)(x >> 24 ^ x >> 11);
}

static void fill_pattern(uint8_t *p, uint32_t seed, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		p[i] = pattern(seed, i);
}

/* --- allocation -------------------------------------------------------------------- */

static const uint64_t sizes[] = { 1,        2,     15,      16,      17,
				  255,      256,   257,     4095,    4096,
				  4097,     65535, 1000003, 1 << 20, (1 << 20) + 1,
				  16u << 20 };

/* One allocation of `bytes`, written and read to its last byte. */
static int one_size(struct aios_conform *c, uint32_t heap, uint64_t bytes,
		    struct aios_conform_case *r)
{
	struct queue *q = &c->dut.queues[0];
	struct aios_status st = { 0 };
	uint8_t *out = malloc(2 * bytes), *in = out + bytes;
	struct aios_mem mem;
	int rc;

	if (!out)
		return -ENOMEM;
	memset(&mem, 0, sizeof(mem));
	if (bad(device_alloc(c->dut.dev, heap, bytes, "a test", &mem, &st), &st, r))
		goto out;
	if (!mem.addr || mem.addr % 256)
		conform_fail(r,
			     "heap %u, %" PRIu64 " bytes: address 0x%" PRIx64
			     "; expected a multiple of 256",
			     heap, bytes, mem.addr);
	if (mem.bytes < bytes || mem.heap != heap)
		conform_fail(r,
			     "heap %u, %" PRIu64 " bytes: mem_alloc filled in heap %u, %" PRIu64
			     " bytes",
			     heap, bytes, mem.heap, mem.bytes);
	if (heap != AIOS_HEAP_DEVICE && !mem.host)
		conform_fail(r, "memory of heap %u has no host pointer", heap);
	fill_pattern(out, heap + 1, bytes);
	memset(in, 0, bytes);
	rc = queue_upload(q, mem.addr, out, bytes, &st);
	memset(out, 0xee, bytes); /* the host's memory is the host's again */
	if (!rc)
		rc = queue_download(q, in, mem.addr, bytes, &st);
	if (!rc)
		rc = queue_sync(q, TIMEOUT, &st);
	if (bad(rc, &st, r))
		goto out;
	for (uint64_t i = 0; i < bytes; i++)
		if (in[i] != pattern(heap + 1, i)) {
			conform_fail(r,
				     "heap %u, %" PRIu64 " bytes: byte %" PRIu64
				     " came back as 0x%02x, expected 0x%02x",
				     heap, bytes, i, in[i], pattern(heap + 1, i));
			break;
		}
	if (mem.host && memcmp(mem.host, in, bytes) != 0)
		conform_fail(r, "heap %u: the host pointer shows other bytes than the device",
			     heap);
out:
	device_free(c->dut.dev, &mem);
	free(out);
	return 0;
}

static int run_sizes(struct aios_conform *c, const struct conform_job *job,
		     struct aios_conform_case *r)
{
	struct aios_heap_info info;
	struct aios_status st = { 0 };
	int rc = 0;

	if (bad(device_heap_info(c->dut.dev, job->index, &info, &st), &st, r))
		return 0;
	if (!info.total)
		return conform_skip(r, "heap %u does not exist", job->index);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !rc; i++)
		if (r->status == AIOS_CONFORM_PASS)
			rc = one_size(c, job->index, sizes[i], r);
	return rc;
}

/* Many live allocations: none overlaps another, and each keeps its own bytes. */
#define LIVE 200
static int run_overlap(struct aios_conform *c, const struct conform_job *job,
		       struct aios_conform_case *r)
{
	struct aios_mem *mem = calloc(LIVE, sizeof(*mem));
	struct queue *q = &c->dut.queues[0];
	struct aios_status st = { 0 };
	uint8_t got[2];
	uint32_t n = 0, i, k;
	int rc;

	(void)job;
	if (!mem)
		return -ENOMEM;
	for (; n < LIVE && r->status == AIOS_CONFORM_PASS; n++) {
		uint64_t bytes = 1 + conform_below(conform_key_of(c->options.seed, r->id), 1, n, 0,
						   n % 10 == 0 ? 300000 : 3000);

		if (bad(device_alloc(c->dut.dev, AIOS_HEAP_DEVICE, bytes, "a test", &mem[n], &st),
			&st, r))
			break;
		bad(queue_fill(q, mem[n].addr, (uint8_t)n, mem[n].bytes, &st), &st, r);
	}
	for (i = 0; i < n; i++)
		for (k = 0; k < i; k++)
			if (mem[i].addr < mem[k].addr + mem[k].bytes &&
			    mem[k].addr < mem[i].addr + mem[i].bytes)
				conform_fail(r,
					     "two live allocations overlap: 0x%" PRIx64
					     " + %" PRIu64 " and 0x%" PRIx64 " + %" PRIu64,
					     mem[i].addr, mem[i].bytes, mem[k].addr, mem[k].bytes);
	for (i = 0; i < n && r->status == AIOS_CONFORM_PASS; i++) {
		rc = queue_download(q, &got[0], mem[i].addr, 1, &st);
		if (!rc)
			rc = queue_download(q, &got[1], mem[i].addr + mem[i].bytes - 1, 1, &st);
		if (!rc)
			rc = queue_sync(q, TIMEOUT, &st);
		if (!bad(rc, &st, r) && (got[0] != (uint8_t)i || got[1] != (uint8_t)i))
			conform_fail(
				r,
				"allocation %u was filled with 0x%02x and reads 0x%02x .. 0x%02x",
				i, i & 255, got[0], got[1]);
	}
	queue_sync(q, TIMEOUT, NULL);
	/* Not in the order they were made. */
	for (i = 0; i < n; i++)
		device_free(c->dut.dev, &mem[(i * 7) % n]);
	for (i = 0; i < n; i++)
		device_free(c->dut.dev, &mem[i]);
	free(mem);
	return 0;
}

/* More than there is must be a result, and the device must go on. */
static int run_exhaustion(struct aios_conform *c, const struct conform_job *job,
			  struct aios_conform_case *r)
{
	struct device *dev = c->dut.dev;
	struct aios_heap_info info;
	struct aios_status st = { 0 };
	struct aios_mem mem;
	uint64_t ask[3];
	int rc;

	(void)job;
	if (bad(device_heap_info(dev, AIOS_HEAP_DEVICE, &info, &st), &st, r))
		return 0;
	ask[0] = info.total + 1;
	ask[1] = UINT64_MAX / 2;
	ask[2] = UINT64_MAX - 100;
	for (int i = 0; i < 3; i++) {
		memset(&mem, 0, sizeof(mem));
		memset(&st, 0, sizeof(st));
		rc = dev->ops->mem_alloc(dev->dev, AIOS_HEAP_DEVICE, ask[i], &mem, &st);
		if (rc >= 0) {
			dev->ops->mem_free(dev->dev, &mem);
			return conform_fail(r,
					    "mem_alloc gave %" PRIu64
					    " bytes of a heap of %" PRIu64,
					    ask[i], info.total);
		}
		if (rc != -AIOS_EXHAUSTED)
			return conform_fail(r,
					    "mem_alloc of %" PRIu64 " bytes of a heap of %" PRIu64
					    " failed with %d; expected -AIOS_EXHAUSTED (%d)",
					    ask[i], info.total, rc, -AIOS_EXHAUSTED);
	}
	return one_size(c, AIOS_HEAP_DEVICE, 4096, r);
}

/* --- copies and fills ---------------------------------------------------------------- */

#define ARENA 70000u

/* A random chain of copies and fills against the same on the host. */
struct model {
	uint8_t host[2][ARENA];
	struct aios_mem mem[2];
};

static int model_step(struct aios_conform *c, struct model *m, struct conform_key key, uint32_t i,
		      uint8_t *staging, struct aios_status *st)
{
	static const uint32_t widths[] = { 1,  2,  3,  4,   7,   8,    15,   16,
					   17, 63, 64, 255, 256, 1000, 4096, 20000 };
	struct queue *q = &c->dut.queues[0];
	uint32_t n = widths[conform_below(key, 1, i, 0, 16)], what = conform_below(key, 1, i, 1, 4);
	uint32_t at = conform_below(key, 1, i, 2, ARENA - n),
		 from = conform_below(key, 1, i, 3, ARENA - n);
	uint32_t a = conform_below(key, 1, i, 4, 2), b = 1 - a;
	uint8_t value = (uint8_t)conform_below(key, 1, i, 5, 256);

	switch (what) {
	case 0:
		memset(m->host[a] + at, value, n);
		return queue_fill(q, m->mem[a].addr + at, value, n, st);
	case 1: /* the source is the host's to change as soon as the call is back */
		for (uint32_t k = 0; k < n; k++)
			staging[k] = pattern(i, k);
		memcpy(m->host[a] + at, staging, n);
		{
			int rc = queue_upload(q, m->mem[a].addr + at, staging, n, st);

			memset(staging, 0xdd, n);
			return rc;
		}
	default:
		memcpy(m->host[a] + at, m->host[b] + from, n);
		return c->dut.dev->ops->copy(c->dut.dev->dev, q->queue, AIOS_COPY_ON_DEVICE,
					     m->mem[a].addr + at, m->mem[b].addr + from, n, st);
	}
}

static int model_check(struct aios_conform *c, struct model *m, uint8_t *staging,
		       struct aios_conform_case *r)
{
	struct queue *q = &c->dut.queues[0];
	struct aios_status st = { 0 };

	for (int a = 0; a < 2; a++) {
		int rc = queue_download(q, staging, m->mem[a].addr, ARENA, &st);

		if (!rc)
			rc = queue_sync(q, TIMEOUT, &st);
		if (bad(rc, &st, r))
			return 0;
		for (uint32_t i = 0; i < ARENA; i++)
			if (staging[i] != m->host[a][i])
				return conform_fail(r,
						    "after a chain of copies and fills byte %u is "
						    "0x%02x, expected 0x%02x",
						    i, staging[i], m->host[a][i]);
	}
	return 0;
}

static int run_copies(struct aios_conform *c, const struct conform_job *job,
		      struct aios_conform_case *r)
{
	struct conform_key key = conform_key_of(c->options.seed, r->id);
	struct model *m = calloc(1, sizeof(*m));
	uint8_t *staging = malloc(ARENA);
	struct aios_status st = { 0 };
	uint32_t steps = c->options.quick ? 200 : 1500, i;

	(void)job;
	if (!m || !staging) {
		free(m);
		free(staging);
		return -ENOMEM;
	}
	for (i = 0; i < 2; i++)
		if (!bad(device_alloc(c->dut.dev, AIOS_HEAP_DEVICE, ARENA, "a test", &m->mem[i],
				      &st),
			 &st, r))
			bad(queue_fill(&c->dut.queues[0], m->mem[i].addr, 0, ARENA, &st), &st, r);
	for (i = 0; i < steps && r->status == AIOS_CONFORM_PASS; i++) {
		memset(&st, 0, sizeof(st));
		bad(model_step(c, m, key, i, staging, &st), &st, r);
		if (i % 50 == 49)
			model_check(c, m, staging, r);
	}
	queue_sync(&c->dut.queues[0], TIMEOUT, NULL);
	device_free(c->dut.dev, &m->mem[0]);
	device_free(c->dut.dev, &m->mem[1]);
	free(m);
	free(staging);
	return 0;
}

static int run_bad_copies(struct aios_conform *c, const struct conform_job *job,
			  struct aios_conform_case *r)
{
	struct device *dev = c->dut.dev;
	struct aios_status st = { 0 };
	struct aios_mem mem;
	uint64_t word = 0;
	int rc;

	(void)job;
	if (bad(device_alloc(dev, AIOS_HEAP_DEVICE, 64, "a test", &mem, &st), &st, r))
		return 0;
	rc = dev->ops->copy(dev->dev, c->dut.queues[0].queue, 3, mem.addr, (uintptr_t)&word, 8,
			    &st);
	if (rc >= 0)
		conform_fail(r, "copy in direction 3 succeeded; expected an error");
	queue_sync(&c->dut.queues[0], TIMEOUT, NULL);
	device_free(dev, &mem);
	return 0;
}

/* --- order, signals, deadlines -------------------------------------------------------- */

/* Long work, then a short one that overwrites it; what is read must be the last. */
static int run_order(struct aios_conform *c, const struct conform_job *job,
		     struct aios_conform_case *r)
{
	struct queue *q = &c->dut.queues[0];
	uint64_t bytes = 8u << 20;
	struct aios_status st = { 0 };
	struct aios_mem mem;
	uint8_t got[3];

	(void)job;
	if (bad(device_alloc(c->dut.dev, AIOS_HEAP_DEVICE, bytes, "a test", &mem, &st), &st, r))
		return 0;
	for (uint32_t i = 0; i < 40 && r->status == AIOS_CONFORM_PASS; i++) {
		uint8_t want = (uint8_t)(i * 37 + 1);
		int rc = queue_fill(q, mem.addr, (uint8_t)~want, bytes, &st);

		memset(got, 0, sizeof(got));
		if (!rc)
			rc = queue_fill(q, mem.addr, want, bytes, &st);
		if (!rc)
			rc = queue_download(q, &got[0], mem.addr, 1, &st);
		if (!rc)
			rc = queue_download(q, &got[1], mem.addr + bytes / 2, 1, &st);
		if (!rc)
			rc = queue_download(q, &got[2], mem.addr + bytes - 1, 1, &st);
		if (!rc)
			rc = queue_sync(q, TIMEOUT, &st);
		if (bad(rc, &st, r))
			break;
		for (int k = 0; k < 3; k++)
			if (got[k] != want)
				conform_fail(r,
					     "two fills and a copy in one queue: read 0x%02x, "
					     "expected 0x%02x",
					     got[k], want);
	}
	device_free(c->dut.dev, &mem);
	return 0;
}

static int run_signals(struct aios_conform *c, const struct conform_job *job,
		       struct aios_conform_case *r)
{
	struct device *dev = c->dut.dev;
	uint64_t value = 0, last = 0;
	struct aios_status st = { 0 };
	struct queue q;
	int rc;

	(void)job;
	if (bad(queue_open(dev, &q, &st), &st, r))
		return 0;
	for (uint32_t i = 0; i < 100 && r->status == AIOS_CONFORM_PASS; i++) {
		rc = dev->ops->signal(dev->dev, q.queue, &value, &st);
		if (bad(rc, &st, r))
			break;
		if (i == 0 && value != 1)
			conform_fail(r, "the first signal of a queue is %" PRIu64 "; expected 1",
				     value);
		if (value <= last)
			conform_fail(r,
				     "signal gave %" PRIu64 " after %" PRIu64
				     "; expected ascending values",
				     value, last);
		last = value;
	}
	/* An old value, the last one, and all of them again. */
	for (uint64_t v = 1; v <= last && r->status == AIOS_CONFORM_PASS; v += 33)
		bad(dev->ops->wait(dev->dev, q.queue, v, clock_ns() + TIMEOUT, &st), &st, r);
	if (r->status == AIOS_CONFORM_PASS)
		bad(dev->ops->wait(dev->dev, q.queue, last, clock_ns() + TIMEOUT, &st), &st, r);
	/* A deadline that has passed does not matter when the value is there. */
	if (r->status == AIOS_CONFORM_PASS)
		bad(dev->ops->wait(dev->dev, q.queue, last, 1, &st), &st, r);
	queue_close(&q);
	return 0;
}

static int run_deadline(struct aios_conform *c, const struct conform_job *job,
			struct aios_conform_case *r)
{
	struct device *dev = c->dut.dev;
	struct aios_status st = { 0 };
	uint64_t value, began, took;
	struct queue q;
	int rc;

	(void)job;
	if (bad(queue_open(dev, &q, &st), &st, r))
		return 0;
	rc = dev->ops->signal(dev->dev, q.queue, &value, &st);
	if (bad(rc, &st, r))
		goto out;
	began = clock_ns();
	rc = dev->ops->wait(dev->dev, q.queue, value + 1, began + SECOND / 20, &st);
	took = clock_ns() - began;
	if (rc != -ETIMEDOUT)
		conform_fail(r,
			     "wait for a value that nobody signals returned %d after %" PRIu64
			     " ms; expected -ETIMEDOUT (%d) at its deadline of 50 ms",
			     rc, took / 1000000, -ETIMEDOUT);
	else if (took < SECOND / 25 || took > 5 * SECOND)
		conform_fail(r, "wait with a deadline of 50 ms came back after %" PRIu64 " ms",
			     took / 1000000);
	/* It goes on afterwards. */
	rc = dev->ops->signal(dev->dev, q.queue, &value, &st);
	if (!rc)
		rc = dev->ops->wait(dev->dev, q.queue, value, clock_ns() + TIMEOUT, &st);
	bad(rc, &st, r);
	if (r->status == AIOS_CONFORM_PASS)
		bad(dev->ops->quiesce(dev->dev, clock_ns() + TIMEOUT, &st), &st, r);
out:
	queue_close(&q);
	return 0;
}

/* Two queues with memory of their own do not disturb each other. */
static int run_two_queues(struct aios_conform *c, const struct conform_job *job,
			  struct aios_conform_case *r)
{
	struct aios_mem mem[2] = { { 0 }, { 0 } };
	struct aios_status st = { 0 };
	uint64_t bytes = 1u << 20;
	uint8_t *got = malloc(bytes);
	int rc;

	(void)job;
	if (!got)
		return -ENOMEM;
	for (int i = 0; i < 2; i++)
		bad(device_alloc(c->dut.dev, AIOS_HEAP_DEVICE, bytes, "a test", &mem[i], &st), &st,
		    r);
	for (uint32_t round = 0; round < 20 && r->status == AIOS_CONFORM_PASS; round++) {
		for (int i = 0; i < 2; i++)
			bad(queue_fill(&c->dut.queues[i], mem[i].addr,
				       (uint8_t)(round * 2 + (uint32_t)i), bytes, &st),
			    &st, r);
		for (int i = 1; i >= 0 && r->status == AIOS_CONFORM_PASS; i--) {
			rc = queue_download(&c->dut.queues[i], got, mem[i].addr, bytes, &st);
			if (!rc)
				rc = queue_sync(&c->dut.queues[i], TIMEOUT, &st);
			if (bad(rc, &st, r))
				break;
			for (uint64_t k = 0; k < bytes; k++)
				if (got[k] != (uint8_t)(round * 2 + (uint32_t)i)) {
					conform_fail(r, "queue %d: byte %" PRIu64 " is 0x%02x", i,
						     k, got[k]);
					break;
				}
		}
	}
	queue_sync(&c->dut.queues[0], TIMEOUT, NULL);
	queue_sync(&c->dut.queues[1], TIMEOUT, NULL);
	device_free(c->dut.dev, &mem[0]);
	device_free(c->dut.dev, &mem[1]);
	free(got);
	return 0;
}

/* The second queue reads what the first one wrote, once it may. */
static int run_queue_wait(struct aios_conform *c, const struct conform_job *job,
			  struct aios_conform_case *r)
{
	struct device *dev = c->dut.dev;
	struct queue *a = &c->dut.queues[0], *b = &c->dut.queues[1];
	struct aios_status st = { 0 };
	uint64_t bytes = 4u << 20, value;
	struct aios_mem mem = { 0 };
	uint8_t got;
	int rc;

	(void)job;
	if (bad(device_alloc(dev, AIOS_HEAP_DEVICE, bytes, "a test", &mem, &st), &st, r))
		return 0;
	for (uint32_t i = 0; i < 30 && r->status == AIOS_CONFORM_PASS; i++) {
		uint8_t want = (uint8_t)(i + 1);

		rc = queue_fill(a, mem.addr, want, bytes, &st);
		if (!rc)
			rc = dev->ops->signal(dev->dev, a->queue, &value, &st);
		if (bad(rc, &st, r))
			break;
		a->last = value;
		rc = dev->ops->queue_wait(dev->dev, b->queue, a->queue, value, &st);
		if (rc == -ENOSYS) {
			conform_skip(r, "the driver has no queue_wait");
			break;
		}
		got = 0;
		if (!rc)
			rc = queue_download(b, &got, mem.addr + bytes - 1, 1, &st);
		if (!rc)
			rc = queue_sync(b, TIMEOUT, &st);
		if (!bad(rc, &st, r) && got != want)
			conform_fail(
				r, "after queue_wait the other queue reads 0x%02x, expected 0x%02x",
				got, want);
	}
	queue_sync(a, TIMEOUT, NULL);
	device_free(dev, &mem);
	return 0;
}

/* Device times between signals add up and do not run backwards. */
static int run_elapsed(struct aios_conform *c, const struct conform_job *job,
		       struct aios_conform_case *r)
{
	struct device *dev = c->dut.dev;
	struct queue *q = &c->dut.queues[0];
	uint64_t mark[3], first, second, whole, wrong = 0;
	struct aios_status st = { 0 };
	struct aios_mem mem = { 0 };
	int rc;

	(void)job;
	if (bad(device_alloc(dev, AIOS_HEAP_DEVICE, 1u << 20, "a test", &mem, &st), &st, r))
		return 0;
	rc = queue_mark(q, &mark[0], &st);
	for (int i = 1; i < 3 && !rc; i++) {
		rc = queue_fill(q, mem.addr, (uint8_t)i, 1u << 20, &st);
		if (!rc)
			rc = queue_mark(q, &mark[i], &st);
	}
	if (!rc)
		rc = queue_sync(q, TIMEOUT, &st);
	if (bad(rc, &st, r))
		goto free_mem;
	rc = queue_elapsed(q, mark[0], mark[1], &first, &st);
	if (rc == -ENOSYS) {
		conform_skip(r, "the driver has no elapsed");
		goto free_mem;
	}
	if (!rc)
		rc = queue_elapsed(q, mark[1], mark[2], &second, &st);
	if (!rc)
		rc = queue_elapsed(q, mark[0], mark[2], &whole, &st);
	if (bad(rc, &st, r))
		goto free_mem;
	/* GPU event times have a grain of half a microsecond. */
	if (whole + 4000 < first + second || first + second + 4000 < whole)
		conform_fail(r, "elapsed: %llu ns and %llu ns, together %llu ns",
			     (unsigned long long)first, (unsigned long long)second,
			     (unsigned long long)whole);
	else if (queue_elapsed(q, mark[2], mark[0], &wrong, NULL) == 0)
		conform_fail(r, "elapsed: 0 for two signals in the wrong order");

free_mem:
	device_free(dev, &mem);
	return 0;
}

/* --- leaks ---------------------------------------------------------------------------- */

/* One of each thing that takes and gives back. */
static void take_and_give(struct aios_conform *c, uint32_t i, struct aios_conform_case *r)
{
	static const uint32_t bytes[] = { 100, 5000, 1 << 20 };
	struct device *dev = c->dut.dev;
	struct queue *q = &c->dut.queues[0];
	struct aios_status st = { 0 };
	struct aios_mem mem;
	uint8_t got;
	int rc;

	if (bad(device_alloc(dev, AIOS_HEAP_DEVICE, bytes[i % 3], "a test", &mem, &st), &st, r))
		return;
	rc = queue_fill(q, mem.addr, 7, bytes[i % 3], &st);
	if (!rc)
		rc = queue_upload(q, mem.addr + 1, "x", 1, &st);
	if (!rc)
		rc = queue_download(q, &got, mem.addr + 1, 1, &st);
	if (!rc)
		rc = queue_sync(q, TIMEOUT, &st);
	if (!bad(rc, &st, r) && got != 'x')
		conform_fail(r, "a byte 0x78 came back as 0x%02x", got);
	device_free(dev, &mem);
}

static int run_leaks(struct aios_conform *c, const struct conform_job *job,
		     struct aios_conform_case *r)
{
	struct aios_heap_info first = { 0 }, last = { 0 };
	struct aios_status st = { 0 };
	int64_t before = 0;
	uint32_t warm = 60, n = 360, i;

	(void)job;
	for (i = 0; i < n && r->status == AIOS_CONFORM_PASS; i++) {
		if (i == warm) {
			before = conform_heap_bytes();
			device_heap_info(c->dut.dev, AIOS_HEAP_DEVICE, &first, &st);
		}
		take_and_give(c, i, r);
	}
	before = conform_heap_bytes() - before;
	device_heap_info(c->dut.dev, AIOS_HEAP_DEVICE, &last, &st);
	if (before > (int64_t)(n - warm) * 16 + 256)
		return conform_fail(r,
				    "%u allocations given back left %" PRId64
				    " bytes of the host's heap allocated",
				    n - warm, before);
	/* 100 of them were of 1 MiB each; what else runs on the machine may take some too. */
	if (first.free > last.free && first.free - last.free > (90u << 20) &&
	    conform_resident() > 90 * 1024)
		return conform_fail(r,
				    "%u allocations given back, but the heap has %" PRIu64
				    " bytes less free",
				    n - warm, first.free - last.free);
	return 0;
}

/* --- graphs of copies and fills ----------------------------------------------------------- */

#define GRAPH_BYTES 1000u

/* Fill, upload and copy, captured: nothing happens at capture, all of it at each launch. */
static int capture(struct aios_conform *c, aios_addr addr, void **graph, struct aios_status *st)
{
	struct device *dev = c->dut.dev;
	struct queue *q = &c->dut.queues[0];
	uint8_t host[16];
	int rc = dev->ops->graph_begin(dev->dev, q->queue, st), end;

	if (rc)
		return rc;
	memset(host, 0x77, sizeof(host));
	rc = queue_fill(q, addr, 0x11, GRAPH_BYTES, st);
	if (!rc)
		rc = queue_upload(q, addr + 100, host, sizeof(host), st);
	memset(host, 0, sizeof(host)); /* the host's again */
	if (!rc)
		rc = dev->ops->copy(dev->dev, q->queue, AIOS_COPY_ON_DEVICE, addr + 500, addr + 90,
				    50, st);
	end = dev->ops->graph_end(dev->dev, q->queue, graph, st);
	return rc ? rc : end;
}

static int run_graph(struct aios_conform *c, const struct conform_job *job,
		     struct aios_conform_case *r)
{
	uint8_t got[GRAPH_BYTES], want[GRAPH_BYTES];
	struct device *dev = c->dut.dev;
	struct queue *q = &c->dut.queues[0];
	struct aios_status st = { 0 };
	struct aios_mem mem;
	void *graph = NULL;
	int rc;

	(void)job;
	memset(want, 0x11, sizeof(want));
	memset(want + 100, 0x77, 16);
	memcpy(want + 500, want + 90, 50);
	if (bad(device_alloc(dev, AIOS_HEAP_DEVICE, GRAPH_BYTES, "a test", &mem, &st), &st, r))
		return 0;
	rc = queue_fill(q, mem.addr, 0xee, GRAPH_BYTES, &st);
	if (!rc)
		rc = capture(c, mem.addr, &graph, &st);
	if (rc == -ENOSYS)
		conform_skip(r, "the driver has no graphs");
	for (int round = 0; round < 4 && !rc; round++) {
		if (round) /* round 0: not launched yet */
			rc = dev->ops->graph_launch(dev->dev, q->queue, graph, &st);
		if (!rc)
			rc = queue_download(q, got, mem.addr, GRAPH_BYTES, &st);
		if (!rc)
			rc = queue_fill(q, mem.addr, 0xee, GRAPH_BYTES, &st);
		if (!rc)
			rc = queue_sync(q, TIMEOUT, &st);
		for (uint32_t i = 0; i < GRAPH_BYTES && !rc; i++)
			if (got[i] != (round ? want[i] : 0xee))
				conform_fail(r,
					     "launch %d of a graph of copies and fills: byte %u is "
					     "0x%02x, expected 0x%02x",
					     round, i, got[i], round ? want[i] : 0xee);
	}
	if (rc != -ENOSYS)
		bad(rc, &st, r);
	if (graph)
		dev->ops->graph_destroy(dev->dev, graph);
	device_free(dev, &mem);
	return 0;
}

/* Host memory as device memory, read only. */
static int run_import(struct aios_conform *c, const struct conform_job *job,
		      struct aios_conform_case *r)
{
	struct device *dev = c->dut.dev;
	uint64_t bytes = 3 * (uint64_t)sysconf(_SC_PAGESIZE);
	struct aios_status st = { 0 };
	struct aios_mem mem = { 0 };
	uint8_t *host =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *got = malloc(bytes);
	int rc;

	(void)job;
	if (host == MAP_FAILED || !got) {
		free(got);
		return -ENOMEM;
	}
	fill_pattern(host, 9, bytes);
	rc = dev->ops->mem_import(dev->dev, host, bytes - 5, &mem, &st);
	if (rc == -ENOSYS || rc == -ENOTSUP) {
		conform_skip(r, "the driver imports no host memory");
		goto out;
	}
	if (bad(rc, &st, r))
		goto out;
	memset(got, 0, bytes);
	rc = queue_download(&c->dut.queues[0], got, mem.addr + 1, bytes - 6, &st);
	if (!rc)
		rc = queue_sync(&c->dut.queues[0], TIMEOUT, &st);
	if (!bad(rc, &st, r) && memcmp(got, host + 1, bytes - 6) != 0)
		conform_fail(r, "imported memory reads differently on the device");
	dev->ops->mem_free(dev->dev, &mem);
	if (memcmp(host + 1, got, bytes - 6) != 0)
		conform_fail(r, "mem_free of imported memory changed the caller's bytes");
out:
	munmap(host, bytes);
	free(got);
	return 0;
}

int conform_level1(struct aios_conform *c)
{
	static const struct {
		const char *name;
		conform_run_fn run;
		uint32_t index;
	} list[] = {
		{ "alloc/device", run_sizes, AIOS_HEAP_DEVICE },
		{ "alloc/pinned", run_sizes, AIOS_HEAP_PINNED },
		{ "alloc/mapped", run_sizes, AIOS_HEAP_MAPPED },
		{ "overlap", run_overlap, 0 },
		{ "exhaustion", run_exhaustion, 0 },
		{ "copies", run_copies, 0 },
		{ "bad-copies", run_bad_copies, 0 },
		{ "order", run_order, 0 },
		{ "signals", run_signals, 0 },
		{ "deadline", run_deadline, 0 },
		{ "two-queues", run_two_queues, 0 },
		{ "queue-wait", run_queue_wait, 0 },
		{ "elapsed", run_elapsed, 0 },
		{ "import", run_import, 0 },
		{ "leaks", run_leaks, 0 },
		{ "graph", run_graph, 0 },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]) && !rc; i++) {
		struct conform_job job = { .level = 1, .run = list[i].run, .index = list[i].index };

		rc = conform_add(c, &job, "l1/%s", list[i].name);
	}
	return rc ? rc : conform_ranks(c);
}
