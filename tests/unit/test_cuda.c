// SPDX-License-Identifier: Apache-2.0
/*
 * test_cuda.c - the host side of the CUDA driver on a libcuda that is none
 * (tests/fake): what it does when things fail, wait, fill up or are lost. What the
 * kernels compute is for tests/conformance.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "gpu_bed.h"

static struct gpu_bed bed = {
	.library = "fake-libcuda.so",
	.driver = "cuda.so",
	.gpu = { .version = 13000,
		 .devices = 1,
		 .major = 9,
		 .units = 132,
		 .shared_max = 232448,
		 .memory = 64 * MIB },
};

static struct fake_gpu *fake; /* the bed's */
static const struct aios_driver_ops *ops;

static void cu_setup(void)
{
	gpu_bed_setup(&bed);
	fake = bed.fake;
	ops = bed.ops;
}

/* --- finding ----------------------------------------------------------------- */

START_TEST(test_probe_devices)
{
	static const struct gpu_bed_device two[2] = {
		{ "cuda:GPU-a0a0a0a0-a0a0-a0a0-a0a0-a0a0a0a0a0a0", "pci:0000:3b:00.0" },
		{ "cuda:GPU-a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1", "pci:0000:3c:00.0" },
	};

	gpu_bed_check_devices(&bed, two);
}
END_TEST

/* Without something that works: no devices, and one sentence with what was found and needed. */
START_TEST(test_probe_reasons)
{
	fake->version = 12020;
	gpu_bed_check_none(&bed, "12.2");
	gpu_bed_check_none(&bed, "13.0");
	fake->version = 13000;
	fake->init_result = 100;
	gpu_bed_check_none(&bed, "no CUDA device");
	fake->init_result = 999;
	ck_assert_int_eq(gpu_bed_check_none(&bed, "cuInit failed"), 999);
	fake->init_result = 0;
	fake->devices = 0;
	gpu_bed_check_none(&bed, "no devices");
}
END_TEST

/* The image has sm_80, sm_86 and sm_90a: later minors run the first two, the last is exact. */
START_TEST(test_probe_architectures)
{
	static const struct gpu_bed_target targets[] = {
		{ 7, 5, 32, false }, { 8, 0, 32, true },  { 8, 6, 32, true },   { 8, 9, 32, true },
		{ 9, 0, 32, true },  { 9, 1, 32, false }, { 10, 0, 32, false },
	};

	gpu_bed_check_targets(&bed, targets, sizeof(targets) / sizeof(targets[0]), "80 86 90a",
			      "CUDA 13.0");
}
END_TEST

/* --- memory ------------------------------------------------------------------ */

START_TEST(test_exhausted)
{
	struct aios_heap_info info = { 0 };
	struct aios_status st = { 0 };
	struct aios_mem a, b;
	void *dev = gpu_bed_open(&bed);

	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 40 * MIB, &a, &st), 0);
	ck_assert_int_eq(ops->heap_info(dev, AIOS_HEAP_DEVICE, &info, &st), 0);
	ck_assert_uint_eq(info.total, 64 * MIB);
	ck_assert_uint_eq(info.free, 24 * MIB);
	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 30 * MIB, &b, &st), -AIOS_EXHAUSTED);
	ck_assert_msg(strstr(st.message, "25165824 free of 67108864"), "%s", st.message);
	ck_assert_int_eq(st.vendor, 2);
	ops->mem_free(dev, &a);
	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 60 * MIB, &b, &st), 0);
	ops->mem_free(dev, &b);
	gpu_bed_close(&bed, dev, NULL);
}
END_TEST

/* Locked host memory has a limit, which both of its heaps share. */
START_TEST(test_pinned_limit)
{
	struct aios_heap_info info = { 0 };
	struct aios_status st = { 0 };
	struct aios_mem a, b;
	void *dev = gpu_bed_open(&bed);

	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_PINNED, 700000, &a, &st), 0);
	ck_assert_int_eq(ops->heap_info(dev, AIOS_HEAP_MAPPED, &info, &st), 0);
	ck_assert_uint_eq(info.total, MIB);
	ck_assert_uint_le(info.free, MIB - 700000);
	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_MAPPED, 400000, &b, &st), -AIOS_EXHAUSTED);
	ck_assert_msg(strstr(st.message, "348576 are free"), "%s", st.message);
	ops->mem_free(dev, &a);
	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_MAPPED, MIB, &b, &st), 0);
	ops->mem_free(dev, &b);
	gpu_bed_close(&bed, dev, NULL);
}
END_TEST

/* --- copies ------------------------------------------------------------------ */

static void cu_pattern(unsigned char *p, uint64_t n, unsigned int seed)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		p[i] = (unsigned char)(i * 2654435761u + (i >> 8) + seed);
}

/* Many times the staging ring, in odd pieces, there and back. */
START_TEST(test_copy_large)
{
	static const uint64_t sizes[] = { 5 * MIB + 13, 1, 300000, 70000, 1, 999, 3 * MIB };
	unsigned char *data = malloc(6 * MIB), *got = malloc(6 * MIB);
	struct aios_status st = { 0 };
	void *dev = gpu_bed_open(&bed), *queue = gpu_bed_queue(&bed, dev);
	struct aios_mem m;
	size_t i;

	ck_assert(data && got);
	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 6 * MIB, &m, &st), 0);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cu_pattern(data, sizes[i], (unsigned int)i);
		memset(got, 0, sizes[i]);
		ck_assert_int_eq(ops->copy(dev, queue, AIOS_COPY_TO_DEVICE, m.addr, (uintptr_t)data,
					   sizes[i], &st),
				 0);
		ck_assert_int_eq(ops->copy(dev, queue, AIOS_COPY_TO_HOST, (uintptr_t)got, m.addr,
					   sizes[i], &st),
				 0);
		ck_assert_int_eq(gpu_bed_finish(&bed, dev, queue, &st), 0);
		ck_assert(memcmp(data, got, sizes[i]) == 0);
	}
	ops->mem_free(dev, &m);
	gpu_bed_close(&bed, dev, queue);
	free(data);
	free(got);
}
END_TEST

/* The source is the caller's again at once, though the copy has not been made; nothing arrives early. */
START_TEST(test_copy_later)
{
	unsigned char data[1000], want[1000], got[1000] = { 0 };
	struct aios_status st = { 0 };
	void *dev = gpu_bed_open(&bed), *queue = gpu_bed_queue(&bed, dev);
	struct aios_mem m, pinned;

	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 1000, &m, &st), 0);
	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_PINNED, 1000, &pinned, &st), 0);
	cu_pattern(data, 1000, 3);
	memcpy(want, data, 1000);
	memset(pinned.host, 1, 1000);
	fake->hold = true;
	ck_assert_int_eq(
		ops->copy(dev, queue, AIOS_COPY_TO_DEVICE, m.addr, (uintptr_t)data, 1000, &st), 0);
	ck_assert_int_eq(ops->copy(dev, queue, AIOS_COPY_TO_DEVICE, m.addr,
				   (uintptr_t)pinned.host + 10, 10, &st),
			 0);
	ck_assert_int_eq(
		ops->copy(dev, queue, AIOS_COPY_TO_HOST, (uintptr_t)got, m.addr, 1000, &st), 0);
	memset(data, 0xff, 1000);
	memset((unsigned char *)pinned.host + 10, 2,
	       10); /* pinned memory is read when it is time */
	memset(want, 2, 10);
	ck_assert_uint_eq(got[500], 0);
	fake->hold = false;
	ck_assert_int_eq(gpu_bed_finish(&bed, dev, queue, &st), 0);
	ck_assert_mem_eq(got, want, 1000);
	ops->mem_free(dev, &pinned);
	ops->mem_free(dev, &m);
	gpu_bed_close(&bed, dev, queue);
}
END_TEST

/* --- the timeline ------------------------------------------------------------ */

START_TEST(test_deadlines)
{
	struct aios_status st = { 0 };
	void *dev = gpu_bed_open(&bed), *queue = gpu_bed_queue(&bed, dev),
	     *other = gpu_bed_queue(&bed, dev);
	uint64_t value = 0, last = 0, i;

	fake->hold = true;
	ck_assert_int_eq(ops->signal(dev, queue, &value, &st), 0);
	ck_assert_int_eq(ops->wait(dev, queue, value, gpu_bed_deadline(0.005), &st), -ETIMEDOUT);
	ck_assert_int_eq(ops->wait(dev, queue, value, 0, &st), -ETIMEDOUT);
	ck_assert_int_eq(ops->quiesce(dev, gpu_bed_deadline(0.005), &st), -ETIMEDOUT);
	ck_assert_int_eq(ops->queue_wait(dev, other, queue, value, &st), 0);
	ck_assert_int_eq(ops->queue_wait(dev, other, queue, value + 1, &st), -EINVAL);
	ck_assert_int_eq(ops->signal(dev, other, &last, &st), 0);
	fake->hold = false;
	ck_assert_int_eq(ops->wait(dev, other, last, gpu_bed_deadline(1), &st), 0);
	ck_assert_int_eq(ops->wait(dev, queue, value, 0, &st), 0);
	ck_assert_int_eq(ops->quiesce(dev, gpu_bed_deadline(1), &st), 0);
	for (i = 0; i < 1000; i++) { /* more than there are events */
		ck_assert_int_eq(ops->signal(dev, queue, &last, &st), 0);
		ck_assert_uint_eq(last, i + 2);
	}
	ck_assert_int_eq(ops->wait(dev, queue, 3, gpu_bed_deadline(1), &st), 0);
	ck_assert_int_eq(ops->wait(dev, queue, last, gpu_bed_deadline(1), &st), 0);
	ck_assert_int_eq(ops->wait(dev, queue, last + 1, gpu_bed_deadline(0.005), &st), -ETIMEDOUT);
	ops->queue_destroy(dev, other);
	gpu_bed_close(&bed, dev, queue);
}
END_TEST

/* The fake's clock ticks a millisecond with each signal; old times are forgotten, and said so. */
START_TEST(test_elapsed)
{
	struct aios_status st = { 0 };
	void *dev = gpu_bed_open(&bed), *queue = gpu_bed_queue(&bed, dev);
	uint64_t value = 0, ns = 0;

	while (value < 400)
		ck_assert_int_eq(ops->signal(dev, queue, &value, &st), 0);
	ck_assert_int_eq(ops->elapsed(dev, queue, 145, 147, &ns, &st), 0);
	ck_assert_uint_eq(ns, 2000000);
	ck_assert_int_eq(ops->elapsed(dev, queue, 145, 400, &ns, &st), 0);
	ck_assert_uint_eq(ns, 255000000);
	ck_assert_int_eq(ops->elapsed(dev, queue, 3, 400, &ns, &st), -ENOENT);
	ck_assert_int_eq(ops->elapsed(dev, queue, 400, 400, &ns, &st), -EINVAL);
	ck_assert_int_eq(ops->elapsed(dev, queue, 399, 401, &ns, &st), -EINVAL);
	fake->hold = true;
	ck_assert_int_eq(ops->signal(dev, queue, &value, &st), 0);
	ck_assert_int_eq(ops->elapsed(dev, queue, 400, 401, &ns, &st), -AIOS_NOT_NOW);
	fake->hold = false;
	gpu_bed_close(&bed, dev, queue);
}
END_TEST

/* --- launches and graphs ----------------------------------------------------- */

START_TEST(test_launch)
{
	struct aios_op_support yes = { .size = sizeof(yes) };
	struct aios_status st = { 0 };
	void *dev = gpu_bed_open(&bed), *queue = gpu_bed_queue(&bed, dev);
	struct aios_op_add op;
	struct aios_mem m;

	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 4096, &m, &st), 0);
	op = gpu_bed_add(m.addr, 4, 64);
	ck_assert_int_eq(ops->query_op(dev, &op.op, &yes), 0);
	ck_assert_uint_eq(yes.level, AIOS_SUPPORT_EXACT);
	ck_assert_int_eq(ops->launch(dev, queue, &op.op, &st), 0);
	ck_assert_uint_eq(fake->launches, 1);
	ck_assert_str_eq(fake->last_kernel, "gpu_add");
	op.a.rows = op.b.rows = op.out.rows = 0;
	ck_assert_int_eq(ops->launch(dev, queue, &op.op, &st), 0);
	op.op.size = 8;
	ck_assert_int_eq(ops->launch(dev, queue, &op.op, &st), -ENOTSUP);
	ck_assert_uint_eq(fake->launches, 1);
	ops->mem_free(dev, &m);
	gpu_bed_close(&bed, dev, queue);
}
END_TEST

/* Launch; how many launches of the op may begin before what is ahead of them has ended. */
static uint64_t cu_overlapped(void *dev, void *queue, const struct aios_op *op)
{
	uint64_t before = fake->overlapped;
	struct aios_status st = { 0 };

	ck_assert_msg(ops->launch(dev, queue, op, &st) == 0, "%s", st.message);
	return fake->overlapped - before;
}

/* A norm of 4 rows at `at` whose weights are at `weight`. */
static struct aios_op_rmsnorm cu_norm(aios_addr at, aios_addr weight)
{
	struct aios_op_add add = gpu_bed_add(at, 4, 64);
	struct aios_op_rmsnorm op = {
		.op = AIOS_OP_INIT(struct aios_op_rmsnorm, AIOS_OP_RMSNORM),
		.eps = 1e-6f,
		.x = add.a,
		.weight = weight,
		.weight_dtype = AIOS_F32,
		.out = add.b,
	};

	return op;
}

/* Launches overlap with launches, but not with copies, and not when they fetch ahead what changes. */
START_TEST(test_overlap)
{
	struct aios_status st = { 0 };
	void *dev = gpu_bed_open(&bed), *queue = gpu_bed_queue(&bed, dev), *graph = NULL;
	struct aios_op_rmsnorm other, same;
	struct aios_op_add add;
	struct aios_mem m;

	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 65536, &m, &st), 0);
	add = gpu_bed_add(m.addr, 4, 64);
	other = cu_norm(m.addr + 8192, m.addr + 16384);
	same = cu_norm(m.addr + 8192, add.out.data + 768);
	ck_assert_uint_eq(cu_overlapped(dev, queue, &add.op), 0);
	ck_assert_uint_eq(cu_overlapped(dev, queue, &add.op), 1);
	ck_assert_uint_eq(cu_overlapped(dev, queue, &other.op), 1);
	ck_assert_uint_eq(cu_overlapped(dev, queue, &same.op), 0);
	ck_assert_uint_eq(cu_overlapped(dev, queue, &same.op), 1);
	ck_assert_int_eq(ops->fill(dev, queue, m.addr, 0, 64, &st), 0);
	ck_assert_uint_eq(cu_overlapped(dev, queue, &add.op), 0);
	ck_assert_int_eq(ops->graph_begin(dev, queue, &st), 0);
	ck_assert_uint_eq(cu_overlapped(dev, queue, &add.op), 0);
	ck_assert_uint_eq(cu_overlapped(dev, queue, &add.op), 1);
	ck_assert_int_eq(ops->graph_end(dev, queue, &graph, &st), 0);
	ck_assert_uint_eq(cu_overlapped(dev, queue, &add.op), 0);
	ck_assert_int_eq(ops->graph_launch(dev, queue, graph, &st), 0);
	ck_assert_uint_eq(cu_overlapped(dev, queue, &add.op), 0);
	ops->graph_destroy(dev, graph);
	ops->mem_free(dev, &m);
	gpu_bed_close(&bed, dev, queue);
}
END_TEST

/* Older GPUs: as ever, one launch after the other. */
START_TEST(test_overlap_where)
{
	struct aios_status st = { 0 };
	void *dev, *queue, *graph = NULL;
	struct aios_op_add add;
	struct aios_mem m;
	int round;

	for (round = 0; round < 2; round++) {
		fake->major = round ? 9 : 8;
		dev = gpu_bed_open(&bed);
		queue = gpu_bed_queue(&bed, dev);
		ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 4096, &m, &st), 0);
		add = gpu_bed_add(m.addr, 4, 64);
		ck_assert_uint_eq(cu_overlapped(dev, queue, &add.op), 0);
		ck_assert_uint_eq(cu_overlapped(dev, queue, &add.op), (uint64_t)round);
		ck_assert_int_eq(ops->graph_begin(dev, queue, &st), 0);
		ck_assert_uint_eq(cu_overlapped(dev, queue, &add.op), 0);
		ck_assert_uint_eq(cu_overlapped(dev, queue, &add.op), (uint64_t)round);
		ck_assert_int_eq(ops->graph_end(dev, queue, &graph, &st), 0);
		ops->graph_destroy(dev, graph);
		ops->mem_free(dev, &m);
		gpu_bed_close(&bed, dev, queue);
	}
}
END_TEST

/* Decode of two sequences with 4 heads of 64 over pages of 16 keys, all at `at` (1 MiB). */
struct cu_pair {
	struct aios_op_rope_kv rope;
	struct aios_op_attention attention;
};

static struct cu_pair cu_rope_attention(aios_addr at)
{
	struct aios_batch batch = { .n_tokens = 2,
				    .n_seqs = 2,
				    .max_blocks = 4,
				    .max_q = 1,
				    .max_kv = 64,
				    .positions = at,
				    .seq_ids = at + 256,
				    .seq_start = at + 512,
				    .seq_len = at + 768,
				    .block_table = at + 1024 };
	struct aios_kv_layer kv = { .k = at + 65536,
				    .v = at + 2 * 65536,
				    .dtype = AIOS_BF16,
				    .n_pages = 8,
				    .page_size = 16,
				    .n_kv_heads = 2,
				    .head_dim = 64 };
	struct aios_tensor q = {
		.data = at + 4096, .dtype = AIOS_BF16, .rows = 2, .cols = 256, .row_bytes = 512
	};
	struct cu_pair p = {
		.rope = { .op = AIOS_OP_INIT(struct aios_op_rope_kv, AIOS_OP_ROPE_KV),
			  .batch = batch,
			  .kv = kv,
			  .qkv = { .data = at + 8192,
				   .dtype = AIOS_BF16,
				   .rows = 2,
				   .cols = 512,
				   .row_bytes = 1024 },
			  .q = q,
			  .n_heads = 4,
			  .rot_dim = 64,
			  .cos = at + 16384,
			  .sin = at + 32768,
			  .table_rows = 64 },
		.attention = { .op = AIOS_OP_INIT(struct aios_op_attention, AIOS_OP_ATTENTION),
			       .n_heads = 4,
			       .batch = batch,
			       .kv = kv,
			       .q = q,
			       .out = q,
			       .scale = 0.125f,
			       .scale_log2 = 0.18f,
			       .chunk = 512 },
	};

	p.attention.out.data = at + 12288;
	return p;
}

/* How many launches a call has made so far, and that the last is of this kernel. */
static uint64_t cu_launched(const char *kernel)
{
	ck_assert_msg(strncmp(fake->last_kernel, kernel, strlen(kernel)) == 0, "%s, expected %s...",
		      fake->last_kernel, kernel);
	return fake->launches;
}

/* Two ops become one launch; what is held back comes before whatever follows it. */
START_TEST(test_fuse)
{
	struct aios_status st = { 0 };
	void *dev = gpu_bed_open(&bed), *queue = gpu_bed_queue(&bed, dev), *graph = NULL;
	struct aios_mem m;
	struct cu_pair p;
	struct aios_op_add add;
	uint64_t value;

	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, MIB, &m, &st), 0);
	p = cu_rope_attention(m.addr);
	add = gpu_bed_add(m.addr + MIB / 2, 4, 64);
	ck_assert_msg(ops->launch(dev, queue, &p.rope.op, &st) == 0, "%s", st.message);
	ck_assert_uint_eq(fake->launches, 0);
	ck_assert_msg(ops->launch(dev, queue, &p.attention.op, &st) == 0, "%s", st.message);
	ck_assert_uint_eq(cu_launched("gpu_rope_attention"), 1);
	/* not a pair */
	ck_assert_int_eq(ops->launch(dev, queue, &p.rope.op, &st), 0);
	ck_assert_int_eq(ops->launch(dev, queue, &add.op, &st), 0);
	ck_assert_uint_eq(cu_launched("gpu_add"), 3);
	/* the same op twice, then a signal, a copy, quiesce */
	ck_assert_int_eq(ops->launch(dev, queue, &p.rope.op, &st), 0);
	ck_assert_int_eq(ops->launch(dev, queue, &p.rope.op, &st), 0);
	ck_assert_uint_eq(cu_launched("gpu_rope_kv"), 4);
	ck_assert_int_eq(ops->signal(dev, queue, &value, &st), 0);
	ck_assert_uint_eq(cu_launched("gpu_rope_kv"), 5);
	ck_assert_int_eq(ops->launch(dev, queue, &p.rope.op, &st), 0);
	ck_assert_int_eq(ops->fill(dev, queue, m.addr, 0, 64, &st), 0);
	ck_assert_uint_eq(fake->launches, 6);
	ck_assert_int_eq(ops->launch(dev, queue, &p.rope.op, &st), 0);
	ck_assert_int_eq(ops->quiesce(dev, gpu_bed_deadline(1), &st), 0);
	ck_assert_uint_eq(fake->launches, 7);
	/* what came before a capture is not in it, what came last in it is */
	ck_assert_int_eq(ops->launch(dev, queue, &p.rope.op, &st), 0);
	ck_assert_int_eq(ops->graph_begin(dev, queue, &st), 0);
	ck_assert_uint_eq(fake->launches, 8);
	ck_assert_int_eq(ops->launch(dev, queue, &p.attention.op, &st), 0);
	ck_assert_uint_eq(cu_launched("gpu_attention_decode"), 9);
	ck_assert_int_eq(ops->launch(dev, queue, &p.rope.op, &st), 0);
	ck_assert_int_eq(ops->graph_end(dev, queue, &graph, &st), 0);
	ck_assert_uint_eq(cu_launched("gpu_rope_kv"), 10);
	ck_assert_int_eq(ops->launch(dev, queue, &p.attention.op, &st), 0);
	ck_assert_uint_eq(cu_launched("gpu_attention_decode"), 11);
	ck_assert_int_eq(ops->launch(dev, queue, &p.rope.op, &st), 0);
	ck_assert_int_eq(ops->graph_launch(dev, queue, graph, &st), 0);
	ck_assert_uint_eq(fake->launches, 12);
	/* a queue that goes with an op held back */
	ck_assert_int_eq(ops->launch(dev, queue, &p.rope.op, &st), 0);
	ops->graph_destroy(dev, graph);
	ops->queue_destroy(dev, queue);
	ck_assert_uint_eq(cu_launched("gpu_rope_kv"), 13);
	ops->mem_free(dev, &m);
	gpu_bed_close(&bed, dev, NULL);
}
END_TEST

/* The device goes while an op is held back: the next call says so, and nothing is left. */
START_TEST(test_fuse_loss)
{
	struct aios_status st = { 0 };
	void *dev = gpu_bed_open(&bed), *queue = gpu_bed_queue(&bed, dev);
	struct aios_mem m;
	struct cu_pair p;

	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, MIB, &m, &st), 0);
	p = cu_rope_attention(m.addr);
	ck_assert_int_eq(ops->launch(dev, queue, &p.rope.op, &st), 0);
	gpu_bed_lose(&bed);
	ck_assert_int_eq(ops->launch(dev, queue, &p.attention.op, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(ops->launch(dev, queue, &p.rope.op, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(ops->reset(dev, &st), 0);
	ck_assert_int_eq(ops->launch(dev, queue, &p.attention.op, &st), -AIOS_DEVICE_LOST);
	ck_assert_uint_eq(fake->launches, 0);
	ops->mem_free(dev, &m);
	gpu_bed_close(&bed, dev, queue);
}
END_TEST

START_TEST(test_graph_copies)
{
	unsigned char data[64], got[64] = { 0 };
	struct aios_status st = { 0 };
	void *dev = gpu_bed_open(&bed), *queue = gpu_bed_queue(&bed, dev), *graph = NULL;
	struct aios_mem m, pinned;
	uint64_t value;

	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 64, &m, &st), 0);
	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_MAPPED, 64, &pinned, &st), 0);
	memset(data, 1, 64);
	ck_assert_int_eq(ops->graph_end(dev, queue, &graph, &st), -EINVAL);
	ck_assert_int_eq(ops->graph_begin(dev, queue, &st), 0);
	ck_assert_int_eq(ops->graph_begin(dev, queue, &st), -EBUSY);
	ck_assert_int_eq(ops->signal(dev, queue, &value, &st), -EINVAL);
	ck_assert_int_eq(
		ops->copy(dev, queue, AIOS_COPY_TO_DEVICE, m.addr, (uintptr_t)data, 32, &st), 0);
	ck_assert_int_eq(ops->copy(dev, queue, AIOS_COPY_TO_DEVICE, m.addr + 32,
				   (uintptr_t)pinned.host, 32, &st),
			 0);
	ck_assert_int_eq(ops->copy(dev, queue, AIOS_COPY_TO_HOST, (uintptr_t)got, m.addr, 64, &st),
			 0);
	ck_assert_int_eq(ops->graph_end(dev, queue, &graph, &st), 0);
	ck_assert_uint_eq(got[0], 0); /* nothing ran */
	memset(data, 9, 64);
	memset(pinned.host, 5, 64);
	ck_assert_int_eq(ops->graph_launch(dev, queue, graph, &st), 0);
	ck_assert_int_eq(gpu_bed_finish(&bed, dev, queue, &st), 0);
	ck_assert(got[0] == 1 && got[31] == 1 && got[32] == 5);
	memset(pinned.host, 6, 64);
	ck_assert_int_eq(ops->graph_launch(dev, queue, graph, &st), 0);
	ck_assert_int_eq(gpu_bed_finish(&bed, dev, queue, &st), 0);
	ck_assert(got[0] == 1 && got[63] == 6);
	ops->graph_destroy(dev, graph);
	ck_assert_int_eq(ops->graph_begin(dev, queue, &st),
			 0); /* a queue may go while it captures */
	ops->mem_free(dev, &pinned);
	ops->mem_free(dev, &m);
	gpu_bed_close(&bed, dev, queue);
}
END_TEST

/* --- failures ---------------------------------------------------------------- */

START_TEST(test_loss)
{
	struct aios_status st = { 0 };
	void *dev = gpu_bed_open(&bed), *old = gpu_bed_queue(&bed, dev), *queue, *graph = NULL;
	struct aios_mem m, pinned, again;
	struct aios_op_add op;
	uint64_t value = 0;

	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 4096, &m, &st), 0);
	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_PINNED, 4096, &pinned, &st), 0);
	op = gpu_bed_add(m.addr, 4, 64);
	ck_assert_int_eq(ops->graph_begin(dev, old, &st), 0);
	ck_assert_int_eq(ops->launch(dev, old, &op.op, &st), 0);
	ck_assert_int_eq(ops->graph_end(dev, old, &graph, &st), 0);
	ck_assert_int_eq(ops->signal(dev, old, &value, &st), 0);
	gpu_bed_lose(&bed);
	ck_assert_int_eq(ops->wait(dev, old, value, gpu_bed_deadline(1), &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(st.vendor, 700);
	ck_assert_msg(strstr(st.message, "ILLEGAL_ADDRESS"), "%s", st.message);
	ck_assert_int_eq(ops->launch(dev, old, &op.op, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(ops->signal(dev, old, &value, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 1, &again, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(ops->quiesce(dev, gpu_bed_deadline(1), &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(ops->graph_launch(dev, old, graph, &st), -AIOS_DEVICE_LOST);

	ck_assert_msg(ops->reset(dev, &st) == 0, "%s", st.message);
	ck_assert_int_eq(ops->signal(dev, old, &value, &st), -AIOS_DEVICE_LOST);
	ck_assert_msg(strstr(st.message, "before the device was reset"), "%s", st.message);
	ops->mem_free(dev, &m); /* what is from before can be given back, and does nothing */
	ops->mem_free(dev, &pinned);
	ops->graph_destroy(dev, graph);
	ops->queue_destroy(dev, old);
	queue = gpu_bed_queue(&bed, dev);
	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 4096, &m, &st), 0);
	op = gpu_bed_add(m.addr, 4, 64);
	ck_assert_int_eq(ops->launch(dev, queue, &op.op, &st), 0);
	ck_assert_int_eq(gpu_bed_finish(&bed, dev, queue, &st), 0);
	ops->mem_free(dev, &m);
	gpu_bed_close(&bed, dev, queue);
}
END_TEST

/* What an illegal address does to a real process: nothing brings the device back, and all ends well. */
START_TEST(test_loss_for_good)
{
	struct aios_status st = { 0 };
	void *dev = gpu_bed_open(&bed), *queue = gpu_bed_queue(&bed, dev), *other;
	struct aios_mem m;
	uint64_t value;

	ck_assert_int_eq(ops->mem_alloc(dev, AIOS_HEAP_DEVICE, 4096, &m, &st), 0);
	gpu_bed_lose(&bed);
	fake->forever = true;
	ck_assert_int_eq(ops->signal(dev, queue, &value, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(ops->reset(dev, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(st.vendor, 700);
	ck_assert_msg(strstr(st.message, "new process"), "%s", st.message);
	ck_assert_int_eq(ops->reset(dev, &st), -AIOS_DEVICE_LOST);
	ck_assert_int_eq(ops->queue_create(dev, &other, &st), -AIOS_DEVICE_LOST);
	ops->mem_free(dev, &m);
	gpu_bed_close(&bed, dev, queue);
}
END_TEST

/* A bit of everything. */
static int cu_work(const struct gpu_bed *b, void *dev, void *queue, aios_addr at,
		   struct aios_status *st)
{
	struct aios_op_add op = gpu_bed_add(at, 4, 64);
	unsigned char data[64] = { 1 }, got[64];
	void *graph = NULL;
	int ret;

	ret = ops->copy(dev, queue, AIOS_COPY_TO_DEVICE, at, (uintptr_t)data, 64, st);
	if (ret == 0)
		ret = ops->graph_begin(dev, queue, st);
	if (ret == 0)
		ret = ops->launch(dev, queue, &op.op, st);
	if (ret == 0)
		ret = ops->copy(dev, queue, AIOS_COPY_TO_DEVICE, at, (uintptr_t)data, 64, st);
	if (ret == 0)
		ret = ops->graph_end(dev, queue, &graph, st);
	if (ret == 0)
		ret = ops->graph_launch(dev, queue, graph, st);
	if (ret == 0)
		ret = ops->copy(dev, queue, AIOS_COPY_TO_HOST, (uintptr_t)got, at, 64, st);
	if (ret == 0)
		ret = gpu_bed_finish(b, dev, queue, st);
	ops->graph_destroy(dev, graph);
	return ret;
}

START_TEST(test_nth_call_fails)
{
	bed.work = cu_work;
	gpu_bed_sweep(&bed, 2, false);
	gpu_bed_sweep(&bed, 1, false);
}
END_TEST

START_TEST(test_nth_call_loses_device)
{
	bed.work = cu_work;
	gpu_bed_sweep(&bed, 700, true);
}
END_TEST

Suite *test_cuda_suite(void);

Suite *test_cuda_suite(void)
{
	Suite *s = suite_create("cuda");
	TCase *tc = tcase_create("cuda");

	tcase_add_checked_fixture(tc, cu_setup, NULL);
	tcase_add_test(tc, test_probe_devices);
	tcase_add_test(tc, test_probe_reasons);
	tcase_add_test(tc, test_probe_architectures);
	tcase_add_test(tc, test_exhausted);
	tcase_add_test(tc, test_pinned_limit);
	tcase_add_test(tc, test_copy_large);
	tcase_add_test(tc, test_copy_later);
	tcase_add_test(tc, test_deadlines);
	tcase_add_test(tc, test_elapsed);
	tcase_add_test(tc, test_launch);
	tcase_add_test(tc, test_overlap);
	tcase_add_test(tc, test_overlap_where);
	tcase_add_test(tc, test_fuse);
	tcase_add_test(tc, test_fuse_loss);
	tcase_add_test(tc, test_graph_copies);
	tcase_add_test(tc, test_loss);
	tcase_add_test(tc, test_loss_for_good);
	tcase_add_test(tc, test_nth_call_fails);
	tcase_add_test(tc, test_nth_call_loses_device);
	suite_add_tcase(s, tc);
	return s;
}
