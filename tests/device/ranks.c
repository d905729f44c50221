// SPDX-License-Identifier: Apache-2.0
/*
 * ranks.c - what only several GPUs show of a driver: copies between them, ops that read another
 * one's memory, communicators of threads and of processes, sums that are the contract's bit for bit,
 * and what becomes of a rank that never comes, or goes.
 *
 *	cc -std=gnu11 -O2 -ffp-contract=off -D_GNU_SOURCE -Iinclude tests/device/ranks.c -o ranks -ldl -pthread
 *	./ranks build/lib/aios/drivers/cuda.so [RANKS]
 *
 * RANKS is 2 unless told otherwise, a power of two. Exit status 1 when something is not so.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <aios/driver/driver.h>

#define MIB ((uint64_t)1 << 20)
#define MOST 8
#define LARGE (256 * MIB)
#define SUM_COLS 4096u

static const struct aios_driver_ops *ops;
static const struct aios_module *module;
static uint32_t n_ranks = 2;

static void log_line(void *ctx, int level, const char *message)
{
	(void)ctx;
	fprintf(stderr, "%d: %s\n", level, message);
}

static const char *param(void *ctx, const char *name)
{
	uint32_t i;

	(void)ctx;
	for (i = 0; i < module->n_params; i++)
		if (strcmp(module->params[i].name, name) == 0)
			return module->params[i].default_text;
	return NULL;
}

static const struct aios_host host = {
	.size = sizeof(host), .abi_minor = AIOS_ABI_MINOR, .log = log_line, .param = param
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static uint64_t in(double seconds)
{
	return (uint64_t)((now() + seconds) * 1e9);
}

static void want(const char *what, int got, int expected, const struct aios_status *st)
{
	if (got == expected)
		return;
	printf("FAILED: %s: %d, expected %d: %s\n", what, got, expected, st->message);
	fflush(stdout);
	_exit(1);
}

/* A device with a queue and memory. */
struct gpu {
	void *dev, *queue;
	struct aios_mem mem;
	struct aios_status st;
};

static void gpu_open(struct gpu *g, uint32_t index, uint64_t bytes)
{
	memset(g, 0, sizeof(*g));
	want("open", ops->open(&host, index, &g->dev, &g->st), 0, &g->st);
	want("queue_create", ops->queue_create(g->dev, &g->queue, &g->st), 0, &g->st);
	want("mem_alloc", ops->mem_alloc(g->dev, AIOS_HEAP_DEVICE, bytes, &g->mem, &g->st), 0,
	     &g->st);
}

static void gpu_close(struct gpu *g)
{
	ops->mem_free(g->dev, &g->mem);
	ops->queue_destroy(g->dev, g->queue);
	ops->close(g->dev);
}

static uint64_t mark(struct gpu *g)
{
	uint64_t value = 0;

	want("signal", ops->signal(g->dev, g->queue, &value, &g->st), 0, &g->st);
	return value;
}

static void finish(struct gpu *g)
{
	want("wait", ops->wait(g->dev, g->queue, mark(g), in(30), &g->st), 0, &g->st);
}

static void put(struct gpu *g, uint64_t at, const void *data, uint64_t bytes)
{
	want("copy",
	     ops->copy(g->dev, g->queue, AIOS_COPY_TO_DEVICE, g->mem.addr + at, (uintptr_t)data,
		       bytes, &g->st),
	     0, &g->st);
}

static void get(struct gpu *g, void *data, uint64_t at, uint64_t bytes)
{
	want("copy",
	     ops->copy(g->dev, g->queue, AIOS_COPY_TO_HOST, (uintptr_t)data, g->mem.addr + at,
		       bytes, &g->st),
	     0, &g->st);
	finish(g);
}

/* --- what must come out --------------------------------------------------------------- */

/* A rank's value, of very different sizes, so that another order of the sums would show. */
static float value_of(uint32_t rank, uint64_t i)
{
	uint32_t x = (uint32_t)i * 2654435761u ^ rank * 0x9e3779b9u;

	x ^= x >> 15;
	x *= 0x2c1b3c6du;
	x ^= x >> 12;
	return ((float)(int32_t)(x & 0xffff) - 32768.0f) *
	       (x >> 28 & 1 ? 1e4f : 1e-3f * (float)(1 + (x >> 20 & 31)));
}

static float tree_of(uint64_t i, uint32_t n)
{
	float p[MOST];
	uint32_t r, step;

	for (r = 0; r < n; r++)
		p[r] = value_of(r, i);
	for (step = 1; step < n; step *= 2)
		for (r = 0; r + step < n; r += 2 * step)
			p[r] += p[r + step];
	return p[0];
}

static struct aios_op_all_reduce sum_op(uint64_t out, uint32_t rows)
{
	struct aios_op_all_reduce op = {
		.op = AIOS_OP_INIT(struct aios_op_all_reduce, AIOS_OP_ALL_REDUCE),
		.n_ranks = n_ranks,
		.out = { .data = out,
			 .dtype = AIOS_F32,
			 .rows = rows,
			 .cols = SUM_COLS,
			 .row_bytes = SUM_COLS * 4 },
	};

	return op;
}

/* Elements of the sum at `at` that are not the tree's. */
static uint64_t wrong_sums(struct gpu *g, uint64_t at, uint64_t n)
{
	float *got = malloc(n * 4), right;
	uint64_t i, wrong = 0;

	get(g, got, at, n * 4);
	for (i = 0; i < n; i++) {
		right = tree_of(i, n_ranks);
		wrong += memcmp(&right, &got[i], 4) != 0;
	}
	free(got);
	return wrong;
}

static void put_values(struct gpu *g, uint64_t at, uint32_t rank, uint64_t n)
{
	float *v = malloc(n * 4);
	uint64_t i;

	for (i = 0; i < n; i++)
		v[i] = value_of(rank, i);
	put(g, at, v, n * 4);
	free(v);
}

/* --- peers -------------------------------------------------------------------------------- */

static void peers(void)
{
	static const char *const names[] = { "none", "copy", "direct" };
	struct aios_op_all_reduce op;
	struct aios_device_info info = { .size = sizeof(info) };
	uint64_t n = 64 * SUM_COLS, from, to, ns = 0, i;
	uint32_t access = 0, back = 0, r;
	struct gpu g[MOST];

	for (r = 0; r < n_ranks; r++)
		gpu_open(&g[r], r, 3 * LARGE);
	want("device_info", ops->device_info(g[0].dev, &info, &g[0].st), 0, &g[0].st);
	printf("%u x %s, %s\n", n_ranks, info.name, info.runtime);
	op = sum_op(g[0].mem.addr + LARGE, 64);
	op.parts[0] = g[0].mem.addr;
	op.parts[1] = g[1].mem.addr;
	want("all_reduce of a stranger's part", ops->launch(g[0].dev, g[0].queue, &op.op, &g[0].st),
	     -EINVAL, &g[0].st);
	printf("refused: %s\n", g[0].st.message);
	for (r = 1; r < n_ranks; r++) {
		want("peer", ops->peer(g[0].dev, g[r].dev, &access, &g[0].st), 0, &g[0].st);
		want("peer", ops->peer(g[r].dev, g[0].dev, &back, &g[r].st), 0, &g[r].st);
		printf("peer 0 <- %u: %s, %u <- 0: %s\n", r, names[access], r, names[back]);
	}

	put_values(&g[0], 0, 0, n);
	for (r = 1; r < n_ranks; r++) {
		put_values(&g[r], 0, r, n);
		want("queue_wait",
		     ops->queue_wait(g[0].dev, g[0].queue, g[r].queue, mark(&g[r]), &g[0].st), 0,
		     &g[0].st);
		op.parts[r] = g[r].mem.addr;
	}
	for (i = 0; i < 2; i++) { /* the first one warms up */
		from = mark(&g[0]);
		want("copy",
		     ops->copy(g[0].dev, g[0].queue, AIOS_COPY_ON_DEVICE, g[0].mem.addr + 2 * LARGE,
			       g[1].mem.addr, LARGE, &g[0].st),
		     0, &g[0].st);
		to = mark(&g[0]);
		finish(&g[0]);
	}
	want("elapsed", ops->elapsed(g[0].dev, g[0].queue, from, to, &ns, &g[0].st), 0, &g[0].st);
	printf("copy of 256 MiB from a peer: %.1f GB/s\n", (double)LARGE / (double)ns);
	want("launch", ops->launch(g[0].dev, g[0].queue, &op.op, &g[0].st),
	     access == AIOS_PEER_DIRECT ? 0 : -ENOTSUP, &g[0].st);
	if (access == AIOS_PEER_DIRECT)
		printf("all_reduce of parts on %u GPUs: %llu of %llu sums differ\n", n_ranks,
		       (unsigned long long)wrong_sums(&g[0], LARGE, n), (unsigned long long)n);
	if (access == AIOS_PEER_DIRECT && wrong_sums(&g[0], LARGE, n))
		want("sums", 1, 0, &g[0].st);
	for (r = n_ranks; r-- > 0;)
		gpu_close(&g[r]);
}

/* --- communicators ------------------------------------------------------------------------- */

struct rank {
	uint32_t rank;
	struct aios_comm_id id;
};

static void *open_comm(struct gpu *g, const struct rank *r)
{
	void *comm = NULL;
	double t = now();

	want("comm_open", ops->comm_open(g->dev, &r->id, r->rank, n_ranks, in(60), &comm, &g->st),
	     0, &g->st);
	if (r->rank == 0)
		printf("comm_open of %u ranks: %.2f s\n", n_ranks, now() - t);
	return comm;
}

/* Gather from `src` to LARGE and, if `rows`, add up at 0: `times` in a row, microseconds of one. */
static double sums(struct gpu *g, void *comm, uint64_t src, uint64_t bytes, uint32_t rows,
		   uint32_t times)
{
	struct aios_op_all_reduce op = sum_op(g->mem.addr, rows);
	uint64_t from, to, ns = 0;
	uint32_t i;

	for (i = 0; i < n_ranks; i++)
		op.parts[i] = g->mem.addr + LARGE + i * bytes;
	from = mark(g);
	for (i = 0; i < times; i++) {
		want("comm_gather",
		     ops->comm_gather(g->dev, g->queue, comm, g->mem.addr + LARGE,
				      g->mem.addr + src, bytes, in(30), &g->st),
		     0, &g->st);
		if (rows)
			want("launch", ops->launch(g->dev, g->queue, &op.op, &g->st), 0, &g->st);
	}
	to = mark(g);
	finish(g);
	want("elapsed", ops->elapsed(g->dev, g->queue, from, to, &ns, &g->st), 0, &g->st);
	return (double)ns * 1e-3 / times;
}

/* The same as one graph, which is captured after a first gather; microseconds of one. */
static double graph_of_sums(struct gpu *g, void *comm, uint64_t src, uint64_t bytes, uint32_t rows,
			    uint32_t times)
{
	struct aios_op_all_reduce op = sum_op(g->mem.addr, rows);
	uint64_t from = 0, to = 0, ns = 0;
	void *graph = NULL;
	uint32_t i;

	for (i = 0; i < n_ranks; i++)
		op.parts[i] = g->mem.addr + LARGE + i * bytes;
	want("graph_begin", ops->graph_begin(g->dev, g->queue, &g->st), 0, &g->st);
	for (i = 0; i < times; i++) {
		want("comm_gather in a graph",
		     ops->comm_gather(g->dev, g->queue, comm, g->mem.addr + LARGE,
				      g->mem.addr + src, bytes, in(30), &g->st),
		     0, &g->st);
		want("launch", ops->launch(g->dev, g->queue, &op.op, &g->st), 0, &g->st);
	}
	want("graph_end", ops->graph_end(g->dev, g->queue, &graph, &g->st), 0, &g->st);
	for (i = 0; i < 3; i++) { /* the first ones warm up */
		from = mark(g);
		want("graph_launch", ops->graph_launch(g->dev, g->queue, graph, &g->st), 0, &g->st);
		to = mark(g);
	}
	finish(g);
	want("elapsed", ops->elapsed(g->dev, g->queue, from, to, &ns, &g->st), 0, &g->st);
	ops->graph_destroy(g->dev, graph);
	return (double)ns * 1e-3 / times;
}

#define PART (LARGE / 2) /* where a rank's own part is; the sum is at 0 */

static void *rank_main(void *arg)
{
	static const uint32_t rows[] = { 1, 7, 64, 1024 };
	const struct rank *r = arg;
	uint64_t bytes, wrong;
	double us, gather, graph;
	struct gpu g;
	void *comm;
	size_t i;

	gpu_open(&g, r->rank, (n_ranks + 1) * LARGE);
	comm = open_comm(&g, r);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bytes = (uint64_t)rows[i] * SUM_COLS * 4;
		put_values(&g, PART, r->rank, bytes / 4);
		sums(&g, comm, PART, bytes, rows[i], 3);
		us = sums(&g, comm, PART, bytes, rows[i], 100);
		gather = sums(&g, comm, PART, bytes, 0, 100);
		wrong = wrong_sums(&g, 0, bytes / 4);
		want("fill", ops->fill(g.dev, g.queue, g.mem.addr, 0, bytes, &g.st), 0, &g.st);
		graph = graph_of_sums(&g, comm, PART, bytes, rows[i], 100);
		wrong += wrong_sums(&g, 0, bytes / 4);
		if (r->rank == 0)
			printf("all-reduce of %4u x %u: %8.1f us, gather alone %8.1f us, "
			       "in a graph %8.1f us, %llu sums differ\n",
			       rows[i], SUM_COLS, us, gather, graph, (unsigned long long)wrong);
		if (wrong)
			want("sums", 1, 0, &g.st);
	}
	sums(&g, comm, PART, LARGE / 4, 0, 2);
	us = sums(&g, comm, PART, LARGE / 4, 0, 10);
	if (r->rank == 0)
		printf("gather of 64 MiB a rank: %.1f GB/s received\n",
		       (double)(LARGE / 4) * (n_ranks - 1) / us * 1e-3);
	want("comm_check", ops->comm_check(g.dev, comm, &g.st), 0, &g.st);
	us = now();
	ops->comm_close(g.dev, comm);
	if (r->rank == 0)
		printf("comm_close: %.2f s\n", now() - us);
	gpu_close(&g);
	return NULL;
}

static struct aios_comm_id new_id(void)
{
	struct aios_comm_id id;
	struct gpu g;

	gpu_open(&g, 0, MIB);
	want("comm_id", ops->comm_id(g.dev, &id, &g.st), 0, &g.st);
	gpu_close(&g);
	return id;
}

static void run_threads(void *(*first)(void *), void *(*others)(void *))
{
	struct rank ranks[MOST];
	pthread_t threads[MOST];
	struct aios_comm_id id = new_id();
	uint32_t r;

	for (r = 0; r < n_ranks; r++) {
		ranks[r] = (struct rank){ .rank = r, .id = id };
		if (pthread_create(&threads[r], NULL, r ? others : first, &ranks[r]))
			_exit(1);
	}
	for (r = 0; r < n_ranks; r++)
		pthread_join(threads[r], NULL);
}

/* Before this process has touched a GPU. */
static void run_processes(void)
{
	struct rank ranks[MOST] = { { 0 } };
	int pipes[MOST][2], status;
	pid_t pids[MOST];
	uint32_t r, k;

	for (r = 0; r < n_ranks; r++)
		if (pipe(pipes[r]))
			_exit(1);
	fflush(stdout);
	for (r = 0; r < n_ranks; r++) {
		pids[r] = fork();
		if (pids[r])
			continue;
		ranks[r].rank = r;
		if (r == 0)
			ranks[0].id = new_id();
		for (k = 1; r == 0 && k < n_ranks; k++)
			if (write(pipes[k][1], &ranks[0].id, sizeof(ranks[0].id)) < 0)
				_exit(1);
		if (r && read(pipes[r][0], &ranks[r].id, sizeof(ranks[r].id)) < 0)
			_exit(1);
		rank_main(&ranks[r]);
		fflush(stdout);
		_exit(0);
	}
	for (r = 0; r < n_ranks; r++)
		if (waitpid(pids[r], &status, 0) != pids[r] || status)
			exit(1);
}

/* --- what goes wrong ------------------------------------------------------------------------ */

static void nobody_comes(void)
{
	struct aios_comm_id id = new_id();
	void *comm = NULL;
	double t = now();
	struct gpu g;

	gpu_open(&g, 0, MIB);
	want("comm_open alone", ops->comm_open(g.dev, &id, 0, 2, in(2), &comm, &g.st), -ETIMEDOUT,
	     &g.st);
	printf("nobody comes, after %.2f s: %s\n", now() - t, g.st.message);
	finish(&g);
	gpu_close(&g);
}

static void *one_that_goes(void *arg)
{
	const struct rank *r = arg;
	struct gpu g;
	void *comm;

	gpu_open(&g, r->rank, (n_ranks + 1) * MIB);
	comm = open_comm(&g, r);
	want("comm_gather",
	     ops->comm_gather(g.dev, g.queue, comm, g.mem.addr + MIB, g.mem.addr, MIB, in(30),
			      &g.st),
	     0, &g.st);
	finish(&g);
	sleep(4); /* does not take part, and is then gone */
	ops->comm_close(g.dev, comm);
	gpu_close(&g);
	return NULL;
}

static void *one_that_stays(void *arg)
{
	const struct rank *r = arg;
	uint64_t value;
	struct gpu g;
	void *comm;
	double t;

	gpu_open(&g, r->rank, (n_ranks + 1) * MIB);
	comm = open_comm(&g, r);
	for (int i = 0; i < 2; i++)
		want("comm_gather",
		     ops->comm_gather(g.dev, g.queue, comm, g.mem.addr + MIB, g.mem.addr, MIB,
				      in(30), &g.st),
		     0, &g.st);
	value = mark(&g);
	want("wait for one that does not take part", ops->wait(g.dev, g.queue, value, in(2), &g.st),
	     -ETIMEDOUT, &g.st);
	printf("comm_check: %d\n", ops->comm_check(g.dev, comm, &g.st));
	t = now();
	ops->comm_close(g.dev, comm);
	want("the queue after an abort", ops->wait(g.dev, g.queue, value, in(10), &g.st), 0, &g.st);
	printf("aborted: the queue goes on after %.2f s\n", now() - t);
	gpu_close(&g);
	return NULL;
}

int main(int argc, char **argv)
{
	void *lib = dlopen(argc > 1 ? argv[1] : "", RTLD_NOW | RTLD_LOCAL);

	module = lib ? dlsym(lib, "aios_module") : NULL;
	if (argc > 2)
		n_ranks = (uint32_t)atoi(argv[2]);
	if (!module || n_ranks < 2 || n_ranks > MOST || (n_ranks & (n_ranks - 1))) {
		fprintf(stderr, "usage: %s DRIVER.so [2|4|8]: %s\n", argv[0],
			module ? "so many ranks cannot be" : dlerror());
		return 2;
	}
	ops = module->ops;
	if (ops->size < sizeof(*ops) || !ops->comm_open) {
		fprintf(stderr, "%s: the driver has no communicators\n", argv[1]);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("--- processes\n");
	run_processes();
	printf("--- peers\n");
	peers();
	printf("--- threads\n");
	run_threads(rank_main, rank_main);
	printf("--- what goes wrong\n");
	nobody_comes();
	run_threads(one_that_stays, one_that_goes);
	printf("all as it should be\n");
	return 0;
}
