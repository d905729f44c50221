// SPDX-License-Identifier: Apache-2.0
/*
 * test_comm.c - several GPUs, on libraries that are none (tests/fake): memory of another device, and
 * communicators whose ranks are threads or processes. Sums are compared on bits with the contract's
 * tree, written out here, and with cpu-ref.
 */
#include <check.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aios/driver/driver.h>

#include "env.h"
#include "gpu_bed.h"
#include "nccl.h"

#define ROWS 3
#define COLS 1028
#define N (ROWS * COLS)
#define BYTES (N * 4ull)
#define MOST 4 /* ranks */
#define ROUNDS 4

/* A vendor: its library of communicators beside the GPU's. */
struct side {
	struct gpu_bed bed;
	const char *nccl;
	const char *named, *library; /* in messages */
	struct fake_nccl *comms;
	struct fake_gpu *fake; /* the bed's, and its driver's table */
	const struct aios_driver_ops *ops;
};

#define FAKE_GPUS(number)                                                                          \
	{                                                                                          \
		.version = (number), .devices = MOST, .major = 9, .wave = 64, .units = 4,          \
		.shared_max = 65536, .memory = 64 * MIB, .run = true,                              \
	}

static struct side sides[2] = {
	{ .bed = { .library = "fake-libcuda.so", .driver = "cuda.so", .gpu = FAKE_GPUS(13000) },
	  .nccl = "fake-libnccl.so",
	  .named = "NCCL",
	  .library = "libnccl.so.2" },
	{ .bed = { .library = "fake-libamdhip64.so",
		   .driver = "hip.so",
		   .gpu = FAKE_GPUS(60342131) },
	  .nccl = "fake-librccl.so",
	  .named = "RCCL",
	  .library = "librccl.so.1" },
};

static struct side *side; /* of this test */
static char comm_library[1024];

static void no_log(void *ctx, int level, const char *message)
{
	(void)ctx;
	(void)level;
	(void)message;
}

static const char *param(void *ctx, const char *name)
{
	(void)ctx;
	if (strcmp(name, "comm_library") == 0)
		return comm_library;
	return strcmp(name, "fuse") == 0 || strcmp(name, "overlap") == 0 ? "on" : "1";
}

static const struct aios_host host = {
	.size = sizeof(host), .abi_minor = AIOS_ABI_MINOR, .log = no_log, .param = param
};

static const char *module_path(const char *name)
{
	static char path[1024];

	snprintf(path, sizeof(path), "%s/tests/modules/%s", env_build(), name);
	return path;
}

/* Fresh libraries, 0: of CUDA, 1: of HIP. */
static void use_side(int i)
{
	void *lib;

	side = &sides[i];
	gpu_bed_setup(&side->bed);
	if (!side->comms) {
		lib = dlopen(module_path(side->nccl), RTLD_NOW | RTLD_LOCAL);
		ck_assert_msg(lib != NULL, "%s", dlerror());
		side->comms = dlsym(lib, "fake_nccl");
		ck_assert_ptr_nonnull(side->comms);
		side->fake = side->bed.fake;
		side->ops = side->bed.ops;
	}
	memset(side->comms, 0, sizeof(*side->comms));
	side->comms->version = 22809;
	comm_library[0] = '\0';
}

static int finish(void *dev, void *queue, struct aios_status *st)
{
	return gpu_bed_finish(&side->bed, dev, queue, st);
}

/* Nothing is left in the libraries, and nothing was called without its device. */
static void check_empty(void)
{
	gpu_bed_check_empty(&side->bed);
	ck_assert_int_eq(side->comms->comms, 0);
	ck_assert_int_eq(side->comms->tasks, 0);
	ck_assert_int_eq(side->comms->strays, 0);
}

/* --- a rank's device --------------------------------------------------------- */

/* A device with a queue and room for some parts of BYTES each. */
struct gpu {
	void *dev, *queue;
	struct aios_mem mem;
};

#define PARTS (MOST + 2)

static int gpu_open(struct gpu *g, uint32_t index, struct aios_status *st)
{
	int ret;

	memset(g, 0, sizeof(*g));
	ret = side->ops->open(&host, index, &g->dev, st);
	if (ret == 0)
		ret = side->ops->queue_create(g->dev, &g->queue, st);
	if (ret == 0)
		ret = side->ops->mem_alloc(g->dev, AIOS_HEAP_DEVICE, PARTS * BYTES, &g->mem, st);
	return ret;
}

static void gpu_close(struct gpu *g)
{
	if (g->mem.addr)
		side->ops->mem_free(g->dev, &g->mem);
	side->ops->queue_destroy(g->dev, g->queue);
	side->ops->close(g->dev);
}

static aios_addr part_at(const struct gpu *g, uint32_t part)
{
	return g->mem.addr + part * BYTES;
}

static int put(struct gpu *g, uint32_t part, const float *data, struct aios_status *st)
{
	return side->ops->copy(g->dev, g->queue, AIOS_COPY_TO_DEVICE, part_at(g, part),
			       (uintptr_t)data, BYTES, st);
}

static int get(struct gpu *g, uint32_t part, float *data, struct aios_status *st)
{
	int ret = side->ops->copy(g->dev, g->queue, AIOS_COPY_TO_HOST, (uintptr_t)data,
				  part_at(g, part), BYTES, st);

	return ret ? ret : finish(g->dev, g->queue, st);
}

static struct aios_op_all_reduce reduce_op(aios_addr first, uint32_t n, aios_addr out)
{
	struct aios_op_all_reduce op = {
		.op = AIOS_OP_INIT(struct aios_op_all_reduce, AIOS_OP_ALL_REDUCE), .n_ranks = n
	};
	uint32_t r;

	for (r = 0; r < n; r++)
		op.parts[r] = first + r * BYTES;
	op.out = (struct aios_tensor){
		.data = out, .dtype = AIOS_F32, .rows = ROWS, .cols = COLS, .row_bytes = COLS * 4
	};
	return op;
}

/* --- what the sums must be ----------------------------------------------------- */

/* Of very different sizes, so that another order of the sums would show. */
static void part_values(float *v, uint32_t rank, uint32_t round)
{
	uint32_t i, x;

	for (i = 0; i < N; i++) {
		x = (i * 2654435761u) ^ (rank * 0x9e3779b9u) ^ (round * 0x85ebca77u);
		x ^= x >> 15;
		x *= 0x2c1b3c6du;
		x ^= x >> 12;
		v[i] = ((float)(int32_t)(x & 0xffff) - 32768.0f) *
		       (x >> 28 & 1 ? 1e4f : 1e-3f * (float)(1 + (x >> 20 & 31)));
	}
}

static void tree(float *out, uint32_t n, uint32_t round)
{
	static float part[MOST][N];
	uint32_t r, step, i;

	for (r = 0; r < n; r++)
		part_values(part[r], r, round);
	for (step = 1; step < n; step *= 2)
		for (r = 0; r + step < n; r += 2 * step)
			for (i = 0; i < N; i++)
				part[r][i] += part[r + step][i];
	memcpy(out, part[0], BYTES);
}

/* False: cpu-ref is no file of this build. */
static bool reference(float *out, uint32_t n, uint32_t round)
{
	const struct aios_module *module;
	const struct aios_driver_ops *ref;
	struct aios_op_all_reduce op;
	struct aios_status st = { 0 };
	uint64_t value;
	void *lib, *dev, *queue;
	struct aios_mem mem;
	char path[1024];
	uint32_t r;

	snprintf(path, sizeof(path), "%s/lib/aios/drivers/cpu-ref.so", env_build());
	lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return false;
	module = dlsym(lib, "aios_module");
	ref = module->ops;
	ck_assert_msg(ref->open(&host, 0, &dev, &st) == 0, "%s", st.message);
	ck_assert_int_eq(ref->queue_create(dev, &queue, &st), 0);
	ck_assert_int_eq(ref->mem_alloc(dev, AIOS_HEAP_PINNED, PARTS * BYTES, &mem, &st), 0);
	for (r = 0; r < n; r++)
		part_values((float *)mem.host + r * N, r, round);
	op = reduce_op(mem.addr, n, mem.addr + n * BYTES);
	ck_assert_msg(ref->launch(dev, queue, &op.op, &st) == 0, "%s", st.message);
	ck_assert_int_eq(ref->signal(dev, queue, &value, &st), 0);
	ck_assert_int_eq(ref->wait(dev, queue, value, gpu_bed_deadline(30), &st), 0);
	memcpy(out, (float *)mem.host + n * N, BYTES);
	ref->mem_free(dev, &mem);
	ref->queue_destroy(dev, queue);
	ref->close(dev);
	dlclose(lib);
	return true;
}

/* --- exact sums of several ranks -------------------------------------------------- */

struct rank {
	uint32_t rank, n_ranks;
	struct aios_comm_id id;
	bool bytes_only; /* no kernel */
	float sums[ROUNDS][N];
	struct aios_status st;
	int ret;
};

/* Gather and add. */
static int add_up(struct rank *r, struct gpu *g, void *comm, uint32_t at)
{
	struct aios_op_all_reduce op = reduce_op(part_at(g, 0), r->n_ranks, part_at(g, MOST));
	int ret = side->ops->comm_gather(g->dev, g->queue, comm, part_at(g, 0), part_at(g, at),
					 BYTES, gpu_bed_deadline(30), &r->st);

	if (ret || r->bytes_only)
		return ret;
	return side->ops->launch(g->dev, g->queue, &op.op, &r->st);
}

/* What was gathered are all ranks' parts. */
static int check_bytes(struct rank *r, struct gpu *g, uint32_t round, float *values)
{
	float *got = r->sums[round];
	uint32_t i;
	int ret = 0;

	for (i = 0; i < r->n_ranks && ret == 0; i++) {
		ret = get(g, i, got, &r->st);
		part_values(values, i, round);
		if (ret == 0 && memcmp(values, got, BYTES) != 0)
			ret = aios_fail(&r->st, -EIO, "rank %u: part %u is wrong", r->rank, i);
	}
	return ret;
}

/* Round 1 has its part in the place where the gather puts it; rounds 2 and 3 are one graph's. */
static int one_round(struct rank *r, struct gpu *g, void *comm, uint32_t round, void **graph,
		     float *values)
{
	uint32_t at = round == 1 ? r->rank : MOST + 1;
	int ret;

	part_values(values, r->rank, round);
	ret = put(g, at, values, &r->st);
	if (ret == 0 && round == 2)
		ret = side->ops->graph_begin(g->dev, g->queue, &r->st);
	if (ret == 0 && round < 3)
		ret = add_up(r, g, comm, at);
	if (ret == 0 && round == 2)
		ret = side->ops->graph_end(g->dev, g->queue, graph, &r->st);
	if (ret == 0 && round >= 2)
		ret = side->ops->graph_launch(g->dev, g->queue, *graph, &r->st);
	if (ret == 0)
		ret = r->bytes_only ? check_bytes(r, g, round, values) :
				      get(g, MOST, r->sums[round], &r->st);
	return ret;
}

static int run_rank(struct rank *r)
{
	float *values = malloc(BYTES);
	void *comm = NULL, *graph = NULL;
	uint32_t round;
	struct gpu g;
	int ret;

	ret = gpu_open(&g, r->rank, &r->st);
	if (ret == 0)
		ret = side->ops->comm_open(g.dev, &r->id, r->rank, r->n_ranks, gpu_bed_deadline(30),
					   &comm, &r->st);
	for (round = 0; round < ROUNDS && ret == 0; round++)
		ret = one_round(r, &g, comm, round, &graph, values);
	if (ret == 0)
		ret = side->ops->comm_check(g.dev, comm, &r->st);
	if (graph)
		side->ops->graph_destroy(g.dev, graph);
	side->ops->comm_close(g.dev, comm);
	gpu_close(&g);
	free(values);
	return ret;
}

static void *rank_main(void *arg)
{
	struct rank *r = arg;

	r->ret = run_rank(r);
	return NULL;
}

static void name_ranks(struct rank *ranks, uint32_t n)
{
	struct aios_status st = { 0 };
	struct aios_comm_id id;
	uint32_t i;
	void *dev;

	ck_assert_msg(side->ops->open(&host, 0, &dev, &st) == 0, "%s", st.message);
	ck_assert_msg(side->ops->comm_id(dev, &id, &st) == 0, "%s", st.message);
	side->ops->close(dev);
	for (i = 0; i < n; i++) {
		ranks[i].rank = i;
		ranks[i].n_ranks = n;
		ranks[i].id = id;
	}
}

static void check_sums(const struct rank *r)
{
	static float want[N], ref[N];
	uint32_t round;

	for (round = 0; round < ROUNDS; round++) {
		tree(want, r->n_ranks, round);
		ck_assert_msg(memcmp(r->sums[round], want, BYTES) == 0,
			      "rank %u of %u, round %u: not the tree's sums", r->rank, r->n_ranks,
			      round);
		if (reference(ref, r->n_ranks, round))
			ck_assert_msg(memcmp(r->sums[round], ref, BYTES) == 0,
				      "rank %u of %u, round %u: not cpu-ref's sums", r->rank,
				      r->n_ranks, round);
		else
			printf("skipped: cpu-ref is no file of this build\n");
	}
}

static void run_threads(struct rank *ranks, uint32_t n)
{
	pthread_t threads[MOST];
	uint32_t i;

	for (i = 0; i < n; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, rank_main, &ranks[i]), 0);
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < n; i++)
		ck_assert_msg(ranks[i].ret == 0, "rank %u: %s", i, ranks[i].st.message);
}

/* 1, 2 and 4 ranks of each vendor. */
START_TEST(test_threads)
{
	static struct rank ranks[MOST];
	uint32_t n = 1u << _i / 2, i;

	use_side(_i % 2);
	memset(ranks, 0, sizeof(ranks));
	name_ranks(ranks, n);
	run_threads(ranks, n);
	for (i = 0; i < n; i++)
		check_sums(&ranks[i]);
	ck_assert_int_eq(side->comms->destroyed, (int)n);
	ck_assert_int_eq(side->comms->aborted, 0);
	ck_assert_int_eq(side->comms->gathers, 3 * (int)n);
	check_empty();
}
END_TEST

START_TEST(test_threads_bytes)
{
	static struct rank ranks[MOST];
	uint32_t i;

	use_side(_i);
	memset(ranks, 0, sizeof(ranks));
	name_ranks(ranks, MOST);
	for (i = 0; i < MOST; i++)
		ranks[i].bytes_only = true;
	run_threads(ranks, MOST);
	check_empty();
}
END_TEST

/* The values are such that the order matters; else the tests above would prove little. */
START_TEST(test_order_shows)
{
	static float want[N], v[N], sum[N];
	uint32_t i, r, differ = 0;

	tree(want, MOST, 0);
	memset(sum, 0, sizeof(sum));
	for (r = 0; r < MOST; r++) {
		part_values(v, r, 0);
		for (i = 0; i < N; i++)
			sum[i] += v[i];
	}
	for (i = 0; i < N; i++)
		differ += memcmp(&sum[i], &want[i], 4) != 0;
	ck_assert_uint_gt(differ, N / 20);
}
END_TEST

/* A process for each rank, which know nothing of each other but the id. */
START_TEST(test_processes)
{
	static struct rank ranks[MOST];
	uint32_t n = 2u << _i / 2, i, round;
	pid_t pids[MOST];
	int status;

	use_side(_i % 2);
	memset(ranks, 0, sizeof(ranks));
	name_ranks(ranks, n);
	fflush(NULL);
	for (i = 0; i < n; i++) {
		static float want[N];

		pids[i] = fork();
		ck_assert_int_ge(pids[i], 0);
		if (pids[i])
			continue;
		if (run_rank(&ranks[i]))
			fprintf(stderr, "rank %u: %s\n", i, ranks[i].st.message), _exit(1);
		for (status = 0, round = 0; round < ROUNDS; round++) {
			tree(want, n, round);
			status |= memcmp(want, ranks[i].sums[round], BYTES) != 0;
		}
		_exit(status);
	}
	for (i = 0; i < n; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "rank %u: status %x",
			      i, (unsigned int)status);
	}
}
END_TEST

/* --- a communicator that cannot be had ------------------------------------------------ */

static void expect(int ret, int want, const struct aios_status *st, const char *part)
{
	ck_assert_msg(ret == want, "%d instead of %d: %s", ret, want, st->message);
	ck_assert_msg(strstr(st->message, part) != NULL, "no '%s' in: %s", part, st->message);
}

START_TEST(test_no_library)
{
	struct aios_comm_id id = { { 0 } };
	struct aios_status st = { 0 };
	void *comm = NULL;
	struct gpu g;

	use_side(_i);
	ck_assert_int_eq(gpu_open(&g, 0, &st), 0);
	snprintf(comm_library, sizeof(comm_library), "/nowhere/%s", side->library);
	expect(side->ops->comm_id(g.dev, &id, &st), -ENOSYS, &st, side->named);
	ck_assert_msg(strstr(st.message, comm_library) && strstr(st.message, "comm_library"), "%s",
		      st.message);
	expect(side->ops->comm_open(g.dev, &id, 0, 1, gpu_bed_deadline(1), &comm, &st), -ENOSYS,
	       &st, side->library);
	ck_assert_ptr_null(comm);
	gpu_close(&g);
	check_empty();
}
END_TEST

START_TEST(test_old_library)
{
	struct aios_comm_id id = { { 0 } };
	struct aios_status st = { 0 };
	void *comm = NULL;
	struct gpu g;

	use_side(_i);
	ck_assert_int_eq(gpu_open(&g, 0, &st), 0);
	snprintf(comm_library, sizeof(comm_library), "%s", module_path("fake-libnccl-old.so"));
	expect(side->ops->comm_id(g.dev, &id, &st), -ENOSYS, &st, "ncclCommInitRankConfig");
	expect(side->ops->comm_open(g.dev, &id, 0, 1, gpu_bed_deadline(1), &comm, &st), -ENOSYS,
	       &st, "2.14 or later");
	gpu_close(&g);
	check_empty();
}
END_TEST

START_TEST(test_bad_ranks)
{
	static const uint32_t bad[][2] = { { 0, 0 }, { 2, 2 }, { 5, 1 }, { 0, 17 } };
	struct aios_comm_id id = { { 0 } };
	struct aios_status st = { 0 };
	void *comm = NULL;
	struct gpu g;
	size_t i;

	use_side(_i);
	ck_assert_int_eq(gpu_open(&g, 0, &st), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(side->ops->comm_open(g.dev, &id, bad[i][0], bad[i][1], gpu_bed_deadline(1),
					    &comm, &st),
		       -EINVAL, &st, "expected");
	ck_assert_ptr_null(comm);
	gpu_close(&g);
	check_empty();
}
END_TEST

START_TEST(test_init_fails)
{
	struct aios_comm_id id = { { 0 } };
	struct aios_status st = { 0 };
	void *comm = NULL;
	struct gpu g;

	use_side(_i);
	ck_assert_int_eq(gpu_open(&g, 0, &st), 0);
	side->comms->id_result = 3;
	expect(side->ops->comm_id(g.dev, &id, &st), -EIO, &st, "ncclGetUniqueId");
	ck_assert_int_eq(st.vendor, 3);
	ck_assert_msg(strstr(st.message, "CCL 2.28.9"), "%s", st.message);
	side->comms->id_result = 0;
	ck_assert_int_eq(side->ops->comm_id(g.dev, &id, &st), 0);
	side->comms->init_result = 2;
	expect(side->ops->comm_open(g.dev, &id, 0, 1, gpu_bed_deadline(1), &comm, &st), -EIO, &st,
	       "ncclCommInitRankConfig");
	ck_assert_int_eq(st.vendor, 2);
	side->comms->init_result = 0;
	atomic_store(&side->comms->async, 2); /* told later */
	expect(side->ops->comm_open(g.dev, &id, 0, 1, gpu_bed_deadline(1), &comm, &st), -EIO, &st,
	       "rank 0 of 1");
	ck_assert_int_eq(side->comms->aborted, 1);
	atomic_store(&side->comms->async, 0);
	ck_assert_ptr_null(comm);
	gpu_close(&g);
	check_empty();
}
END_TEST

/* The other rank never comes. */
START_TEST(test_nobody_there)
{
	struct aios_comm_id id;
	struct aios_status st = { 0 };
	void *comm = NULL;
	struct gpu g;

	use_side(_i);
	ck_assert_int_eq(gpu_open(&g, 0, &st), 0);
	ck_assert_int_eq(side->ops->comm_id(g.dev, &id, &st), 0);
	expect(side->ops->comm_open(g.dev, &id, 1, 2, gpu_bed_deadline(0.05), &comm, &st),
	       -ETIMEDOUT, &st, "not all of the 2 ranks");
	ck_assert_int_eq(side->comms->aborted, 1);
	ck_assert_ptr_null(comm);
	gpu_close(&g);
	check_empty();
}
END_TEST

/* --- one that breaks --------------------------------------------------------------- */

START_TEST(test_async_error)
{
	struct aios_comm_id id;
	struct aios_status st = { 0 };
	void *comm = NULL;
	struct gpu g;

	use_side(_i);
	ck_assert_int_eq(gpu_open(&g, 0, &st), 0);
	ck_assert_int_eq(side->ops->comm_id(g.dev, &id, &st), 0);
	ck_assert_int_eq(side->ops->comm_open(g.dev, &id, 0, 1, gpu_bed_deadline(5), &comm, &st),
			 0);
	ck_assert_int_eq(side->ops->comm_check(g.dev, comm, &st), 0);
	atomic_store(&side->comms->async, 1);
	expect(side->ops->comm_check(g.dev, comm, &st), -EIO, &st, "rank 0 of 1");
	ck_assert_int_eq(st.vendor, 1);
	atomic_store(&side->comms->async, 0); /* it is broken for good */
	expect(side->ops->comm_check(g.dev, comm, &st), -EIO, &st, "is broken");
	expect(side->ops->comm_gather(g.dev, g.queue, comm, part_at(&g, 0), part_at(&g, 1), 64,
				      gpu_bed_deadline(1), &st),
	       -EIO, &st, "is broken");
	ck_assert_int_eq(finish(g.dev, g.queue, &st), 0); /* the device is well */
	side->ops->comm_close(g.dev, comm);
	ck_assert_int_eq(side->comms->aborted, 1);
	ck_assert_int_eq(side->comms->destroyed, 0);
	gpu_close(&g);
	check_empty();
}
END_TEST

START_TEST(test_gather_fails)
{
	struct aios_comm_id id;
	struct aios_status st = { 0 };
	void *comm = NULL, *graph;
	struct gpu g;

	use_side(_i);
	ck_assert_int_eq(gpu_open(&g, 0, &st), 0);
	ck_assert_int_eq(side->ops->comm_id(g.dev, &id, &st), 0);
	ck_assert_int_eq(side->ops->comm_open(g.dev, &id, 0, 1, gpu_bed_deadline(5), &comm, &st),
			 0);
	/* Refused: nothing has happened. */
	expect(side->ops->comm_gather(g.dev, g.queue, comm, part_at(&g, 0), 0, 64,
				      gpu_bed_deadline(1), &st),
	       -EINVAL, &st, "null source");
	expect(side->ops->comm_gather(g.dev, g.queue, comm, part_at(&g, 0), part_at(&g, 0) + 32, 64,
				      gpu_bed_deadline(1), &st),
	       -EINVAL, &st, "part of the destination");
	ck_assert_int_eq(side->ops->graph_begin(g.dev, g.queue, &st), 0);
	expect(side->ops->comm_gather(g.dev, g.queue, comm, part_at(&g, 0), part_at(&g, 1), 64,
				      gpu_bed_deadline(1), &st),
	       -EINVAL, &st, "not connected");
	ck_assert_int_eq(side->ops->graph_end(g.dev, g.queue, &graph, &st), 0);
	side->ops->graph_destroy(g.dev, graph);
	ck_assert_int_eq(side->ops->comm_gather(g.dev, g.queue, comm, part_at(&g, 0),
						part_at(&g, 1), 64, gpu_bed_deadline(1), &st),
			 0);
	/* Failed: it is over. */
	side->comms->gather_result = 3;
	expect(side->ops->comm_gather(g.dev, g.queue, comm, part_at(&g, 0), part_at(&g, 1), 64,
				      gpu_bed_deadline(1), &st),
	       -EIO, &st, "ncclAllGather");
	side->comms->gather_result = 0;
	expect(side->ops->comm_check(g.dev, comm, &st), -EIO, &st, "ncclAllGather");
	side->ops->comm_close(g.dev, comm);
	side->ops->comm_close(g.dev, NULL);
	gpu_close(&g);
	check_empty();
}
END_TEST

/* Rank 1 of the next test: it comes, takes part, and is gone before its work was done. */
static void *deserter(void *arg)
{
	struct rank *r = arg;
	void *comm = NULL;
	struct gpu g;

	r->ret = gpu_open(&g, 1, &r->st);
	if (r->ret == 0)
		r->ret = side->ops->comm_open(g.dev, &r->id, 1, 2, gpu_bed_deadline(30), &comm,
					      &r->st);
	if (r->ret == 0)
		r->ret = side->ops->comm_gather(g.dev, g.queue, comm, part_at(&g, 0),
						part_at(&g, 3), 64, gpu_bed_deadline(30), &r->st);
	side->ops->comm_close(g.dev, comm); /* its work is pending: aborts */
	if (r->ret == 0)
		r->ret = finish(g.dev, g.queue, &r->st);
	gpu_close(&g);
	return NULL;
}

/* Told of it by the library (even _i), or not. */
START_TEST(test_lost_rank)
{
	static struct rank ranks[2];
	struct aios_status st = { 0 };
	bool told = _i < 2;
	void *comm = NULL;
	uint64_t value;
	pthread_t thread;
	struct gpu g;

	use_side(_i % 2);
	memset(ranks, 0, sizeof(ranks));
	name_ranks(ranks, 2);
	atomic_store(&side->comms->hang, true);
	atomic_store(&side->comms->deaf, true); /* until the first gather is under way */
	ck_assert_int_eq(pthread_create(&thread, NULL, deserter, &ranks[1]), 0);
	ck_assert_int_eq(gpu_open(&g, 0, &st), 0);
	ck_assert_msg(side->ops->comm_open(g.dev, &ranks[0].id, 0, 2, gpu_bed_deadline(30), &comm,
					   &st) == 0,
		      "%s", st.message);
	ck_assert_msg(side->ops->comm_gather(g.dev, g.queue, comm, part_at(&g, 0), part_at(&g, 3),
					     64, gpu_bed_deadline(30), &st) == 0,
		      "%s", st.message);
	pthread_join(thread, NULL);
	ck_assert_msg(ranks[1].ret == 0, "%s", ranks[1].st.message);
	atomic_store(&side->comms->hang, false);
	atomic_store(&side->comms->deaf, !told);
	ck_assert_int_eq(side->ops->signal(g.dev, g.queue, &value, &st), 0);
	ck_assert_int_eq(side->ops->wait(g.dev, g.queue, value, gpu_bed_deadline(0.05), &st),
			 -ETIMEDOUT);
	if (told) {
		expect(side->ops->comm_check(g.dev, comm, &st), -ECONNRESET, &st,
		       "another rank is gone");
		ck_assert_int_eq(st.vendor, 6);
		expect(side->ops->comm_check(g.dev, comm, &st), -ECONNRESET, &st, "is broken");
	} else {
		ck_assert_int_eq(side->ops->comm_check(g.dev, comm, &st), 0);
	}
	side->ops->comm_close(g.dev, comm);
	ck_assert_int_eq(side->comms->aborted, 2);
	/* The queue goes on. */
	ck_assert_int_eq(side->ops->wait(g.dev, g.queue, value, gpu_bed_deadline(10), &st), 0);
	gpu_close(&g);
	check_empty();
}
END_TEST

/* The device is lost while a gather is pending: closing ends all that is left. */
START_TEST(test_lost_device)
{
	struct aios_comm_id id;
	struct aios_status st = { 0 };
	void *comm = NULL;
	uint64_t value;
	struct gpu g;

	use_side(_i);
	ck_assert_int_eq(gpu_open(&g, 0, &st), 0);
	ck_assert_int_eq(side->ops->comm_id(g.dev, &id, &st), 0);
	ck_assert_int_eq(side->ops->comm_open(g.dev, &id, 0, 1, gpu_bed_deadline(5), &comm, &st),
			 0);
	ck_assert_int_eq(side->ops->comm_gather(g.dev, g.queue, comm, part_at(&g, 0),
						part_at(&g, 1), 64, gpu_bed_deadline(5), &st),
			 0);
	ck_assert_int_eq(finish(g.dev, g.queue, &st), 0);
	side->fake->fail_nth = 1;
	side->fake->fail_result = 700;
	side->fake->sticky = true;
	ck_assert_int_eq(side->ops->signal(g.dev, g.queue, &value, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(side->ops->comm_check(g.dev, comm, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(side->ops->comm_gather(g.dev, g.queue, comm, part_at(&g, 0),
						part_at(&g, 1), 64, gpu_bed_deadline(5), &st),
			 -AIOS_DEVICE_LOST);
	side->ops->comm_close(g.dev, comm);
	ck_assert_int_eq(side->comms->aborted, 1);
	ck_assert_int_eq(side->ops->reset(g.dev, &st), 0);
	gpu_close(&g);
	check_empty();
}
END_TEST

/* --- peers ---------------------------------------------------------------------- */

static void open_two(struct gpu *a, struct gpu *b)
{
	struct aios_status st = { 0 };

	ck_assert_msg(gpu_open(a, 0, &st) == 0, "%s", st.message);
	ck_assert_msg(gpu_open(b, 1, &st) == 0, "%s", st.message);
}

static void close_two(struct gpu *a, struct gpu *b)
{
	gpu_close(b);
	gpu_close(a);
	check_empty();
}

/* b's memory reaches a by a copy that waits for b's queue, whatever the two devices can. */
START_TEST(test_peer_copy)
{
	static float in[N], out[N];
	struct aios_status st = { 0 };
	uint32_t access = 0;
	struct gpu a, b;
	uint64_t value;

	use_side(_i % 2);
	side->fake->apart = _i >= 2;
	open_two(&a, &b);
	ck_assert_msg(side->ops->peer(a.dev, b.dev, &access, &st) == 0, "%s", st.message);
	ck_assert_uint_eq(access, side->fake->apart ? AIOS_PEER_COPY : AIOS_PEER_DIRECT);
	ck_assert_int_eq(side->ops->peer(a.dev, b.dev, &access, &st), 0); /* once more */
	ck_assert_uint_eq(access, side->fake->apart ? AIOS_PEER_COPY : AIOS_PEER_DIRECT);
	ck_assert_uint_eq(side->fake->reach[0], side->fake->apart ? 0 : 2);
	part_values(in, 1, 0);
	side->fake->hold = true;
	ck_assert_int_eq(put(&b, 0, in, &st), 0);
	ck_assert_int_eq(side->ops->signal(b.dev, b.queue, &value, &st), 0);
	ck_assert_int_eq(side->ops->queue_wait(a.dev, a.queue, b.queue, value, &st), 0);
	ck_assert_msg(side->ops->copy(a.dev, a.queue, AIOS_COPY_ON_DEVICE, part_at(&a, 2),
				      part_at(&b, 0), BYTES, &st) == 0,
		      "%s", st.message);
	/* Its own memory goes the usual way. */
	ck_assert_int_eq(side->ops->copy(a.dev, a.queue, AIOS_COPY_ON_DEVICE, part_at(&a, 3),
					 part_at(&a, 2), BYTES, &st),
			 0);
	side->fake->hold = false;
	ck_assert_int_eq(get(&a, 3, out, &st), 0);
	ck_assert_mem_eq(in, out, BYTES);
	ck_assert_uint_eq(side->fake->peer_copies, 1);
	close_two(&a, &b);
}
END_TEST

/* What cannot be is refused before anything breaks. */
START_TEST(test_peer_refused)
{
	struct aios_op_all_reduce op;
	struct aios_status st = { 0 };
	uint32_t access = 0;
	struct gpu a, b, c;

	use_side(_i);
	side->fake->apart = true;
	open_two(&a, &b);
	ck_assert_int_eq(gpu_open(&c, 2, &st), 0);
	op = reduce_op(part_at(&a, 0), 2, part_at(&a, 2));
	op.parts[1] = part_at(&b, 0);
	expect(side->ops->launch(a.dev, a.queue, &op.op, &st), -EINVAL, &st,
	       "part 1 is memory of GPU 1, which GPU 0 does not know");
	ck_assert_int_eq(side->ops->peer(a.dev, b.dev, &access, &st), 0);
	expect(side->ops->launch(a.dev, a.queue, &op.op, &st), -ENOTSUP, &st, "copy it first");
	expect(side->ops->copy(a.dev, a.queue, AIOS_COPY_ON_DEVICE, part_at(&a, 0), part_at(&c, 0),
			       64, &st),
	       -EINVAL, &st, "memory of GPU 2");
	expect(side->ops->peer(a.dev, NULL, &access, &st), -EINVAL, &st, "no device");
	ck_assert_int_eq(finish(a.dev, a.queue, &st), 0);
	ck_assert_int_eq(side->fake->broken, 0);
	gpu_close(&c);
	close_two(&a, &b);
}
END_TEST

/* Twice the same GPU is one memory. */
START_TEST(test_peer_itself)
{
	struct aios_status st = { 0 };
	uint32_t access = 0;
	struct gpu a, b;

	use_side(_i);
	ck_assert_int_eq(gpu_open(&a, 0, &st), 0);
	ck_assert_int_eq(gpu_open(&b, 0, &st), 0);
	ck_assert_int_eq(side->ops->peer(a.dev, b.dev, &access, &st), 0);
	ck_assert_uint_eq(access, AIOS_PEER_DIRECT);
	ck_assert_int_eq(side->ops->copy(a.dev, a.queue, AIOS_COPY_ON_DEVICE, part_at(&a, 0),
					 part_at(&b, 0), 64, &st),
			 0);
	ck_assert_uint_eq(side->fake->peer_copies, 0);
	close_two(&a, &b);
}
END_TEST

/* All-reduce and all-gather with parts on two devices. */
START_TEST(test_peer_ops)
{
	static float v[N], want[N], out[N];
	struct aios_op_all_gather gather = {
		.op = AIOS_OP_INIT(struct aios_op_all_gather, AIOS_OP_ALL_GATHER),
		.n_ranks = 2,
		.part_cols = COLS,
		.part_row_bytes = COLS * 4,
	};
	struct aios_op_all_reduce op;
	struct aios_status st = { 0 };
	uint32_t access = 0, row;
	struct gpu a, b;

	use_side(_i);
	open_two(&a, &b);
	part_values(v, 0, 0);
	ck_assert_int_eq(put(&a, 0, v, &st), 0);
	part_values(v, 1, 0);
	ck_assert_int_eq(put(&b, 0, v, &st), 0);
	ck_assert_int_eq(finish(b.dev, b.queue, &st), 0);
	ck_assert_int_eq(side->ops->peer(a.dev, b.dev, &access, &st), 0);
	op = reduce_op(part_at(&a, 0), 2, part_at(&a, 1));
	op.parts[1] = part_at(&b, 0);
	ck_assert_msg(side->ops->launch(a.dev, a.queue, &op.op, &st) == 0, "%s", st.message);
	ck_assert_int_eq(get(&a, 1, out, &st), 0);
	tree(want, 2, 0);
	ck_assert_mem_eq(out, want, BYTES);

	gather.parts[0] = part_at(&a, 0);
	gather.parts[1] = part_at(&b, 0);
	gather.out = op.out;
	gather.out.data = part_at(&a, 2);
	gather.out.cols = 2 * COLS;
	gather.out.row_bytes = 2 * COLS * 4;
	ck_assert_msg(side->ops->launch(a.dev, a.queue, &gather.op, &st) == 0, "%s", st.message);
	ck_assert_int_eq(get(&a, 2, out, &st), 0); /* the first half of the rows, and a bit */
	part_values(v, 0, 0);
	part_values(want, 1, 0);
	for (row = 0; 2 * row + 1 < ROWS; row++) {
		ck_assert_mem_eq(out + 2 * row * COLS, v + row * COLS, COLS * 4);
		ck_assert_mem_eq(out + (2 * row + 1) * COLS, want + row * COLS, COLS * 4);
	}
	close_two(&a, &b);
}
END_TEST

/* A reset takes access away; a peer that is lost is none. */
START_TEST(test_peer_reset)
{
	struct aios_op_all_reduce op;
	struct aios_status st = { 0 };
	uint32_t access = 0;
	uint64_t value;
	struct gpu a, b;

	use_side(_i);
	open_two(&a, &b);
	ck_assert_int_eq(side->ops->peer(a.dev, b.dev, &access, &st), 0);
	side->fake->fail_nth = 1;
	side->fake->fail_result = 700;
	ck_assert_int_eq(side->ops->signal(b.dev, b.queue, &value, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(side->ops->peer(a.dev, b.dev, &access, &st), -AIOS_DEVICE_LOST);
	ck_assert_msg(strstr(st.message, "lost"), "%s", st.message);
	ck_assert_int_eq(side->ops->reset(a.dev, &st), 0);
	gpu_close(&a);
	ck_assert_int_eq(gpu_open(&a, 0, &st), 0);
	ck_assert_int_eq(side->ops->reset(b.dev, &st), 0);
	gpu_close(&b);
	ck_assert_int_eq(gpu_open(&b, 1, &st), 0);
	op = reduce_op(part_at(&a, 0), 2, part_at(&a, 2));
	op.parts[1] = part_at(&b, 0);
	expect(side->ops->launch(a.dev, a.queue, &op.op, &st), -EINVAL, &st, "does not know");
	close_two(&a, &b);
}
END_TEST

/* --- the n-th call fails ------------------------------------------------------------ */

/* Two devices and a communicator of one; stops at the first failure, then gives back what it has. */
static int scenario(struct aios_status *st)
{
	struct gpu a = { 0 }, b = { 0 };
	struct aios_comm_id id;
	uint32_t access = 0;
	void *comm = NULL;
	int ret;

	ret = gpu_open(&a, 0, st);
	if (ret == 0)
		ret = gpu_open(&b, 1, st);
	if (ret == 0)
		ret = side->ops->peer(a.dev, b.dev, &access, st);
	if (ret == 0)
		ret = side->ops->copy(a.dev, a.queue, AIOS_COPY_ON_DEVICE, part_at(&a, 0),
				      part_at(&b, 0), BYTES, st);
	if (ret == 0)
		ret = side->ops->comm_id(a.dev, &id, st);
	if (ret == 0)
		ret = side->ops->comm_open(a.dev, &id, 0, 1, gpu_bed_deadline(5), &comm, st);
	if (ret == 0)
		ret = side->ops->comm_gather(a.dev, a.queue, comm, part_at(&a, 1), part_at(&a, 0),
					     BYTES, gpu_bed_deadline(5), st);
	if (ret == 0)
		ret = finish(a.dev, a.queue, st);
	if (ret == 0)
		ret = side->ops->comm_check(a.dev, comm, st);
	if (comm)
		side->ops->comm_close(a.dev, comm);
	if (b.dev)
		gpu_close(&b);
	if (a.dev)
		gpu_close(&a);
	return ret;
}

START_TEST(test_nth_call_fails)
{
	static const int results[] = { 1, 2, 999 };
	struct aios_status st;
	uint64_t n;
	int ret = 0;

	for (n = 1;; n++) {
		use_side(_i % 2);
		memset(&st, 0, sizeof(st));
		side->fake->fail_nth = n;
		side->fake->fail_result = results[_i / 2];
		ret = scenario(&st);
		if (side->fake->fail_nth) /* the scenario has fewer calls */
			break;
		ck_assert_msg(ret == 0 || st.message[0], "call %llu: %d without a message",
			      (unsigned long long)n, ret);
		if (results[_i / 2] != 999) /* nothing can be given back to what is lost */
			check_empty();
		ck_assert_int_eq(side->comms->comms, 0);
		ck_assert_uint_lt(n, 3000);
	}
	ck_assert_msg(ret == 0, "%s", st.message);
	ck_assert_uint_gt(n, 100);
}
END_TEST

Suite *test_comm_suite(void);

Suite *test_comm_suite(void)
{
	Suite *s = suite_create("comm");
	TCase *tc = tcase_create("comm"), *sums = tcase_create("sums"),
	      *peer = tcase_create("peer");

	tcase_set_timeout(tc, 30);
	tcase_set_timeout(sums, 60);
	tcase_set_timeout(peer, 30);
	tcase_add_test(sums, test_order_shows);
	tcase_add_loop_test(sums, test_threads_bytes, 0, 2);
#if !defined(__SANITIZE_THREAD__) /* kernels run as fibers, which confuse the thread sanitizer */
	tcase_add_loop_test(sums, test_threads, 0, 6);
	tcase_add_loop_test(sums, test_processes, 0, 4);
	tcase_add_loop_test(peer, test_peer_ops, 0, 2);
#endif
	tcase_add_loop_test(tc, test_no_library, 0, 2);
	tcase_add_loop_test(tc, test_old_library, 0, 2);
	tcase_add_loop_test(tc, test_bad_ranks, 0, 2);
	tcase_add_loop_test(tc, test_init_fails, 0, 2);
	tcase_add_loop_test(tc, test_nobody_there, 0, 2);
	tcase_add_loop_test(tc, test_async_error, 0, 2);
	tcase_add_loop_test(tc, test_gather_fails, 0, 2);
	tcase_add_loop_test(tc, test_lost_rank, 0, 4);
	tcase_add_loop_test(tc, test_lost_device, 0, 2);
	tcase_add_loop_test(tc, test_nth_call_fails, 0, 4);
	tcase_add_loop_test(peer, test_peer_copy, 0, 4);
	tcase_add_loop_test(peer, test_peer_refused, 0, 2);
	tcase_add_loop_test(peer, test_peer_itself, 0, 2);
	tcase_add_loop_test(peer, test_peer_reset, 0, 2);
	suite_add_tcase(s, sums);
	suite_add_tcase(s, tc);
	suite_add_tcase(s, peer);
	return s;
}
