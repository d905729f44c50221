// SPDX-License-Identifier: Apache-2.0
/*
 * ranks.c - level 1, for drivers of several devices: memory of a peer, and communicators of one rank and
 * of two. Each case is skipped where the driver, its library or a second device is missing.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/conform/conform.h"
#include "core/device/comm.h"

#define TIMEOUT (30 * 1000000000ull)
#define ROWS 5u
#define COLS 772u
#define ELEMENTS (ROWS * COLS)
#define BYTES (ELEMENTS * 4u)
#define MOST 2u

/* Of very different sizes, so that a sum rounds. */
static void fill_part(struct aios_conform *c, float *out, uint32_t rank)
{
	struct conform_key key = conform_key_of(c->options.seed, "l1/ranks");

	for (uint32_t i = 0; i < ELEMENTS; i++) {
		float small = (float)conform_below(key, rank, i, 0, 1u << 24) - 8388608.0f;

		out[i] = small * (conform_below(key, rank, i, 1, 3) ? 1.0f : 4096.25f);
	}
}

static struct aios_tensor rows_at(aios_addr at)
{
	return (struct aios_tensor){
		.data = at, .dtype = AIOS_F32, .rows = ROWS, .cols = COLS, .row_bytes = COLS * 4
	};
}

static int compare(const float *got, const float *want, const char *what,
		   struct aios_conform_case *r)
{
	uint32_t g, w;

	for (uint32_t i = 0; i < ELEMENTS; i++) {
		memcpy(&g, &got[i], 4);
		memcpy(&w, &want[i], 4);
		if (g != w)
			return conform_fail(r, "%s: element %u is 0x%08x, expected 0x%08x", what, i,
					    g, w);
	}
	return 0;
}

/* --- a second device ------------------------------------------------------------------ */

#define MOST_DEVICES 64

/* One of the driver's other devices that can be used. False: there is none; `r` says so. */
static bool open_second(struct aios_conform *c, struct conform_side *out,
			struct aios_conform_case *r)
{
	const struct device *dev = c->dut.dev;
	struct aios_device_desc *list = calloc(MOST_DEVICES, sizeof(*list));
	struct aios_status st = { 0 };
	int n = 0, rc = -ENODEV;

	memset(out, 0, sizeof(*out));
	if (!list || !dev->ops->probe) {
		conform_skip(r, list ? "a hook stands in front of the driver: it does not probe" :
				       "no memory to look for a second device");
		free(list);
		return false;
	}
	for (uint32_t i = 0; i < MOST_DEVICES; i++)
		list[i].size = sizeof(list[i]);
	n = dev->ops->probe(dev->host, list, MOST_DEVICES, &st);
	for (int i = 0; i < n && i < (int)MOST_DEVICES && rc; i++)
		if (list[i].score >= 0 && strcmp(list[i].id, dev->info.id) != 0)
			rc = device_open(dev->driver, dev->ops, dev->host, list[i].index, &out->dev,
					 &st);
	free(list);
	if (!rc)
		rc = queue_open(out->dev, &out->queues[0], &st);
	if (!rc)
		return true;
	conform_side_close(out);
	if (n < 2 || !st.message[0])
		conform_skip(r, "the driver has one device here");
	else
		conform_fail(r, "a second device cannot be opened (%d): %s", rc, st.message);
	return false;
}

/* --- peers ------------------------------------------------------------------------------ */

/* The part of the second device in the first one's memory at `to`. */
static int fetch(struct conform_side *a, struct conform_side *b, aios_addr to, aios_addr from,
		 struct aios_status *st)
{
	struct device *dev = a->dev;
	uint64_t mark;
	int rc = queue_mark(&b->queues[0], &mark, st);

	if (!rc)
		rc = dev->ops->queue_wait(dev->dev, a->queues[0].queue, b->queues[0].queue, mark,
					  st);
	if (rc == -ENOSYS)
		rc = queue_wait(&b->queues[0], mark, TIMEOUT, st);
	return rc ? rc : queue_copy(&a->queues[0], to, from, BYTES, st);
}

/* A sum of the two parts where they lie: right if that may be, else refused and nothing else. */
static void sum_in_place(struct conform_side *a, aios_addr room, aios_addr other, uint32_t access,
			 const float *want, float *got, struct aios_conform_case *r)
{
	struct aios_op_all_reduce op = {
		.op = AIOS_OP_INIT(struct aios_op_all_reduce, AIOS_OP_ALL_REDUCE),
		.n_ranks = 2,
		.parts = { room, other },
		.out = rows_at(room + 2 * BYTES),
	};
	struct aios_status st = { 0 };
	int rc = queue_launch(&a->queues[0], &op.op, &st);

	if (access != AIOS_PEER_DIRECT && rc >= 0)
		conform_fail(r, "all_reduce took a part that peer() says ops cannot read");
	if (rc < 0 && access == AIOS_PEER_DIRECT)
		conform_fail(r, "all_reduce of a peer's part (%d): %s", rc, st.message);
	rc = queue_download(&a->queues[0], got, room + 2 * BYTES, BYTES, &st);
	if (!rc)
		rc = queue_sync(&a->queues[0], TIMEOUT, &st);
	if (rc)
		conform_fail(r, "after all_reduce with a peer's part (%d): %s", rc, st.message);
	else if (access == AIOS_PEER_DIRECT)
		compare(got, want, "all_reduce with a peer's part", r);
}

static void use_peer(struct aios_conform *c, struct conform_side *b, uint32_t access,
		     float *parts[3], struct aios_conform_case *r)
{
	struct conform_side *a = &c->dut;
	struct aios_mem ma = { 0 }, mb = { 0 };
	struct aios_status st = { 0 };
	int rc;

	fill_part(c, parts[0], 0);
	fill_part(c, parts[1], 1);
	rc = device_alloc(a->dev, AIOS_HEAP_DEVICE, 3 * BYTES, "a test", &ma, &st);
	if (!rc)
		rc = device_alloc(b->dev, AIOS_HEAP_DEVICE, BYTES, "a test", &mb, &st);
	if (!rc)
		rc = queue_upload(&a->queues[0], ma.addr, parts[0], BYTES, &st);
	if (!rc)
		rc = queue_upload(&b->queues[0], mb.addr, parts[1], BYTES, &st);
	if (!rc)
		rc = fetch(a, b, ma.addr + BYTES, mb.addr, &st);
	if (!rc)
		rc = queue_download(&a->queues[0], parts[2], ma.addr + BYTES, BYTES, &st);
	if (!rc)
		rc = queue_sync(&a->queues[0], TIMEOUT, &st);
	if (rc)
		conform_fail(r, "a copy from a peer (%d): %s", rc, st.message);
	else
		compare(parts[2], parts[1], "a copy from a peer", r);
	for (uint32_t i = 0; i < ELEMENTS; i++)
		parts[1][i] = parts[0][i] + parts[1][i];
	if (r->status == AIOS_CONFORM_PASS)
		sum_in_place(a, ma.addr, mb.addr, access, parts[1], parts[2], r);
	queue_sync(&a->queues[0], TIMEOUT, NULL);
	device_free(b->dev, &mb);
	device_free(a->dev, &ma);
}

static int run_peer(struct aios_conform *c, const struct conform_job *job,
		    struct aios_conform_case *r)
{
	float *room = malloc(3 * BYTES), *parts[3];
	struct aios_status st = { 0 };
	struct conform_side b;
	uint32_t access = 0;
	int rc;

	(void)job;
	if (!room)
		return -ENOMEM;
	for (uint32_t i = 0; i < 3; i++)
		parts[i] = room + i * ELEMENTS;
	if (!open_second(c, &b, r))
		goto free_room;
	rc = device_peer(c->dut.dev, b.dev, &access, &st);
	if (rc == -ENOSYS)
		conform_skip(r, "the driver has no peers");
	else if (rc)
		conform_fail(r, "peer (%d): %s", rc, st.message);
	else if (access != AIOS_PEER_COPY && access != AIOS_PEER_DIRECT)
		conform_fail(r, "peer answers %u; expected %d or %d", access, AIOS_PEER_COPY,
			     AIOS_PEER_DIRECT);
	else
		use_peer(c, &b, access, parts, r);
	conform_side_close(&b);
free_room:
	free(room);
	return 0;
}

/* --- communicators -------------------------------------------------------------------------- */

/* A rank, which has a thread of its own. */
struct rank {
	struct conform_side *side;
	struct aios_comm_id id;
	uint32_t rank, n_ranks;
	float part[ELEMENTS], sum[ELEMENTS];
	struct aios_status st;
	int rc;
};

/* The part, the ranks' parts, the sum. */
static int add_up(struct rank *r, struct comm *comm, aios_addr at)
{
	struct queue *q = &r->side->queues[0];
	struct aios_tensor part = rows_at(at), out = rows_at(at + (1 + r->n_ranks) * BYTES);
	int rc = queue_upload(q, at, r->part, BYTES, &r->st);

	if (!rc)
		rc = comm_all_reduce(comm, q, &part, at + BYTES, &out, TIMEOUT, &r->st);
	if (!rc)
		rc = queue_download(q, r->sum, out.data, BYTES, &r->st);
	if (!rc)
		rc = queue_sync(q, TIMEOUT, &r->st);
	return rc ? rc : comm_check(comm, &r->st);
}

static void *rank_main(void *arg)
{
	struct rank *r = arg;
	struct device *dev = r->side->dev;
	struct aios_mem mem = { 0 };
	struct comm comm;

	r->rc = comm_open(dev, &r->id, r->rank, r->n_ranks, TIMEOUT, &comm, &r->st);
	if (!r->rc)
		r->rc = device_alloc(dev, AIOS_HEAP_DEVICE, (2 + r->n_ranks) * BYTES, "a test",
				     &mem, &r->st);
	if (!r->rc)
		r->rc = add_up(r, &comm, mem.addr);
	comm_close(&comm);
	queue_sync(&r->side->queues[0], TIMEOUT, NULL);
	device_free(dev, &mem);
	return NULL;
}

static int run_ranks(struct rank *ranks, uint32_t n, struct aios_conform_case *r)
{
	pthread_t threads[MOST];
	uint32_t started = 0;

	for (uint32_t i = 1; i < n; i++, started++)
		if (pthread_create(&threads[i], NULL, rank_main, &ranks[i]))
			break;
	if (started == n - 1)
		rank_main(&ranks[0]);
	for (uint32_t i = 1; i <= started; i++)
		pthread_join(threads[i], NULL);
	if (started < n - 1)
		return conform_skip(r, "no thread for a second rank");
	for (uint32_t i = 0; i < n; i++)
		if (ranks[i].rc)
			conform_fail(r, "rank %u of %u (%d): %s", i, n, ranks[i].rc,
				     ranks[i].st.message);
	return 0;
}

static int run_comm(struct aios_conform *c, const struct conform_job *job,
		    struct aios_conform_case *r)
{
	struct rank *ranks = calloc(MOST, sizeof(*ranks));
	uint32_t n = job->index;
	struct aios_status st = { 0 };
	struct conform_side b = { 0 };
	struct aios_comm_id id;
	int rc;

	if (!ranks)
		return -ENOMEM;
	rc = comm_name(c->dut.dev, &id, &st);
	if (rc == -ENOSYS)
		conform_skip(r, "%s", st.message);
	else if (rc)
		conform_fail(r, "comm_id (%d): %s", rc, st.message);
	if (rc || (n > 1 && !open_second(c, &b, r)))
		goto free_ranks;
	for (uint32_t i = 0; i < n; i++) {
		ranks[i].side = i ? &b : &c->dut;
		ranks[i].id = id;
		ranks[i].rank = i;
		ranks[i].n_ranks = n;
		fill_part(c, ranks[i].part, i);
	}
	run_ranks(ranks, n, r);
	for (uint32_t i = 0; i < ELEMENTS && n > 1; i++)
		ranks[0].part[i] += ranks[1].part[i];
	for (uint32_t i = 0; i < n && r->status == AIOS_CONFORM_PASS; i++)
		compare(ranks[i].sum, ranks[0].part, "an all-reduce of ranks", r);
	conform_side_close(&b);
free_ranks:
	free(ranks);
	return 0;
}

int conform_ranks(struct aios_conform *c)
{
	struct conform_job job = { .level = 1, .run = run_peer };
	int rc = conform_add(c, &job, "l1/peer");

	job.run = run_comm;
	for (job.index = 1; job.index <= MOST && !rc; job.index++)
		rc = conform_add(c, &job, "l1/comm-%u", job.index);
	return rc;
}
