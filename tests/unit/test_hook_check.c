// SPDX-License-Identifier: Apache-2.0
/* test_hook_check.c - the hook check finds each kind of misuse, and nothing in what is right. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hook_bed.h"

#include "core/lib/clock.h"

Suite *test_hook_check_suite(void);

static bool begin(struct bed *b, const char *args)
{
	if (!bed_open(b))
		return false;
	ck_assert_msg(bed_hook(b, "check", args) == 0, "%s", b->st.message);
	bed_queue(b);
	return true;
}

/* The call was refused, and the log says why, once. */
static void refused(struct bed *b, int rc, const char *why)
{
	ck_assert_msg(rc == -EINVAL, "%d instead of -EINVAL (%s)", rc, why);
	ck_assert_msg(strstr(b->st.message, why) != NULL, "'%s' is not in '%s'", why,
		      b->st.message);
	ck_assert_msg(bed_says(b, why) == 1, "'%s' %u times in\n%s", why, bed_says(b, why), b->log);
}

/* The end of a bed with `n` violations in its log. */
static void end(struct bed *b, unsigned n)
{
	char total[32];

	bed_close(b);
	snprintf(total, sizeof(total), "checked, %u violations", n);
	ck_assert_msg(bed_says(b, total) == 1, "not '%s' in\n%s", total, b->log);
}

START_TEST(right_is_right)
{
	struct aios_op_rope_kv rope;
	struct aios_op_attention attention;
	struct aios_op_matmul matmul;
	struct aios_op_add add = { .op = AIOS_OP_INIT(struct aios_op_add, AIOS_OP_ADD) };
	struct bed_cache cache;
	uint64_t bytes = 0;
	struct bed b;

	if (!begin(&b, "deep"))
		return;
	matmul = bed_matmul(&b, 5, 12, 32);
	ck_assert_msg(bed_launch(&b, &matmul.op) == 0, "%s", b.st.message);
	/* in place, exactly */
	matmul.residual = matmul.out;
	ck_assert_msg(bed_launch(&b, &matmul.op) == 0, "%s", b.st.message);
	add.a = add.b = add.out = matmul.out;
	add.b = bed_tensor(&b, AIOS_F32, 5, 12, 4);
	ck_assert_msg(bed_launch(&b, &add.op) == 0, "%s", b.st.message);
	cache = bed_cache(&b, 7, 3, 4, 4);
	rope = bed_rope_kv(&b, &cache);
	attention = bed_attention(&b, &cache);
	ck_assert_msg(bed_launch(&b, &rope.op) == 0, "%s", b.st.message);
	ck_assert_msg(bed_launch(&b, &attention.op) == 0, "%s", b.st.message);
	/* what the device below lacks, the hook lacks */
	ck_assert_int_eq(bed_ops(&b)->weight_layout(bed_dev(&b), 0, &matmul.w, &bytes, &b.st),
			 -ENOSYS);
	ck_assert_int_eq(bed_ops(&b)->reset(bed_dev(&b), &b.st), -ENOSYS);
	end(&b, 0);
}
END_TEST

START_TEST(allocations)
{
	struct aios_op_matmul good, op;
	struct aios_mem mem, copy, pinned, imported;
	static uint8_t page[8192] __attribute__((aligned(4096)));
	struct bed b;

	if (!begin(&b, ""))
		return;
	good = bed_matmul(&b, 4, 16, 32);
	bed_sync(&b);

	ck_assert_int_eq(bed_ops(&b)->mem_alloc(bed_dev(&b), AIOS_HEAP_DEVICE, 4096, &mem, &b.st),
			 0);
	copy = mem;
	bed_ops(&b)->mem_free(bed_dev(&b), &copy);
	op = good;
	op.x.data = mem.addr;
	refused(&b, bed_launch(&b, &op.op), "x at 0x");
	ck_assert_uint_eq(bed_says(&b, "is used after free: it was in allocation 4 (call 7, 4096 "
				       "bytes, device heap), freed by call 8"),
			  1);
	copy = mem;
	bed_ops(&b)->mem_free(bed_dev(&b), &copy);
	ck_assert_uint_eq(bed_says(&b, "freed twice"), 1);

	op = good;
	op.out.rows = op.x.rows = 5;
	refused(&b, bed_launch(&b, &op.op), "x: 320 bytes from byte 0 on run 64 past the end of");
	op = good;
	op.x.data += 8;
	op.x.rows = op.out.rows = 3;
	refused(&b, bed_launch(&b, &op.op), "is not aligned to 16 bytes");
	op = good;
	op.w.data = 1u << 20;
	refused(&b, bed_launch(&b, &op.op), "w at 0x100000 is in no allocation");
	op = good;
	op.w.data = 0;
	refused(&b, bed_launch(&b, &op.op), "w has no address");

	ck_assert_int_eq(
		bed_ops(&b)->mem_alloc(bed_dev(&b), AIOS_HEAP_PINNED, 4096, &pinned, &b.st), 0);
	op = good;
	op.x.data = pinned.addr;
	refused(&b, bed_launch(&b, &op.op), "that is host memory, for copies");
	bed_ops(&b)->mem_free(bed_dev(&b), &pinned);

	ck_assert_int_eq(bed_ops(&b)->mem_import(bed_dev(&b), page, sizeof(page), &imported, &b.st),
			 0);
	op = good;
	op.out.data = imported.addr;
	refused(&b, bed_launch(&b, &op.op), "which is read only");
	bed_ops(&b)->mem_free(bed_dev(&b), &imported);

	refused(&b, bed_ops(&b)->mem_alloc(bed_dev(&b), 7, 16, &mem, &b.st), "there is no heap 7");
	refused(&b, bed_ops(&b)->mem_alloc(bed_dev(&b), 0, 0, &mem, &b.st),
		"an allocation of 0 bytes");
	end(&b, 11);
}
END_TEST

START_TEST(descriptors)
{
	struct aios_op_matmul good, op;
	struct aios_op_add add = { .op = AIOS_OP_INIT(struct aios_op_add, AIOS_OP_ADD) };
	struct aios_op strange = { .size = sizeof(strange), .type = 77 };
	struct bed b;

	if (!begin(&b, ""))
		return;
	good = bed_matmul(&b, 4, 16, 32);

	refused(&b, bed_launch(&b, &strange), "type 77");
	op = good;
	op.op.size -= 8;
	refused(&b, bed_launch(&b, &op.op), "type 3 with");
	op = good;
	op.op.flags = 4;
	refused(&b, bed_launch(&b, &op.op), "flags are 0x4");
	op = good;
	op.x.dtype = op.w.dtype = AIOS_I32;
	refused(&b, bed_launch(&b, &op.op), "as the profile wants");
	op = good;
	op.out.dtype = AIOS_I32;
	refused(&b, bed_launch(&b, &op.op), "out is of type i32");
	op = good;
	op.x.row_bytes = 48;
	refused(&b, bed_launch(&b, &op.op), "x.row_bytes is 48");
	op = good;
	op.x.row_bytes = 72;
	refused(&b, bed_launch(&b, &op.op), "x.row_bytes is 72");
	op = good;
	op.x.scale = good.w.data;
	refused(&b, bed_launch(&b, &op.op), "x has a scale");
	op = good;
	op.out.layout = AIOS_LAYOUT_DRIVER;
	refused(&b, bed_launch(&b, &op.op), "out has layout 256");
	op = good;
	op.w.rows = 8;
	refused(&b, bed_launch(&b, &op.op), "w has not as many rows as out has columns");
	op = good;
	op.segments = 3;
	refused(&b, bed_launch(&b, &op.op), "segments is not a power of two");

	/* overlaps */
	op = good;
	op.out.data = op.x.data;
	op.out.rows = op.x.rows = 1;
	refused(&b, bed_launch(&b, &op.op), "out (0x");
	op = good;
	op.residual = op.out;
	op.out.data += 64;
	op.out.rows = op.residual.rows = op.x.rows = 3;
	refused(&b, bed_launch(&b, &op.op), "in place means exactly the same memory");
	add.a = add.out = good.out;
	add.b = good.out;
	refused(&b, bed_launch(&b, &add.op), "overlaps b (0x");
	/* columns of the same rows, side by side, do not overlap */
	add.a = add.b = add.out = good.out;
	add.a.cols = add.b.cols = add.out.cols = 4;
	add.b.data += 16;
	add.out.data += 32;
	ck_assert_msg(bed_launch(&b, &add.op) == 0, "%s", b.st.message);
	end(&b, 18);
}
END_TEST

START_TEST(support_and_scratch)
{
	struct bed_cache cache;
	struct aios_op_attention op;
	struct aios_op_support answer = { .size = sizeof(answer) };
	struct bed b;

	if (!begin(&b, ""))
		return;
	cache = bed_cache(&b, 4, 0, 2, 4);
	op = bed_attention(&b, &cache);
	op.out = bed_tensor(&b, AIOS_BF16, 4, 128, 1);
	op.out.dtype = AIOS_I8;
	op.out.scale = bed_alloc(&b, 16, 0);
	ck_assert_int_eq(bed_ops(&b)->query_op(bed_dev(&b), &op.op, &answer), 0);
	ck_assert_uint_gt(answer.scratch_bytes, 0);
	refused(&b, bed_launch(&b, &op.op), "scratch has 0 bytes, query_op asked for");
	op.scratch.bytes = answer.scratch_bytes;
	op.scratch.data = bed_alloc(&b, answer.scratch_bytes, 0);
	ck_assert_msg(bed_launch(&b, &op.op) == 0, "%s", b.st.message);
	op.scratch.data = op.q.data;
	refused(&b, bed_launch(&b, &op.op), "scratch: 2048 bytes from byte 0 on run 1024 past");
	ck_assert_uint_eq(bed_says(&b, "overlaps q (0x"), 1);

	/* cpu-ref has no head_dim that is no multiple of 8 */
	cache.kv.head_dim = 12;
	op = bed_attention(&b, &cache);
	op.q.cols = op.out.cols = 48;
	refused(&b, bed_launch(&b, &op.op), "launched though query_op says no: head_dim is 12");
	bed_close(&b); /* the scratch may have run over more than q */
}
END_TEST

START_TEST(copies)
{
	struct aios_mem pinned;
	uint8_t host[256] = { 0 };
	uint64_t at = (uint64_t)(uintptr_t)host;
	aios_addr addr;
	void *dev;
	struct bed b;

	if (!begin(&b, ""))
		return;
	dev = bed_dev(&b);
	addr = bed_alloc(&b, 256, 0);
	ck_assert_int_eq(bed_ops(&b)->copy(dev, b.queue, AIOS_COPY_TO_DEVICE, addr, at, 256, &b.st),
			 0);
	refused(&b, bed_ops(&b)->copy(dev, b.queue, AIOS_COPY_TO_DEVICE, addr + 1, at, 256, &b.st),
		"the destination: 256 bytes from byte 1 on run 1 past the end");
	refused(&b, bed_ops(&b)->copy(dev, b.queue, AIOS_COPY_TO_HOST, at, addr + 255, 2, &b.st),
		"the source: 2 bytes from byte 255");
	refused(&b, bed_ops(&b)->copy(dev, b.queue, AIOS_COPY_TO_HOST, 0, addr, 2, &b.st),
		"the host's side of the copy is NULL");
	refused(&b, bed_ops(&b)->copy(dev, b.queue, 3, addr, addr, 2, &b.st),
		"there is no copy direction 3");
	refused(&b,
		bed_ops(&b)->copy(dev, b.queue, AIOS_COPY_ON_DEVICE, addr, addr + 64, 128, &b.st),
		"overlap over 128 bytes");
	refused(&b, bed_ops(&b)->fill(dev, b.queue, addr, 0, 257, &b.st),
		"257 bytes from byte 0 on run 1 past");
	ck_assert_int_eq(bed_ops(&b)->mem_alloc(dev, AIOS_HEAP_PINNED, 64, &pinned, &b.st), 0);
	refused(&b,
		bed_ops(&b)->copy(dev, b.queue, AIOS_COPY_TO_DEVICE, addr,
				  (uint64_t)(uintptr_t)pinned.host + 32, 33, &b.st),
		"the host's side: 33 bytes from byte 32 on run past");
	/* pinned memory is busy until the copy is done */
	ck_assert_int_eq(bed_ops(&b)->copy(dev, b.queue, AIOS_COPY_TO_DEVICE, addr,
					   (uint64_t)(uintptr_t)pinned.host, 64, &b.st),
			 0);
	bed_ops(&b)->mem_free(dev, &pinned);
	ck_assert_uint_eq(bed_says(&b, "is freed while work"), 1);
	end(&b, 9);
}
END_TEST

START_TEST(queues)
{
	struct aios_op_matmul op;
	struct bed b, other;
	uint64_t value = 0;
	void *second;

	if (!begin(&b, "") || !begin(&other, ""))
		return;
	op = bed_matmul(&b, 4, 16, 32);
	refused(&b, bed_ops(&b)->launch(bed_dev(&b), other.queue, &op.op, &b.st),
		"is not a queue of this device");
	refused(&b, bed_ops(&b)->wait(bed_dev(&b), b.queue, 1, 0, &b.st),
		"value 1 was never signalled");
	ck_assert_int_eq(bed_ops(&b)->signal(bed_dev(&b), b.queue, &value, &b.st), 0);
	refused(&b, bed_ops(&b)->wait(bed_dev(&b), b.queue, value + 1, 0, &b.st),
		"value 2 was never signalled");
	ck_assert_int_eq(bed_ops(&b)->queue_create(bed_dev(&b), &second, &b.st), 0);
	refused(&b, bed_ops(&b)->queue_wait(bed_dev(&b), b.queue, second, 9, &b.st),
		"value 9 was never signalled");
	ck_assert_int_eq(bed_ops(&b)->launch(bed_dev(&b), second, &op.op, &b.st), 0);
	bed_ops(&b)->queue_destroy(bed_dev(&b), second);
	ck_assert_uint_eq(bed_says(&b, "queue 2 is destroyed with work 1 to 1 pending"), 1);
	refused(&b, bed_ops(&b)->signal(bed_dev(&b), second, &value, &b.st), "(signal): queue 0x");
	end(&other, 0);
	bed_close(&b);
	ck_assert_uint_eq(bed_says(&b, "checked, 6 violations"), 1);
}
END_TEST

START_TEST(fences)
{
	struct aios_op_matmul op, reader;
	uint64_t value = 0;
	void *second;
	struct bed b;

	if (!begin(&b, ""))
		return;
	op = bed_matmul(&b, 4, 16, 32);
	reader = bed_matmul(&b, 4, 16, 32);
	ck_assert_int_eq(bed_ops(&b)->queue_create(bed_dev(&b), &second, &b.st), 0);
	reader.residual = op.out;

	/* both read: fine; one writes what the other reads: not */
	reader.x = op.x;
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	aios_status_clear(&b.st);
	refused(&b, bed_ops(&b)->launch(bed_dev(&b), second, &reader.op, &b.st),
		"with no fence between them");
	ck_assert_ptr_nonnull(strstr(b.st.message, "residual at 0x"));

	/* ordered by the other queue's signal */
	ck_assert_int_eq(bed_ops(&b)->signal(bed_dev(&b), b.queue, &value, &b.st), 0);
	ck_assert_int_eq(bed_ops(&b)->queue_wait(bed_dev(&b), second, b.queue, value, &b.st), 0);
	ck_assert_msg(bed_ops(&b)->launch(bed_dev(&b), second, &reader.op, &b.st) == 0, "%s",
		      b.st.message);
	/* the first queue must not write again before the second has read */
	ck_assert_int_eq(bed_launch(&b, &op.op), -EINVAL);
	/* ordered by the host */
	ck_assert_int_eq(bed_ops(&b)->signal(bed_dev(&b), second, &value, &b.st), 0);
	ck_assert_int_eq(
		bed_ops(&b)->wait(bed_dev(&b), second, value, clock_ns() + 1000000000u, &b.st), 0);
	ck_assert_msg(bed_launch(&b, &op.op) == 0, "%s", b.st.message);
	bed_sync(&b);
	bed_ops(&b)->queue_destroy(bed_dev(&b), second);
	end(&b, 2);
}
END_TEST

START_TEST(the_end)
{
	struct aios_op_matmul op;
	struct aios_mem mem;
	struct bed b;
	void *queue;

	if (!begin(&b, ""))
		return;
	op = bed_matmul(&b, 4, 16, 32);
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	/* freed, and closed, with the launch pending */
	mem = b.bufs[0];
	bed_ops(&b)->mem_free(bed_dev(&b), &mem);
	ck_assert_uint_eq(bed_says(&b, "is freed while work 1 of queue 1 may use it"), 1);
	bed_ops(&b)->close(bed_dev(&b));
	ck_assert_uint_eq(bed_says(&b, "work is pending: quiesce the device"), 1);
	ck_assert_uint_eq(bed_says(&b, "queue 1 (call 1) was not destroyed"), 1);
	ck_assert_uint_eq(bed_says(&b, "allocation 2 (call 3, 1024 bytes, device heap) is leaked"),
			  1);
	ck_assert_uint_eq(bed_says(&b, "is leaked"), 2);
	ck_assert_uint_eq(bed_says(&b, "checked, 5 violations"), 1);

	/* What the hook let go of is still the device's. */
	free(b.layers[1].ops);
	b.n = 1;
	queue = b.queue;
	b.queue = NULL;
	b.bufs[0].addr = 0;
	b.layers[0].ops->queue_destroy(b.layers[0].dev, queue);
	bed_close(&b);
}
END_TEST

START_TEST(arrays)
{
	struct bed_cache cache;
	struct aios_op_attention op;
	struct aios_op_copy_pages pages = {
		.op = AIOS_OP_INIT(struct aios_op_copy_pages, AIOS_OP_COPY_PAGES), .n_pairs = 2
	};
	int32_t pairs[4] = { 0, 1, 1, 2 };
	struct bed b;

	if (!begin(&b, "deep"))
		return;
	cache = bed_cache(&b, 6, 0, 3, 4);
	op = bed_attention(&b, &cache);
	cache.table[1] = 3;
	refused(&b, bed_launch(&b, &op.op), "block 1 of sequence 0 is page 3, expected 0 to 2");
	cache.table[1] = 1;
	cache.positions[3] = 1;
	refused(&b, bed_launch(&b, &op.op), "position 1 after 2; expected ascending positions");
	cache.positions[3] = 17;
	refused(&b, bed_launch(&b, &op.op), "row 3 has position 17, but sequence 0 has 6 keys");
	cache.positions[3] = 3;
	ck_assert_msg(bed_launch(&b, &op.op) == 0, "%s", b.st.message);
	pages.kv = cache.kv;
	pages.pairs = bed_upload(&b, pairs, sizeof(pairs));
	refused(&b, bed_launch(&b, &pages.op), "pair 1 reads page 1, which another pair writes");
	end(&b, 4);
}
END_TEST

START_TEST(graphs)
{
	struct aios_op_matmul op;
	struct aios_mem mem;
	void *graph = NULL;
	struct bed b;

	if (!begin(&b, ""))
		return;
	op = bed_matmul(&b, 4, 16, 32);
	ck_assert_int_eq(bed_ops(&b)->mem_alloc(bed_dev(&b), AIOS_HEAP_DEVICE, 4096, &mem, &b.st),
			 0);
	op.x.data = mem.addr;
	memset(mem.host, 0, 4096);
	ck_assert_int_eq(bed_ops(&b)->graph_begin(bed_dev(&b), b.queue, &b.st), 0);
	ck_assert_int_eq(bed_launch(&b, &op.op), 0);
	ck_assert_int_eq(bed_ops(&b)->graph_end(bed_dev(&b), b.queue, &graph, &b.st), 0);
	ck_assert_int_eq(bed_ops(&b)->graph_launch(bed_dev(&b), b.queue, graph, &b.st), 0);
	/* a graph's work is pending like any other */
	bed_sync(&b);
	bed_ops(&b)->mem_free(bed_dev(&b), &mem);
	refused(&b, bed_ops(&b)->graph_launch(bed_dev(&b), b.queue, graph, &b.st),
		"memory of the graph at 0x");
	bed_ops(&b)->graph_destroy(bed_dev(&b), graph);
	refused(&b, bed_ops(&b)->graph_launch(bed_dev(&b), b.queue, graph, &b.st),
		"is no graph of this device");
	end(&b, 2);
}
END_TEST

static int askew(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
		 struct aios_status *st)
{
	static uint8_t bytes_of_it[4096] __attribute__((aligned(4096)));

	(void)dev, (void)heap, (void)st;
	*out = (struct aios_mem){ .addr = (aios_addr)(uintptr_t)bytes_of_it + 16, .bytes = bytes };
	return 0;
}

START_TEST(the_driver)
{
	struct aios_mem mem;
	struct bed b;

	if (!begin(&b, ""))
		return;
	b.layers[0].ops->mem_alloc = askew;
	refused(&b, bed_ops(&b)->mem_alloc(bed_dev(&b), 0, 64, &mem, &b.st),
		"the driver gave address 0x");
	end(&b, 1);
}
END_TEST

START_TEST(warnings)
{
	struct aios_op_matmul op;
	struct bed b;

	if (!begin(&b, "warn"))
		return;
	op = bed_matmul(&b, 4, 16, 32);
	op.x.scale = op.w.data; /* harmless, and wrong */
	ck_assert_msg(bed_launch(&b, &op.op) == 0, "%s", b.st.message);
	ck_assert_uint_eq(bed_says(&b, "x has a scale"), 1);
	end(&b, 1);
	ck_assert(bed_open(&b));
	ck_assert_int_eq(bed_hook(&b, "check", "loud"), -EINVAL);
	bed_close(&b);
}
END_TEST

Suite *test_hook_check_suite(void)
{
	Suite *s = suite_create("hook_check");
	TCase *tc = tcase_create("check");

	tcase_add_test(tc, right_is_right);
	tcase_add_test(tc, allocations);
	tcase_add_test(tc, descriptors);
	tcase_add_test(tc, support_and_scratch);
	tcase_add_test(tc, copies);
	tcase_add_test(tc, queues);
	tcase_add_test(tc, fences);
	tcase_add_test(tc, the_end);
	tcase_add_test(tc, arrays);
	tcase_add_test(tc, graphs);
	tcase_add_test(tc, the_driver);
	tcase_add_test(tc, warnings);
	suite_add_tcase(s, tc);
	return s;
}
